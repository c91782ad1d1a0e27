//! `history.ahead`: the database has migrations that the project does not have.

use super::Rule;
use crate::findings::{Cause, CauseKind, Change, Remedy, Severity, Sides};

pub(super) const RULE: Rule = Rule {
    code: "history.ahead",
    help: "The history has versions that this project directory does not have: the code was rolled back, or the \
           directory is older than the last deploy. Objects that differ from what the known migrations build may have \
           been changed by the unknown ones.",
    severity: Severity::Warning,
    find: |rule, _, state, _| {
        let ahead = state.ahead.iter().map(|row| {
            let detail = format!("applied {}, but not in this project directory", row.applied_on);
            rule.finding("migration", row.id().to_string(), Change::Unexpected)
                .sides(Sides::new("applied", "unknown"))
                .cause(Cause { kind: CauseKind::Ahead, migration: Some(row.version.to_string()), detail })
                .remedy(Remedy::advice("check again with the project directory that has it"))
        });
        ahead.collect()
    },
};
