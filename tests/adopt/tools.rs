//! The other tools, where `scripts/tools` puts them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::TestDatabase;
use crate::support::program::Program;
use crate::support::tools::{self, directory};

/// Python with Alembic, Django and psycopg.
pub(crate) fn python() -> Option<PathBuf> {
    let python = directory()?.join("venv/bin/python");
    let works = Command::new(&python).args(["-c", "import alembic, django, psycopg"]).output();
    works.is_ok_and(|output| output.status.success()).then_some(python)
}

/// Whether Ruby has Rails and its driver.
pub(crate) fn ruby() -> bool {
    let works =
        Command::new("ruby").args(["-e", "require 'rails'; require 'active_record'; require 'pg'"]).output();
    works.is_ok_and(|output| output.status.success())
}

/// dbmate's program: what npm puts before it needs node.
pub(crate) fn dbmate() -> Option<PathBuf> {
    let packages = directory()?.join("npm/node_modules/@dbmate").read_dir().ok()?;
    packages.flatten().map(|package| package.path().join("bin/dbmate")).find(|program| program.is_file())
}

/// A tool that is written in Go: `goose`, `migrate`.
pub(crate) fn of_go(name: &str) -> Option<PathBuf> {
    let program = directory()?.join("go").join(name);
    program.is_file().then_some(program)
}

/// Flyway's launcher, where Java is there to run it.
pub(crate) fn flyway() -> Option<PathBuf> {
    let program = directory()?.join("flyway/flyway");
    let has_java = Command::new("java").arg("-version").output().is_ok_and(|output| output.status.success());
    (has_java && program.is_file()).then_some(program)
}

/// Says that a tool's history was not proved.
pub(crate) fn did_not_run(what: &str) {
    tools::did_not_run(what, "its history was not proved");
}

/// A program of a tool, with nothing of the caller's that would redirect it.
pub(crate) fn tool(program: &Path, directory: &Path) -> Program {
    Program::of(program).current_dir(directory).env("PYTHONDONTWRITEBYTECODE", "1")
}

/// User, database and directory of the socket.
pub(crate) fn address(database: &TestDatabase) -> (String, String, String) {
    let url = url::Url::parse(database.url()).unwrap();
    (url.username().to_owned(), database.name().to_owned(), database.socket_dir().display().to_string())
}
