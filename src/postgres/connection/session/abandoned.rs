//! Statements that go on in the server when nobody waits for their answer any more: a signal ends the work of a command in
//! the middle of a message. They are cancelled by another connection before the command ends.

use std::sync::Mutex;
use std::time::Duration;

use anyhow::Result;
use tokio::time::{Instant, sleep, timeout};

use super::Session;
use crate::postgres::connection::row::Row;
use crate::postgres::connection::{RowError, Target};

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often it is looked whether a session is gone.
const LOOK: Duration = Duration::from_millis(50);
/// How long a cancelled statement may go on before its session is ended.
const GRACE: Duration = Duration::from_millis(500);

static ABANDONED: Mutex<Vec<Abandoned>> = Mutex::new(Vec::new());

/// Has the server look every half second whether its client is still there, where its system can tell (manual,
/// client_connection_check_interval), and notice within two minutes that the client's machine or network is gone, whether
/// the session does nothing (keepalives) or has sent something (user timeout). As expressions, which have no operator: a
/// role's search_path may still be in force.
macro_rules! check_client {
    ($is_local:literal) => {
        concat!(
            "CASE WHEN pg_catalog.textregexeq(pg_catalog.version(), 'linux') \
             THEN pg_catalog.set_config('client_connection_check_interval', '500ms', ",
            $is_local,
            ") END AS trueup_check_interval, pg_catalog.set_config('tcp_keepalives_idle', '60', ",
            $is_local,
            ") AS trueup_keepalives_idle, pg_catalog.set_config('tcp_keepalives_interval', '10', ",
            $is_local,
            ") AS trueup_keepalives_interval, pg_catalog.set_config('tcp_keepalives_count', '6', ",
            $is_local,
            ") AS trueup_keepalives_count, pg_catalog.set_config('tcp_user_timeout', '120000', ",
            $is_local,
            ") AS trueup_user_timeout"
        )
    };
}

/// The expressions that do so for as long as the session lasts, until RESET ALL.
pub const CHECK_CLIENT: &str = check_client!("false");

/// The columns in which [`OBSERVED`] and [`OBSERVED_SESSION`] answer.
const OF_TRANSACTION: &str = "trueup_backend";
const OF_SESSION: &str = "trueup_session_backend";

/// What a session says first in each of its transactions: its process, by which its statement can be cancelled. The server
/// then looks whether its client is still there. [`Session::message`] keeps the answer for itself.
pub const OBSERVED: &str =
    concat!("SELECT pg_catalog.pg_backend_pid() AS trueup_backend, ", check_client!("true"));

/// The same for as long as the session lasts: where no pooler gives it to somebody else.
pub const OBSERVED_SESSION: &str =
    concat!("SELECT pg_catalog.pg_backend_pid() AS trueup_session_backend, ", check_client!("false"));

/// A session that was dropped while the server worked for it.
#[derive(Debug)]
struct Abandoned {
    target: Target,
    application: String,
    /// Its process; `None` when the session had not said it yet.
    pid: Option<i32>,
}

/// The server's side of a session. When it is dropped in the middle of a message, its statement counts as abandoned.
#[derive(Debug, Default)]
pub(super) struct ServerProcess {
    /// Where it is, and what it is called there.
    pub(super) place: Option<(Target, String)>,
    /// Its process, as far as it is known.
    pid: Option<i32>,
    /// Whether that is its process for as long as the session lasts. Behind a pooler every transaction may have another one.
    lasts: bool,
    /// Whether the server works on a message.
    pub(super) works: bool,
}

impl ServerProcess {
    /// A message goes out, which may begin a transaction.
    pub(super) fn begins(&mut self, message: &str) {
        self.works = true;
        if message.trim_start().starts_with("BEGIN") {
            self.forget();
        }
    }

    /// The message was answered, which may have ended the transaction.
    pub(super) fn answered(&mut self, ends_transaction: bool) {
        self.works = false;
        if ends_transaction {
            self.forget();
        }
    }

