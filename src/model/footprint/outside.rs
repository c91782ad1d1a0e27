//! Watches a statement that runs outside of a transaction, from a second session.
//!
//! Such a statement takes its locks in transactions of its own, and on an empty table it releases them within milliseconds.
//! So it is held up. The second session holds `ROW EXCLUSIVE` on the tables, and a snapshot: whatever makes writers wait,
//! and whatever waits until older transactions have ended (`CONCURRENTLY`), waits for that session. While it waits, its
//! locks are read. Then a third session takes the place of the second, for what the statement does next. So what is read does
//! not depend on chance. A statement that never waits, such as `VACUUM`, makes no reader or writer wait: it is not noted.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::pin::pin;
use std::time::Duration;

use anyhow::Result;
use smol_str::SmolStr;

use super::Footprint;
use super::watch::{FootprintWatch, Observed, StatementWork, WatchedRelation};
use crate::postgres::catalog::reader::CatalogReading;
use crate::postgres::connection::Session;
use crate::postgres::lock_mode::LockMode;
use crate::postgres::sql::{Statement, literal, names_in};

/// How long the watching session waits before it looks again.
const PAUSE: Duration = Duration::from_millis(1);

/// The tables, materialized views and indexes that are there, and which tables are parts of which.
const RELATIONS: &str = "SELECT c.oid AS relation, c.relname AS name, \
           pg_catalog.format('%I.%I', n.nspname, c.relname) AS qualified, c.relkind IN ('r', 'p') AS is_table, \
           c.relfilenode AS file, i.indrelid AS indexed \
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
      LEFT JOIN pg_catalog.pg_index i ON i.indexrelid = c.oid \
     WHERE c.oid >= '16384' AND c.relkind IN ('r', 'p', 'm', 'i', 'I') AND c.relpersistence <> 't' \
       AND n.nspname <> 'pg_toast'; \
    SELECT i.inhrelid AS child, i.inhparent AS parent FROM pg_catalog.pg_inherits i";

/// A relation that is there.
struct Present {
    name: SmolStr,
    qualified: String,
    is_table: bool,
    file: u32,
    /// The table, where it is an index.
    indexed: Option<u32>,
}

/// Watches one statement.
pub(in crate::model) struct OutsideWatch {
    /// The process of the session that runs it.
    pid: i32,
    before: HashMap<u32, Present>,
    /// What holds the statement up: SQL that locks the tables it may work on.
    hold: String,
    /// The strongest lock that it was seen with on each relation, or waited for.
    locks: BTreeMap<u32, LockMode>,
}

impl OutsideWatch {
    /// Prepares to watch a statement of this session.
    pub(in crate::model) async fn new(session: &mut Session, statement: &Statement<'_>) -> Result<Self> {
        let pid = session.scalar("SELECT pg_catalog.pg_backend_pid()").await?;
        let (before, families) = relations(session).await?;
        let tables = tables_of(statement, &before, &families);
        let names: Vec<String> = tables.iter().map(|oid| literal(&before[oid].qualified)).collect();
        // A table that the statement itself has locked, or waits for, is passed over.
        let body = format!(
            "DECLARE name text; BEGIN FOREACH name IN ARRAY ARRAY[{}]::text[] LOOP \
             BEGIN EXECUTE 'LOCK TABLE ONLY ' || name || ' IN ROW EXCLUSIVE MODE NOWAIT'; \
             EXCEPTION WHEN lock_not_available OR undefined_table THEN NULL; END; END LOOP; END",
            names.join(", ")
        );
        let hold = format!("BEGIN ISOLATION LEVEL REPEATABLE READ; DO {}", literal(&body));
        Ok(Self { pid, before, hold, locks: BTreeMap::new() })
    }

    /// Watches while the statement is run. The two sessions are closed.
    pub(in crate::model) async fn during<T>(
        &mut self,
        [mut holder, mut next]: [Session; 2],
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        holder.execute(self.hold.as_str()).await?;
        let mut work = pin!(work);
        let done = loop {
            // The statement may end while it is looked at: the answer is awaited all the same.
            let (done, waits) = {
                let mut looking = pin!(self.look(&mut holder));
                tokio::select! {
                    biased;
                    done = &mut work => (Some(done), looking.await?),
                    waits = &mut looking => (None, waits?),
                }
            };
            if let Some(done) = done {
                break done;
            }
            if waits {
                next.execute(self.hold.as_str()).await?;
                holder.execute("COMMIT").await?;
                std::mem::swap(&mut holder, &mut next);
            }
        };
        holder.close().await;
        next.close().await;
        done
    }

