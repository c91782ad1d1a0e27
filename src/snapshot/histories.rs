//! The migration histories in a database: which of them are read, and what they contain.

use anyhow::Result;

use crate::migrations::checksum::Width;
use crate::migrations::history::{self, Applied, HistoryTable, OtherHistory, TableCandidate};
use crate::migrations::tools::{self, AppliedRevision, MigrationTool};
use crate::migrations::{Migration, SquashState, fold};
use crate::postgres::catalog::reader::Assembler;
use crate::postgres::connection::Row;
use crate::postgres::sql::ChosenHistory;

/// Objects that initdb did not create have an oid from here on (manual, "System Catalog Declarations and Initial
/// Contents").
const FIRST_OWN_OID: u32 = 16384;

/// The tables that are histories, and their contents.
#[derive(Debug)]
pub(super) struct Histories {
    tables: Vec<HistoryTable>,
    ours: Option<HistoryTable>,
    /// A table that has the history's name, but not its columns.
    pub(super) malformed: Option<String>,
    readable: Vec<HistoryTable>,
    pub(super) applied: Vec<Applied>,
    others: Vec<OtherHistory>,
    /// The history of the tool that keeps the project's migrations.
    of_tool: Option<(MigrationTool, HistoryTable)>,
    rows_of_tool: Vec<AppliedRevision>,
    /// The table of the tool that is kept in step with the project's own history.
    kept: Option<(MigrationTool, HistoryTable)>,
}

/// The table of a tool that is kept in step with the project's own history.
#[derive(Debug)]
pub struct KeptTable {
    /// Its name, qualified and quoted.
    pub table: String,
    /// What it says.
    pub rows: Vec<AppliedRevision>,
}

/// The relations that have the name of a history or of one of trueup's internal tables, as the catalog's rows show them.
pub(super) fn found(assembler: &Assembler) -> Vec<TableCandidate> {
    let found = assembler.look_alikes().into_iter().filter(|relation| {
        // In schema trueup any relation of such a name stands in the table's place. No history is a view.
        relation.schema == "trueup"
            || matches!(relation.kind, b'r' | b'p') && !relation.schema.starts_with("pg_")
    });
    let candidates = found.map(|relation| TableCandidate {
        schema: relation.schema.to_owned(),
        table: relation.name.to_owned(),
        readable: relation.readable,
        ordinary: relation.kind == b'r',
        expressions: relation.expressions,
        own_types: relation.columns.iter().any(|(_, oid)| *oid >= FIRST_OWN_OID),
        of_schemas_owner: relation.of_schemas_owner,
        columns: relation.columns.into_iter().map(|(name, oid)| (name.to_owned(), oid)).collect(),
    });
    candidates.collect()
}

impl Histories {
    /// Chooses the project's history among the candidates: the one that it has chosen itself, else the one that its
    /// search_path finds first.
    pub(super) fn choose(
        found: &[TableCandidate],
        search_path: &str,
        chosen: Option<&ChosenHistory>,
        tool: Option<MigrationTool>,
        kept: Option<MigrationTool>,
    ) -> Self {
        let of = |candidate| HistoryTable::of(candidate, found, chosen);
        let tables: Vec<HistoryTable> = found.iter().filter_map(of).collect();
        let named = history::ours(&tables, search_path, chosen, tool).cloned();
        let (named, malformed) = match named {
            Some(table) if !table.genuine => (None, Some(table.path())),
            named => (named, None),
        };
        let (ours, of_tool) = match tool {
            Some(tool) => (None, named.map(|table| (tool, table))),
            None => (named, None),
        };
        let kept = kept.and_then(|kept| {
            let table = history::ours(&tables, search_path, None, Some(kept))?;
            (table.genuine && table.readable).then(|| (kept, table.clone()))
        });
        let readable = tables
            .iter()
            .filter(|table| table.readable && table.genuine)
            .filter(|table| !table.is_refinerys() || Some(*table) == ours.as_ref())
            .cloned()
            .collect();
        Self {
            tables,
            ours,
            malformed,
            readable,
            applied: Vec::new(),
            others: Vec::new(),
            of_tool,
            rows_of_tool: Vec::new(),
            kept,
        }
    }

