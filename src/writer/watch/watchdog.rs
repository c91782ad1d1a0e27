//! A message on the working session while the control connection watches over it: who blocks it, how far it is, when it
//! has to be cancelled.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use super::super::StopSignal;
use super::super::access::Access;
use super::super::event::{Blocker, Event, Watch};
use super::super::server_identity::ServerIdentity;
use super::blockers::blocking;
use crate::postgres::connection::{Row, Session};

/// How often it is looked at, at least.
const LOOK: Duration = Duration::from_millis(250);
/// How much longer than its limit a wait for a lock may be: the server is to end it first.
const GRACE: Duration = Duration::from_millis(250);
/// How often a cancellation is repeated: the first may come between two statements.
const CANCEL_AGAIN: Duration = Duration::from_millis(500);
/// How long a cancelled message may go on before the session is ended.
const CANCEL_PATIENCE: Duration = Duration::from_secs(8);
/// How long the control connection may be without an answer before the network is given up.
const DEAD: Duration = Duration::from_secs(30);

/// How far a long statement is, by its process; see `progress.sql`.
const PROGRESS: &str = include_str!("../progress.sql");

/// Why a message was cancelled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::writer) enum Why {
    /// The limit of its duration.
    Duration,
    /// The budget for waiting for locks.
    Waiting,
    /// The limit of one wait for a lock: what the statement runs has switched the server's own off.
    LockTimeout,
    /// A signal.
    Signal(&'static str),
}

/// What was seen meanwhile.
#[derive(Debug, Default)]
pub(in crate::writer) struct Seen {
    /// Who blocked it when it was last blocked.
    pub(in crate::writer) blockers: Vec<Blocker>,
    /// How long it was seen waiting, all in all.
    pub(in crate::writer) waited: Duration,
    pub(in crate::writer) cancelled: Option<Why>,
}

/// What to watch over.
pub(in crate::writer) struct StepWatchdog<'p> {
    pub(in crate::writer) what: &'p str,
    pub(in crate::writer) control: &'p mut Session,
    /// How the control connection is opened again, and to which server.
    pub(in crate::writer) access: &'p Access,
    pub(in crate::writer) server: &'p ServerIdentity,
    pub(in crate::writer) stop: StopSignal,
    pub(in crate::writer) pid: i32,
    /// How long one wait for a lock may be: who is in the way is looked for before it ends, and a wait that the server
    /// does not end is ended. Zero: as long as it takes.
    pub(in crate::writer) lock_timeout: Duration,
    /// How long it may take altogether.
    pub(in crate::writer) limit: Option<Duration>,
    /// How long it may wait for locks altogether.
    pub(in crate::writer) budget: Option<Duration>,
    /// Whether its progress is to be told.
    pub(in crate::writer) progress: bool,
    pub(in crate::writer) watch: &'p mut dyn Watch,
}

