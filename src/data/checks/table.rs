//! The table of a check's rows, as far as a repair needs to know it.

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::{Action, NameAtLine};
use crate::postgres::connection::{Row, Session};
use crate::postgres::sql::{identifier, qualified};

const TABLE: &str = include_str!("sql/table.sql");

/// A column of the table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CheckedColumn {
    /// The name of the column.
    pub name: String,
    /// The type as SQL writes it, with its modifier. A user-defined type is qualified.
    #[serde(rename = "type")]
    pub type_name: String,
    /// The oid of the type.
    pub type_oid: u32,
    /// The built-in type that it is, or that it is a domain over. Old values are recorded as this type. `None` for other
    /// types, whose values are recorded as text.
    pub builtin_type: Option<String>,
    /// Whether the type is a domain.
    pub domain: bool,
    /// Whether the column has a collation.
    pub collated: bool,
    /// Whether the column is NOT NULL.
    pub required: bool,
    /// Whether the column is GENERATED ALWAYS AS (...).
    pub generated: bool,
    /// Whether the column is GENERATED ALWAYS AS IDENTITY.
    pub identity: bool,
    /// Whether this role may UPDATE the column.
    pub settable: bool,
}

/// A unique index of the table.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct UniqueIndex {
    /// The name of the index.
    pub index: String,
    /// The columns of the index.
    #[serde(default)]
    pub columns: Option<Vec<String>>,
    /// Whether the index is valid, and its constraint not deferrable.
    pub valid: bool,
    /// Whether the index covers all rows and has no expressions.
    pub whole: bool,
}

/// An enabled trigger of the table that users have created.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Trigger {
    /// The name of the trigger.
    pub name: String,
    /// The function that the trigger calls, with its argument types.
    pub function: String,
    /// Whether it is a BEFORE trigger, which may change the values that are written.
    pub before: bool,
    /// Whether it is FOR EACH ROW.
    pub row: bool,
    /// Whether INSERT fires the trigger.
    pub insert: bool,
    /// Whether DELETE fires the trigger.
    pub delete: bool,
    /// Whether UPDATE fires the trigger.
    pub update: bool,
    /// The columns of UPDATE OF; `None` where an update of any column fires the trigger.
    pub columns: Option<Vec<String>>,
}

/// A foreign key of another table that refers to this one. When a row that it refers to is deleted or gets another value, it
/// changes the referring rows: CASCADE, SET NULL or SET DEFAULT.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct IncomingForeignKey {
    /// The name of the constraint.
    pub constraint: String,
    /// The referring table, qualified and quoted.
    pub table: String,
    /// The action of ON DELETE, as in `pg_constraint.confdeltype`.
    on_delete: String,
    /// The action of ON UPDATE, as in `pg_constraint.confupdtype`.
    on_update: String,
    /// The referring columns.
    pub columns: Vec<String>,
    /// The columns of this table that they refer to, in the same order.
    pub referenced: Vec<String>,
}

impl IncomingForeignKey {
    /// What the foreign key does when rows are changed this way, as in `pg_constraint`.
    fn referential_action(&self, action: Action) -> &str {
        match action {
            Action::Delete => &self.on_delete,
            Action::Update => &self.on_update,
        }
    }

    /// The foreign key in words: `memberships_user_id_fkey of public.memberships (ON DELETE CASCADE)`.
    pub fn describe(&self, action: Action) -> String {
        let what = match self.referential_action(action) {
            "c" => "CASCADE",
            "n" => "SET NULL",
            _ => "SET DEFAULT",
        };
        let on = action.word().to_uppercase();
        format!("{} of {} (ON {on} {what})", identifier(&self.constraint), self.table)
    }
}

/// A foreign key of a table that refers to the table itself.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct OwnForeignKey {
    /// The referring columns.
    pub columns: Vec<String>,
    /// The columns that they refer to, in the same order.
    pub referenced: Vec<String>,
}

