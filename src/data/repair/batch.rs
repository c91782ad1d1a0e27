//! Batches: ranges of a plan's rows, each one short transaction that is as large as takes about as long as it is to take.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::{Pace, Repair};
use crate::error::{Exit, Failure};
use crate::postgres::connection::{self, OwnedRow, RowError, sqlstate};
use crate::writer::{Blocker, Event, Limits, Next, StepError, Watch, Work, WriteSession, seconds};

/// How many rows the first batch has.
const FIRST: u64 = 500;
/// The most that one has.
const MOST: u64 = 100_000;
/// How many rows that cannot be locked are looked for one by one, each with some waits for a lock. After them all of a
/// batch is left out in which there is another.
const SINGLED_OUT: u32 = 20;
/// What no batch takes longer than: it holds locks on rows.
const LONGEST: Duration = Duration::from_secs(1);
/// What a batch may take that cannot be smaller: a row may have many megabytes.
const ALONE: Duration = Duration::from_secs(60);
/// How often it is looked whether to wait.
const LOOK: Duration = Duration::from_secs(1);
/// How long it waits before it looks again.
const PAUSE: Duration = Duration::from_millis(500);

/// A batch finds its rows one by one, and never by reading the whole table; nothing is compiled for so few.
pub(super) const FEW: &str = "SET LOCAL random_page_cost = 0.1; SET LOCAL jit = off";

/// What is done to the rows of a range, as SQL.
pub(super) trait Rows {
    /// The statements. The last one answers with two numbers: `changed` rows, and rows that were `skipped`. `around`
    /// leaves out what others have locked.
    fn statements(&self, from: u64, to: u64, around: bool) -> String;

    /// Whether rows may have to be in one batch, as they refer to each other.
    fn refer_to_each_other(&self) -> bool;

    /// The statements that leave a row out that cannot be locked.
    fn leave_out(&self, from: u64, to: u64) -> String;
}

/// How the batches went.
#[derive(Debug, Default)]
pub(super) struct Done {
    /// Rows that were changed.
    pub(super) changed: u64,
    /// Rows that were not.
    pub(super) skipped: u64,
    /// Who was in the way of some.
    pub(super) blockers: Vec<Blocker>,
    /// The batch that took longest.
    pub(super) longest: Duration,
    /// How many there were.
    pub(super) batches: u64,
}

/// Goes through the rows numbered `from..=to` of a repair, some `total` of which are to be changed. What is done stays,
/// whatever comes.
///
/// # Errors
/// What stopped it.
pub(super) async fn batches(
    writer: &mut WriteSession,
    watch: &mut dyn Watch,
    repair: &Repair,
    rows: &dyn Rows,
    (mut from, to, total): (u64, u64, u64),
    (pace, done): (&Pace, &mut Done),
) -> Result<(), StepError> {
    let title = repair.title();
    let begun = Instant::now();
    let mut pauses = Pauses { looked: None, spent: Duration::ZERO };
    let (mut size, mut around, mut singled_out) = (FIRST, false, 0);
    // How many rows the batch has to have at least, so that none of them refers to one that is not there.
    let mut together = 0;
    while from <= to {
        pauses.wait(writer, watch, repair, pace).await?;
        // What is held back is written a second's worth at a time, not all that is allowed in many seconds at once.
        size = size.min(pace.max_rate.unwrap_or(MOST).max(1)).max(together);
        let until = to.min(from + size - 1);
        let alone = until == from;
        let what = format!("{title}, rows {from} to {until}");
        let limits = Limits {
            lock_timeout: pace.lock_timeout,
            // Another attempt is another batch, a smaller one.
            lock_budget: Duration::ZERO,
            max_duration: if alone || together > 0 { ALONE } else { LONGEST },
        };
        let statements = rows.statements(from, until, around);
        // No transaction is open while it is held back.
        let goes_on = until < to && pace.max_rate.is_none();
        let next = goes_on.then_some(Next { limits, looks: false, snapshot: false });
        let work = Work { script: &statements, next, ..Work::records(&what, "", limits) };
        let at = Instant::now();
        match writer.answered_transaction(&work, watch, Counted::of).await {
            Ok(counted) => {
                let took = at.elapsed();
                done.changed += counted.changed;
                done.skipped += counted.skipped;
                done.batches += 1;
                done.longest = done.longest.max(took);
                size = next_size(until - from + 1, took, pace.batch);
                (around, together) = (false, 0);
                from = until + 1;
                let rows = done.changed + done.skipped;
                watch.observe(&Event::Rows { what: &title, done: rows, total });
                hold_back(writer, pace, rows, begun).await?;
            }
            Err(StepError::NoLock { blockers, .. }) => {
                if !blockers.is_empty() {
                    done.blockers = blockers;
                }
                if !around {
                    around = true;
                } else if !alone && together == 0 && singled_out < SINGLED_OUT {
                    size = (until - from).div_ceil(2).max(1);
                } else {
                    let statements = rows.leave_out(from, until);
                    let work = Work { script: &statements, ..Work::records(&what, "", limits) };
                    done.skipped += writer.answered_transaction(&work, watch, Counted::of).await?.skipped;
                    // What keeps all rows from being locked would be waited for once a row.
                    if singled_out == SINGLED_OUT {
                        size = ((until - from + 1) * 2).min(MOST);
                    } else {
                        singled_out += 1;
                    }
                    together = 0;
                    from = until + 1;
                }
            }
            Err(StepError::Refused { said, .. })
                if until < to && said.is(sqlstate::FOREIGN_KEY_VIOLATION) && rows.refer_to_each_other() =>
            {
                together = (until - from + 1) * 2;
            }
            Err(StepError::TookTooLong(limit)) if together > 0 => {
                let what = format!(
                    "{what}: they refer to each other, and writing them together took longer than {}",
                    seconds(limit)
                );
                return Err(StepError::Disproved(Failure::new(Exit::RolledBack, what).into()));
            }
            // The row that takes long may be any of them.
            Err(StepError::TookTooLong(_)) if !alone => size = ((until - from + 1) / 4).max(1),
            Err(trouble) => return Err(trouble),
        }
    }
    Ok(())
}

