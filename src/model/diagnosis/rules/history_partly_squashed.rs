//! `history.partly_squashed`: some of the migrations that a baseline replaces are applied, and not all.

use super::Rule;
use crate::findings::{Cause, CauseKind, Change, Remedy, Severity, Sides};
use crate::migrations::SQUASHED_NEXT;

pub(super) const RULE: Rule = Rule {
    code: "history.partly_squashed",
    help: "A baseline of the project (`trueup squash`) replaces migrations of which the database has only some: the rest is nowhere \
           any more. `trueup upgrade` refuses it. Apply the rest with the version of the project from before the squash.",
    severity: Severity::Error,
    find: |rule, facts, _, _| {
        let Some(detail) = facts.partly_squashed else { return Vec::new() };
        vec![
            rule.finding("database", facts.database, Change::Different)
                .sides(Sides::new("some of the migrations that were squashed", "all of them, or none"))
                .cause(Cause { kind: CauseKind::Unknown, migration: None, detail: detail.to_owned() })
                .remedy(Remedy::advice(SQUASHED_NEXT)),
        ]
    },
};
