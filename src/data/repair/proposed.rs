//! The query that finds the rows which a fix proposes to change.
//!
//! Its result is a common table expression of a preview, or the table of a plan. The columns are the same:
//! - `part`, `tid` and `x` are `tableoid`, `ctid` and `xmin` of the row;
//! - `k1...` is the key, `o1...` are the old values and `w1...` the new ones, see [`CheckedColumn::recorded`];
//! - `state` says why the row is not changed, see [`super::state`]. It is NULL for a row that is to be changed.

use super::columns::{numbered, of, same_image};
use super::{FixTarget, state};
use crate::data::checks::{Action, CheckedColumn, CheckedTable};
use crate::postgres::sql::identifier;

/// The result of [`query`].
#[derive(Debug, Clone)]
pub(super) struct ProposedRows<'p> {
    /// Its name in FROM: a common table expression, or the table of a plan.
    pub(super) relation: String,
    /// The columns for ORDER BY that give the order in which the rows lie in the table.
    pub(super) order: &'static str,
    /// The table whose rows are changed.
    pub(super) table: &'p CheckedTable,
    /// What the fix does to the rows.
    pub(super) action: Action,
    /// The columns of the key.
    pub(super) key: &'p [CheckedColumn],
    /// The columns whose old values are recorded.
    pub(super) columns: &'p [CheckedColumn],
}

impl ProposedRows<'_> {
    /// The names of the key's columns.
    pub(super) fn key_names(&self) -> Vec<String> {
        numbered("k", self.key.len())
    }

    /// The names of the columns with old values.
    pub(super) fn old_names(&self) -> Vec<String> {
        numbered("o", self.columns.len())
    }

    /// The names of the columns with new values. A row that is deleted has none.
    pub(super) fn new_names(&self) -> Vec<String> {
        match self.action {
            Action::Update => numbered("w", self.columns.len()),
            Action::Delete => Vec::new(),
        }
    }
}

/// The query that finds the rows which a fix proposes to change. It leaves out the rows that are in one of the relations
/// `excluded`, and the rows for which the condition `among` is false.
///
/// It also leaves out a row that has the values which the fix returns for it, unless the fix returns other values, too.
pub(super) fn query(target: &FixTarget<'_>, excluded: &[String], among: Option<&str>) -> String {
    let answers = answers(target, excluded, among);
    let changed = target.changed();
    let (keys, old) = (numbered("k", target.key.len()), numbered("o", changed.len()));
    let (new, first) = (numbered("w", target.fix.sets.len()), numbered("v", target.fix.sets.len()));
    let columns: Vec<String> = ["part", "tid", "x"]
        .into_iter()
        .map(str::to_owned)
        .chain(keys)
        .chain(old)
        .chain(new.clone())
        .collect();
    let columns = columns.join(", ");
    let window = "WINDOW same AS (PARTITION BY a.part, a.tid)";
    let duplicate =
        format!("WHEN a.answer OPERATOR(pg_catalog.>) 1 THEN '{}'::pg_catalog.\"char\"", state::DUPLICATE);
    if new.is_empty() {
        return format!(
            "SELECT {columns}, CASE {duplicate} END AS state FROM (SELECT a.*, pg_catalog.row_number() OVER same AS answer \
             FROM ({answers}) AS a {window}) AS a"
        );
    }
    let of_first: Vec<String> = new
        .iter()
        .zip(&first)
        .map(|(new, first)| format!("pg_catalog.first_value(a.{new}) OVER same AS {first}"))
        .collect();
    // Two answers are the same if the plan's column stores the same value for both: 1.0 and 1.00 in a numeric(12,2).
    let recorded = |names: &[String]| -> Vec<String> {
        names
            .iter()
            .zip(&changed)
            .map(|(name, column)| format!("(a.{name})::{}", column.recorded_type()))
            .collect()
    };
    format!(
        "SELECT {columns}, CASE WHEN pg_catalog.bool_or(a.answer OPERATOR(pg_catalog.>) 1 AND NOT {}) OVER same \
         THEN '{}'::pg_catalog.\"char\" {duplicate} END AS state \
         FROM (SELECT a.*, pg_catalog.bool_or(a.differs) OVER same AS changes, pg_catalog.row_number() OVER same AS answer, {} \
         FROM ({answers}) AS a {window}) AS a WHERE a.changes {window}",
        same_image(&recorded(&new), &recorded(&first)),
        state::AMBIGUOUS,
        of_first.join(", ")
    )
}

/// The query that returns every answer of a fix together with the row that it is for. The column `differs` says whether the
/// row has other values; where the fix deletes, there is no such column.
fn answers(target: &FixTarget<'_>, excluded: &[String], among: Option<&str>) -> String {
    let FixTarget { fix, table, key } = target;
    let mut columns =
        vec!["t.tableoid AS part".to_owned(), "t.ctid AS tid".to_owned(), "t.xmin AS x".to_owned()];
    let named = |values: Vec<String>, prefix: &str| -> Vec<String> {
        values.into_iter().zip(1..).map(|(value, number)| format!("{value} AS {prefix}{number}")).collect()
    };
    columns.extend(named(key.iter().map(|column| column.recorded(&of("t", column))).collect(), "k"));
    let changed = target.changed();
    columns.extend(named(changed.iter().map(|column| column.recorded(&of("t", column))).collect(), "o"));
    let new = fix.sets.iter().zip(&changed).map(|(name, column)| target.recorded_answer(name, column));
    columns.extend(named(new.collect(), "w"));
    columns.extend(differs(target).map(|differs| format!("{differs} AS differs")));
    let same: Vec<String> = key
        .iter()
        .map(|column| column.equal(&of("t", column), &format!("f.{}", identifier(&column.name))))
        .collect();
    let elsewhere = excluded.iter().map(|other| {
        format!(
            "NOT EXISTS (SELECT FROM {other} AS e WHERE e.tid OPERATOR(pg_catalog.=) t.ctid \
             AND e.part OPERATOR(pg_catalog.=) t.tableoid)"
        )
    });
    let conditions: Vec<String> = elsewhere.chain(among.map(str::to_owned)).collect();
    let conditions =
        if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    format!(
        "SELECT {} FROM {} AS f JOIN {} AS t ON {}{conditions}",
        columns.join(", "),
        fix.fix.query.wrapped(),
        table.qualified(),
        same.join(" AND ")
    )
}

/// The condition that a row has other values than its fix returns; `None` where the fix deletes.
fn differs(target: &FixTarget<'_>) -> Option<String> {
    let changed = target.changed();
    let new: Vec<String> = target
        .fix
        .sets
        .iter()
        .zip(&changed)
        .map(|(name, column)| column.cast(&format!("f.{}", identifier(name))))
        .collect();
    let old: Vec<String> = changed.iter().map(|column| of("t", column)).collect();
    (!new.is_empty()).then(|| format!("NOT {}", same_image(&old, &new)))
}

impl FixTarget<'_> {
    /// What the fix returns for a column, as a plan records it.
    fn recorded_answer(&self, name: &str, column: &CheckedColumn) -> String {
        let type_oid = self.fix.types.get(name).copied().unwrap_or_default();
        column.recorded_answer(&format!("f.{}", identifier(name)), type_oid)
    }
}
