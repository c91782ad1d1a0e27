//! The identity of a migration: its version and its name.

use std::fmt;

use super::tools::ToolRevision;

/// The version and the name of a migration, written as its file is named, without the suffix: `V3__add_username`. One of
/// another tool is written as that calls it: `dbmate 20260102030405 (add username)`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MigrationId<'m> {
    /// The version: a number or a timestamp.
    pub version: i64,
    /// The name: the part after the two underscores.
    pub name: &'m str,
    /// What another tool calls it, where that keeps it.
    pub revision: Option<&'m ToolRevision>,
}

impl MigrationId<'_> {
    /// The version for a sentence: `V7`, `dbmate 20260102030405`.
    pub fn at(&self) -> String {
        match self.revision {
            Some(ToolRevision { tool, id }) => format!("{} {id}", tool.label()),
            None => format!("V{}", self.version),
        }
    }

    /// The version as people know it.
    pub fn version_text(&self) -> String {
        self.revision.map_or_else(|| self.version.to_string(), |revision| revision.id.to_string())
    }
}

impl fmt::Display for MigrationId<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.revision {
            // The name says nothing that the identifier does not say.
            Some(ToolRevision { tool, id }) if id.ends_with(self.name) => write!(f, "{} {id}", tool.label()),
            Some(ToolRevision { tool, id }) => {
                write!(f, "{} {id} ({})", tool.label(), self.name.replace('_', " "))
            }
            None => write!(f, "V{}__{}", self.version, self.name),
        }
    }
}
