//! Repairs rows: plans what the fixes of a check would change, row by row; changes the rows in batches; undoes it.
//!
//! The plan of a fix is a table of its own in schema trueup, which is committed before the first batch. It has numbered rows
//! with the key, the version of the row (`xmin`), the old values and the new values. A row is changed only while it is that
//! version. The columns `done` and `undone` of `trueup.repairs` and the `state` of a plan's rows say what was changed; they
//! are written in the transactions that change the rows.
//!
//! Everything is written through a [`crate::writer::WriteSession`]. This room asks nobody and prints nothing.

mod batch;
mod columns;
mod cursor;
mod order;
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

pub use batch::{RefusedRow, RefusedRows};
pub use plan::{Plan, PlanRequest, discard, plan, too_many_rows};
pub use preview::{Preview, preview};
pub use records::{InterruptedRun, Repair, RepairState, RepairedRun, interrupted_runs, prune, repaired_run};
pub use referring::Cascade;
pub use run::{RepairOutcome, repair};
pub use summary::{Candidates, FixPreview, RowChange};
pub use undo::{UndoOutcome, UnrestoredRows, preview_undo, undo};

/// How long a repair may take, and when it pauses.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RepairLimits {
    /// How long a batch should take. The size of the batches follows from it.
    pub batch_duration: Duration,
    /// How long a batch may wait for a lock.
    pub lock_timeout: Duration,
    /// The largest number of rows that are changed per second.
    pub max_rate: Option<u64>,
    /// The server's load above which the repair pauses between two batches.
    pub throttle: ThrottleLimits,
    /// How long all pauses may take together.
    pub max_pause: Duration,
    /// How long planning may take.
    pub max_planning: Duration,
}

/// The marks of a plan's rows. A row without a mark is to be changed, or was.
mod state {
    /// The fix gives different answers for the row.
    pub(super) const AMBIGUOUS: char = 'a';
    /// It is a further answer for a row, the same as the first one.
    pub(super) const DUPLICATE: char = 'd';
    /// Another session changed the row between the plan and the repair.
    pub(super) const SKIPPED: char = 's';
    /// Another session held a lock on the row.
    pub(super) const LOCKED: char = 'l';
    /// The server refused to change the row: a trigger raised an error, or a constraint did not allow it.
    pub(super) const REFUSED: char = 'r';
    /// The undo did not restore the row: it was edited since the repair, or it could not be written.
    pub(super) const NOT_RESTORED: char = 'k';
    /// The undo restored the row, and a trigger gave it other values.
    pub(super) const REWRITTEN: char = 'w';
}

/// A fix, and the table and key that its SQL needs.
#[derive(Debug, Clone, Copy)]
struct FixTarget<'f> {
    fix: &'f ValidatedFix,
    table: &'f CheckedTable,
    key: &'f [CheckedColumn],
}

impl FixTarget<'_> {
    /// The columns whose old values are recorded: those that the fix sets, or all columns of a row that is deleted.
    fn changed(&self) -> Vec<&CheckedColumn> {
        match self.fix.fix.action {
            Action::Update => self.fix.sets.iter().filter_map(|name| self.table.column(name)).collect(),
            Action::Delete => self.table.columns.iter().filter(|column| !column.generated).collect(),
        }
    }
}
