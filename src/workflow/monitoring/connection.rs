//! The one connection of a monitor. A database that says nothing keeps it: a second connection beside one that hangs is how
//! monitoring takes the connections of the application.

use std::time::{Duration, Instant};

use anyhow::Result;

use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection::{Session, Target, end_abandoned};
use crate::project::Settings;

/// How long the first connection that hangs is kept at the most before a new one is made in its place: a network that is gone
/// says nothing for ever. The next one that hangs is kept for twice as long, and so on: where every backend stands still, for
/// want of a disk, they stay in the server.
const HOPE: Duration = Duration::from_secs(60);
/// The part of the age that an answer may have for which it is kept: a server that has taken the place of a dead one is found
/// before the last answer of that one is too old.
const HOPE_OF_AGE: u32 = 3;
/// How long a connection that hangs has to answer when it is tried again.
const PATIENCE: Duration = Duration::from_secs(1);

/// The connection, where there is one.
#[derive(Debug)]
pub(super) struct OneConnection {
    session: Option<Session>,
    /// Since when it has said nothing, where that was too long.
    silent_since: Option<Instant>,
    /// How long one that hangs is kept.
    hope: Duration,
    /// How long the first one is.
    first_hope: Duration,
    /// Whether something was asked that is not answered yet.
    works: bool,
}

impl OneConnection {
    /// None yet; what it answers counts for `max_age`.
    pub(super) fn new(max_age: Duration) -> Self {
        let first_hope = HOPE.min(max_age / HOPE_OF_AGE);
        Self { session: None, silent_since: None, hope: first_hope, first_hope, works: false }
    }

    /// Lends the session to a reading, which makes transactions of its own. A connection that was lost since it was last used
    /// is made again.
    ///
    /// # Errors
    /// Those of connecting; those of the reading. Exit 75 as long as the connection hangs.
    pub(super) async fn lend<T>(
        &mut self,
        settings: &Settings,
        work: impl AsyncFn(&Target, &mut Session) -> Result<T>,
    ) -> Result<T> {
        self.works = true;
        let outcome = self.lend_anyhow(settings, work).await;
        self.works = false;
        outcome
    }

    async fn lend_anyhow<T>(
        &mut self,
        settings: &Settings,
        work: impl AsyncFn(&Target, &mut Session) -> Result<T>,
    ) -> Result<T> {
        self.wake().await?;
        // A password file may have changed since.
        let target = settings.target()?;
        let reused = self.session.is_some();
        let outcome = self.attempt(settings, &target, &work).await;
        match (&outcome, &self.session) {
            (Err(_), None) if reused => self.attempt(settings, &target, &work).await,
            _ => outcome,
        }
    }

    async fn attempt<T>(
        &mut self,
        settings: &Settings,
        target: &Target,
        work: &impl AsyncFn(&Target, &mut Session) -> Result<T>,
    ) -> Result<T> {
        let session = match &mut self.session {
            Some(session) => session,
            none => none.insert(target.connect(&settings.application()).await?),
        };
        let outcome = work(target, session).await;
        if outcome.is_ok() {
            self.hope = self.first_hope;
        } else {
            // What failed may have left a transaction.
            let alive = !session.is_given_up() && session.execute("ROLLBACK").await.is_ok();
            if session.is_given_up() {
                self.silent_since = Some(Instant::now());
            } else if !alive {
                self.forget();
            }
        }
        outcome
    }

    /// Tries a connection that hangs again, and gives it up when that has lasted too long.
    async fn wake(&mut self) -> Result<(), Failure> {
        let (Some(since), Some(session)) = (self.silent_since, &mut self.session) else { return Ok(()) };
        session.give_up_after(PATIENCE);
        session.try_again();
        match session.execute("ROLLBACK").await {
            Ok(()) => {}
            Err(_) if !session.is_given_up() => self.forget(),
            Err(_) if since.elapsed() < self.hope => {
                return Err(Failure::new(Exit::Busy, "the database does not answer")
                    .code(ErrorCode::CONNECTION_TIMEOUT)
                    .next("look at the server, and at what is between it and trueup"));
            }
            Err(_) => {
                self.session = None;
                self.hope = self.hope.saturating_mul(2);
                // Its backend may still be there: it is ended before another one is made.
                end_abandoned().await;
            }
        }
        self.silent_since = None;
        Ok(())
    }

    /// Drops a connection that was lost: there is nothing to be cancelled.
    fn forget(&mut self) {
        drop(self.session.take().map(Session::unobserved));
    }

    /// Whether there is a connection that has answered the last time.
    pub(super) fn is_usable(&self) -> bool {
        self.session.is_some() && self.silent_since.is_none()
    }

    /// Ends the connection. What the server still works on is left to [`end_abandoned`].
    pub(super) async fn close(self) {
        if let Some(session) = self.session.filter(|_| !self.works && self.silent_since.is_none()) {
            session.close().await;
        }
    }
}
