//! Making the two connections of the door: the one that works, and the one that watches over it.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::server_identity::{ServerIdentity, SessionIdentity};
use super::step_error::StepError;
use crate::error::{ErrorCode, Exit, Failure, exit_of};
use crate::postgres::connection::{
    self, CHECK_CLIENT, IDLE_SESSION_LIMIT, IDLE_TRANSACTION_LIMIT, OBSERVED_SESSION, OwnedRow, Session,
    Target, sqlstate,
};
use crate::postgres::sql::{MEANING, identifier, literal, set_meaning};

/// How long the watching connection may be silent.
const CONTROL_PATIENCE: Duration = Duration::from_secs(10);
/// How often the two are compared to find a pooler between them.
const ROUNDS: usize = 5;
/// How long one may be silent while the other is in a transaction: a pool of one session serves nobody else meanwhile.
const POOLED_SILENCE: Duration = Duration::from_secs(3);
/// How often the words that set a session up are said again when the statement_timeout of a role or database cut them off.
pub(super) const TRIES: usize = 5;

/// How to get there, and what a session is to be set to.
#[derive(Debug, Clone)]
pub struct Access {
    /// The database.
    pub target: Target,
    /// `application_name`
    pub application: String,
    /// `[database] search_path`: for SQL that the project's people wrote.
    pub search_path: String,
    /// `[database] set_role`
    pub set_role: Option<String>,
    /// How long a server that restarts is waited for.
    pub patience: Duration,
    /// `-v`: whether the statements of other sessions are shown whole, with the values in them.
    pub whole_queries: bool,
    /// Whether the working session holds the lock of the database, and is therefore never unused for long.
    pub holds_lock: bool,
}

/// Refuses a pooler between here and the server that gives sessions to others between two transactions: a program that
/// sets up its session (`pg_dump`) would leave its settings to whoever gets it next.
///
/// # Errors
/// Exit 4; exit 3 when the database cannot be reached.
pub async fn no_pooler_before(target: &Target, application: &str) -> Result<()> {
    let mut session = target.connect(application).await?;
    let mut control = target.connect(application).await?;
    session.give_up_after(CONTROL_PATIENCE);
    control.give_up_after(CONTROL_PATIENCE);
    no_pooler(&mut session, &mut control)
        .await
        .map_err(|error| connection::server_failure(error, "looking for a pooler"))?;
    session.close().await;
    control.close().await;
    Ok(())
}

/// Both connections, to the same place.
pub(super) struct Pair {
    pub(super) session: Session,
    pub(super) control: Session,
    pub(super) server: ServerIdentity,
    pub(super) pid: i32,
}

/// The column in which the settings answer, in the order in which they are set.
const SETTINGS: &str = "trueup_settings";

/// Refuses a role that cannot be taken: `[database] set_role`. `login` is the role that logged in.
///
/// # Errors
/// Exit 4; exit 3 when the connection breaks.
pub async fn may_take_role(session: &mut Session, role: &str, login: &str) -> Result<()> {
    session.execute(take_role(role)).await.map_err(|error| {
        let said = connection::server_error(&error).map(connection::describe);
        match said.filter(|said| {
            said.is(sqlstate::INSUFFICIENT_PRIVILEGE) || said.is(sqlstate::INVALID_PARAMETER_VALUE)
        }) {
            Some(said) => Failure::new(
                Exit::Refused,
                format!("[database] set_role {role:?} cannot be taken: {}; nothing was changed", said.text()),
            )
            .code(ErrorCode::PERMISSION_MISSING)
            .next(format!(
                "GRANT {} TO {}, or name another role in trueup.toml",
                identifier(role),
                identifier(login)
            ))
            .into(),
            None => connection::server_failure(error, "taking the role"),
        }
    })
}

fn take_role(role: &str) -> String {
    format!("SELECT pg_catalog.set_config('role', {}, true)", literal(role))
}

impl Access {
    /// Connects twice, proves that both are to the same writable database and that no pooler hands out its sessions
    /// by transaction.
    pub(super) async fn connect(&self) -> Result<Pair> {
        self.attempt(self.patience).await
    }

