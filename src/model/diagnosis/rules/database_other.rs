//! `database.other`: there are tables, but none that the project knows.

use super::{Rule, is_other, tables};
use crate::findings::{Cause, CauseKind, Change, Remedy, Severity, Sides};
use crate::text::plural;

pub(super) const RULE: Rule = Rule {
    code: "database.other",
    help: "The database has tables, but none of those that schema/ declares or a migration creates: most likely the \
           connection goes to the database of another application.",
    severity: Severity::Error,
    find: |rule, facts, _, _| {
        if !is_other(facts) {
            return Vec::new();
        }
        let (found, declared) = (tables(facts.live), tables(&facts.lock.model));
        let detail = "none of the declared tables is here: another application's database?".to_owned();
        vec![
            rule.finding("database", facts.database, Change::Different)
                .sides(Sides::new(plural(found, "other table"), plural(declared, "table")))
                .cause(Cause { kind: CauseKind::Unknown, migration: None, detail })
                .remedy(Remedy::advice("look at the target above, and where its URL comes from")),
        ]
    },
};
