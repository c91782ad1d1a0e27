//! Repairing rows: what the fixes of a check would change, known row by row before it happens; changing it in batches; and
//! giving it back.
//!
//! The plan of a fix is a table of its own in schema trueup, committed before the first batch: numbered rows, with the key,
//! the row's version (`xmin`), the old values and the new ones. A row is changed only while it is that version. What was
//! changed is what `done` in `trueup.repairs` and the rows' `state` say, in the same transactions as the changes.
//!
//! Everything is written through the door; nobody is asked here, and nothing printed.

mod batch;
mod columns;
mod plan;
mod preview;
mod proposed;
mod records;
mod referring;
mod run;
mod summary;
mod undo;

use std::time::Duration;

use crate::data::checks::{Action, CheckedColumn, CheckedTable, ValidatedFix};
use crate::writer::ThrottleLimits;

pub use plan::{Plan, PlanRequest, discard, plan, too_many_rows};
pub use preview::{Preview, preview};
pub use records::{InterruptedRun, Repair, RepairState, RepairedRun, find, latest, prune};
pub use referring::Cascade;
pub use run::{RepairOutcome, repair};
pub use summary::{Candidates, FixPreview, RowChange};
pub use undo::{UndoOutcome, UnrestoredRows, undo, would_undo};

/// How long things may take, and when to wait.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RepairLimits {
    /// What a batch is to take.
    pub batch: Duration,
    /// How long a batch may wait for a lock.
    pub lock_timeout: Duration,
    /// Rows a second at most.
    pub max_rate: Option<u64>,
    /// When it waits between two batches.
    pub throttle: ThrottleLimits,
    /// How long it waits, altogether.
    pub patience: Duration,
    /// How long finding out what is to be done may take.
    pub planning: Duration,
}

/// How a row of a plan is marked; unmarked ones are those to be changed, or that were.
mod state {
    /// The fix gives different answers for it.
    pub(super) const AMBIGUOUS: char = 'a';
    /// The same answer a second time.
    pub(super) const AGAIN: char = 'd';
    /// It has changed between the plan and the write.
    pub(super) const SKIPPED: char = 's';
    /// Somebody held a lock on it.
    pub(super) const LOCKED: char = 'l';
    /// Not given back when the repair was taken back: changed since, or nobody could.
    pub(super) const NOT_RESTORED: char = 'k';
    /// Given back, and a trigger wrote something else.
    pub(super) const REWRITTEN: char = 'w';
}

/// One fix of one check, with what it takes to write it as SQL.
#[derive(Debug, Clone, Copy)]
struct FixTarget<'f> {
    fix: &'f ValidatedFix,
    table: &'f CheckedTable,
    key: &'f [CheckedColumn],
}

impl FixTarget<'_> {
    /// The columns whose old values are kept: those that are set, or all of a row that is deleted.
    fn changed(&self) -> Vec<&CheckedColumn> {
        match self.fix.fix.action {
            Action::Update => self.fix.sets.iter().filter_map(|name| self.table.column(name)).collect(),
            Action::Delete => self.table.columns.iter().filter(|column| !column.generated).collect(),
        }
    }
}
