//! Which rows the next batch has: it follows from what became of the batch before. Pure.

use std::time::Duration;

use super::batch::RowRange;
use crate::postgres::connection::{ServerError, sqlstate};
use crate::writer::StepError;

/// How many rows the first batch has.
const FIRST_SIZE: u64 = 500;
/// The largest number of rows in a batch.
const MAX_SIZE: u64 = 100_000;
/// How many locked rows are searched for one by one; each search waits for a lock several times. After that, a batch with
/// another locked row is left out as a whole.
const MAX_PROBED: u32 = 20;
/// How many rows that the server refuses are searched for one by one. More of them are no exceptions: the repair ends.
const MAX_REFUSED: u32 = 1000;
/// The time limit of a batch, which holds locks on its rows.
const TIME_LIMIT: Duration = Duration::from_secs(1);
/// The time limit of a batch that cannot be made smaller: a row may have many megabytes.
const SMALLEST_TIME_LIMIT: Duration = Duration::from_secs(60);

/// What happens after a batch that failed.
#[derive(Debug)]
pub(super) enum Reaction {
    /// A batch is run again, with other settings.
    TryAgain,
    /// The rows of the batch are left out, because they cannot be locked.
    LeaveOut,
    /// The rows of this batch are left out, because the server refuses one of them.
    LeaveOutRefused(RefusedBatch),
    /// The rows that are still to be done refer to each other: they are numbered so that the server accepts one after the
    /// other.
    Order,
    /// The error ends the repair.
    Fail,
}

/// A batch of which the server refuses a row.
#[derive(Debug, Clone)]
pub(super) struct RefusedBatch {
    /// The rows of the batch.
    pub(super) batch: RowRange,
    /// What the server said of one of them.
    pub(super) said: ServerError,
}

/// Which rows the next batch has, and how it treats locked ones. It decides by the result of the batch before.
#[derive(Debug)]
pub(super) struct BatchCursor {
    /// The rows that are still to be done.
    range: RowRange,
    /// The rows of the batch that is being run.
    batch: RowRange,
    /// The largest size that `--max-rate` allows: a second's worth of rows, not what is allowed in many seconds at once.
    max_size: u64,
    /// How many rows the next batch has.
    size: u64,
    /// Whether the next batch leaves out locked rows.
    pub(super) skip_locked: bool,
    /// How many rows the batch needs so that none of them is referred to by a row outside of it. 0: any number will do.
    pub(super) min_size: u64,
    /// Whether a row of the batch that the server refuses is searched for.
    searches: bool,
    /// Whether rows were left as they are, to which other rows may refer.
    left_some: bool,
    /// Whether the rows are numbered in the order in which the server accepts them.
    ordered: bool,
    /// The rows that have to be in one batch even then.
    rings: Vec<RowRange>,
    /// How many times rows were left out because the server refuses them.
    refused: u32,
    /// How many locked rows were searched for and found.
    probed: u32,
}

impl BatchCursor {
    pub(super) fn new(range: RowRange, max_rate: Option<u64>) -> Self {
        let max_size = max_rate.unwrap_or(MAX_SIZE).max(1);
        Self {
            range,
            batch: range,
            max_size,
            size: FIRST_SIZE,
            skip_locked: false,
            min_size: 0,
            searches: false,
            left_some: false,
            ordered: false,
            rings: Vec::new(),
            refused: 0,
            probed: 0,
        }
    }

    /// The rows of the next batch; `None` when all rows are done.
    pub(super) fn next_batch(&mut self) -> Option<RowRange> {
        let RowRange { from, to } = self.range;
        if from > to {
            return None;
        }
        self.size = self.size.min(self.max_size).max(self.min_size);
        let mut last = to.min(from + self.size - 1);
        if let Some(ring) = self.rings.iter().find(|ring| ring.from <= last && last < ring.to) {
            last = if from < ring.from { ring.from - 1 } else { ring.to };
        }
        self.batch = RowRange { from, to: last };
        Some(self.batch)
    }

    /// Whether the batch is the last one.
    pub(super) fn is_last(&self) -> bool {
        self.batch.to >= self.range.to
    }

    /// Whether the batch cannot be smaller.
    fn is_smallest(&self) -> bool {
        self.is_single() || self.min_size > 0
    }

    /// Whether the batch is a row, or rows that have to be in one batch.
    fn is_single(&self) -> bool {
        self.batch.rows() == 1 || self.rings.contains(&self.batch)
    }

