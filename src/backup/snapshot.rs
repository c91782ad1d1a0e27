//! The moment that a backup is of: one transaction whose snapshot `pg_dump` takes over, so that what is counted here and
//! what is dumped there are the same rows.
//!
//! A snapshot can only be taken over by a connection to the same database of the same server: that `pg_dump` could do it
//! proves that what was dumped is what this session looks at.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};

use super::manifest::{Relation, Scope, Source, Wal};
use crate::error::{Exit, Failure};
use crate::postgres::connection::{self, Session, Target, sqlstate};
use crate::postgres::sql::{identifier, qualified};

/// How many tables are locked or counted in one message.
const TABLES_PER_MESSAGE: usize = 50;
/// How often it is begun anew when tables are dropped while they are listed and locked.
const TRIES: usize = 5;
/// How long the server may be silent while it counts: a large table takes its time.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// What is asked first, in the transaction that stays open until the backup is done.
const OPEN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; \
    SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
    SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL row_security = off; SET LOCAL TimeZone = 'UTC'";
const ABOUT: &str = include_str!("sql/about.sql");
const RELATIONS: &str = include_str!("sql/relations.sql");
/// Where the log stands; NULL for who may not see it. On a standby what was replayed.
const POSITION: &str = "SELECT CASE WHEN pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_last_wal_replay_lsn() \
    ELSE pg_catalog.pg_current_wal_lsn() END";

/// The open transaction, and what it saw.
#[derive(Debug)]
pub(super) struct Snapshot {
    session: Session,
    /// What `pg_dump --snapshot` is given.
    pub(super) name: String,
    /// The database.
    pub(super) source: Source,
    /// The server's clock, RFC 3339 in UTC.
    pub(super) taken_at: String,
    /// How large the database is, in bytes.
    pub(super) database_bytes: u64,
    /// How many large objects there are.
    pub(super) large_objects: u64,
    wal_before: Option<String>,
    relations: Vec<Seen>,
}

/// A relation that `pg_dump` would dump.
#[derive(Debug, Clone)]
struct Seen {
    oid: u32,
    schema: String,
    name: String,
    /// Whether it has rows of its own that are dumped.
    has_rows: bool,
}

impl Seen {
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

/// What is locked before the snapshot is taken, and how long each lock is waited for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hold<'s> {
    pub(super) scope: &'s Scope,
    pub(super) wait: Duration,
}

impl Snapshot {
    /// Opens it on a connection of its own, and looks around.
    ///
    /// Tables are locked (ACCESS SHARE, as reading locks them) before the snapshot is taken: TRUNCATE and most of ALTER TABLE
    /// empty a table for every snapshot that is older (manual, "Caveats" of concurrency control), and what is dropped fails
    /// `pg_dump`.
    ///
    /// # Errors
    /// Exit 3 when the database cannot be reached or read, 4 when the role may not read a table, 75 when somebody changes one
    /// for too long.
    pub(super) async fn open(
        target: &Target,
        application: &str,
        set_role: Option<&str>,
        hold: Option<Hold<'_>>,
    ) -> Result<Self> {
        let mut session = target.connect(application).await?;
        session.give_up_after(PATIENCE);
        let role = set_role.map(|role| format!("; SET LOCAL ROLE {}", identifier(role))).unwrap_or_default();
        let mut tries = 1;
        let (rows, relations) = loop {
            match look(&mut session, &role, target.role(), hold).await {
                Ok(looked) => break looked,
                Err(error) if is_gone(&error) && tries < TRIES => session.execute("ROLLBACK").await?,
                Err(error) => return Err(connection::server_failure(error, "locking the tables to back up")),
            }
            tries += 1;
        };
        let mut rows = rows.into_iter();
        let wal_before = rows.next().and_then(|row| row.into_iter().next().flatten());
        let about = rows.next().context("the server did not tell who it is")?;
        let mut values = about.into_iter();
        let mut next = || values.next().flatten();
        let name = next().unwrap_or_default();
        let taken_at = next().unwrap_or_default();
        let database_bytes = next().unwrap_or_default().parse().unwrap_or(0);
        let source = Source {
            host: target.host().to_owned(),
            port: target.port(),
            database: next().unwrap_or_default(),
            database_oid: next().unwrap_or_default().parse()?,
            system_identifier: next().unwrap_or_default(),
            timeline: next().unwrap_or_default(),
            server_version: next().unwrap_or_default(),
            role: next().unwrap_or_default(),
            encoding: next().unwrap_or_default(),
            collate: next().unwrap_or_default(),
            ctype: next().unwrap_or_default(),
            locale_provider: next(),
            locale: next(),
            environment: None,
            project: None,
            mark: None,
        };
        let large_objects = next().unwrap_or_default().parse().unwrap_or(0);
        Ok(Self { session, name, source, taken_at, database_bytes, large_objects, wal_before, relations })
    }

