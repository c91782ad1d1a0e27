//! Messages of the simple protocol: several statements, one round trip, rows streamed as text
//! (manual, "Simple Query").

use std::time::Duration;

use anyhow::{Result, anyhow};
use futures_util::TryStreamExt as _;
use sqlx::postgres::{PgConnection, PgRow};
use sqlx::{AssertSqlSafe, Column as _, Either, Row as _, ValueRef as _};

use super::ServerVersion;
use crate::error::{Exit, Failure};

/// How long a goodbye may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// One session with a server. Everything that talks to PostgreSQL does it through one of these.
#[derive(Debug)]
pub struct Session {
    connection: PgConnection,
    patience: Option<Duration>,
    done: usize,
    given_up: bool,
}

/// One row, its values in the server's text format.
#[derive(Debug)]
pub struct Row<'r>(&'r PgRow);

impl Row<'_> {
    /// The value of a column, `None` for NULL.
    ///
    /// # Panics
    /// When the statement has no such column.
    pub fn text(&self, column: usize) -> Option<&str> {
        let value = self.0.try_get_raw(column).expect("a column of the statement");
        if value.is_null() { None } else { Some(value.as_str().expect("client_encoding is UTF8")) }
    }

    /// The columns: their names and the oids of their types.
    pub fn columns(&self) -> Vec<(String, u32)> {
        let columns = self.0.columns().iter();
        columns
            .map(|column| (column.name().to_owned(), column.type_info().oid().map_or(0, |oid| oid.0)))
            .collect()
    }

    /// How many columns the row has.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the row has no column at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Session {
    /// Takes over an established connection.
    pub fn new(connection: PgConnection) -> Self {
        Self { connection, patience: None, done: 0, given_up: false }
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
        let mut answers = sqlx::raw_sql(AssertSqlSafe(sql)).fetch_many(&mut self.connection);
        loop {
            let answer = patiently(self.patience, answers.try_next()).await;
            let Some(answer) = answer.inspect_err(|_| self.given_up = true)?? else { return Ok(()) };
            match answer {
                Either::Left(_done) => self.done += 1,
                Either::Right(row) => each(self.done, Row(&row))?,
            }
        }
    }

    /// Runs one query, which returns a text, as a prepared statement, of which the server takes only one in a message.
    /// Nothing stays prepared.
    ///
    /// # Errors
    /// As [`Session::message`]: what is more than one statement among them.
    pub async fn single(&mut self, sql: String) -> Result<()> {
        let query = sqlx::query(AssertSqlSafe(sql)).persistent(false);
        let answer = patiently(self.patience, query.fetch_one(&mut self.connection)).await;
        answer.inspect_err(|_| self.given_up = true)??;
        Ok(())
    }

    /// Whether the server was silent for too long, once: the session is of no use any more.
    pub fn is_given_up(&self) -> bool {
        self.given_up
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

    /// Sends one message and returns the rows of all its statements, values in the server's text format.
    ///
    /// # Errors
    /// As [`Session::message`].
    pub async fn rows(&mut self, sql: impl Into<String>) -> Result<Vec<Vec<Option<String>>>> {
        let mut rows = Vec::new();
        self.message(sql.into(), |_, row| {
            rows.push((0..row.len()).map(|column| row.text(column).map(str::to_owned)).collect());
            Ok(())
        })
        .await?;
        Ok(rows)
    }

    /// The version that the server reported when the session began.
    ///
    /// # Errors
    /// When it reported none, which no PostgreSQL does.
    pub fn server_version(&self) -> Result<ServerVersion> {
        self.connection
            .server_version_num()
            .map(ServerVersion)
            .ok_or_else(|| anyhow!("the server did not report its version: is this PostgreSQL?"))
    }

    /// Says goodbye. Dropping a session closes the socket without a word, which the server logs.
    pub async fn close(self) {
        let goodbye = sqlx::Connection::close(self.connection);
        let _ = tokio::time::timeout(GOODBYE, goodbye).await;
    }
}

async fn patiently<T>(patience: Option<Duration>, answer: impl Future<Output = T>) -> Result<T, Failure> {
    let Some(patience) = patience else { return Ok(answer.await) };
    tokio::time::timeout(patience, answer).await.map_err(|_| {
        let seconds = patience.as_secs_f32();
        Failure::new(Exit::Busy, format!("the server has said nothing for {seconds} s: given up"))
            .next("try again; if it happens again, look at the network and the server")
    })
}
