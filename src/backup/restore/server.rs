//! The server that a backup is restored on, seen from a maintenance database: lists, creates and drops databases.
//!
//! A restore holds an advisory lock on the name of its database, so that two runs never restore the same one. A
//! database with a temporary name that belongs to no run with a lock is a leftover of a killed run.

use std::time::Duration;

use anyhow::{Context as _, Result};
use ulid::Ulid;

use crate::error::{ErrorCode, Exit, Failure, with_failure};
use crate::postgres::connection::{
    self, OBSERVED_SESSION, OwnedRow, RowError, ServerVersion, Session, Target, limit_unused, sqlstate,
};
use crate::postgres::sql::{LONGEST_NAME, identifier, literal};
use crate::writer;

use super::super::manifest::BackupSource;
use super::lock::Process;

const ABOUT: &str = include_str!("sql/server.sql");
const DATABASE: &str = include_str!("sql/database.sql");
const OBJECTS: &str = include_str!("sql/objects.sql");
/// Stands between the name of a database and the end of a ULID in a temporary name.
const RESTORING: &str = "_restoring_";
/// The number of characters of the ULID, which are random ones.
const TAIL: usize = 10;
/// How long the server may take to answer: dropping or renaming a large database takes a while.
const PATIENCE: Duration = Duration::from_secs(600);
/// The databases that trueup connects to while it creates and renames others.
const MAINTENANCE: [&str; 2] = ["postgres", "template1"];
/// Session settings that make statements independent of the settings of roles and databases.
const OWN: &str = "SET search_path = pg_catalog, pg_temp; SET statement_timeout = 0; SET lock_timeout = '30s'; \
    SET standard_conforming_strings = on; SET quote_all_identifiers = off; SET role = none";

/// A connection to the server.
#[derive(Debug)]
pub struct RestoreServer {
    pub(super) session: Session,
    pub(super) process: Process,
    /// The database whose name is locked.
    pub(super) locked: Option<String>,
    pub(super) target: Target,
    application: String,
    /// The version of the server.
    pub version: ServerVersion,
    /// `system_identifier` of the cluster (`pg_control_system()`).
    pub system_identifier: String,
    timeline: String,
    /// The role that restores.
    pub role: String,
    pub(super) superuser: bool,
    /// Whether the role may create databases.
    pub(super) may_create: bool,
    /// The clock of the server: `20261126T1130Z`.
    pub(super) now: String,
    /// The temporary name of a new database; `None` for one that is made when the database is created.
    pub(super) temporary: Option<String>,
}

/// A database of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Database {
    /// Its name.
    pub name: String,
    /// Its oid.
    pub oid: u32,
    /// The owner of the database.
    pub owner: String,
    /// Whether connections are allowed (`datallowconn`).
    pub allows: bool,
    /// The connection limit (`datconnlimit`), -1 for none.
    pub(super) connection_limit: i32,
    tablespace: Option<String>,
    pub(super) comment: Option<String>,
    pub(super) ours: bool,
    /// The size in bytes; `None` where the role may not read it.
    pub bytes: Option<u64>,
    locale: DatabaseLocale,
    pub(super) template: bool,
}

/// How a database stores and sorts texts.
#[derive(Debug, Clone, PartialEq, Eq)]
struct DatabaseLocale {
    encoding: String,
    /// `LC_COLLATE`
    collate: String,
    /// `LC_CTYPE`
    ctype: String,
}

impl Database {
    fn of(name: &str, row: &OwnedRow) -> Result<Self, RowError> {
        Ok(Self {
            name: name.to_owned(),
            oid: row.get("oid")?,
            owner: row.get("owner")?,
            allows: row.get("allows")?,
            connection_limit: row.get("connection_limit")?,
            tablespace: row.get("tablespace")?,
            comment: row.get("comment")?,
            ours: row.get("ours")?,
            bytes: row.get("bytes")?,
            locale: DatabaseLocale {
                encoding: row.get("encoding")?,
                collate: row.get("collate")?,
                ctype: row.get("ctype")?,
            },
            template: row.get("template")?,
        })
    }

    /// The tablespace of the database; `None` for the one that a new database gets.
    pub fn tablespace(&self) -> Option<&str> {
        self.tablespace.as_deref()
    }