    /// The session, for reading more of the same moment.
    pub(super) fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// How many tables with rows there are.
    pub(super) fn tables(&self, scope: &Scope) -> usize {
        self.in_scope(scope).filter(|relation| relation.has_rows).count()
    }

    /// The tables of a scope that are not there.
    pub(super) fn missing(&self, scope: &Scope) -> Vec<String> {
        let Scope::Tables(tables) = scope else { return Vec::new() };
        let known = |table: &&String| self.relations.iter().any(|relation| relation.qualified() == **table);
        tables.iter().filter(|table| !known(table)).cloned().collect()
    }

    fn in_scope(&self, scope: &Scope) -> impl Iterator<Item = &Seen> {
        self.relations.iter().filter(move |relation| relation.is_in(scope))
    }

    /// Counts the rows of every table in scope.
    ///
    /// # Errors
    /// Exit 3: a table that this role may not read, or whose rows a policy would hide from it.
    pub(super) async fn count(&mut self, scope: &Scope) -> Result<Vec<Relation>> {
        let mut relations: Vec<Relation> = self
            .in_scope(scope)
            .map(|relation| Relation {
                oid: relation.oid,
                name: relation.qualified(),
                rows: relation.has_rows.then_some(0),
            })
            .collect();
        let mut counted: Vec<&mut Relation> =
            relations.iter_mut().filter(|relation| relation.rows.is_some()).collect();
        for tables in counted.chunks_mut(TABLES_PER_MESSAGE) {
            let statements: Vec<String> =
                tables.iter().map(|table| format!("SELECT count(*) FROM ONLY {}", table.name)).collect();
            let done = self.session.rows(statements.join("; ")).await;
            let rows = done.map_err(|error| {
                let at = self.session.statements_done();
                let table = tables.get(at).map_or_else(String::new, |table| table.name.clone());
                unreadable(error, "counting the rows of", &table, &self.source.role)
            })?;
            for (table, row) in tables.iter_mut().zip(rows) {
                let count = row.into_iter().next().flatten().unwrap_or_default();
                table.rows = Some(count.parse()?);
            }
        }
        Ok(relations)
    }

    /// Ends the transaction, and tells where the log stood before and stands now.
    ///
    /// # Errors
    /// The connection's: then nobody knows whether what was dumped is of one moment.
    pub(super) async fn close(mut self) -> Result<Wal> {
        let rows = self.session.rows(format!("COMMIT; {POSITION}")).await;
        let rows =
            rows.map_err(|error| connection::server_failure(error, "ending the snapshot of the backup"))?;
        let after = rows.into_iter().next().and_then(|row| row.into_iter().next().flatten());
        self.session.close().await;
        Ok(Wal { before: self.wal_before, after })
    }
}

/// An answer, row by row, in the server's text format.
type Rows = Vec<Vec<Option<String>>>;

