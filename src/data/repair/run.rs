//! Runs a plan in batches. A row is changed only while it is the version that was planned.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::batch::{
    BatchJob, BatchOps, BatchTotals, FEW_ROWS, LinkEnd, RefusedRows, RowRange, WhyLeftOut, batches,
};
use super::columns::{FORMATS, numbered, of, same_image};
use super::records::{Repair, RepairState};
use super::{RepairLimits, state};
use crate::data::checks::Action;
use crate::error::{ErrorCode, Exit, Failure, with_failure};
use crate::postgres::sql::identifier;
use crate::text::{duration, short_id};
use crate::writer::{Blocker, Event, StepError, Watch, WriteSession};

/// What a repair has done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RepairOutcome {
    /// Rows that were changed.
    pub changed: u64,
    /// Rows that were left as they were, because another session had changed, deleted or locked them.
    pub skipped: u64,
    /// Rows that were left as they were, because the server refused to change them.
    pub refused: RefusedRows,
    /// The sessions that held locks on skipped rows.
    pub blockers: Vec<Blocker>,
    /// How many batches there were.
    pub batches: u64,
    /// How long the longest batch took.
    pub longest: Duration,
}

/// Runs a repair in batches. `run_changed_rows` says whether this run has already changed rows.
///
/// # Errors
/// Exit 5 when the run has changed no row, 6 when it has: the same command continues.
pub async fn repair(
    writer: &mut WriteSession,
    watch: &mut dyn Watch,
    repair: &Repair,
    limits: &RepairLimits,
    run_changed_rows: bool,
) -> Result<RepairOutcome> {
    let mut totals = BatchTotals::default();
    let (title, begun) = (repair.title(), Instant::now());
    watch.observe(&Event::Begun { doing: "repairing", what: &title, number: 1, of: 1 });
    let ops = RepairOps { repair };
    let range = RowRange { from: 1, to: repair.last_row };
    let job = BatchJob { repair, ops: &ops, range, total: repair.planned, limits };
    if let Err(error) = batches(writer, watch, job, &mut totals).await {
        let stopped = StoppedRepair {
            repair,
            changed: totals.changed,
            run_changed_rows: run_changed_rows || totals.changed > 0,
            alternative: format!("; or run trueup undo {} to restore the old values", short_id(&repair.run)),
        };
        return Err(stopped.failure(error));
    }
    watch.observe(&Event::Done { what: &title, took: begun.elapsed() });
    let what = format!("the record of {}", repair.title());
    let record = format!(
        "UPDATE trueup.repairs SET state = '{}' WHERE {}",
        RepairState::Done.word(),
        repair.is_recorded()
    );
    writer.record(&what, &record, watch).await.map_err(|error| error.failure(&what, true))?;
    let BatchTotals { changed, skipped, refused, blockers, longest, batches } = totals;
    Ok(RepairOutcome { changed, skipped, refused, blockers, batches, longest })
}

/// A repair that stopped before its last row, or an undo of one.
pub(super) struct StoppedRepair<'r> {
    pub(super) repair: &'r Repair,
    /// How many rows it had changed.
    pub(super) changed: u64,
    /// Whether the run has changed rows, of this repair or of those before it.
    pub(super) run_changed_rows: bool,
    /// What can be done instead of continuing, as the end of a sentence.
    pub(super) alternative: String,
}

