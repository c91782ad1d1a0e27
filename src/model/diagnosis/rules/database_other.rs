//! `database.other`: there are tables, but none that the project knows.

use super::super::finding::{Cause, CauseKind, Change, Severity, Sides};
use super::{Rule, Told, counted, is_other, tables};

pub(super) const RULE: Rule = Rule {
    code: "database.other",
    help: "The database has tables, but not one of those that the model declares or a migration makes: most likely \
           the connection goes to another application's database.",
    severity: Severity::Error,
    find: |facts, _, _| {
        if !is_other(facts) {
            return Vec::new();
        }
        let (found, wanted) = (tables(facts.live), tables(&facts.lock.model));
        let detail = "not one of the declared tables is here: another application's database?".to_owned();
        vec![Told {
            kind: "database",
            object: facts.database.to_owned(),
            change: Change::Different,
            sides: Sides { database: counted(found, "other table"), model: counted(wanted, "table") },
            cause: Cause { kind: CauseKind::Unknown, migration: None, detail },
            command: "look at the target above, and where its URL comes from".into(),
            severity: None,
            attributes: Vec::new(),
        }]
    },
};