    /// The same until it succeeds: in the middle of a run the server is known to be there.
    pub(super) async fn connect_again(&self) -> Result<Pair> {
        let deadline = Instant::now() + self.patience;
        loop {
            match self.attempt(Duration::ZERO).await {
                Ok(pair) => return Ok(pair),
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(250)).await,
            }
        }
    }

    async fn attempt(&self, patience: Duration) -> Result<Pair> {
        let mut session = self.target.connect_patiently(&self.application, patience).await?;
        let mut control = self.target.connect_patiently(&self.control(), patience).await?;
        session.give_up_after(CONTROL_PATIENCE);
        control.give_up_after(CONTROL_PATIENCE);
        let mut tries = 0;
        while let Err(error) = first_words(&mut session, &mut control).await {
            tries += 1;
            if !is_cut_off(&error) || tries == TRIES {
                return Err(connection::server_failure(error, "setting up the session"));
            }
            for each in [&mut session, &mut control] {
                // Outside of a transaction it only warns.
                let _ = each.execute("ROLLBACK").await;
            }
        }
        if let Some(role) = &self.set_role {
            may_take_role(&mut session, role, self.target.role()).await?;
        }
        let found = SessionIdentity::read(&mut session)
            .await
            .map_err(|error| connection::server_failure(error, "reading the identity"))?;
        found.writable()?;
        let other = SessionIdentity::read(&mut control)
            .await
            .map_err(|error| connection::server_failure(error, "reading the identity"))?;
        found.server.same(&other.server).map_err(|why| {
            Failure::new(
                Exit::Refused,
                format!("two connections to {} reach different databases: {why}", self.target),
            )
            .code(ErrorCode::CONNECTION_DIFFERENT_DATABASES)
            .next("ask what between trueup and the server (a load balancer?) spreads connections")
        })?;
        session.keep_in_use();
        control.keep_in_use();
        Ok(Pair { session, control, server: found.server, pid: found.pid })
    }

    /// Opens the connection that watches over the other again: to the same server, or not at all.
    pub(super) async fn watch_again(&self, server: &ServerIdentity) -> Option<Session> {
        let mut control = self.target.connect(&self.control()).await.ok()?;
        control.give_up_after(CONTROL_PATIENCE);
        control.execute(format!("{}; {OBSERVED_SESSION}", own_settings())).await.ok()?;
        let found = SessionIdentity::read(&mut control).await.ok()?;
        control.keep_in_use();
        server.same(&found.server).is_ok().then_some(control)
    }

    fn control(&self) -> String {
        format!("{} (control)", self.application)
    }

    /// The statement that takes [`Access::set_role`] until its message ends, where there is such a role.
    pub(super) fn take_role(&self) -> Option<String> {
        self.set_role.as_deref().map(take_role)
    }

    /// The statements that make a session clean and ours, whatever ran on it before; the last one answers with the
    /// settings as they are then, to be read by [`settled`].
    pub(super) fn settings(&self, limits: &[(&str, String)]) -> String {
        let limits: Vec<(&str, String)> =
            limits.iter().map(|(name, value)| (*name, literal(value))).collect();
        format!("{}; DEALLOCATE ALL; SELECT {}", self.cleaning(), self.set(&limits))
    }

    /// The statements that make a session as it was when it began, in the role that it is to have. What is prepared
    /// stays. The statement_timeout of the role or database holds for one statement only, the one that ends it.
    pub(super) fn cleaning(&self) -> String {
        let role =
            self.set_role.as_ref().map(|role| format!("; SET ROLE {}", identifier(role))).unwrap_or_default();
        format!(
            "RESET SESSION AUTHORIZATION; RESET ALL; SET statement_timeout = 0; CLOSE ALL; UNLISTEN *; DISCARD TEMP; \
             DISCARD SEQUENCES{role}"
        )
    }

    /// What sets our settings when it is selected, and answers with them, as one value: a column for each would cost more
    /// than setting them. The values of `limits` are expressions.
    pub(super) fn set(&self, limits: &[(&str, String)]) -> String {
        let own = self.own_settings().into_iter().map(|(name, value)| (name, literal(&value)));
        let pairs: Vec<String> = own
            .chain(limits.iter().cloned())
            .map(|(name, value)| format!("pg_catalog.set_config({}, {value}, false)", literal(name)))
            .collect();
        format!("pg_catalog.json_build_array({}) AS {SETTINGS}, {CHECK_CLIENT}", pairs.join(", "))
    }

    /// Compares the answer of [`Access::settings`] with what was asked for. Earlier steps of the run may stay.
    pub(super) fn settled(&self, limits: &[(&str, String)], answer: &OwnedRow) -> Result<(), StepError> {
        let found: &str = answer.get(SETTINGS).map_err(anyhow::Error::new)?;
        let found: Vec<String> = serde_json::from_str(found).map_err(anyhow::Error::new)?;
        for (index, (name, wanted)) in self.wanted(limits).into_iter().enumerate() {
            let found = found.get(index).map_or("", String::as_str);
            if !same_value(&wanted, found) {
                let what = format!(
                    "the server did not take a setting: {name} is {found:?}, not {wanted:?}; what was to be done \
                     with it was not begun"
                );
                let next = "ask what between trueup and the server (a proxy?) rewrites settings";
                return Err(StepError::Disproved(Failure::new(Exit::RolledBack, what).next(next).into()));
            }
        }
        Ok(())
    }

    fn wanted<'a>(&self, limits: &[(&'a str, String)]) -> Vec<(&'a str, String)> {
        let mut wanted = self.own_settings();
        wanted.extend(limits.iter().cloned());
        wanted
    }

    fn own_settings<'a>(&self) -> Vec<(&'a str, String)> {
        let mut settings: Vec<(&str, String)> =
            MEANING.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        settings.extend([
            ("search_path", self.search_path.clone()),
            ("row_security", "off".to_owned()),
            ("default_transaction_isolation", "read committed".to_owned()),
            ("default_transaction_deferrable", "off".to_owned()),
            ("synchronous_commit", "on".to_owned()),
            (IDLE_TRANSACTION_LIMIT.0, IDLE_TRANSACTION_LIMIT.1.to_owned()),
            (IDLE_SESSION_LIMIT.0, if self.holds_lock { IDLE_SESSION_LIMIT.1 } else { "0" }.to_owned()),
        ]);
        settings
    }
}

