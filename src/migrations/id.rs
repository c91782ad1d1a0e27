//! The identity of a migration: its version and its name.

use std::fmt;

/// The version and the name of a migration, written as its file is named, without the suffix: `V3__add_username`.
/// Reports hold the version as a text, everything else as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MigrationId<'m, V = i64> {
    /// The version: a number or a timestamp.
    pub version: V,
    /// The name: the part after the two underscores.
    pub name: &'m str,
}

impl<V: fmt::Display> fmt::Display for MigrationId<'_, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "V{}__{}", self.version, self.name)
    }
}