/// Locks, takes the snapshot and looks around: the position in the log and the database's row; the relations.
async fn look(
    session: &mut Session,
    set_role: &str,
    role: &str,
    hold: Option<Hold<'_>>,
) -> Result<(Rows, Vec<Seen>)> {
    let mut known = BTreeSet::new();
    if let Some(hold) = hold {
        // A snapshot of its own: the one of the backup is taken when all is locked.
        let listed = list(session, &format!("{OPEN}; {RELATIONS}; COMMIT")).await?;
        session.execute(format!("{OPEN}{set_role}")).await.map_err(opening)?;
        lock(session, &listed, hold, role).await?;
        known.extend(listed.iter().map(|relation| relation.oid));
    } else {
        session.execute(format!("{OPEN}{set_role}")).await.map_err(opening)?;
    }
    let rows = session.rows(format!("{POSITION}; {ABOUT}")).await.map_err(opening)?;
    let relations = list(session, RELATIONS).await?;
    if let Some(hold) = hold {
        let newer: Vec<Seen> =
            relations.iter().filter(|relation| !known.contains(&relation.oid)).cloned().collect();
        lock(session, &newer, hold, role).await?;
    }
    Ok((rows, relations))
}

fn opening(error: anyhow::Error) -> anyhow::Error {
    connection::server_failure(error, "opening the snapshot that the backup is of")
}

async fn list(session: &mut Session, sql: &str) -> Result<Vec<Seen>> {
    let rows = session.rows(sql).await;
    let rows = rows.map_err(|error| connection::server_failure(error, "listing the tables to back up"))?;
    rows.into_iter().map(seen).collect()
}

/// Locks the tables of a scope against everything but reading and writing rows.
async fn lock(session: &mut Session, relations: &[Seen], hold: Hold<'_>, role: &str) -> Result<()> {
    let tables: Vec<String> = relations
        .iter()
        .filter(|relation| relation.has_rows && relation.is_in(hold.scope))
        .map(Seen::qualified)
        .collect();
    let limit = format!("SET LOCAL lock_timeout = {}", hold.wait.as_millis());
    for tables in tables.chunks(TABLES_PER_MESSAGE) {
        let statements: Vec<String> =
            tables.iter().map(|table| format!("LOCK TABLE ONLY {table} IN ACCESS SHARE MODE")).collect();
        let done = session.execute(format!("{limit}; {}", statements.join("; "))).await;
        done.map_err(|error| {
            // The limit's statement comes first.
            let at = session.statements_done().saturating_sub(1);
            let table = tables.get(at).map_or("", String::as_str);
            if is_gone(&error) { error } else { unreadable(error, "locking", table, role) }
        })?;
    }
    Ok(())
}

/// Whether it was dropped since it was listed.
fn is_gone(error: &anyhow::Error) -> bool {
    connection::server_error(error)
        .map(connection::describe)
        .is_some_and(|said| said.is(sqlstate::UNDEFINED_TABLE) || said.is(sqlstate::INVALID_SCHEMA_NAME))
}

fn seen(row: Vec<Option<String>>) -> Result<Seen> {
    let [Some(oid), Some(schema), Some(name), Some(has_rows)] = row.as_slice() else {
        return Err(anyhow!("a row of pg_class that has no name"));
    };
    Ok(Seen { oid: oid.parse()?, schema: schema.clone(), name: name.clone(), has_rows: has_rows == "t" })
}

/// A table whose rows cannot all be read is not backed up.
fn unreadable(error: anyhow::Error, doing: &str, table: &str, role: &str) -> anyhow::Error {
    let Some(said) = connection::server_error(&error).map(connection::describe) else { return error };
    let what = format!("{table} cannot be backed up: {}", said.text());
    if said.is(sqlstate::INSUFFICIENT_PRIVILEGE) && said.message.contains("row-level security") {
        let next = format!(
            "back up as a role that row security does not bind: ALTER ROLE {} BYPASSRLS, or a superuser",
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
