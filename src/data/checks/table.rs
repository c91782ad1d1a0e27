//! The table that the rows of a check are of, as far as repairing it needs to know.

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::{Action, NameAtLine};
use crate::postgres::connection::{Row, Session};
use crate::postgres::sql::{identifier, qualified};

const TABLE: &str = include_str!("sql/table.sql");

/// A column.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CheckedColumn {
    /// Its name.
    pub name: String,
    /// Its type as SQL writes it, with its modifier, qualified where it is not the server's own.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The type's oid.
    pub type_oid: u32,
    /// The server's own type that it is, or a domain over: values are kept as that; without one, as text.
    pub mirror: Option<String>,
    /// Whether it is a domain.
    pub domain: bool,
    /// Whether it has a collation.
    pub collated: bool,
    /// NOT NULL.
    pub required: bool,
    /// GENERATED ALWAYS AS (...).
    pub generated: bool,
    /// GENERATED ALWAYS AS IDENTITY.
    pub identity: bool,
    /// Whether this role may UPDATE it.
    pub settable: bool,
}

/// What is unique.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UniqueIndex {
    /// The index.
    pub index: String,
    /// Its columns.
    #[serde(default)]
    pub columns: Option<Vec<String>>,
    /// Whether it is valid, and not deferrable.
    pub valid: bool,
    /// Whether it is of all rows, and of columns alone.
    pub whole: bool,
}

/// A trigger of somebody's that is enabled.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Trigger {
    /// Its name.
    pub name: String,
    /// The function that it calls.
    pub function: String,
    /// BEFORE: it may write other values than it was given.
    pub before: bool,
    /// FOR EACH ROW.
    pub row: bool,
    /// Whether INSERT fires it.
    pub insert: bool,
    /// Whether DELETE fires it.
    pub delete: bool,
    /// Whether UPDATE fires it.
    pub update: bool,
    /// UPDATE OF these columns alone.
    pub columns: Option<Vec<String>>,
}

/// A foreign key that changes rows which refer to one that is deleted, or gets another value: CASCADE, SET NULL, SET DEFAULT.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct IncomingForeignKey {
    /// The constraint.
    pub constraint: String,
    /// The table that it is of, qualified and quoted.
    pub table: String,
    /// What it does about a row that is deleted, as `pg_constraint.confdeltype`.
    on_delete: String,
    /// What it does about a row that gets another value, as `pg_constraint.confupdtype`.
    on_update: String,
    /// Its columns.
    pub columns: Vec<String>,
    /// The columns that they refer to, in the same order.
    pub referenced: Vec<String>,
}

impl IncomingForeignKey {
    /// What it does when rows are changed so, as the catalog has it.
    fn does(&self, action: Action) -> &str {
        match action {
            Action::Delete => &self.on_delete,
            Action::Update => &self.on_update,
        }
    }

    /// `memberships_user_id_fkey of public.memberships (ON DELETE CASCADE)`
    pub fn told(&self, action: Action) -> String {
        let what = match self.does(action) {
            "c" => "CASCADE",
            "n" => "SET NULL",
            _ => "SET DEFAULT",
        };
        let on = action.word().to_uppercase();
        format!("{} of {} (ON {on} {what})", identifier(&self.constraint), self.table)
    }
}

/// A table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CheckedTable {
    /// Its oid.
    pub oid: u32,
    schema: String,
    name: String,
    /// `pg_class.relkind`.
    pub kind: String,
    /// Whether this role may DELETE its rows.
    pub deletable: bool,
    /// Whether other tables inherit from it.
    pub has_children: bool,
    /// Its columns, in order.
    pub columns: Vec<CheckedColumn>,
    /// What is unique in it.
    pub keys: Vec<UniqueIndex>,
    /// Its triggers.
    pub triggers: Vec<Trigger>,
    /// What changing its rows sets off; see [`CheckedTable::set_off`].
    incoming: Vec<IncomingForeignKey>,
    /// Whether a foreign key of it refers to its own rows.
    pub refers_to_itself: bool,
    /// Its rules.
    pub rules: Vec<String>,
    /// What it takes on the disk, indexes included.
    pub bytes: u64,
}

