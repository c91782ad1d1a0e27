//! The one door for writes: identity checked, lock held, run recorded, limits set, and everything that is written
//! fenced off from runs that took over.
//!
//! A door is two connections to one database: one works, the other watches over it, names who is in the way, and
//! cancels. It does not decide what is to be done, asks nobody, and prints nothing: it tells [`Event`]s.

mod access;
mod event;
mod fence;
mod lock;
mod prepared;
mod record;
mod recover;
mod server_identity;
mod standalone;
mod step_error;
mod stop_signal;
mod transaction;
mod typed_id;
mod watch;
mod work;

use std::time::Duration;
use watch::{blockers, waiting, watchdog};

use anyhow::Result;

use crate::error::Failure;
use crate::postgres::connection::{self, Batch, OwnedRow, RowBuffer, Session};

pub use access::{Access, may_take_role, no_pooler_before};
pub use event::{Blocker, Event, Watch, name_blockers};
pub use prepared::PreparedStatement;
pub use record::{Mark, Marking, RunRecord, SCHEMA};
pub use server_identity::ServerIdentity;
pub use standalone::StandaloneStatement;
pub use step_error::StepError;
pub use stop_signal::{StopSignal, interrupted};
pub use typed_id::{IdKind, SHORTEST_ID};
pub use watch::blockers::{ADVISORY_LOCK, LockInTheWay, WantedLock, with_lock_key};
pub use watch::load::{LoadSample, ThrottleLimits};
pub use work::{Next, StepLimits, Work};

/// The way to write to one database.
#[derive(Debug)]
pub struct WriteSession {
    session: Session,
    control: Session,
    access: Access,
    server: ServerIdentity,
    pid: i32,
    stop: StopSignal,
    run: Option<String>,
    /// Whether the run's record is committed, and with it the fence row.
    begun: bool,
    /// Whether this run has made schema trueup.
    made_schema: bool,
    /// Why the working session is of no use any more, until it is opened again.
    lost: Option<String>,
    /// The next step's transaction, where it was begun with the COMMIT of the one before.
    ahead: Option<transaction::Begun>,
    /// What the working session has prepared.
    prepared: prepared::PreparedStatements,
}

impl WriteSession {
    /// Connects, and proves that the database can be written to by somebody who holds a lock there. Writes nothing.
    ///
    /// # Errors
    /// Exit 3 when it cannot be reached, 75 when it is not up in time, 4 for a standby, a read-only server, a
    /// transaction-pooling proxy.
    pub async fn open(access: Access, stop: StopSignal) -> Result<Self> {
        let pair = access.connect().await?;
        let (session, control, server, pid) = (pair.session, pair.control, pair.server, pair.pid);
        Ok(Self {
            session,
            control,
            access,
            server,
            pid,
            stop,
            run: None,
            begun: false,
            made_schema: false,
            lost: None,
            ahead: None,
            prepared: prepared::PreparedStatements::default(),
        })
    }

    /// The database that this is the door of.
    pub fn server(&self) -> &ServerIdentity {
        &self.server
    }

    /// Whether a signal came.
    pub fn stop_signal(&self) -> &StopSignal {
        &self.stop
    }

    /// The working session, for reading before a run begins and after it: in a transaction of the reader's own.
    ///
    /// # Errors
    /// Exit 3 when the session cannot be made clean: the connection is lost.
    pub async fn read_session(&mut self) -> Result<&mut Session> {
        let doing = "preparing the session";
        if let Some(why) = &self.lost {
            let what = format!("{doing}: the connection to the server was lost: {why}");
            return Err(Failure::cannot_tell(what).next("run the same command again").into());
        }
        if let Err(error) = self.clean(&[]).await {
            self.lost = self.loss(&error);
            return Err(connection::server_failure(error, doing));
        }
        Ok(&mut self.session)
    }

    /// Waits until one of the connections is lost, and returns why. Both are kept in use.
    pub async fn lost(&mut self) -> anyhow::Error {
        let error = tokio::select! {
            error = self.session.lost() => error,
            error = self.control.lost() => error,
        };
        connection::server_failure(error, "keeping the lock")
    }

    /// Waits for `work`, and gives it up when a connection is lost.
    ///
    /// # Errors
    /// What `work` returns; exit 75 or 3 when a connection is lost before.
    pub async fn while_connected<T>(&mut self, work: impl Future<Output = Result<T>>) -> Result<T> {
        tokio::select! {
            biased;
            done = work => done,
            error = self.lost() => Err(error),
        }
    }

    /// Sleeps, unless a signal arrives.
    ///
    /// # Errors
    /// The signal.
    pub async fn rest(&mut self, time: Duration) -> Result<(), StepError> {
        tokio::select! {
            () = tokio::time::sleep(time) => Ok(()),
            signal = self.stop.wait() => Err(StepError::Stopped(signal)),
        }
    }

    /// How many bytes of write-ahead log were written since a position; `None` where the server does not tell.
    pub async fn written_since(&mut self, position: &str) -> Option<u64> {
        let position = crate::postgres::sql::literal(position);
        let sql = format!("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), {position})::int8 AS bytes");
        self.control.scalar(sql).await.ok()
    }

    /// Runs one query of trueup's own tables on the control connection, whose search_path is `pg_catalog, pg_temp`, in
    /// the role that the run works as.
    ///
    /// # Errors
    /// The server's and the connection's.
    pub async fn query_control(&mut self, sql: &str) -> Result<Vec<OwnedRow>> {
        let mut rows = RowBuffer::default();
        let mut batch = Batch::default();
        batch.execute_all(self.access.take_role());
        batch.rows(sql, &mut rows);
        self.control.run(batch).await?;
        Ok(rows.into_vec())
    }

    /// Nothing is asked of a session that is gone: a network that stalls would be waited for once more.
    fn connected(&self) -> Result<(), StepError> {
        self.lost.as_ref().map_or(Ok(()), |why| Err(StepError::Lost(why.clone())))
    }

    /// The identifier of the run that was begun.
    pub fn run(&self) -> &str {
        self.run.as_deref().unwrap_or_default()
    }

    /// Says goodbye, without a word about the run; see [`Door::end`].
    pub async fn close(self) {
        self.session.close().await;
        self.control.close().await;
    }
}
