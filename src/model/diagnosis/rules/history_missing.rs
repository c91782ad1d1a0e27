//! `history.missing`: tables, but no history of migrations.

use super::super::finding::{Cause, CauseKind, Change, Severity, Sides};
use super::super::migration_state::Basis;
use super::{Rule, Told, counted};

pub(super) const RULE: Rule = Rule {
    code: "history.missing",
    help: "The database has tables, but no history that says which migrations they come from. The version whose \
           catalog is closest is taken for the applied one, so that causes can be told. `trueup adopt` records it.",
    severity: Severity::Error,
    find: |facts, standing, _| {
        let hidden = facts.history_hidden || facts.malformed_history.is_some();
        if hidden || standing.basis != Basis::Inferred || super::is_empty(facts) || super::is_other(facts) {
            return Vec::new();
        }
        let all = facts.lock.migrations.len();
        let looks = match standing.applied.last() {
            None => "this looks like none of the versions".to_owned(),
            Some(last) => {
                let version = facts.lock.migrations[*last].version;
                let differences = match standing.distance {
                    0 => "without a difference".into(),
                    some => format!("with {}", counted(some, "difference")),
                };
                format!("this looks like version {version} ({} of {all}), {differences}", last + 1)
            }
        };
        let other = facts.others.iter().find_map(|other| {
            let current = other.current.as_deref()?;
            Some(format!("; {} has been here, at {current}", other.tool))
        });
        vec![Told {
            kind: "database",
            object: facts.database.to_owned(),
            change: Change::Missing,
            sides: Sides { database: "no history".into(), model: counted(all, "migration") },
            cause: Cause {
                kind: CauseKind::Unknown,
                migration: standing
                    .applied
                    .last()
                    .map(|last| facts.lock.migrations[*last].version.to_string()),
                detail: format!("no history; {looks}{}", other.unwrap_or_default()),
            },
            command: "trueup adopt".into(),
            severity: None,
            attributes: Vec::new(),
        }]
    },
};
