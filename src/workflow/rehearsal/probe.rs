//! Other sessions that read, write and vacuum the tables of a rehearsal while its migrations run, and are refused when they
//! wait for a lock: what really happens to an application meanwhile.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::Serialize;

use crate::postgres::connection::{Session, Target, describe, server_error, sqlstate};

/// How long a probe waits for a lock.
const PATIENCE: Duration = Duration::from_millis(50);
/// The pause between two probes of a session.
const PAUSE: Duration = Duration::from_millis(5);

/// What is tried: its name, and the statement. None of them changes a row.
const ACTIONS: [(&str, &str); 4] = [
    ("SELECT", "SELECT FROM {} LIMIT 0"),
    ("UPDATE", "DELETE FROM {} WHERE false"),
    ("SELECT FOR UPDATE", "SELECT FROM {} LIMIT 0 FOR UPDATE"),
    ("VACUUM", "LOCK TABLE {} IN SHARE UPDATE EXCLUSIVE MODE"),
];

/// What was refused.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RefusedProbe {
    /// The table, qualified and quoted.
    pub(crate) table: String,
    /// What was tried: `SELECT`, `UPDATE`, `SELECT FOR UPDATE` or `VACUUM`.
    pub(crate) action: &'static str,
    /// How often it was tried.
    pub(crate) tried: u64,
    /// How often it was refused.
    pub(crate) refused: u64,
    /// The longest time without success, in milliseconds.
    pub(crate) milliseconds: u64,
}

/// What became of one action on one table so far.
#[derive(Default)]
struct Tally {
    tried: u64,
    refused: u64,
    since: Option<Instant>,
    longest: Duration,
}

impl Tally {
    fn note(&mut self, began: Instant, succeeded: bool) {
        self.tried += 1;
        if succeeded {
            self.end();
            return;
        }
        self.refused += 1;
        self.since.get_or_insert(began);
    }

    fn end(&mut self) {
        if let Some(since) = self.since.take() {
            self.longest = self.longest.max(since.elapsed());
        }
    }
}

/// Does the work, and probes the tables meanwhile.
///
/// # Errors
/// Those of the work, and of connecting.
pub(super) async fn during<T>(
    url: &str,
    application: &str,
    tables: &[String],
    work: impl Future<Output = Result<T>>,
) -> Result<(T, Vec<RefusedProbe>)> {
    let tallies: RefCell<BTreeMap<(usize, usize), Tally>> = RefCell::default();
    let mut sessions = Vec::new();
    for _ in ACTIONS {
        let mut session = Target::parse(url)?.connect(application).await?.unobserved();
        session.execute(format!("SET lock_timeout = {}", PATIENCE.as_millis())).await?;
        sessions.push(session);
    }
    let probing =
        sessions.iter_mut().enumerate().map(|(action, session)| probe(session, action, tables, &tallies));
    let done = tokio::select! {
        done = work => done?,
        error = futures_util::future::select_all(probing.map(Box::pin)) => return Err(error.0),
    };
    for session in sessions {
        session.close().await;
    }
    let mut found = Vec::new();
    for ((action, table), mut tally) in tallies.into_inner() {
        tally.end();
        if tally.refused > 0 {
            found.push(RefusedProbe {
                table: tables[table].clone(),
                action: ACTIONS[action].0,
                tried: tally.tried,
                refused: tally.refused,
                milliseconds: u64::try_from(tally.longest.as_millis()).unwrap_or(u64::MAX),
            });
        }
    }
    found.sort_by(|one, other| one.table.cmp(&other.table));
    Ok((done, found))
}

/// Probes the tables one after the other, again and again. Returns why it cannot go on.
async fn probe(
    session: &mut Session,
    action: usize,
    tables: &[String],
    tallies: &RefCell<BTreeMap<(usize, usize), Tally>>,
) -> anyhow::Error {
    loop {
        for (number, table) in tables.iter().enumerate() {
            let began = Instant::now();
            let sql = format!("BEGIN; {}; COMMIT", ACTIONS[action].1.replace("{}", table));
            let outcome = session.execute(sql).await;
            if let Err(error) = &outcome {
                let Some(said) = server_error(error).map(describe).filter(|said| said.sqlstate.is_some())
                else {
                    return outcome.err().unwrap_or_else(|| anyhow::anyhow!("the session was lost"));
                };
                if let Err(error) = session.execute("ROLLBACK").await {
                    return error;
                }
                // A table that is dropped or renamed meanwhile is none that others wait for.
                let waited = [sqlstate::LOCK_NOT_AVAILABLE, sqlstate::DEADLOCK_DETECTED];
                if !waited.iter().any(|state| said.is(state)) {
                    continue;
                }
            }
            tallies.borrow_mut().entry((action, number)).or_default().note(began, outcome.is_ok());
            tokio::time::sleep(PAUSE).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What was refused, in words: `public.users: SELECT was refused for 120 ms, UPDATE for 130 ms`.
pub(crate) fn in_words(probes: &[RefusedProbe]) -> Vec<String> {
    let mut tables: Vec<(&str, Vec<String>)> = Vec::new();
    for RefusedProbe { table, action, milliseconds, .. } in probes {
        let time = crate::text::duration(Duration::from_millis(*milliseconds));
        let words = format!("{action} for {time}");
        match tables.last_mut().filter(|(name, _)| name == table) {
            Some((_, all)) => all.push(words),
            None => tables.push((table, vec![words])),
        }
    }
    tables.into_iter().map(|(table, words)| format!("refused on {table}: {}", words.join(", "))).collect()
}
