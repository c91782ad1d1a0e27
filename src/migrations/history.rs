//! The migration histories in a database: refinery's, and those of other tools.
//!
//! This module finds and reads them. It does not judge a history and does not write one.

use anyhow::{Context as _, Result};

use super::MigrationId;
use super::checksum::Width;
use super::tools::{MigrationTool, ToolRevision};
use crate::error::{ErrorCode, Failure};
use crate::postgres::catalog::history_tables::{
    HistoryTool, IDENTIFIER, INTERNAL_SCHEMA, INTERNAL_TABLES, REFINERY_TABLE, fill_in_names, filled_in,
};
use crate::postgres::connection::Row;
use crate::postgres::sql::{ChosenHistory, QualifiedTable, qualified, schemas_of_path};

/// One SELECT, with a row for every table that has the name of a history table or of one of trueup's own tables, for
/// [`TableCandidate::from_row`].
pub fn probe(chosen: Option<&ChosenHistory>) -> String {
    fill_in_names(include_str!("history_tables.sql"), chosen)
}

/// The oid of int8 (`pg_type.dat`).
const INT8: u32 = 20;

/// One row of refinery's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// The version, int4 or int8 in the database.
    pub version: i64,
    /// The name after `V<version>__`.
    pub name: String,
    /// The time, as refinery wrote it (the client's clock, RFC 3339).
    pub applied_on: String,
    /// The checksum; `None` when the column holds no number.
    pub checksum: Option<u64>,
    /// What another tool calls it, where the row is of that tool's history.
    pub revision: Option<ToolRevision>,
}

/// A history table that exists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryTable {
    /// The schema's name, raw.
    pub schema: String,
    /// The table's name, raw.
    pub table: String,
    /// Whether this role may SELECT from it and sees all its rows.
    pub readable: bool,
    /// Whether it is a plain table with the columns and types of its tool.
    pub genuine: bool,
    /// The width of refinery's versions in it.
    pub width: Width,
    /// What keeps it.
    kind: &'static HistoryTool,
    /// The column that the project names, where its own tool keeps it.
    column: Option<String>,
}

/// A relation that has the name of a history table or of one of trueup's own tables, and what decides whether it is
/// one and whether reading it runs somebody else's code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableCandidate {
    /// The schema's name, raw.
    pub schema: String,
    /// The table's name, raw.
    pub table: String,
    /// Whether this role may SELECT from it and sees all its rows.
    pub readable: bool,
    /// Whether it is an ordinary table.
    pub ordinary: bool,
    /// Whether an index or statistics of it hold an expression, which the planner would evaluate.
    pub expressions: bool,
    /// Whether a column has a type that initdb did not create.
    pub own_types: bool,
    /// Whether its owner is the owner of its schema.
    pub of_schemas_owner: bool,
    /// Its columns, with the oids of their types. Those with unusual names may be left out.
    pub columns: Vec<(String, u32)>,
}

impl TableCandidate {
    /// Reads a row of [`probe`].
    ///
    /// # Errors
    /// When the row is not of that query.
    pub fn from_row(row: &Row<'_>) -> Result<Self> {
        // The text begins with whether a column has a type of the user's own; `name:oid` of each column follows.
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

    /// Whether reading it runs only the server's own code.
    fn is_plain(&self) -> bool {
        self.ordinary && !self.expressions && !self.own_types
    }
}

/// One of trueup's own tables, or another relation of that name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InternalTable {
    /// Its name in schema `trueup`.
    pub name: String,
    /// Whether this role may SELECT from it and sees all its rows.
    pub readable: bool,
    /// Whether reading it runs only the server's own code: it is a plain table of the schema's owner, all types are
    /// the server's own, and neither an index nor statistics hold an expression.
    pub plain: bool,
    columns: Vec<(String, u32)>,
}

impl InternalTable {
    /// Takes a candidate that has the name of one of trueup's own tables; `None` for any other.
    pub fn of(found: &TableCandidate) -> Option<Self> {
        if found.schema != INTERNAL_SCHEMA || !INTERNAL_TABLES.contains(&found.table.as_str()) {
            return None;
        }
        Some(Self {
            name: found.table.clone(),
            readable: found.readable,
            plain: found.is_plain() && found.of_schemas_owner,
            columns: found.columns.clone(),
        })
    }

