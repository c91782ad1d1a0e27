//! What a database says it has applied: refinery's history, and those that other tools left.
//!
//! It reads; nothing here judges a history or writes one.

use anyhow::{Context as _, Result};

use super::MigrationId;
use super::checksum::Width;
use crate::error::Failure;
use crate::postgres::connection::Row;
use crate::postgres::sql::qualified;

/// One SELECT, a row for every table that is called like a history or like one of trueup's own, for
/// [`Found::from_row`].
pub const PROBE: &str = include_str!("history_tables.sql");

/// Types by oid (`pg_type.dat`): int4 and int8; text and varchar; bool; timestamp and timestamptz.
const INT8: u32 = 20;
const NUMBER: &[u32] = &[23, INT8];
const TEXT: &[u32] = &[25, 1043];
const FLAG: &[u32] = &[16];
const TIME: &[u32] = &[1114, 1184];
const NUMBER_OR_TEXT: &[u32] = &[23, 20, 25, 1043];

/// A table that some tool keeps its history in.
struct Kind {
    /// The tool's name.
    tool: &'static str,
    table: &'static str,
    /// The column without which a table of this name is somebody else's; refinery's goes by its name alone.
    proof: Option<&'static str>,
    /// The columns that are read, and the types that they may have.
    columns: &'static [(&'static str, &'static [u32])],
    /// The query, of the table `{}`: for refinery all rows, in no order, else the current version in one row at most.
    /// No condition reaches the table itself (`OFFSET 0`): with `constraint_exclusion = on` the planner would evaluate
    /// what its CHECK constraints call (manual, "Partitioning and Constraint Exclusion").
    query: &'static str,
}

const KINDS: &[Kind] = &[
    Kind {
        tool: "refinery",
        table: TABLE,
        proof: None,
        columns: &[("version", NUMBER), ("name", TEXT), ("applied_on", TEXT), ("checksum", TEXT)],
        query: "SELECT version::text, name, applied_on, checksum FROM {}",
    },
    Kind {
        tool: "Alembic",
        table: "alembic_version",
        proof: Some("version_num"),
        columns: &[("version_num", TEXT)],
        query: "SELECT pg_catalog.string_agg(version_num, ', ' ORDER BY version_num) FROM {}",
    },
    Kind {
        tool: "Django",
        table: "django_migrations",
        proof: Some("app"),
        columns: &[("id", NUMBER), ("app", TEXT), ("name", TEXT)],
        query: "SELECT pg_catalog.concat(app, '.', name) FROM {} ORDER BY id DESC LIMIT 1",
    },
    Kind {
        tool: "Flyway",
        table: "flyway_schema_history",
        proof: Some("installed_rank"),
        columns: &[("installed_rank", NUMBER), ("version", TEXT), ("success", FLAG)],
        query: "SELECT version FROM (SELECT installed_rank, version, success FROM {} OFFSET 0) AS every \
                WHERE success AND version IS NOT NULL ORDER BY installed_rank DESC LIMIT 1",
    },
    Kind {
        tool: "sqlx",
        table: "_sqlx_migrations",
        proof: Some("checksum"),
        columns: &[("version", NUMBER), ("success", FLAG)],
        query: "SELECT version::text FROM (SELECT version, success FROM {} OFFSET 0) AS every \
                WHERE success ORDER BY version DESC LIMIT 1",
    },
    Kind {
        tool: "Prisma",
        table: "_prisma_migrations",
        proof: Some("migration_name"),
        columns: &[("migration_name", TEXT), ("finished_at", TIME)],
        query: "SELECT migration_name FROM (SELECT migration_name, finished_at FROM {} OFFSET 0) AS every \
                WHERE finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT 1",
    },
    Kind {
        tool: "dbmate",
        table: "schema_migrations",
        proof: Some("version"),
        columns: &[("version", NUMBER_OR_TEXT)],
        query: "SELECT version::text FROM {} ORDER BY version DESC LIMIT 1",
    },
];

