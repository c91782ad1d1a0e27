//! The sequences that fill the columns of seeded tables. A row with a value of its own leaves its sequence behind, so the
//! sequence is moved to the greatest declared value, and never back. Pure.

use super::columns::TableColumns;
use super::file::DeclaredRow;
use super::value::DeclaredValue;
use super::write::do_block;
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::sql::{identifier, literal};

/// A sequence that fills a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnSequence {
    /// The column.
    pub column: String,
    /// The sequence, qualified and quoted.
    pub path: String,
    /// Whether it counts downwards.
    descends: bool,
}

impl ColumnSequence {
    /// The sequences that fill columns of a table: those of identity columns, and those of defaults.
    pub fn of(columns: &TableColumns, catalog: &Catalog) -> Vec<Self> {
        let sequences: Vec<&Object> = catalog
            .objects
            .iter()
            .map(|object| &**object)
            .filter(|object| object.id.kind == Kind::Sequence)
            .collect();
        let path = columns.path();
        let found = columns.all.iter().filter_map(|column| {
            let name = format!("{path}.{}", identifier(&column.name));
            let used = default_sequence(columns, &column.name, catalog);
            let fills = |sequence: &&&Object| match &used {
                Some(used) => sequence.id.to_string() == *used,
                None => sequence.get(Attribute::OwnedBy) == Some(&name),
            };
            let sequence = sequences.iter().find(fills)?;
            Some(Self {
                column: column.name.to_string(),
                path: sequence.id.to_string(),
                descends: sequence.get(Attribute::Increment).is_some_and(|by| by.starts_with('-')),
            })
        });
        found.collect()
    }

    /// The last of the declared values, as far as the sequence counts.
    fn last(&self, rows: &[DeclaredRow]) -> Option<i64> {
        let values = rows.iter().filter_map(|row| match &row.get(&self.column)?.value {
            DeclaredValue::Number(text) | DeclaredValue::Text(text) => text.trim().parse::<i64>().ok(),
            _ => None,
        });
        if self.descends { values.min() } else { values.max() }
    }

    /// An SQL condition that the sequence is at a value or beyond it, which USAGE is enough for; NULL where it has given no
    /// value yet.
    fn is_at(&self, value: i64) -> String {
        let reached = if self.descends { "<=" } else { ">=" };
        format!(
            "pg_catalog.pg_sequence_last_value({}) OPERATOR(pg_catalog.{reached}) '{value}'::pg_catalog.int8",
            self.oid()
        )
    }

    fn oid(&self) -> String {
        format!("{}::pg_catalog.regclass", literal(&self.path))
    }

    /// The statement that moves the sequence to the last of the declared values, as far as it counts so far. It never moves
    /// it back. `None` where no row declares a value. What it does is not rolled back.
    pub(super) fn advance(&self, rows: &[DeclaredRow]) -> Option<String> {
        let last = self.last(rows)?;
        let (beyond, within) = match self.descends {
            true => ("<", "OPERATOR(pg_catalog.>=) q.seqmin"),
            false => (">", "OPERATOR(pg_catalog.<=) q.seqmax"),
        };
        let (sequence, is_there) = (self.oid(), self.is_at(last));
        let last = format!("'{last}'::pg_catalog.int8");
        Some(do_block(&format!(
            "BEGIN\n    IF ({is_there}) IS NOT TRUE THEN\n        PERFORM pg_catalog.setval({sequence}, {last}) FROM {} AS s \
             JOIN pg_catalog.pg_sequence AS q\n            ON q.seqrelid OPERATOR(pg_catalog.=) {sequence}::pg_catalog.oid \
             WHERE {last} {within}\n            AND ({last} OPERATOR(pg_catalog.{beyond}) s.last_value \
             OR NOT s.is_called AND {last} OPERATOR(pg_catalog.=) s.last_value);\n    END IF;\nEND\n",
            self.path
        )))
    }

    /// A query for the privileges that this statement needs and the role lacks: sequence, privilege and no column. A sequence
    /// that is not moved needs none.
    pub(super) fn missing_rights(&self, rows: &[DeclaredRow]) -> Option<String> {
        let is_there = self.is_at(self.last(rows)?);
        let path = literal(&self.path);
        let has = |privilege: &str| {
            format!("pg_catalog.has_sequence_privilege({path}::pg_catalog.text, {privilege})")
        };
        Some(format!(
            "SELECT {path}, v.privilege, NULL FROM (VALUES ('SELECT'), ('UPDATE')) AS v(privilege) WHERE NOT {} \
             AND CASE WHEN {} THEN ({is_there}) IS NOT TRUE ELSE true END",
            has("v.privilege::pg_catalog.text"),
            has("'USAGE, SELECT'")
        ))
    }
}

/// The sequence that the default of a column takes its values from.
fn default_sequence(columns: &TableColumns, column: &str, catalog: &Catalog) -> Option<String> {
    let (schema, table) = (columns.table.schema.clone(), columns.table.name.clone());
    let id = ObjectId::under(Kind::Column, schema, table, column);
    let default = catalog.get(&id)?.get(Attribute::Default)?;
    let (sequence, _) = default.strip_prefix("nextval('")?.split_once("'::regclass)")?;
    Some(sequence.replace("''", "'"))
}
