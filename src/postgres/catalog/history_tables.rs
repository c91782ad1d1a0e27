//! The tables that are never part of a schema: the migration histories of the tools that are known here, and the tables
//! that trueup keeps for itself.
//!
//! This is the only list of them. The reader hides these tables, and the snapshots read them.

/// The schema of trueup's own tables.
pub const INTERNAL_SCHEMA: &str = "trueup";

/// trueup's own tables, in [`INTERNAL_SCHEMA`].
pub const INTERNAL_TABLES: [&str; 6] = ["mark", "runs", "steps", "migrations", "seeds", "repairs"];

/// refinery's history table (refinery-core, `DEFAULT_MIGRATION_TABLE_NAME`), which is trueup's, too.
pub const REFINERY_TABLE: &str = "refinery_schema_history";

/// The oids of types (`pg_type.dat`): int4 and int8; text and varchar; bool; timestamp and timestamptz.
const NUMBER: &[u32] = &[23, 20];
const TEXT: &[u32] = &[25, 1043];
const FLAG: &[u32] = &[16];
const TIME: &[u32] = &[1114, 1184];
const NUMBER_OR_TEXT: &[u32] = &[23, 20, 25, 1043];

/// A tool, and the table in which it keeps its history.
#[derive(Debug)]
pub struct HistoryTool {
    /// The tool's name.
    pub tool: &'static str,
    /// The table's name, in any schema.
    pub table: &'static str,
    /// The column that proves that a table of this name is the tool's: without it the table belongs to the user's schema.
    /// refinery's table needs no proof: its name decides.
    pub proof: Option<&'static str>,
    /// The columns that are read, and the oids of the types that they may have.
    pub columns: &'static [(&'static str, &'static [u32])],
    /// The query of the table `{}`: for refinery all rows, in no order; for another tool its current version, in one row
    /// at most. No condition reaches the table itself (`OFFSET 0`): with `constraint_exclusion = on` the planner would
    /// evaluate the functions that its CHECK constraints call (manual, "Partitioning and Constraint Exclusion").
    pub query: &'static str,
}

/// The tools whose histories are known.
pub static HISTORY_TOOLS: &[HistoryTool] = &[
    HistoryTool {
        tool: "refinery",
        table: REFINERY_TABLE,
        proof: None,
        columns: &[("version", NUMBER), ("name", TEXT), ("applied_on", TEXT), ("checksum", TEXT)],
        query: "SELECT version::text, name, applied_on, checksum FROM {}",
    },
    HistoryTool {
        tool: "Alembic",
        table: "alembic_version",
        proof: Some("version_num"),
        columns: &[("version_num", TEXT)],
        query: "SELECT pg_catalog.string_agg(version_num, ', ' ORDER BY version_num) FROM {}",
    },
    HistoryTool {
        tool: "Django",
        table: "django_migrations",
        proof: Some("app"),
        columns: &[("id", NUMBER), ("app", TEXT), ("name", TEXT)],
        query: "SELECT pg_catalog.concat(app, '.', name) FROM {} ORDER BY id DESC LIMIT 1",
    },
    HistoryTool {
        tool: "Flyway",
        table: "flyway_schema_history",
        proof: Some("installed_rank"),
        columns: &[("installed_rank", NUMBER), ("version", TEXT), ("success", FLAG)],
        query: "SELECT version FROM (SELECT installed_rank, version, success FROM {} OFFSET 0) AS every \
                WHERE success AND version IS NOT NULL ORDER BY installed_rank DESC LIMIT 1",
    },
    HistoryTool {
        tool: "sqlx",
        table: "_sqlx_migrations",
        proof: Some("checksum"),
        columns: &[("version", NUMBER), ("success", FLAG)],
        query: "SELECT version::text FROM (SELECT version, success FROM {} OFFSET 0) AS every \
                WHERE success ORDER BY version DESC LIMIT 1",
    },
    HistoryTool {
        tool: "Prisma",
        table: "_prisma_migrations",
        proof: Some("migration_name"),
        columns: &[("migration_name", TEXT), ("finished_at", TIME)],
        query: "SELECT migration_name FROM (SELECT migration_name, finished_at FROM {} OFFSET 0) AS every \
                WHERE finished_at IS NOT NULL ORDER BY finished_at DESC LIMIT 1",
    },
    HistoryTool {
        tool: "dbmate",
        table: "schema_migrations",
        proof: Some("version"),
        columns: &[("version", NUMBER_OR_TEXT)],
        query: "SELECT version::text FROM {} ORDER BY version DESC LIMIT 1",
    },
];

impl HistoryTool {
    /// The tool whose history table has this name.
    pub fn of(table: &str) -> Option<&'static Self> {
        HISTORY_TOOLS.iter().find(|tool| tool.table == table)
    }
}

/// Fills the lists of names into a query: `{history_tables}` and `{internal_tables}`, as string literals.
pub fn fill_in_names(sql: &str) -> String {
    let list = |names: &mut dyn Iterator<Item = &str>| {
        names.map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
    };
    sql.replace("{history_tables}", &list(&mut HISTORY_TOOLS.iter().map(|tool| tool.table)))
        .replace("{internal_tables}", &list(&mut INTERNAL_TABLES.iter().copied()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_filled_in_as_literals() {
        let sql = fill_in_names("IN ({history_tables}) OR IN ({internal_tables})");
        assert!(sql.starts_with("IN ('refinery_schema_history', 'alembic_version', "), "{sql}");
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
        }
    }
}
