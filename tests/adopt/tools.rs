//! The other tools, where `scripts/tools` puts them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::program::Program;
use crate::support::{self, TestDatabase};

/// The directory of the tools: the one that is named, else those that `scripts/tools` uses.
fn directory() -> Option<PathBuf> {
    let named = std::env::var_os("TRUEUP_TOOLS").map(PathBuf::from);
    let cached = [support::cache(), Some(PathBuf::from("/var/cache/trueup"))];
    let cached = cached.into_iter().flatten().map(|cache| cache.join("tools"));
    named.into_iter().chain(cached).find(|directory| directory.is_dir())
}

/// Python with Alembic, Django and psycopg.
pub(crate) fn python() -> Option<PathBuf> {
    let python = directory()?.join("venv/bin/python");
    let works = Command::new(&python).args(["-c", "import alembic, django, psycopg"]).output();
    works.is_ok_and(|output| output.status.success()).then_some(python)
}

/// dbmate's program: what npm puts before it needs node.
pub(crate) fn dbmate() -> Option<PathBuf> {
    let packages = directory()?.join("npm/node_modules/@dbmate").read_dir().ok()?;
    packages.flatten().map(|package| package.path().join("bin/dbmate")).find(|program| program.is_file())
}

/// Says it where cargo does not swallow it: nobody is to take such a run for a proof.
pub(crate) fn did_not_run(what: &str) {
    let words =
        format!("NOT RUN: {what} is not installed (scripts/tools installs it): its history was not proved\n");
    let _ = std::io::stderr().write_all(words.as_bytes());
    assert!(std::env::var_os("TRUEUP_REQUIRE_TOOLS").is_none(), "{words}");
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