/// Whether the server stopped a statement: by the statement_timeout of the role or database, which can be a millisecond,
/// or because somebody asked for it.
pub(super) fn is_cut_off(error: &anyhow::Error) -> bool {
    connection::server_error(error)
        .is_some_and(|error| connection::describe(error).is(sqlstate::QUERY_CANCELED))
}

/// Numbers with units are answered in the server's favourite unit; everything else as it was asked for.
fn same_value(wanted: &str, found: &str) -> bool {
    match (milliseconds(wanted), milliseconds(found)) {
        (Some(wanted), Some(found)) => wanted == found,
        _ => wanted == found,
    }
}

fn milliseconds(text: &str) -> Option<u64> {
    let digits = text.find(|found: char| !found.is_ascii_digit()).unwrap_or(text.len());
    let number: u64 = text[..digits].parse().ok()?;
    let unit = match text[digits..].trim() {
        "" | "ms" => 1,
        "s" => 1_000,
        "min" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(unit)
}

/// For trueup's own queries. What could end the message comes first.
const OWN_SETTINGS: &str = "SET statement_timeout = '30s'; SET idle_session_timeout = 0; \
    SET idle_in_transaction_session_timeout = '60s'; SET lock_timeout = '5s'; \
    SET search_path = pg_catalog, pg_temp; SET row_security = off; \
    SET default_transaction_isolation = 'read committed'; SET default_transaction_deferrable = off";

fn own_settings() -> String {
    format!("{OWN_SETTINGS}; {}", set_meaning("SET"))
}

/// A session's process, asked for in a transaction that is left open. No setting stays, whoever gets the session next.
const PID: &str = "BEGIN; SET LOCAL statement_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0; \
    SELECT pg_catalog.pg_backend_pid() AS pid";

/// What is said before anything else: whether the two connections are sessions of their own, then their settings.
async fn first_words(session: &mut Session, control: &mut Session) -> Result<()> {
    no_pooler(session, control).await?;
    // From here on settings of the session are safe: the connection is ours alone.
    for each in [session, control] {
        each.execute(format!("{}; {OBSERVED_SESSION}", own_settings())).await?;
    }
    Ok(())
}

/// Refuses a pooler that gives a session to somebody else between two transactions (exit 4). Best effort: a pooler with
/// a session to spare for each of us is not seen, and what keeps two runs apart then is the fence.
async fn no_pooler(session: &mut Session, control: &mut Session) -> Result<()> {
    let alone = format!("{PID}; ROLLBACK");
    let mut first = pid(session, &alone).await?;
    for _ in 0..ROUNDS {
        let other = pid(control, PID).await?;
        session.give_up_after(POOLED_SILENCE);
        let second = pid(session, &alone).await;
        session.give_up_after(CONTROL_PATIENCE);
        let second = match second {
            Err(error) if exit_of(&error) == Exit::Busy => return Err(pooled().into()),
            second => second?,
        };
        control.execute("ROLLBACK").await?;
        if first != second || second == other {
            return Err(pooled().into());
        }
        first = second;
    }
    Ok(())
}

fn pooled() -> Failure {
    Failure::new(
        Exit::Refused,
        "a transaction-pooling proxy (PgBouncer, pgcat, RDS Proxy, ...) is between trueup and the server: a lock \
         taken there would belong to whoever gets the session next; nothing was changed",
    )
    .code(ErrorCode::CONNECTION_POOLER)
    .next("give the server's own address, or a pool in session mode; reading commands work through the proxy")
}

async fn pid(session: &mut Session, sql: &str) -> Result<i32> {
    session.scalar(sql).await
}

/// Whether the server has answered that it does not do what it was asked, and not only that it takes too long.
pub(super) fn refused(error: &anyhow::Error) -> bool {
    connection::server_error(error).map(connection::describe).is_some_and(|said| {
        let late = said.is(sqlstate::QUERY_CANCELED) || said.is(sqlstate::LOCK_NOT_AVAILABLE);
        said.sqlstate.is_some() && !late && !goodbye(&said)
    })
}

/// Whether the server has ended the session, or a proxy reports that its connection failed.
pub(super) fn goodbye(said: &connection::ServerError) -> bool {
    let state = said.sqlstate.as_deref().unwrap_or_default();
    matches!(
        state,
        sqlstate::ADMIN_SHUTDOWN
            | sqlstate::CRASH_SHUTDOWN
            | sqlstate::CANNOT_CONNECT_NOW
            | sqlstate::IDLE_SESSION_TIMEOUT
            | sqlstate::IDLE_IN_TRANSACTION_SESSION_TIMEOUT
    ) || state.starts_with(sqlstate::CONNECTION_EXCEPTION_CLASS)
}
