//! Who is in the way: of a waiting session, of a lock that is wanted, of a run.

use std::time::Duration;

use anyhow::Result;

use super::super::access::Access;
use super::super::event::Blocker;
use crate::postgres::connection::{Batch, OwnedRow, RowBuffer, Session};
use crate::postgres::sql::{brief_query, literal};

/// Who blocks a session that waits for a lock; see `blocking.sql`.
const BLOCKING: &str = include_str!("../blocking.sql");
/// Who holds locks on relations that conflict with a wanted one; see `holding.sql`.
const HOLDING: &str = include_str!("../holding.sql");
/// Who holds the advisory lock; see `lock_holder.sql`.
const LOCK_HOLDER: &str = include_str!("../lock_holder.sql");

/// The key of the session-level advisory lock that whoever writes to a database holds; one per database.
pub const ADVISORY_LOCK: i64 = 0x7472_616e_72a0_8000;

/// Puts the key of [`ADVISORY_LOCK`] into a query as `pg_locks` shows it: its halves, in place of `{high}` and `{low}`
/// (manual, "pg_locks").
pub fn with_lock_key(sql: &str) -> String {
    let (high, low) = (ADVISORY_LOCK >> 32, ADVISORY_LOCK & 0xffff_ffff);
    sql.replace("{high}", &high.to_string()).replace("{low}", &low.to_string())
}

/// A relation, and the table-level lock that is wanted on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WantedLock {
    /// As SQL writes it; looked up with the project's search_path, and left out when there is none.
    pub relation: String,
    /// The modes that conflict with the wanted one, as `pg_locks.mode` writes them: `AccessShareLock`.
    pub conflicting: Vec<&'static str>,
}

/// Who blocks this session now. Empty when it does not wait.
pub(in crate::writer) async fn blocking(
    control: &mut Session,
    pid: i32,
    whole_queries: bool,
) -> Result<Vec<Blocker>> {
    let rows = control.query(BLOCKING.replace("{pid}", &pid.to_string())).await?;
    rows.iter().map(|row| blocker(row, whole_queries)).collect()
}

/// Who holds the advisory lock of this database.
pub(in crate::writer) async fn lock_holder(
    control: &mut Session,
    whole_queries: bool,
) -> Result<Option<Blocker>> {
    let rows = control.query(with_lock_key(LOCK_HOLDER)).await?;
    rows.first().map(|row| blocker(row, whole_queries)).transpose()
}

/// A holder of locks, and what tells its transaction from another one of the same session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::writer) struct Holder {
    pub(in crate::writer) blocker: Blocker,
    pub(in crate::writer) transaction: String,
}

/// Whether somebody else holds a lock on any relation of this database that is not the system's, as an expression for a
/// session with any search_path. Most often nobody does; what stands in the way, if anything, [`holding`] tells.
pub(in crate::writer) fn anybody(database_oid: u32) -> String {
    format!(
        "EXISTS (SELECT FROM pg_catalog.pg_locks l WHERE l.granted \
         AND l.database OPERATOR(pg_catalog.=) '{database_oid}'::pg_catalog.oid \
         AND l.relation OPERATOR(pg_catalog.>=) '16384'::pg_catalog.oid \
         AND l.pid IS DISTINCT FROM pg_catalog.pg_backend_pid())"
    )
}

/// Who holds locks that conflict with these, our own session left out. Names of relations that are not there are left
/// out. One round trip; nothing is locked.
pub(in crate::writer) async fn holding(
    control: &mut Session,
    wanted: &[WantedLock],
    access: &Access,
    own: i32,
) -> Result<Vec<Holder>> {
    let mut rows = RowBuffer::default();
    let mut batch = Batch::default();
    // The message is a transaction, which the settings end with.
    let (before, question) = question(wanted, &access.search_path, &own.to_string(), "");
    batch.execute_all(before);
    batch.rows(question, &mut rows);
    control.run(batch).await?;
    let holder = |row: &OwnedRow| {
        let blocker = blocker(row, access.whole_queries)?;
        Ok(Holder { blocker, transaction: row.get("transaction")? })
    };
    rows.into_vec().iter().map(holder).collect()
}