    /// How the encoding or locale of a backup differs from that of this database, which it replaces.
    pub fn differs_from(&self, source: &BackupSource) -> Option<String> {
        let DatabaseLocale { encoding, collate, ctype } = &self.locale;
        let same = *encoding == source.encoding && *collate == source.collate && *ctype == source.ctype;
        (!same).then(|| {
            format!(
                "the old database has encoding {encoding} and locale {collate}, the backup {} and {}",
                source.encoding, source.collate
            )
        })
    }
}

impl RestoreServer {
    /// Connects to a maintenance database, and checks that databases can be created.
    ///
    /// # Errors
    /// Exit 3: the server cannot be reached. Exit 4: it is a standby, a read-only server, or a transaction-pooling
    /// proxy.
    pub async fn open(target: &Target, application: &str) -> Result<Self> {
        let mut refused = None;
        for name in MAINTENANCE.iter().filter(|name| **name != target.database()) {
            let maintenance = target.with_database(name);
            match maintenance.connect(application).await {
                Ok(session) => {
                    return Self::with_session(session, maintenance, application).await;
                }
                Err(error) => refused = refused.or(Some(error)),
            }
        }
        Err(refused.context("no database to connect to")?)
    }

    async fn with_session(mut session: Session, target: Target, application: &str) -> Result<Self> {
        writer::no_pooler_before(&target, application).await?;
        let version = session.server_version()?;
        let doing = |error| connection::server_failure(error, "looking at the server");
        prepare_to_hold(&mut session).await.map_err(doing)?;
        let process = Process::of(&mut session).await.map_err(doing)?;
        let row = session.query_one(ABOUT).await.map_err(doing)?;
        let text = |column: &str| row.get::<String>(column).map_err(|error| doing(error.into()));
        let flag = |column: &str| row.get::<bool>(column).map_err(|error| doing(error.into()));
        let (standby, read_only) = (flag("standby")?, text("read_only")? != "off");
        let server = Self {
            session,
            process,
            locked: None,
            target,
            application: application.to_owned(),
            version,
            system_identifier: text("system_identifier")?,
            timeline: text("timeline")?,
            superuser: flag("superuser")?,
            may_create: flag("may_create")?,
            role: text("role")?,
            now: text("now")?,
            temporary: None,
        };
        if standby || read_only {
            let what = match standby {
                true => "the server is a standby: nothing can be restored there",
                false => "transactions on this server are read-only (default_transaction_read_only = on)",
            };
            return Err(Failure::new(Exit::Refused, format!("{what}; nothing was changed"))
                .next("give the address of a primary that can be written to")
                .into());
        }
        Ok(server)
    }

    /// The connection parameters of a database of this server.
    pub(super) fn target(&self, database: &str) -> Target {
        self.target.with_database(database)
    }

    pub(super) fn application(&self) -> &str {
        &self.application
    }

    /// The database of this name.
    ///
    /// # Errors
    /// The query fails.
    pub async fn database(&mut self, name: &str) -> Result<Option<Database>> {
        let doing = |error| connection::server_failure(error, "looking at the databases");
        let row =
            self.session.query_optional(format!("{DATABASE} {}", literal(name))).await.map_err(doing)?;
        row.map(|row| Database::of(name, &row)).transpose().map_err(|error| doing(error.into()))
    }

    /// Some of the objects that users have created in a database.
    ///
    /// # Errors
    /// Exit 3: the database cannot be reached or read.
    pub async fn objects(&self, database: &str) -> Result<Vec<String>> {
        let mut session = self.target(database).connect(&self.application).await?;
        let doing = |error| connection::server_failure(error, "looking for what is in the database");
        session.execute(own_settings()).await.map_err(doing)?;
        let rows = session.query(OBJECTS).await.map_err(doing)?;
        session.close().await;
        rows.iter().map(|row| row.get("what")).collect::<Result<_, _>>().map_err(|error| doing(error.into()))
    }

    /// Creates an empty database with a temporary name and a comment that describes it.
    ///
    /// # Errors
    /// Exit 4: the role may not create databases, or the server lacks the locale. Exit 5: it failed.
    pub(super) async fn create(
        &mut self,
        meant: &str,
        source: &BackupSource,
        tablespace: Option<&str>,
        comment: &str,
    ) -> Result<String> {
        let name = self.temporary.clone().unwrap_or_else(|| restoring(meant));
        let mut sql = format!("CREATE DATABASE {} TEMPLATE template0", identifier(&name));
        sql.push_str(&format!(" ENCODING {}", literal(&source.encoding)));
        sql.push_str(&self.locale(source)?);
        if let Some(tablespace) = tablespace {
            sql.push_str(&format!(" TABLESPACE {}", identifier(tablespace)));
        }
        if let Err(error) = self.session.execute(sql).await {
            return Err(self.cannot_create(error, source));
        }
        self.comment(&name, Some(comment)).await?;
        Ok(name)
    }

