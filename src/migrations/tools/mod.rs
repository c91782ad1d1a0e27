//! The migrations of other tools: which there are, in which order the tool runs them, what reverts them, and whether each is
//! one transaction. Those that are SQL are read from their files, and those that are programs are listed by the tool.

mod applied;
mod code;
mod command;
mod convert;
mod directories;
mod flyway;
mod names;
mod plan;
mod revert;
mod sections;
mod single_files;
mod taken_over;
mod versions;

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::error::{ErrorCode, Failure};
use crate::migrations::script::cannot_run_in_transaction as needs_no_transaction;
use crate::migrations::{Directives, Migration};
use crate::postgres::catalog::history_tables::OWN_TOOL;
use crate::postgres::sql::{read_file, without_bom};
use smol_str::SmolStr;

pub use applied::{AppliedRevision, StandsFor, applied};
pub use code::{CodeTool, ListedRevision, UrlForm};
pub use command::{DIR, Place, REVISION, URL};
pub use convert::{ConvertedFile, convert};
pub use flyway::{SETTINGS_FILES as FLYWAY_SETTINGS, schema as flyway_schema, set_value};
pub use names::words;
pub use revert::{APP, COUNT, NAME, TO};
pub use taken_over::{TakenOver, ToolFile};
use versions::numbers_of;
pub use versions::{number, versions_of};

/// A tool that keeps and applies migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MigrationTool {
    /// Programs of Python, each with its identifier and that of the one before it.
    Alembic,
    /// The project's own: the settings name the commands that list and apply its migrations.
    Command,
    /// One file with `-- migrate:up` and `-- migrate:down`.
    Dbmate,
    /// One directory each, with `up.sql`, `down.sql` and `metadata.toml`.
    Diesel,
    /// Programs of Python in the `migrations` of each app.
    Django,
    /// `V1.2__name.sql`, `U1.2__name.sql`, `R__name.sql`.
    Flyway,
    /// `1_name.up.sql` and `1_name.down.sql`.
    GolangMigrate,
    /// One file with `-- +goose Up` and `-- +goose Down`.
    Goose,
    /// Change sets of SQL, XML, YAML or JSON in a changelog.
    Liquibase,
    /// One file with `-- Up Migration` and `-- Down Migration`.
    NodePgMigrate,
    /// One directory each, with `migration.sql`.
    Prisma,
    /// Programs of Ruby, each with a timestamp.
    Rails,
    /// One file with `-- +migrate Up` and `-- +migrate Down`.
    SqlMigrate,
    /// `sqitch.plan`, `deploy/` and `revert/`.
    Sqitch,
    /// `1_name.sql`, or `1_name.up.sql` and `1_name.down.sql`.
    Sqlx,
}

