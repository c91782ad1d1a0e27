//! What `upgrade` says of a tool that applied its migrations.

use serde::Serialize;

use super::place;
use crate::findings::Finding;
use crate::migrations::tools::MigrationTool;
use crate::output::view::{Text, Tone, View};
use crate::output::{Envelope, Report};
use crate::text::plural;
use crate::workflow::reports::backup_plan::BackupPlan;
use crate::workflow::reports::schema_report::SchemaReport;

/// What was done, and the check afterwards.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ToolReport {
    #[serde(flatten)]
    pub(super) check: SchemaReport,
    pub(super) tool: ToolRun,
}

/// A run of the tool.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ToolRun {
    pub(super) name: &'static str,
    pub(super) command: Vec<String>,
    /// What it printed; empty where it was not run.
    pub(super) output: String,
    /// The migrations that it has applied.
    pub(super) applied: Vec<String>,
    /// The backup before it, where it was not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) backup_plan: Option<BackupPlan>,
    #[serde(skip)]
    pub(super) ran: bool,
}

impl ToolRun {
    /// The tool has not run.
    pub(super) fn none(tool: MigrationTool, command: Vec<String>) -> Self {
        let (output, applied) = (String::new(), Vec::new());
        Self { name: tool.word(), command, output, applied, backup_plan: None, ran: false }
    }
}

/// What is going to be run, and what is done before it: the migrations in the order in which the tool applies them.
pub(super) fn proposal(check: &SchemaReport, command: &[String], backup: Option<&BackupPlan>) -> View {
    let mut view = View::new().headline(check.headline());
    for (number, migration) in check.history.pending.iter().enumerate() {
        view = view.line(format!("{}. {}", number + 1, migration.label()));
    }
    let view = view.text(Text::labelled("command", place::shown(command)));
    match backup {
        Some(backup) => view.line(backup.summary()),
        None => view,
    }
}

impl Report for ToolReport {
    fn envelope(&self) -> Envelope<'_> {
        self.check.envelope()
    }

    fn findings(&self) -> Option<&[Finding]> {
        self.check.findings()
    }

    fn view(&self) -> View {
        let ToolRun { command, applied, ran, .. } = &self.tool;
        let pending = self.check.history.pending.len();
        let mut view = match ran {
            false if pending > 0 => proposal(&self.check, command, self.tool.backup_plan.as_ref()),
            _ => View::new().headline(self.check.headline()),
        };
        if let Some(backup) = &self.check.backup {
            view = view.line(format!("backup: {}", backup.summary()));
        }
        view = view.lines(applied.iter().map(|name| format!("applied {name}"))).notes(&self.check.notes);
        let done = plural(applied.len(), "migration");
        let (verdict, tone) = match (ran, pending) {
            (true, 0) => (format!("done: {done} applied"), Tone::Good),
            (true, some) => (format!("{done} applied, {some} still pending"), Tone::Warning),
            (false, 0) => ("nothing to do: no migration is pending".to_owned(), Tone::Good),
            (false, some) => {
                let some = plural(some, "migration");
                (format!("dry run: {some} would be applied; nothing was changed"), Tone::Good)
            }
        };
        view = view.verdict(verdict, tone);
        match self.check.findings.len() {
            0 => view,
            _ if pending > 0 => view,
            some => view.line(format!("{}: trueup check", plural(some, "difference"))),
        }
    }
}
