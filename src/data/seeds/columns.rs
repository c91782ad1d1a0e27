//! What is known of a table before its rows are queried: its name, its columns and their types.

use smol_str::SmolStr;

use super::file::Seed;
use crate::postgres::sql::{qualified, schemas_of_path, split_qualified};

/// The oids of json and jsonb (`pg_type.dat`).
const JSON: [u32; 2] = [114, 3802];
/// The oids of smallint, integer and bigint.
const INTEGERS: [u32; 3] = [21, 23, 20];
/// The oids of text and varchar.
const TEXTS: [u32; 2] = [25, 1043];
/// The oid of character.
const CHARACTER: u32 = 1042;
/// The oid of uuid.
const UUID: u32 = 2950;
/// The first oid of an object that is not part of PostgreSQL itself.
const FIRST_OF_USERS: u32 = 16384;

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumn {
    /// The name of the column.
    pub name: SmolStr,
    /// The oid of its type.
    pub type_oid: u32,
}

/// The name of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableName {
    /// The schema.
    pub schema: SmolStr,
    /// The name in the schema.
    pub name: SmolStr,
}

/// An existing table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableColumns {
    /// The table.
    pub table: TableName,
    /// The columns of the table.
    pub all: Vec<TableColumn>,
}

impl TableColumn {
    /// Whether the column is of type json or jsonb.
    pub(super) fn is_json(&self) -> bool {
        JSON.contains(&self.type_oid)
    }

    /// An SQL expression for a value of this column as text, NULL for NULL. It never calls a cast that users have
    /// created for a type of their own: it gives what the output function of the type prints.
    pub(super) fn text(&self, value: &str) -> String {
        match self.type_oid < FIRST_OF_USERS {
            true => format!("{value}::text"),
            false => format!("CASE num_nulls({value}) WHEN 0 THEN format('%s', {value}) END"),
        }
    }

    /// An SQL condition that two values of this column identify the same row. It works under any search_path. Values
    /// of users' types are compared as texts, because the equality of such a type may be anything.
    pub(super) fn same(&self, one: &str, other: &str) -> String {
        match self.type_oid < FIRST_OF_USERS {
            true => format!("{one} OPERATOR(pg_catalog.=) {other}"),
            false => format!(
                "pg_catalog.format('%s', {one}) OPERATOR(pg_catalog.=) pg_catalog.format('%s', {other})"
            ),
        }
    }

    /// An SQL condition that `value` of this column may be what a text says, which an index of the column can answer. It
    /// fails for no text. `None` for a type whose texts are known only once they are read.
    pub(super) fn may_be(&self, value: &str, text: &str) -> Option<String> {
        let read = match self.type_oid {
            oid if INTEGERS.contains(&oid) => format!(
                "CASE WHEN {text} ~ '^-?[0-9]{{1,19}}$' THEN CASE WHEN {text}::numeric \
                 BETWEEN -9223372036854775808 AND 9223372036854775807 THEN {text}::int8 END END"
            ),
            oid if TEXTS.contains(&oid) => text.to_owned(),
            CHARACTER => format!("{text}::bpchar"),
            UUID => format!(
                "CASE WHEN {text} ~ '^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}$' THEN {text}::uuid END"
            ),
            _ => return None,
        };
        Some(format!("{value} OPERATOR(pg_catalog.=) {read}"))
    }
}

impl TableColumns {
    /// The qualified and quoted name.
    pub fn path(&self) -> String {
        qualified(&self.table.schema, &self.table.name)
    }

    /// The column of this name.
    pub fn get(&self, name: &str) -> Option<&TableColumn> {
        self.all.iter().find(|column| column.name == name)
    }

    /// Whether the table has every column that a seed names.
    pub fn has_all_of(&self, seed: &Seed) -> bool {
        seed.columns().chain(&seed.on_change).all(|cell| self.get(&cell.column).is_some())
    }
}

/// The possible names of the table that a seed names, in the order of the search_path; one for a qualified name.
pub(super) fn candidates(table: &str, search_path: &str) -> Option<Vec<TableName>> {
    let mut parts = split_qualified(table)?;
    let name = parts.pop()?;
    match (parts.pop(), parts.is_empty()) {
        (Some(schema), true) => Some(vec![TableName { schema, name }]),
        (None, _) => {
            let schemas = self::search_path(search_path);
            Some(schemas.map(|schema| TableName { schema, name: name.clone() }).collect())
        }
        _ => None,
    }
}

/// The schemas in a search_path.
pub fn search_path(text: &str) -> impl Iterator<Item = SmolStr> {
    schemas_of_path(text).into_iter().filter(|schema| *schema != "pg_temp" && *schema != "$user")
}

impl Seed {
    /// The tables that it may be about, in the order of the search_path; one for a qualified name.
    pub fn candidates(&self, search_path: &str) -> Vec<TableName> {
        candidates(&self.table.value, search_path).unwrap_or_default()
    }

    /// The table of the seed. `find` returns the columns of the table with this schema and name, where it exists.
    pub fn find(
        &self,
        search_path: &str,
        mut find: impl FnMut(&str, &str) -> Option<Vec<TableColumn>>,
    ) -> Option<TableColumns> {
        let candidates = candidates(&self.table.value, search_path)?;
        candidates.into_iter().find_map(|table| {
            let all = find(&table.schema, &table.name)?;
            Some(TableColumns { table, all })
        })
    }
}
