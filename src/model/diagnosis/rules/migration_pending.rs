//! `migration.pending`: a pending migration that touches nothing that differs.

use super::super::migration_state::Basis;
use super::super::origin::label;
use super::{Rule, is_empty};
use crate::findings::{Cause, CauseKind, Change, Command, Remedy, Severity, Sides};
use crate::model::Effect;

pub(super) const RULE: Rule = Rule {
    code: "migration.pending",
    help: "A migration is not applied yet, and no finding about an object shows it: it changes rows, or nothing that \
           the schema shows. It is pending all the same.",
    severity: Severity::Warning,
    find: |rule, facts, state, differing| {
        if state.basis == Basis::Inferred || is_empty(facts, state) {
            return Vec::new();
        }
        let pending = state.pending.iter().filter(|index| !state.unfinished.contains(index));
        let pending = pending.map(|index| &facts.lock.migrations[*index]);
        let silent = pending.filter(|migration| {
            !migration.effects.iter().any(|effect| match effect {
                Effect::Renamed { from, to } => differing.contains(from) || differing.contains(to),
                other => differing.contains(other.id()) || !(facts.in_scope)(other.id()),
            })
        });
        let findings = silent.map(|migration| {
            rule.finding("migration", label(migration), Change::Missing)
                .sides(Sides::new("not applied", "applied"))
                .cause(Cause {
                    kind: CauseKind::Pending,
                    migration: Some(migration.version.to_string()),
                    detail: "not applied yet; it changes rows, or nothing that the schema shows".into(),
                })
                .remedy(Remedy::run(Command::Upgrade))
        });
        findings.collect()
    },
};
