//! `history.skipped`: a migration is not applied, though a newer one is.

use super::super::finding::{Cause, CauseKind, Change, Severity, Sides};
use super::super::origin::label;
use super::{Rule, Told};

pub(super) const RULE: Rule = Rule {
    code: "history.skipped",
    help: "A migration with a lower version than the newest applied one is not applied: it came later, usually from \
           a branch that was merged. What it touches cannot be judged until it is applied, or given a newer version.",
    severity: Severity::Error,
    find: |facts, standing, _| {
        let newest = standing.applied.last().map(|last| label(&facts.lock.migrations[*last]));
        let newest =
            newest.map(String::from).or_else(|| standing.ahead.last().map(|row| row.id().to_string()));
        let skipped = standing.skipped.iter().map(|index| {
            let migration = &facts.lock.migrations[*index];
            Told {
                kind: "migration",
                object: label(migration).into(),
                change: Change::Missing,
                sides: Sides { database: "not applied".into(), model: "applied".into() },
                cause: Cause {
                    kind: CauseKind::Unknown,
                    migration: Some(migration.version.to_string()),
                    detail: format!("not applied, though {} is", newest.as_deref().unwrap_or("a newer one")),
                },
                command: "give it a newer version, or: trueup upgrade --allow-out-of-order".into(),
                severity: None,
                attributes: Vec::new(),
            }
        });
        skipped.collect()
    },
};
