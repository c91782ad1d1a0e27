//! Batches: a plan's rows are changed range by range. Each range is one short transaction, and its size follows from how
//! long the one before it took.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Repair, RepairLimits};
use crate::error::{Exit, Failure};
use crate::postgres::connection::{self, OwnedRow, RowError, sqlstate};
use crate::text::duration;
use crate::writer::{Blocker, Event, Next, StepError, StepLimits, Watch, Work, WriteSession};

/// How many rows the first batch has.
const FIRST_SIZE: u64 = 500;
/// The largest number of rows in a batch.
const MAX_SIZE: u64 = 100_000;
/// How many locked rows are searched for one by one; each search waits for a lock several times. After that, a batch with
/// another locked row is left out as a whole.
const MAX_PROBED: u32 = 20;
/// The time limit of a batch, which holds locks on its rows.
const TIME_LIMIT: Duration = Duration::from_secs(1);
/// The time limit of a batch that cannot be made smaller: a row may have many megabytes.
const SMALLEST_TIME_LIMIT: Duration = Duration::from_secs(60);
/// How often the server's load is read.
const LOAD_INTERVAL: Duration = Duration::from_secs(1);
/// How long a pause lasts before the load is read again.
const PAUSE: Duration = Duration::from_millis(500);

/// The settings of a batch: it finds its rows one by one and never by a scan of the whole table, and so few rows are not
/// worth compiling an expression.
pub(super) const FEW_ROWS: &str = "SET LOCAL random_page_cost = 0.1; SET LOCAL jit = off";

/// The rows of a plan from one number to another, both included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowRange {
    /// The number of the first row.
    pub(super) from: u64,
    /// The number of the last row.
    pub(super) to: u64,
}

impl RowRange {
    fn rows(self) -> u64 {
        self.to - self.from + 1
    }
}

/// What a batch does to the rows of a range, as SQL.
pub(super) trait BatchOps {
    /// The statements of a batch. The last one returns two numbers: rows that were `changed`, and rows that were `skipped`.
    /// `skip_locked` leaves out rows that other sessions have locked.
    fn statements(&self, range: RowRange, skip_locked: bool) -> String;

    /// Whether some rows may have to be in one batch because they refer to each other.
    fn refer_to_each_other(&self) -> bool;

    /// The statements that leave out rows that cannot be locked.
    fn leave_out(&self, range: RowRange) -> String;
}

/// The batches to run: which rows, and what is done to them.
#[derive(Clone, Copy)]
pub(super) struct BatchJob<'j> {
    /// The repair whose rows they are.
    pub(super) repair: &'j Repair,
    /// What is done to them.
    pub(super) ops: &'j dyn BatchOps,
    /// The rows.
    pub(super) range: RowRange,
    /// How many of them are expected to change, for the progress line.
    pub(super) total: u64,
    /// How long things may take.
    pub(super) limits: &'j RepairLimits,
}

/// What the batches did so far.
#[derive(Debug, Default)]
pub(super) struct BatchTotals {
    /// Rows that were changed.
    pub(super) changed: u64,
    /// Rows that were not.
    pub(super) skipped: u64,
    /// The sessions that held locks on skipped rows.
    pub(super) blockers: Vec<Blocker>,
    /// How long the longest batch took.
    pub(super) longest: Duration,
    /// How many batches there were.
    pub(super) batches: u64,
}

impl BatchTotals {
    fn add(&mut self, counted: &BatchCounts, took: Duration) {
        self.changed += counted.changed;
        self.skipped += counted.skipped;
        self.batches += 1;
        self.longest = self.longest.max(took);
    }
}

/// What happens after a batch that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reaction {
    /// A batch is run again, with other settings.
    TryAgain,
    /// The rows of the batch are left out.
    LeaveOut,
    /// The error ends the repair.
    Fail,
}

/// Which rows the next batch has, and how it treats locked ones. It decides by the result of the batch before.
#[derive(Debug)]
struct BatchCursor {
    /// The rows that are still to be done.
    range: RowRange,
    /// The rows of the batch that is being run.
    batch: RowRange,
    /// The largest size that `--max-rate` allows: a second's worth of rows, not what is allowed in many seconds at once.
    max_size: u64,
    /// How many rows the next batch has.
    size: u64,
    /// Whether the next batch leaves out locked rows.
    skip_locked: bool,
    /// How many rows the batch needs so that none of them is referred to by a row outside of it. 0: any number will do.
    min_size: u64,
    /// How many locked rows were searched for and found.
    probed: u32,
}

