//! Tools whose migrations are programs: only the tool itself knows which there are, and only it can run one. What differs
//! between them is a [`CodeTool`] each, in a file of its own.

mod alembic;
mod django;
mod liquibase;
mod own;
mod rails;

use std::path::{Path, PathBuf};

use smol_str::SmolStr;

use super::{MigrationTool, entries, is_code};
use crate::error::Failure;
use crate::postgres::sql::read_file;

/// A revision, as the tool lists it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedRevision {
    /// The tool's identifier: `8c1d2e3f`, `auth.0001_initial`.
    pub id: SmolStr,
    /// What it is called beside that: letters, digits and underscores.
    pub name: String,
    /// The revisions that are applied before it.
    pub parents: Vec<SmolStr>,
    /// Those of them that it rests on without coming after them (Alembic's `depends_on`).
    pub dependencies: Vec<SmolStr>,
    /// Its file, where the tool says it.
    pub file: Option<PathBuf>,
}

/// How a tool whose migrations are programs is called, and what it prints. The commands of a project's own tool are in its
/// settings, and empty here.
#[derive(Debug)]
pub struct CodeTool {
    /// The setting that says how it is called.
    pub setting: &'static str,
    /// Settings that it may need, as comments for a new `trueup.toml`.
    pub example: &'static str,
    /// Its program, with the arguments that come before all others.
    pub program: &'static [&'static str],
    /// The directories, below that in which it is run, where its program is looked for before PATH.
    pub installed_in: &'static [&'static str],
    /// The arguments with which it connects to the database, and changes nothing.
    pub look: &'static [&'static str],
    /// The arguments with which it lists all its revisions.
    pub list: &'static [&'static str],
    /// Reads what the list prints: the revisions, parents before their children.
    ///
    /// # Errors
    /// What was expected, and where.
    pub read_list: fn(&str) -> Result<Vec<ListedRevision>, String>,
    /// The arguments with which it applies one revision, all of whose parents are applied. The number is how many it has to
    /// run for that: more than one where it runs earlier ones again.
    pub step: fn(&str, usize) -> Vec<String>,
    /// The arguments with which it takes back one revision, which no other applied one comes after.
    pub step_back: fn(&ListedRevision) -> Vec<String>,
    /// Whether there may be revisions that it runs every time.
    pub runs_some_again: bool,
    /// The arguments with which it applies all that is pending.
    pub upgrade: &'static [&'static str],
    /// What else to do where it works on another database than it is given; empty where there is nothing.
    pub elsewhere: &'static str,
    /// How it takes the URL of the database.
    pub url: UrlForm,
    /// What ends the name of the app in an identifier, where migrations are kept by app.
    pub app_ends: Option<char>,
    /// The files of the migrations below a directory: what the lock depends on.
    pub files: fn(&Path) -> Result<Vec<PathBuf>, Failure>,
}

/// How a tool takes the URL of the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UrlForm {
    /// As libpq does.
    Plain,
    /// With the driver in its scheme: `postgresql+psycopg://`.
    Driver,
    /// With the directory of a socket in the place of the host: `postgresql://role@%2Fvar%2Frun%2Fpostgresql/shop`.
    SocketAsHost,
    /// Its driver reaches no socket: a throwaway server has to listen on the loopback interface, too.
    Network,
}

impl MigrationTool {
    /// How it is called, where its migrations are programs.
    pub fn code(self) -> Option<&'static CodeTool> {
        match self {
            Self::Alembic => Some(&alembic::TOOL),
            Self::Command => Some(&own::TOOL),
            Self::Django => Some(&django::TOOL),
            Self::Liquibase => Some(&liquibase::TOOL),
            Self::Rails => Some(&rails::TOOL),
            _ => None,
        }
    }

    /// Whether its migrations are programs, and not SQL.
    pub fn is_code(self) -> bool {
        self.code().is_some()
    }
}

impl CodeTool {
    /// The files of the migrations below a directory, with their texts.
    ///
    /// # Errors
    /// Exit 2: a directory or a file that cannot be read.
    pub fn files_with_texts(&self, directory: &Path) -> Result<Vec<(PathBuf, String)>, Failure> {
        let files = (self.files)(directory)?;
        Failure::collect(files.into_iter().map(|path| read_file(&path).map(|text| (path, text))))
    }
}

/// The files of programs in a directory and in those below it.
fn programs_below(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    files_below(directory, is_code)
}

/// The files of such names in a directory and in those below it.
fn files_below(directory: &Path, is_wanted: fn(&str) -> bool) -> Result<Vec<PathBuf>, Failure> {
    let mut found = Vec::new();
    for (name, path) in entries(directory)? {
        if path.is_dir() {
            if name != "__pycache__" {
                found.extend(files_below(&path, is_wanted)?);
            }
        } else if is_wanted(&name) {
            found.push(path);
        }
    }
    Ok(found)
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
fn shown(found: &[ListedRevision]) -> Vec<String> {
    found.iter().map(|one| format!("{} {} {}", one.id, one.name, one.parents.join("+"))).collect()
}
