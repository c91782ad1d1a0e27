//! `history.malformed`: a table has the history's name and not its shape.

use super::super::finding::{Cause, CauseKind, Change, Severity, Sides};
use super::{Rule, Told};

pub(super) const RULE: Rule = Rule {
    code: "history.malformed",
    help: "There is a table of the history's name, but it is not as refinery makes it: without its columns or with other \
           types, or with expressions in its indexes. It was half made, or belongs to something else. Nothing is read \
           from it.",
    severity: Severity::Error,
    find: |facts, _, _| {
        let told = facts.malformed_history.map(|table| Told {
            kind: "table",
            object: table.to_owned(),
            change: Change::Different,
            sides: Sides { database: "other columns".into(), model: "refinery's history".into() },
            cause: Cause {
                kind: CauseKind::Unknown,
                migration: None,
                detail: "not a plain table with the columns that refinery writes: version, name, applied_on, checksum"
                    .into(),
            },
            command: "find out who made this table, and rename or drop it".into(), severity: None, attributes: Vec::new() });
        told.into_iter().collect()
    },
};
