//! `history.ahead`: the database has migrations that the project does not.

use super::super::finding::{Cause, CauseKind, Change, Severity, Sides};
use super::{Rule, Told};

pub(super) const RULE: Rule = Rule {
    code: "history.ahead",
    help: "The history holds versions that this project directory does not have: the code was rolled back, or the \
           directory is older than the last deploy. Objects that differ from what the known migrations made may be \
           the work of the unknown ones.",
    severity: Severity::Warning,
    find: |_, standing, _| {
        let ahead = standing.ahead.iter().map(|row| Told {
            kind: "migration",
            object: row.id().to_string(),
            change: Change::Unexpected,
            sides: Sides { database: "applied".into(), model: "unknown".into() },
            cause: Cause {
                kind: CauseKind::Ahead,
                migration: Some(row.version.to_string()),
                detail: format!("applied {}, but not in this project directory", row.applied_on),
            },
            command: "check again with the project directory that has it".into(),
            severity: None,
            attributes: Vec::new(),
        });
        ahead.collect()
    },
};
