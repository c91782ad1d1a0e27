//! A fix in a report: what it would change, and what it has changed.

use std::fmt::{self, Write};
use std::time::Duration;

use serde::Serialize;

use super::document::plural;
use super::escape::escape;
use super::markdown;
use super::style::Style;
use super::verify::{markdown_rows, rows, rows_table};
use crate::data::checks::{Action, Trigger};
use crate::data::repair::{Candidates, Change};
use crate::writer::{Blocker, named, seconds};

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Nothing was changed.
    Planned,
    /// It is done.
    Done,
}

/// What one fix would do, or did.
#[derive(Debug, Clone, Serialize)]
pub struct FixReport {
    /// The check.
    pub check: String,
    /// The fix.
    pub fix: String,
    /// What it does, in a person's words.
    pub description: String,
    /// `update` or `delete`.
    pub action: Action,
    /// `public.api_keys`
    pub table: String,
    /// The columns of the key.
    pub key: Vec<String>,
    /// The columns that are set; of a row that is deleted those that are shown.
    pub columns: Vec<String>,
    /// How many rows it proposes to change.
    pub rows: u64,
    /// For how many it has several answers: they are not changed.
    pub ambiguous: u64,
    /// Some of the rows.
    pub sample: Vec<Change>,
    /// Rows with several answers, and these.
    pub candidates: Vec<Candidates>,
    /// The triggers that fire.
    pub triggers: Vec<String>,
    /// How many rows were changed.
    pub changed: u64,
    /// How many were left as somebody else had made them meanwhile, or held locked.
    pub skipped: u64,
    /// How many batches it took.
    pub batches: u64,
    /// The longest of them: for so long rows were locked at most.
    pub longest_batch_milliseconds: u64,
}

/// What a trigger is called in a plan.
pub fn trigger(trigger: &Trigger) -> String {
    let when = if trigger.before { "before" } else { "after" };
    let rewrites = if trigger.before && trigger.row {
        "; what it writes into other columns is not given back by undo"
    } else {
        ""
    };
    format!(
        "{} {when} the change calls {}{rewrites}",
        crate::postgres::sql::identifier(&trigger.name),
        trigger.function
    )
}

/// Who held locks, in words.
pub fn locked_by(blockers: &[Blocker]) -> String {
    named(blockers)
}

impl FixReport {
    fn title(&self) -> String {
        format!("{}/{}", self.check, self.fix)
    }

    fn proposal(&self) -> String {
        let table = &self.table;
        match self.action {
            Action::Update => {
                format!("other values of {} for {} of {table}", self.columns.join(", "), rows(self.rows))
            }
            Action::Delete => format!("{} of {table} to be deleted", rows(self.rows)),
        }
    }

    fn outcome(&self) -> String {
        let verb = if self.action == Action::Delete { "deleted" } else { "changed" };
        let mut text = format!(
            "{verb} {} of {} in {}, none longer than {}",
            rows(self.changed),
            self.table,
            plural(usize::try_from(self.batches).unwrap_or(usize::MAX), "batch").replace("batchs", "batches"),
            seconds(Duration::from_millis(self.longest_batch_milliseconds))
        );
        if self.skipped > 0 {
            let _ = write!(text, "; left out as others had changed or locked them: {}", rows(self.skipped));
        }
        text
    }

    pub(super) fn write(&self, stage: Stage, style: Style, out: &mut String) -> fmt::Result {
        let what = match stage {
            Stage::Planned => self.proposal(),
            Stage::Done => self.outcome(),
        };
        let description = if self.description.is_empty() {
            String::new()
        } else {
            format!(" ({})", escape(&self.description))
        };
        writeln!(out, "\n{}{description}: {}", style.bold(&escape(&self.title())), escape(&what))?;
        if stage == Stage::Planned {
            if !self.sample.is_empty() {
                let (columns, sample) = self.sample_rows();
                writeln!(out, "{}", rows_table(&columns, &sample, style))?;
            }
            for trigger in &self.triggers {
                writeln!(out, "  trigger {}", escape(trigger))?;
            }
        }
        if self.ambiguous > 0 {
            let count = style.yellow(&rows(self.ambiguous));
            writeln!(out, "  {count} with several answers, which are not changed:")?;
            for candidate in self.candidates.iter().take(5) {
                writeln!(out, "    {}", escape(&self.candidate(candidate)))?;
            }
        }
        Ok(())
    }

    pub(super) fn markdown(&self, stage: Stage, out: &mut String) -> fmt::Result {
        let what = match stage {
            Stage::Planned => self.proposal(),
            Stage::Done => self.outcome(),
        };
        writeln!(out, "\n{}: {}", markdown::code(&self.title()), markdown::cell(&what))?;
        if stage == Stage::Planned && !self.sample.is_empty() {
            let (columns, sample) = self.sample_rows();
            writeln!(out)?;
            markdown_rows(&columns, &sample, out)?;
        }
        for candidate in &self.candidates {
            writeln!(out, "\nSeveral answers: {}", markdown::cell(&self.candidate(candidate)))?;
        }
        Ok(())
    }

    /// `id 7: user_id 3 or 5`
    fn candidate(&self, candidate: &Candidates) -> String {
        let pairs = |names: &[String], values: &[Option<String>]| {
            let pairs = names.iter().zip(values);
            let pairs: Vec<String> =
                pairs.map(|(name, value)| format!("{name} {}", value.as_deref().unwrap_or("NULL"))).collect();
            pairs.join(", ")
        };
        let answers: Vec<String> =
            candidate.answers.iter().map(|answer| pairs(&self.columns, answer)).collect();
        format!("{}: {}", pairs(&self.key, &candidate.key), answers.join(" or "))
    }

    /// The sample as a table: key, then before and after of each column.
    fn sample_rows(&self) -> (Vec<String>, Vec<Vec<Option<String>>>) {
        let mut columns = self.key.clone();
        match self.action {
            Action::Update => {
                for column in &self.columns {
                    columns.extend([format!("{column} before"), format!("{column} after")]);
                }
            }
            Action::Delete => {
                columns.extend(self.columns.iter().filter(|column| !self.key.contains(column)).cloned())
            }
        }
        let row = |change: &Change| {
            let mut row = change.key.clone();
            match self.action {
                Action::Update => {
                    for (before, after) in change.before.iter().zip(&change.after) {
                        row.extend([before.clone(), after.clone()]);
                    }
                }
                Action::Delete => {
                    let values = self.columns.iter().zip(&change.before);
                    row.extend(
                        values
                            .filter(|(column, _)| !self.key.contains(column))
                            .map(|(_, value)| value.clone()),
                    );
                }
            }
            row
        };
        (columns, self.sample.iter().map(row).collect())
    }
}
