//! The advisory lock of a database: asked for again and again, never waited for in the server.
//!
//! A session that waits in `pg_advisory_lock` holds a snapshot, for which CREATE INDEX CONCURRENTLY of the holder would
//! wait in turn.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::WriteSession;
use super::blockers::{ADVISORY_LOCK, lock_holder};
use super::event::{Event, Watch};
use super::stop_signal::interrupted;
use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection::{self, limit_unused};
use crate::text::duration;

/// The first and the longest pause between two questions.
const PAUSES: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(1));

impl WriteSession {
    /// Takes the lock, as long as `patience` allows.
    ///
    /// # Errors
    /// Exit 75: somebody else holds it; who is named. Exit 4 when a signal came first.
    pub async fn lock(&mut self, patience: Duration, watch: &mut dyn Watch) -> Result<()> {
        let asked = Instant::now();
        let mut pause = PAUSES.0;
        loop {
            if try_lock(self).await? {
                return self.limit_unused().await;
            }
            // Who it is, is not worth an end.
            let holder = lock_holder(&mut self.control, self.access.whole_queries).await.ok().flatten();
            let waited = asked.elapsed();
            if waited >= patience {
                let who = holder.map_or_else(|| "another session".to_owned(), |holder| holder.to_string());
                let what = format!(
                    "another run of trueup holds the lock of this database: {who}; waited {}, nothing was changed",
                    duration(waited)
                );
                let next = "run the same command again when it is done; the lock ends with its session";
                return Err(Failure::new(Exit::Busy, what).code(ErrorCode::LOCK_HELD).next(next).into());
            }
            watch.observe(&Event::LockHeld { holder: holder.as_ref(), waited });
            tokio::select! {
                () = tokio::time::sleep(jittered(pause)) => {}
                signal = self.stop.wait() => return Err(interrupted(signal).into()),
            }
            pause = (pause * 2).min(PAUSES.1);
        }
    }
}

impl WriteSession {
    /// From now on the server ends a session that nobody uses any more. A person who is asked before that may take their
    /// time.
    async fn limit_unused(&mut self) -> Result<()> {
        self.access.holds_lock = true;
        let limited = self.session.execute(limit_unused()).await;
        limited.map_err(|error| connection::server_failure(error, "asking for the lock"))
    }
}

/// Asks once.
async fn try_lock(writer: &mut WriteSession) -> Result<bool> {
    let sql = format!("SELECT pg_catalog.pg_try_advisory_lock({ADVISORY_LOCK}) AS taken");
    let taken = writer.session.scalar(sql).await;
    taken.map_err(|error| connection::server_failure(error, "asking for the lock"))
}

/// Between half and one and a half times as long, so that those who wait do not ask in step. The clock's low digits
/// are random enough.
pub(super) fn jittered(pause: Duration) -> Duration {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    pause.mul_f64(0.5 + f64::from(now.subsec_nanos() % 1000) / 1000.0)
}
