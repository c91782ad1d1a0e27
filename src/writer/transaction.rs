//! One step as one transaction: the script, trueup's records of it, and the fence row, together or not at all.
//!
//! Three messages: a clean session and BEGIN; the script with its records and the fence; COMMIT. Where it is known what
//! comes next, its beginning travels with COMMIT, and there are two. The script has a message of its own: what is
//! known before it runs (that the step before is committed, that nobody is in the way) must not wait for its end, as a
//! server keeps its answers until a message is done.
//!
//! When a lock could not be had, all is rolled back and tried again after a pause, in which readers and writers go on.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};

use super::access::{TRIES, goodbye, is_cut_off, refused};
use super::blockers::ADVISORY_LOCK;
use super::event::{Blocker, Event, Watch};
use super::lock::jittered;
use super::prepared::PreparedStatement;
use super::step_error::StepError;
use super::waiting::{InTheWay, Sightings};
use super::watchdog::{Seen, StepWatchdog, Why, supervised};
use super::work::{Next, Work};
use super::{WriteSession, blockers, fence};
use crate::postgres::connection::{self, OwnedRow, Row, RowBuffer, Session, sqlstate};
use crate::postgres::sql::literal;

/// The first and the longest pause between two attempts.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(8));
/// How long a transaction that was begun ahead is good for: what was asked when it began would be old.
const FRESH: Duration = Duration::from_secs(1);
/// How much longer than its limit a step may be silent before the network is given up.
const SILENCE: Duration = Duration::from_secs(15);

/// Another attempt may succeed.
const RETRIED: [&str; 3] =
    [sqlstate::LOCK_NOT_AVAILABLE, sqlstate::DEADLOCK_DETECTED, sqlstate::SERIALIZATION_FAILURE];

/// The name of [`fence::still_in`].
const STILL_IN: &str = "still_in";

impl WriteSession {
    /// Carries a step out.
    ///
    /// # Errors
    /// [`Trouble`], which says what the step left behind.
    pub async fn transaction(&mut self, work: &Work<'_>, watch: &mut dyn Watch) -> Result<(), StepError> {
        let ready = self.ready(work, watch, &mut Answers::Ignored).await?;
        self.commit(ready, work, watch).await
    }

    /// Carries a step out, and reads the rows that its statements answer with before it is committed: a step whose answer
    /// cannot be read is rolled back.
    ///
    /// # Errors
    /// See [`WriteSession::transaction`]; [`StepError::Disproved`] when `read` fails.
    pub async fn answered_transaction<T>(
        &mut self,
        work: &Work<'_>,
        watch: &mut dyn Watch,
        read: impl FnOnce(&[OwnedRow]) -> Result<T>,
    ) -> Result<T, StepError> {
        let mut answers = Answers::Collected(RowBuffer::default());
        let ready = self.ready(work, watch, &mut answers).await?;
        let rows = match answers {
            Answers::Collected(rows) => rows.into_vec(),
            Answers::Ignored => Vec::new(),
        };
        match read(&rows) {
            Ok(answer) => {
                self.commit(ready, work, watch).await?;
                Ok(answer)
            }
            Err(error) => {
                self.roll_back().await;
                Err(StepError::Disproved(connection::server_failure(error, work.what)))
            }
        }
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
    ) -> Result<(), StepError> {
        let ready = self.ready(work, watch, &mut Answers::Ignored).await?;
        if let Err(error) = prove(&mut self.session).await {
            let is_of_step = error.is::<StepError>()
                || self.loss(&error).is_some()
                || connection::server_error(&error).is_some();
            let trouble = match is_of_step {
                true => self.step_error(error, "proving the step"),
                false => StepError::Disproved(error),
            };
            self.roll_back().await;
            return Err(trouble);
        }
        self.commit(ready, work, watch).await
    }

