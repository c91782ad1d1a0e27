//! The snapshot of a backup: `pg_dump` imports the snapshot of this transaction, so that the rows that are counted
//! here are the rows that are dumped.
//!
//! Only a connection to the same database of the same server can import a snapshot. That `pg_dump` could do it proves
//! that it dumped the database that this session reads.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::manifest::{BackedUpRelation, BackupSource, Scope, Wal};
use crate::error::{Exit, Failure};
use crate::postgres::catalog::{TableUse, UntrustedCode};
use crate::postgres::connection::{
    self, Batch, OBSERVED_SESSION, OwnedRow, RowBuffer, RowError, Session, Single, Target, limit_unused,
    sqlstate,
};
use crate::postgres::sql::{identifier, qualified};

/// The number of tables that are locked or counted in one message.
const TABLES_PER_MESSAGE: usize = 50;
/// How often listing and locking is tried when tables are dropped between the two.
const TRIES: usize = 5;
/// How long the server may take to answer: counting the rows of a large table takes its time.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// Begins the transaction that stays open until the backup is done.
const OPEN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
    SET LOCAL statement_timeout = 0; SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL row_security = off; SET LOCAL TimeZone = 'UTC'";
const ABOUT: &str = include_str!("sql/about.sql");
const FUNCTIONS: &str = include_str!("sql/functions.sql");
const LATE_FUNCTIONS: &str = include_str!("sql/late_functions.sql");
const RELATIONS: &str = include_str!("sql/relations.sql");
/// The current position in the write-ahead log, on a standby the replayed one; NULL where the role may not see it.
const POSITION: &str = "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() \
    ELSE pg_catalog.pg_current_wal_lsn() END AS position";

/// The open transaction, and what it saw.
#[derive(Debug)]
pub(super) struct BackupSnapshot {
    session: Session,
    /// The name of the exported snapshot, for `pg_dump --snapshot`.
    pub(super) name: String,
    /// The database.
    pub(super) source: BackupSource,
    /// The clock of the server when the snapshot was taken, RFC 3339 in UTC.
    pub(super) taken_at: String,
    /// The size of the database in bytes.
    pub(super) database_bytes: u64,
    /// The number of large objects.
    pub(super) large_objects: u64,
    wal_before: Option<String>,
    relations: Vec<ListedRelation>,
}

/// A relation that `pg_dump` dumps.
#[derive(Debug, Clone)]
struct ListedRelation {
    oid: u32,
    schema: String,
    name: String,
    /// Whether the relation has rows of its own that are dumped.
    has_rows: bool,
}

impl ListedRelation {
    fn of(row: &OwnedRow) -> Result<Self, RowError> {
        Ok(Self {
            oid: row.get("oid")?,
            schema: row.get("schema")?,
            name: row.get("name")?,
            has_rows: row.get("has_rows")?,
        })
    }

    fn qualified(&self) -> String {
        qualified(&self.schema, &self.name)
    }

    fn is_in(&self, scope: &Scope) -> bool {
        match scope {
            Scope::Full => true,
            Scope::Tables(tables) => self.has_rows && tables.contains(&self.qualified()),
        }
    }
}

/// The tables that are locked before the snapshot is taken, and the timeout of each lock.
#[derive(Debug, Clone, Copy)]
pub(super) struct TableLocks<'s> {
    pub(super) scope: &'s Scope,
    pub(super) wait: Duration,
}

