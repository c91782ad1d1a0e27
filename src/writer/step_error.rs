//! What can go wrong with one step, told apart by what it leaves behind.

use std::fmt;
use std::time::Duration;

use super::event::{Blocker, name_blockers};
use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection::{ServerError, server_failure, sqlstate};
use crate::text::duration;

/// Why a step did not take place. All but the last four leave the database as it was before the step.
#[derive(Debug)]
pub enum StepError {
    /// The server refused.
    Refused {
        /// What it said; a position counts characters of the script.
        said: Box<ServerError>,
        /// How many statements of the script it had done.
        done: usize,
    },
    /// It took longer than its limit, and was cancelled.
    TookTooLong(Duration),
    /// A lock could not be had within the budget.
    NoLock {
        /// How long it was tried.
        waited: Duration,
        /// Who was in the way.
        blockers: Vec<Blocker>,
        /// Whether it was never tried at all, so as to stay out of the lock queue.
        outside_the_queue: bool,
    },
    /// A signal came, and it was cancelled.
    Stopped(&'static str),
    /// Another run has taken over.
    Superseded,
    /// The connection was lost before COMMIT: the server rolls back.
    Lost(String),
    /// The caller's own proof failed, and it was rolled back.
    Disproved(anyhow::Error),
    /// The script ended the transaction that it was to run in: part of it may stay.
    EndedTransaction,
    /// The connection was lost in a statement that runs outside of a transaction.
    LostOutside(String),
    /// Nobody knows whether COMMIT took place.
    Unknown {
        /// Why not.
        why: String,
        /// The question that decides, as SQL.
        ask: String,
    },
    /// Anything else.
    Other(anyhow::Error),
}

impl StepError {
    /// The failure that ends the command. `what` names the step; `kept` says whether earlier steps of this run stay.
    pub fn failure(self, what: &str, kept: bool) -> anyhow::Error {
        let rolled_back = if kept { Exit::Partial } else { Exit::RolledBack };
        let failure = match self {
            Self::Other(error) => match server_failure(error, what).downcast::<Failure>() {
                // What cannot be told is what the server answered; that it was rolled back is known.
                Ok(failure) if failure.exit == Exit::CannotTell => Failure { exit: rolled_back, ..failure },
                Ok(failure) => failure,
                Err(error) => return error,
            },
            Self::Disproved(error) => match server_failure(error, what).downcast::<Failure>() {
                Ok(failure) => Failure { exit: rolled_back, ..failure },
                Err(error) => return error,
            },
            Self::Refused { said, .. } => {
                Failure::new(rolled_back, format!("{what}: the server refused, and it was rolled back: {}", said.text()))
                    .code(ErrorCode::SERVER_REFUSED)
                    .next(after_refusal(&said))
            }
            Self::TookTooLong(limit) => Failure::new(
                rolled_back,
                format!("{what} took longer than {}: it was cancelled and rolled back", duration(limit)),
            )
            .code(ErrorCode::RUN_TOO_LONG)
            .next(
                "a lock held for long stops the application as much as one waited for: split the migration, or let it \
                 take longer with a line `-- trueup: max-duration 10min` at its top or [migrations] max_duration",
            ),
            Self::NoLock { waited, blockers, outside_the_queue } => {
                let who = match blockers.as_slice() {
                    [] => "whoever held it is gone".to_owned(),
                    blockers => format!("in the way: {}", name_blockers(blockers)),
                };
                let how = if outside_the_queue { "without entering the lock queue" } else { "and was rolled back" };
                Failure::new(Exit::Busy, format!("{what} waited {} for its locks {how}; {who}", duration(waited)))
                    .code(ErrorCode::LOCK_TIMEOUT)
                    .next("run the same command again when they are gone")
            }
            Self::Stopped(signal) => {
                Failure::new(rolled_back, format!("interrupted by {signal}: {what} was rolled back"))
                    .code(ErrorCode::RUN_INTERRUPTED)
                    .next("run the same command again to continue")
            }
            Self::Superseded => Failure::new(
                rolled_back,
                format!("another run of trueup has taken over this database: {what} was rolled back"),
            )
            .code(ErrorCode::RUN_SUPERSEDED)
            .next("trueup status"),
            Self::Lost(why) => Failure::new(
                rolled_back,
                format!("the connection to the server was lost in {what} ({why}): the server rolls it back"),
            )
            .code(ErrorCode::CONNECTION_LOST)
            .next("run the same command again to continue"),
            Self::EndedTransaction => Failure::new(
                Exit::Partial,
                format!("{what} ended the transaction that it was to run in: part of it may be in the database, and it \
                         is not recorded as applied"),
            )
            .next("trueup check, then trueup resolve"),
            Self::LostOutside(why) => Failure::new(
                Exit::Partial,
                format!("the connection to the server was lost in {what} ({why}), which runs outside of a transaction"),
            )
            .code(ErrorCode::CONNECTION_LOST)
            .next("run the same command again: it looks how far the statement came"),
            Self::Unknown { why, ask } => Failure::new(
                Exit::Unknown,
                format!("nobody knows whether {what} was committed: {why}"),
            )
            .code(ErrorCode::RUN_COMMIT_UNKNOWN)
            .next(format!("when the server is back: trueup status; or ask it yourself: {ask}")),
        };
        failure.into()
    }
}

/// What comes next when the server has refused something.
fn after_refusal(said: &ServerError) -> &'static str {
    match said.sqlstate.as_deref() {
        Some(sqlstate::INSUFFICIENT_PRIVILEGE) => {
            "grant the right to this role, then run the same command again"
        }
        // unique_violation, exclusion_violation
        Some(sqlstate::UNIQUE_VIOLATION | sqlstate::EXCLUSION_VIOLATION) => {
            "another row has that already: change one of the two, then run the same command again"
        }
        Some(sqlstate::FOREIGN_KEY_VIOLATION) => {
            "make the row that is referred to, or change the one that refers, then run the same command again"
        }
        _ => "fix what the server reports, then run the same command again",
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

impl std::error::Error for StepError {}

impl From<anyhow::Error> for StepError {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_what_comes_next() {
        for (state, words) in [
            (sqlstate::UNIQUE_VIOLATION, "another row has that already"),
            (sqlstate::FOREIGN_KEY_VIOLATION, "referred to"),
            (sqlstate::RAISE_EXCEPTION, "fix what the server reports"),
        ] {
            let said = ServerError { sqlstate: Some(state.into()), ..ServerError::default() };
            let failure = StepError::Refused { said: Box::new(said), done: 0 }.failure("batch 1", true);
            let failure = failure.downcast::<Failure>().expect("a failure");
            assert!(
                failure.next.contains(words) && failure.next.contains("the same command"),
                "{}",
                failure.next
            );
            assert_eq!(failure.exit, Exit::Partial);
        }
    }
}
