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
