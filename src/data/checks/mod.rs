//! Data checks: queries of the project that return the rows that are wrong, with the fixes that may repair them.
//!
//! A check is a file that psql can run. Everything in it is SQL that the project's people wrote: it runs with their
//! search_path, each query as one statement inside of a subquery, in a READ ONLY transaction. Nothing here writes; see
//! `repair` for that.

mod file;
mod resolve;
mod run;
mod table;
mod validate;
mod visibility;

use std::path::PathBuf;

use serde::Serialize;

use crate::findings::Severity;

pub use file::{named, read_directory};
pub use run::{CheckLimits, CheckOptions, CheckResult, SampleRows, begin, look};
pub use table::{CheckedColumn, CheckedTable, IncomingForeignKey, Trigger};
pub use validate::{ValidatedCheck, ValidatedFix};
pub use visibility::VisibilityGap;

/// What a fix does to the rows that it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// Their other columns are given the values that it returns.
    Update,
    /// They are deleted.
    Delete,
}

impl Action {
    /// As the file and the records say it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// One query of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckQuery {
    /// The text, without its semicolon: one statement, in which every parenthesis that is closed was opened in it.
    pub text: String,
    /// The line that it begins on, from 1.
    pub line: usize,
}

/// A name in a file: a column, a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAtLine {
    /// As the database has it; of a table as SQL writes it.
    pub name: String,
    /// The line of the directive.
    pub line: usize,
}

/// One fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// Its name, unique in the file.
    pub name: String,
    /// What it does, in a person's words.
    pub description: String,
    /// What it does to the rows.
    pub action: Action,
    /// The most rows that it may change.
    pub at_most: Option<u64>,
    /// The rows, with their new values.
    pub query: CheckQuery,
    /// The line of `-- fix:`.
    pub line: usize,
}

/// One data check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The file's name without `.sql`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// What has to be true, in a person's words.
    pub title: String,
    /// How bad it is when it is not.
    pub severity: Severity,
    /// The table that the rows are of.
    pub table: Option<NameAtLine>,
    /// The columns that identify a row; what `find` and the fixes return has them.
    pub key: Vec<NameAtLine>,
    /// The columns of a row that are shown.
    pub show: Vec<NameAtLine>,
    /// The rows that are wrong.
    pub find: CheckQuery,
    /// The fixes, the first that proposes a row has it.
    pub fixes: Vec<Fix>,
}

impl Check {
    /// The columns of a sample: the key, then what else is shown.
    pub fn shown(&self) -> Vec<&NameAtLine> {
        let mut shown: Vec<&NameAtLine> = self.key.iter().collect();
        shown.extend(self.show.iter().filter(|column| !self.key.iter().any(|key| key.name == column.name)));
        shown
    }
}
