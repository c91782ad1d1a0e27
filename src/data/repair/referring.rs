//! Rows that refer to those of a repair, and that a foreign key would change with them: CASCADE, SET NULL, SET DEFAULT.
//!
//! The old values of such rows are not recorded, so a repair must not change any of them.

use anyhow::Result;

use super::columns::{numbered, same_image};
use super::proposed::ProposedRows;
use super::records::Repair;
use super::summary::SWEEPING;
use crate::data::checks::{Action, CheckedColumn, CheckedTable, IncomingForeignKey};
use crate::postgres::connection::Session;
use crate::postgres::sql::identifier;

/// A foreign key that would change other rows together with those of a fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cascade {
    /// The foreign key: `memberships_user_id_fkey of public.memberships (ON DELETE CASCADE)`.
    pub foreign_key: String,
    /// How many rows of the fix are referred to.
    pub rows: u64,
}

/// The first foreign key that changing the rows would set off. `with` are the common table expressions that the rows are
/// read from.
pub(super) async fn cascade(
    session: &mut Session,
    with: &str,
    rows: &ProposedRows<'_>,
) -> Result<Option<Cascade>> {
    for incoming in rows.table.set_off(rows.action, rows.columns) {
        let from = format!(
            "(SELECT p.part, p.tid FROM {} AS p WHERE p.state IS NULL AND {})",
            rows.relation,
            moves(rows.action, rows.columns, incoming, "p")
        );
        let sql = format!("{SWEEPING}; {with} {}", referred(rows.table, incoming, &from));
        let count: u64 = session.scalar(sql).await?;
        if count > 0 {
            return Ok(Some(Cascade { foreign_key: incoming.told(rows.action), rows: count }));
        }
    }
    Ok(None)
}

/// The condition that a row of a plan, as `alias`, gets another value of what a foreign key refers to, or is deleted.
fn moves(action: Action, columns: &[CheckedColumn], incoming: &IncomingForeignKey, alias: &str) -> String {
    if action == Action::Delete {
        return "true".to_owned();
    }
    let of = |prefix: &str| -> Vec<String> {
        let values = columns.iter().zip(numbered(&format!("{alias}.{prefix}"), columns.len()));
        let referenced = values.filter(|(column, _)| incoming.referenced.contains(&column.name));
        referenced.map(|(_, value)| value).collect()
    };
    format!("NOT {}", same_image(&of("o"), &of("w")))
}

/// The query that counts how many of the rows `from` (of `part` and `tid`) are referred to.
fn referred(table: &CheckedTable, incoming: &IncomingForeignKey, from: &str) -> String {
    format!(
        "SELECT pg_catalog.count(*) AS rows FROM {from} AS f JOIN {} AS t ON t.ctid OPERATOR(pg_catalog.=) f.tid \
         AND t.tableoid OPERATOR(pg_catalog.=) f.part WHERE {}",
        table.qualified(),
        exists(incoming)
    )
}

/// The condition that a row `t` is referred to.
fn exists(incoming: &IncomingForeignKey) -> String {
    let pairs = incoming.columns.iter().zip(&incoming.referenced);
    let same: Vec<String> = pairs
        .map(|(column, referenced)| format!("c.{} = t.{}", identifier(column), identifier(referenced)))
        .collect();
    format!("EXISTS (SELECT FROM {} AS c WHERE {})", incoming.table, same.join(" AND "))
}

impl Repair {
    /// Whether changing its rows may change others.
    pub(super) fn sets_off(&self) -> bool {
        self.table.set_off(self.action, &self.columns).next().is_some()
    }

    /// The condition that changing a row `t`, which a row `p` of the plan is about, changes no other row. It begins with AND.
    pub(super) fn alone(&self) -> String {
        let referring = self.table.set_off(self.action, &self.columns).map(|incoming| {
            let moves = moves(self.action, &self.columns, incoming, "p");
            format!(" AND NOT ({moves} AND {})", exists(incoming))
        });
        referring.collect()
    }
}