    /// The statements that read them.
    pub(super) fn queries(&self) -> Vec<String> {
        // A project has one of the two.
        let of_tool = self.of_tool.iter().chain(&self.kept).filter(|(_, table)| table.readable);
        let of_tool = of_tool.map(|(tool, table)| table.filled_in(tool.history().applied));
        self.readable.iter().map(HistoryTable::query).chain(of_tool).collect()
    }

    /// Takes a row of the statement of that number.
    pub(super) fn row(&mut self, statement: usize, row: &Row<'_>) -> Result<()> {
        let Some(table) = self.readable.get(statement) else {
            let revision: Option<String> = row.at(0)?;
            let revision = revision.unwrap_or_default();
            let stands_for = row.at::<&str>(1)?.parse()?;
            self.rows_of_tool.push(AppliedRevision { revision, stands_for });
            return Ok(());
        };
        if table.is_refinerys() {
            self.applied.push(Applied::from_row(row)?);
        } else {
            self.others.push(OtherHistory::from_row(table, row)?);
        }
        Ok(())
    }

    /// The table of refinery's history, when this role may read it.
    pub(super) fn table(&self) -> Option<&HistoryTable> {
        self.ours.as_ref().filter(|table| table.readable)
    }

    /// The project's history in the order of versions, with the name of its table; `None` when there is none, or this role
    /// may not read it. That of another tool is read as one of these migrations.
    pub(super) fn ours(&mut self, migrations: &[Migration]) -> Option<(String, Vec<Applied>)> {
        if let Some((tool, table)) = self.of_tool.as_ref().filter(|(_, table)| table.readable) {
            return Some((table.path(), tools::applied(*tool, &self.rows_of_tool, migrations)));
        }
        let path = self.table()?.path();
        let mut applied = std::mem::take(&mut self.applied);
        applied.sort_by_key(|row| row.version);
        Some((path, applied))
    }

    /// Puts a baseline in the place of the migrations that it replaces, where the history has them all.
    pub(super) fn fold(&mut self, migrations: &[Migration]) -> Option<SquashState> {
        self.applied.sort_by_key(|row| row.version);
        let (applied, state) = fold(std::mem::take(&mut self.applied), migrations);
        self.applied = applied;
        state
    }

    /// The table that is kept in step, where there is one.
    pub(super) fn kept(&mut self) -> Option<KeptTable> {
        let (_, table) = self.kept.as_ref()?;
        Some(KeptTable { table: table.path(), rows: std::mem::take(&mut self.rows_of_tool) })
    }

    /// The width of the versions in refinery's history.
    pub(super) fn width(&self) -> Option<Width> {
        self.ours.as_ref().map(|table| table.width)
    }

    /// The table of the project's history, when this role may not read it.
    pub(super) fn invisible(&self) -> Vec<String> {
        let of_tool = self.of_tool.iter().map(|(_, table)| table);
        self.ours.iter().chain(of_tool).filter(|table| !table.readable).map(HistoryTable::path).collect()
    }

    /// The histories of other tools. Those that have no row, or that this role may not read, are among them.
    pub(super) fn others(&mut self) -> Vec<OtherHistory> {
        let mut others = std::mem::take(&mut self.others);
        // The project's own is told apart, unless a migration failed in it.
        let own = self.of_tool.as_ref().map(|(_, table)| table.path());
        others.retain(|other| own.as_ref() != Some(&other.table) || other.failed.is_some());
        for table in &self.tables {
            let known = others.iter().any(|other| other.table == table.path());
            if !table.is_refinerys() && !known && own != Some(table.path()) {
                others.push(OtherHistory::unknown(table));
            }
        }
        others
    }
}
