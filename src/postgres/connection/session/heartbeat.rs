//! What ends a session whose client is gone, and what keeps the session of a client that is there.
//!
//! A session that holds a lock or a snapshot while other work goes on is used every [`HEARTBEAT`] by a task of its own,
//! whatever that work is. The server ends a session that nobody uses for longer than the limits allow. Nothing else would
//! end it where a proxy keeps the connection of a client that is gone: the proxy answers TCP keepalives.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgConnection;
use tokio::sync::Mutex;
use tokio::task::JoinHandle;

use super::patiently;
use crate::error::Failure;
use crate::postgres::connection::{describe, sqlstate};

/// How long a session may be unused outside of a transaction before the server ends it.
pub const IDLE_SESSION_LIMIT: (&str, &str) = ("idle_session_timeout", "60s");
/// How long a session may be unused in a transaction before the server ends it.
pub const IDLE_TRANSACTION_LIMIT: (&str, &str) = ("idle_in_transaction_session_timeout", "60s");
/// How often a connection is used. A proxy or firewall on the way is not to close it as unused, either.
const HEARTBEAT: Duration = Duration::from_secs(20);
/// How long the server may say nothing to that, at the most. Afterwards it may have ended the session: it has not been
/// used for as long as the limits allow.
const SILENCE: Duration = Duration::from_secs(40);

/// The statements that have the server end the session when it is unused for longer than the limits.
pub fn limit_unused() -> String {
    [IDLE_SESSION_LIMIT, IDLE_TRANSACTION_LIMIT]
        .map(|(name, value)| format!("SET {name} = '{value}'"))
        .join("; ")
}

/// A connection that a session and its heartbeat share.
#[derive(Debug)]
pub(super) struct SharedConnection {
    pub(super) connection: PgConnection,
    /// Why the heartbeat has given the connection up. Its answer may still arrive, so nothing else is asked there.
    pub(super) given_up: Option<Failure>,
}

/// The task that uses a connection. It ends with this value.
#[derive(Debug)]
pub(super) struct Heartbeat(JoinHandle<anyhow::Error>);

impl Heartbeat {
    /// Gives the connection up when the server says nothing for as long as `patience`.
    pub(super) fn of(shared: Arc<Mutex<SharedConnection>>, patience: Option<Duration>) -> Self {
        let patience = patience.map_or(SILENCE, |patience| patience.min(SILENCE));
        Self(tokio::spawn(async move {
            loop {
                tokio::time::sleep(HEARTBEAT).await;
                // A connection that somebody works with is not unused.
                let Ok(mut shared) = shared.try_lock() else { continue };
                if let Err(error) = shared.beat(patience).await {
                    return error;
                }
            }
        }))
    }

    /// Waits until the connection is lost, and returns why.
    pub(super) async fn lost(&mut self) -> anyhow::Error {
        (&mut self.0).await.unwrap_or_else(anyhow::Error::new)
    }

    /// Ends the task, and with it its share of the connection.
    pub(super) async fn stop(mut self) {
        self.0.abort();
        let _ = (&mut self.0).await;
    }
}

impl Drop for Heartbeat {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl SharedConnection {
    /// Sends an empty query, which the server answers in an aborted transaction, too, and which takes no snapshot.
    async fn beat(&mut self, patience: Duration) -> anyhow::Result<()> {
        match patiently(Some(patience), sqlx::raw_sql("").execute(&mut self.connection)).await {
            Ok(Ok(_)) => Ok(()),
            // A cancellation that came too late for the message that it was meant for.
            Ok(Err(error)) if describe(&error).is(sqlstate::QUERY_CANCELED) => Ok(()),
            Ok(Err(error)) => Err(error.into()),
            Err(silence) => {
                self.given_up = Some(silence.clone());
                Err(silence.into())
            }
        }
    }
}