impl MigrationTool {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Alembic,
        Self::Command,
        Self::Dbmate,
        Self::Diesel,
        Self::Django,
        Self::Flyway,
        Self::GolangMigrate,
        Self::Goose,
        Self::Liquibase,
        Self::NodePgMigrate,
        Self::Prisma,
        Self::Rails,
        Self::SqlMigrate,
        Self::Sqitch,
        Self::Sqlx,
    ];

    /// The word for it in settings and flags.
    pub fn word(self) -> &'static str {
        match self {
            Self::Alembic => "alembic",
            Self::Command => "command",
            Self::Dbmate => "dbmate",
            Self::Diesel => "diesel",
            Self::Django => "django",
            Self::Flyway => "flyway",
            Self::GolangMigrate => "golang-migrate",
            Self::Goose => "goose",
            Self::Liquibase => "liquibase",
            Self::NodePgMigrate => "node-pg-migrate",
            Self::Prisma => "prisma",
            Self::Rails => "rails",
            Self::SqlMigrate => "sql-migrate",
            Self::Sqitch => "sqitch",
            Self::Sqlx => "sqlx",
        }
    }

    /// Its own name, as its history is known by.
    pub fn title(self) -> &'static str {
        match self {
            Self::Alembic => "Alembic",
            Self::Command => OWN_TOOL,
            Self::Django => "Django",
            Self::Flyway => "Flyway",
            Self::Liquibase => "Liquibase",
            Self::Prisma => "Prisma",
            Self::Rails => "Rails",
            tool => tool.word(),
        }
    }

    /// What stands before the identifier of one of its migrations: `Alembic 41b7e9d3c5f0`.
    pub fn label(self) -> &'static str {
        if self == Self::Command { "migration" } else { self.title() }
    }

    /// What makes it run a migration outside of a transaction, as the end of `a migration of its own ...`.
    pub fn outside_transaction(self) -> &'static str {
        match self {
            Self::Dbmate => "marked -- migrate:up transaction:false",
            Self::Diesel => "with run_in_transaction = false in its metadata.toml",
            Self::Flyway => "with executeInTransaction=false in the .conf file beside it",
            Self::Goose => "marked -- +goose NO TRANSACTION",
            Self::SqlMigrate => "marked -- +migrate Up notransaction",
            Self::Sqlx => "that begins with -- no-transaction",
            Self::NodePgMigrate => "in JavaScript, with pgm.noTransaction()",
            Self::GolangMigrate | Self::Prisma | Self::Sqitch => "without any other statement",
            Self::Alembic | Self::Command | Self::Django | Self::Liquibase | Self::Rails => {
                "without a transaction"
            }
        }
    }

    /// Whether its history holds the newest migrations alone: one that the project lacks then hides which of the project's are
    /// applied.
    pub fn records_newest_alone(self) -> bool {
        self == Self::Alembic
    }

    /// The command that applies its pending migrations; `None` where only the project's settings know it.
    pub fn apply_command(self) -> Option<&'static str> {
        Some(match self {
            Self::Alembic => "alembic upgrade head",
            Self::Command => return None,
            Self::Dbmate => "dbmate up",
            Self::Diesel => "diesel migration run",
            Self::Django => "python manage.py migrate",
            Self::Flyway => "flyway migrate",
            Self::GolangMigrate => "migrate up",
            Self::Goose => "goose up",
            Self::Liquibase => "liquibase update",
            Self::NodePgMigrate => "node-pg-migrate up",
            Self::Prisma => "prisma migrate deploy",
            Self::Rails => "bin/rails db:migrate",
            Self::SqlMigrate => "sql-migrate up",
            Self::Sqitch => "sqitch deploy",
            Self::Sqlx => "sqlx migrate run",
        })
    }

    /// The tool of a word.
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|tool| tool.word() == word)
    }

    /// Where it keeps its migrations unless it is told otherwise, relative to the project.
    pub fn usual_directory(self) -> &'static str {
        match self {
            Self::Alembic => "alembic/versions",
            Self::Dbmate => "db/migrations",
            Self::Django => ".",
            Self::Flyway => "sql",
            Self::Liquibase => "db/changelog",
            Self::Prisma => "prisma/migrations",
            Self::Rails => "db/migrate",
            Self::Sqitch => ".",
            _ => "migrations",
        }
    }
}

/// What another tool calls one of its migrations.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ToolRevision {
    /// The tool.
    pub tool: MigrationTool,
    /// The tool's identifier: `20260102030405`, `1.2`, `20260102030405_add_users`.
    pub id: SmolStr,
}

impl ToolRevision {
    /// The app that it is of, and its name there; `None` with a tool that knows no apps.
    pub fn app(&self) -> Option<(&str, &str)> {
        self.id.split_once(self.tool.code()?.app_ends?)
    }
}

impl fmt::Display for MigrationTool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Command { OWN_TOOL } else { self.word() })
    }
}

/// A migration of another tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolMigration {
    /// What the tool's history calls it: `20260102030405`, `1.2`, `20260102030405_add_users`.
    pub revision: String,
    /// What it is called beside that: letters, digits and underscores.
    pub name: String,
    /// The file with the SQL.
    pub path: PathBuf,
    /// The SQL that the tool runs. Lines of the file that are not part of it are empty, so that lines keep their numbers.
    pub up: String,
    /// What reverts it, likewise, with its file.
    pub down: Option<(PathBuf, String)>,
    /// Whether the tool runs it without a transaction around it.
    pub no_transaction: bool,
    /// Whether it is run again whenever its text changes.
    pub is_repeatable: bool,
}

/// The tool that keeps a directory of migrations, and what it puts into their SQL.
#[derive(Debug, Clone, Copy)]
pub struct ToolSource<'p> {
    /// The tool.
    pub tool: MigrationTool,
    /// The directory in which the tool is run, which has its settings.
    pub home: &'p Path,
    /// Values of placeholders, which win over those of the tool's settings.
    pub placeholders: &'p [(String, String)],
}

/// A placeholder whose value is another one in every database, or at every time, where only rows depend on it. Something stands
/// in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandIn {
    /// The file.
    pub path: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// The placeholder as it is written: `${flyway:timestamp}`.
    pub name: String,
}

/// The migrations of another tool.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ToolMigrations {
    /// In the order in which the tool runs them; repeatable ones at the end.
    pub migrations: Vec<ToolMigration>,
    /// Files that are migrations for the tool, and are no SQL.
    pub code: Vec<PathBuf>,
    /// The values that were put in the place of placeholders, by their names.
    pub placeholders: BTreeMap<String, String>,
    /// The files in which that was done.
    pub replaced_in: Vec<PathBuf>,
    /// Where something stands for a value that is not known before the migration runs.
    pub stand_ins: Vec<StandIn>,
}