/// A table whose rows are checked and repaired.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct CheckedTable {
    /// The oid of the table.
    pub oid: u32,
    schema: String,
    name: String,
    /// `pg_class.relkind`.
    pub kind: String,
    /// Whether this role may DELETE rows.
    pub deletable: bool,
    /// Whether other tables inherit from the table.
    pub has_children: bool,
    /// The columns of the table, in order.
    pub columns: Vec<CheckedColumn>,
    /// The unique indexes of the table.
    pub keys: Vec<UniqueIndex>,
    /// The triggers of the table.
    pub triggers: Vec<Trigger>,
    /// The foreign keys that refer to the table; see [`CheckedTable::cascading_keys`].
    incoming: Vec<IncomingForeignKey>,
    /// The foreign keys of the table that refer to the table itself.
    pub own_keys: Vec<OwnForeignKey>,
    /// The names of its rules.
    pub rules: Vec<String>,
    /// The size of the table in bytes, with its indexes and TOAST (`pg_total_relation_size`).
    pub bytes: u64,
}

impl CheckedTable {
    /// Reads the table of an oid in a session whose search_path is `pg_catalog, pg_temp`. `None` when there is no such table.
    ///
    /// # Errors
    /// Those of the server and the connection.
    pub async fn read(session: &mut Session, oid: &str) -> Result<Option<Self>> {
        let json: Option<String> = session.optional_scalar(Self::statement(oid)).await?;
        json.map(|json| Self::from_json(&json)).transpose()
    }

    /// The statement that reads the table of an oid, for [`CheckedTable::from_row`]. The session's search_path must be
    /// `pg_catalog, pg_temp`.
    pub(super) fn statement(oid: &str) -> String {
        TABLE.replace("{oid}", oid)
    }

    /// Reads the row that [`CheckedTable::statement`] returns.
    ///
    /// # Errors
    /// The row is not such a row.
    pub(super) fn from_row(row: &Row<'_>) -> Result<Self> {
        Self::from_json(row.get("definition")?)
    }

    fn from_json(json: &str) -> Result<Self> {
        serde_json::from_str(json).context("a table as JSON")
    }

    /// The name of the table, qualified and quoted where SQL needs it: `public.api_keys`.
    pub fn qualified(&self) -> String {
        qualified(&self.schema, &self.name)
    }

    /// The foreign keys that change other rows when rows are deleted, or when their `columns` get other values.
    pub fn cascading_keys(
        &self,
        action: Action,
        columns: &[CheckedColumn],
    ) -> impl Iterator<Item = &IncomingForeignKey> {
        self.incoming.iter().filter(move |foreign_key| {
            let touched = |name: &String| columns.iter().any(|column| column.name == *name);
            matches!(foreign_key.referential_action(action), "c" | "n" | "d")
                && (action == Action::Delete || foreign_key.referenced.iter().any(touched))
        })
    }

    /// The column of this name.
    pub fn column(&self, name: &str) -> Option<&CheckedColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// Checks that these columns identify a row: all of them are NOT NULL, and a valid, non-partial unique index is over
    /// exactly them.
    ///
    /// # Errors
    /// The reason in words why they do not.
    pub fn identified_by(&self, key: &[NameAtLine]) -> Result<(), String> {
        let table = self.qualified();
        for NameAtLine { name, .. } in key {
            match self.column(name) {
                None => return Err(format!("{table} has no column {name}{}", self.suggestion(name))),
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

    /// The end of a message about a column that does not exist: `; did you mean user_id?`. It is empty where no name is
    /// similar.
    pub(super) fn suggestion(&self, name: &str) -> String {
        let nearest = self
            .columns
            .iter()
            .map(|column| (strsim::damerau_levenshtein(name, &column.name), &column.name))
            .min();
        match nearest {
            Some((distance, nearest)) if distance <= 1 + name.chars().count() / 4 => {
                format!("; did you mean {nearest}?")
            }
            _ => String::new(),
        }
    }
}
