//! What a step is, how long it may take, and how it begins. Plain data.

use std::time::Duration;

use super::blockers::WantedLock;
use super::prepared::PreparedStatement;
use crate::postgres::connection::IDLE_TRANSACTION_LIMIT;

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepLimits {
    /// One statement's waiting for one lock.
    pub lock_timeout: Duration,
    /// All attempts to get the locks, and the pauses between.
    pub lock_budget: Duration,
    /// The whole transaction.
    pub max_duration: Duration,
}

/// The shortest and the longest time that a session may be idle between the end of a script and its COMMIT before the
/// server ends it.
const IDLE: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

impl StepLimits {
    /// The statements that set the limits again behind a script that may have set others.
    pub fn restored(&self) -> String {
        let idle = (IDLE_TRANSACTION_LIMIT.0, IDLE_TRANSACTION_LIMIT.1.to_owned());
        let settings = self.settings().into_iter().chain([idle]);
        settings.map(|(name, value)| format!("SET LOCAL {name} = '{value}'")).collect::<Vec<_>>().join("; ")
    }

    /// How long a session may be idle when the script is done. What the script has locked stays locked for no longer than
    /// the step may take, should this process stand still then.
    pub(super) fn idle(&self) -> Duration {
        self.max_duration.clamp(IDLE.0, IDLE.1)
    }

    /// What the server is to keep of them.
    pub(super) fn settings(&self) -> [(&'static str, String); 2] {
        [
            ("lock_timeout", format!("{}ms", self.lock_timeout.as_millis())),
            ("statement_timeout", format!("{}ms", self.max_duration.as_millis())),
        ]
    }
}

/// One step.
#[derive(Debug, Clone, Copy)]
pub struct Work<'w> {
    /// Its name in messages: `V4__api_keys_user_id`.
    pub what: &'w str,
    /// SQL that the project's people wrote, run with their search_path. May be empty.
    pub script: &'w str,
    /// trueup's records of it, run with `search_path = pg_catalog, pg_temp`. May be empty; no trailing semicolon.
    pub records: &'w str,
    /// trueup's records that many steps have alike, run after those.
    pub recurring: Option<PreparedStatement<'w>>,
    /// The relations whose holders are waited for outside of the lock queue.
    pub wanted: &'w [WantedLock],
    /// How long things may take.
    pub limits: StepLimits,
    /// Whether all of it sees one moment (REPEATABLE READ): what is read is of one snapshot, however many statements read.
    pub snapshot: bool,
    /// What comes after it, where that is known: it is begun in the message that commits this.
    pub next: Option<Next>,
}

/// The beginning of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// How long things may take.
    pub limits: StepLimits,
    /// Whether it is asked who holds locks, see [`Work::wanted`].
    pub looks: bool,
    /// See [`Work::snapshot`].
    pub snapshot: bool,
}

impl<'w> Work<'w> {
    /// Records alone, in a transaction of their own.
    pub fn records(what: &'w str, records: &'w str, limits: StepLimits) -> Self {
        Self { what, script: "", records, recurring: None, wanted: &[], limits, snapshot: false, next: None }
    }

    /// The beginning of this step.
    pub(super) fn beginning(&self) -> Next {
        Next { limits: self.limits, looks: !self.wanted.is_empty(), snapshot: self.snapshot }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_is_idle_ends_within_a_minute() {
        let seconds = Duration::from_secs;
        for (max_duration, idle) in [(0, 1), (5, 5), (600, 60)] {
            let max_duration = seconds(max_duration);
            let limits = StepLimits { lock_timeout: seconds(1), lock_budget: seconds(1), max_duration };
            assert_eq!(limits.idle(), seconds(idle));
        }
    }
}
