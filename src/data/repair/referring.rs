//! Rows that refer to those of a repair, and that a foreign key would change with them: CASCADE, SET NULL, SET DEFAULT. No
//! old value of theirs is kept, so that nothing of the kind may happen.

use super::columns::{numbered, same_image};
use super::records::Repair;
use crate::data::checks::{Action, Column, Incoming, Table};
use crate::postgres::sql::identifier;

/// Whether a row of a plan, as `alias`, gets another value of what a foreign key refers to, or none.
pub(super) fn moves(action: Action, columns: &[Column], incoming: &Incoming, alias: &str) -> String {
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

/// How many of the rows `from` (of `part` and `tid`) are referred to.
pub(super) fn referred(table: &Table, incoming: &Incoming, from: &str) -> String {
    format!(
        "SELECT pg_catalog.count(*) AS rows FROM {from} AS f JOIN {} AS t ON t.ctid OPERATOR(pg_catalog.=) f.tid \
         AND t.tableoid OPERATOR(pg_catalog.=) f.part WHERE {}",
        table.qualified(),
        exists(incoming)
    )
}

/// Whether a row `t` is referred to.
fn exists(incoming: &Incoming) -> String {
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

    /// That changing a row `t`, which a row `p` of the plan is about, changes no other.
    pub(super) fn alone(&self) -> String {
        let referring = self.table.set_off(self.action, &self.columns).map(|incoming| {
            let moves = moves(self.action, &self.columns, incoming, "p");
            format!(" AND NOT ({moves} AND {})", exists(incoming))
        });
        referring.collect()
    }
}
