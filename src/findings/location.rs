//! The place in the project's files that a finding is about.

use std::fmt;

use serde::Serialize;

/// The file that has every object of the compiled schema: the place of a finding that has no better one.
pub const LOCK_FILE: &str = "trueup.lock";

/// A line of a project file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Location {
    /// The path, relative to the project directory, with `/` between its parts.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
}

impl Location {
    /// A line of a file; the first line has the number 1.
    pub fn new(file: impl Into<String>, line: usize) -> Self {
        Self { file: file.into(), line: line.max(1) }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}
