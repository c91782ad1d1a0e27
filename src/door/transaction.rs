//! One step as one transaction: the script, trueup's records of it, and the fence row, together or not at all.
//!
//! Three messages: a clean session and BEGIN; the script with its records and the fence; COMMIT. Where it is known what
//! comes next, its beginning travels with COMMIT, and there are two. The script has a message of its own: what is
//! known before it runs (that the step before is committed, that nobody is in the way) must not wait for its end, as a
//! server keeps its answers until a message is done.
//!
//! When a lock could not be had, all is rolled back and tried again after a pause, in which readers and writers go on.

use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use super::blockers::ADVISORY_LOCK;
use super::event::{Blocker, Event, Watch};
use super::lock::jittered;
use super::supervise::{Post, Seen, Why, supervised};
use super::trouble::Trouble;
use super::waiting::{InTheWay, Sightings};
use super::{Door, blockers, fence};
use crate::db::{self, ServerError, Session};

/// The first and the longest pause between two attempts.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(8));
/// How long a transaction that was begun ahead is good for: what was asked when it began would be old.
const FRESH: Duration = Duration::from_secs(1);
/// How much longer than its limit a step may be silent before the network is given up.
const SILENCE: Duration = Duration::from_secs(15);

/// lock_not_available, deadlock_detected, serialization_failure: another attempt may succeed.
const AGAIN: [&str; 3] = ["55P03", "40P01", "40001"];

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// One statement's waiting for one lock.
    pub lock_timeout: Duration,
    /// All attempts to get the locks, and the pauses between.
    pub lock_budget: Duration,
    /// The whole transaction.
    pub max_duration: Duration,
}

impl Limits {
    /// What the server is to keep of them.
    fn settings(&self) -> [(&'static str, String); 2] {
        [
            ("lock_timeout", format!("{}ms", self.lock_timeout.as_millis())),
            ("statement_timeout", format!("{}ms", self.max_duration.as_millis())),
        ]
    }
}

/// One step.
#[derive(Debug, Clone, Copy)]
pub struct Work<'w> {
    /// Its name in messages: `V4__api_keys_user_id`.
    pub what: &'w str,
    /// SQL that the project's people wrote, run with their search_path. May be empty.
    pub script: &'w str,
    /// trueup's records of it, run with `search_path = pg_catalog, pg_temp`. May be empty; no trailing semicolon.
    pub records: &'w str,
    /// The relations whose holders are waited for outside of the lock queue.
    pub wanted: &'w [blockers::Wanted],
    /// How long things may take.
    pub limits: Limits,
    /// What comes after it, where that is known: it is begun in the message that commits this.
    pub next: Option<Next>,
}

/// The beginning of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// How long things may take.
    pub limits: Limits,
    /// Whether it is asked who holds locks, see [`Work::wanted`].
    pub looks: bool,
}

impl Work<'_> {
    /// The beginning of this step.
    fn beginning(&self) -> Next {
        Next { limits: self.limits, looks: !self.wanted.is_empty() }
    }
}

impl Door {
    /// Carries a step out.
    ///
    /// # Errors
    /// [`Trouble`], which says what the step left behind.
    pub async fn transaction(&mut self, work: &Work<'_>, watch: &mut dyn Watch) -> Result<(), Trouble> {
        let ready = self.ready(work, watch).await?;
        self.commit(ready, work, watch).await
    }

    /// The same, with a proof between the script and COMMIT, which reads in the same transaction. What it returns as an
    /// error rolls the step back.
    ///
    /// # Errors
    /// As [`Door::transaction`]; [`Trouble::Disproved`].
    pub async fn proved_transaction(
        &mut self,
        work: &Work<'_>,
        watch: &mut dyn Watch,
        prove: impl AsyncFnOnce(&mut Session) -> Result<()>,
    ) -> Result<(), Trouble> {
        let ready = self.ready(work, watch).await?;
        if let Err(error) = prove(&mut self.session).await {
            let trouble = match self.loss(&error).is_some() || db::server_error(&error).is_some() {
                true => self.trouble(error, "proving the step"),
                false => Trouble::Disproved(error),
            };
            self.roll_back().await;
            return Err(trouble);
        }
        self.commit(ready, work, watch).await
    }

