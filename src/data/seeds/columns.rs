//! What has to be known of a table before it can be asked for rows: that it is there, its columns and their types.

use smol_str::SmolStr;

use super::file::Seed;
use crate::postgres::sql::{qualified, split_qualified};

/// json and jsonb (`pg_type.dat`).
const JSON: [u32; 2] = [114, 3802];
/// The first oid that is not the server's own.
const FIRST_OF_USERS: u32 = 16384;

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: SmolStr,
    /// The oid of its type.
    pub type_oid: u32,
}

/// A table that is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    /// Its schema and its name.
    pub table: (SmolStr, SmolStr),
    /// Its columns.
    pub all: Vec<Column>,
}

impl Column {
    /// Whether a text in it is JSON.
    pub(super) fn is_json(&self) -> bool {
        JSON.contains(&self.type_oid)
    }

    /// A value of it as text, NULL for NULL. A cast that somebody has made for a type of their own is not called: what is
    /// asked for is what the type prints.
    pub(super) fn text(&self, value: &str) -> String {
        match self.type_oid < FIRST_OF_USERS {
            true => format!("{value}::text"),
            false => format!("CASE num_nulls({value}) WHEN 0 THEN format('%s', {value}) END"),
        }
    }

    /// The condition that two values of it identify the same row, under any search_path. The types of users are compared
    /// by their texts: what they call equal is known to nobody here.
    pub(super) fn same(&self, one: &str, other: &str) -> String {
        match self.type_oid < FIRST_OF_USERS {
            true => format!("{one} OPERATOR(pg_catalog.=) {other}"),
            false => format!(
                "pg_catalog.format('%s', {one}) OPERATOR(pg_catalog.=) pg_catalog.format('%s', {other})"
            ),
        }
    }
}

impl Columns {
    /// The qualified name, quoted.
    pub fn path(&self) -> String {
        qualified(&self.table.0, &self.table.1)
    }

    /// A column by its name.
    pub fn get(&self, name: &str) -> Option<&Column> {
        self.all.iter().find(|column| column.name == name)
    }

    /// Whether every column that a seed names is there.
    pub fn has_all_of(&self, seed: &Seed) -> bool {
        seed.columns().chain(&seed.on_change).all(|cell| self.get(&cell.column).is_some())
    }
}

/// The table that a seed means: the first of these names that there is. A qualified name has one.
pub(super) fn candidates(table: &str, search_path: &str) -> Option<Vec<(SmolStr, SmolStr)>> {
    let mut parts = split_qualified(table)?;
    let name = parts.pop()?;
    match (parts.pop(), parts.is_empty()) {
        (Some(schema), true) => Some(vec![(schema, name)]),
        (None, _) => Some(self::search_path(search_path).map(|schema| (schema, name.clone())).collect()),
        _ => None,
    }
}

/// The schemas that a search_path names.
pub fn search_path(text: &str) -> impl Iterator<Item = SmolStr> {
    let schemas = text.split(',').map(|schema| SmolStr::from(schema.trim().trim_matches('"')));
    schemas.filter(|schema| !schema.is_empty() && *schema != "pg_temp" && *schema != "$user")
}

impl Seed {
    /// The table that is meant, where `find` knows it: asked for schema and name.
    pub fn find(
        &self,
        search_path: &str,
        mut find: impl FnMut(&str, &str) -> Option<Vec<Column>>,
    ) -> Option<Columns> {
        let candidates = candidates(&self.table.0, search_path)?;
        candidates.into_iter().find_map(|table| {
            let all = find(&table.0, &table.1)?;
            Some(Columns { table, all })
        })
    }
}
