//! The rows that a fix proposes to change, as SQL: the query that finds them, and what is read of its result.
//!
//! The result has the same columns wherever it is: in a common table expression of a preview, or in the table of a plan.
//! - `part`, `tid` and `x` are the row's `tableoid`, `ctid` and `xmin`;
//! - `k1...` is the key, `o1...` are the old values, `w1...` the new ones, as [`CheckedColumn::kept`] records them;
//! - `state` says why the row is not changed, see [`super::state`]; it is NULL for the answer that is carried out.

use super::columns::{numbered, of, same_image};
use super::{FixTarget, state};
use crate::data::checks::{Action, CheckedColumn, CheckedTable};
use crate::postgres::sql::identifier;

/// The result of [`query`], wherever it is.
#[derive(Debug, Clone)]
pub(super) struct ProposedRows<'p> {
    /// What stands in FROM: a common table expression, or the table of a plan.
    pub(super) relation: String,
    /// The columns that say in which order the rows lie in the table.
    pub(super) order: &'static str,
    /// The table whose rows are changed.
    pub(super) table: &'p CheckedTable,
    /// What is done to the rows.
    pub(super) action: Action,
    /// The columns of the key.
    pub(super) key: &'p [CheckedColumn],
    /// The columns whose old values are recorded.
    pub(super) columns: &'p [CheckedColumn],
}

impl ProposedRows<'_> {
    /// The names of the key's columns.
    pub(super) fn keys(&self) -> Vec<String> {
        numbered("k", self.key.len())
    }

    /// The names of the columns with old values.
    pub(super) fn old(&self) -> Vec<String> {
        numbered("o", self.columns.len())
    }

    /// The names of the columns with new values. A row that is deleted has none.
    pub(super) fn new(&self) -> Vec<String> {
        match self.action {
            Action::Update => numbered("w", self.columns.len()),
            Action::Delete => Vec::new(),
        }
    }
}

/// The query that finds the rows which a fix proposes to change. It leaves out the rows that are in one of the relations
/// `excluded`, and those for which the condition `among` does not hold.
///
/// A row that already has the values which the fix returns is left out, unless the fix returns other values for it, too.
pub(super) fn query(each: &FixTarget<'_>, excluded: &[String], among: Option<&str>) -> String {
    let answers = answers(each, excluded, among);
    let changed = each.changed();
    let (keys, old) = (numbered("k", each.key.len()), numbered("o", changed.len()));
    let (new, first) = (numbered("w", each.fix.sets.len()), numbered("v", each.fix.sets.len()));
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
        format!("WHEN a.answer OPERATOR(pg_catalog.>) 1 THEN '{}'::pg_catalog.\"char\"", state::AGAIN);
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
    // Two answers are the same if the plan's column makes the same of them: 1.0 and 1.00 in a numeric(12,2).
    let recorded = |names: &[String]| -> Vec<String> {
        names
            .iter()
            .zip(&changed)
            .map(|(name, column)| format!("(a.{name})::{}", column.kept_type()))
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

/// Every answer of a fix beside the row that it is for. `differs` says whether the row has other values; there is no such
/// column where the fix deletes.
fn answers(each: &FixTarget<'_>, excluded: &[String], among: Option<&str>) -> String {
    let FixTarget { fix, table, key } = each;
    let mut columns =
        vec!["t.tableoid AS part".to_owned(), "t.ctid AS tid".to_owned(), "t.xmin AS x".to_owned()];
    let named = |values: Vec<String>, prefix: &str| -> Vec<String> {
        values.into_iter().zip(1..).map(|(value, number)| format!("{value} AS {prefix}{number}")).collect()
    };
    columns.extend(named(key.iter().map(|column| column.kept(&of("t", column))).collect(), "k"));
    let changed = each.changed();
    columns.extend(named(changed.iter().map(|column| column.kept(&of("t", column))).collect(), "o"));
    let new = fix.sets.iter().zip(&changed).map(|(name, column)| each.given(name, column));
    columns.extend(named(new.collect(), "w"));
    columns.extend(differs(each).map(|differs| format!("{differs} AS differs")));
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
fn differs(each: &FixTarget<'_>) -> Option<String> {
    let changed = each.changed();
    let new: Vec<String> = each
        .fix
        .sets
        .iter()
        .zip(&changed)
        .map(|(name, column)| column.stored(&format!("f.{}", identifier(name))))
        .collect();
    let old: Vec<String> = changed.iter().map(|column| of("t", column)).collect();
    (!new.is_empty()).then(|| format!("NOT {}", same_image(&old, &new)))
}

impl FixTarget<'_> {
    /// What the fix returns for a column, as a plan records it.
    fn given(&self, name: &str, column: &CheckedColumn) -> String {
        let type_oid = self.fix.types.get(name).copied().unwrap_or_default();
        column.given(&format!("f.{}", identifier(name)), type_oid)
    }
}
