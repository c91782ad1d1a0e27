//! Which database of which server a connection is to, compared whenever a new one is opened.

use anyhow::{Context as _, Result};

use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection::Session;

const SQL: &str = include_str!("server_identity.sql");

/// The identity that backup, change and verification have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerIdentity {
    /// `current_database()`
    pub database: String,
    /// Its oid: another database of the same name has another.
    pub database_oid: u32,
    /// `pg_control_system()`: the same on a physical copy of the server.
    pub system_identifier: String,
    /// The timeline, as the names of WAL files write it: another one after a failover.
    pub timeline: String,
    /// `session_user`
    pub role: String,
}

/// What one connection is to, and whether it may write.
#[derive(Debug, Clone)]
pub(super) struct SessionIdentity {
    pub(super) server: ServerIdentity,
    pub(super) pid: i32,
    standby: bool,
    read_only: bool,
}

impl SessionIdentity {
    pub(super) async fn read(session: &mut Session) -> Result<Self> {
        let row = session.query_one(SQL).await.context("the server did not tell who it is")?;
        // A standby has none.
        let timeline: Option<String> = row.get("timeline")?;
        Ok(Self {
            standby: timeline.is_none(),
            read_only: row.get("read_only")?,
            pid: row.get("pid")?,
            server: ServerIdentity {
                database: row.get("database")?,
                database_oid: row.get("database_oid")?,
                system_identifier: row.get("system_identifier")?,
                timeline: timeline.unwrap_or_default(),
                role: row.get("role")?,
            },
        })
    }

    /// Refuses servers that cannot be written to (exit 4).
    pub(super) fn writable(&self) -> Result<(), Failure> {
        let refuse = |code: ErrorCode, what: String, next: &str| {
            Err(Failure::new(Exit::Refused, what).code(code).next(next))
        };
        let database = &self.server.database;
        if self.standby {
            return refuse(
                ErrorCode::SERVER_STANDBY,
                format!("the server of {database:?} is a standby: nothing can be written there"),
                "give the address of the primary; `trueup check` and `trueup status` work on a standby",
            );
        }
        if self.read_only {
            return refuse(
                ErrorCode::SERVER_READ_ONLY,
                format!("transactions in {database:?} are read-only (default_transaction_read_only = on)"),
                "it may be set for the server, the database or the role: \
                 ALTER ROLE ... RESET default_transaction_read_only, or connect as another role",
            );
        }
        Ok(())
    }
}

impl ServerIdentity {
    /// Compares the place with the one that it was; a new timeline means that another server took over.
    pub(super) fn same(&self, now: &Self) -> Result<(), String> {
        let pairs = [
            ("system identifier", &self.system_identifier, &now.system_identifier),
            ("database", &self.database, &now.database),
            ("timeline", &self.timeline, &now.timeline),
        ];
        for (what, before, now) in pairs {
            if before != now {
                return Err(format!("the {what} was {before} and is {now} now"));
            }
        }
        if self.database_oid != now.database_oid {
            return Err(format!("database {:?} was dropped and created again", self.database));
        }
        Ok(())
    }
}
