//! `history.ahead`: the database has migrations that the project does not have.

use super::Rule;
use crate::findings::{Cause, CauseKind, Change, Remedy, Severity, Sides};
use crate::migrations::history::Applied;

pub(super) const RULE: Rule = Rule {
    code: "history.ahead",
    help: "The history has versions that this project directory does not have: the code was rolled back, or the \
           directory is older than the last deploy. Objects that differ from what the known migrations build may have \
           been changed by the unknown ones.",
    severity: Severity::Warning,
    find: |rule, facts, state, _| {
        let ahead = state.ahead.iter().map(|row| {
            let renumbered = state.renumbered.get(&row.version).map(|index| &facts.lock.migrations[*index]);
            let (detail, advice) = match renumbered {
                Some(now) => (
                    format!(
                        "{}; its text is that of {} now: the file was renumbered",
                        applied(row),
                        now.id()
                    ),
                    format!(
                        "give the file the version back that is applied: rename {}.sql to {}.sql",
                        now.id(),
                        row.id()
                    ),
                ),
                None => (
                    format!("{}, but not in this project directory", applied(row)),
                    "check again with the project directory that has it".to_owned(),
                ),
            };
            rule.finding("migration", row.id().to_string(), Change::Unexpected)
                .sides(Sides::new("applied", "unknown"))
                .cause(Cause { kind: CauseKind::Ahead, migration: Some(row.version.to_string()), detail })
                .remedy(Remedy::advice(advice))
        });
        ahead.collect()
    },
};

/// That it was applied, and when, where the history says so.
fn applied(row: &Applied) -> String {
    match row.applied_on.as_str() {
        "" => "applied".to_owned(),
        time => format!("applied {time}"),
    }
}
