//! `database.empty`: there is no table at all.

use super::super::finding::{Cause, CauseKind, Change, Severity, Sides};
use super::{Rule, Told, counted, is_empty, tables};

pub(super) const RULE: Rule = Rule {
    code: "database.empty",
    help: "The database has no table, though the model declares some: it is the wrong database, or nothing was \
           applied yet. Look at the target that is printed above the findings before you apply anything.",
    severity: Severity::Error,
    find: |facts, standing, _| {
        if !is_empty(facts) {
            return Vec::new();
        }
        let applied = standing.applied.len() + standing.ahead.len();
        let has_history = facts.history.is_some() && applied > 0;
        let (kind, detail) = if has_history {
            let detail =
                format!("its history has {} applied, yet there is no table", counted(applied, "migration"));
            (CauseKind::Drift, detail)
        } else if facts.lock.migrations.is_empty() {
            (CauseKind::Unknown, "this database is empty: wrong database, or nothing loaded yet".into())
        } else {
            (CauseKind::Pending, "this database is empty: wrong database, or nothing applied yet".into())
        };
        vec![Told {
            kind: "database",
            object: facts.database.to_owned(),
            change: Change::Missing,
            sides: Sides { database: "no table".into(), model: counted(tables(&facts.lock.model), "table") },
            cause: Cause { kind, migration: None, detail },
            command: match kind {
                CauseKind::Pending => {
                    "look at the target above; if it is the right one: trueup upgrade".into()
                }
                CauseKind::Drift => {
                    "look at the target above; restore a backup if it is the right one".into()
                }
                _ => "look at the target above".into(),
            },
            severity: None,
            attributes: Vec::new(),
        }]
    },
};
