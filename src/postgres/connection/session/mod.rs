//! Messages of the simple protocol: several statements, one round trip, rows streamed as text
//! (manual, "Simple Query").

mod abandoned;
mod heartbeat;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use futures_util::TryStreamExt as _;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Either};
use tokio::sync::{Mutex, OwnedMutexGuard};

use abandoned::{ServerProcess, ends_transaction};
use heartbeat::{Heartbeat, SharedConnection};

use super::row::{OwnedRow, Row, RowBuffer, Single};
use super::value::{FromValue, RowError};
use super::{Batch, ServerVersion, Target, describe, server_error};
use crate::error::{ErrorCode, Exit, Failure};

pub use abandoned::{CHECK_CLIENT, EndedStatements, OBSERVED, OBSERVED_SESSION, end_abandoned};
pub use heartbeat::{IDLE_SESSION_LIMIT, IDLE_TRANSACTION_LIMIT, limit_unused};

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// One session with a server. Everything that talks to PostgreSQL does it through one of these.
#[derive(Debug)]
pub struct Session {
    connection: Arc<Mutex<SharedConnection>>,
    heartbeat: Option<Heartbeat>,
    version: Option<u32>,
    patience: Option<Duration>,
    done: usize,
    given_up: bool,
    backend: ServerProcess,
}

impl Session {
    /// Takes over an established connection.
    pub fn new(connection: PgConnection) -> Self {
        Self {
            version: connection.server_version_num(),
            connection: Arc::new(Mutex::new(SharedConnection { connection, given_up: None })),
            heartbeat: None,
            patience: None,
            done: 0,
            given_up: false,
            backend: ServerProcess::default(),
        }
    }

    /// Notes where the session is and what it is called there: its statement is cancelled when it is dropped meanwhile.
    pub(super) fn at(mut self, target: &Target, application: &str) -> Self {
        self.backend.place = Some((target.clone(), application.to_owned()));
        self
    }

    /// Nobody cancels what is left of it: the server is ended, or what it works on is removed.
    pub fn unobserved(mut self) -> Self {
        self.backend.place = None;
        self
    }

    /// From now on gives up when the server says nothing for so long: a network that stalls is never noticed
    /// otherwise. The session is of no use afterwards.
    pub fn give_up_after(&mut self, patience: Duration) {
        self.patience = Some(patience);
    }

    /// From now on waits as long as it takes: somebody else watches over it.
    pub fn never_give_up(&mut self) {
        self.patience = None;
    }

    /// From now on the connection is used every so often, whatever else goes on, for as long as this session lasts.
    pub fn keep_in_use(&mut self) {
        self.heartbeat.get_or_insert_with(|| Heartbeat::of(Arc::clone(&self.connection), self.patience));
    }

    /// Waits until a connection that is kept in use is lost, and returns why.
    pub async fn lost(&mut self) -> anyhow::Error {
        let error = match &mut self.heartbeat {
            Some(heartbeat) => heartbeat.lost().await,
            None => std::future::pending().await,
        };
        self.heartbeat = None;
        error
    }

