//! What the tool has done: its history and the schema before and afterwards, beside what it was to do.

use std::collections::HashSet;

use super::child::{Ended, last_lines};
use super::place;
use super::work::{ToolCommand, ToolWork};
use crate::changes::plan::Direction;
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::history::Applied;
use crate::migrations::tools::MigrationTool;
use crate::snapshot::DatabaseSnapshot;

/// What to look at where the tool has done nothing.
const WHERE_ELSE: &str = "see which database it works on: it is given DATABASE_URL, and its own settings may name another; some \
                          tools take no migration that is older than the newest applied one";

/// What else can be done where it cannot revert.
const CANNOT_REVERT: &str = "; where the tool cannot revert a migration, write a new one that does, or restore a backup: trueup backup list";

/// What has become of the work after one of its commands.
pub(super) struct ToolOutcome<'a> {
    tool: MigrationTool,
    work: &'a ToolWork,
    command: &'a ToolCommand,
    ended: &'a Ended,
    /// What has been done, as the tool's history says: applied, or reverted with the newest first.
    pub(super) done: Vec<String>,
    /// What was to be done by now, and is not.
    left: Vec<&'a str>,
    /// What has changed in the history beside what was to be done.
    beside: Vec<String>,
    /// The table of its history, where it was not there before.
    new_history: Option<&'a str>,
    same_schema: bool,
}

impl<'a> ToolOutcome<'a> {
    /// Compares two readings: from before the first command, and from after the one that is told with how many of the steps
    /// are to be done by then.
    pub(super) fn of(
        tool: MigrationTool,
        work: &'a ToolWork,
        (command, due): (&'a ToolCommand, usize),
        ended: &'a Ended,
        [before, now]: [&'a DatabaseSnapshot; 2],
    ) -> Self {
        let (new, gone) = (only_in(now, before), only_in(before, now));
        let titles = |rows: Vec<&Applied>| rows.into_iter().map(|row| row.id().to_string()).collect();
        let is_planned = |row: &Applied| work.steps.iter().any(|step| step.version == row.version);
        let mut outcome = Self {
            tool,
            work,
            command,
            ended,
            done: Vec::new(),
            left: Vec::new(),
            beside: Vec::new(),
            new_history: (before.history_table != now.history_table)
                .then_some(now.history_table.as_deref())
                .flatten(),
            same_schema: now.catalog.objects == before.catalog.objects,
        };
        match work.direction {
            Direction::Up => {
                // One command may apply less than all, for a reason of its own. One for each has one thing to do.
                let is_new = |version: i64| new.iter().any(|row| row.version == version);
                let due = work.steps[..due].iter().filter(|_| work.commands.len() > 1);
                let left = due.filter(|step| !is_new(step.version));
                outcome.left = left.map(|step| step.title.as_str()).collect();
                outcome.done = titles(new);
            }
            Direction::Down => {
                let is_gone = |version: i64| gone.iter().any(|row| row.version == version);
                let due = &work.steps[..due];
                let left = due.iter().filter(|step| !is_gone(step.version));
                outcome.left = left.map(|step| step.title.as_str()).collect();
                let (planned, beside): (Vec<&Applied>, Vec<&Applied>) =
                    gone.iter().rev().partition(|row| is_planned(row));
                outcome.beside = titles([beside, new].concat());
                outcome.done = titles(planned);
            }
        }
        outcome
    }

    /// `None` where the tool did what it was to do, and says that all was well.
    pub(super) fn failure(&self) -> Option<Failure> {
        let nothing_done = self.done.is_empty() && self.beside.is_empty() && self.same_schema;
        let is_well = match self.work.direction {
            Direction::Up => !nothing_done && self.left.is_empty(),
            Direction::Down => self.left.is_empty() && self.beside.is_empty(),
        };
        let (tool, shown, said) =
            (self.tool, place::shown(&self.command.words), last_lines(&self.ended.output));
        let unchanged = nothing_done && self.new_history.is_none();
        let look = format!("trueup check shows where the database is; then: {}", self.work.asked_by);
        let (what, next) = match &self.ended.failure {
            Some(why) => (format!("{tool} failed ({why}): {}{said}", self.state(unchanged)), look),
            None if is_well => return None,
            None if nothing_done => {
                let what = format!(
                    "{shown} ended with 0, and {} nothing here: it may have migrated another database, or have a reason of its \
                     own{said}",
                    self.work.done()
                );
                (what, WHERE_ELSE.to_owned())
            }
            None => {
                let state = self.state(unchanged);
                (format!("{shown} ended with 0, and did not do what was shown: {state}{said}"), look)
            }
        };
        let exit = if unchanged { Exit::RolledBack } else { Exit::Partial };
        let otherwise = match self.work.direction {
            Direction::Up => "",
            Direction::Down => CANNOT_REVERT,
        };
        Some(Failure::new(exit, what).code(ErrorCode::TOOL_FAILED).next(format!("{next}{otherwise}")))
    }

    /// What a tool that failed has left.
    fn state(&self, unchanged: bool) -> String {
        let done = self.work.done();
        if unchanged {
            return "the schema and the history are as they were; rows were not compared".to_owned();
        }
        let mut told = Vec::new();
        match (self.done.as_slice(), self.new_history) {
            ([], _) if !self.same_schema => {
                told.push("no migration was recorded, and the schema has changed".to_owned());
            }
            ([], Some(table)) => {
                told.push(format!("no migration was {done}; the table of its history, {table}, is new"));
            }
            ([], None) => told.push(format!("no migration was {done}")),
            (all, _) => told.push(format!("{done} before that: {}", all.join(", "))),
        }
        let left = match self.work.direction {
            Direction::Up => "still pending",
            Direction::Down => "still applied",
        };
        for (what, rows) in [(left, self.left.join(", ")), ("beside that", self.beside.join(", "))] {
            if !rows.is_empty() {
                told.push(format!("{what}: {rows}"));
            }
        }
        told.join("; ")
    }
}

/// The migrations that are applied in one reading, and not in the other.
fn only_in<'s>(one: &'s DatabaseSnapshot, other: &DatabaseSnapshot) -> Vec<&'s Applied> {
    let known: HashSet<i64> = other.history.iter().flatten().map(|row| row.version).collect();
    one.history.iter().flatten().filter(|row| !known.contains(&row.version)).collect()
}
