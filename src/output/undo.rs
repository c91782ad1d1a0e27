//! What `trueup undo` would give back, or gave.

use std::fmt::{self, Write};

use serde::Serialize;

use super::backup_plan::{BackupPlan, LastBackup};
use super::document::{Format, Target};
use super::envelope::{sealed, written};
use super::escape::escape;
use super::markdown;
use super::repair::Stage;
use super::style::Style;
use super::verify::{markdown_rows, rows, rows_table};
use crate::data::checks::Action;
use crate::error::Exit;

/// A run's repairs taken back.
#[derive(Debug, Clone, Serialize)]
pub struct UndoReport {
    /// The run's ULID.
    #[serde(skip)]
    pub run: String,
    /// The exit code.
    #[serde(skip)]
    pub exit: Exit,
    /// The database.
    pub target: Target,
    /// The run that is taken back.
    pub undoes: String,
    /// How far it is.
    pub stage: Stage,
    /// Whether there was nothing that could be given back.
    #[serde(skip)]
    pub nothing_to_do: bool,
    /// Its repairs, the last first.
    pub repairs: Vec<UndoneReport>,
    /// The runs whose before-images were removed, or would be: `--prune`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pruned: Option<Vec<String>>,
    /// What is done about a backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup_plan: Option<BackupPlan>,
    /// The backup that was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<LastBackup>,
    /// Remarks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// One repair taken back.
#[derive(Debug, Clone, Serialize)]
pub struct UndoneReport {
    /// The check.
    pub check: String,
    /// The fix.
    pub fix: String,
    /// What it had done.
    pub action: Action,
    /// `public.api_keys`
    pub table: String,
    /// The columns of the key.
    pub key: Vec<String>,
    /// The columns that have their old values again.
    pub columns: Vec<String>,
    /// Rows that were, or would be, given back.
    pub restored: u64,
    /// Rows that are not as the repair left them, and are kept.
    pub kept: u64,
    /// The keys of the first of those.
    pub kept_rows: Vec<Vec<Option<String>>>,
    /// Rows that are as the repair left them, and could not be given back: the same command tries it again.
    pub held: u64,
    /// The keys of the first of those.
    pub held_rows: Vec<Vec<Option<String>>>,
    /// Who held locks, where somebody was seen.
    #[serde(skip)]
    pub locked_by: String,
    /// Whether a trigger may be what holds rows back.
    #[serde(skip)]
    pub holds_back: bool,
    /// Rows that a trigger gave other values than their old ones.
    pub rewritten: u64,
    /// The keys of the first of those.
    pub rewritten_rows: Vec<Vec<Option<String>>>,
    /// Triggers that fire.
    pub triggers: Vec<String>,
}

impl UndoReport {
    /// What is going to be done, for whoever is asked.
    pub fn proposal(&self, style: Style) -> String {
        written(|out| self.body(style, out))
    }

    /// The report as text.
    pub fn render(&self, format: Format, style: Style) -> String {
        match format {
            Format::Human => written(|out| self.human(style, out)),
            Format::Json => sealed(Some("undo"), &self.run, self.exit, self),
            Format::Markdown => written(|out| self.markdown(out)),
        }
    }

    fn human(&self, style: Style, out: &mut String) -> fmt::Result {
        if !style.quiet {
            self.target.headline(style, out)?;
            self.body(style, out)?;
            writeln!(out)?;
        }
        let verdict = self.verdict();
        let verdict = if self.exit == Exit::Clean { style.green(&verdict) } else { style.yellow(&verdict) };
        writeln!(out, "{}", style.bold(&verdict))?;
        if let Some(next) = self.next() {
            writeln!(out, "next: {}", escape(&next))?;
        }
        Ok(())
    }

    fn body(&self, style: Style, out: &mut String) -> fmt::Result {
        for repair in &self.repairs {
            writeln!(
                out,
                "{}: {}",
                style.bold(&escape(&format!("{}/{}", repair.check, repair.fix))),
                escape(&repair.told(self.stage))
            )?;
            for (why, count, keys) in repair.left() {
                let shown = keys.len() as u64;
                let some = if shown == count { String::new() } else { format!(", {shown} of them") };
                writeln!(out, "  {}{some}:", escape(&why))?;
                writeln!(out, "{}", rows_table(&repair.key, keys, style))?;
            }
            for trigger in repair.triggers.iter().filter(|_| self.stage == Stage::Planned) {
                writeln!(out, "  trigger {}", escape(trigger))?;
            }
        }
        for run in self.pruned.iter().flatten() {
            writeln!(out, "run {run}")?;
        }
        match (&self.backup_plan, &self.backup) {
            (_, Some(backup)) => writeln!(out, "backup {}", escape(&backup.told()))?,
            (Some(plan), None) => writeln!(out, "{}", escape(&plan.told()))?,
            (None, None) => {}
        }
        for note in &self.notes {
            writeln!(out, "note: {}", escape(note))?;
        }
        Ok(())
    }