/// What history tables are called.
#[cfg(test)]
pub(crate) fn tables() -> impl Iterator<Item = &'static str> {
    KINDS.iter().map(|kind| kind.table)
}

/// refinery's table (refinery-core, `DEFAULT_MIGRATION_TABLE_NAME`).
pub const TABLE: &str = "refinery_schema_history";

/// One row of refinery's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The version, int4 or int8 in the database.
    pub version: i64,
    /// The name after `V<version>__`.
    pub name: String,
    /// When, as refinery wrote it (the client's clock, RFC 3339).
    pub applied_on: String,
    /// The checksum; `None` when what stands there is no number.
    pub checksum: Option<u64>,
}

/// A history table that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryTable {
    /// Schema, raw.
    pub schema: String,
    /// Table, raw.
    pub table: String,
    /// Whether this role may SELECT from it, and sees all its rows.
    pub readable: bool,
    /// Whether it is a plain table with the columns, and their types, that its tool gives it.
    pub genuine: bool,
    /// The width of refinery's versions here.
    pub width: Width,
}

/// A relation that is called like a history, or like a table that trueup keeps for itself: what tells whether it is one,
/// and whether reading it runs nobody's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Schema, raw.
    pub schema: String,
    /// Table, raw.
    pub table: String,
    /// Whether this role may SELECT from it, and sees all its rows.
    pub readable: bool,
    /// Whether it is an ordinary table.
    pub ordinary: bool,
    /// Whether an index or statistics of it hold an expression, which the planner would evaluate.
    pub expressions: bool,
    /// Whether a column is of a type of somebody's own.
    pub own_types: bool,
    /// Whether it belongs to whom its schema belongs to.
    pub of_schemas_owner: bool,
    /// The columns that matter, or all, with the oids of their types.
    pub columns: Vec<(String, u32)>,
}

impl Found {
    /// Reads a row of [`PROBE`].
    ///
    /// # Errors
    /// When it is not that row.
    pub fn from_row(row: &Row<'_>) -> Result<Self> {
        // Whether a type is somebody's own, then `name:oid` for each column.
        let columns: &str = row.get("columns")?;
        let (own_types, columns) = columns.split_once(' ').unwrap_or((columns, ""));
        let columns = columns.split_whitespace().map(|column| {
            let (name, oid) = column.split_once(':').context("a column without its type")?;
            Ok((name.to_owned(), oid.parse()?))
        });
        Ok(Self {
            schema: row.get("schema")?,
            table: row.get("name")?,
            readable: row.get("readable")?,
            ordinary: row.get("ordinary")?,
            expressions: row.get("expressions")?,
            own_types: own_types != "f",
            of_schemas_owner: row.get("of_schemas_owner")?,
            columns: columns.collect::<Result<_>>()?,
        })
    }

    /// Whether reading it runs nobody's code.
    fn is_plain(&self) -> bool {
        self.ordinary && !self.expressions && !self.own_types
    }
}

/// The schema of the tables that trueup keeps for itself.
const OWN: &str = "trueup";

/// A table that trueup keeps for itself, or something else of its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnTable {
    /// Its name in schema `trueup`.
    pub name: String,
    /// Whether this role may SELECT from it, and sees all its rows.
    pub readable: bool,
    /// Whether reading it runs nobody's code: a plain table of the schema's owner, every type the server's own, no
    /// expression in index or statistics.
    pub plain: bool,
    columns: Vec<(String, u32)>,
}

impl OwnTable {
    /// Judges what was found; `None` when it is about another table.
    pub fn of(found: &Found) -> Option<Self> {
        if found.schema != OWN || KINDS.iter().any(|kind| kind.table == found.table) {
            return None;
        }
        Some(Self {
            name: found.table.clone(),
            readable: found.readable,
            plain: found.is_plain() && found.of_schemas_owner,
            columns: found.columns.clone(),
        })
    }

