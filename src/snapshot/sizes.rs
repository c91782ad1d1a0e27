//! How large relations are, for a command that is about to lock them: the planner's estimates, read without a lock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;

use super::SILENCE;
use crate::postgres::connection::{self, ReadOnlyTransaction, Session, sqlstate};
use crate::postgres::sql::literal;

const SQL: &str = include_str!("sizes.sql");

/// How long the answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The size of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// `pg_class.reltuples`
    pub rows: u64,
    /// `pg_class.relpages` of the relation and of its TOAST table, in bytes, without the indexes.
    pub bytes: u64,
}

/// The sizes of relations, by their qualified and quoted names. A relation that does not exist, or was never analyzed, is
/// left out. It takes one round trip, and none for no relation.
///
/// # Errors
/// The server's or the connection's, in words.
pub async fn sizes(session: &mut Session, relations: &BTreeSet<&str>) -> Result<BTreeMap<String, Size>> {
    let mut sizes = BTreeMap::new();
    if relations.is_empty() {
        return Ok(sizes);
    }
    session.give_up_after(TIMEOUT.saturating_add(SILENCE));
    let paths: Vec<String> = relations.iter().copied().map(literal).collect();
    let transaction = ReadOnlyTransaction::read_committed().statement_timeout(TIMEOUT).catalog_search_path();
    let mut batch = transaction.batch();
    batch.each(SQL.replace("{paths}", &paths.join(", ")), |row| {
        sizes.insert(row.get("path")?, Size { rows: row.get("rows")?, bytes: row.get("bytes")? });
        Ok(())
    });
    batch.execute("COMMIT");
    if let Err(error) = session.run(batch).await {
        // On a lost connection there is nothing to end.
        let _ = session.execute("ROLLBACK").await;
        return Err(connection::server_failure(error, "reading how large the tables are"));
    }
    Ok(sizes)
}

/// The size of the database on the server's disk, in bytes; `None` where this role may not ask for it.
///
/// # Errors
/// The server's or the connection's, in words.
pub async fn database_bytes(session: &mut Session) -> Result<Option<u64>> {
    session.give_up_after(TIMEOUT.saturating_add(SILENCE));
    let sql = "SELECT pg_catalog.pg_database_size(pg_catalog.current_database()) AS bytes";
    let bytes = session.scalar(sql).await;
    let denied = |error: &anyhow::Error| {
        connection::server_error(error)
            .is_some_and(|said| connection::describe(said).is(sqlstate::INSUFFICIENT_PRIVILEGE))
    };
    match bytes {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if denied(&error) => Ok(None),
        Err(error) => Err(connection::server_failure(error, "reading how large the database is")),
    }
}