impl BackupSnapshot {
    /// Opens the snapshot on a connection of its own, and lists the relations.
    ///
    /// The tables are locked in ACCESS SHARE mode, as reading locks them, before the snapshot is taken. TRUNCATE and
    /// most forms of ALTER TABLE make a table appear empty to an older snapshot (manual, "Caveats" of "Concurrency
    /// Control"), and `pg_dump` fails when a table is dropped.
    ///
    /// # Errors
    /// Exit 3: the database cannot be reached or read. Exit 4: the role may not read a table. Exit 75: a table stayed
    /// locked for too long.
    pub(super) async fn open(
        target: &Target,
        application: &str,
        set_role: Option<&str>,
        hold: Option<TableLocks<'_>>,
    ) -> Result<Self> {
        let mut session = target.connect(application).await?;
        session.give_up_after(PATIENCE);
        session.keep_in_use();
        session.execute(format!("{}; {OBSERVED_SESSION}", limit_unused())).await.map_err(opening)?;
        let role = set_role.map(|role| format!("; SET LOCAL ROLE {}", identifier(role))).unwrap_or_default();
        let mut tries = 1;
        let listed = loop {
            match lock_and_list(&mut session, &role, target.role(), hold).await {
                Ok(listed) => break listed,
                Err(error) if is_gone(&error) && tries < TRIES => session.execute("ROLLBACK").await?,
                Err(error) => return Err(connection::server_failure(error, "locking the tables to back up")),
            }
            tries += 1;
        };
        Self::of(session, target, listed).map_err(|error| opening(error.into()))
    }

    fn of(session: Session, target: &Target, listed: Listed) -> Result<Self, RowError> {
        let Listed { wal_before, about, relations } = listed;
        // A standby does not tell its timeline.
        let timeline: Option<String> = about.get("timeline")?;
        let source = BackupSource {
            host: target.host().to_owned(),
            port: target.port(),
            database: about.get("database")?,
            database_oid: about.get("database_oid")?,
            system_identifier: about.get("system_identifier")?,
            timeline: timeline.unwrap_or_default(),
            server_version: about.get("server_version")?,
            role: about.get("role")?,
            encoding: about.get("encoding")?,
            collate: about.get("collate")?,
            ctype: about.get("ctype")?,
            locale_provider: about.get("locale_provider")?,
            locale: about.get("locale")?,
            search_path: about.get("search_path")?,
            environment: None,
            project: None,
            mark: None,
        };
        Ok(Self {
            session,
            name: about.get("snapshot")?,
            source,
            taken_at: about.get("taken_at")?,
            database_bytes: about.get("database_bytes")?,
            large_objects: about.get("large_objects")?,
            wal_before,
            relations,
        })
    }

    /// The session of the transaction, which reads more of the same snapshot.
    pub(super) fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// The number of tables with rows in the scope.
    pub(super) fn tables(&self, scope: &Scope) -> usize {
        self.in_scope(scope).filter(|relation| relation.has_rows).count()
    }

    /// The tables of the scope that do not exist.
    pub(super) fn missing(&self, scope: &Scope) -> Vec<String> {
        let Scope::Tables(tables) = scope else { return Vec::new() };
        let known = |table: &&String| self.relations.iter().any(|relation| relation.qualified() == **table);
        tables.iter().filter(|table| !known(table)).cloned().collect()
    }

    fn in_scope(&self, scope: &Scope) -> impl Iterator<Item = &ListedRelation> {
        self.relations.iter().filter(move |relation| relation.is_in(scope))
    }

