//! `history.malformed`: a table has the history's name and not its shape.

use super::Rule;
use crate::findings::{Cause, CauseKind, Change, Remedy, Severity, Sides};
use crate::postgres::catalog::history_tables::OWN_TOOL;

/// What to do where the name of the history is somebody else's.
const TAKEN: &str = "find out who created this table, then rename or drop it";
/// What to do where the project has named the table.
const NAMED: &str = "name the table and the column in which the tool records what is applied: [migrations] applied in trueup.toml";

pub(super) const RULE: Rule = Rule {
    code: "history.malformed",
    help: "There is a table of the history's name, but it is not as refinery, or the tool that migrates, creates it: columns are missing or have \
           other types, or an index has expressions. It was created only in part, or belongs to something else. \
           Nothing is read from it.",
    severity: Severity::Error,
    find: |rule, facts, _, _| {
        let settings = &facts.lock.head.settings;
        let own = settings.applied.as_ref().and_then(|chosen| chosen.column.as_deref());
        let (keeper, columns, advice) = match (own, settings.tool) {
            (Some(column), _) => (OWN_TOOL, format!("column {column}, of numbers or text"), NAMED),
            (None, Some(tool)) => (tool.title(), format!("the columns that {} writes", tool.title()), TAKEN),
            (None, None) => {
                let columns = "the columns that refinery writes: version, name, applied_on, checksum";
                ("refinery", columns.to_owned(), TAKEN)
            }
        };
        let detail = format!("not a plain table with {columns}");
        let finding = facts.malformed_history.map(|table| {
            rule.finding("table", table, Change::Different)
                .sides(Sides::new("other columns", format!("{keeper}'s history")))
                .cause(Cause { kind: CauseKind::Unknown, migration: None, detail })
                .remedy(Remedy::advice(advice))
        });
        finding.into_iter().collect()
    },
};
