//! The tables that are never part of a schema: the migration histories of the tools that are known here, and the tables
//! that trueup keeps for itself.
//!
//! This is the only list of them. The reader hides these tables, and the snapshots read them.

mod tools;

use crate::postgres::sql::{ChosenHistory, identifier, literal};

pub use tools::{HISTORY_TOOLS, IDENTIFIER};

/// How the history of a project's own tool is called.
pub const OWN_TOOL: &str = "the project's tool";

/// The schema of trueup's own tables.
pub const INTERNAL_SCHEMA: &str = "trueup";

/// trueup's own tables, in [`INTERNAL_SCHEMA`].
pub const INTERNAL_TABLES: [&str; 6] = ["mark", "runs", "steps", "migrations", "seeds", "repairs"];

/// refinery's history table (refinery-core, `DEFAULT_MIGRATION_TABLE_NAME`), which is trueup's, too.
pub const REFINERY_TABLE: &str = "refinery_schema_history";

/// A table that a tool keeps beside its history, or a column of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SideTable {
    /// The table's name.
    pub table: &'static str,
    /// The column that proves that it is the tool's.
    pub column: &'static str,
}

/// A tool, and the table in which it keeps its history.
#[derive(Debug)]
pub struct HistoryTool {
    /// The tool's name.
    pub tool: &'static str,
    /// The schema that its tables are in; `None` for any.
    pub schema: Option<&'static str>,
    /// The table's name.
    pub table: &'static str,
    /// The column that proves that a table of this name is the tool's: without it the table belongs to the user's schema.
    /// refinery's table needs no proof: its name decides.
    pub proof: Option<&'static str>,
    /// What tells the tool from others that have a table of this name: a column in the same schema.
    pub only_with: Option<SideTable>,
    /// Its other tables, which are never read.
    pub beside: &'static [SideTable],
    /// The columns that are read, and the oids of the types that they may have.
    pub columns: &'static [(&'static str, &'static [u32])],
    /// The query of the table `{}`: for refinery all rows, in no order; for another tool its current version and a
    /// migration that failed, in one row at most. No condition reaches the table itself (`OFFSET 0`): with
    /// `constraint_exclusion = on` the planner would evaluate the functions that its CHECK constraints call (manual,
    /// "Partitioning and Constraint Exclusion").
    pub query: &'static str,
    /// The query of all applied migrations in the table `{}`, under the same condition: what the tool calls each, and for
    /// which migrations it stands (`alone`, `through`, `ancestors`, `baseline`, `before`). `{column}` is the one that the project
    /// names. Empty where trueup does not read the tool's migrations. A repeatable migration of Flyway is called `R__` and its description.
    pub applied: &'static str,
    /// The statement that creates the table as the tool does, for migrations that name it. Empty where trueup does not
    /// read the tool's migrations, and for sqitch, whose tables no migration names.
    pub create: &'static str,
    /// How a migration that failed is finished with the tool; empty where its history shows none.
    pub repair: &'static str,
    /// What to change in the tool's settings, so that it does not drop the history `{schema}.{history}` as a table that
    /// it does not know.
    pub settings: &'static str,
}

impl PartialEq for HistoryTool {
    /// No two tools have one name.
    fn eq(&self, other: &Self) -> bool {
        self.tool == other.tool
    }
}

impl Eq for HistoryTool {}

impl HistoryTool {
    /// The tool whose history this is. `has` says whether a table of the same schema has a column.
    pub fn of(schema: &str, table: &str, has: impl Fn(&str, &str) -> bool) -> Option<&'static Self> {
        HISTORY_TOOLS.iter().find(|tool| {
            tool.table == table
                && tool.schema.is_none_or(|wanted| wanted == schema)
                && tool.only_with.is_none_or(|SideTable { table, column }| has(table, column))
        })
    }

    /// refinery.
    pub fn refinery() -> &'static Self {
        &HISTORY_TOOLS[0]
    }

    /// The project's own tool, whose table the project names.
    pub fn own() -> &'static Self {
        &tools::OWN
    }

    /// What keeps the history that a project names.
    pub fn of_chosen(chosen: &ChosenHistory) -> &'static Self {
        if chosen.column.is_some() { Self::own() } else { Self::refinery() }
    }
}