    fn locale(&self, source: &BackupSource) -> Result<String, Failure> {
        let major = self.version.major();
        let library = format!(" LC_COLLATE {} LC_CTYPE {}", literal(&source.collate), literal(&source.ctype));
        let locale = literal(source.locale.as_deref().unwrap_or_default());
        let (own, since) = match source.locale_provider.as_deref() {
            Some("i") => (format!(" LOCALE_PROVIDER icu ICU_LOCALE {locale}"), 15),
            Some("b") => (format!(" LOCALE_PROVIDER builtin BUILTIN_LOCALE {locale}"), 17),
            _ if major >= 15 => (" LOCALE_PROVIDER libc".to_owned(), 15),
            _ => (String::new(), 14),
        };
        if major < since {
            return Err(Failure::new(
                Exit::Refused,
                format!(
                    "the backup is of a database with locale {locale}, which PostgreSQL has since {since}, and this \
                     server is {}; nothing was changed",
                    self.version
                ),
            )
            .code(ErrorCode::RESTORE_INCOMPATIBLE)
            .next("restore into a newer server"));
        }
        Ok(library + &own)
    }

    fn cannot_create(&self, error: anyhow::Error, source: &BackupSource) -> anyhow::Error {
        let Some(said) = connection::server_error(&error).map(connection::describe) else { return error };
        let refuse = |what: String, next: String| Failure::new(Exit::Refused, what).next(next).into();
        let text = said.text();
        match said.sqlstate.as_deref() {
            Some(sqlstate::INSUFFICIENT_PRIVILEGE) => refuse(
                format!("role {:?} may not create databases: {text}; nothing was changed", self.role),
                format!(
                    "ALTER ROLE {} CREATEDB; or have an empty database created, and restore into that",
                    identifier(&self.role)
                ),
            ),
            Some(
                sqlstate::INVALID_PARAMETER_VALUE
                | sqlstate::WRONG_OBJECT_TYPE
                | sqlstate::INVALID_TEXT_REPRESENTATION
                | sqlstate::UNDEFINED_OBJECT
                | sqlstate::INTERNAL_ERROR,
            ) => refuse(
                format!(
                    "this server cannot create a database like the one that was backed up (encoding {}, locale {}{}): {text}; \
                     nothing was changed",
                    source.encoding,
                    source.collate,
                    source.locale.as_ref().map(|locale| format!(", {locale}")).unwrap_or_default()
                ),
                "install that locale on the server's machine, or make an empty database with another one and restore \
                 into that"
                    .to_owned(),
            ),
            _ => failed(error, "making the database"),
        }
    }

    pub(super) async fn comment(&mut self, name: &str, comment: Option<&str>) -> Result<()> {
        let sql = comment_on(name, comment);
        self.session.execute(sql).await.map_err(|error| failed(error, "commenting on the database"))
    }

    /// Drops a database that this run or a killed run has created, and disconnects its users.
    ///
    /// # Errors
    /// Exit 6: the database could not be dropped.
    pub(super) async fn drop(&mut self, name: &str) -> Result<()> {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", identifier(name));
        self.session.execute(sql.clone()).await.map_err(|error| {
            let said = connection::server_error(&error).map(|error| connection::describe(error).text());
            let said = said.unwrap_or_else(|| error.to_string());
            Failure::new(
                Exit::Partial,
                format!("database {name:?}, half restored, could not be dropped: {said}"),
            )
            .next(format!("{sql};"))
            .into()
        })
    }