/// Reads the migrations that a tool keeps in a directory.
///
/// # Errors
/// Exit 2: every file that cannot be read as a migration of this tool, in one failure; a directory without any.
pub fn read(source: ToolSource<'_>, directory: &Path) -> Result<ToolMigrations, Failure> {
    let tool = source.tool;
    if tool.is_code() {
        let what = format!("only {tool} can run its migrations: they become no files of SQL");
        return Err(Failure::usage(what)
            .code(ErrorCode::MIGRATIONS_INVALID)
            .next(format!("keep {tool}, and work beside it: trueup init --tool {}", tool.word())));
    }
    let found = match tool {
        MigrationTool::Prisma => directories::prisma(directory),
        MigrationTool::Diesel => directories::diesel(directory),
        MigrationTool::Flyway => flyway::read(source, directory),
        MigrationTool::Sqitch => plan::read(directory),
        tool => single_files::read(tool, directory),
    }?;
    if found.migrations.is_empty() {
        let what = format!("{}: there is no migration of {tool}", directory.display());
        let failure = Failure::usage(what).code(ErrorCode::MIGRATIONS_INVALID);
        return Err(match found.code.first() {
            Some(code) => failure.next(format!(
                "{} is code, which trueup does not run; name the directory of the SQL files",
                code.display()
            )),
            None => failure.next("name the directory of its migrations: --dir DIR"),
        });
    }
    Ok(found)
}

/// The migrations of a project that a tool migrates.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProjectMigrations {
    /// The migrations, sorted by version.
    pub migrations: Vec<Migration>,
    /// The values that were put into their SQL in the place of placeholders, by their names.
    pub placeholders: BTreeMap<String, String>,
}

/// The migrations of a tool as those of a project that the tool migrates: with versions, and without down scripts, which the
/// tool runs itself. Repeatable ones are part of no version. None where they are programs, which `trueup.lock` has.
///
/// # Errors
/// As [`read`], and where some of them are code.
pub fn read_directory(source: ToolSource<'_>, directory: &Path) -> Result<ProjectMigrations, Failure> {
    let tool = source.tool;
    if tool.is_code() {
        return Ok(ProjectMigrations::default());
    }
    let found = read(source, directory)?;
    let of_code = found.code.iter().map(|code| {
        let what = format!("a migration of {tool} that is code: trueup cannot run it to learn what it does");
        Err::<(), _>(refuse(code, what).next(
            "write it as SQL; or let a command of yours, which can run it, run all of them: [migrations] tool = \"command\"",
        ))
    });
    Failure::collect(of_code)?;
    let revisions: Vec<&str> = found.migrations.iter().map(|migration| migration.revision.as_str()).collect();
    let versions = number(&revisions);
    let migrations = found.migrations.iter().zip(versions).map(|(migration, version)| Migration {
        version,
        name: migration.name.clone(),
        path: migration.path.clone(),
        sql: migration.up.clone(),
        down: None,
        directives: Directives { no_transaction: migration.no_transaction, ..Directives::default() },
        revision: Some(ToolRevision { tool, id: migration.revision.as_str().into() }),
        parents: Vec::new(),
    });
    Ok(ProjectMigrations { migrations: migrations.collect(), placeholders: found.placeholders })
}

/// A file of a migration. An empty one is a step without statements.
fn text_of(path: &Path) -> Result<String, Failure> {
    read_file(path).map(|text| without_bom(&text).to_owned())
}

fn refuse(path: &Path, what: impl fmt::Display) -> Failure {
    Failure::usage(format!("{}: {what}", path.display())).code(ErrorCode::MIGRATIONS_INVALID)
}

/// The entries of a directory whose names do not begin with a dot, sorted by name, each with its name.
fn entries(directory: &Path) -> Result<Vec<(String, PathBuf)>, Failure> {
    let unreadable = |error: std::io::Error| refuse(directory, error);
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()).map(str::to_owned) else { continue };
        if !name.starts_with('.') {
            found.push((name, path));
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a file holds migrations as code of a program.
fn is_code(name: &str) -> bool {
    let suffix = name.rsplit_once('.').map(|(_, suffix)| suffix.to_ascii_lowercase());
    matches!(suffix.as_deref(), Some("go" | "js" | "ts" | "mjs" | "cjs" | "py" | "rb" | "rs" | "java" | "kt"))
}

#[cfg(test)]
mod tests;