impl BatchCursor {
    fn new(range: RowRange, max_rate: Option<u64>) -> Self {
        let max_size = max_rate.unwrap_or(MAX_SIZE).max(1);
        Self { range, batch: range, max_size, size: FIRST_SIZE, skip_locked: false, min_size: 0, probed: 0 }
    }

    /// The rows of the next batch; `None` when all rows are done.
    fn next_batch(&mut self) -> Option<RowRange> {
        let RowRange { from, to } = self.range;
        if from > to {
            return None;
        }
        self.size = self.size.min(self.max_size).max(self.min_size);
        self.batch = RowRange { from, to: to.min(from + self.size - 1) };
        Some(self.batch)
    }

    /// Whether the batch is the last one.
    fn is_last(&self) -> bool {
        self.batch.to >= self.range.to
    }

    /// Whether the batch cannot be smaller.
    fn is_smallest(&self) -> bool {
        self.batch.rows() == 1 || self.min_size > 0
    }

    fn time_limit(&self) -> Duration {
        if self.is_smallest() { SMALLEST_TIME_LIMIT } else { TIME_LIMIT }
    }

    /// The batch was committed after `took`; the next one should take as long as `wanted`.
    fn on_done(&mut self, took: Duration, wanted: Duration) {
        self.size = next_size(self.batch.rows(), took, wanted);
        self.skip_locked = false;
        self.move_on();
    }

    /// The batch failed. `linked` says whether rows may refer to each other.
    fn on_error(&mut self, error: &StepError, linked: bool) -> Reaction {
        match error {
            StepError::NoLock { .. } => self.on_lock_timeout(),
            StepError::Refused { said, .. } if linked && said.is(sqlstate::FOREIGN_KEY_VIOLATION) => {
                self.on_foreign_key_violation()
            }
            StepError::TookTooLong(_) => self.on_timeout(),
            _ => Reaction::Fail,
        }
    }

    /// The batch waited too long for a lock. First locked rows are skipped. Where even that waits, the batch is halved until
    /// the row that causes it is found.
    fn on_lock_timeout(&mut self) -> Reaction {
        if !self.skip_locked {
            self.skip_locked = true;
            return Reaction::TryAgain;
        }
        if self.is_smallest() || self.probed == MAX_PROBED {
            return Reaction::LeaveOut;
        }
        self.size = (self.batch.rows() - 1).div_ceil(2).max(1);
        Reaction::TryAgain
    }

    /// The rows of the batch were left out.
    fn on_left_out(&mut self) {
        if self.probed == MAX_PROBED {
            // Whatever keeps all rows from being locked would otherwise be waited for once per row.
            self.size = (self.batch.rows() * 2).min(MAX_SIZE);
        } else {
            self.probed += 1;
        }
        self.move_on();
    }

    /// A row outside of the batch refers to one in it: the next batch has to have both.
    fn on_foreign_key_violation(&mut self) -> Reaction {
        if self.is_last() {
            return Reaction::Fail;
        }
        self.min_size = self.batch.rows() * 2;
        Reaction::TryAgain
    }

    /// The batch took longer than its time limit. The row that takes long may be any of its rows.
    fn on_timeout(&mut self) -> Reaction {
        if self.is_smallest() {
            return Reaction::Fail;
        }
        self.size = (self.batch.rows() / 4).max(1);
        Reaction::TryAgain
    }

    fn move_on(&mut self) {
        self.min_size = 0;
        self.range.from = self.batch.to + 1;
    }
}

