//! `history`: whether what the database says it has applied can be continued with the project's migrations.

use super::super::facts::GateFacts;
use super::super::section::{GateSection, Judge, Judgement};
use crate::findings::{CauseKind, Finding, Severity};
use crate::project::{GateLevel, SectionName};
use crate::text::plural;
use crate::workflow::reports::schema_report::to_see_all_of;

pub(in super::super) const SECTION: GateSection = GateSection {
    name: SectionName::History,
    level: GateLevel::Block,
    help: "The history of migrations can be continued: no applied migration was modified, skipped or interrupted, and the \
           database has a history. Each of these blocks, because `trueup upgrade` would refuse it. A database that is ahead \
           of the project (it has migrations that the project does not have) warns.",
    judge: Judge::Facts(judge),
};

/// Whether a finding of the comparison is about the history.
pub(super) fn is_of_it(finding: &Finding) -> bool {
    finding.code.starts_with("history.") || finding.code == "migration.unfinished"
}

fn judge(facts: &GateFacts<'_>) -> Judgement {
    let schema = match &facts.schema {
        Ok(schema) => schema,
        Err(failure) => return Judgement::unknown(failure),
    };
    let found = schema.document.findings.iter().filter(|finding| is_of_it(finding)).map(as_told);
    let found: Vec<Finding> = found.collect();
    let history = &schema.document.history;
    let what = match (found.iter().max_by_key(|finding| finding.severity), &history.at) {
        (Some(worst), _) => {
            let detail = worst.cause.as_ref().map(|cause| cause.detail.as_str()).unwrap_or_default();
            let more = match found.len() - 1 {
                0 => String::new(),
                more => format!("; and {more} more"),
            };
            format!("{}: {}: {detail}{more}", worst.object, worst.cause_kind().map_or("", CauseKind::label))
        }
        (None, Some(at)) => format!("at {at}, {} applied", plural(history.applied, "migration")),
        (None, None) if facts.declared.migrations.is_empty() => "this project has no migrations".to_owned(),
        (None, None) => "no migration applied".to_owned(),
    };
    let judged = Judgement::of_findings(found, what);
    match schema.snapshot.invisible.as_slice() {
        [] => judged,
        hidden => {
            let role = &schema.snapshot.identity.role;
            judged
                .incomplete(format!("{role} may not read {}", hidden.join(", ")))
                .next(to_see_all_of(hidden, role))
        }
    }
}

/// What an upgrade refuses, blocks.
fn as_told(finding: &Finding) -> Finding {
    let mut finding = finding.clone();
    finding.severity = if finding.code == "history.ahead" { Severity::Warning } else { Severity::Error };
    finding
}
