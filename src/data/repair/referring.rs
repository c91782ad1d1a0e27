//! Foreign keys that would change further rows together with those of a repair: CASCADE, SET NULL, SET DEFAULT.
//!
//! The old values of such further rows are not recorded, so a repair must not change any of them.

use anyhow::Result;

use super::columns::{numbered, same_image};
use super::proposed::ProposedRows;
use super::records::Repair;
use super::summary::LARGE_QUERY;
use crate::data::checks::{Action, CheckedColumn, CheckedTable, IncomingForeignKey};
use crate::postgres::connection::Session;
use crate::postgres::sql::identifier;

/// A foreign key that would change other rows together with those of a fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cascade {
    /// The foreign key: `memberships_user_id_fkey of public.memberships (ON DELETE CASCADE)`.
    pub foreign_key: String,
    /// How many rows of the fix it refers to.
    pub rows: u64,
}

/// Finds the first foreign key that would change further rows. `with` are the common table expressions that `rows` is read
/// from, or it is empty.
///
/// # Errors
/// Those of the server and the connection. A count that cannot be read.
pub(super) async fn cascade(
    session: &mut Session,
    with: &str,
    rows: &ProposedRows<'_>,
) -> Result<Option<Cascade>> {
    for foreign_key in rows.table.cascading_keys(rows.action, rows.columns) {
        let from = format!(
            "(SELECT p.part, p.tid FROM {} AS p WHERE p.state IS NULL AND {})",
            rows.relation,
            referenced_changes(rows.action, rows.columns, foreign_key, "p")
        );
        let sql = format!("{LARGE_QUERY}; {with} {}", count_referred(rows.table, foreign_key, &from));
        let count: u64 = session.scalar(sql).await?;
        if count > 0 {
            return Ok(Some(Cascade { foreign_key: foreign_key.describe(rows.action), rows: count }));
        }
    }
    Ok(None)
}

/// The condition that a row of a plan is deleted, or gets another value in a column that the foreign key refers to. `alias`
/// is the alias of the plan.
fn referenced_changes(
    action: Action,
    columns: &[CheckedColumn],
    foreign_key: &IncomingForeignKey,
    alias: &str,
) -> String {
    if action == Action::Delete {
        return "true".to_owned();
    }
    let of = |prefix: &str| -> Vec<String> {
        let values = columns.iter().zip(numbered(&format!("{alias}.{prefix}"), columns.len()));
        let referenced = values.filter(|(column, _)| foreign_key.referenced.contains(&column.name));
        referenced.map(|(_, value)| value).collect()
    };
    format!("NOT {}", same_image(&of("o"), &of("w")))
}

/// The query that counts how many rows of `from`, which has the columns `part` and `tid`, the foreign key refers to.
fn count_referred(table: &CheckedTable, foreign_key: &IncomingForeignKey, from: &str) -> String {
    format!(
        "SELECT pg_catalog.count(*) AS rows FROM {from} AS f JOIN {} AS t ON t.ctid OPERATOR(pg_catalog.=) f.tid \
         AND t.tableoid OPERATOR(pg_catalog.=) f.part WHERE {}",
        table.qualified(),
        is_referred(foreign_key)
    )
}

/// The condition that the foreign key refers to a row `t`.
fn is_referred(foreign_key: &IncomingForeignKey) -> String {
    let pairs = foreign_key.columns.iter().zip(&foreign_key.referenced);
    let same: Vec<String> = pairs
        .map(|(column, referenced)| format!("c.{} = t.{}", identifier(column), identifier(referenced)))
        .collect();
    format!("EXISTS (SELECT FROM {} AS c WHERE {})", foreign_key.table, same.join(" AND "))
}

impl Repair {
    /// The statements that return the numbers of the plan's rows for which a condition holds, as the JSON array `numbers`, and
    /// which of them refers to which, as the JSON arrays `referring` and `referenced`. The condition is given the alias of the
    /// plan.
    pub(super) fn links(&self, condition: &dyn Fn(&str) -> String) -> String {
        let list = |numbers: &str, order: &str| {
            format!("COALESCE(pg_catalog.json_agg({numbers} ORDER BY {order}), '[]'::pg_catalog.json)")
        };
        let plan = self.plan();
        let (rows, from, to) = (condition("p"), condition("f"), condition("r"));
        let mut statements = vec![
            super::columns::FORMATS.to_owned(),
            format!("SELECT {} AS numbers FROM {plan} AS p WHERE {rows}", list("p.n", "p.n")),
        ];
        let old = |alias: &str, name: &String| {
            let position = self.columns.iter().position(|column| column.name == *name)?;
            let column = &self.columns[position];
            Some((column, column.restored(&format!("{alias}.o{}", position + 1))))
        };
        for key in &self.table.own_keys {
            let pairs = key.columns.iter().zip(&key.referenced).map(|(column, referenced)| {
                let ((column, value), (_, other)) = (old("f", column)?, old("r", referenced)?);
                Some(column.equal(&value, &other))
            });
            let Some(pairs) = pairs.collect::<Option<Vec<String>>>() else { continue };
            statements.push(format!(
                "SELECT {} AS referring, {} AS referenced FROM {plan} AS f JOIN {plan} AS r ON {} WHERE {from} AND {to}",
                list("f.n", "f.n, r.n"),
                list("r.n", "f.n, r.n"),
                pairs.join(" AND ")
            ));
        }
        statements.join(";\n")
    }

    /// The statements that give rows of the plan other numbers: each of `from` the one of `to` at its place.
    pub(super) fn renumber(&self, from: &[u64], to: &[u64]) -> String {
        let (from, to): (Vec<u64>, Vec<u64>) =
            from.iter().zip(to).filter(|(from, to)| from != to).map(|(from, to)| (*from, *to)).unzip();
        let list = |numbers: &[u64]| {
            let numbers: Vec<String> = numbers.iter().map(u64::to_string).collect();
            format!("'{{{}}}'::pg_catalog.int8[]", numbers.join(","))
        };
        let (plan, from, to) = (self.plan(), list(&from), list(&to));
        // The numbers are unique all the time: first they leave, then they come back.
        format!(
            "UPDATE {plan} AS p SET n = OPERATOR(pg_catalog.-) p.n WHERE p.n OPERATOR(pg_catalog.=) ANY ({from});\n\
             UPDATE {plan} AS p SET n = v.other FROM ROWS FROM (pg_catalog.unnest({from}), pg_catalog.unnest({to})) AS v (own, other) \
             WHERE p.n OPERATOR(pg_catalog.=) OPERATOR(pg_catalog.-) v.own"
        )
    }

    /// Whether a foreign key may change further rows together with those of the repair.
    pub(super) fn may_cascade(&self) -> bool {
        self.table.cascading_keys(self.action, &self.columns).next().is_some()
    }

    /// The condition that no foreign key changes further rows together with a row `t`, which is that of a row `p` of the
    /// plan. It is empty or begins with AND.
    pub(super) fn no_cascade(&self) -> String {
        let referring = self.table.cascading_keys(self.action, &self.columns).map(|foreign_key| {
            let referenced_changes = referenced_changes(self.action, &self.columns, foreign_key, "p");
            format!(" AND NOT ({referenced_changes} AND {})", is_referred(foreign_key))
        });
        referring.collect()
    }
}
