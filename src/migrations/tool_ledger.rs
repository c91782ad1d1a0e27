//! The SQL that keeps the table of another tool in step, whose migrations trueup has taken over: the rows that the tool itself
//! would have written. Every statement may be run again.

use std::collections::{BTreeMap, BTreeSet};

use super::Migration;
use super::history::Applied;
use super::tools::{self, AppliedRevision, MigrationTool, TakenOver, ToolFile};
use crate::postgres::sql::{QualifiedTable, literal};

/// The table of a tool in one database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolLedger {
    tool: MigrationTool,
    /// Its name, qualified and quoted.
    table: String,
    exists: bool,
    /// The migrations that were taken over from the tool, by their versions here.
    known: BTreeMap<i64, TakenOver>,
    /// Those of them that are applied, and that the table does not have.
    missing: BTreeSet<i64>,
}

impl ToolLedger {
    /// A table that exists and has these rows, beside a history of trueup.
    pub fn existing(
        tool: MigrationTool,
        table: impl Into<String>,
        rows: &[AppliedRevision],
        migrations: &[Migration],
        applied: &[Applied],
    ) -> Self {
        let known = known(tool, migrations);
        let theirs = migrations.iter().filter_map(|migration| {
            let revision = known.get(&migration.version)?.revision.clone();
            Some(Migration { revision: Some(revision), ..migration.clone() })
        });
        let recorded = tools::applied(tool, rows, &theirs.collect::<Vec<_>>());
        let mut missing = known_of(&known, applied);
        missing.retain(|version| !recorded.iter().any(|row| row.version == *version));
        Self { tool, table: table.into(), exists: true, known, missing }
    }

    /// One that is created in this schema.
    pub fn new(tool: MigrationTool, schema: &str, migrations: &[Migration], applied: &[Applied]) -> Self {
        let table = QualifiedTable { schema: schema.to_owned(), table: tool.history().table.to_owned() };
        let known = known(tool, migrations);
        let missing = known_of(&known, applied);
        Self { tool, table: table.to_string(), exists: false, known, missing }
    }

    /// The applied migrations that the table does not have, though the tool knows them.
    pub fn missing(&self) -> &BTreeSet<i64> {
        &self.missing
    }

    /// Whether the tool knows a migration.
    pub fn knows(&self, version: i64) -> bool {
        self.known.contains_key(&version)
    }

    /// The table, where there is one.
    pub fn table(&self) -> Option<&str> {
        self.exists.then_some(self.table.as_str())
    }

    /// The tool.
    pub fn tool(&self) -> MigrationTool {
        self.tool
    }

    /// The statements that record migrations as applied. Those that the tool does not know are left out.
    pub fn insert(&self, versions: impl IntoIterator<Item = i64>) -> Vec<String> {
        let known = versions.into_iter().filter_map(|version| self.known.get(&version));
        let rows: Vec<String> = known.flat_map(|migration| self.rows(migration)).collect();
        match self.exists || rows.is_empty() {
            true => rows,
            false => [self.create(), rows].concat(),
        }
    }

    /// The statements that remove the row of a migration; none for one that the tool does not know.
    pub fn delete(&self, version: i64) -> Vec<String> {
        let Some(migration) = self.known.get(&version).filter(|_| self.exists) else { return Vec::new() };
        let (table, id) = (&self.table, literal(&migration.revision.id));
        let is_it = match self.tool {
            MigrationTool::Flyway => match &migration.file {
                Some(file) if migration.revision.id.starts_with("R__") => {
                    format!("script = {}", literal(&file.name))
                }
                _ => format!("version = {id}"),
            },
            MigrationTool::Goose => format!("version_id = {}", migration.revision.id),
            MigrationTool::GolangMigrate | MigrationTool::Sqlx => {
                format!("version = {}", migration.revision.id)
            }
            MigrationTool::NodePgMigrate => format!("name = {id}"),
            MigrationTool::Prisma => format!("migration_name = {id}"),
            MigrationTool::SqlMigrate => format!("id = {id}"),
            _ => format!("version::text = {id}"),
        };
        let mut statements = vec![format!("DELETE FROM {table} WHERE {is_it}")];
        // Its one row stands for all before it.
        let before = self.known.range(..version).next_back();
        if let (MigrationTool::GolangMigrate, Some((_, before))) = (self.tool, before) {
            statements.extend(self.rows(before));
        }
        statements
    }

