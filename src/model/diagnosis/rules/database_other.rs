//! `database.other`: the tables are those of another application.

use super::super::Facts;
use super::Rule;
use super::likeness::Likeness;
use crate::findings::{Cause, CauseKind, Change, Finding, Remedy, Severity, Sides};
use crate::text::plural;

pub(super) const RULE: Rule = Rule {
    code: "database.other",
    help: "Little of what schema/ declares is in this database, and little of what is there is known to the project: most \
           likely the connection goes to the database of another application. Nothing else is told of it, and no SQL.",
    severity: Severity::Error,
    // It is found before all others: see [`super::other_database`].
    find: |_, _, _, _| Vec::new(),
};

/// The finding.
pub(super) fn finding(facts: &Facts<'_>, likeness: Likeness) -> Finding {
    let Likeness { declared, present, unknown, .. } = likeness;
    let there = match present {
        0 => "none of the declared tables is here".to_owned(),
        1 => format!("1 of the {} is here, with other columns", plural(declared, "declared table")),
        some => format!("{some} of the {} are here, with other columns", plural(declared, "declared table")),
    };
    let detail = format!(
        "{there}, and {} that this project does not know: is this another application's database?",
        plural(unknown, "table")
    );
    RULE.finding("database", facts.database, Change::Different)
        .sides(Sides::new(plural(unknown, "other table"), plural(declared, "table")))
        .cause(Cause { kind: CauseKind::Unknown, migration: None, detail })
        .remedy(Remedy::advice(
            "is the target above the right one? look at where its URL comes from; if it is right, name the \
             tables that are not this project's: [database] ignore in trueup.toml",
        ))
}
