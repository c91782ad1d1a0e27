//! A statement that cannot run in a transaction: watched over, with a budget for locks of its own.
//!
//! What it leaves behind when it fails (an invalid index) is for the caller to look at.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::WriteSession;
use super::event::Watch;
use super::step_error::StepError;
use super::watchdog::{StepWatchdog, Why, supervised};
use crate::postgres::connection::{self, sqlstate};

/// One statement.
#[derive(Debug, Clone, Copy)]
pub struct StandaloneStatement<'o> {
    /// Its name in messages: `V6__api_keys_user_id_index, statement 1`.
    pub what: &'o str,
    /// The statement, without a semicolon.
    pub statement: &'o str,
    /// How long one wait for a lock may be; `None`: as long as the budget. A short one makes CREATE INDEX CONCURRENTLY
    /// leave an invalid index behind.
    pub lock_timeout: Option<Duration>,
    /// How long it may wait for locks altogether.
    pub lock_budget: Duration,
}

impl WriteSession {
    /// Runs a statement on its own.
    ///
    /// # Errors
    /// [`Trouble`]; the statement may have left something behind.
    pub async fn run_standalone(
        &mut self,
        work: &StandaloneStatement<'_>,
        watch: &mut dyn Watch,
    ) -> Result<(), StepError> {
        if let Some(signal) = self.stop.asked() {
            return Err(StepError::Stopped(signal));
        }
        let lock_timeout = work.lock_timeout.map_or(0, |timeout| timeout.as_millis());
        let settings = [("lock_timeout", format!("{lock_timeout}ms")), ("statement_timeout", "0".to_owned())];
        match self.clean(&settings).await {
            Ok(answer) => self.access.settled(&settings, &answer)?,
            Err(error) => return Err(self.step_error(error, "preparing the session")),
        }

        let begun = Instant::now();
        // A long statement is silent; the control connection tells whether the server is still there.
        self.session.never_give_up();
        let post = StepWatchdog {
            what: work.what,
            control: &mut self.control,
            access: &self.access,
            server: &self.server,
            stop: self.stop.clone(),
            pid: self.pid,
            lock_timeout: work.lock_timeout.unwrap_or_default(),
            limit: None,
            budget: Some(work.lock_budget),
            progress: true,
            watch,
        };
        let (answer, seen) =
            supervised(&mut self.session, work.statement.to_owned(), post, |_, _| Ok(())).await;
        let Err(error) = answer else { return Ok(()) };
        if let Some(why) = self.loss(&error) {
            self.lost = Some(why.clone());
            return Err(StepError::LostOutside(why));
        }
        let said = connection::server_error(&error).map(connection::describe).unwrap_or_default();
        Err(match seen.cancelled {
            Some(Why::Signal(signal)) => StepError::Stopped(signal),
            Some(Why::Waiting | Why::LockTimeout | Why::Duration) => {
                StepError::NoLock { waited: seen.waited, blockers: seen.blockers, outside_the_queue: false }
            }
            None if said.is(sqlstate::LOCK_NOT_AVAILABLE) => StepError::NoLock {
                waited: begun.elapsed(),
                blockers: seen.blockers,
                outside_the_queue: false,
            },
            None => StepError::Refused { said: Box::new(said), done: 0 },
        })
    }
}