    /// Whether it is plain and has these columns, of these types (by oid).
    pub fn is_genuine(&self, wanted: &[(&str, u32)]) -> bool {
        let has =
            |(name, oid): &(&str, u32)| self.columns.iter().any(|(found, of)| found == name && of == oid);
        self.plain && wanted.iter().all(has)
    }
}

/// Another tool's history.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct OtherHistory {
    /// The tool's name.
    pub tool: &'static str,
    /// Its table, qualified and quoted.
    pub table: String,
    /// Its current version in the tool's own words; `None` when it has none, or may not be read.
    pub current: Option<String>,
}

impl HistoryTable {
    /// Judges what was found; `None` when it is only called like a history.
    ///
    /// A history is the one table of somebody else's that is read, and reading it must not run anybody's code: it is
    /// genuine when it is a plain table with the columns, and their types, that its tool gives it, no other column is
    /// of a type of somebody's own, and neither index nor statistics hold an expression that the planner would
    /// evaluate.
    pub fn of(found: &Found) -> Option<Self> {
        let kind = KINDS.iter().find(|kind| kind.table == found.table)?;
        let column =
            |wanted: &str| found.columns.iter().find(|(name, _)| name == wanted).map(|(_, oid)| *oid);
        if kind.proof.is_some_and(|proof| column(proof).is_none()) {
            return None;
        }
        let fits = |(wanted, types): &(&str, &[u32])| column(wanted).is_some_and(|oid| types.contains(&oid));
        Some(Self {
            schema: found.schema.clone(),
            table: found.table.clone(),
            readable: found.readable,
            genuine: found.is_plain() && kind.columns.iter().all(fits),
            width: if column("version") == Some(INT8) { Width::Eight } else { Width::Four },
        })
    }

    /// The table's qualified, quoted name.
    pub fn path(&self) -> String {
        qualified(&self.schema, &self.table)
    }

    /// The tool that writes this table, when it is not refinery.
    pub fn tool(&self) -> Option<&'static str> {
        self.kind().map(|kind| kind.tool).filter(|_| self.table != TABLE)
    }

    /// The query that reads it: for refinery all rows, in no order, for another tool its current version in one row
    /// at most.
    pub fn query(&self) -> String {
        // Nobody's history has children.
        let path = format!("ONLY {}", self.path());
        self.kind().map(|kind| kind.query.replace("{}", &path)).unwrap_or_default()
    }

    fn kind(&self) -> Option<&'static Kind> {
        KINDS.iter().find(|kind| kind.table == self.table)
    }
}

/// Of several refinery histories in one database the one that the project's search_path finds first.
pub fn ours<'t>(tables: &'t [HistoryTable], search_path: &str) -> Option<&'t HistoryTable> {
    let refinery = || tables.iter().filter(|table| table.table == TABLE);
    let in_path = search_path.split(',').map(|schema| schema.trim().trim_matches('"'));
    in_path
        .filter_map(|schema| refinery().find(|table| table.schema == schema))
        .next()
        .or_else(|| refinery().next())
}

impl Applied {
    /// Reads a row of refinery's history.
    ///
    /// # Errors
    /// When a row has no version, which the table's primary key forbids (exit 3).
    pub fn from_row(row: &Row<'_>) -> Result<Self> {
        // refinery declares no column but the version NOT NULL.
        let text = |column| row.get::<Option<&str>>(column).map(Option::unwrap_or_default);
        Ok(Self {
            version: text("version")?.parse().map_err(|_| {
                Failure::cannot_tell(format!("a row of {TABLE} has no version: the table was tampered with"))
                    .next("look at the table's rows: each is a migration that was applied")
            })?,
            name: text("name")?.to_owned(),
            applied_on: text("applied_on")?.to_owned(),
            checksum: text("checksum")?.parse().ok(),
        })
    }

    /// Its version and its name.
    pub fn id(&self) -> MigrationId<'_> {
        MigrationId { version: self.version, name: &self.name }
    }
}