    /// Takes the process from an answer; `false` for any other answer.
    pub(super) fn learns(&mut self, row: &Row<'_>) -> Result<bool, RowError> {
        let lasts = row.first_column_is(OF_SESSION);
        if !lasts && !row.first_column_is(OF_TRANSACTION) {
            return Ok(false);
        }
        (self.pid, self.lasts) = (Some(row.at(0)?), lasts);
        Ok(true)
    }

    fn forget(&mut self) {
        if !self.lasts {
            self.pid = None;
        }
    }
}

/// Whether a transaction is over when this message is done.
pub(super) fn ends_transaction(message: &str) -> bool {
    let message = message.trim_end_matches([';', ' ', '\n']);
    ["COMMIT", "ROLLBACK"].iter().any(|end| message.ends_with(end))
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        if let (true, Some((target, application))) = (self.works, self.place.take())
            && let Ok(mut abandoned) = ABANDONED.lock()
        {
            abandoned.push(Abandoned { target, application, pid: self.pid });
        }
    }
}

/// What became of the statements that were abandoned.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct EndedStatements {
    /// How many were cancelled, or had ended.
    pub ended: usize,
    /// The processes of those that may still run.
    pub running: Vec<i32>,
    /// How many may still run whose process is not known.
    pub unknown: usize,
}

/// Cancels the statements that this process has abandoned since this was last called.
pub async fn end_abandoned() -> EndedStatements {
    let abandoned = ABANDONED.lock().map(|mut abandoned| std::mem::take(&mut *abandoned)).unwrap_or_default();
    let mut outcome = EndedStatements::default();
    let deadline = Instant::now() + PATIENCE;
    for one in abandoned {
        let Some(pid) = one.pid else {
            outcome.unknown += 1;
            continue;
        };
        let left = deadline.saturating_duration_since(Instant::now());
        match timeout(left, one.end(pid)).await {
            Ok(Ok(())) => outcome.ended += 1,
            Ok(Err(_)) | Err(_) => outcome.running.push(pid),
        }
    }
    outcome
}

impl Abandoned {
    /// Cancels the statement, and waits until it has ended. A process of the same number that is somebody else's is left
    /// alone.
    async fn end(&self, pid: i32) -> Result<()> {
        let mut session = self.target.connect(&self.application).await?;
        let ended = self.end_by(&mut session, pid).await;
        session.close().await;
        ended
    }

    async fn end_by(&self, session: &mut Session, pid: i32) -> Result<()> {
        let name = crate::postgres::sql::literal(&self.application);
        let begun = Instant::now();
        loop {
            let how = if begun.elapsed() < GRACE { "cancel" } else { "terminate" };
            let running: i64 = session
                .scalar(format!(
                    "SELECT pg_catalog.count(pg_catalog.pg_{how}_backend(a.pid)) AS running \
                     FROM pg_catalog.pg_stat_activity AS a WHERE a.pid OPERATOR(pg_catalog.=) {pid} \
                     AND a.state OPERATOR(pg_catalog.<>) 'idle' \
                     AND a.application_name OPERATOR(pg_catalog.=) {name}"
                ))
                .await?;
            if running == 0 {
                return Ok(());
            }
            sleep(LOOK).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_within_its_transaction_alone() {
        let known = |lasts| ServerProcess { place: None, pid: Some(7), lasts, works: false };
        for (message, begins, ends) in [
            ("SELECT 1", false, false),
            ("BEGIN READ ONLY; SELECT 1", true, false),
            ("SELECT 1; COMMIT;\n", false, true),
            ("ROLLBACK", false, true),
            ("ROLLBACK TO SAVEPOINT s", false, false),
        ] {
            let mut process = known(false);
            process.begins(message);
            assert_eq!(process.pid.is_none(), begins, "{message}");
            let mut process = known(false);
            process.answered(ends_transaction(message));
            assert_eq!(process.pid.is_none(), ends, "{message}");
            let mut process = known(true);
            process.begins(message);
            process.answered(ends_transaction(message));
            assert_eq!(process.pid, Some(7), "{message}");
        }
    }
}
