//! What the examinations have in common: the settings, the connection, and what earlier ones have found.

use std::time::{Duration, SystemTime};

use anyhow::Result;

use crate::error::Failure;
pub(super) use crate::error::failure_of;
use crate::migrations::Migration;
use crate::postgres::connection::{
    OwnedRow, ReadOnlyTransaction, RowBuffer, ServerVersion, Session, Target, server_failure,
};
use crate::project::Settings;
use crate::snapshot::StatusSnapshot;

/// What is known so far.
pub(super) struct Surroundings<'s> {
    pub(super) settings: &'s Settings,
    /// The moment by which dates are judged.
    pub(super) now: SystemTime,
    /// Where the database is.
    pub(super) target: Option<Target>,
    /// Whether a server was asked for, and none has said anything.
    pub(super) is_unanswered: bool,
    /// Whether the connection was lost, and no other one was to be had.
    pub(super) is_lost: bool,
    /// The version of the server that answered.
    pub(super) version: Option<ServerVersion>,
    /// The migrations of the project, and where the database is in them.
    pub(super) migrations: Vec<Migration>,
    pub(super) status: Option<StatusSnapshot>,
    /// How long the examination at work may take.
    pub(super) limit: Duration,
    session: Option<Session>,
}

impl<'s> Surroundings<'s> {
    pub(super) fn new(settings: &'s Settings, now: SystemTime) -> Self {
        Self {
            settings,
            now,
            target: None,
            is_unanswered: false,
            is_lost: false,
            version: None,
            migrations: Vec::new(),
            status: None,
            limit: Duration::from_secs(10),
            session: None,
        }
    }

    /// Where the database is.
    ///
    /// # Errors
    /// It is not known: what asks needs the examination of the address.
    pub(super) fn target(&self) -> Result<&Target, Failure> {
        self.target.as_ref().ok_or_else(|| Failure::cannot_tell("the address of the database is not known"))
    }

    /// The version of the server, where it can be asked something.
    pub(super) fn answering(&self) -> Option<ServerVersion> {
        self.version.filter(|_| !self.is_lost)
    }

    /// Keeps a connection.
    pub(super) fn connected(&mut self, session: Session) {
        self.session = Some(session);
    }

    /// Lends the connection, or a new one where it was lost. It is of no use any more where the work does not end in time.
    ///
    /// # Errors
    /// The work's own, in words; there is no connection.
    pub(super) async fn lend<T>(
        &mut self,
        doing: &str,
        work: impl AsyncFnOnce(&mut Session) -> Result<T>,
    ) -> Result<T, Failure> {
        let mut session = match self.session.take() {
            Some(session) => session,
            None => {
                // So it stays when it is given up meanwhile.
                self.is_lost = true;
                let connecting = self.target()?.connect(&self.settings.application()).await;
                let session = connecting.map_err(failure_of)?;
                self.is_lost = false;
                session
            }
        };
        let done = work(&mut session).await;
        if done.is_ok() || session.execute("ROLLBACK").await.is_ok() {
            self.session = Some(session);
        }
        done.map_err(|error| failure_of(server_failure(error, doing)))
    }

    /// Asks in a READ ONLY transaction, as the role that works.
    ///
    /// # Errors
    /// There is no connection, or the server refuses to answer.
    pub(super) async fn ask(
        &mut self,
        doing: &str,
        sql: impl Into<String>,
    ) -> Result<Vec<OwnedRow>, Failure> {
        let limit = self.limit;
        let role = self.settings.database.set_role.clone();
        let sql = sql.into();
        self.lend(doing, async move |session| {
            let mut rows = RowBuffer::default();
            let mut batch = ReadOnlyTransaction::read_committed()
                .statement_timeout(limit)
                .lock_timeout(limit / 2)
                .catalog_search_path()
                .role(role.as_deref())
                .batch();
            batch.rows(sql, &mut rows);
            batch.execute("COMMIT");
            session.run(batch).await?;
            Ok(rows.into_vec())
        })
        .await
    }

    /// The same, where exactly one row answers.
    ///
    /// # Errors
    /// As [`Self::ask`]; there is another number of rows.
    pub(super) async fn ask_one(&mut self, doing: &str, sql: impl Into<String>) -> Result<OwnedRow, Failure> {
        let mut rows = self.ask(doing, sql).await?;
        match (rows.pop(), rows.is_empty()) {
            (Some(row), true) => Ok(row),
            _ => Err(Failure::cannot_tell(format!("{doing}: the server does not answer with one row"))),
        }
    }

    /// Ends the connection.
    pub(super) async fn close(self) {
        if let Some(session) = self.session {
            session.close().await;
        }
    }
}
