//! The beginning of a transaction that only reads.
//!
//! All its settings are local to it: behind a pooler that gives the session to somebody else, nothing stays. A client that
//! is gone, or that stands still, does not keep it open: see [`OBSERVED`] and [`IDLE`].

use std::time::Duration;

use super::{Batch, OBSERVED};
use crate::postgres::sql::{identifier, literal};

/// `idle_in_transaction_session_timeout`: nobody is asked anything while such a transaction is open.
const IDLE: Duration = Duration::from_secs(60);
const IDLE_SETTING: &str = "idle_in_transaction_session_timeout";

/// What a reading is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ReadingScope {
    /// A transaction of its own.
    #[default]
    Transaction,
    /// A part of a transaction that is open, and stays open: it sees the snapshot of that one. Its locks and settings end with
    /// it (manual, "ROLLBACK TO SAVEPOINT").
    OpenSnapshot,
}

impl ReadingScope {
    /// The statements that begin it. A transaction sees one snapshot.
    pub fn begin(self) -> ReadOnlyTransaction {
        match self {
            Self::Transaction => ReadOnlyTransaction::repeatable_read(),
            Self::OpenSnapshot => ReadOnlyTransaction(vec!["SAVEPOINT trueup_part".to_owned()]),
        }
    }

    /// The statements that end it, whatever became of it. Nothing of it is kept.
    pub fn end(self) -> &'static [&'static str] {
        match self {
            Self::Transaction => &["ROLLBACK"],
            Self::OpenSnapshot => &["ROLLBACK TO SAVEPOINT trueup_part", "RELEASE SAVEPOINT trueup_part"],
        }
    }
}

/// The statements that begin a READ ONLY transaction, in the order in which they are added.
#[derive(Debug, Clone)]
#[must_use]
pub struct ReadOnlyTransaction(Vec<String>);

impl ReadOnlyTransaction {
    /// A transaction whose statements each see what is committed when they begin.
    pub fn read_committed() -> Self {
        Self(vec!["BEGIN READ ONLY".to_owned()]).timeout(IDLE_SETTING, IDLE)
    }

    /// A transaction whose statements all see one snapshot.
    pub fn repeatable_read() -> Self {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY".to_owned();
        Self(vec![begin]).timeout(IDLE_SETTING, IDLE)
    }

    /// Sees the snapshot that another transaction has exported. The server takes this only before any query.
    pub fn in_snapshot(self, snapshot: &str) -> Self {
        self.statement(format!("SET TRANSACTION SNAPSHOT {}", literal(snapshot)))
    }

    /// Sets `statement_timeout`; zero is no limit.
    pub fn statement_timeout(self, limit: Duration) -> Self {
        self.timeout("statement_timeout", limit)
    }

    /// Sets `lock_timeout`; zero is no limit.
    pub fn lock_timeout(self, limit: Duration) -> Self {
        self.timeout("lock_timeout", limit)
    }

    /// Sets the search_path that trueup's own queries run with.
    pub fn catalog_search_path(self) -> Self {
        self.statement("SET LOCAL search_path = pg_catalog, pg_temp".to_owned())
    }

    /// Reading a table whose policies would hide rows is an error, not a shorter answer.
    pub fn row_security_off(self) -> Self {
        self.statement("SET LOCAL row_security = off".to_owned())
    }

    /// Adds settings, each a `SET LOCAL` that a semicolon ends.
    pub fn settings(mut self, settings: &str) -> Self {
        let settings = settings.split(';').map(str::trim).filter(|setting| !setting.is_empty());
        self.0.extend(settings.map(str::to_owned));
        self
    }

    /// Takes a role, where there is one.
    pub fn role(self, role: Option<&str>) -> Self {
        match role {
            Some(role) => self.statement(format!("SET LOCAL ROLE {}", identifier(role))),
            None => self,
        }
    }

    /// The statements, for a message that goes on after them.
    pub fn sql(&self) -> String {
        format!("{}; {OBSERVED}", self.0.join("; "))
    }

    /// A batch that begins with the statements.
    pub fn batch<'s>(self) -> Batch<'s> {
        let mut batch = Batch::default();
        batch.begin(self);
        batch
    }

    pub(super) fn into_statements(mut self) -> Vec<String> {
        self.0.push(OBSERVED.to_owned());
        self.0
    }

    fn timeout(self, setting: &str, limit: Duration) -> Self {
        self.statement(format!("SET LOCAL {setting} = {}", limit.as_millis()))
    }

    fn statement(mut self, statement: String) -> Self {
        self.0.push(statement);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_neither_begins_nor_ends_a_transaction() {
        let part = ReadingScope::OpenSnapshot.begin().statement_timeout(Duration::from_secs(1)).sql();
        assert_eq!(part, format!("SAVEPOINT trueup_part; SET LOCAL statement_timeout = 1000; {OBSERVED}"));
        assert_eq!(ReadingScope::OpenSnapshot.end().join("; ").matches("trueup_part").count(), 2);
        assert_eq!(ReadingScope::Transaction.end(), ["ROLLBACK"]);
    }

    #[test]
    fn settings_are_local_and_keep_their_order() {
        let transaction = ReadOnlyTransaction::repeatable_read()
            .in_snapshot("00000003-0000001B-1")
            .statement_timeout(Duration::from_secs(30))
            .settings("SET LOCAL jit = off; SET LOCAL TimeZone = 'UTC';")
            .role(Some("reporting role"))
            .role(None);
        assert_eq!(
            transaction.sql(),
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
             SET LOCAL idle_in_transaction_session_timeout = 60000; \
             SET TRANSACTION SNAPSHOT '00000003-0000001B-1'; SET LOCAL statement_timeout = 30000; SET LOCAL jit = off; SET LOCAL TimeZone = 'UTC'; \
             SET LOCAL ROLE \"reporting role\"; "
                .to_owned()
                + OBSERVED
        );
    }
}
