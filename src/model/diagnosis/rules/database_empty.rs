//! `database.empty`: there is no table at all.

use super::{Rule, is_empty, tables};
use crate::findings::{Cause, CauseKind, Change, Remedy, Severity, Sides};
use crate::text::plural;

pub(super) const RULE: Rule = Rule {
    code: "database.empty",
    help: "The database has no table, though schema/ declares some: it is the wrong database, or nothing was applied \
           yet. Look at the target that is printed above the findings before you apply anything.",
    severity: Severity::Error,
    find: |rule, facts, state, _| {
        if !is_empty(facts, state) {
            return Vec::new();
        }
        let applied = state.applied.len() + state.ahead.len();
        let has_history = facts.history.is_some() && applied > 0;
        let (kind, detail, advice) = if has_history {
            (
                CauseKind::Drift,
                format!("its history has {} applied, but there is no table", plural(applied, "migration")),
                "look at the target above; if it is the right database, restore a backup",
            )
        } else if facts.lock.migrations.is_empty() {
            (
                CauseKind::Unknown,
                "this database is empty: wrong database, or nothing loaded yet".to_owned(),
                "look at the target above",
            )
        } else {
            (
                CauseKind::Pending,
                "this database is empty: wrong database, or nothing applied yet".to_owned(),
                "look at the target above; if it is the right database: trueup upgrade",
            )
        };
        let declared = plural(tables(&facts.lock.model), "table");
        vec![
            rule.finding("database", facts.database, Change::Missing)
                .sides(Sides::new("no table", declared))
                .cause(Cause { kind, migration: None, detail })
                .remedy(Remedy::advice(advice)),
        ]
    },
};
