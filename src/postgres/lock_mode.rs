//! The modes of table-level locks and which of them go together (manual, "Explicit Locking", table "Conflicting Lock
//! Modes").

use std::fmt;

/// A table-level lock. Each is stronger than the ones before it, though not each conflicts with all that those do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LockMode {
    /// Queries.
    AccessShare,
    /// `SELECT ... FOR UPDATE`.
    RowShare,
    /// `INSERT`, `UPDATE`, `DELETE`.
    RowExclusive,
    /// `VACUUM`, `CREATE INDEX CONCURRENTLY`, `VALIDATE CONSTRAINT`.
    ShareUpdateExclusive,
    /// `CREATE INDEX`.
    Share,
    /// `CREATE TRIGGER`, `ADD FOREIGN KEY`.
    ShareRowExclusive,
    /// `REFRESH MATERIALIZED VIEW CONCURRENTLY`.
    Exclusive,
    /// Most of `ALTER TABLE`.
    AccessExclusive,
}

impl LockMode {
    /// Every mode, the weakest first.
    pub const ALL: [Self; 8] = [
        Self::AccessShare,
        Self::RowShare,
        Self::RowExclusive,
        Self::ShareUpdateExclusive,
        Self::Share,
        Self::ShareRowExclusive,
        Self::Exclusive,
        Self::AccessExclusive,
    ];

    /// The name in the manual, and in `LOCK TABLE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::AccessShare => "ACCESS SHARE",
            Self::RowShare => "ROW SHARE",
            Self::RowExclusive => "ROW EXCLUSIVE",
            Self::ShareUpdateExclusive => "SHARE UPDATE EXCLUSIVE",
            Self::Share => "SHARE",
            Self::ShareRowExclusive => "SHARE ROW EXCLUSIVE",
            Self::Exclusive => "EXCLUSIVE",
            Self::AccessExclusive => "ACCESS EXCLUSIVE",
        }
    }

    /// The mode of this [`LockMode::name`].
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.name() == name)
    }

    /// What `pg_locks.mode` calls it: `AccessShareLock`.
    pub fn pg_locks_name(self) -> &'static str {
        match self {
            Self::AccessShare => "AccessShareLock",
            Self::RowShare => "RowShareLock",
            Self::RowExclusive => "RowExclusiveLock",
            Self::ShareUpdateExclusive => "ShareUpdateExclusiveLock",
            Self::Share => "ShareLock",
            Self::ShareRowExclusive => "ShareRowExclusiveLock",
            Self::Exclusive => "ExclusiveLock",
            Self::AccessExclusive => "AccessExclusiveLock",
        }
    }

    /// The mode that `pg_locks.mode` calls so: `AccessShareLock`.
    pub fn from_pg_locks(mode: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|known| known.pg_locks_name() == mode)
    }

    /// Whether two transactions cannot hold the one and the other at the same time.
    pub fn conflicts_with(self, other: Self) -> bool {
        let (weaker, stronger) = if self <= other { (self, other) } else { (other, self) };
        match stronger {
            Self::AccessExclusive => true,
            Self::Exclusive => weaker >= Self::RowShare,
            Self::ShareRowExclusive => weaker >= Self::RowExclusive,
            // The one mode that goes together with itself and not with what is weaker.
            Self::Share => matches!(weaker, Self::RowExclusive | Self::ShareUpdateExclusive),
            Self::ShareUpdateExclusive => weaker == Self::ShareUpdateExclusive,
            Self::AccessShare | Self::RowShare | Self::RowExclusive => false,
        }
    }

    /// Whether queries wait while it is held, and while it is waited for.
    pub fn blocks_readers(self) -> bool {
        self.conflicts_with(Self::AccessShare)
    }

    /// Whether INSERT, UPDATE and DELETE wait while it is held, and while it is waited for.
    pub fn blocks_writers(self) -> bool {
        self.conflicts_with(Self::RowExclusive)
    }
}

impl fmt::Display for LockMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The manual's table, a row a mode, the weakest first: X where the two conflict.
    const CONFLICTS: [&str; 8] = [
        ".......X", //
        "......XX", //
        "....XXXX", //
        "...XXXXX", //
        "..XX.XXX", //
        "..XXXXXX", //
        ".XXXXXXX", //
        "XXXXXXXX",
    ];

    #[test]
    fn modes_conflict_as_the_manual_says() {
        for (mode, row) in LockMode::ALL.into_iter().zip(CONFLICTS) {
            for (other, expected) in LockMode::ALL.into_iter().zip(row.chars()) {
                assert_eq!(mode.conflicts_with(other), expected == 'X', "{mode} and {other}");
            }
        }
    }

    #[test]
    fn who_waits() {
        let readers: Vec<_> = LockMode::ALL.into_iter().filter(|mode| mode.blocks_readers()).collect();
        assert_eq!(readers, [LockMode::AccessExclusive]);
        let first = LockMode::ALL.into_iter().find(|mode| mode.blocks_writers());
        assert_eq!(first, Some(LockMode::Share));
        assert!(!LockMode::ShareUpdateExclusive.blocks_writers());
    }

    #[test]
    fn the_names_of_pg_locks() {
        assert_eq!(LockMode::from_pg_locks("ShareRowExclusiveLock"), Some(LockMode::ShareRowExclusive));
        assert_eq!(LockMode::from_pg_locks("ShareLock"), Some(LockMode::Share));
        assert_eq!(LockMode::from_pg_locks("SIReadLock"), None);
    }
}
