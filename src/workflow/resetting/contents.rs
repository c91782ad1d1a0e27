//! Reads what is in the schemas that are emptied, and what would go with it.

use std::collections::BTreeSet;

use anyhow::Result;

use crate::postgres::connection::{OwnedRow, server_failure};
use crate::postgres::sql::{identifier, literal};
use crate::workflow::write_command::WriteCommand;

const CONTENTS: &str = include_str!("contents.sql");
const OUTSIDE: &str = include_str!("outside.sql");
const BARE: &str = include_str!("bare.sql");
const SCHEMAS: &str = "SELECT nspname AS schema, pg_get_userbyid(nspowner) AS owner, pg_has_role(nspowner, 'USAGE') AS may_drop \
                       FROM pg_namespace WHERE nspname IN ({schemas}) ORDER BY nspname";

/// An object that stands directly in a schema, in the words of `DROP`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Droppable {
    pub(super) schema: String,
    /// `table`, `materialized view`, `statistics object`, ...
    pub(super) kind: String,
    /// Its name, qualified and quoted, with its arguments.
    pub(super) identity: String,
    /// Whether it holds rows of its own.
    pub(super) has_rows: bool,
    owner: String,
    may_drop: bool,
}

impl Droppable {
    fn from_row(row: &OwnedRow) -> Result<Self> {
        let relkind: &str = row.get("relkind")?;
        Ok(Self {
            schema: row.get("schema")?,
            kind: row.get("type")?,
            identity: row.get("identity")?,
            has_rows: relkind == "r",
            owner: row.get("owner")?,
            may_drop: row.get("may_drop")?,
        })
    }

    /// As messages name it.
    pub(super) fn label(&self) -> String {
        format!("{} {}", self.kind, self.identity)
    }

    /// The role that owns it, where this role may not drop it.
    pub(super) fn owned_by_another(&self) -> Option<&str> {
        (!self.may_drop).then_some(self.owner.as_str())
    }

    /// The statement that drops it with what depends on it. One before it may have done so.
    pub(super) fn drop(&self) -> String {
        let word = match self.kind.as_str() {
            "function" | "procedure" | "aggregate" => "ROUTINE".to_owned(),
            "statistics object" => "STATISTICS".to_owned(),
            kind => kind.to_uppercase(),
        };
        format!("DROP {word} IF EXISTS {} CASCADE", self.identity)
    }
}

/// An object that stands in no schema: an extension, a publication, ...
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bare {
    /// `extension`, `event trigger`, `publication`, `server`, `foreign-data wrapper`.
    pub(super) kind: String,
    pub(super) name: String,
    identity: String,
    /// The schema of an extension.
    pub(super) schema: String,
    pub(super) may_drop: bool,
}

impl Bare {
    fn from_row(row: &OwnedRow) -> Result<Self> {
        Ok(Self {
            kind: row.get("type")?,
            name: row.get("name")?,
            identity: row.get("identity")?,
            schema: row.get("schema")?,
            may_drop: row.get("may_drop")?,
        })
    }

    pub(super) fn label(&self) -> String {
        format!("{} {}", self.kind, self.identity)
    }

    pub(super) fn drop(&self) -> String {
        let word = match self.kind.as_str() {
            "foreign-data wrapper" => "FOREIGN DATA WRAPPER".to_owned(),
            kind => kind.to_uppercase(),
        };
        format!("DROP {word} IF EXISTS {} CASCADE", self.identity)
    }
}

/// A schema that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ExistingSchema {
    pub(super) name: String,
    pub(super) owner: String,
    pub(super) may_drop: bool,
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Contents {
    pub(super) schemas: Vec<ExistingSchema>,
    pub(super) objects: Vec<Droppable>,
    pub(super) bare: Vec<Bare>,
}

impl Contents {
    /// Reads what is in these schemas, and what is in none.
    ///
    /// # Errors
    /// Exit 3.
    pub(super) async fn read(writing: &mut WriteCommand<'_>, schemas: &BTreeSet<String>) -> Result<Self> {
        let listed = listed(schemas.iter().map(String::as_str));
        let fill = |sql: &str| sql.replace("{schemas}", &listed);
        let found = rows(writing, &fill(SCHEMAS)).await?;
        let existing = found.iter().map(|row| {
            anyhow::Ok(ExistingSchema {
                name: row.get("schema")?,
                owner: row.get("owner")?,
                may_drop: row.get("may_drop")?,
            })
        });
        let schemas = existing.collect::<Result<_>>()?;
        let objects = rows(writing, &fill(CONTENTS)).await?;
        let objects = objects.iter().map(Droppable::from_row).collect::<Result<_>>()?;
        let bare = rows(writing, BARE).await?.iter().map(Bare::from_row).collect::<Result<_>>()?;
        Ok(Self { schemas, objects, bare })
    }
}

/// What goes with the contents of these schemas, and stands outside of them, or is to be kept.
///
/// # Errors
/// Exit 3.
pub(super) async fn outside(
    writing: &mut WriteCommand<'_>,
    schemas: &BTreeSet<String>,
    kept: &[&Droppable],
) -> Result<Vec<String>> {
    let quoted: Vec<_> = schemas.iter().map(|schema| identifier(schema)).collect();
    let kept: Vec<String> = kept.iter().map(|object| object.label()).collect();
    let sql = OUTSIDE
        .replace("{schemas}", &listed(schemas.iter().map(String::as_str)))
        .replace("{quoted}", &listed(quoted.iter().map(AsRef::as_ref)))
        .replace("{kept}", &listed(kept.iter().map(String::as_str)));
    let found = rows(writing, &sql).await?;
    let label =
        |row: &OwnedRow| anyhow::Ok(format!("{} {}", row.get::<&str>("type")?, row.get::<&str>("identity")?));
    found.iter().map(label).collect()
}

/// The texts as a list of SQL; of none, a list that no name is in.
fn listed<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let texts: Vec<String> = texts.map(literal).collect();
    if texts.is_empty() { "''".to_owned() } else { texts.join(", ") }
}

async fn rows(writing: &mut WriteCommand<'_>, sql: &str) -> Result<Vec<OwnedRow>> {
    let rows = writing.writer.query_control(sql).await;
    rows.map_err(|error| server_failure(error, "reading what the schemas contain"))
}