/// The column that proves that a table of this name is one of a tool's; `None` where no tool has such a table, or the
/// name alone decides.
pub fn proof(schema: &str, table: &str) -> Option<&'static str> {
    HISTORY_TOOLS.iter().filter(|tool| tool.schema.is_none_or(|wanted| wanted == schema)).find_map(|tool| {
        let beside = tool.beside.iter().find(|side| side.table == table).map(|side| side.column);
        tool.proof.filter(|_| tool.table == table).or(beside)
    })
}

/// The names of all tables of all tools.
fn names() -> impl Iterator<Item = &'static str> {
    HISTORY_TOOLS.iter().flat_map(|tool| tool.beside.iter().map(|side| side.table).chain([tool.table]))
}

/// A query of [`HistoryTool`], of this table, with the column that the project names.
pub fn filled_in(query: &str, table: &str, column: Option<&str>) -> String {
    query.replace("{}", table).replace("{column}", &identifier(column.unwrap_or_default()))
}

/// Whether a tool has a table of this name, for its history or beside that.
pub fn is_of_a_tool(table: &str) -> bool {
    names().any(|name| name == table)
}

/// Fills the lists of names into a query: `{history_tables}`, with the one that the project chose, and
/// `{internal_tables}`, as string literals.
pub fn fill_in_names(sql: &str, chosen: Option<&ChosenHistory>) -> String {
    let mut histories: Vec<&str> = names().collect();
    histories.extend(chosen.map(|chosen| chosen.table.table.as_str()));
    histories.sort_unstable();
    histories.dedup();
    let list = |names: &[&str]| names.iter().map(|name| literal(name)).collect::<Vec<_>>().join(", ");
    sql.replace("{history_tables}", &list(&histories)).replace("{internal_tables}", &list(&INTERNAL_TABLES))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::sql::QualifiedTable;

    #[test]
    fn names_are_filled_in_as_literals() {
        let table = QualifiedTable { schema: "ops".into(), table: "it's".into() };
        let chosen = ChosenHistory { table, column: None };
        let sql = fill_in_names("IN ({history_tables}) OR IN ({internal_tables})", Some(&chosen));
        assert!(sql.starts_with("IN ('__diesel_schema_migrations', '_prisma_migrations', "), "{sql}");
        assert!(sql.contains("'it''s', "), "{sql}");
        assert!(sql.ends_with("IN ('mark', 'runs', 'steps', 'migrations', 'seeds', 'repairs')"), "{sql}");
    }

    /// The names stand in SQL and in doubly quoted lists as they are.
    #[test]
    fn every_name_is_plain() {
        let plain = |name: &str| name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        assert!(INTERNAL_TABLES.iter().all(|name| plain(name)));
        for tool in HISTORY_TOOLS {
            assert!(plain(tool.table) && tool.proof.is_none_or(plain), "{}", tool.tool);
            assert!(tool.columns.iter().all(|(column, _)| plain(column)), "{}", tool.tool);
            assert!(tool.beside.iter().all(|side| plain(side.table) && plain(side.column)), "{}", tool.tool);
        }
    }

    #[test]
    fn tools_with_one_table_are_told_apart() {
        let tool = |found: &[(&str, &str)]| {
            HistoryTool::of("public", "schema_migrations", |table, column| found.contains(&(table, column)))
                .map(|tool| tool.tool)
        };
        assert_eq!(tool(&[("schema_migrations", "dirty")]), Some("golang-migrate"));
        assert_eq!(tool(&[("ar_internal_metadata", "value")]), Some("Rails"));
        assert_eq!(tool(&[]), Some("dbmate"));
        assert_eq!(proof("public", "changes"), None);
        assert_eq!(proof("sqitch", "changes"), Some("change_id"));
        assert_eq!(proof("public", "knex_migrations_lock"), Some("is_locked"));
    }
}