/// What a batch answers.
#[derive(Debug, PartialEq, Eq)]
struct Counted {
    /// Rows that were changed.
    changed: u64,
    /// Rows that were not.
    skipped: u64,
}

impl Counted {
    /// Reads the rows of a batch's statements. Other statements of the transaction answer, too.
    fn of(rows: &[OwnedRow]) -> Result<Self> {
        let row = rows.iter().rev().find(|row| row.has("changed") && row.has("skipped"));
        let row = row.ok_or(RowError::NoRow)?;
        Ok(Self { changed: row.get("changed")?, skipped: row.get("skipped")? })
    }
}

/// As many rows as would have taken as long as wanted, but no more than twice as many at once.
fn next_size(rows: u64, took: Duration, wanted: Duration) -> u64 {
    let factor = wanted.as_secs_f64() / took.as_secs_f64().max(1e-4);
    ((rows as f64 * factor.clamp(0.25, 2.0)) as u64).clamp(1, MOST)
}

/// `--max-rate`
async fn hold_back(writer: &WriteSession, pace: &Pace, rows: u64, begun: Instant) -> Result<(), StepError> {
    let Some(rate) = pace.max_rate else { return Ok(()) };
    let due = Duration::from_secs_f64(rows as f64 / rate.max(1) as f64);
    sleep(writer, due.saturating_sub(begun.elapsed())).await
}

/// Sleeps, as long as nobody says to stop.
async fn sleep(writer: &WriteSession, time: Duration) -> Result<(), StepError> {
    let mut stop = writer.stop().clone();
    tokio::select! {
        () = tokio::time::sleep(time) => Ok(()),
        signal = stop.wait() => Err(StepError::Stopped(signal)),
    }
}

struct Pauses {
    looked: Option<Instant>,
    spent: Duration,
}

impl Pauses {
    /// Waits while something speaks against writing more.
    async fn wait(
        &mut self,
        writer: &mut WriteSession,
        watch: &mut dyn Watch,
        repair: &Repair,
        pace: &Pace,
    ) -> Result<(), StepError> {
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK) {
            return Ok(());
        }
        loop {
            let pressure = match writer.pressure(&[repair.table.oid]).await {
                Ok(pressure) => pressure,
                Err(error) if error.is::<RowError>() => {
                    let error = connection::server_failure(error, "reading the server's load");
                    return Err(StepError::Other(error));
                }
                // Without an answer the batch itself tells what is wrong.
                Err(_) => return Ok(()),
            };
            self.looked = Some(Instant::now());
            let Some(why) = pressure.why(pace.throttle) else { return Ok(()) };
            watch.observe(&Event::Paused { why: &why });
            if self.spent >= pace.patience {
                return Err(StepError::NoLock {
                    waited: self.spent,
                    blockers: Vec::new(),
                    outside_the_queue: true,
                });
            }
            // A transaction that is open would itself be one that is waited for.
            writer.nothing_ahead().await;
            sleep(writer, PAUSE).await?;
            self.spent += PAUSE;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_as_large_as_takes_its_time() {
        let (ms, wanted) = (Duration::from_millis, Duration::from_millis(200));
        assert_eq!(next_size(1000, ms(200), wanted), 1000);
        assert_eq!(next_size(1000, ms(1), wanted), 2000);
        assert_eq!(next_size(1000, ms(400), wanted), 500);
        assert_eq!(next_size(1000, ms(10_000), wanted), 250);
        assert_eq!(next_size(1, ms(10_000), wanted), 1);
        assert_eq!(next_size(90_000, ms(1), wanted), MOST);
    }

    #[test]
    fn a_batch_answers_with_two_numbers_or_fails() {
        let counts = |changed| OwnedRow::of(&[("changed", changed), ("skipped", Some("1"))]);
        let other = OwnedRow::of(&[("count", Some("7"))]);
        let counted = Counted::of(&[other.clone(), counts(Some("3")), other.clone()]);
        assert_eq!(counted.unwrap(), Counted { changed: 3, skipped: 1 });
        assert!(Counted::of(&[]).is_err());
        assert!(Counted::of(&[other]).is_err());
        assert!(Counted::of(&[counts(Some("three"))]).is_err());
        assert!(Counted::of(&[counts(None)]).is_err());
    }
}
