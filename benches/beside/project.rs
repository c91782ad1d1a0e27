//! Project directories with their databases: what `trueup check` is run on.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;
use trueup::migrations::checksum::{self, Width};
use trueup::migrations::{Migration, read_directory};

use crate::migrations::Script;
use crate::server::Server;

/// A compiled project, and the URL of a database that is as it says.
pub(crate) struct Project {
    directory: TempDir,
    pub(crate) url: String,
    /// How long `trueup compile` took.
    pub(crate) compiled_in: Duration,
}

impl Project {
    /// A project of this one schema, which its baseline migration builds.
    pub(crate) fn generated(server: &Server, database: &str, ddl: &str) -> Result<Self> {
        let directory = empty(ddl)?;
        std::fs::write(directory.path().join("migrations/V1__baseline.sql"), ddl)?;
        Self::of(server, database, directory)
    }

    /// A project of these migrations, whose schema is what all of them make. The database is another's business.
    pub(crate) fn of_migrations(server: &Server, database: &str, migrations: &[Script]) -> Result<Self> {
        let ddl: Vec<&str> = migrations.iter().map(|migration| migration.sql.as_str()).collect();
        let directory = empty(&ddl.concat())?;
        let project = Self { directory, url: server.url(database), compiled_in: Duration::ZERO };
        project.add(migrations)?;
        Ok(project)
    }

    /// Writes the files of migrations.
    pub(crate) fn add(&self, migrations: &[Script]) -> Result<()> {
        for Script { version, name, sql } in migrations {
            std::fs::write(self.path().join(format!("migrations/V{version}__{name}.sql")), sql)?;
        }
        Ok(())
    }

    /// `trueup compile` with these arguments, and a cache of its own.
    pub(crate) fn compile_again(&self, args: &[&str]) -> Command {
        let mut command = self.command("compile");
        command.args(args).env("XDG_CACHE_HOME", self.path().join("cache")).env_remove("TRUEUP_CACHE");
        command
    }

    /// The project at the root of the repository.
    pub(crate) fn reference(server: &Server, database: &str) -> Result<Self> {
        let directory = tempfile::tempdir()?;
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        std::fs::copy(root.join("trueup.toml"), directory.path().join("trueup.toml"))
            .context("trueup.toml")?;
        for folder in ["schema", "migrations", "checks"] {
            std::fs::create_dir(directory.path().join(folder))?;
            for entry in std::fs::read_dir(root.join(folder))? {
                let path = entry?.path();
                if path.extension() == Some(OsStr::new("sql")) {
                    let name = path.file_name().unwrap_or_default();
                    std::fs::copy(&path, directory.path().join(folder).join(name))?;
                }
            }
        }
        Self::of(server, database, directory)
    }

    /// Makes the database of the migrations, and compiles.
    fn of(server: &Server, database: &str, directory: TempDir) -> Result<Self> {
        let migrations = read_directory(&directory.path().join("migrations"))?;
        let history = directory.path().join("history.sql");
        std::fs::write(&history, self::history(&migrations))?;
        let files = migrations.iter().map(|migration| migration.path.as_path());
        let scripts: Vec<&Path> = files.chain([history.as_path()]).collect();
        server.create_database(database, &scripts)?;
        let url = server.url(database);
        let mut project = Self { directory, url, compiled_in: Duration::ZERO };
        project.compile()?;
        Ok(project)
    }

    /// `trueup compile`.
    pub(crate) fn compile(&mut self) -> Result<()> {
        let begin = Instant::now();
        let compiled = self.command("compile").status().context("trueup compile")?;
        ensure!(compiled.success(), "trueup compile: {compiled}");
        self.compiled_in = begin.elapsed();
        Ok(())
    }

    /// `trueup check` of the database.
    pub(crate) fn check(&self) -> Command {
        self.on_database("check")
    }

    /// `trueup upgrade` of the database.
    pub(crate) fn upgrade(&self) -> Command {
        let mut command = self.on_database("upgrade");
        command.arg("--yes");
        command
    }

    /// `trueup status` of the database.
    pub(crate) fn status(&self) -> Command {
        self.on_database("status")
    }

    /// `trueup ready` of the database.
    pub(crate) fn ready(&self) -> Command {
        self.on_database("ready")
    }

    /// `trueup gate` of the database.
    pub(crate) fn gate(&self) -> Command {
        self.on_database("gate")
    }

