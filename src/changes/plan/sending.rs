//! What is sent of a script, to the server or to who runs it elsewhere: the statements that it was split into, and between
//! them what keeps the limit of waiting for locks in force, whatever a statement sets.

use std::time::Duration;

use super::{PlannedStatement, Script};
use crate::postgres::connection::ServerVersion;
use crate::postgres::sql::{Assignment, newer_setting};

/// The words that begin statements which set nothing, as long as no code that they run does: the watching connection ends
/// a wait that such code makes longer than the limit.
const SETS_NOTHING: [&str; 14] = [
    "alter", "analyze", "comment", "copy", "create", "delete", "drop", "grant", "insert", "lock", "merge",
    "revoke", "truncate", "update",
];

/// One thing that is sent of a script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sending {
    /// The statement of this index.
    Statement(usize),
    /// The limit of waiting for locks, before the statement of this index.
    Limit(usize, Duration),
}

impl Script {
    /// What is sent, in order, where a statement may wait so long for a lock. What the pg_dump of a newer major sets, and
    /// this server does not have, is left out.
    pub fn sending(&self, limit: Duration, server: ServerVersion) -> Vec<Sending> {
        let mut sent = Vec::with_capacity(self.statements.len());
        let mut holds = limit;
        let mut is_set = true;
        for (index, statement) in self.statements.iter().enumerate() {
            if newer_setting(&statement.as_statement()).is_some_and(|since| server.major() < since) {
                continue;
            }
            if !is_set {
                sent.push(Sending::Limit(index, holds));
            }
            sent.push(Sending::Statement(index));
            is_set = !statement.may_set();
            if let Some(set) = Assignment::of(&statement.as_statement())
                && matches!(set.name.as_str(), "lock_timeout" | "all")
            {
                // A shorter limit of the script's own holds.
                holds = set.duration().filter(|set| !set.is_zero() && *set < limit).unwrap_or(limit);
            }
        }
        sent
    }

    /// Whether a setting of the session may be another one afterwards.
    pub fn may_set(&self) -> bool {
        self.statements.iter().any(PlannedStatement::may_set)
    }
}

impl PlannedStatement {
    fn may_set(&self) -> bool {
        let statement = self.as_statement();
        let first = statement.words().next();
        first.is_none_or(|word| !SETS_NOTHING.contains(&word.as_str()))
            || statement.words().any(|word| word == "set_config")
    }
}
