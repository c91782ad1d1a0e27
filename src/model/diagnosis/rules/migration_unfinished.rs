//! `migration.unfinished`: a migration broke off, or is being carried out right now.

use super::super::finding::{Cause, CauseKind, Change, Severity, Sides};
use super::super::recorded::{RESUME_DOWNGRADE, Unfinished};
use super::{Rule, Told};

/// The most of a statement that is told in a sentence, in characters.
const LONGEST: usize = 100;

pub(super) const RULE: Rule = Rule {
    code: "migration.unfinished",
    help: "A migration whose statements run one by one, outside of a transaction, was not carried out to its end: the \
           run was cut, or a statement failed. What it has done so far is recorded, and the same command goes on from \
           there.",
    severity: Severity::Error,
    find: |facts, _, _| facts.kept.unfinished.iter().map(told).collect(),
};

fn told(step: &Unfinished) -> Told {
    let (command, what) = match step.reverts {
        true => (RESUME_DOWNGRADE, "taken back"),
        false => ("trueup upgrade", "applied"),
    };
    let at = statement(step);
    let (detail, next) = if step.running {
        (format!("run {} is at it right now, since {}: {at}", step.run, step.started_at), "trueup status")
    } else if step.done {
        (format!("run {} broke off after {at}, begun {}", step.run, step.started_at), command)
    } else {
        let said = step.detail.as_deref().map(|detail| format!(": {}", flat(detail))).unwrap_or_default();
        (format!("run {} broke off in {at}, begun {}{said}", step.run, step.started_at), command)
    };
    Told {
        kind: "migration",
        object: format!("V{}__{}", step.version, step.name),
        change: Change::Different,
        sides: Sides { database: format!("partly {what}"), model: what.into() },
        cause: Cause { kind: CauseKind::Unfinished, migration: Some(step.version.to_string()), detail },
        command: next.into(),
        severity: step.running.then_some(Severity::Warning),
        attributes: Vec::new(),
    }
}

/// `statement 2, CREATE INDEX ...`
fn statement(step: &Unfinished) -> String {
    let number =
        step.statement.map_or_else(|| "a statement".to_owned(), |number| format!("statement {number}"));
    match &step.text {
        Some(text) => format!("{number}, {}", flat(text)),
        None => number,
    }
}

fn flat(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{} ...", &words[..end]),
        None => words,
    }
}
