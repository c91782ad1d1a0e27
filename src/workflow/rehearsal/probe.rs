//! Other sessions that read, write and vacuum the tables of a rehearsal while its migrations run, and are refused when they
//! wait for a lock: what really happens to an application meanwhile.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Result;
use serde::Serialize;

use super::outcome::RefusedTime;
use crate::postgres::connection::{Session, Target, describe, server_error, sqlstate};

/// How long a probe waits for a lock.
const PATIENCE: Duration = Duration::from_millis(50);
/// The same in microseconds.
const PATIENCE_MICROS: i64 = 50_000;
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

/// What other sessions were refused, and when.
#[derive(Debug, Default)]
pub(super) struct Probes {
    /// By table and action.
    pub(super) refused: Vec<RefusedProbe>,
    times: Vec<RefusedSpan>,
}

/// A time in which one action on one table was refused, in microseconds since 1970 by the server's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
struct RefusedSpan {
    table: String,
    action: &'static str,
    from: i64,
    to: i64,
}

impl Probes {
    /// What was refused between two moments of the server's clock.
    pub(super) fn between(&self, from: i64, to: i64) -> Vec<RefusedTime> {
        let mut micros: BTreeMap<(&str, &'static str), i64> = BTreeMap::new();
        for span in &self.times {
            let together = span.to.min(to) - span.from.max(from);
            if together > 0 {
                *micros.entry((&span.table, span.action)).or_default() += together;
            }
        }
        let mut found: Vec<RefusedTime> = micros
            .into_iter()
            .map(|((table, action), micros)| RefusedTime {
                table: table.to_owned(),
                action,
                milliseconds: u64::try_from(micros / 1000).unwrap_or_default(),
            })
            .filter(|refused| refused.milliseconds > 0)
            .collect();
        let place = |action| ACTIONS.iter().position(|(name, _)| *name == action);
        found.sort_by_cached_key(|refused| (refused.table.clone(), place(refused.action)));
        found
    }
}

/// What became of one action on one table so far.
#[derive(Default)]
struct Tally {
    tried: u64,
    refused: u64,
    since: Option<i64>,
    /// When it was refused for the last time.
    last: i64,
    /// The times without success, in microseconds of this machine's clock.
    spans: Vec<(i64, i64)>,
}

impl Tally {
    fn note(&mut self, began: i64, succeeded: bool) {
        self.tried += 1;
        if succeeded {
            // With many tables, much time passes until the next try.
            let is_at_once = began - self.last <= PATIENCE_MICROS;
            self.end(if is_at_once { now() } else { self.last });
            return;
        }
        self.refused += 1;
        self.since.get_or_insert(began);
        // This machine may notice it later.
        self.last = now().min(began + PATIENCE_MICROS);
    }

    fn end(&mut self, at: i64) {
        if let Some(since) = self.since.take() {
            self.spans.push((since, at));
        }
    }
}

/// Microseconds since 1970, by this machine's clock.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
    i64::try_from(now).unwrap_or(i64::MAX)
}

/// By how many microseconds the server's clock is ahead of this machine's.
async fn ahead(session: &mut Session) -> Result<i64> {
    let before = now();
    let server: i64 = session
        .scalar("SELECT (extract(epoch FROM pg_catalog.clock_timestamp()) * 1000000)::int8 AS at")
        .await?;
    Ok(server - before.midpoint(now()))
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
) -> Result<(T, Probes)> {
    let tallies: RefCell<BTreeMap<(usize, usize), Tally>> = RefCell::default();
    let mut sessions = Vec::new();
    for _ in ACTIONS {
        let mut session = Target::parse(url)?.connect(application).await?.unobserved();
        session.execute(format!("SET lock_timeout = {}", PATIENCE.as_millis())).await?;
        sessions.push(session);
    }
    let ahead = match sessions.first_mut() {
        Some(session) => ahead(session).await?,
        None => 0,
    };
    let probing =
        sessions.iter_mut().enumerate().map(|(action, session)| probe(session, action, tables, &tallies));
    let done = tokio::select! {
        done = work => done?,
        error = futures_util::future::select_all(probing.map(Box::pin)) => return Err(error.0),
    };
    for session in sessions {
        session.close().await;
    }
    let mut probes = Probes::default();
    for ((action, table), mut tally) in tallies.into_inner() {
        // A try that had not ended yet waited as long as those before.
        let open = now().min(tally.last + PATIENCE_MICROS);
        tally.end(open);
        let longest = tally.spans.iter().map(|(from, to)| to - from).max();
        let (table, action) = (&tables[table], ACTIONS[action].0);
        probes.times.extend(tally.spans.iter().map(|(from, to)| RefusedSpan {
            table: table.clone(),
            action,
            from: from + ahead,
            to: to + ahead,
        }));
        if let Some(longest) = longest {
            probes.refused.push(RefusedProbe {
                table: table.clone(),
                action,
                tried: tally.tried,
                refused: tally.refused,
                milliseconds: u64::try_from(longest / 1000).unwrap_or_default(),
            });
        }
    }
    probes.refused.sort_by(|one, other| one.table.cmp(&other.table));
    Ok((done, probes))
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
            let began = now();
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
                    if let Some(tally) = tallies.borrow_mut().get_mut(&(action, number)) {
                        tally.end(tally.last);
                    }
                    continue;
                }
            }
            tallies.borrow_mut().entry((action, number)).or_default().note(began, outcome.is_ok());
            tokio::time::sleep(PAUSE).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// What was refused, in words: `refused on public.users: SELECT for 120 ms, UPDATE for 130 ms`.
pub(crate) fn in_words<'r>(refused: impl IntoIterator<Item = (&'r str, &'r str, u64)>) -> Vec<String> {
    let mut tables: Vec<(&str, Vec<String>)> = Vec::new();
    for (table, action, milliseconds) in refused {
        let words = format!("{action} for {}", crate::text::duration(Duration::from_millis(milliseconds)));
        match tables.last_mut().filter(|(name, _)| *name == table) {
            Some((_, all)) => all.push(words),
            None => tables.push((table, vec![words])),
        }
    }
    tables.into_iter().map(|(table, words)| format!("refused on {table}: {}", words.join(", "))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_counts_for_the_statements_that_it_falls_into() {
        let span = |action, from, to| RefusedSpan { table: "a".to_owned(), action, from, to };
        let times =
            vec![span("SELECT", 5_000, 20_000), span("SELECT", 30_000, 50_000), span("VACUUM", 0, 900)];
        let probes = Probes { refused: Vec::new(), times };
        let of = |from, to| -> Vec<(&str, u64)> {
            probes.between(from, to).into_iter().map(|one| (one.action, one.milliseconds)).collect()
        };
        assert_eq!(of(0, 10_000), [("SELECT", 5)]);
        assert_eq!(of(10_000, 40_000), [("SELECT", 20)]);
        assert_eq!(of(60_000, 90_000), []);
    }
}