impl CheckedTable {
    /// Reads the table of an oid, in a session whose search_path is `pg_catalog, pg_temp`. `None` when there is none.
    ///
    /// # Errors
    /// The server's and the connection's.
    pub async fn of(session: &mut Session, oid: &str) -> Result<Option<Self>> {
        let json: Option<String> = session.optional_scalar(Self::statement(oid)).await?;
        json.map(|json| Self::from_json(&json)).transpose()
    }

    /// The statement that reads the table of an oid, for [`CheckedTable::from_row`]. The session's search_path is
    /// `pg_catalog, pg_temp`.
    pub(super) fn statement(oid: &str) -> String {
        TABLE.replace("{oid}", oid)
    }

    /// Reads the row that [`CheckedTable::statement`] answers with.
    ///
    /// # Errors
    /// When it is not that row.
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self> {
        Self::from_json(row.get("definition")?)
    }

    fn from_json(json: &str) -> Result<Self> {
        serde_json::from_str(json).context("a table as JSON")
    }

    /// `public.api_keys`, quoted where SQL needs it.
    pub fn qualified(&self) -> String {
        qualified(&self.schema, &self.name)
    }

    /// The foreign keys that deleting rows sets off, or other values of `columns`.
    pub fn set_off(
        &self,
        action: Action,
        columns: &[CheckedColumn],
    ) -> impl Iterator<Item = &IncomingForeignKey> {
        self.incoming.iter().filter(move |incoming| {
            let touched = |name: &String| columns.iter().any(|column| column.name == *name);
            matches!(incoming.does(action), "c" | "n" | "d")
                && (action == Action::Delete || incoming.referenced.iter().any(touched))
        })
    }

    /// A column by its name.
    pub fn column(&self, name: &str) -> Option<&CheckedColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Why these columns do not identify a row; `Ok` when they do: a unique, valid, non-partial index over exactly them,
    /// all NOT NULL.
    ///
    /// # Errors
    /// In words.
    pub fn identified_by(&self, key: &[NameAtLine]) -> Result<(), String> {
        let table = self.qualified();
        for NameAtLine { name, .. } in key {
            match self.column(name) {
                None => return Err(format!("{table} has no column {name}{}", self.near(name))),
                Some(column) if !column.required => {
                    return Err(format!(
                        "column {name} of {table} may be NULL, and does not identify a row then"
                    ));
                }
                Some(_) => {}
            }
        }
        let is_it = |found: &&UniqueIndex| {
            let columns = found.columns.as_deref().unwrap_or_default();
            columns.len() == key.len() && key.iter().all(|wanted| columns.contains(&wanted.name))
        };
        let named: Vec<&str> = key.iter().map(|key| key.name.as_str()).collect();
        let named = named.join(", ");
        let of_these: Vec<&UniqueIndex> = self.keys.iter().filter(is_it).collect();
        match of_these.iter().find(|key| key.valid && key.whole).or(of_these.first()) {
            Some(key) if key.valid && key.whole => Ok(()),
            Some(key) if key.valid => Err(format!(
                "the unique index {} of {table} over ({named}) is partial, or of expressions: it does not identify every row",
                identifier(&key.index)
            )),
            Some(key) => Err(format!(
                "the unique index {} of {table} over ({named}) is not valid, or deferrable",
                identifier(&key.index)
            )),
            None => {
                let others = self.keys.iter().filter(|key| key.valid && key.whole);
                let others: Vec<String> = others
                    .map(|key| format!("({})", key.columns.as_deref().unwrap_or_default().join(", ")))
                    .collect();
                let others = if others.is_empty() { "nothing".to_owned() } else { others.join(", ") };
                Err(format!("no unique index of {table} is over exactly ({named}); unique are {others}"))
            }
        }
    }

    /// `; did you mean user_id?`
    pub(super) fn near(&self, name: &str) -> String {
        let near = self
            .columns
            .iter()
            .map(|column| (strsim::damerau_levenshtein(name, &column.name), &column.name))
            .min();
        match near {
            Some((distance, near)) if distance <= 1 + name.chars().count() / 4 => {
                format!("; did you mean {near}?")
            }
            _ => String::new(),
        }
    }
}
