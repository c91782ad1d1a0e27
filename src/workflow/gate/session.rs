//! The one connection of a gate, and the time that it has. All that is asked sees the snapshot in which the schema was read,
//! and what one section is refused keeps no other one from asking.

use std::time::{Duration, Instant};

use super::section::Question;
pub(super) use crate::error::failure_of;
use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection::{Batch, OwnedRow, ReadingScope, RowBuffer, Session, server_failure};
use crate::text::duration;

/// `lock_timeout` of a gate's transactions: a lock that nobody gives in this time is a reason of its own.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long the end of the last transaction may take.
const GOODBYE: Duration = Duration::from_secs(1);

/// When a gate has to answer.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Deadline {
    begun: Instant,
    limit: Duration,
}

impl Deadline {
    /// So long from now on.
    pub(super) fn after(limit: Duration) -> Self {
        Self { begun: Instant::now(), limit }
    }

    /// How much time is left.
    pub(crate) fn remaining(self) -> Duration {
        self.limit.saturating_sub(self.begun.elapsed())
    }

    /// How much of it one question may take: half of what is left, so that another one can follow.
    pub(super) fn share(self) -> Duration {
        (self.remaining() / 2).max(Duration::from_millis(1))
    }

    /// How much of it a question may spend waiting for a lock.
    pub(super) fn lock_wait(self) -> Duration {
        LOCK_TIMEOUT.min(self.share() / 2).max(Duration::from_millis(1))
    }

    /// Does work within the time that is left.
    ///
    /// # Errors
    /// Exit 3: it did not end in time. The work's own.
    pub(crate) async fn within<T>(self, work: impl Future<Output = anyhow::Result<T>>) -> Result<T, Failure> {
        match tokio::time::timeout(self.remaining(), work).await {
            Ok(done) => done.map_err(failure_of),
            Err(_) => Err(self.missed()),
        }
    }

    fn missed(self) -> Failure {
        Failure::cannot_tell(format!("no answer within the gate's deadline of {}", duration(self.limit)))
            .code(ErrorCode::GATE_DEADLINE)
            .next("run it again; if it happens again, look at what the server is busy with, or raise [gate] deadline")
    }
}

/// The connection.
pub(super) struct GateSession {
    session: Result<Session, Failure>,
    pub(super) deadline: Deadline,
    role: Option<String>,
    /// Whether the snapshot of the schema is still open.
    pub(super) scope: ReadingScope,
}

impl GateSession {
    /// Takes a connection over, or why there is none. `role` is the role that reads.
    pub(super) fn new(session: Result<Session, Failure>, deadline: Deadline, role: Option<String>) -> Self {
        Self { session, deadline, role, scope: ReadingScope::Transaction }
    }

    /// Lends the session to work that ends what it begins. When it does not end in time, the connection is of no use any more.
    ///
    /// # Errors
    /// Exit 3: there is no connection, or no answer in time. The work's own.
    pub(super) async fn lend<T>(
        &mut self,
        work: impl AsyncFnOnce(&mut Session) -> anyhow::Result<T>,
    ) -> Result<T, Failure> {
        let mut session = std::mem::replace(&mut self.session, Err(self.deadline.missed()))?;
        let done = match tokio::time::timeout(self.deadline.remaining(), work(&mut session)).await {
            Ok(done) => done,
            // Dropping the session cancels what the server still does.
            Err(_) => return Err(self.deadline.missed()),
        };
        let end = self.scope.end().join("; ");
        if done.is_err() && !said(&mut session, end, self.deadline.share()).await {
            let lost = Failure::cannot_tell("the connection to the database was lost")
                .next("run the gate again; the server's log says what ended the connection");
            self.session = Err(lost);
        } else {
            self.session = Ok(session);
        }
        done.map_err(failure_of)
    }

    /// Sends something as one message.
    ///
    /// # Errors
    /// Exit 3: there is no connection, no answer in time, or the server refuses to answer.
    pub(super) async fn ask<'b>(
        &mut self,
        doing: &str,
        add: impl FnOnce(&mut Batch<'b>),
    ) -> Result<(), Failure> {
        let mut batch = self
            .scope
            .begin()
            .statement_timeout(self.deadline.share())
            .lock_timeout(self.deadline.lock_wait())
            .catalog_search_path()
            .role(self.role.as_deref())
            .batch();
        add(&mut batch);
        batch.end(self.scope);
        self.lend(async move |session| session.run(batch).await.map_err(|error| server_failure(error, doing)))
            .await
    }

    /// Sends questions as one message, and returns the rows of each.
    ///
    /// # Errors
    /// As [`GateSession::ask`].
    pub(super) async fn answers(
        &mut self,
        doing: &str,
        questions: &[&Question],
    ) -> Result<Vec<Vec<OwnedRow>>, Failure> {
        if questions.is_empty() {
            return Ok(Vec::new());
        }
        let mut buffers: Vec<RowBuffer> = questions.iter().map(|_| RowBuffer::default()).collect();
        self.ask(doing, |batch| {
            for (question, rows) in questions.iter().zip(&mut buffers) {
                batch.execute_all(question.before.iter().cloned());
                batch.rows(question.sql.as_str(), rows);
            }
        })
        .await?;
        Ok(buffers.into_iter().map(RowBuffer::into_vec).collect())
    }

    /// Ends the connection.
    pub(super) async fn close(self) {
        let Ok(mut session) = self.session else { return };
        // A pooler does not use a connection again whose client leaves a transaction open.
        let limit = self.deadline.remaining().min(GOODBYE);
        if self.scope == ReadingScope::OpenSnapshot && !said(&mut session, "ROLLBACK".to_owned(), limit).await
        {
            return;
        }
        session.close().await;
    }
}

/// Says the last words of a transaction within this time. A server that has said nothing for too long is told nothing any more.
async fn said(session: &mut Session, words: String, limit: Duration) -> bool {
    !session.is_given_up()
        && tokio::time::timeout(limit, session.execute(words)).await.is_ok_and(|answer| answer.is_ok())
}

/// The failure of something that could not be asked, as one that says nothing about the database.
pub(super) fn untold(failure: Failure) -> Failure {
    Failure { exit: Exit::CannotTell, ..failure }
}
