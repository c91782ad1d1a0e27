//! `history.skipped`: a migration is not applied, though a newer one is.

use super::super::origin::label;
use super::Rule;
use crate::findings::{Cause, CauseKind, Change, Remedy, Severity, Sides};

pub(super) const RULE: Rule = Rule {
    code: "history.skipped",
    help: "A migration with a lower version than the newest applied one is not applied: it came later, usually from \
           a branch that was merged. What it touches cannot be judged until it is applied, or given a newer version.",
    severity: Severity::Error,
    find: |rule, facts, state, _| {
        let newest = state.applied.last().map(|last| label(&facts.lock.migrations[*last]));
        let newest = newest.map(String::from).or_else(|| state.ahead.last().map(|row| row.id().to_string()));
        let skipped = state.skipped.iter().map(|index| {
            let migration = &facts.lock.migrations[*index];
            let detail = format!("not applied, though {} is", newest.as_deref().unwrap_or("a newer one"));
            rule.finding("migration", label(migration), Change::Missing)
                .sides(Sides::new("not applied", "applied"))
                .cause(Cause {
                    kind: CauseKind::Unknown,
                    migration: Some(migration.version.to_string()),
                    detail,
                })
                .remedy(Remedy::advice(
                    "give it a newer version, or apply it all the same: trueup upgrade --allow-out-of-order",
                ))
        });
        skipped.collect()
    },
};
