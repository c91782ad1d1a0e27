//! The place in the project's files that a finding is about.

use std::fmt;

use serde::Serialize;

/// The file that has every object of the compiled schema: the place of a finding that has no better one.
pub const LOCK_FILE: &str = "trueup.lock";

/// A line of a project file, or a place in one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Location {
    /// The path, relative to the project directory, with `/` between its parts.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The character of the line, from 1, where it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<usize>,
}

impl Location {
    /// A line of a file; the first line has the number 1.
    pub fn new(file: impl Into<String>, line: usize) -> Self {
        Self { file: file.into(), line: line.max(1), column: None }
    }

    /// The character of the line, from 1.
    #[must_use]
    pub fn at_column(mut self, column: usize) -> Self {
        self.column = Some(column.max(1));
        self
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)?;
        self.column.map_or(Ok(()), |column| write!(f, ":{column}"))
    }
}