    /// Sends one message and hands every row to `each`, with the number of the statement (from 0) it belongs to.
    /// One round trip. After an error the session may stand in an aborted transaction: send `ROLLBACK`.
    ///
    /// # Errors
    /// The server's error or the connection's, as [`sqlx::Error`] inside; and what `each` returns. Exit 75 when the
    /// server is silent for too long.
    pub async fn message(
        &mut self,
        sql: String,
        mut each: impl FnMut(usize, Row<'_>) -> Result<()>,
    ) -> Result<()> {
        self.done = 0;
        self.backend.begins(&sql);
        let ends = ends_transaction(&sql);
        let answered = self.answers(sql, &mut each).await;
        if !answered.as_ref().is_err_and(may_go_on) {
            self.backend.answered(ends && answered.is_ok());
        }
        answered
    }

    async fn answers(
        &mut self,
        sql: String,
        each: &mut impl FnMut(usize, Row<'_>) -> Result<()>,
    ) -> Result<()> {
        let mut shared = self.connection().await?;
        let mut answers = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(&mut shared.connection);
        loop {
            let answer = patiently(self.patience, answers.try_next()).await;
            let Some(answer) = answer.inspect_err(|_| self.given_up = true)?? else { return Ok(()) };
            match answer {
                Either::Left(_done) => self.done += 1,
                Either::Right(row) => {
                    let row = Row::new(&row);
                    if !self.backend.learns(&row)? {
                        each(self.done, row)?;
                    }
                }
            }
        }
    }

    /// The connection, once its heartbeat was answered.
    async fn connection(&mut self) -> Result<OwnedMutexGuard<SharedConnection>, Failure> {
        let shared = patiently(self.patience, Arc::clone(&self.connection).lock_owned()).await;
        let shared = shared.and_then(|shared| match &shared.given_up {
            Some(silence) => Err(silence.clone()),
            None => Ok(shared),
        });
        shared.inspect_err(|_| self.given_up = true)
    }

    /// Runs one query as a prepared statement, of which the server accepts only one in a message. The query must return
    /// a row of texts, which is ignored. Nothing stays prepared.
    ///
    /// # Errors
    /// See [`Session::message`]. A text of several statements is an error of the server.
    pub async fn run_prepared(&mut self, sql: String) -> Result<()> {
        let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        let mut shared = self.connection().await?;
        self.backend.works = true;
        let answer = patiently(self.patience, query.fetch_one(&mut shared.connection)).await;
        let answer = answer.inspect_err(|_| self.given_up = true);
        let answer = answer.map_err(anyhow::Error::new).and_then(|answer| Ok(answer?));
        self.backend.works = answer.as_ref().is_err_and(may_go_on);
        answer.map(|_| ())
    }

    /// How many rows `COPY ... TO STDOUT` in the text format sends: each is one line. The server reads the table without
    /// planning a query. The rows are dropped as they come.
    ///
    /// # Errors
    /// See [`Session::message`].
    pub async fn count_copied(&mut self, copy: &str) -> Result<u64> {
        self.done = 0;
        self.backend.works = true;
        let counted = self.copied(copy).await;
        self.backend.works = counted.as_ref().is_err_and(may_go_on);
        counted
    }

    async fn copied(&mut self, copy: &str) -> Result<u64> {
        let patience = self.patience;
        let mut shared = self.connection().await?;
        let copying = patiently(patience, shared.connection.copy_out_raw(copy)).await;
        let mut rows = copying.inspect_err(|_| self.given_up = true)??;
        let mut count = 0;
        loop {
            match patiently(patience, rows.try_next()).await {
                Ok(Ok(Some(bytes))) => count += memchr::memchr_iter(b'\n', &bytes).count() as u64,
                Ok(Ok(None)) => return Ok(count),
                Ok(Err(error)) => return Err(error.into()),
                Err(silence) => {
                    drop(rows);
                    self.given_up = true;
                    return Err(silence.into());
                }
            }
        }
    }

    /// Whether the server was silent for too long, once: the session is of no use any more.
    pub fn is_given_up(&self) -> bool {
        self.given_up
    }

    /// Tries a session again that was silent for too long. What it answers late to what was asked before is passed over.
    pub fn try_again(&mut self) {
        self.given_up = false;
    }

    /// Somebody else has noticed that the server says nothing.
    pub fn give_up(&mut self) {
        self.given_up = true;
    }

    /// How many statements of the last message the server had done when it ended, or failed.
    pub fn statements_done(&self) -> usize {
        self.done
    }

    /// Sends one message whose rows do not matter.
    ///
    /// # Errors
    /// As [`Session::message`].
    pub async fn execute(&mut self, sql: impl Into<String>) -> Result<()> {
        self.message(sql.into(), |_, _| Ok(())).await
    }

    /// Sends the statements of a batch as one message, and hands every row to the sink of its statement.
    ///
    /// # Errors
    /// See [`Session::message`]; what a sink returns.
    pub async fn run(&mut self, mut batch: Batch<'_>) -> Result<()> {
        self.message(batch.sql(), |statement, row| batch.row(statement, &row)).await
    }

    /// Sends one message and returns the rows of all its statements.
    ///
    /// # Errors
    /// See [`Session::message`].
    pub async fn query(&mut self, sql: impl Into<String>) -> Result<Vec<OwnedRow>> {
        let mut rows = RowBuffer::default();
        self.message(sql.into(), |statement, row| {
            rows.push(statement, &row);
            Ok(())
        })
        .await?;
        Ok(rows.into_vec())
    }

    /// Sends one message that answers with exactly one row.
    ///
    /// # Errors
    /// See [`Session::message`]; [`RowError`] when there is no row, or more than one.
    pub async fn query_one(&mut self, sql: impl Into<String>) -> Result<OwnedRow> {
        Ok(self.query_optional(sql).await?.ok_or(RowError::NoRow)?)
    }

    /// Sends one message that answers with one row at most.
    ///
    /// # Errors
    /// See [`Session::message`]; [`RowError`] when there is more than one row.
    pub async fn query_optional(&mut self, sql: impl Into<String>) -> Result<Option<OwnedRow>> {
        let mut rows = self.query(sql).await?;
        let row = rows.pop();
        if rows.is_empty() { Ok(row) } else { Err(RowError::SecondRow.into()) }
    }

    /// Sends one message that answers with exactly one row, and reads its first column.
    ///
    /// # Errors
    /// See [`Session::message`]; [`RowError`] when there is no row, more than one, or the value is not of the type:
    /// NULL is of no type but `Option`.
    pub async fn scalar<T>(&mut self, sql: impl Into<String>) -> Result<T>
    where
        T: for<'v> FromValue<'v>,
    {
        Ok(self.optional_scalar(sql).await?.ok_or(RowError::NoRow)?)
    }

    /// Sends one message that answers with one row at most, and reads its first column.
    ///
    /// # Errors
    /// See [`Session::message`]; [`RowError`] when there is more than one row, or the value is not of the type.
    pub async fn optional_scalar<T>(&mut self, sql: impl Into<String>) -> Result<Option<T>>
    where
        T: for<'v> FromValue<'v>,
    {
        let mut single = Single::default();
        self.message(sql.into(), |_, row| Ok(single.set(row.at(0)?)?)).await?;
        Ok(single.optional())
    }

    /// The version that the server reported when the session began.
    ///
    /// # Errors
    /// When it reported none, which no PostgreSQL does.
    pub fn server_version(&self) -> Result<ServerVersion> {
        self.version
            .map(ServerVersion)
            .ok_or_else(|| anyhow!("the server did not report its version: is this PostgreSQL?"))
    }

    /// Says goodbye. Dropping a session closes the socket without a word, which the server logs.
    pub async fn close(self) {
        let Self { connection, heartbeat, .. } = self;
        let goodbye = async {
            if let Some(heartbeat) = heartbeat {
                heartbeat.stop().await;
            }
            if let Some(shared) = Arc::into_inner(connection) {
                let _ = sqlx::Connection::close(shared.into_inner().connection).await;
            }
        };
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }
}

/// Whether the server may still work on a message that ended with this error: it is not the server's own.
fn may_go_on(error: &anyhow::Error) -> bool {
    server_error(error).is_none_or(|error| describe(error).sqlstate.is_none())
}

async fn patiently<T>(patience: Option<Duration>, answer: impl Future<Output = T>) -> Result<T, Failure> {
    let Some(patience) = patience else { return Ok(answer.await) };
    tokio::time::timeout(patience, answer).await.map_err(|_| {
        let seconds = patience.as_secs();
        Failure::new(Exit::Busy, format!("the server has said nothing for {seconds} s: given up"))
            .code(ErrorCode::CONNECTION_TIMEOUT)
            .next(
                "try again; if it happens again, look at the network, the server, and a pooler before it, whose connections \
                 may all be in use",
            )
    })
}