    pub(super) fn time_limit(&self) -> Duration {
        if self.is_smallest() { SMALLEST_TIME_LIMIT } else { TIME_LIMIT }
    }

    /// The batch was committed after `took`; the next one should take as long as `wanted`.
    pub(super) fn on_done(&mut self, took: Duration, wanted: Duration) {
        self.size = next_size(self.batch.rows(), took, wanted);
        self.skip_locked = false;
        self.move_on();
    }

    /// The batch failed. `linked` says whether rows may refer to each other.
    pub(super) fn on_error(&mut self, error: &StepError, linked: bool) -> Reaction {
        match error {
            StepError::NoLock { .. } => self.on_lock_timeout(),
            StepError::Refused { said, .. }
                if linked && !self.ordered && said.is(sqlstate::FOREIGN_KEY_VIOLATION) =>
            {
                self.on_foreign_key_violation()
            }
            StepError::Refused { said, .. } if is_about_rows(said) => self.on_refusal(said),
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

    /// The server refuses a row of the batch. The batch is halved until the row is found.
    fn on_refusal(&mut self, said: &ServerError) -> Reaction {
        if self.refused == MAX_REFUSED {
            return Reaction::Fail;
        }
        if self.is_single() {
            return Reaction::LeaveOutRefused(RefusedBatch { batch: self.batch, said: said.clone() });
        }
        (self.searches, self.min_size) = (true, 0);
        self.size = self.batch.rows() / 2;
        Reaction::TryAgain
    }

    /// The rows of the batch, which the server refuses, were left out.
    pub(super) fn on_refused_left_out(&mut self, batch: RowRange) {
        self.refused += 1;
        self.left_some = true;
        self.batch = batch;
        self.move_on();
    }

    /// The rows of the batch, which could not be locked, were left out.
    pub(super) fn on_left_out(&mut self) {
        if self.probed == MAX_PROBED {
            // Whatever keeps all rows from being locked would otherwise be waited for once per row.
            self.size = (self.batch.rows() * 2).min(MAX_SIZE);
        } else {
            self.probed += 1;
        }
        self.left_some = true;
        self.move_on();
    }

    /// Rows of the batch were left as they are, because other sessions have changed or locked them.
    pub(super) fn on_skipped(&mut self) {
        self.left_some = true;
    }

    /// The rows that are still to be done.
    pub(super) fn remaining(&self) -> RowRange {
        self.range
    }

    /// The remaining rows were numbered in the order in which the server accepts them. Those of a ring have to be in one
    /// batch.
    pub(super) fn on_ordered(&mut self, rings: Vec<RowRange>) {
        (self.ordered, self.rings) = (true, rings);
        (self.searches, self.min_size, self.size) = (false, 0, FIRST_SIZE);
    }

    /// A row outside of the batch refers to one in it: the next batch has to have both.
    fn on_foreign_key_violation(&mut self) -> Reaction {
        if self.searches {
            // The half lacks a row that refers to the others. The whole was not refused for that.
            return Reaction::Order;
        }
        if self.is_last() {
            // Rows that were left are what refers to the others, else a row that the repair is not about.
            return if self.left_some { Reaction::Order } else { Reaction::Fail };
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
        (self.min_size, self.searches) = (0, false);
        self.range.from = self.batch.to + 1;
    }
}

/// Whether an error is about some of the rows: a constraint, a value, or what a trigger says. Other rows may be accepted. A
/// function that is wrong itself, and a server that lacks something, refuse every row.
fn is_about_rows(said: &ServerError) -> bool {
    let state = said.sqlstate.as_deref().unwrap_or_default();
    let of_data = [sqlstate::DATA_EXCEPTION_CLASS, sqlstate::INTEGRITY_CLASS];
    let of_server = [sqlstate::RESOURCES_CLASS, sqlstate::SYSTEM_CLASS, sqlstate::INTERNAL_CLASS];
    let is_one_of = |classes: &[&str]| classes.iter().any(|class| state.starts_with(class));
    // What comes out of a function has a context.
    is_one_of(&of_data) || said.context.is_some() && !is_one_of(&of_server) && !said.is_about_text()
}

/// As many rows as would have taken as long as wanted, but at most twice as many as before.
fn next_size(rows: u64, took: Duration, wanted: Duration) -> u64 {
    let factor = wanted.as_secs_f64() / took.as_secs_f64().max(1e-4);
    ((rows as f64 * factor.clamp(0.25, 2.0)) as u64).clamp(1, MAX_SIZE)
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
        assert!(matches!(cursor.on_lock_timeout(), Reaction::TryAgain));
        assert!(cursor.skip_locked);
        assert_eq!(next(&mut cursor), Some((1, 4)));
        assert!(matches!(cursor.on_lock_timeout(), Reaction::TryAgain));
        assert_eq!(next(&mut cursor), Some((1, 2)));
        assert!(matches!(cursor.on_lock_timeout(), Reaction::TryAgain));
        assert_eq!(next(&mut cursor), Some((1, 1)));
        assert!(matches!(cursor.on_lock_timeout(), Reaction::LeaveOut));
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
        assert!(matches!(cursor.on_lock_timeout(), Reaction::LeaveOut));
        cursor.on_left_out();
        assert_eq!(cursor.probed, MAX_PROBED);
        assert_eq!(next(&mut cursor), Some((501, 1500)));
    }

    #[test]
    fn rows_that_refer_to_each_other_get_into_one_batch() {
        let mut cursor = cursor(900);
        assert_eq!(next(&mut cursor), Some((1, 500)));
        assert_eq!(cursor.time_limit(), TIME_LIMIT);
        assert!(matches!(cursor.on_foreign_key_violation(), Reaction::TryAgain));
        assert_eq!(next(&mut cursor), Some((1, 900)));
        assert_eq!(cursor.time_limit(), SMALLEST_TIME_LIMIT);
        // There is no further row that could be missing.
        assert!(matches!(cursor.on_foreign_key_violation(), Reaction::Fail));
        // It cannot be split either.
        assert!(matches!(cursor.on_timeout(), Reaction::Fail));
        (cursor.skip_locked, cursor.probed) = (true, 0);
        assert!(matches!(cursor.on_lock_timeout(), Reaction::LeaveOut));
        cursor.on_left_out();
        assert_eq!((cursor.min_size, next(&mut cursor)), (0, None));
    }

    #[test]
    fn a_batch_that_takes_too_long_is_quartered_down_to_one_row() {
        let mut cursor = cursor(10);
        assert_eq!(next(&mut cursor), Some((1, 10)));
        assert!(matches!(cursor.on_timeout(), Reaction::TryAgain));
        assert_eq!(next(&mut cursor), Some((1, 2)));
        assert!(matches!(cursor.on_timeout(), Reaction::TryAgain));
        assert_eq!(next(&mut cursor), Some((1, 1)));
        assert_eq!(cursor.time_limit(), SMALLEST_TIME_LIMIT);
        assert!(matches!(cursor.on_timeout(), Reaction::Fail));
    }

    #[test]
    fn only_errors_that_another_batch_may_avoid_are_reacted_to() {
        let too_long = StepError::TookTooLong(TIME_LIMIT);
        let mut cursor = cursor(10);
        next(&mut cursor);
        assert!(matches!(cursor.on_error(&too_long, false), Reaction::TryAgain));
        let other = StepError::Other(anyhow::anyhow!("connection lost"));
        assert!(matches!(cursor.on_error(&other, true), Reaction::Fail));
    }

    fn refusal(state: &str, context: Option<&str>) -> StepError {
        let context = context.map(str::to_owned);
        let said = ServerError { sqlstate: Some(state.to_owned()), context, ..ServerError::default() };
        StepError::Refused { said: Box::new(said), done: 0 }
    }

    /// The first and the last row that are left out after an error, and the SQLSTATE that is told.
    fn left_out(cursor: &mut BatchCursor, error: &StepError, linked: bool) -> (u64, u64, String) {
        let Reaction::LeaveOutRefused(RefusedBatch { batch, said }) = cursor.on_error(error, linked) else {
            panic!("nothing is left out")
        };
        cursor.on_refused_left_out(batch);
        (batch.from, batch.to, said.sqlstate.unwrap_or_default())
    }

    #[test]
    fn a_row_that_the_server_refuses_is_found_by_halving_and_left_out() {
        let refused = refusal(sqlstate::RAISE_EXCEPTION, Some("PL/pgSQL function f() line 1 at RAISE"));
        let mut cursor = cursor(4);
        assert_eq!(next(&mut cursor), Some((1, 4)));
        assert!(matches!(cursor.on_error(&refused, false), Reaction::TryAgain));
        assert_eq!(next(&mut cursor), Some((1, 2)));
        cursor.on_done(MS(1), WANTED);
        assert_eq!(next(&mut cursor), Some((3, 4)));
        assert!(matches!(cursor.on_error(&refused, false), Reaction::TryAgain));
        assert_eq!(next(&mut cursor), Some((3, 3)));
        assert_eq!(left_out(&mut cursor, &refused, false), (3, 3, sqlstate::RAISE_EXCEPTION.to_owned()));
        assert_eq!(next(&mut cursor), Some((4, 4)));
        cursor.refused = MAX_REFUSED;
        assert!(matches!(cursor.on_error(&refused, false), Reaction::Fail), "they are no exceptions");
    }

    #[test]
    fn rows_that_refer_to_each_other_are_put_in_order_before_a_refused_one_is_searched_for() {
        let (refused, needed) =
            (refusal(sqlstate::CHECK_VIOLATION, None), refusal(sqlstate::FOREIGN_KEY_VIOLATION, None));
        let mut cursor = cursor(6);
        next(&mut cursor);
        assert!(matches!(cursor.on_error(&refused, true), Reaction::TryAgain));
        assert_eq!(next(&mut cursor), Some((1, 3)));
        assert!(matches!(cursor.on_error(&needed, true), Reaction::Order));
        assert_eq!(cursor.remaining(), RowRange { from: 1, to: 6 });
        cursor.on_ordered(vec![RowRange { from: 2, to: 3 }]);
        assert_eq!(next(&mut cursor), Some((1, 6)));
        assert!(matches!(cursor.on_error(&refused, true), Reaction::TryAgain));
        assert_eq!(next(&mut cursor), Some((1, 3)));
        assert!(matches!(cursor.on_error(&refused, true), Reaction::TryAgain));
        assert_eq!(next(&mut cursor), Some((1, 1)));
        cursor.on_done(MS(200), WANTED);
        // A ring is written together or not at all.
        assert_eq!(next(&mut cursor), Some((2, 3)));
        assert_eq!(left_out(&mut cursor, &refused, true), (2, 3, sqlstate::CHECK_VIOLATION.to_owned()));
        // What a row that is left refers to is refused for that, by itself.
        assert_eq!(next(&mut cursor), Some((4, 4)));
        assert_eq!(left_out(&mut cursor, &needed, true), (4, 4, sqlstate::FOREIGN_KEY_VIOLATION.to_owned()));
        assert_eq!(next(&mut cursor), Some((5, 5)));
    }

    #[test]
    fn what_rows_that_were_left_refer_to_is_searched_for() {
        let needed = refusal(sqlstate::FOREIGN_KEY_VIOLATION, None);
        let mut cursor = cursor(4);
        next(&mut cursor);
        assert!(matches!(cursor.on_error(&needed, true), Reaction::Fail), "it is none of the repair's rows");
        cursor.on_skipped();
        assert!(matches!(cursor.on_error(&needed, true), Reaction::Order));
    }

    #[test]
    fn only_what_is_about_rows_is_searched_for() {
        for (state, context, about_rows) in [
            (sqlstate::UNIQUE_VIOLATION, None, true),
            (sqlstate::INVALID_TEXT_REPRESENTATION, None, true),
            (sqlstate::RAISE_EXCEPTION, Some("PL/pgSQL function f()"), true),
            ("XY123", Some("PL/pgSQL function f()"), true),
            (sqlstate::INSUFFICIENT_PRIVILEGE, Some("PL/pgSQL function f()"), true),
            (sqlstate::INSUFFICIENT_PRIVILEGE, None, false),
            (sqlstate::UNDEFINED_TABLE, None, false),
            (sqlstate::UNDEFINED_TABLE, Some("PL/pgSQL function f()"), false),
            (sqlstate::FEATURE_NOT_SUPPORTED, Some("PL/pgSQL function f()"), false),
            (sqlstate::DISK_FULL, Some("PL/pgSQL function f()"), false),
            (sqlstate::INTERNAL_ERROR, Some("PL/pgSQL function f()"), false),
        ] {
            let StepError::Refused { said, .. } = refusal(state, context) else { unreachable!() };
            assert_eq!(is_about_rows(&said), about_rows, "{state}");
        }
    }
}