/// The question who holds locks that conflict with these, after the statements that have to come before it in its transaction:
/// all but the session `own`, an expression.
fn question(wanted: &[WantedLock], search_path: &str, own: &str, more: &str) -> (Vec<String>, String) {
    let oids = wanted.iter().map(|wanted| {
        let name = literal(&wanted.relation);
        format!("COALESCE(pg_catalog.to_regclass({name})::pg_catalog.oid, '0'::pg_catalog.oid)")
    });
    let modes = wanted.iter().map(|wanted| literal(&wanted.conflicting.join(",")));
    // The project's search_path holds for the names alone.
    let before = vec![
        format!("SELECT pg_catalog.set_config('search_path', {}, true)", literal(search_path)),
        format!(
            // A function takes 100 arguments at most, an array has as many elements as it likes.
            "SELECT pg_catalog.set_config('trueup.wanted', \
             pg_catalog.array_to_string(ARRAY[{}]::pg_catalog.oid[], ','), true)",
            oids.collect::<Vec<_>>().join(", ")
        ),
        "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', true)".to_owned(),
    ];
    let sql = HOLDING.replace("{modes}", &modes.collect::<Vec<_>>().join(", "));
    (before, sql.replace("{own}", own).replace("{more}", more))
}

/// A lock that is in the way of a wanted one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockInTheWay {
    /// Who holds it.
    pub blocker: Blocker,
    /// The relation of the wanted lock, qualified and quoted; it is held there, on a partition, or on the table of an index.
    pub relation: String,
    /// The mode that is held, as `pg_locks` calls it.
    pub mode: String,
    /// Whether it builds an index.
    pub builds_index: bool,
    /// Whether it is an autovacuum that prevents wraparound, which gives way to nobody.
    pub prevents_wraparound: bool,
    /// Whether this role may not see how old it is.
    pub hidden: bool,
}

impl LockInTheWay {
    /// The question who holds locks that conflict with these, after the statements that come before it in its transaction.
    pub fn question(wanted: &[WantedLock], search_path: &str) -> (Vec<String>, String) {
        const MORE: &str = ", w.top::regclass::text AS relation, l.mode, \
            EXISTS (SELECT FROM pg_stat_progress_create_index x WHERE x.pid = l.pid) AS builds_index, \
            a.pid IS NOT NULL AND a.usename IS NULL AS prevents_wraparound";
        question(wanted, search_path, "pg_backend_pid()", MORE)
    }

    /// Reads the answers. `whole_queries` shows statements with the values in them.
    ///
    /// # Errors
    /// An answer is not of the type that was asked for.
    pub fn read(rows: &[OwnedRow], whole_queries: bool) -> Result<Vec<Self>> {
        let one = |row: &OwnedRow| {
            let blocker = blocker(row, whole_queries)?;
            let hidden = blocker.gid.is_none() && blocker.age.is_none();
            Ok(Self {
                blocker,
                relation: row.get("relation")?,
                mode: row.get("mode")?,
                builds_index: row.get("builds_index")?,
                prevents_wraparound: row.get("prevents_wraparound")?,
                hidden,
            })
        };
        rows.iter().map(one).collect()
    }
}

/// Reads the columns that the three queries have in common.
fn blocker(row: &OwnedRow, whole_queries: bool) -> Result<Blocker> {
    let query: Option<&str> = row.get("query")?;
    Ok(Blocker {
        pid: row.get("pid")?,
        gid: row.get("gid")?,
        role: row.get("role")?,
        application: row.get("application")?,
        host: row.get("host")?,
        state: row.get("state")?,
        age: milliseconds(row, "age_ms")?,
        // In place of a query that this role may not see stands that it may not.
        query: query
            .filter(|query| *query != "<insufficient privilege>")
            .map(|query| brief_query(query, whole_queries)),
    })
}

/// Reads a duration. Where the server's clock was set back, an age can be less than nothing.
pub(in crate::writer) fn milliseconds(row: &OwnedRow, column: &str) -> Result<Option<Duration>> {
    let time: Option<i64> = row.get(column)?;
    Ok(time.map(|time| Duration::from_millis(time.max(0).unsigned_abs())))
}
