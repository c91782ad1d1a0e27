//! The lock on the name of the database that is restored, and the connection with which it ends.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::server::{RestoreServer, failed, prepare_to_hold};
use crate::error::{ErrorCode, Exit, Failure, exit_of};
use crate::postgres::connection::Session;
use crate::postgres::sql::{identifier, literal};

const HOLDER: &str = include_str!("sql/holder.sql");
/// How long to wait for a server that restarts, and for a lost session to end.
const RETURN: Duration = Duration::from_secs(20);
/// The session's process, which its number alone does not tell from a later one.
const PROCESS: &str =
    "SELECT pid, backend_start::text AS began FROM pg_stat_activity WHERE pid = pg_backend_pid()";
/// How often the lock is asked for again after the connection was lost.
const PAUSE: Duration = Duration::from_millis(250);

/// A process of the server.
#[derive(Debug)]
pub(super) struct Process {
    pid: i32,
    /// When it began, as the server prints it.
    began: String,
}

impl Process {
    pub(super) async fn of(session: &mut Session) -> Result<Self> {
        let row = session.query_one(PROCESS).await?;
        Ok(Self { pid: row.get("pid")?, began: row.get("began")? })
    }
}

impl RestoreServer {
    /// Takes the advisory lock on the name of a database. The lock ends with the connection.
    ///
    /// # Errors
    /// Exit 75: another run restores into that database; who is named.
    pub async fn lock_database_name(&mut self, database: &str) -> Result<()> {
        take_lock(&mut self.session, database, "nothing was changed").await?;
        self.locked = Some(database.to_owned());
        Ok(())
    }

    /// Connects again, ends what is left of the lost session in the server, and takes its lock again. The new session is
    /// used only when it holds the lock.
    ///
    /// # Errors
    /// Exit 75: another run has taken the lock meanwhile.
    pub(super) async fn reconnect(&mut self) -> Result<()> {
        let mut session = self.target.connect_patiently(self.application(), RETURN).await?;
        prepare_to_hold(&mut session).await?;
        let Process { pid, began } = &self.process;
        session
            .execute(format!(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = {pid} AND backend_start::text = {}",
                literal(began)
            ))
            .await?;
        if let Some(database) = &self.locked {
            take_lock_again(&mut session, database).await?;
        }
        self.process = Process::of(&mut session).await?;
        self.session = session;
        Ok(())
    }
}

async fn take_lock_again(session: &mut Session, database: &str) -> Result<()> {
    let asked = Instant::now();
    loop {
        match take_lock(session, database, "this run has ended").await {
            // The lost session takes a moment to end.
            Err(error) if exit_of(&error) == Exit::Busy && asked.elapsed() < RETURN => {
                tokio::time::sleep(PAUSE).await;
            }
            outcome => return outcome,
        }
    }
}

/// Takes the lock, or says who holds it and the `state` of this run.
async fn take_lock(session: &mut Session, database: &str, state: &str) -> Result<()> {
    let key = lock_key(database);
    let sql = format!("SELECT pg_try_advisory_lock({key}) AS locked");
    if session.scalar(sql).await.map_err(|error| failed(error, "taking the lock"))? {
        return Ok(());
    }
    // Who it is, is not worth an end.
    let sql = HOLDER.replace("{key}", &key);
    let holder: Option<String> = match session.query_optional(sql).await {
        Ok(Some(row)) => row.get("holder").ok(),
        _ => None,
    };
    Err(Failure::new(
        Exit::Busy,
        format!(
            "another run is restoring database {database:?} of this server{}; {state}",
            holder.map(|holder| format!(": {holder}")).unwrap_or_default()
        ),
    )
    .code(ErrorCode::LOCK_HELD)
    .next("wait until it ends (see pg_stat_activity), then run the same command again")
    .into())
}

/// The key of the advisory lock on the name of a database, as an expression.
fn lock_key(database: &str) -> String {
    let text = format!("trueup restore of {}", identifier(database));
    format!("hashtextextended({}, 0)", literal(&text))
}