    /// One line that says it all.
    pub fn verdict(&self) -> String {
        if let Some(pruned) = &self.pruned {
            let runs = super::document::plural(pruned.len(), "run");
            return match (self.stage, pruned.len()) {
                (_, 0) => "nothing to do: no before-images are that old".to_owned(),
                (Stage::Planned, _) => {
                    format!("a plan, nothing was changed: remove the before-images of {runs}")
                }
                (Stage::Done, _) => {
                    format!("done: removed the before-images of {runs}, which cannot be taken back any more")
                }
            };
        }
        let restored: u64 = self.repairs.iter().map(|repair| repair.restored).sum();
        let sum = |count: fn(&UndoneReport) -> u64| self.repairs.iter().map(count).sum::<u64>();
        let left = [
            ("changed since, and kept", sum(|repair| repair.kept)),
            ("locked or held back, and not given back", sum(|repair| repair.held)),
            ("given other values by a trigger", sum(|repair| repair.rewritten)),
        ];
        let told = left.iter().filter(|(_, count)| *count > 0);
        let kept: String = told.map(|(why, count)| format!("; {why}: {}", rows(*count))).collect();
        match (self.stage, kept.is_empty()) {
            (_, true) if self.nothing_to_do => {
                format!("nothing to do: run {} is taken back already", self.undoes)
            }
            _ if self.nothing_to_do => {
                format!("nothing to do: no row that run {} repaired is as it was left{kept}", self.undoes)
            }
            (Stage::Planned, _) => format!("a plan, nothing was changed: give {} back{kept}", rows(restored)),
            (Stage::Done, _) => format!("done: gave {} back{kept}", rows(restored)),
        }
    }

    fn next(&self) -> Option<String> {
        match (self.stage, &self.pruned) {
            (Stage::Planned, None) if !self.repairs.is_empty() => {
                Some(format!("trueup undo {}", self.undoes))
            }
            (Stage::Done, None) if self.repairs.iter().any(|repair| repair.held > 0) => {
                Some(format!("the same again when nobody holds them: trueup undo {}", self.undoes))
            }
            (Stage::Done, None) if !self.repairs.is_empty() => Some("trueup verify".to_owned()),
            _ => None,
        }
    }

    fn markdown(&self, out: &mut String) -> fmt::Result {
        writeln!(out, "## trueup undo: {}", markdown::cell(&self.verdict()))?;
        for repair in &self.repairs {
            let title = format!("{}/{}", repair.check, repair.fix);
            writeln!(out, "\n{}: {}", markdown::code(&title), markdown::cell(&repair.told(self.stage)))?;
            for (why, _, keys) in repair.left() {
                writeln!(out, "\nRows {}:\n", markdown::cell(&why))?;
                markdown_rows(&repair.key, keys, out)?;
            }
        }
        for note in &self.notes {
            writeln!(out, "\nNote: {}", markdown::cell(note))?;
        }
        if let Some(next) = self.next() {
            writeln!(out, "\nNext: {}", markdown::code(&next))?;
        }
        Ok(())
    }
}

impl UndoneReport {
    /// Whether some rows do not have their old values.
    pub fn leaves_some(&self) -> bool {
        self.kept + self.held + self.rewritten > 0
    }

    /// The rows that do not have their old values: why, how many, and the first of them.
    fn left(&self) -> impl Iterator<Item = (String, u64, &[Vec<Option<String>>])> {
        let left = [
            ("changed since, and kept".to_owned(), self.kept, self.kept_rows.as_slice()),
            (self.held_back(), self.held, self.held_rows.as_slice()),
            (
                "given other values than their old ones by a trigger".to_owned(),
                self.rewritten,
                &self.rewritten_rows,
            ),
        ];
        left.into_iter().filter(|(_, count, _)| *count > 0)
    }

    /// Why rows that are as the repair left them were not given back, as far as that can be told.
    fn held_back(&self) -> String {
        let by = if self.locked_by.is_empty() { "others" } else { &self.locked_by };
        let mut causes = vec![format!("locked by {by}")];
        if self.action == Action::Delete {
            causes.push("kept out by a unique value that is taken".to_owned());
        }
        if self.holds_back {
            causes.push("held back by a trigger".to_owned());
        }
        format!("{}, and not given back", causes.join(", or "))
    }

    fn told(&self, stage: Stage) -> String {
        let (count, table, columns) = (rows(self.restored), &self.table, self.columns.join(", "));
        match (self.action, stage) {
            (Action::Update, Stage::Planned) => format!("the old values of {columns} for {count} of {table}"),
            (Action::Update, Stage::Done) => {
                format!("gave {count} of {table} the old values of {columns} back")
            }
            (Action::Delete, Stage::Planned) => format!("{count} to be inserted into {table} again"),
            (Action::Delete, Stage::Done) => format!("inserted {count} into {table} again"),
        }
    }
}
