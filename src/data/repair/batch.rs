//! Batches: a plan's rows are changed range by range. Each range is one short transaction, and its size follows from how
//! long the one before it took.

use std::fmt;
use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::Result;

use serde::Serialize;

use super::cursor::{BatchCursor, Reaction, RefusedBatch};
use super::order::{LinkedRows, order};
use super::{Repair, RepairLimits};
use crate::error::{Exit, Failure};
use crate::postgres::connection::{self, OwnedRow, RowError, ServerError};
use crate::text::duration;
use crate::writer::{Blocker, Event, Next, StepError, StepLimits, Watch, Work, WriteSession};

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

/// How many refused rows are named. More are only counted.
const MAX_NAMED: usize = 100;

impl fmt::Display for RowRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.rows() {
            1 => write!(f, "row {}", self.from),
            _ => write!(f, "rows {} to {}", self.from, self.to),
        }
    }
}

impl RowRange {
    pub(super) fn rows(self) -> u64 {
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

    /// The statements that leave out the rows of a range. They return the two numbers of a batch.
    fn leave_out(&self, range: RowRange, why: WhyLeftOut) -> String;

    /// The statements that return which rows of a range refer to which, see [`Repair::links`].
    fn links(&self, range: RowRange) -> String;

    /// Which of two rows is written first where one refers to the other.
    fn comes_first(&self) -> LinkEnd;

    /// The statements that return the keys of a range's rows, which are to be done, as a JSON array `refused_key`.
    fn keys(&self, range: RowRange) -> String;
}

/// A row of two, of which one refers to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LinkEnd {
    /// The row that refers to the other one.
    Referring,
    /// The row that the other one refers to.
    Referenced,
}

/// Why rows are left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhyLeftOut {
    /// Other sessions hold locks on them.
    Locked,
    /// The server refuses them.
    Refused,
}

/// A row that the server refuses to change: a trigger raises an error, or a constraint does not allow it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RefusedRow {
    /// The values of its key as the server prints them; `None` for NULL.
    pub key: Vec<Option<String>>,
    /// What the server said, with its detail and hint.
    pub message: String,
    /// Where in the server it was said: the functions and statements, the innermost one first.
    pub context: Option<String>,
}

/// The rows that the server refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RefusedRows {
    /// How many rows there are.
    pub rows: u64,
    /// The first of them, at most 100.
    pub named: Vec<RefusedRow>,
}

impl RefusedRows {
    fn add(&mut self, rows: u64, keys: Vec<Vec<Option<String>>>, said: &ServerError) {
        self.rows += rows;
        let left = MAX_NAMED.saturating_sub(self.named.len());
        // Rows that refer to each other in a ring are written together or not at all.
        let message = match rows {
            1 => said.text(),
            rows => {
                format!("the server refuses one of {rows} rows that refer to each other: {}", said.text())
            }
        };
        let named = keys.into_iter().take(left).map(|key| RefusedRow {
            key,
            message: message.clone(),
            context: said.context.clone(),
        });
        self.named.extend(named);
    }
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
    /// Rows that were not, because other sessions changed or locked them.
    pub(super) skipped: u64,
    /// Rows that were not, because the server refused them.
    pub(super) refused: RefusedRows,
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
        let what = format!("{title}, {batch}");
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
                if counted.skipped > 0 {
                    cursor.on_skipped();
                }
                cursor.on_done(took, limits.batch_duration);
                let done = totals.changed + totals.skipped + totals.refused.rows;
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
                let statements = ops.leave_out(batch, WhyLeftOut::Locked);
                let what = format!("{title}, leaving out {batch}, which cannot be locked");
                let work = Work { script: &statements, ..Work::records(&what, "", step_limits) };
                totals.skipped += writer.answered_transaction(&work, watch, BatchCounts::of).await?.skipped;
                cursor.on_left_out();
            }
            Reaction::Order => {
                let rings = put_in_order(writer, watch, job, cursor.remaining(), step_limits).await?;
                cursor.on_ordered(rings);
            }
            Reaction::LeaveOutRefused(RefusedBatch { batch, said }) => {
                // The keys are read before the rows get their mark.
                let statements =
                    format!("{};\n{}", ops.keys(batch), ops.leave_out(batch, WhyLeftOut::Refused));
                let what = format!("{title}, leaving out {batch}, which the server refuses");
                let work = Work { script: &statements, ..Work::records(&what, "", step_limits) };
                let read = |rows: &[OwnedRow]| Ok((BatchCounts::of(rows)?, refused_keys(rows)?));
                let (counted, keys) = writer.answered_transaction(&work, watch, read).await?;
                totals.refused.add(counted.skipped, keys, &said);
                cursor.on_refused_left_out(batch);
            }
        }
    }
    Ok(())
}