/// Runs the batches of a job. What is committed stays, even when a later batch fails; `totals` counts it.
///
/// # Errors
/// The error of the batch that failed.
pub(super) async fn batches(
    writer: &mut WriteSession,
    watch: &mut dyn Watch,
    job: BatchJob<'_>,
    totals: &mut BatchTotals,
) -> Result<(), StepError> {
    let BatchJob { repair, ops, limits, total, .. } = job;
    let title = repair.title();
    let begun = Instant::now();
    let mut pauses = Pauses { load_read_at: None, spent: Duration::ZERO };
    let mut cursor = BatchCursor::new(job.range, limits.max_rate);
    while let Some(batch) = cursor.next_batch() {
        pauses.wait(writer, watch, repair, limits).await?;
        let what = format!("{title}, rows {} to {}", batch.from, batch.to);
        // A lock timeout is answered with another batch, a smaller one, so the lock is not waited for again.
        let lock_budget = Duration::ZERO;
        let step_limits =
            StepLimits { lock_timeout: limits.lock_timeout, lock_budget, max_duration: cursor.time_limit() };
        let statements = ops.statements(batch, cursor.skip_locked);
        // No transaction is open while `--max-rate` holds the next batch back.
        let opens_next = !cursor.is_last() && limits.max_rate.is_none();
        let next = opens_next.then_some(Next { limits: step_limits, looks: false, snapshot: false });
        let work = Work { script: &statements, next, ..Work::records(&what, "", step_limits) };
        let at = Instant::now();
        let error = match writer.answered_transaction(&work, watch, BatchCounts::of).await {
            Ok(counted) => {
                let took = at.elapsed();
                totals.add(&counted, took);
                cursor.on_done(took, limits.batch_duration);
                let done = totals.changed + totals.skipped;
                watch.observe(&Event::Rows { what: &title, done, total });
                hold_back(writer, limits, done, begun).await?;
                continue;
            }
            Err(error) => error,
        };
        match cursor.on_error(&error, ops.refer_to_each_other()) {
            Reaction::Fail => return Err(too_long_together(error, &what, &cursor)),
            Reaction::TryAgain => totals.blocked_by(error),
            Reaction::LeaveOut => {
                totals.blocked_by(error);
                let statements = ops.leave_out(batch);
                let work = Work { script: &statements, ..Work::records(&what, "", step_limits) };
                totals.skipped += writer.answered_transaction(&work, watch, BatchCounts::of).await?.skipped;
                cursor.on_left_out();
            }
        }
    }
    Ok(())
}

impl BatchTotals {
    /// Records which sessions held the locks that a batch waited for.
    fn blocked_by(&mut self, error: StepError) {
        if let StepError::NoLock { blockers, .. } = error
            && !blockers.is_empty()
        {
            self.blockers = blockers;
        }
    }
}

/// The error of a batch that ran into its time limit and could not be split because its rows refer to each other.
fn too_long_together(error: StepError, what: &str, cursor: &BatchCursor) -> StepError {
    match error {
        StepError::TookTooLong(limit) if cursor.min_size > 0 => {
            let what = format!(
                "{what}: they refer to each other, and writing them together took longer than {}",
                duration(limit)
            );
            StepError::Disproved(Failure::new(Exit::RolledBack, what).into())
        }
        other => other,
    }
}

/// The two numbers that a batch returns.
#[derive(Debug, PartialEq, Eq)]
struct BatchCounts {
    /// Rows that were changed.
    changed: u64,
    /// Rows that were not.
    skipped: u64,
}

impl BatchCounts {
    /// Reads the rows that a batch's statements returned. Other statements of the transaction return rows, too.
    fn of(rows: &[OwnedRow]) -> Result<Self> {
        let row = rows.iter().rev().find(|row| row.has("changed") && row.has("skipped"));
        let row = row.ok_or(RowError::NoRow)?;
        Ok(Self { changed: row.get("changed")?, skipped: row.get("skipped")? })
    }
}

/// As many rows as would have taken as long as wanted, but at most twice as many as before.
fn next_size(rows: u64, took: Duration, wanted: Duration) -> u64 {
    let factor = wanted.as_secs_f64() / took.as_secs_f64().max(1e-4);
    ((rows as f64 * factor.clamp(0.25, 2.0)) as u64).clamp(1, MAX_SIZE)
}

/// Waits until `--max-rate` allows more rows.
async fn hold_back(
    writer: &WriteSession,
    limits: &RepairLimits,
    rows: u64,
    begun: Instant,
) -> Result<(), StepError> {
    let Some(rate) = limits.max_rate else { return Ok(()) };
    let due = Duration::from_secs_f64(rows as f64 / rate.max(1) as f64);
    sleep(writer, due.saturating_sub(begun.elapsed())).await
}