    /// The databases that killed runs have left behind when they restored this database. The lock must be held.
    pub(super) async fn leftovers(&mut self, meant: &str) -> Result<Vec<Database>> {
        let (head, _) =
            restoring(meant).rsplit_once('_').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap_or_default();
        let sql = format!(
            "SELECT datname FROM pg_database WHERE starts_with(datname, {}) ORDER BY datname",
            literal(&format!("{head}_"))
        );
        let rows = self.session.query(sql).await;
        let rows = rows.map_err(|error| connection::server_failure(error, "looking for leftovers"))?;
        let mut found = Vec::new();
        for row in rows {
            let name: String = row.get("datname")?;
            let tail = &name[head.len() + 1..];
            let is_tail = tail.len() == TAIL
                && tail.bytes().all(|byte| byte.is_ascii_digit() || byte.is_ascii_lowercase());
            let Some(database) = self.database(&name).await?.filter(|_| is_tail) else { continue };
            let left = match &database.comment {
                Some(comment) => comment.starts_with(&comment_of(meant)),
                // The run was killed between creating the database and commenting on it: the database is empty.
                None => database.ours && self.objects(&name).await.is_ok_and(|objects| objects.is_empty()),
            };
            if left {
                found.push(database);
            }
        }
        Ok(found)
    }

    /// Drops a database that could not be restored. Connects again first when the connection, and the lock with it, was
    /// lost while `pg_restore` was running.
    ///
    /// # Errors
    /// Exit 6: the lock is another run's now, or the database could not be dropped.
    pub(super) async fn drop_failed(&mut self, name: &str) -> Result<()> {
        if self.session.execute("SELECT 1").await.is_err()
            && let Err(error) = self.reconnect().await
        {
            let what =
                format!("the connection was lost: {error}; database {name:?}, half restored, may be left");
            let next = "when no other restore is running, run the same command again: it drops that database";
            let code = error.downcast_ref::<Failure>().and_then(|failure| failure.code);
            return Err(Failure { code, ..Failure::new(Exit::Partial, what).next(next) }.into());
        }
        self.drop(name).await
    }

    /// Checks that this is still the same server.
    ///
    /// # Errors
    /// Exit 5: another server answers.
    pub(super) async fn check_identity(&mut self) -> Result<()> {
        let doing = |error| failed(error, "reading the identity of the server");
        let row = self.session.query_one(ABOUT).await.map_err(doing)?;
        let read = |column: &str| row.get::<&str>(column).map_err(|error| doing(error.into()));
        if read("system_identifier")? == self.system_identifier && read("timeline")? == self.timeline {
            return Ok(());
        }
        let what = "the server is not the one that the backup was restored into: another one has taken over; nothing was \
                    swapped";
        Err(Failure::new(Exit::RolledBack, what)
            .next("ask what happened to the server, then run the same command again")
            .into())
    }

    /// Closes the connection.
    pub async fn close(self) {
        self.session.close().await;
    }
}

/// Makes a session that can hold the lock of a restore: it is kept in use, and the server ends it when this process is gone.
pub(super) async fn prepare_to_hold(session: &mut Session) -> Result<()> {
    session.give_up_after(PATIENCE);
    session.keep_in_use();
    session.execute(own_settings()).await
}

fn own_settings() -> String {
    format!("{OWN}; {}; {OBSERVED_SESSION}", limit_unused())
}

/// The beginning of the comment on a database that is being restored.
pub(super) fn comment_of(meant: &str) -> String {
    format!("trueup restore of {}: ", identifier(meant))
}

pub(super) fn comment_on(name: &str, comment: Option<&str>) -> String {
    let comment = comment.map_or_else(|| "NULL".to_owned(), literal);
    format!("COMMENT ON DATABASE {} IS {comment}", identifier(name))
}

/// A temporary name for a database while it is restored.
pub(super) fn restoring(meant: &str) -> String {
    let ulid = Ulid::generate().to_string().to_ascii_lowercase();
    let tail = &ulid[ulid.len() - TAIL..];
    format!("{}{RESTORING}{tail}", shortened(meant, RESTORING.len() + TAIL))
}

/// The beginning of a name that leaves room for a suffix of `room` bytes.
pub(super) fn shortened(name: &str, room: usize) -> &str {
    &name[..name.floor_char_boundary(name.len().min(LONGEST_NAME - room))]
}

/// The failure of a statement that left everything as it was.
pub(super) fn failed(error: anyhow::Error, doing: &str) -> anyhow::Error {
    with_failure(connection::server_failure(error, doing), |failure| match failure.exit {
        Exit::CannotTell | Exit::Busy => Failure { exit: Exit::RolledBack, ..failure },
        _ => failure,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f43_the_name_of_a_database_that_is_restored_is_never_too_long() {
        for name in ["platform", &"x".repeat(63), &"é".repeat(31), &"😀".repeat(15)] {
            let made = restoring(name);
            assert!(made.len() <= LONGEST_NAME, "{made}");
            assert!(made.contains(RESTORING), "{made}");
        }
    }
}
