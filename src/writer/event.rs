//! What happens while a command that writes waits or works, for whoever shows it. Plain data.

use std::fmt;
use std::time::Duration;

use crate::text::duration;

/// Receives events as they happen.
pub trait Watch: Send {
    /// Something happened.
    fn observe(&mut self, event: &Event<'_>);
}

/// Something that an operator who waits wants to know.
#[derive(Debug)]
pub enum Event<'e> {
    /// Another run of trueup holds the advisory lock.
    LockHeld {
        /// The session that holds it; `None` when this role cannot see it.
        holder: Option<&'e Blocker>,
        /// How long this run has waited.
        waited: Duration,
    },
    /// The first run in a database is that of a superuser, and no weaker role is named for the project's SQL.
    FirstRunOfSuperuser,
    /// A step begins.
    Begun {
        /// What is done: `applying`, `recording`, `reverting`, `repairing`.
        doing: &'e str,
        /// `V4__api_keys_user_id`
        what: &'e str,
        /// Which of the steps it is, from 1.
        number: usize,
        /// How many steps there are.
        of: usize,
    },
    /// A statement is running and waits for nobody.
    Running {
        /// The step.
        what: &'e str,
        /// How long this attempt has been running.
        since: Duration,
    },
    /// A step waits, outside of the lock queue or in it.
    Blocked {
        /// The step.
        what: &'e str,
        /// Who holds the locks.
        blockers: &'e [Blocker],
        /// How long it has waited.
        waited: Duration,
    },
    /// An attempt did not get its locks and was rolled back; the next one comes after a pause.
    Again {
        /// The step.
        what: &'e str,
        /// Why.
        why: &'e str,
        /// The pause.
        pause: Duration,
    },
    /// How far a long statement is.
    Progress {
        /// The step.
        what: &'e str,
        /// The phase, in PostgreSQL's words.
        phase: &'e str,
        /// Blocks or tuples done.
        done: u64,
        /// Of how many; 0 when that is not known.
        total: u64,
    },
    /// How far a repair is, or the undoing of one.
    Rows {
        /// What is repaired.
        what: &'e str,
        /// Rows done.
        done: u64,
        /// Of how many.
        total: u64,
    },
    /// A repair waits between two batches.
    Paused {
        /// Why.
        why: &'e str,
    },
    /// A step is done.
    Done {
        /// The step.
        what: &'e str,
        /// How long it took, waiting included.
        took: Duration,
    },
    /// The connection was lost; the next one is being made.
    Reconnecting {
        /// Why.
        why: &'e str,
    },
    /// A signal came while a step was running.
    Stopping {
        /// The step.
        what: &'e str,
        /// Whether all of it is rolled back: a statement outside of a transaction is cancelled, and may leave something.
        rolls_back: bool,
    },
}

/// Somebody who holds a lock: a session, or a prepared transaction.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Blocker {
    /// Its process; `None` for a prepared transaction.
    pub pid: Option<i32>,
    /// The identifier of a prepared transaction.
    pub gid: Option<String>,
    /// Its role, or the owner of a prepared transaction.
    pub role: Option<String>,
    /// `application_name`
    pub application: Option<String>,
    /// The client's address; `None` for a local socket, or when it is not visible.
    pub host: Option<String>,
    /// `active`, `idle in transaction`, ...
    pub state: Option<String>,
    /// How long its transaction has been running.
    pub age: Option<Duration>,
    /// Its statement, as [`brief_query`](crate::postgres::sql::brief_query) shows it.
    pub query: Option<String>,
}

/// `pid 4711 (role app, application pg_dump, from 10.0.0.7, idle in transaction for 12 s): SELECT ...`
impl fmt::Display for Blocker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.gid, self.pid) {
            (Some(gid), _) => write!(f, "prepared transaction {gid:?}")?,
            (None, Some(pid)) => write!(f, "pid {pid}")?,
            (None, None) => f.write_str("a session that this role cannot see")?,
        }
        let mut facts = Vec::new();
        if let Some(role) = &self.role {
            facts.push(if self.gid.is_some() { format!("owner {role}") } else { format!("role {role}") });
        }
        if let Some(application) = self.application.as_ref().filter(|name| !name.is_empty()) {
            facts.push(format!("application {application}"));
        }
        if let Some(host) = &self.host {
            facts.push(format!("from {host}"));
        }
        match (&self.state, self.age) {
            (Some(state), Some(age)) => facts.push(format!("{state} for {}", duration(age))),
            (Some(state), None) => facts.push(state.clone()),
            (None, Some(age)) => facts.push(format!("for {}", duration(age))),
            (None, None) => {}
        }
        if !facts.is_empty() {
            write!(f, " ({})", facts.join(", "))?;
        }
        match &self.query {
            Some(query) if !query.is_empty() => write!(f, ": {query}"),
            _ => Ok(()),
        }
    }
}

/// `1 session`, `3 sessions`.
pub(super) fn sessions(count: u64) -> String {
    if count == 1 { "1 session".to_owned() } else { format!("{count} sessions") }
}

/// The blockers in one sentence, for messages.
pub fn name_blockers(blockers: &[Blocker]) -> String {
    let named: Vec<String> = blockers.iter().map(Blocker::to_string).collect();
    named.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blocker_in_words() {
        let reader = Blocker {
            pid: Some(4711),
            role: Some("app".into()),
            application: Some("psql".into()),
            host: Some("10.0.0.7".into()),
            state: Some("idle in transaction".into()),
            age: Some(Duration::from_secs(75)),
            query: Some("select 1".into()),
            gid: None,
        };
        assert_eq!(
            reader.to_string(),
            "pid 4711 (role app, application psql, from 10.0.0.7, idle in transaction for 1 min 15 s): select 1"
        );
        let prepared = Blocker {
            gid: Some("tx1".into()),
            role: Some("app".into()),
            age: Some(Duration::from_millis(300)),
            ..Blocker::default()
        };
        assert_eq!(prepared.to_string(), "prepared transaction \"tx1\" (owner app, for 300 ms)");
    }
}