    /// Adds to its trueup.toml.
    pub(crate) fn add_settings(&self, text: &str) -> Result<()> {
        let path = self.directory.path().join("trueup.toml");
        let settings = std::fs::read_to_string(&path)?;
        Ok(std::fs::write(&path, format!("{settings}\n{text}"))?)
    }

    /// `trueup backup` of the database.
    pub(crate) fn backup(&self, level: &str) -> Command {
        let mut command = self.on_database("backup");
        command.args(["--verify", level]);
        command
    }

    /// `trueup lint` of its migrations.
    pub(crate) fn lint(&self) -> Command {
        self.command("lint")
    }

    /// `trueup verify` of the database.
    pub(crate) fn verify(&self, args: &[&str]) -> Command {
        let mut command = self.on_database("verify");
        command.args(args);
        command
    }

    /// `trueup undo` of a run.
    pub(crate) fn undo(&self, run: &str) -> Command {
        let mut command = self.on_database("undo");
        command.args([run, "--yes"]);
        command
    }

    /// Its directory.
    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The migrations, as files.
    pub(crate) fn migrations(&self) -> Result<Vec<Migration>> {
        Ok(read_directory(&self.directory.path().join("migrations"))?)
    }

    /// A file beside the project's own.
    pub(crate) fn file(&self, name: &str, text: &str) -> Result<PathBuf> {
        let path = self.directory.path().join(name);
        std::fs::write(&path, text)?;
        Ok(path)
    }

    fn on_database(&self, name: &str) -> Command {
        let mut command = self.command(name);
        command.args(["--database-url", &self.url]);
        command
    }

    /// The size of its trueup.lock, in bytes.
    pub(crate) fn lock_size(&self) -> Result<u64> {
        Ok(self.directory.path().join("trueup.lock").metadata()?.len())
    }

    #[allow(clippy::disallowed_methods, reason = "the benchmark is told by variables where PostgreSQL is")]
    fn command(&self, name: &str) -> Command {
        let mut command = Command::new(binary());
        command.env_clear().args([name, "--quiet", "--project"]).arg(self.directory.path());
        for variable in ["PATH", "HOME", "TRUEUP_PG_BIN", "TRUEUP_CACHE"] {
            if let Some(value) = std::env::var_os(variable) {
                command.env(variable, value);
            }
        }
        command
    }
}

/// The binary that is measured: of the release profile, without its symbols; installed, which is copied, as psql is. What the
/// linker has written piece by piece lies in the page cache in pieces, and starts half a millisecond later.
pub(crate) fn binary() -> &'static Path {
    static INSTALLED: LazyLock<PathBuf> = LazyLock::new(|| {
        let installed = Path::new(env!("CARGO_TARGET_TMPDIR")).join("trueup");
        let _ = std::fs::remove_file(&installed);
        std::fs::copy(env!("CARGO_BIN_EXE_trueup"), &installed).expect("the binary can be copied");
        installed
    });
    &INSTALLED
}

/// A directory with this schema and no migration.
fn empty(ddl: &str) -> Result<TempDir> {
    let directory = tempfile::tempdir()?;
    for folder in ["schema", "migrations"] {
        std::fs::create_dir(directory.path().join(folder))?;
    }
    std::fs::write(directory.path().join("trueup.toml"), "[project]\nname = \"bench\"\n")?;
    std::fs::write(directory.path().join("schema/schema.sql"), ddl)?;
    Ok(directory)
}

/// The history that refinery would have written.
pub(crate) fn history(migrations: &[Migration]) -> String {
    let mut sql = format!("{HISTORY_TABLE};\n");
    for migration in migrations {
        let _ = writeln!(sql, "{};", history_row(migration));
    }
    sql
}

/// refinery's history table.
pub(crate) const HISTORY_TABLE: &str = "CREATE TABLE public.refinery_schema_history (version int4 PRIMARY KEY, \
    name varchar(255), applied_on varchar(255), checksum varchar(255))";

/// The row of a migration.
pub(crate) fn history_row(migration: &Migration) -> String {
    format!(
        "INSERT INTO public.refinery_schema_history VALUES ({}, '{}', '2026-01-01T00:00:00Z', '{}')",
        migration.version,
        migration.name,
        checksum::written(migration, Width::Four)
    )
}
