//! Who keeps others waiting now, or would: sessions that others wait for, and old transactions. What they run is not read: it may
//! hold values.

use std::time::Duration;

use crate::postgres::connection::{OwnedRow, RowError};
use crate::postgres::sql::literal;
use crate::writer::Blocker;

/// A session with a transaction.
#[derive(Debug, Clone)]
pub(crate) struct LockingSession {
    /// Who it is.
    pub(crate) session: Blocker,
    /// How many sessions wait for it.
    pub(crate) waiting: i64,
    /// A relation that it holds a lock on, qualified and quoted: one that was asked for first, then the strongest lock.
    pub(crate) relation: Option<String>,
    /// The mode of that lock, as pg_locks has it.
    pub(crate) mode: Option<String>,
    /// Whether that relation was asked for.
    pub(crate) asked_for: bool,
    /// Whether a relation of the database was asked for at all.
    pub(crate) some_asked_for: bool,
}

/// One SELECT: the sessions that others wait for, then those with old transactions that hold locks which writers wait for.
pub(super) fn statement(relations: &[String]) -> String {
    let names: Vec<String> = relations.iter().map(|name| literal(name)).collect();
    let names = if names.is_empty() { "NULL".to_owned() } else { names.join(", ") };
    include_str!("sessions.sql").trim_end().replace("{relations}", &names)
}

impl LockingSession {
    pub(super) fn read(row: &OwnedRow) -> Result<Self, RowError> {
        let age: Option<i64> = row.get("age")?;
        Ok(Self {
            session: Blocker {
                pid: row.get("pid")?,
                gid: row.get("gid")?,
                role: row.get("role")?,
                application: row.get("application")?,
                host: None,
                state: row.get("state")?,
                age: age.and_then(|seconds| u64::try_from(seconds).ok()).map(Duration::from_secs),
                query: None,
            },
            waiting: row.get("waiting")?,
            relation: row.get("relation")?,
            mode: row.get("mode")?,
            asked_for: row.get("asked_for")?,
            some_asked_for: row.get("some_asked_for")?,
        })
    }
}
