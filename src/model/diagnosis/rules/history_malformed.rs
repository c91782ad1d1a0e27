//! `history.malformed`: a table has the history's name and not its shape.

use super::Rule;
use crate::findings::{Cause, CauseKind, Change, Remedy, Severity, Sides};

pub(super) const RULE: Rule = Rule {
    code: "history.malformed",
    help: "There is a table of the history's name, but it is not as refinery creates it: columns are missing or have \
           other types, or an index has expressions. It was created only in part, or belongs to something else. \
           Nothing is read from it.",
    severity: Severity::Error,
    find: |rule, facts, _, _| {
        let detail =
            "not a plain table with the columns that refinery writes: version, name, applied_on, checksum";
        let finding = facts.malformed_history.map(|table| {
            rule.finding("table", table, Change::Different)
                .sides(Sides::new("other columns", "refinery's history"))
                .cause(Cause { kind: CauseKind::Unknown, migration: None, detail: detail.to_owned() })
                .remedy(Remedy::advice("find out who created this table, then rename or drop it"))
        });
        finding.into_iter().collect()
    },
};
