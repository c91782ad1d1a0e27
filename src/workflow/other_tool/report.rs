//! What `upgrade` says of a tool that applied its migrations.

use serde::Serialize;

use super::place;
use crate::findings::Finding;
use crate::migrations::tools::SqlTool;
use crate::output::view::{Text, Tone, View};
use crate::output::{Envelope, Report};
use crate::text::plural;
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
    #[serde(skip)]
    pub(super) ran: bool,
}

impl ToolRun {
    /// The tool has not run.
    pub(super) fn none(tool: SqlTool, command: Vec<String>) -> Self {
        Self { name: tool.word(), command, output: String::new(), applied: Vec::new(), ran: false }
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
        let mut view = View::new().headline(self.check.headline());
        if pending > 0 && !ran {
            view = view.text(Text::labelled("command", place::shown(command)));
        }
        if let Some(backup) = &self.check.backup {
            view = view.line(format!("backup: {}", backup.summary()));
        }
        view = view.lines(applied.iter().map(|name| format!("applied {name}"))).notes(&self.check.notes);
        let done = plural(applied.len(), "migration");
        let (verdict, tone) = match (ran, pending) {
            (true, 0) => (format!("done: {done} applied"), Tone::Good),
            (true, some) => (format!("{done} applied, {some} still pending"), Tone::Warning),
            (false, 0) => ("nothing to do: no migration is pending".to_owned(), Tone::Good),
            (false, some) => (format!("{} would be applied", plural(some, "migration")), Tone::Good),
        };
        view = view.verdict(verdict, tone);
        match self.check.findings.len() {
            0 => view,
            _ if pending > 0 => view,
            some => view.line(format!("{}: trueup check", plural(some, "difference"))),
        }
    }
}