impl StoppedRepair<'_> {
    /// The failure that the operator sees.
    pub(super) fn failure(self, error: StepError) -> anyhow::Error {
        let (title, partial) = (self.repair.title(), self.run_changed_rows);
        let so_far = self.so_far();
        let exit = if partial { Exit::Partial } else { Exit::RolledBack };
        match error {
            StepError::Stopped(signal) => {
                Failure::new(exit, format!("interrupted by {signal} in {title}: {so_far}"))
                    .code(ErrorCode::RUN_INTERRUPTED)
                    .next(self.next(false))
                    .into()
            }
            StepError::TookTooLong(limit) => {
                Failure::new(exit, format!("{title}: one row took longer than {}; {so_far}", duration(limit)))
                    .code(ErrorCode::RUN_TOO_LONG)
                    .next("check what the table's triggers and foreign keys do for one row")
                    .into()
            }
            StepError::NoLock { waited, outside_the_queue: true, .. } => Failure::new(
                if partial { Exit::Partial } else { Exit::Busy },
                format!("{title}: paused for {} altogether, which is as long as it waits; {so_far}", duration(waited)),
            )
            .next(
                "run the same command again when the server is less busy; [repair] says how long it waits, and for what",
            )
            .into(),
            other => {
                // The server would refuse the same rows again.
                let refused = matches!(other, StepError::Refused { .. });
                with_failure(other.failure(&title, partial), |failure| {
                    let keeps_hint = failure.exit == Exit::Unknown || !partial;
                    let next = if keeps_hint { failure.next } else { self.next(refused) };
                    Failure { what: format!("{}; {so_far}", failure.what), next, ..failure }
                })
            }
        }
    }

    /// How far the repair got.
    fn so_far(&self) -> String {
        match self.changed {
            0 if !self.run_changed_rows => "no row was changed".to_owned(),
            0 => "none of its rows was changed; earlier changes of this run are recorded".to_owned(),
            1 => "1 row of it is done and recorded".to_owned(),
            changed => format!("{changed} rows of it are done and recorded"),
        }
    }

    /// How to continue.
    fn next(&self, refused: bool) -> String {
        let alternative = &self.alternative;
        match refused {
            _ if !self.run_changed_rows => "run the same command again to continue".to_owned(),
            true => {
                format!(
                    "fix what the server reports, then run the same command again to continue{alternative}"
                )
            }
            false => format!("run the same command again to continue{alternative}"),
        }
    }
}

/// The condition that a row of the plan is in a range and is to be changed.
fn is_planned(alias: &str, RowRange { from, to }: RowRange) -> String {
    format!(
        "{alias}.n OPERATOR(pg_catalog.>=) {from} AND {alias}.n OPERATOR(pg_catalog.<=) {to} AND {alias}.state IS NULL"
    )
}

/// The statements of a repair's batches.
struct RepairOps<'r> {
    repair: &'r Repair,
}

impl RepairOps<'_> {
    /// The condition that a row of the table, as `alias`, is the row and the version that a row `p` of the plan is about.
    fn same_version(&self, alias: &str) -> String {
        let Repair { key, .. } = self.repair;
        let key: Vec<String> = key
            .iter()
            .zip(numbered("p.k", key.len()))
            .map(|(column, recorded)| column.equal(&of(alias, column), &column.restored(&recorded)))
            .collect();
        format!(
            "{alias}.ctid OPERATOR(pg_catalog.=) p.tid AND {alias}.tableoid OPERATOR(pg_catalog.=) p.part \
             AND {alias}.xmin OPERATOR(pg_catalog.=) p.x AND {}",
            key.join(" AND ")
        )
    }

    /// Whether a trigger may change the values that are written.
    fn may_be_rewritten(&self) -> bool {
        self.repair.table.triggers.iter().any(|trigger| trigger.before && trigger.row && trigger.update)
    }
}