/// Sleeps, unless a signal arrives.
async fn sleep(writer: &WriteSession, time: Duration) -> Result<(), StepError> {
    let mut stop = writer.stop_signal().clone();
    tokio::select! {
        () = tokio::time::sleep(time) => Ok(()),
        signal = stop.wait() => Err(StepError::Stopped(signal)),
    }
}

/// The pauses that the server's load has caused.
struct Pauses {
    /// When the load was read last.
    load_read_at: Option<Instant>,
    /// How long the pauses were, altogether.
    spent: Duration,
}

impl Pauses {
    /// Waits while the server's load is above the step_limits of `[repair]`.
    async fn wait(
        &mut self,
        writer: &mut WriteSession,
        watch: &mut dyn Watch,
        repair: &Repair,
        limits: &RepairLimits,
    ) -> Result<(), StepError> {
        if self.load_read_at.is_some_and(|at| at.elapsed() < LOAD_INTERVAL) {
            return Ok(());
        }
        loop {
            let pressure = match writer.sample_load(&[repair.table.oid]).await {
                Ok(pressure) => pressure,
                Err(error) if error.is::<RowError>() => {
                    let error = connection::server_failure(error, "reading the server's load");
                    return Err(StepError::Other(error));
                }
                // Without an answer, the batch itself fails and says what is wrong.
                Err(_) => return Ok(()),
            };
            self.load_read_at = Some(Instant::now());
            let Some(why) = pressure.why(limits.throttle) else { return Ok(()) };
            watch.observe(&Event::Paused { why: &why });
            if self.spent >= limits.max_pause {
                return Err(StepError::NoLock {
                    waited: self.spent,
                    blockers: Vec::new(),
                    outside_the_queue: true,
                });
            }
            // A transaction left open would itself be one that others wait for.
            writer.nothing_ahead().await;
            sleep(writer, PAUSE).await?;
            self.spent += PAUSE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: fn(u64) -> Duration = Duration::from_millis;
    const WANTED: Duration = Duration::from_millis(200);

    fn cursor(to: u64) -> BatchCursor {
        BatchCursor::new(RowRange { from: 1, to }, None)
    }

    /// The first and the last row of the next batch.
    fn next(cursor: &mut BatchCursor) -> Option<(u64, u64)> {
        cursor.next_batch().map(|range| (range.from, range.to))
    }

    #[test]
    fn a_batch_is_as_large_as_takes_its_time() {
        assert_eq!(next_size(1000, MS(200), WANTED), 1000);
        assert_eq!(next_size(1000, MS(1), WANTED), 2000);
        assert_eq!(next_size(1000, MS(400), WANTED), 500);
        assert_eq!(next_size(1000, MS(10_000), WANTED), 250);
        assert_eq!(next_size(1, MS(10_000), WANTED), 1);
        assert_eq!(next_size(90_000, MS(1), WANTED), MAX_SIZE);
    }

    #[test]
    fn batches_follow_each_other_and_end_with_the_last_row() {
        let mut cursor = cursor(1200);
        assert_eq!(next(&mut cursor), Some((1, 500)));
        assert!(!cursor.is_last());
        cursor.on_done(MS(200), WANTED);
        assert_eq!(next(&mut cursor), Some((501, 1000)));
        cursor.on_done(MS(400), WANTED);
        assert_eq!(next(&mut cursor), Some((1001, 1200)));
        assert!(cursor.is_last());
        cursor.on_done(MS(200), WANTED);
        assert_eq!(next(&mut cursor), None);
        assert_eq!(next(&mut BatchCursor::new(RowRange { from: 1, to: 0 }, None)), None);
    }

    #[test]
    fn a_batch_is_no_larger_than_a_second_of_the_highest_rate() {
        let mut cursor = BatchCursor::new(RowRange { from: 11, to: 1000 }, Some(20));
        assert_eq!(next(&mut cursor), Some((11, 30)));
        cursor.on_done(MS(1), WANTED);
        assert_eq!(next(&mut cursor), Some((31, 50)));
        assert_eq!(next(&mut BatchCursor::new(RowRange { from: 1, to: 9 }, Some(0))), Some((1, 1)));
    }

    #[test]
    fn a_locked_row_is_skipped_first_then_searched_for_and_left_out() {
        let mut cursor = cursor(4);
        assert_eq!(next(&mut cursor), Some((1, 4)));
        assert_eq!(cursor.on_lock_timeout(), Reaction::TryAgain);
        assert!(cursor.skip_locked);
        assert_eq!(next(&mut cursor), Some((1, 4)));
        assert_eq!(cursor.on_lock_timeout(), Reaction::TryAgain);
        assert_eq!(next(&mut cursor), Some((1, 2)));
        assert_eq!(cursor.on_lock_timeout(), Reaction::TryAgain);
        assert_eq!(next(&mut cursor), Some((1, 1)));
        assert_eq!(cursor.on_lock_timeout(), Reaction::LeaveOut);
        cursor.on_left_out();
        assert_eq!((cursor.probed, cursor.skip_locked), (1, true));
        assert_eq!(next(&mut cursor), Some((2, 2)));
        cursor.on_done(MS(1), WANTED);
        assert!(!cursor.skip_locked);
        assert_eq!(next(&mut cursor), Some((3, 4)));
    }

    #[test]
    fn after_many_locked_rows_whole_batches_are_left_out_and_grow() {
        let mut cursor = cursor(10_000);
        (cursor.probed, cursor.skip_locked) = (MAX_PROBED, true);
        assert_eq!(next(&mut cursor), Some((1, 500)));
        assert_eq!(cursor.on_lock_timeout(), Reaction::LeaveOut);
        cursor.on_left_out();
        assert_eq!(cursor.probed, MAX_PROBED);
        assert_eq!(next(&mut cursor), Some((501, 1500)));
    }

    #[test]
    fn rows_that_refer_to_each_other_get_into_one_batch() {
        let mut cursor = cursor(900);
        assert_eq!(next(&mut cursor), Some((1, 500)));
        assert_eq!(cursor.time_limit(), TIME_LIMIT);
        assert_eq!(cursor.on_foreign_key_violation(), Reaction::TryAgain);
        assert_eq!(next(&mut cursor), Some((1, 900)));
        assert_eq!(cursor.time_limit(), SMALLEST_TIME_LIMIT);
        // There is no further row that could be missing.
        assert_eq!(cursor.on_foreign_key_violation(), Reaction::Fail);
        // It cannot be split either.
        assert_eq!(cursor.on_timeout(), Reaction::Fail);
        (cursor.skip_locked, cursor.probed) = (true, 0);
        assert_eq!(cursor.on_lock_timeout(), Reaction::LeaveOut);
        cursor.on_left_out();
        assert_eq!((cursor.min_size, next(&mut cursor)), (0, None));
    }

    #[test]
    fn a_batch_that_takes_too_long_is_quartered_down_to_one_row() {
        let mut cursor = cursor(10);
        assert_eq!(next(&mut cursor), Some((1, 10)));
        assert_eq!(cursor.on_timeout(), Reaction::TryAgain);
        assert_eq!(next(&mut cursor), Some((1, 2)));
        assert_eq!(cursor.on_timeout(), Reaction::TryAgain);
        assert_eq!(next(&mut cursor), Some((1, 1)));
        assert_eq!(cursor.time_limit(), SMALLEST_TIME_LIMIT);
        assert_eq!(cursor.on_timeout(), Reaction::Fail);
    }

    #[test]
    fn only_errors_that_another_batch_may_avoid_are_reacted_to() {
        let too_long = StepError::TookTooLong(TIME_LIMIT);
        let mut cursor = cursor(10);
        next(&mut cursor);
        assert_eq!(cursor.on_error(&too_long, false), Reaction::TryAgain);
        let other = StepError::Other(anyhow::anyhow!("connection lost"));
        assert_eq!(cursor.on_error(&other, true), Reaction::Fail);
    }

    #[test]
    fn a_batch_answers_with_two_numbers_or_fails() {
        let counts = |changed| OwnedRow::of(&[("changed", changed), ("skipped", Some("1"))]);
        let other = OwnedRow::of(&[("count", Some("7"))]);
        let counted = BatchCounts::of(&[other.clone(), counts(Some("3")), other.clone()]);
        assert_eq!(counted.unwrap(), BatchCounts { changed: 3, skipped: 1 });
        assert!(BatchCounts::of(&[]).is_err());
        assert!(BatchCounts::of(&[other]).is_err());
        assert!(BatchCounts::of(&[counts(Some("three"))]).is_err());
        assert!(BatchCounts::of(&[counts(None)]).is_err());
    }
}