    /// Counts the rows of every table in the scope. A query is planned, and planning runs what the owner of a table wrote into
    /// its indexes: the rows of a table that is not harmless are counted as `pg_dump` reads them, by COPY, which plans nothing.
    ///
    /// # Errors
    /// Exit 3: the role may not read a table, or a policy would hide rows of it.
    pub(super) async fn count(&mut self, scope: &Scope) -> Result<Vec<BackedUpRelation>> {
        let mut relations: Vec<BackedUpRelation> = self
            .in_scope(scope)
            .map(|relation| BackedUpRelation {
                oid: relation.oid,
                name: relation.qualified(),
                rows: relation.has_rows.then_some(0),
            })
            .collect();
        let tables = relations.iter().filter(|relation| relation.rows.is_some()).map(|table| table.oid);
        let untrusted = UntrustedCode::find(&mut self.session, TableUse::Read, tables).await;
        let untrusted = untrusted
            .map_err(|error| connection::server_failure(error, "listing what the tables to back up use"))?;
        let is_untrusted = |table: &BackedUpRelation| untrusted.iter().any(|code| code.oid == table.oid);
        let (copied, mut counted): (Vec<_>, Vec<_>) = relations
            .iter_mut()
            .filter(|relation| relation.rows.is_some())
            .partition(|table| is_untrusted(table));
        for table in copied {
            table.rows = Some(self.count_by_copy(&table.name).await?);
        }
        for tables in counted.chunks_mut(TABLES_PER_MESSAGE) {
            let counts =
                tables.iter().map(|table| format!("SELECT count(*) AS rows FROM ONLY {}", table.name));
            let statements: Vec<String> = counts.collect();
            let counting = format!("SAVEPOINT counting; {}; RELEASE counting", statements.join("; "));
            let rows = match self.session.query(counting).await {
                Ok(rows) => rows,
                Err(error) if is_of_a_function(&error) => {
                    self.session.execute("ROLLBACK TO counting; RELEASE counting").await?;
                    for table in tables {
                        table.rows = Some(self.count_by_copy(&table.name).await?);
                    }
                    continue;
                }
                Err(error) => {
                    let at = self.session.statements_done().saturating_sub(1);
                    let table = tables.get(at).map_or_else(String::new, |table| table.name.clone());
                    return Err(unreadable(error, "counting the rows of", &table, &self.source.role));
                }
            };
            for (table, row) in tables.iter_mut().zip(rows) {
                table.rows = Some(row.get("rows")?);
            }
        }
        Ok(relations)
    }

    /// Counts the rows of a table as `pg_dump` reads them, which plans no query.
    async fn count_by_copy(&mut self, table: &str) -> Result<u64> {
        let counting = self.session.count_copied(&format!("COPY {table} TO STDOUT")).await;
        counting.map_err(|error| unreadable(error, "counting the rows of", table, &self.source.role))
    }

    /// The functions that find names by the search_path, and that something uses which a restore has to create.
    ///
    /// # Errors
    /// The query fails.
    pub(super) async fn late_functions(&mut self) -> Result<Vec<String>> {
        let rows = self.session.query(LATE_FUNCTIONS.replace("{functions}", FUNCTIONS)).await;
        let rows =
            rows.map_err(|error| connection::server_failure(error, "listing functions for the backup"))?;
        Ok(rows.iter().map(|row| row.get("function")).collect::<Result<_, _>>()?)
    }

    /// Commits, and returns the WAL positions before the snapshot and after the backup.
    ///
    /// # Errors
    /// The connection was lost. Then it is not known whether the dump is of one snapshot.
    pub(super) async fn close(mut self) -> Result<Wal> {
        let after = self.session.scalar(format!("COMMIT; {POSITION}")).await;
        let after =
            after.map_err(|error| connection::server_failure(error, "ending the snapshot of the backup"))?;
        self.session.close().await;
        Ok(Wal { before: self.wal_before, after })
    }
}

/// What the transaction saw first.
struct Listed {
    /// The position in the write-ahead log before the snapshot was taken; `None` where the role may not see it.
    wal_before: Option<String>,
    /// The row of [`ABOUT`].
    about: OwnedRow,
    relations: Vec<ListedRelation>,
}

/// Locks the tables, takes the snapshot, and lists what is in the database.
async fn lock_and_list(
    session: &mut Session,
    set_role: &str,
    role: &str,
    hold: Option<TableLocks<'_>>,
) -> Result<Listed> {
    let mut known = BTreeSet::new();
    if let Some(hold) = hold {
        // This list has a snapshot of its own. The snapshot of the backup is taken after the tables are locked.
        let listed = list(session, &format!("{OPEN}; {RELATIONS}; COMMIT")).await?;
        session.execute(format!("{OPEN}{set_role}")).await.map_err(opening)?;
        lock(session, &listed, hold, role).await?;
        known.extend(listed.iter().map(|relation| relation.oid));
    } else {
        session.execute(format!("{OPEN}{set_role}")).await.map_err(opening)?;
    }
    let (mut wal_before, mut about) = (Single::default(), RowBuffer::default());
    let mut batch = Batch::default();
    batch.scalar(POSITION, &mut wal_before);
    batch.rows(ABOUT, &mut about);
    session.run(batch).await.map_err(opening)?;
    let relations = list(session, RELATIONS).await?;
    if let Some(hold) = hold {
        let newer: Vec<ListedRelation> =
            relations.iter().filter(|relation| !known.contains(&relation.oid)).cloned().collect();
        lock(session, &newer, hold, role).await?;
    }
    let about = about.into_vec().pop().context("the server did not identify itself")?;
    Ok(Listed { wal_before: wal_before.get()?, about, relations })
}