impl BatchOps for RepairOps<'_> {
    fn statements(&self, rows: RowRange, skip_locked: bool) -> String {
        let Repair { table, columns, action, .. } = self.repair;
        let (plan, name, to) = (self.repair.plan(), table.qualified(), rows.to);
        let range = |alias: &str| is_planned(alias, rows);
        let mut before = format!("{FEW_ROWS};\n{FORMATS};\n");
        let skip = if skip_locked { " SKIP LOCKED" } else { "" };
        // Where a foreign key may change further rows, a statement of its own locks the rows first. The next statement sees
        // the referring rows that were committed while this one waited for the locks.
        if self.repair.may_cascade() {
            before.push_str(&format!(
                "SELECT pg_catalog.count(*) FROM (SELECT FROM {plan} AS p JOIN {name} AS t ON {} WHERE {} FOR UPDATE OF t{skip}) AS \
                 locked;\n",
                self.same_version("t"),
                range("p")
            ));
        }
        // The rows of the plan whose row in the table no other session has locked.
        let unlocked = format!(
            "(SELECT p.* FROM {plan} AS p JOIN {name} AS l ON {} WHERE {} FOR UPDATE OF l{skip})",
            self.same_version("l"),
            range("p")
        );
        let source = if skip_locked { unlocked } else { plan.clone() };
        let new = numbered("p.w", columns.len());
        let changed = match action {
            Action::Update => {
                let sets: Vec<String> = columns
                    .iter()
                    .zip(&new)
                    .map(|(column, recorded)| {
                        format!("{} = {}", identifier(&column.name), column.restored(recorded))
                    })
                    .collect();
                let written: Vec<String> = columns
                    .iter()
                    .zip(1..)
                    .map(|(column, number)| format!(", {} AS c{number}", column.recorded(&of("t", column))))
                    .collect();
                let written = if self.may_be_rewritten() { written.concat() } else { String::new() };
                format!(
                    "UPDATE {name} AS t SET {} FROM {source} AS p WHERE {} AND {}{} RETURNING p.n{written}",
                    sets.join(", "),
                    self.same_version("t"),
                    range("p"),
                    self.repair.no_cascade()
                )
            }
            Action::Delete => format!(
                "DELETE FROM {name} AS t USING {source} AS p WHERE {} AND {}{} RETURNING p.n",
                self.same_version("t"),
                range("p"),
                self.repair.no_cascade()
            ),
        };
        let rewritten = if *action == Action::Update && self.may_be_rewritten() {
            let (planned, written) = (numbered("p.w", columns.len()), numbered("c.c", columns.len()));
            let sets: Vec<String> =
                (1..=columns.len()).map(|number| format!("w{number} = c.c{number}")).collect();
            format!(
                ", rewritten AS (UPDATE {plan} AS p SET {} FROM changed AS c WHERE p.n OPERATOR(pg_catalog.=) c.n AND NOT {})",
                sets.join(", "),
                same_image(&planned, &written)
            )
        } else {
            String::new()
        };
        format!(
            "{before}WITH changed AS ({changed}){rewritten}, \
             missed AS (UPDATE {plan} AS p SET state = '{}' WHERE {} AND p.n NOT IN (SELECT n FROM changed) RETURNING 1), \
             counted AS (UPDATE trueup.repairs AS r SET done = {to}, \
             changed = r.changed OPERATOR(pg_catalog.+) (SELECT pg_catalog.count(*) FROM changed), \
             skipped = r.skipped OPERATOR(pg_catalog.+) (SELECT pg_catalog.count(*) FROM missed) WHERE {}) \
             SELECT (SELECT pg_catalog.count(*) FROM changed) AS changed, (SELECT pg_catalog.count(*) FROM missed) AS skipped",
            state::SKIPPED,
            range("p"),
            self.repair.is_recorded(),
        )
    }

    fn refer_to_each_other(&self) -> bool {
        self.repair.action == Action::Delete && !self.repair.table.own_keys.is_empty()
    }

    fn leave_out(&self, range: RowRange, why: WhyLeftOut) -> String {
        let mark = match why {
            WhyLeftOut::Locked => state::LOCKED,
            WhyLeftOut::Refused => state::REFUSED,
        };
        let how = LeaveOut { mark, progress: "done", count: "skipped" };
        how.statement(self.repair, range)
    }

    fn keys(&self, range: RowRange) -> String {
        self.repair.keys_as_json(&is_planned("p", range))
    }

    fn links(&self, range: RowRange) -> String {
        self.repair.links(&|alias| is_planned(alias, range))
    }

    fn comes_first(&self) -> LinkEnd {
        LinkEnd::Referring
    }
}

/// How rows that cannot be locked are left out and recorded.
pub(super) struct LeaveOut {
    /// The mark of such a row, see [`super::state`].
    pub(super) mark: char,
    /// The column of `trueup.repairs` that has the number of the last row that was gone through.
    pub(super) progress: &'static str,
    /// The column of `trueup.repairs` that counts such rows.
    pub(super) count: &'static str,
}

impl LeaveOut {
    /// The statement that marks the rows of a range. Like a batch, it returns the numbers `changed` and `skipped`.
    pub(super) fn statement(&self, repair: &Repair, RowRange { from, to }: RowRange) -> String {
        let Self { mark, progress, count } = self;
        format!(
            "WITH missed AS (UPDATE {} AS p SET state = '{mark}' WHERE p.n OPERATOR(pg_catalog.>=) {from} \
         AND p.n OPERATOR(pg_catalog.<=) {to} AND p.state IS NULL RETURNING 1), \
         counted AS (UPDATE trueup.repairs AS r SET {progress} = {to}, \
         {count} = r.{count} OPERATOR(pg_catalog.+) (SELECT pg_catalog.count(*) FROM missed) WHERE {}) \
         SELECT 0 AS changed, (SELECT pg_catalog.count(*) FROM missed) AS skipped",
            repair.plan(),
            repair.is_recorded()
        )
    }
}
