//! How large relations are, for whoever is about to lock them. Estimates of the planner, read without a lock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;

use super::SILENCE;
use crate::postgres::connection::{self, Session, sqlstate};
use crate::postgres::sql::literal;

const SQL: &str = include_str!("sizes.sql");

/// How long the answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// How large a relation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// `pg_class.reltuples`
    pub rows: u64,
    /// `pg_class.relpages` and those of its TOAST table, in bytes; without its indexes.
    pub bytes: u64,
}

/// The sizes of relations, by their qualified and quoted names. What is not there, and what was never analyzed, is left
/// out. One round trip in a READ ONLY transaction, none for no relation; no setting stays.
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
    let sql = format!(
        "BEGIN READ ONLY; SET LOCAL statement_timeout = {}; SET LOCAL search_path = pg_catalog, pg_temp; {}; COMMIT",
        TIMEOUT.as_millis(),
        SQL.replace("{paths}", &paths.join(", "))
    );
    let asked = session.message(sql, |_, row| {
        let number = |column: usize| row.text(column).and_then(|text| text.parse().ok());
        if let (Some(path), Some(rows), Some(bytes)) = (row.text(0), number(1), number(2)) {
            sizes.insert(path.to_owned(), Size { rows, bytes });
        }
        Ok(())
    });
    if let Err(error) = asked.await {
        // On a lost connection there is nothing to end.
        let _ = session.execute("ROLLBACK").await;
        return Err(connection::server_failure(error, "reading how large the tables are"));
    }
    Ok(sizes)
}

/// The size of the database on the server's disk, in bytes; `None` where this role may not know it.
///
/// # Errors
/// As [`sizes`].
pub async fn database_bytes(session: &mut Session) -> Result<Option<u64>> {
    session.give_up_after(TIMEOUT.saturating_add(SILENCE));
    let rows = session.rows("SELECT pg_catalog.pg_database_size(pg_catalog.current_database())").await;
    let denied = |error: &anyhow::Error| {
        connection::server_error(error)
            .is_some_and(|said| connection::describe(said).is(sqlstate::INSUFFICIENT_PRIVILEGE))
    };
    match rows {
        Ok(rows) => Ok(rows.into_iter().flatten().flatten().next().and_then(|bytes| bytes.parse().ok())),
        Err(error) if denied(&error) => Ok(None),
        Err(error) => Err(connection::server_failure(error, "reading how large the database is")),
    }
}
