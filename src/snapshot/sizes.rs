//! How large relations are, for a command that is about to lock them: the planner's estimates, read without a lock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;

use super::SILENCE;
use crate::postgres::catalog::{Kind, ObjectId};
use crate::postgres::connection::{self, Batch, ReadOnlyTransaction, Row, Session, sqlstate};
use crate::postgres::sql::literal;

const SQL: &str = include_str!("sizes.sql");

/// How long the answer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The size of a relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// `pg_class.reltuples`; nothing where the relation was never analyzed and is empty.
    pub rows: u64,
    /// `pg_class.relpages` of the relation and of its TOAST table, in bytes, without the indexes.
    pub bytes: u64,
    /// The same of its indexes.
    pub index_bytes: u64,
    /// Whether it is a partitioned table, which is as large as its partitions together.
    pub partitioned: bool,
}

/// Relations of these paths, which are qualified and quoted.
const OF_PATHS: &str = "SELECT p.path, n.nspname AS schema, c.relname AS name, c.oid, c.relkind
    FROM unnest(ARRAY[{paths}]) AS p(path)
    CROSS JOIN LATERAL parse_ident(p.path) AS parts
    JOIN pg_namespace n ON n.nspname = parts[1]
    JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = parts[2]";

/// All tables, materialized views and indexes of some schemas.
const OF_SCHEMAS: &str = "SELECT '' AS path, n.nspname AS schema, c.relname AS name, c.oid, c.relkind
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'm', 'p', 'i') AND c.relpersistence <> 't' AND n.nspname <> 'trueup' AND {schemas}";

/// Where no schemas are chosen: all but those of the system, and of temporary tables.
const OWN_SCHEMAS: &str = "n.nspname <> 'information_schema' AND n.nspname !~ '^pg_'";

/// The sizes of all tables, materialized views and indexes, and the day on the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllSizes {
    /// `2026-11-30`, in UTC.
    pub day: String,
    /// The database.
    pub database: String,
    /// The sizes by qualified and quoted names; `None` where a relation was never analyzed, and is not empty.
    pub relations: BTreeMap<String, Option<Size>>,
}

impl Size {
    /// `None` where the relation was never analyzed, and is not empty.
    fn from_row(row: &Row<'_>) -> Result<Option<Self>> {
        if !row.get::<bool>("known")? {
            return Ok(None);
        }
        Ok(Some(Self {
            rows: row.get("rows")?,
            bytes: row.get("bytes")?,
            index_bytes: row.get("index_bytes")?,
            partitioned: row.get("partitioned")?,
        }))
    }
}

/// The sizes of relations, by their qualified and quoted names. A relation that does not exist, or was never analyzed
/// and is not empty, is left out. It takes one round trip, and none for no relation.
///
/// # Errors
/// The server's or the connection's, in words.
pub async fn sizes(session: &mut Session, relations: &BTreeSet<&str>) -> Result<BTreeMap<String, Size>> {
    let mut sizes = BTreeMap::new();
    let Some(sql) = sizes_sql(relations) else { return Ok(sizes) };
    let mut batch = begun(session);
    batch.each(sql, |row| add_size(&mut sizes, row));
    ended(session, batch).await?;
    Ok(sizes)
}

/// The query for the sizes of relations, by their qualified and quoted names; `None` for no relation. Its search_path is
/// `pg_catalog, pg_temp`.
pub fn sizes_sql(relations: &BTreeSet<&str>) -> Option<String> {
    let paths: Vec<String> = relations.iter().copied().map(literal).collect();
    let named = || OF_PATHS.replace("{paths}", &paths.join(", "));
    (!paths.is_empty()).then(|| SQL.replace("{named}", &named()))
}

/// Adds a row of [`sizes_sql`].
///
/// # Errors
/// It is no such row.
pub fn add_size(sizes: &mut BTreeMap<String, Size>, row: &Row<'_>) -> Result<()> {
    if let Some(size) = Size::from_row(row)? {
        sizes.insert(row.get("path")?, size);
    }
    Ok(())
}

/// The sizes of all tables, materialized views and indexes of these schemas, of no schema for all but the system's. It takes
/// one round trip.
///
/// # Errors
/// The server's or the connection's, in words.
pub async fn all_sizes(session: &mut Session, schemas: &[String]) -> Result<AllSizes> {
    let mut all = AllSizes::default();
    let chosen: Vec<String> = schemas.iter().map(|schema| literal(schema)).collect();
    let chosen = match chosen.as_slice() {
        [] => OWN_SCHEMAS.to_owned(),
        chosen => format!("n.nspname IN ({})", chosen.join(", ")),
    };
    let (day, relations, database) = (&mut all.day, &mut all.relations, &mut all.database);
    let mut batch = begun(session);
    batch.each(
        "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD') AS day, current_database() AS database"
            .to_owned(),
        |row| {
            (*day, *database) = (row.get("day")?, row.get("database")?);
            Ok(())
        },
    );
    batch.each(SQL.replace("{named}", &OF_SCHEMAS.replace("{schemas}", &chosen)), |row| {
        let kind = if row.get("is_index")? { Kind::Index } else { Kind::Table };
        let id = ObjectId::in_schema(kind, row.get::<&str>("schema")?, row.get::<&str>("name")?);
        relations.insert(id.to_string(), Size::from_row(row)?);
        Ok(())
    });
    ended(session, batch).await?;
    Ok(all)
}

/// The beginning of a transaction that reads.
fn begun<'b>(session: &mut Session) -> Batch<'b> {
    session.give_up_after(TIMEOUT.saturating_add(SILENCE));
    ReadOnlyTransaction::read_committed().statement_timeout(TIMEOUT).catalog_search_path().batch()
}

async fn ended(session: &mut Session, mut batch: Batch<'_>) -> Result<()> {
    batch.execute("COMMIT");
    if let Err(error) = session.run(batch).await {
        // On a lost connection there is nothing to end.
        let _ = session.execute("ROLLBACK").await;
        return Err(connection::server_failure(error, "reading how large the tables are"));
    }
    Ok(())
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
