//! After a lost connection: connecting again, proving that it is the same database, and finding out what became of a
//! COMMIT whose answer was lost.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::event::{Event, Watch};
use super::step_error::StepError;
use super::{WriteSession, fence};
use crate::postgres::connection::{self, sqlstate};
use crate::postgres::sql::literal;

/// How long a transaction may still be in progress after its client is gone.
const STILL_RUNNING: Duration = Duration::from_secs(30);

impl WriteSession {
    /// Connects again and takes the lock again. The server must be the same, on the same timeline.
    ///
    /// # Errors
    /// In words, why not.
    pub async fn reconnect(&mut self, why: &str, watch: &mut dyn Watch) -> Result<(), String> {
        watch.observe(&Event::Reconnecting { why });
        let pair = self.access.connect_again().await.map_err(|error| error.to_string())?;
        self.server.same(&pair.server)?;
        (self.session, self.control, self.pid, self.lost) = (pair.session, pair.control, pair.pid, None);
        self.ahead = None;
        self.prepared.forget();
        // The server may not have noticed yet that the old session's client is gone.
        self.lock(STILL_RUNNING, watch).await.map_err(|error| error.to_string())
    }

    /// Finds out whether a COMMIT took place whose answer was lost: the fence row was written in the same transaction.
    pub(super) async fn find_out(
        &mut self,
        ready: fence::FenceToken,
        what: &str,
        error: &anyhow::Error,
        watch: &mut dyn Watch,
    ) -> Result<(), StepError> {
        let ask = fence::ask(self.run(), ready.transactions);
        let unknown = |why: String| StepError::Unknown { why, ask: ask.clone() };
        let said = connection::server_error(error)
            .map_or_else(|| error.to_string(), |error| connection::describe(error).message);
        self.lost = Some(said.clone());
        self.reconnect(&said, watch)
            .await
            .map_err(|why| unknown(format!("the connection was lost in COMMIT ({said}), and {why}")))?;
        let fate = self.fate(&ready.transaction).await.map_err(unknown)?;
        let committed = match (self.fence_counts(&ask).await.map_err(unknown)?, fate) {
            // Another run has written the row since: what the server knows of the transaction is left.
            (None, Some(Fate::Committed)) => true,
            (None, Some(Fate::Aborted)) => false,
            (None, None) => return Err(unknown("another run has taken over since".to_owned())),
            (Some(committed), _) => committed,
        };
        if committed {
            return Ok(());
        }
        Err(StepError::Lost(format!("{said}; {what} was not committed")))
    }

    /// What the server knows of a transaction, once it has ended. `None` when it knows nothing of it any more, or
    /// never did: a server that crashed before anything of it was written may give its number to another.
    async fn fate(&mut self, transaction: &str) -> Result<Option<Fate>, String> {
        let status =
            format!("SELECT pg_catalog.pg_xact_status({}::pg_catalog.xid8) AS status", literal(transaction));
        let deadline = Instant::now() + STILL_RUNNING;
        loop {
            let status: Option<String> = match self.control.scalar(status.clone()).await {
                Ok(status) => status,
                // "transaction ID is in the future"
                Err(error)
                    if connection::server_error(&error).is_some_and(|error| {
                        connection::describe(error).is(sqlstate::INVALID_PARAMETER_VALUE)
                    }) =>
                {
                    return Ok(None);
                }
                Err(error) => return Err(connection::server_failure(error, "asking for it").to_string()),
            };
            match status.as_deref() {
                Some("in progress") if Instant::now() >= deadline => {
                    return Err("its transaction is still in progress".to_owned());
                }
                Some("in progress") => tokio::time::sleep(Duration::from_millis(200)).await,
                Some("committed") => return Ok(Some(Fate::Committed)),
                Some("aborted") => return Ok(Some(Fate::Aborted)),
                None => return Ok(None),
                Some(other) => return Err(format!("the server says that its transaction is {other:?}")),
            }
        }
    }

    /// Whether the fence row counts the transaction; `None` when it is another run's by now.
    async fn fence_counts(&mut self, ask: &str) -> Result<Option<bool>, String> {
        let rows = match self.query_control(ask).await {
            Ok(rows) => rows,
            // The transaction was to make the table.
            Err(error)
                if connection::server_error(&error)
                    .is_some_and(|error| connection::describe(error).is(sqlstate::UNDEFINED_TABLE)) =>
            {
                return Ok(Some(false));
            }
            Err(error) => return Err(connection::server_failure(error, "asking for it").to_string()),
        };
        let committed = rows.first().map(|row| row.get("committed")).transpose();
        committed.map_err(|error| error.to_string())
    }
}

/// How a transaction ended.
enum Fate {
    Committed,
    Aborted,
}