/// Numbers rows so that each can be written before those that come after it. Returns those that have to be written together.
async fn put_in_order(
    writer: &mut WriteSession,
    watch: &mut dyn Watch,
    BatchJob { repair, ops, limits, .. }: BatchJob<'_>,
    range: RowRange,
    step_limits: StepLimits,
) -> Result<Vec<RowRange>, StepError> {
    let what = format!("{}, the order of {range}", repair.title());
    let step_limits = StepLimits { max_duration: limits.max_planning, ..step_limits };
    let statements = ops.links(range);
    let work = Work { script: &statements, ..Work::records(&what, "", step_limits) };
    let linked =
        writer.answered_transaction(&work, watch, |rows| read_links(rows, ops.comes_first())).await?;
    let (ordered, rows) = (order(&linked), linked.rows);
    let statements = repair.renumber(&ordered.rows, &rows);
    let work = Work { script: &statements, ..Work::records(&what, "", step_limits) };
    writer.transaction(&work, watch).await?;
    let numbers = |ring: Range<usize>| RowRange { from: rows[ring.start], to: rows[ring.end - 1] };
    Ok(ordered.rings.into_iter().map(numbers).collect())
}

/// The rows that [`BatchOps::links`] returned.
fn read_links(answers: &[OwnedRow], first: LinkEnd) -> Result<LinkedRows> {
    let numbers = |answer: &OwnedRow, column: &str| -> Result<Vec<u64>> {
        Ok(serde_json::from_str(answer.get(column)?)?)
    };
    let LinkedRows { mut rows, mut pairs } = LinkedRows::default();
    for answer in answers {
        if answer.has("numbers") {
            rows.extend(numbers(answer, "numbers")?);
        } else if answer.has("referring") {
            let (referring, referenced) = (numbers(answer, "referring")?, numbers(answer, "referenced")?);
            match first {
                LinkEnd::Referring => pairs.extend(referring.into_iter().zip(referenced)),
                LinkEnd::Referenced => pairs.extend(referenced.into_iter().zip(referring)),
            }
        }
    }
    Ok(LinkedRows { rows, pairs })
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

/// The keys that [`BatchOps::keys`] returned.
fn refused_keys(rows: &[OwnedRow]) -> Result<Vec<Vec<Option<String>>>> {
    let rows = rows.iter().filter(|row| row.has("refused_key"));
    rows.map(|row| Ok(serde_json::from_str(row.get("refused_key")?)?)).collect()
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

/// Waits until `--max-rate` allows more rows.
async fn hold_back(
    writer: &mut WriteSession,
    limits: &RepairLimits,
    rows: u64,
    begun: Instant,
) -> Result<(), StepError> {
    let Some(rate) = limits.max_rate else { return Ok(()) };
    let due = Duration::from_secs_f64(rows as f64 / rate.max(1) as f64);
    writer.rest(due.saturating_sub(begun.elapsed())).await
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
            writer.rest(PAUSE).await?;
            self.spent += PAUSE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
