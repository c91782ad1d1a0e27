//! `migration.unfinished`: a migration was interrupted, or is running right now.

use super::super::recorded::Unfinished;
use super::Rule;
use crate::findings::{Cause, CauseKind, Change, Command, Finding, Remedy, Severity, Sides};
use crate::text::{one_line, short_id};

/// The length to which a statement is cut in a sentence, in characters.
const LONGEST: usize = 100;

pub(super) const RULE: Rule = Rule {
    code: "migration.unfinished",
    help: "A migration whose statements run one by one, outside of a transaction, did not run to its end: the run was \
           interrupted, or a statement failed. What it has done so far is recorded, and the same command continues \
           from there.",
    severity: Severity::Error,
    find: |rule, facts, _, _| facts.recorded.unfinished.iter().map(|step| finding(rule, step)).collect(),
};

fn finding(rule: &Rule, step: &Unfinished) -> Finding {
    let goal = if step.reverts { "reverted" } else { "applied" };
    let at = statement(step);
    let (detail, remedy) = if step.running {
        let detail = format!("run {} is running it since {}: {at}", short_id(&step.run), step.started_at);
        (detail, Remedy::run(Command::Status))
    } else {
        let when = if step.done { "after" } else { "in" };
        let error = step.detail.as_deref().filter(|_| !step.done);
        let error = error.map(|error| format!(": {}", one_line(error, LONGEST))).unwrap_or_default();
        let detail = format!(
            "run {} was interrupted {when} {at}, started {}{error}",
            short_id(&step.run),
            step.started_at
        );
        (detail, step.resume())
    };
    let mut finding = rule
        .finding("migration", format!("V{}__{}", step.version, step.name), Change::Different)
        .sides(Sides::new(format!("partly {goal}"), goal))
        .cause(Cause { kind: CauseKind::Unfinished, migration: Some(step.version.to_string()), detail })
        .remedy(remedy);
    if step.running {
        finding.severity = Severity::Warning;
    }
    finding
}

/// `statement 2, CREATE INDEX ...`
fn statement(step: &Unfinished) -> String {
    let number =
        step.statement.map_or_else(|| "a statement".to_owned(), |number| format!("statement {number}"));
    match &step.text {
        Some(text) => format!("{number}, {}", one_line(text, LONGEST)),
        None => number,
    }
}