fn opening(error: anyhow::Error) -> anyhow::Error {
    connection::server_failure(error, "opening the snapshot that the backup is of")
}

async fn list(session: &mut Session, sql: &str) -> Result<Vec<ListedRelation>> {
    let rows = session.query(sql).await;
    let rows = rows.map_err(|error| connection::server_failure(error, "listing the tables to back up"))?;
    Ok(rows.iter().map(ListedRelation::of).collect::<Result<_, _>>()?)
}

/// Locks the tables of a scope, which allows other sessions to read and write rows and nothing else.
async fn lock(
    session: &mut Session,
    relations: &[ListedRelation],
    hold: TableLocks<'_>,
    role: &str,
) -> Result<()> {
    let tables: Vec<String> = relations
        .iter()
        .filter(|relation| relation.has_rows && relation.is_in(hold.scope))
        .map(ListedRelation::qualified)
        .collect();
    let limit = format!("SET LOCAL lock_timeout = {}", hold.wait.as_millis());
    for tables in tables.chunks(TABLES_PER_MESSAGE) {
        let statements: Vec<String> =
            tables.iter().map(|table| format!("LOCK TABLE ONLY {table} IN ACCESS SHARE MODE")).collect();
        let done = session.execute(format!("{limit}; {}", statements.join("; "))).await;
        done.map_err(|error| {
            // The first statement of the message sets the timeout.
            let at = session.statements_done().saturating_sub(1);
            let table = tables.get(at).map_or("", String::as_str);
            if is_gone(&error) { error } else { unreadable(error, "locking", table, role) }
        })?;
    }
    Ok(())
}

/// Whether the relation was dropped after it had been listed.
fn is_gone(error: &anyhow::Error) -> bool {
    connection::server_error(error)
        .map(connection::describe)
        .is_some_and(|said| said.is(sqlstate::UNDEFINED_TABLE) || said.is(sqlstate::INVALID_SCHEMA_NAME))
}

/// Whether planning a query failed in a function that an index of the table uses, for example one that finds its names with
/// another search_path. COPY plans nothing.
fn is_of_a_function(error: &anyhow::Error) -> bool {
    connection::server_error(error).map(connection::describe).is_some_and(|said| {
        let class = said.sqlstate.as_deref().unwrap_or_default().get(..2).unwrap_or_default();
        let others = ["08", "25", "40", "53", "54", "55", "57", "58", "F0", "XX"];
        !said.is(sqlstate::INSUFFICIENT_PRIVILEGE) && !class.is_empty() && !others.contains(&class)
    })
}

/// The error about a table whose rows cannot all be read.
fn unreadable(error: anyhow::Error, doing: &str, table: &str, role: &str) -> anyhow::Error {
    let Some(said) = connection::server_error(&error).map(connection::describe) else { return error };
    let what = format!("{table} cannot be backed up: {}", said.text());
    if said.is(sqlstate::INSUFFICIENT_PRIVILEGE) && said.message.contains("row-level security") {
        let next = format!(
            "back up as a role that bypasses row security: ALTER ROLE {} BYPASSRLS, or a superuser",
            identifier(role)
        );
        return Failure::new(Exit::Refused, what).next(next).into();
    }
    if said.is(sqlstate::INSUFFICIENT_PRIVILEGE) {
        let next = format!("GRANT pg_read_all_data TO {}", identifier(role));
        return Failure::new(Exit::Refused, what).next(next).into();
    }
    connection::server_failure(error, &format!("{doing} {table} for the backup"))
}
