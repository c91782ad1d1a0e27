//! `data`: whether rows meet the rules of the project.

use smol_str::SmolStr;

use super::super::When;
use super::super::facts::GateFacts;
use super::super::section::{GateSection, Judge, Judgement, Judging};
use super::super::session::GateSession;
use crate::data::checks::{self, Check, CheckOptions, CheckResult};
use crate::error::{ErrorCode, Failure};
use crate::findings::Severity;
use crate::model::Effect;
use crate::postgres::connection::Session;
use crate::project::{GateLevel, SectionName};
use crate::text::plural;
use crate::workflow::data_checks;
use crate::workflow::reports::data_check::{self, DataCheckReport};

pub(in super::super) const SECTION: GateSection = GateSection {
    name: SectionName::Data,
    level: GateLevel::Block,
    help: "The data checks in checks/ find no wrong row. One of severity error that finds rows blocks, another one warns; one \
           that cannot see every row is no answer. One that does not fit the schema, and uses a name that a pending migration \
           brings, is asked after it. `trueup verify` shows the rows, `trueup verify --fix` repairs them.",
    judge: Judge::Rows(judge),
};

fn judge<'a>(facts: &'a GateFacts<'_>, session: &'a mut GateSession) -> Judging<'a> {
    Box::pin(async move {
        let settings = facts.settings;
        let checks = facts.checks.clone();
        if checks.is_empty() {
            return Ok(Judgement::ready("this project has no data checks"));
        }
        if let Some(failure) = facts.refused.as_ref().or(facts.database.as_ref().err()) {
            return Ok(Judgement::unknown(failure));
        }
        let target = facts.target.as_ref().map_err(Clone::clone)?;
        let application = settings.application();
        // All of them over the one connection, and no row leaves the database.
        let mut options = data_checks::options(settings, target, &application, 0, 1);
        options.limits.statement_timeout = options.limits.statement_timeout.min(session.deadline.share());
        options.limits.lock_timeout = options.limits.lock_timeout.min(session.deadline.lock_wait());
        options.scope = session.scope;
        let options: CheckOptions<'_> = options;
        let coming = coming(facts);
        let Answers { results, later } =
            session.lend(async move |session| ask(session, checks, options, &coming).await).await?;
        let judged = told(&results.into_iter().map(data_check::data_check_report).collect::<Vec<_>>());
        Ok(match later.len() {
            0 => judged,
            count => {
                let fit = if count == 1 { "fits" } else { "fit" };
                let what =
                    format!("{} {fit} the schema only after the pending migrations", plural(count, "check"));
                judged
                    .unasked(what)
                    .lines(later.iter().map(|why| format!("asked after the migrations: {why}")))
            }
        })
    })
}

/// What the checks answered.
#[derive(Default)]
struct Answers {
    results: Vec<CheckResult>,
    /// Why the others do not fit the schema.
    later: Vec<String>,
}

/// The names that pending migrations bring: of what they create, change or rename. The check of a new column is in the project
/// together with the migration that adds it.
fn coming(facts: &GateFacts<'_>) -> Vec<SmolStr> {
    let (When::Before, Ok(state)) = (facts.when, &facts.state) else { return Vec::new() };
    let migrations = &facts.declared.lock.migrations;
    let pending = state.skipped.iter().chain(&state.pending);
    let effects = pending.flat_map(|index| &migrations[*index].effects);
    let names = effects.filter_map(|effect| match effect {
        Effect::Created(object) | Effect::Changed { after: object, .. } => Some(object.id.name.clone()),
        Effect::Renamed { to, .. } => Some(to.name.clone()),
        Effect::Dropped(_) => None,
    });
    names.collect()
}

/// Whether a check uses one of these names.
fn uses(check: &Check, names: &[SmolStr]) -> bool {
    let columns = check.table.iter().chain(&check.key).chain(&check.show).map(|named| named.name.as_str());
    let texts: Vec<&str> = check.queries().map(|query| query.text.as_str()).chain(columns).collect();
    let is_in_a_name = |character: char| character.is_alphanumeric() || character == '_';
    names.iter().any(|name| {
        texts.iter().any(|text| {
            let quoted = text.contains(&format!("\"{name}\""));
            quoted
                || text
                    .split(|character| !is_in_a_name(character))
                    .any(|word| word.eq_ignore_ascii_case(name))
        })
    })
}

/// Asks all checks. Where one does not fit the schema, and uses a name that is `coming`, the others are asked one by one.
async fn ask(
    session: &mut Session,
    checks: Vec<Check>,
    options: CheckOptions<'_>,
    coming: &[SmolStr],
) -> anyhow::Result<Answers> {
    let mut answers = Answers::default();
    match checks::run(session, checks.clone(), options).await {
        Err(error) if misfit(&error).is_some() && checks.iter().any(|check| uses(check, coming)) => {}
        all => return Ok(Answers { results: all?, ..answers }),
    }
    let end = options.scope.end().join("; ");
    session.execute(end.as_str()).await?;
    for check in checks {
        let may_be_later = uses(&check, coming);
        match checks::run(session, vec![check], options).await {
            Ok(results) => answers.results.extend(results),
            Err(error) => {
                answers.later.push(misfit(&error).filter(|_| may_be_later).ok_or(error)?);
                session.execute(end.as_str()).await?;
            }
        }
    }
    Ok(answers)
}

/// What a check says that does not fit the schema.
fn misfit(error: &anyhow::Error) -> Option<String> {
    let failure = error.downcast_ref::<Failure>()?;
    let what = || failure.what.lines().next().unwrap_or_default().to_owned();
    (failure.code == Some(ErrorCode::CHECKS_INVALID)).then(what)
}

fn told(checks: &[DataCheckReport]) -> Judgement {
    let findings = data_check::findings(checks);
    let failing = checks.iter().filter(|check| check.fails() && check.severity > Severity::Info).count();
    let wrong: u64 = checks.iter().filter_map(|check| check.rows).sum();
    let all = plural(checks.len(), "check");
    let what = match failing {
        0 => format!("{all}, no row is wrong"),
        failing => format!("{failing} of {all}: {} wrong", plural(wrong, "row")),
    };
    // Of those whose result is not known no finding says that rows are wrong.
    let known = findings.iter().filter(|finding| finding.code == data_check::WRONG_ROWS).cloned().collect();
    let unknown: Vec<&DataCheckReport> = checks.iter().filter(|check| check.rows.is_none()).collect();
    let judged = Judgement::of_findings(known, what);
    match unknown.first() {
        None => judged,
        Some(first) => {
            let why = first.unknown.clone().unwrap_or_default();
            let unseen = format!("{} of {all} without an answer: {}: {why}", unknown.len(), first.name);
            judged.incomplete(unseen)
        }
    }
}