    /// Notes the locks of the statement if it waits for this session, and returns whether it does.
    async fn look(&mut self, holder: &mut Session) -> Result<bool> {
        tokio::time::sleep(PAUSE).await;
        let pid = self.pid;
        let sql = format!(
            "SELECT pg_catalog.pg_backend_pid() = ANY (pg_catalog.pg_blocking_pids({pid})) AS waits; \
             SELECT l.relation, l.mode FROM pg_catalog.pg_lock_status() l \
              WHERE l.pid = {pid} AND l.locktype = 'relation' AND l.relation >= '16384'"
        );
        let mut waits = false;
        let mut locks = Vec::new();
        holder
            .message(sql, |statement, row| {
                match (statement, waits) {
                    (0, _) => waits = row.get("waits")?,
                    (_, false) => {}
                    (_, true) => {
                        let mode = LockMode::from_pg_locks(row.get("mode")?);
                        locks.extend(mode.map(|mode| Ok::<_, anyhow::Error>((row.get("relation")?, mode))));
                    }
                }
                Ok(())
            })
            .await?;
        for lock in locks {
            let (relation, mode) = lock?;
            let known = self.locks.entry(relation).or_insert(mode);
            *known = mode.max(*known);
        }
        Ok(waits)
    }

    /// What the statement, which this session has run, has done to the relations of this catalog.
    pub(in crate::model) async fn footprints(
        self,
        session: &mut Session,
        statement: &Statement<'_>,
        catalog: &CatalogReading,
    ) -> Result<Vec<Footprint>> {
        let (after, _) = relations(session).await?;
        let Self { before, locks, .. } = self;
        let names: HashSet<&str> = after.values().map(|present| present.qualified.as_str()).collect();
        let mut observed = Observed::new(statement.position(), StatementWork::of(statement));
        observed.locks = locks;
        for (oid, was) in &before {
            match after.get(oid) {
                Some(now) if now.file != was.file => {
                    observed.rewrites.insert(*oid);
                }
                Some(_) => {}
                // What another one has taken the place of, under its name, is not gone.
                None if names.contains(was.qualified.as_str()) => {}
                None => {
                    observed.drops.insert(*oid);
                }
            }
        }
        let new = after.iter().filter(|(oid, _)| !before.contains_key(oid));
        observed.builds = new.filter_map(|(_, now)| now.indexed).collect();
        let newest = before.keys().copied().max().unwrap_or(0);
        let relation = |present: Present| WatchedRelation::known(present.indexed, present.name);
        let relations = before.into_iter().map(|(oid, present)| (oid, relation(present))).collect();
        Ok(FootprintWatch::of(newest, relations, observed).footprints(catalog))
    }
}

/// The relations that are there, and the pairs of tables that belong together: partitions and their table, children and
/// their parents.
async fn relations(session: &mut Session) -> Result<(HashMap<u32, Present>, Vec<[u32; 2]>)> {
    let (mut all, mut families) = (HashMap::new(), Vec::new());
    session
        .message(RELATIONS.to_owned(), |statement, row| {
            if statement > 0 {
                families.push([row.get("child")?, row.get("parent")?]);
                return Ok(());
            }
            let present = Present {
                name: row.get::<&str>("name")?.into(),
                qualified: row.get("qualified")?,
                is_table: row.get("is_table")?,
                file: row.get("file")?,
                indexed: row.get("indexed")?,
            };
            all.insert(row.get("relation")?, present);
            Ok(())
        })
        .await?;
    Ok((all, families))
}

/// The tables that a statement may work on: those that it names, itself or by an index, and those that belong to them. All, where
/// it names none, or runs code.
fn tables_of(
    statement: &Statement<'_>,
    relations: &HashMap<u32, Present>,
    families: &[[u32; 2]],
) -> BTreeSet<u32> {
    let words: HashSet<String> = names_in(statement.text).collect();
    let named = relations.iter().filter(|(_, relation)| words.contains(relation.name.as_str()));
    let mut tables: BTreeSet<u32> = named.map(|(oid, relation)| relation.indexed.unwrap_or(*oid)).collect();
    let code = statement.words().next().is_some_and(|verb| matches!(verb.as_str(), "call" | "do"));
    if tables.is_empty() || code {
        tables = relations.keys().copied().collect();
    }
    loop {
        let related = families.iter().filter(|pair| pair.iter().any(|oid| tables.contains(oid)));
        let related: Vec<u32> = related.flatten().copied().filter(|oid| !tables.contains(oid)).collect();
        if related.is_empty() {
            break;
        }
        tables.extend(related);
    }
    tables.retain(|oid| relations.get(oid).is_some_and(|relation| relation.is_table));
    tables
}