    fn create(&self) -> Vec<String> {
        let history = self.tool.history();
        let table = &self.table;
        let mut statements =
            vec![history.create.replacen(&format!(" {} (", history.table), &format!(" {table} ("), 1)];
        if self.tool == MigrationTool::Goose {
            statements.push(format!(
                "INSERT INTO {table} (version_id, is_applied) SELECT 0, true WHERE NOT EXISTS (SELECT FROM {table})"
            ));
        }
        statements
    }

    /// The statements that write a migration's row where there is none.
    fn rows(&self, migration: &TakenOver) -> Vec<String> {
        let (table, number) = (&self.table, migration.revision.id.as_str());
        let id = literal(number);
        let row = |columns: &str, values: &str, is_it: &str| {
            format!(
                "INSERT INTO {table} ({columns}) SELECT {values} WHERE NOT EXISTS (SELECT FROM {table} WHERE {is_it})"
            )
        };
        let ToolFile { checksum, name } = migration
            .file
            .clone()
            .unwrap_or_else(|| ToolFile { checksum: String::new(), name: String::new() });
        match self.tool {
            MigrationTool::Flyway => {
                let script = literal(&name);
                let (version, is_it) = match number.starts_with("R__") {
                    true => ("NULL".to_owned(), format!("script = {script} AND checksum = {checksum}")),
                    // What was undone has a newer row.
                    false => (
                        id.clone(),
                        format!(
                            "success AND type NOT LIKE 'UNDO%' AND installed_rank = (SELECT pg_catalog.max(installed_rank) FROM \
                             {table} WHERE version = {id})"
                        ),
                    ),
                };
                vec![row(
                    "installed_rank, version, description, type, script, checksum, installed_by, execution_time, success",
                    &format!(
                        "(SELECT coalesce(pg_catalog.max(installed_rank), 0) + 1 FROM {table}), {version}, {}, 'SQL', {script}, \
                         {checksum}, current_user, 0, true",
                        literal(&description(&name, "__")),
                    ),
                    &is_it,
                )]
            }
            MigrationTool::GolangMigrate => vec![
                format!("DELETE FROM {table} WHERE version < {number}"),
                row("version, dirty", &format!("{number}, false"), "true"),
            ],
            // Earlier versions of goose did not delete rows.
            MigrationTool::Goose => vec![row(
                "version_id, is_applied",
                &format!("{number}, true"),
                &format!(
                    "is_applied AND id = (SELECT pg_catalog.max(id) FROM {table} WHERE version_id = {number})"
                ),
            )],
            MigrationTool::NodePgMigrate => {
                vec![row("name, run_on", &format!("{id}, pg_catalog.now()"), &format!("name = {id}"))]
            }
            MigrationTool::Prisma => vec![row(
                "id, checksum, finished_at, migration_name, applied_steps_count",
                &format!("pg_catalog.gen_random_uuid(), {}, pg_catalog.now(), {id}, 1", literal(&checksum)),
                &format!("migration_name = {id} AND finished_at IS NOT NULL AND rolled_back_at IS NULL"),
            )],
            MigrationTool::SqlMigrate => {
                vec![row("id, applied_at", &format!("{id}, pg_catalog.now()"), &format!("id = {id}"))]
            }
            MigrationTool::Sqlx => vec![row(
                "version, description, success, checksum, execution_time",
                &format!(
                    "{number}, {}, true, pg_catalog.decode({}, 'hex'), 0",
                    literal(&description(&name, "_")),
                    literal(&checksum)
                ),
                &format!("version = {number}"),
            )],
            _ => vec![row("version", &id, &format!("version::text = {id}"))],
        }
    }
}

/// The migrations that were taken over from the tool, and whose row is known.
fn known(tool: MigrationTool, migrations: &[Migration]) -> BTreeMap<i64, TakenOver> {
    let taken = migrations.iter().filter_map(|migration| {
        let from = migration.directives.from.clone().filter(|from| from.revision.tool == tool)?;
        Some((migration.version, from))
    });
    taken.collect()
}

/// Those that are applied.
fn known_of(known: &BTreeMap<i64, TakenOver>, applied: &[Applied]) -> BTreeSet<i64> {
    applied.iter().map(|row| row.version).filter(|version| known.contains_key(version)).collect()
}

/// What a tool makes of a file's name: `V1__add_users.sql`, `1_add_users.up.sql`.
fn description(file: &str, separator: &str) -> String {
    let name = file.rsplit('/').next().unwrap_or(file);
    let name = name.strip_suffix(".sql").unwrap_or(name);
    let name = name.strip_suffix(".up").unwrap_or(name);
    name.split_once(separator).map_or(name, |(_, words)| words).replace('_', " ")
}
