//! Why a difference exists.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a difference exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CauseKind {
    /// A migration that is not applied yet changes this.
    Pending,
    /// Somebody changed the database by hand.
    Drift,
    /// The schema files declare it, but no migration does it.
    Unmigrated,
    /// An applied migration makes it, and the schema files do not declare it.
    Undeclared,
    /// The database has newer migrations than this project directory.
    Ahead,
    /// A migration was changed after it was applied.
    Edited,
    /// A migration was interrupted.
    Unfinished,
    /// No cause can be proved.
    Unknown,
}

impl CauseKind {
    /// Every cause.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Drift,
        Self::Unmigrated,
        Self::Undeclared,
        Self::Ahead,
        Self::Edited,
        Self::Unfinished,
        Self::Unknown,
    ];

    /// The word for it, in JSON and on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Drift => "drift",
            Self::Unmigrated => "unmigrated",
            Self::Undeclared => "undeclared",
            Self::Ahead => "ahead",
            Self::Edited => "edited",
            Self::Unfinished => "unfinished",
            Self::Unknown => "unknown",
        }
    }

    /// What people read.
    pub fn label(self) -> &'static str {
        match self {
            Self::Unmigrated => "no migration yet",
            Self::Undeclared => "not declared",
            Self::Edited => "modified after apply",
            Self::Unfinished => "interrupted",
            other => other.word(),
        }
    }
}

impl fmt::Display for CauseKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// Why a difference exists, and which migration the reason is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Cause {
    /// The kind of cause.
    pub kind: CauseKind,
    /// The version of the migration that `detail` speaks of.
    pub migration: Option<String>,
    /// One sentence.
    pub detail: String,
}
