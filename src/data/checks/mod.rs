//! Data checks: queries of the project that return wrong rows, and the fixes that can repair those rows.
//!
//! A check is a file that psql can run. Its SQL is the project's own. It runs with the project's search_path, each query as
//! one statement inside of a subquery, in a READ ONLY transaction. This room never writes; `repair` does.

mod file;
mod operators;
mod reach;
mod resolve;
mod run;
mod table;
mod validate;
mod visibility;

use std::path::PathBuf;

use serde::Serialize;

use crate::findings::Severity;

pub use file::{read_directory, select};
pub use run::{CheckLimits, CheckOptions, CheckResult, SampleRows, run, validate};
pub use table::{CheckedColumn, CheckedTable, IncomingForeignKey, OwnForeignKey, Trigger};
pub use validate::{ValidatedCheck, ValidatedFix};
pub use visibility::VisibilityGap;

/// What a fix does to the rows that it returns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// The fix sets the other columns that its query returns.
    Update,
    /// The fix deletes the rows.
    Delete,
}

impl Action {
    /// The word for it in files and records.
    pub fn word(self) -> &'static str {
        match self {
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

/// A query of a check's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckQuery {
    /// The text of one statement, without a semicolon. Its parentheses are balanced.
    pub text: String,
    /// The line on which it begins, from 1.
    pub line: usize,
}

/// The name of a column or a table in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameAtLine {
    /// The name of a column as the catalog has it; the name of a table as SQL writes it.
    pub name: String,
    /// The line of the directive, from 1.
    pub line: usize,
}

/// A fix of a check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// The name of the fix, unique in the file.
    pub name: String,
    /// What the fix does, in the project's words. It may be empty.
    pub description: String,
    /// What the fix does to rows.
    pub action: Action,
    /// `-- at-most:`, the largest number of rows that the fix may change.
    pub at_most: Option<u64>,
    /// The query for the rows, and for their new values.
    pub query: CheckQuery,
    /// The line of `-- fix:`, from 1.
    pub line: usize,
}

/// A data check.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// The name of the file without `.sql`.
    pub name: String,
    /// The path of the file.
    pub path: PathBuf,
    /// What has to be true, in the project's words.
    pub title: String,
    /// The severity of wrong rows.
    pub severity: Severity,
    /// The table of the rows. A check without fixes needs none.
    pub table: Option<NameAtLine>,
    /// The columns that identify a row. `find` and the fixes return them.
    pub key: Vec<NameAtLine>,
    /// Further columns of a wrong row that are shown.
    pub show: Vec<NameAtLine>,
    /// Columns of the table. While it lacks one of them, the check says nothing: what it is about is not there yet, or no more.
    pub while_column: Vec<NameAtLine>,
    /// The query for the wrong rows.
    pub find: CheckQuery,
    /// The fixes. A row belongs to the first fix that proposes something for it.
    pub fixes: Vec<Fix>,
}

impl Check {
    /// The columns of a sample: first the key, then the other columns of `show`.
    pub fn shown(&self) -> Vec<&NameAtLine> {
        let mut shown: Vec<&NameAtLine> = self.key.iter().collect();
        shown.extend(self.show.iter().filter(|column| !self.key.iter().any(|key| key.name == column.name)));
        shown
    }
}
