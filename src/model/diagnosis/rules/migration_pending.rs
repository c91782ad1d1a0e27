//! `migration.pending`: a pending migration that touches nothing that differs.

use super::super::finding::{Cause, CauseKind, Change, Severity, Sides};
use super::super::migration_state::Basis;
use super::super::origin::label;
use super::{Rule, Told, is_empty, is_other};
use crate::model::Effect;

pub(super) const RULE: Rule = Rule {
    code: "migration.pending",
    help: "A migration is not applied yet, and no finding about an object shows it: it changes rows, or nothing that \
           the catalog tells. It is pending all the same.",
    severity: Severity::Warning,
    find: |facts, standing, differing| {
        if standing.basis == Basis::Inferred || is_empty(facts) || is_other(facts) {
            return Vec::new();
        }
        let pending = standing.pending.iter().filter(|index| !standing.unfinished.contains(index));
        let pending = pending.map(|index| &facts.lock.migrations[*index]);
        let silent = pending.filter(|migration| {
            !migration.effects.iter().any(|effect| match effect {
                Effect::Renamed { from, to } => differing.contains(from) || differing.contains(to),
                other => differing.contains(other.id()) || !(facts.in_scope)(other.id()),
            })
        });
        let told = silent.map(|migration| Told {
            kind: "migration",
            object: label(migration).into(),
            change: Change::Missing,
            sides: Sides { database: "not applied".into(), model: "applied".into() },
            cause: Cause {
                kind: CauseKind::Pending,
                migration: Some(migration.version.to_string()),
                detail: "not applied yet; it changes rows, or nothing that the catalog shows".into(),
            },
            command: "trueup upgrade".into(),
            severity: None,
            attributes: Vec::new(),
        });
        told.collect()
    },
};
