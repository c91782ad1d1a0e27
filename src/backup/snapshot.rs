//! The moment that a backup is of: one transaction whose snapshot `pg_dump` takes over, so that what is counted here and
//! what is dumped there are the same rows.
//!
//! A snapshot can only be taken over by a connection to the same database of the same server: that `pg_dump` could do it
//! proves that what was dumped is what this session looks at.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};

use super::manifest::{Relation, Scope, Source, Wal};
use crate::db::{self, Session, Target};
use crate::error::{Exit, Failure};
use crate::sql::identifier;

/// How many tables are counted in one message.
const TABLES_PER_MESSAGE: usize = 50;
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
        format!("{}.{}", identifier(&self.schema), identifier(&self.name))
    }
}

impl Snapshot {
    /// Opens it on a connection of its own, and looks around.
    ///
    /// # Errors
    /// Exit 3 when the database cannot be reached or read.
    pub(super) async fn open(target: &Target, application: &str, set_role: Option<&str>) -> Result<Self> {
        let mut session = target.connect(application).await?;
        session.give_up_after(PATIENCE);
        let role = set_role.map(|role| format!("; SET LOCAL ROLE {}", identifier(role))).unwrap_or_default();
        let sql = format!("{OPEN}{role}; {POSITION}; {ABOUT}");
        let doing = |error| db::server_failure(error, "opening the snapshot that the backup is of");
        let mut rows = session.rows(sql).await.map_err(doing)?.into_iter();
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
            environment: None,
            project: None,
            mark: None,
        };
        let rows = session.rows(RELATIONS).await;
        let rows = rows.map_err(|error| db::server_failure(error, "listing the tables to back up"))?;
        let relations = rows.into_iter().map(seen).collect::<Result<Vec<_>>>()?;
        Ok(Self { session, name, source, taken_at, database_bytes, wal_before, relations })
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
        self.relations.iter().filter(move |relation| match scope {
            Scope::Full => true,
            Scope::Tables(tables) => relation.has_rows && tables.contains(&relation.qualified()),
        })
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
                unreadable(error, &table, &self.source.role)
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
        let rows = rows.map_err(|error| db::server_failure(error, "ending the snapshot of the backup"))?;
        let after = rows.into_iter().next().and_then(|row| row.into_iter().next().flatten());
        self.session.close().await;
        Ok(Wal { before: self.wal_before, after })
    }
}

fn seen(row: Vec<Option<String>>) -> Result<Seen> {
    let [Some(oid), Some(schema), Some(name), Some(has_rows)] = row.as_slice() else {
        return Err(anyhow!("a row of pg_class that has no name"));
    };
    Ok(Seen { oid: oid.parse()?, schema: schema.clone(), name: name.clone(), has_rows: has_rows == "t" })
}

/// A table whose rows cannot all be read is not backed up.
fn unreadable(error: anyhow::Error, table: &str, role: &str) -> anyhow::Error {
    let Some(said) = db::server_error(&error).map(db::describe) else { return error };
    let what = format!("{table} cannot be backed up: {}", said.text());
    if said.is("42501") && said.message.contains("row-level security") {
        let next = format!(
            "back up as a role that row security does not bind: ALTER ROLE {} BYPASSRLS, or a superuser",
            identifier(role)
        );
        return Failure::new(Exit::Refused, what).next(next).into();
    }
    if said.is("42501") {
        let next = format!("GRANT pg_read_all_data TO {}", identifier(role));
        return Failure::new(Exit::Refused, what).next(next).into();
    }
    db::server_failure(error, &format!("counting the rows of {table}"))
}