    /// Whether it is plain and has these columns, with types of these oids.
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
    /// The current version in the tool's own words; `None` when it has none, or when this role may not read it.
    pub current: Option<String>,
    /// A migration that failed or was interrupted, in the tool's own words.
    pub failed: Option<String>,
    /// How that is finished with the tool.
    #[serde(skip)]
    pub repair: &'static str,
    /// What to change in the tool's settings, so that it does not drop the project's history.
    #[serde(skip)]
    settings: &'static str,
}

impl OtherHistory {
    /// The history of a table that holds neither, or that this role may not read.
    pub fn unknown(table: &HistoryTable) -> Self {
        let HistoryTool { tool, repair, settings, .. } = *table.kind;
        Self { tool, table: table.path(), current: None, failed: None, repair, settings }
    }

    /// Reads the row of [`HistoryTable::query`].
    ///
    /// # Errors
    /// When the row is not of that query.
    pub fn from_row(table: &HistoryTable, row: &Row<'_>) -> Result<Self> {
        Ok(Self { current: row.at(0)?, failed: row.at(1)?, ..Self::unknown(table) })
    }

    /// What to change in the tool's settings, so that it does not drop the history of this name.
    pub fn settings_for(&self, history: &QualifiedTable) -> String {
        self.settings.replace("{schema}", &history.schema).replace("{history}", &history.table)
    }
}

impl HistoryTable {
    /// Takes a candidate that is a history table; `None` when it only has the name of one. `all` are the candidates among
    /// which it was found, `chosen` is the project's own choice of a table.
    ///
    /// Histories are the only tables of other people that trueup reads, and reading them must not run their code. A
    /// history is genuine when it is a plain table with the columns and types of its tool, no other column has a type
    /// of somebody's own, and neither an index nor statistics hold an expression that the planner would evaluate.
    pub fn of(
        found: &TableCandidate,
        all: &[TableCandidate],
        chosen: Option<&ChosenHistory>,
    ) -> Option<Self> {
        let beside = |table: &str, wanted: &str| {
            let tables = all.iter().filter(|other| other.schema == found.schema && other.table == table);
            tables.flat_map(|other| &other.columns).any(|(name, _)| name == wanted)
        };
        let chosen = chosen.filter(|chosen| chosen.table.is(&found.schema, &found.table));
        let kind = match chosen {
            Some(chosen) => HistoryTool::of_chosen(chosen),
            None => HistoryTool::of(&found.schema, &found.table, beside)?,
        };
        let column =
            |wanted: &str| found.columns.iter().find(|(name, _)| name == wanted).map(|(_, oid)| *oid);
        if kind.proof.is_some_and(|proof| column(proof).is_none()) {
            return None;
        }
        let has = |wanted: &str, types: &[u32]| column(wanted).is_some_and(|oid| types.contains(&oid));
        let own = chosen.and_then(|chosen| chosen.column.clone());
        let fits = kind.columns.iter().all(|(wanted, types)| has(wanted, types))
            && own.as_ref().is_none_or(|own| has(own, IDENTIFIER));
        Some(Self {
            schema: found.schema.clone(),
            table: found.table.clone(),
            readable: found.readable,
            genuine: found.is_plain() && fits,
            width: if column("version") == Some(INT8) { Width::Eight } else { Width::Four },
            kind,
            column: own,
        })
    }

    /// The table's qualified, quoted name.
    pub fn path(&self) -> String {
        qualified(&self.schema, &self.table)
    }

    /// Whether it is a history as refinery keeps it, and not that of another tool.
    pub fn is_refinerys(&self) -> bool {
        self.kind.tool == HistoryTool::refinery().tool
    }

    /// The query that reads it: all rows in no order for refinery, the current version and a failed migration in one row
    /// at most for another tool.
    pub fn query(&self) -> String {
        self.filled_in(self.kind.query)
    }

