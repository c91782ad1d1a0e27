//! `history.missing`: tables, but no history of migrations.

use super::super::migration_state::Basis;
use super::Rule;
use crate::findings::{Cause, CauseKind, Change, Command, Remedy, Severity, Sides};
use crate::text::plural;

pub(super) const RULE: Rule = Rule {
    code: "history.missing",
    help: "The database has tables, but no history that says which migrations created them. Causes are told as if the \
           version that matches best were applied. `trueup adopt` records it.",
    severity: Severity::Error,
    find: |rule, facts, state, _| {
        let hidden = facts.history_hidden || facts.malformed_history.is_some();
        if hidden || state.basis != Basis::Inferred || super::is_empty(facts, state) {
            return Vec::new();
        }
        let all = facts.lock.migrations.len();
        let best = state.applied.last().map(|last| (*last, facts.lock.migrations[*last].version));
        let matches = match best {
            None => "no version matches".to_owned(),
            Some((last, version)) => {
                let place = format!("V{version} ({} of {all})", last + 1);
                match state.distance {
                    0 => format!("matches {place} exactly"),
                    some => format!("best match: {place}, {}", plural(some, "difference")),
                }
            }
        };
        let other = facts.others.iter().find_map(|other| {
            let current = other.current.as_deref()?;
            Some(format!("; also found: {}, at revision {current}", other.tool))
        });
        vec![
            rule.finding("database", facts.database, Change::Missing)
                .sides(Sides::new("no history", plural(all, "migration")))
                .cause(Cause {
                    kind: CauseKind::Unknown,
                    migration: best.map(|(_, version)| version.to_string()),
                    detail: format!("no history; {matches}{}", other.unwrap_or_default()),
                })
                .remedy(Remedy::run(Command::Adopt)),
        ]
    },
};