/// Sends a message and watches over it.
pub(in crate::writer) async fn supervised(
    session: &mut Session,
    sql: String,
    mut post: StepWatchdog<'_>,
    each: impl FnMut(usize, Row<'_>) -> Result<()> + Send,
) -> (Result<()>, Seen) {
    let mut seen = Seen::default();
    let answer = tokio::select! {
        biased;
        answer = session.message(sql, each) => answer,
        why = watch(&mut post, &mut seen) => {
            session.give_up();
            Err(why)
        }
    };
    if seen.cancelled.is_some() && !session.is_given_up() {
        // A cancellation that is still on its way would meet the next message. A session that is idle ignores it.
        let _ = post.control.execute("SELECT").await;
    }
    (answer, seen)
}

/// Looks until it is dropped; returns when neither connection says anything any more and nobody else would notice.
async fn watch(post: &mut StepWatchdog<'_>, seen: &mut Seen) -> anyhow::Error {
    let begun = Instant::now();
    let mut answered = begun;
    let mut cancelled_at: Option<Instant> = None;
    let mut looked = begun;
    let look = match post.lock_timeout {
        Duration::ZERO => LOOK,
        timeout => LOOK.min(timeout / 2).max(Duration::from_millis(10)),
    };
    loop {
        let pause = match (cancelled_at, post.limit) {
            (Some(_), _) => CANCEL_AGAIN,
            (None, Some(limit)) => limit.saturating_sub(begun.elapsed()).min(look),
            (None, None) => look,
        };
        let why = tokio::select! {
            () = tokio::time::sleep(pause) => None,
            signal = post.stop.wait(), if cancelled_at.is_none() => Some(Why::Signal(signal)),
        };
        if let Some(Why::Signal(_)) = why {
            // What has no limit of its own runs outside of a transaction.
            let rolls_back = post.limit.is_some();
            post.watch.observe(&Event::Stopping { what: post.what, rolls_back });
        }
        let mut waits_too_long = false;
        if why.is_none() && cancelled_at.is_none() {
            let mut blockers = blocking(post.control, post.pid, post.access.whole_queries).await;
            // A control connection that is gone is no reason to stop.
            if blockers.is_err()
                && let Some(control) = post.access.watch_again(post.server).await
            {
                *post.control = control;
                blockers = blocking(post.control, post.pid, post.access.whole_queries).await;
            }
            let mut is_blocked = false;
            if let Ok(blockers) = blockers {
                answered = Instant::now();
                is_blocked = !blockers.is_empty();
                if is_blocked {
                    seen.waited += looked.elapsed();
                    post.watch.observe(&Event::Blocked {
                        what: post.what,
                        blockers: &blockers,
                        waited: seen.waited,
                    });
                    seen.blockers = blockers;
                    waits_too_long = is_over_one_wait(post, seen.waited).await;
                }
            } else if post.limit.is_none() && answered.elapsed() >= DEAD {
                return anyhow!("the server has said nothing for {} s", DEAD.as_secs());
            }
            looked = Instant::now();
            let has_progress = post.progress && report_progress(post).await;
            if !is_blocked && !has_progress {
                post.watch.observe(&Event::Running { what: post.what, since: begun.elapsed() });
            }
        }
        let over = |limit: Option<Duration>, spent: Duration| limit.is_some_and(|limit| spent >= limit);
        let why = match why {
            Some(why) => Some(why),
            None if over(post.limit, begun.elapsed()) => Some(Why::Duration),
            None if over(post.budget, seen.waited) => Some(Why::Waiting),
            None if waits_too_long => Some(Why::LockTimeout),
            None => None,
        };
        if seen.cancelled.is_none() {
            seen.cancelled = why;
        }
        if seen.cancelled.is_some() {
            let since = *cancelled_at.get_or_insert_with(Instant::now);
            let how = if since.elapsed() < CANCEL_PATIENCE { "cancel" } else { "terminate" };
            let _ = post.control.execute(format!("SELECT pg_{how}_backend({})", post.pid)).await;
        }
    }
}

/// Whether the session waits for one lock longer than it may. Asked only when it has been seen waiting for as long.
async fn is_over_one_wait(post: &mut StepWatchdog<'_>, seen_waiting: Duration) -> bool {
    let limit = post.lock_timeout + GRACE;
    if post.lock_timeout.is_zero() || seen_waiting + LOOK < limit {
        return false;
    }
    let sql = format!(
        "SELECT COALESCE(pg_catalog.bool_or(pg_catalog.clock_timestamp() - waitstart > '{} ms'::pg_catalog.interval), \
         false) AS over FROM pg_catalog.pg_locks WHERE pid = {} AND NOT granted",
        limit.as_millis(),
        post.pid
    );
    post.control.scalar::<bool>(sql).await.unwrap_or_default()
}

/// Passes on what the server knows about how far the statement is. Returns whether it knows anything.
async fn report_progress(post: &mut StepWatchdog<'_>) -> bool {
    let progress = post.control.query(PROGRESS.replace("{pid}", &post.pid.to_string()));
    let rows = progress.await.unwrap_or_default();
    let is_known = !rows.is_empty();
    for row in rows {
        // Progress that cannot be read is not shown.
        let (Ok(phase), Ok(done), Ok(total)) = (row.get("phase"), row.get("done"), row.get("total")) else {
            continue;
        };
        post.watch.observe(&Event::Progress { what: post.what, phase, done, total });
    }
    is_known
}
