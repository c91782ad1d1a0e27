//! `data`: whether rows meet the rules of the project.

use super::super::When;
use super::super::facts::GateFacts;
use super::super::section::{GateSection, Judge, Judgement, Judging};
use super::super::session::GateSession;
use crate::data::checks::{self, Check, CheckOptions, CheckResult};
use crate::error::{ErrorCode, Failure};
use crate::findings::Severity;
use crate::postgres::connection::Session;
use crate::project::{GateLevel, SectionName};
use crate::text::plural;
use crate::workflow::data_checks;
use crate::workflow::reports::data_check::{self, DataCheckReport};

pub(in super::super) const SECTION: GateSection = GateSection {
    name: SectionName::Data,
    level: GateLevel::Block,
    help: "The data checks in checks/ find no wrong row. One of severity error that finds rows blocks, another one warns; one \
           that cannot see every row is no answer. One that does not fit the schema while migrations are pending is asked \
           after them. `trueup verify` shows the rows, `trueup verify --fix` repairs them.",
    judge: Judge::Rows(judge),
};

fn judge<'a>(facts: &'a GateFacts<'_>, session: &'a mut GateSession) -> Judging<'a> {
    Box::pin(async move {
        let settings = facts.settings;
        let checks = data_checks::checks(settings, &[])?;
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
        // The check of a new column is in the project together with the migration that adds it.
        let is_pending = facts.when == When::Before && facts.pending().is_some_and(|all| !all.is_empty());
        let Answers { results, later } =
            session.lend(async move |session| ask(session, checks, options, is_pending).await).await?;
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

/// Asks all checks. Where some do not fit the schema, and that may be due to what is pending, the others are asked one by one.
async fn ask(
    session: &mut Session,
    checks: Vec<Check>,
    options: CheckOptions<'_>,
    is_pending: bool,
) -> anyhow::Result<Answers> {
    let mut answers = Answers::default();
    match checks::run(session, checks.clone(), options).await {
        Err(error) if is_pending && misfit(&error).is_some() => {}
        all => return Ok(Answers { results: all?, ..answers }),
    }
    let end = options.scope.end().join("; ");
    session.execute(end.as_str()).await?;
    for check in checks {
        match checks::run(session, vec![check], options).await {
            Ok(results) => answers.results.extend(results),
            Err(error) => {
                answers.later.push(misfit(&error).ok_or(error)?);
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
