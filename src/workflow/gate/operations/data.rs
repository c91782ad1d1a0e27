//! `data`: whether rows meet the rules of the project.

use super::super::facts::GateFacts;
use super::super::section::{GateSection, Judge, Judgement, Judging};
use super::super::session::GateSession;
use crate::data::checks::{self, CheckOptions};
use crate::findings::Severity;
use crate::project::{GateLevel, SectionName};
use crate::text::plural;
use crate::workflow::data_checks;
use crate::workflow::reports::data_check::{self, DataCheckReport};

pub(in super::super) const SECTION: GateSection = GateSection {
    name: SectionName::Data,
    level: GateLevel::Block,
    help: "The data checks in checks/ find no wrong row. One of severity error that finds rows blocks, another one warns; one \
           that cannot see every row is no answer. `trueup verify` shows the rows, `trueup verify --fix` repairs them.",
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
        let options: CheckOptions<'_> = options;
        let results = session.lend(async move |session| checks::run(session, checks, options).await).await?;
        Ok(told(results.into_iter().map(data_check::data_check_report).collect()))
    })
}

fn told(checks: Vec<DataCheckReport>) -> Judgement {
    let findings = data_check::findings(&checks);
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