    /// Everything up to COMMIT, as many times as it takes to get the locks.
    async fn ready(&mut self, work: &Work<'_>, watch: &mut dyn Watch) -> Result<fence::Passed, Trouble> {
        let begun = Instant::now();
        let mut pause = PAUSES.0;
        let mut look = true;
        loop {
            match self.attempt(work, look, watch).await? {
                Attempt::Ready(ready) => return Ok(ready),
                Attempt::Crowded => {
                    self.stay_out(work, begun, watch).await?;
                    look = false;
                }
                Attempt::NoLock { why, blockers } => {
                    pause = self.pause_between(work, begun, pause, (&why, blockers), watch).await?;
                    look = true;
                }
            }
        }
    }

    /// Waits, outside of the lock queue, while somebody holds a lock for long that the step would have to wait for:
    /// whoever stands in the queue keeps all who come later waiting, too. A lock of a moment is no reason to wait.
    async fn stay_out(
        &mut self,
        work: &Work<'_>,
        begun: Instant,
        watch: &mut dyn Watch,
    ) -> Result<(), Trouble> {
        let mut seen = Sightings::default();
        loop {
            let path = &self.access.search_path;
            // Without an answer the attempt itself shows who is there.
            let Ok(holders) = blockers::holding(&mut self.control, work.wanted, path, self.pid).await else {
                return Ok(());
            };
            let pause = match seen.judge(holders, Instant::now()) {
                InTheWay::Nobody => return Ok(()),
                InTheWay::Perhaps => Duration::from_millis(100),
                InTheWay::Long(blockers) => {
                    let waited = begun.elapsed();
                    if waited >= work.limits.lock_budget {
                        return Err(Trouble::NoLock { waited, blockers, outside_the_queue: true });
                    }
                    watch.tell(&Event::Blocked { what: work.what, blockers: &blockers, waited });
                    Duration::from_millis(300)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                signal = self.stop.wait() => return Err(Trouble::Stopped(signal)),
            }
        }
    }

    async fn pause_between(
        &mut self,
        work: &Work<'_>,
        begun: Instant,
        pause: Duration,
        (why, blockers): (&str, Vec<Blocker>),
        watch: &mut dyn Watch,
    ) -> Result<Duration, Trouble> {
        let waited = begun.elapsed();
        let jittered = jittered(pause);
        if waited + jittered >= work.limits.lock_budget {
            return Err(Trouble::NoLock { waited, blockers, outside_the_queue: false });
        }
        if !blockers.is_empty() {
            watch.tell(&Event::Blocked { what: work.what, blockers: &blockers, waited });
        }
        watch.tell(&Event::Again { what: work.what, why, pause: jittered });
        tokio::select! {
            () = tokio::time::sleep(jittered) => Ok((pause * 2).min(PAUSES.1)),
            signal = self.stop.wait() => Err(Trouble::Stopped(signal)),
        }
    }

    /// Everything up to COMMIT. The session is in no transaction when it fails. Where it is told to `look`, it does not
    /// run the script while anybody holds a lock on what the script locks.
    async fn attempt(
        &mut self,
        work: &Work<'_>,
        look: bool,
        watch: &mut dyn Watch,
    ) -> Result<Attempt, Trouble> {
        if let Some(signal) = self.stop.asked() {
            return Err(Trouble::Stopped(signal));
        }
        let begun = Instant::now();
        self.session.give_up_after(work.limits.max_duration.saturating_add(SILENCE));
        let Next { limits, looks } = work.beginning();
        let transaction = match self.begin_transaction(Next { limits, looks: look && looks }).await {
            Ok(Begun { crowded: false, transaction, .. }) => transaction,
            Ok(Begun { crowded: true, .. }) => {
                self.roll_back().await;
                return Ok(Attempt::Crowded);
            }
            Err(error) => {
                let trouble = self.trouble(error, "preparing the session");
                self.roll_back().await;
                return Err(trouble);
            }
        };
        let sql = message(work, &transaction, self.run());
        let mut fence = None;
        let limit = work.limits.max_duration.saturating_sub(begun.elapsed());
        let post = Post {
            what: work.what,
            control: &mut self.control,
            access: &self.access,
            place: &self.place,
            stop: self.stop.clone(),
            pid: self.pid,
            lock_timeout: work.limits.lock_timeout,
            limit: Some(limit),
            budget: None,
            progress: false,
            watch,
        };
        let (answer, seen) = supervised(&mut self.session, sql, post, |_, row| {
            fence = fence::Passed::from_row(&row).or(fence.take());
            Ok(())
        })
        .await;
        if let Err(error) = answer {
            let failed = self.failed_attempt(error, begun.elapsed(), seen, work);
            self.roll_back().await;
            return failed;
        }
        let Some(fence) = fence else {
            self.roll_back().await;
            return Err(Trouble::Superseded);
        };
        Ok(Attempt::Ready(fence))
    }

    /// The transaction that was begun ahead, where it is the one that is wanted now; else another.
    async fn begin_transaction(&mut self, wanted: Next) -> Result<Begun> {
        if let Some(ahead) = self.ahead.take() {
            if ahead.serves(wanted) {
                return Ok(ahead);
            }
            self.roll_back().await;
        }
        self.connected()?;
        let rows = self.session.rows(self.opening(wanted)).await?;
        self.begun(wanted, rows)
    }

    /// A clean session, BEGIN and the lock for this transaction. The lock of the session may have been given back by the
    /// script of an earlier step: it is taken again (and counted, which does no harm: all of it ends with the session).
    fn opening(&self, wanted: Next) -> String {
        format!(
            "{}; BEGIN; SELECT pg_catalog.pg_try_advisory_lock({ADVISORY_LOCK}) AND \
             pg_catalog.pg_try_advisory_xact_lock({ADVISORY_LOCK}){}, \
             pg_catalog.pg_current_xact_id(), {}",
            self.access.settings(&wanted.limits.settings()),
            // What another run has done meanwhile would be met by the script, and told as its fault.
            if self.begun { fence::and_is_ours(self.run()) } else { String::new() },
            if wanted.looks { blockers::anybody(self.place.database_oid) } else { "false".to_owned() }
        )
    }

    /// Reads the rows of [`Door::opening`].
    fn begun(&self, opening: Next, mut rows: Vec<Vec<Option<String>>>) -> Result<Begun> {
        let (Some(lock), Some(answer)) = (rows.pop(), rows.pop()) else {
            return Err(anyhow!("the server did not answer how the session is set"));
        };
        self.access.settled(&opening.limits.settings(), &answer).map_err(anyhow::Error::new)?;
        match lock.as_slice() {
            [Some(held), Some(transaction), Some(crowded)] if held == "t" => Ok(Begun {
                opening,
                transaction: transaction.clone(),
                crowded: crowded == "t",
                at: Instant::now(),
            }),
            _ => Err(anyhow::Error::new(Trouble::Superseded)),
        }
    }

    /// Gives up what was begun ahead: something else comes.
    pub(super) async fn nothing_ahead(&mut self) {
        if self.ahead.take().is_some() {
            self.roll_back().await;
        }
    }

    fn failed_attempt(
        &mut self,
        error: anyhow::Error,
        took: Duration,
        seen: Seen,
        work: &Work<'_>,
    ) -> Result<Attempt, Trouble> {
        self.lost = self.loss(&error);
        let said = db::server_error(&error).map(db::describe).unwrap_or_default();
        let took_too_long = || Err(Trouble::TookTooLong(work.limits.max_duration));
        match seen.cancelled {
            Some(Why::Signal(signal)) => return Err(Trouble::Stopped(signal)),
            // Without an answer nobody knows that the cancellation arrived.
            Some(Why::Duration | Why::Waiting) if said.sqlstate.is_some() => return took_too_long(),
            _ => {}
        }
        self.connected()?;
        if AGAIN.iter().any(|state| said.is(state)) {
            return Ok(Attempt::NoLock { why: said.message, blockers: seen.blockers });
        }
        // query_canceled without our doing: statement_timeout, which is the limit too, or somebody else.
        if said.is("57014") && took >= work.limits.max_duration {
            return took_too_long();
        }
        if fence::ended_transaction(&said) {
            return Err(Trouble::EndedTransaction);
        }
        if said.sqlstate.is_none() {
            return Err(self.trouble(error, work.what));
        }
        Err(Trouble::Refused { said: Box::new(said), done: self.session.statements_done() })
    }

    /// COMMIT, and what became of it; with it, the beginning of what comes next. Whether that has begun is for the next
    /// step to see, which begins by itself what has not.
    async fn commit(
        &mut self,
        ready: fence::Passed,
        work: &Work<'_>,
        watch: &mut dyn Watch,
    ) -> Result<(), Trouble> {
        let Some(next) = work.next else {
            let Err(error) = self.session.execute("COMMIT").await else { return Ok(()) };
            return self.not_committed(ready, work.what, error, watch).await;
        };
        match self.session.rows(format!("COMMIT; {}", self.opening(next))).await {
            Ok(rows) => match self.begun(next, rows) {
                Ok(begun) => self.ahead = Some(begun),
                Err(_) => self.roll_back().await,
            },
            // An error ends a message: what was answered before it was done.
            Err(error) if self.session.statements_done() > 0 => {
                self.lost = self.loss(&error);
                self.roll_back().await;
            }
            Err(error) => return self.not_committed(ready, work.what, error, watch).await,
        }
        Ok(())
    }

    /// There was no answer to COMMIT, or an error.
    async fn not_committed(
        &mut self,
        ready: fence::Passed,
        what: &str,
        error: anyhow::Error,
        watch: &mut dyn Watch,
    ) -> Result<(), Trouble> {
        if self.loss(&error).is_some() {
            return self.find_out(ready, what, &error, watch).await;
        }
        // A deferred constraint, a serialization failure: the server answered, so it is rolled back.
        self.roll_back().await;
        match db::server_error(&error).map(db::describe) {
            Some(said) => Err(Trouble::Refused { said: Box::new(said), done: usize::MAX }),
            None => Err(self.trouble(error, what)),
        }
    }

    /// Ends a transaction that failed. On a lost connection there is nothing to end.
    async fn roll_back(&mut self) {
        if self.lost.is_none()
            && let Err(error) = self.session.execute("ROLLBACK").await
        {
            self.lost = self.loss(&error);
        }
    }

    /// What an error outside of the script means.
    pub(crate) fn trouble(&mut self, error: anyhow::Error, doing: &str) -> Trouble {
        let error = match error.downcast::<Trouble>() {
            Ok(trouble) => return trouble,
            Err(error) => error,
        };
        match self.lost.clone().or_else(|| self.loss(&error)) {
            Some(why) => {
                self.lost = Some(why.clone());
                Trouble::Lost(why)
            }
            None => Trouble::Other(db::server_failure(error, doing)),
        }
    }

    /// Why the connection is gone, if that is what the error says: the server was silent for too long, the connection
    /// failed, or the server said goodbye.
    pub(super) fn loss(&self, error: &anyhow::Error) -> Option<String> {
        let Some(server) = db::server_error(error) else {
            return self.session.is_given_up().then(|| error.to_string());
        };
        let said = db::describe(server);
        (said.sqlstate.is_none() || goodbye(&said)).then_some(said.message)
    }
}

/// The script, its records and the fence as one message: made in one piece, as a script may have megabytes.
fn message(work: &Work<'_>, transaction: &str, run: &str) -> String {
    const FRAME: usize = 512;
    let script = work.script.trim_end();
    let mut sql = String::with_capacity(script.len() + work.records.len() + FRAME);
    if !script.is_empty() {
        sql.push_str(script);
        // On a line of its own, in case the script ends in a comment.
        sql.push_str("\n;");
    }
    sql.push_str("SET LOCAL search_path = pg_catalog, pg_temp;\n");
    sql.push_str(&fence::still_in(transaction));
    sql.push_str(";\n");
    if !work.records.is_empty() {
        sql.push_str(work.records);
        sql.push_str(";\n");
    }
    sql.push_str(&fence::advance(run));
    sql
}

/// Whether the server said goodbye: admin_shutdown, crash_shutdown, cannot_connect_now, idle_session_timeout,
/// idle_in_transaction_session_timeout, or a proxy that the connection failed.
fn goodbye(said: &ServerError) -> bool {
    let state = said.sqlstate.as_deref().unwrap_or_default();
    matches!(state, "57P01" | "57P02" | "57P03" | "57P05" | "25P03") || state.starts_with("08")
}

/// How one attempt went.
enum Attempt {
    Ready(fence::Passed),
    /// Somebody holds locks on what the script locks; it was not run.
    Crowded,
    NoLock {
        why: String,
        blockers: Vec<Blocker>,
    },
}

/// A transaction that has only begun.
#[derive(Debug)]
pub(super) struct Begun {
    /// What it was begun for.
    opening: Next,
    /// Its id.
    transaction: String,
    /// Whether anybody holds locks on what the script locks.
    crowded: bool,
    /// When it was answered.
    at: Instant,
}

impl Begun {
    /// Whether it is as good as one that would be begun now.
    fn serves(&self, wanted: Next) -> bool {
        self.opening == wanted && self.at.elapsed() < FRESH
    }
}