    /// A query of the table `{}`.
    pub fn filled_in(&self, query: &str) -> String {
        // Tables that inherit from it are not part of a history.
        filled_in(query, &format!("ONLY {}", self.path()), self.column.as_deref())
    }
}

/// Returns the history that the project chose, else that of its tool, refinery's where it has none: the one that its
/// search_path finds first, if a database has several.
pub fn ours<'t>(
    tables: &'t [HistoryTable],
    search_path: &str,
    chosen: Option<&ChosenHistory>,
    tool: Option<MigrationTool>,
) -> Option<&'t HistoryTable> {
    if let Some(chosen) = chosen {
        return tables.iter().find(|table| chosen.table.is(&table.schema, &table.table));
    }
    let title = tool.map_or(HistoryTool::refinery().tool, MigrationTool::title);
    let of_tool = || tables.iter().filter(|table| table.kind.tool == title);
    schemas_of_path(search_path)
        .iter()
        .filter_map(|schema| of_tool().find(|table| table.schema == *schema))
        .next()
        .or_else(|| of_tool().next())
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
                Failure::cannot_tell(format!(
                    "a row of {REFINERY_TABLE} has no version: the table was changed by hand"
                ))
                .code(ErrorCode::HISTORY_MALFORMED)
                .next("check the table's rows: each is a migration that was applied")
            })?,
            name: text("name")?.to_owned(),
            applied_on: text("applied_on")?.to_owned(),
            checksum: text("checksum")?.parse().ok(),
            revision: None,
        })
    }

    /// Its version and its name.
    pub fn id(&self) -> MigrationId<'_> {
        MigrationId { version: self.version, name: &self.name, revision: self.revision.as_ref() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::catalog::history_tables::{HISTORY_TOOLS, SideTable};

    fn candidate(table: &str, columns: impl IntoIterator<Item = (&'static str, u32)>) -> TableCandidate {
        TableCandidate {
            schema: "public".into(),
            table: table.into(),
            readable: true,
            ordinary: true,
            expressions: false,
            own_types: false,
            of_schemas_owner: true,
            columns: columns.into_iter().map(|(name, oid)| (name.to_owned(), oid)).collect(),
        }
    }

    /// A history among the tables that the tool has beside it.
    fn of(found: &TableCandidate, beside: Option<SideTable>) -> Option<HistoryTable> {
        let beside = beside.filter(|side| side.table != found.table);
        let beside = beside.map(|side| candidate(side.table, [(side.column, 25)]));
        let all: Vec<TableCandidate> = beside.into_iter().chain([found.clone()]).collect();
        HistoryTable::of(found, &all, None)
    }

    #[test]
    fn a_table_with_the_columns_of_its_tool_is_that_tools_history() {
        for tool in HISTORY_TOOLS {
            let columns = tool.columns.iter().map(|(name, types)| (*name, types[0]));
            let proof = tool.proof.filter(|proof| tool.columns.iter().all(|(name, _)| name != proof));
            let mut found = candidate(tool.table, columns.chain(proof.map(|proof| (proof, 17))));
            found.schema = tool.schema.unwrap_or("public").into();
            assert!(of(&found, tool.only_with).is_some_and(|table| table.genuine), "{}", tool.tool);
        }
    }

    /// The reader hides a table from the schema exactly when this takes it for a history: both ask for one column.
    #[test]
    fn a_table_without_the_proving_column_is_the_users_own() {
        for tool in HISTORY_TOOLS {
            let Some(proof) = tool.proof else { continue };
            let others = tool.columns.iter().filter(|(name, _)| *name != proof);
            let mut found = candidate(tool.table, others.map(|(name, types)| (*name, types[0])));
            found.schema = tool.schema.unwrap_or("public").into();
            assert_eq!(of(&found, tool.only_with), None, "{}", tool.tool);
        }
        let applied_alone = candidate("django_migrations", [("id", 20), ("applied", 1184)]);
        assert_eq!(of(&applied_alone, None), None);
        let app_alone = of(&candidate("django_migrations", [("app", 1043)]), None);
        assert!(
            app_alone.is_some_and(|table| !table.genuine),
            "Django's by its name and column, and not readable"
        );
    }
}