    /// Everything up to COMMIT, as many times as it takes to get the locks.
    async fn ready(
        &mut self,
        work: &Work<'_>,
        watch: &mut dyn Watch,
        answers: &mut Answers,
    ) -> Result<fence::FenceToken, StepError> {
        let begun = Instant::now();
        let mut pause = PAUSES.0;
        let mut look = true;
        loop {
            match self.attempt(work, look, watch, answers).await? {
                Attempt::Ready(ready) => return Ok(ready),
                Attempt::LockContended => {
                    self.wait_outside_lock_queue(work, begun, watch).await?;
                    look = false;
                }
                Attempt::Unprepared => {}
                Attempt::NoLock { why, blockers } => {
                    pause = self.pause_between(work, begun, pause, (&why, blockers), watch).await?;
                    look = true;
                }
            }
        }
    }

    /// Waits, outside of the lock queue, while somebody holds a lock for long that the step would have to wait for:
    /// whoever stands in the queue keeps all who come later waiting, too. A lock of a moment is no reason to wait.
    async fn wait_outside_lock_queue(
        &mut self,
        work: &Work<'_>,
        begun: Instant,
        watch: &mut dyn Watch,
    ) -> Result<(), StepError> {
        let mut seen = Sightings::default();
        loop {
            let holders = blockers::holding(&mut self.control, work.wanted, &self.access, self.pid).await;
            let holders = match holders {
                Ok(holders) => holders,
                Err(error) if refused(&error) => {
                    return Err(self.step_error(error, "looking for who holds locks in the way"));
                }
                // Without an answer the attempt itself shows who is there.
                Err(_) => return Ok(()),
            };
            let pause = match seen.evaluate(holders, Instant::now()) {
                InTheWay::Nobody => return Ok(()),
                InTheWay::Perhaps => Duration::from_millis(100),
                InTheWay::Long(blockers) => {
                    let waited = begun.elapsed();
                    if waited >= work.limits.lock_budget {
                        return Err(StepError::NoLock { waited, blockers, outside_the_queue: true });
                    }
                    watch.observe(&Event::Blocked { what: work.what, blockers: &blockers, waited });
                    Duration::from_millis(300)
                }
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                signal = self.stop.wait() => return Err(StepError::Stopped(signal)),
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
    ) -> Result<Duration, StepError> {
        let waited = begun.elapsed();
        let jittered = jittered(pause);
        if waited + jittered >= work.limits.lock_budget {
            return Err(StepError::NoLock { waited, blockers, outside_the_queue: false });
        }
        if !blockers.is_empty() {
            watch.observe(&Event::Blocked { what: work.what, blockers: &blockers, waited });
        }
        watch.observe(&Event::Again { what: work.what, why, pause: jittered });
        tokio::select! {
            () = tokio::time::sleep(jittered) => Ok((pause * 2).min(PAUSES.1)),
            signal = self.stop.wait() => Err(StepError::Stopped(signal)),
        }
    }

    /// Everything up to COMMIT. The session is in no transaction when it fails. Where it is told to `look`, it does not
    /// run the script while anybody holds a lock on what the script locks.
    async fn attempt(
        &mut self,
        work: &Work<'_>,
        look: bool,
        watch: &mut dyn Watch,
        answers: &mut Answers,
    ) -> Result<Attempt, StepError> {
        if let Some(signal) = self.stop.asked() {
            return Err(StepError::Stopped(signal));
        }
        let begun = Instant::now();
        self.session.give_up_after(work.limits.max_duration.saturating_add(SILENCE));
        let beginning = work.beginning();
        let transaction =
            match self.begin_transaction(Next { looks: look && beginning.looks, ..beginning }).await {
                Ok(Begun { contended: false, transaction, .. }) => transaction,
                Ok(Begun { contended: true, .. }) => {
                    self.roll_back().await;
                    return Ok(Attempt::LockContended);
                }
                Err(error) => {
                    let trouble = self.step_error(error, "preparing the session");
                    self.roll_back().await;
                    return Err(trouble);
                }
            };
        let relied = self.prepared.knows(STILL_IN);
        let sql = self.script_message(work, &transaction);
        let mut fence = None;
        answers.anew();
        let limit = work.limits.max_duration.saturating_sub(begun.elapsed());
        let post = StepWatchdog {
            what: work.what,
            control: &mut self.control,
            access: &self.access,
            server: &self.server,
            stop: self.stop.clone(),
            pid: self.pid,
            lock_timeout: work.limits.lock_timeout,
            limit: Some(limit),
            budget: None,
            progress: false,
            watch,
        };
        let (answer, seen) = supervised(&mut self.session, sql, post, |statement, row| {
            match fence::FenceToken::from_row(&row)? {
                Some(token) => fence = Some(token),
                None => answers.row(statement, &row),
            }
            Ok(())
        })
        .await;
        if let Err(error) = answer {
            // The script has taken away what was prepared before it; it is run again, and then it is prepared again.
            let is_gone = |said| connection::describe(said).is(sqlstate::INVALID_SQL_STATEMENT_NAME);
            let unprepared =
                relied && seen.cancelled.is_none() && connection::server_error(&error).is_some_and(is_gone);
            let failed = match unprepared {
                true => Ok(Attempt::Unprepared),
                false => self.failed_attempt(error, begun.elapsed(), seen, work),
            };
            self.roll_back().await;
            return failed;
        }
        let Some(fence) = fence else {
            self.roll_back().await;
            return Err(StepError::Superseded);
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
        let mut tries = 0;
        loop {
            let thorough = self.prepared.is_empty();
            let opening = self.opening(wanted);
            tries += 1;
            let row = match self.session.query_one(opening).await {
                Err(error) if is_cut_off(&error) && tries < TRIES => {
                    self.roll_back().await;
                    continue;
                }
                row => row?,
            };
            match self.begun(wanted, &row)? {
                Some(begun) => return Ok(begun),
                None if thorough => return Err(anyhow!("prepared statements stay in the session")),
                None => self.roll_back().await,
            }
        }
    }

    /// A clean session, BEGIN and the lock for this transaction. The lock of the session may have been given back by the
    /// script of an earlier step: it is taken again (and counted, which does no harm: all of it ends with the session).
    ///
    /// The session is cleaned in a transaction of its own, so that this one begins as a clean session begins them.
    fn opening(&mut self, wanted: Next) -> String {
        let cleaning = self.access.cleaning();
        let deallocate = if self.prepared.is_empty() { "; DEALLOCATE ALL" } else { "" };
        let mut sql = format!("BEGIN; {cleaning}{deallocate}; ");
        // The fence is made by the first transaction of a run. Whether somebody is in the way is no parameter: a plan for
        // both would cost so much more than one without the question that the server would plan every time.
        let name = match (self.begun, wanted.looks) {
            (false, _) => "begin_first",
            (true, false) => "begin",
            (true, true) => "begin_looking",
        };
        if !self.prepared.knows(name) {
            let limits = [("lock_timeout", "$1".to_owned()), ("statement_timeout", "$2".to_owned())];
            let form = format!(
                "(pg_catalog.text, pg_catalog.text) AS SELECT {}, \
                 (SELECT pg_catalog.count(*) FROM pg_catalog.pg_prepared_statement() AS p \
                 WHERE NOT pg_catalog.starts_with(p.name, '{}')) AS foreign_statements, \
                 pg_catalog.pg_try_advisory_lock({ADVISORY_LOCK}) AND \
                 pg_catalog.pg_try_advisory_xact_lock({ADVISORY_LOCK}){} AS held, \
                 pg_catalog.pg_current_xact_id() AS transaction, {} AS contended",
                self.access.set(&limits),
                self.prepared.prefix(),
                // What another run has done meanwhile would be met by the script, and told as its fault.
                if self.begun { fence::and_is_ours(self.run()) } else { String::new() },
                if wanted.looks { blockers::anybody(self.server.database_oid) } else { "false".to_owned() }
            );
            self.prepared.prepare(&mut sql, name, &form);
        }
        let isolation = if wanted.snapshot { "REPEATABLE READ" } else { "READ COMMITTED" };
        let _ = write!(sql, "COMMIT; BEGIN ISOLATION LEVEL {isolation}; ");
        let [(_, lock_timeout), (_, statement_timeout)] = wanted.limits.settings();
        let values = format!("'{lock_timeout}', '{statement_timeout}'");
        self.prepared.execute(&mut sql, name, &values);
        sql
    }

    /// Reads the row of [`WriteSession::opening`]. `None` when the session is not clean: statements of somebody else are
    /// prepared in it.
    fn begun(&self, opening: Next, row: &OwnedRow) -> Result<Option<Begun>> {
        self.access.settled(&opening.limits.settings(), row).map_err(anyhow::Error::new)?;
        if row.get::<u64>("foreign_statements")? > 0 {
            return Ok(None);
        }
        if !row.get::<bool>("held")? {
            return Err(anyhow::Error::new(StepError::Superseded));
        }
        Ok(Some(Begun {
            opening,
            transaction: row.get("transaction")?,
            contended: row.get("contended")?,
            at: Instant::now(),
        }))
    }

    /// Makes the session clean and ours, where nothing has begun ahead and nothing stays prepared. Returns how it is set
    /// then, for [`super::access::Access::settled`].
    pub(super) async fn clean(&mut self, settings: &[(&str, String)]) -> Result<OwnedRow> {
        self.nothing_ahead().await;
        self.prepared.forget();
        self.connected()?;
        let sql = self.access.settings(settings);
        let mut tries = 0;
        loop {
            tries += 1;
            match self.session.query_one(sql.clone()).await {
                Err(error) if is_cut_off(&error) && tries < TRIES => {}
                row => return row,
            }
        }
    }

    /// Gives up what was begun ahead: something else comes, or nothing for a while.
    pub async fn nothing_ahead(&mut self) {
        if self.ahead.take().is_some() {
            self.roll_back().await;
        }
    }

    /// The script, its records and the fence as one message: made in one piece, as a script may have megabytes.
    fn script_message(&mut self, work: &Work<'_>, transaction: &str) -> String {
        const FRAME: usize = 1024;
        let script = work.script.trim_end();
        let recurring = work.recurring.map_or(0, |recurring| recurring.values.len());
        let mut sql = String::with_capacity(script.len() + work.records.len() + recurring + FRAME);
        if !script.is_empty() {
            sql.push_str(script);
            // On a line of its own, in case the script ends in a comment.
            sql.push_str("\n;");
        }
        sql.push_str("SET LOCAL search_path = pg_catalog, pg_temp;\n");
        let idle = work.limits.idle().as_millis();
        let _ = writeln!(sql, "SET LOCAL idle_in_transaction_session_timeout = {idle};");
        let (form, transaction) = (fence::still_in(), literal(transaction));
        self.prepared.say(&mut sql, &PreparedStatement { name: STILL_IN, form: &form, values: &transaction });
        sql.push_str(";\n");
        if !work.records.is_empty() {
            sql.push_str(work.records);
            sql.push_str(";\n");
        }
        if let Some(recurring) = &work.recurring {
            self.prepared.say(&mut sql, recurring);
            sql.push_str(";\n");
        }
        let advance = fence::advance(self.run());
        self.prepared.say(&mut sql, &PreparedStatement { name: "advance", form: &advance, values: "" });
        sql
    }

    fn failed_attempt(
        &mut self,
        error: anyhow::Error,
        took: Duration,
        seen: Seen,
        work: &Work<'_>,
    ) -> Result<Attempt, StepError> {
        self.lost = self.loss(&error);
        let said = connection::server_error(&error).map(connection::describe).unwrap_or_default();
        let took_too_long = || Err(StepError::TookTooLong(work.limits.max_duration));
        match seen.cancelled {
            Some(Why::Signal(signal)) => return Err(StepError::Stopped(signal)),
            // Without an answer nobody knows that the cancellation arrived.
            Some(Why::Duration | Why::Waiting) if said.sqlstate.is_some() => return took_too_long(),
            _ => {}
        }
        self.connected()?;
        if seen.cancelled == Some(Why::LockTimeout) && said.is(sqlstate::QUERY_CANCELED) {
            let why = "the script disabled lock_timeout and waited too long for a lock; trueup cancelled it"
                .to_owned();
            return Ok(Attempt::NoLock { why, blockers: seen.blockers });
        }
        if RETRIED.iter().any(|state| said.is(state)) {
            return Ok(Attempt::NoLock { why: said.message, blockers: seen.blockers });
        }
        // query_canceled without our doing: statement_timeout, which is the limit too, or somebody else.
        if said.is(sqlstate::QUERY_CANCELED) && took >= work.limits.max_duration {
            return took_too_long();
        }
        if fence::ended_transaction(&said) {
            return Err(StepError::EndedTransaction);
        }
        if said.sqlstate.is_none() {
            return Err(self.step_error(error, work.what));
        }
        Err(StepError::Refused { said: Box::new(said), done: self.session.statements_done() })
    }

    /// COMMIT, and what became of it; with it, the beginning of what comes next. Whether that has begun is for the next
    /// step to see, which begins by itself what has not.
    async fn commit(
        &mut self,
        ready: fence::FenceToken,
        work: &Work<'_>,
        watch: &mut dyn Watch,
    ) -> Result<(), StepError> {
        let Some(next) = work.next else {
            let Err(error) = self.session.execute("COMMIT").await else { return Ok(()) };
            return self.not_committed(ready, work.what, error, watch).await;
        };
        let opening = self.opening(next);
        match self.session.query_one(format!("COMMIT; {opening}")).await {
            Ok(row) => match self.begun(next, &row) {
                Ok(Some(begun)) => self.ahead = Some(begun),
                Ok(None) | Err(_) => self.roll_back().await,
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
        ready: fence::FenceToken,
        what: &str,
        error: anyhow::Error,
        watch: &mut dyn Watch,
    ) -> Result<(), StepError> {
        if self.loss(&error).is_some() {
            return self.find_out(ready, what, &error, watch).await;
        }
        // A deferred constraint, a serialization failure: the server answered, so it is rolled back.
        self.roll_back().await;
        match connection::server_error(&error).map(connection::describe) {
            Some(said) => Err(StepError::Refused { said: Box::new(said), done: usize::MAX }),
            None => Err(self.step_error(error, what)),
        }
    }

    /// Ends a transaction that failed. On a lost connection there is nothing to end.
    pub(super) async fn roll_back(&mut self) {
        self.prepared.forget();
        if self.lost.is_none()
            && let Err(error) = self.session.execute("ROLLBACK").await
        {
            self.lost = self.loss(&error);
        }
    }

    /// What an error outside of the script means.
    pub(crate) fn step_error(&mut self, error: anyhow::Error, doing: &str) -> StepError {
        let error = match error.downcast::<StepError>() {
            Ok(trouble) => return trouble,
            Err(error) => error,
        };
        match self.lost.clone().or_else(|| self.loss(&error)) {
            Some(why) => {
                self.lost = Some(why.clone());
                StepError::Lost(why)
            }
            None => StepError::Other(connection::server_failure(error, doing)),
        }
    }

    /// Why the connection is gone, if that is what the error says: the server was silent for too long, the connection
    /// failed, or the server said goodbye.
    pub(super) fn loss(&self, error: &anyhow::Error) -> Option<String> {
        let Some(server) = connection::server_error(error) else {
            return self.session.is_given_up().then(|| error.to_string());
        };
        let said = connection::describe(server);
        (said.sqlstate.is_none() || goodbye(&said)).then_some(said.message)
    }
}

/// What a step's statements answer.
enum Answers {
    /// A script may answer with as much as it likes.
    Ignored,
    Collected(RowBuffer),
}

impl Answers {
    fn anew(&mut self) {
        if let Self::Collected(rows) = self {
            rows.clear();
        }
    }

    fn row(&mut self, statement: usize, row: &Row<'_>) {
        if let Self::Collected(rows) = self {
            rows.push(statement, row);
        }
    }
}

/// How one attempt went.
enum Attempt {
    Ready(fence::FenceToken),
    /// Somebody holds locks on what the script locks; it was not run.
    LockContended,
    /// What it relied on was not prepared any more; all was rolled back.
    Unprepared,
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
    contended: bool,
    /// When it was answered.
    at: Instant,
}

impl Begun {
    /// Whether it is as good as one that would be begun now.
    fn serves(&self, wanted: Next) -> bool {
        self.opening == wanted && self.at.elapsed() < FRESH
    }
}
