//! What `upgrade` and `downgrade` say of a tool that applied or reverted its migrations.

use serde::Serialize;

use super::place;
use super::work::ToolWork;
use crate::changes::plan::Direction;
use crate::findings::{CauseKind, Finding};
use crate::migrations::tools::MigrationTool;
use crate::output::view::{Text, Tone, View};
use crate::output::{Envelope, Report};
use crate::text::plural;
use crate::workflow::reports::backup_plan::BackupPlan;
use crate::workflow::reports::loss::LossReport;
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
    /// The first of the commands.
    pub(super) command: Vec<String>,
    pub(super) commands: Vec<Vec<String>>,
    /// What they printed; empty where they were not run.
    pub(super) output: String,
    /// The migrations that were applied.
    pub(super) applied: Vec<String>,
    /// The migrations that were reverted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) reverted: Vec<String>,
    /// Those that a run would apply or revert, in its order, where it was not run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) steps: Vec<String>,
    /// What is dropped with its values.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) lost: Vec<LossReport>,
    /// The backup before it, where it was not run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) backup_plan: Option<BackupPlan>,
    #[serde(skip)]
    direction: Direction,
    #[serde(skip)]
    ran: bool,
}

impl ToolRun {
    /// The tool has not run.
    pub(super) fn planned(tool: MigrationTool, work: &ToolWork, backup: Option<BackupPlan>) -> Self {
        let commands: Vec<Vec<String>> = work.commands.iter().map(|command| command.words.clone()).collect();
        Self {
            name: tool.word(),
            command: commands.first().cloned().unwrap_or_default(),
            commands,
            output: String::new(),
            applied: Vec::new(),
            reverted: Vec::new(),
            steps: work.steps.iter().map(|step| step.title.clone()).collect(),
            lost: work.lost.clone(),
            backup_plan: backup,
            direction: work.direction,
            ran: false,
        }
    }

    /// The tool has run, and has done this.
    pub(super) fn done(tool: MigrationTool, work: &ToolWork, done: Vec<String>, output: String) -> Self {
        let planned = Self { steps: Vec::new(), output, ran: true, ..Self::planned(tool, work, None) };
        match work.direction {
            Direction::Up => Self { applied: done, ..planned },
            Direction::Down => Self { reverted: done, ..planned },
        }
    }

    /// What is going to be run, and what is done before it: the migrations in the order in which the tool takes them.
    pub(super) fn proposal(&self, check: &SchemaReport) -> View {
        let numbered = self.steps.iter().enumerate();
        let view = View::new()
            .headline(check.headline())
            .lines(numbered.map(|(number, title)| format!("{}. {title}", number + 1)))
            .then(LossReport::view(&self.lost));
        let mut commands = self.commands.iter();
        let view = match (commands.next(), self.commands.len()) {
            (Some(first), times @ 2..) if commands.all(|other| other == first) => {
                view.text(Text::labelled("command", format!("{} ({times} times)", place::shown(first))))
            }
            _ => self
                .commands
                .iter()
                .fold(view, |view, command| view.text(Text::labelled("command", place::shown(command)))),
        };
        view.lines(self.backup_plan.as_ref().map(BackupPlan::summary))
    }

    fn verdict(&self, check: &SchemaReport) -> (String, Tone) {
        let pending = check.history.pending.len();
        let (verb, done) = match self.direction {
            Direction::Up => ("applied", &self.applied),
            Direction::Down => ("reverted", &self.reverted),
        };
        let now = match &check.history.at {
            Some(at) => format!("the database is at {at}"),
            None => "no migration is applied".to_owned(),
        };
        let count = plural(done.len(), "migration");
        match (self.direction, self.steps.len()) {
            (_, steps @ 1..) => (
                format!("dry run: {} would be {verb}; nothing was changed", plural(steps, "migration")),
                Tone::Good,
            ),
            (Direction::Up, 0) if !self.ran => {
                ("nothing to do: no migration is pending".to_owned(), Tone::Good)
            }
            (Direction::Down, 0) if !self.ran => (format!("nothing to do: {now}"), Tone::Good),
            (Direction::Up, 0) if pending == 0 => (format!("done: {count} {verb}"), Tone::Good),
            (Direction::Up, 0) => (format!("{count} {verb}, {pending} still pending"), Tone::Warning),
            (Direction::Down, 0) => (format!("done: {count} {verb}; {now}"), Tone::Good),
        }
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
        let ToolRun { applied, reverted, steps, .. } = &self.tool;
        let mut view = match steps.is_empty() {
            false => self.tool.proposal(&self.check),
            true => View::new().headline(self.check.headline()),
        };
        if let Some(backup) = &self.check.backup {
            view = view.line(format!("backup: {}", backup.summary()));
        }
        let (verdict, tone) = self.tool.verdict(&self.check);
        view = view
            .lines(applied.iter().map(|name| format!("applied {name}")))
            .lines(reverted.iter().map(|name| format!("reverted {name}")))
            .notes(&self.check.notes)
            .verdict(verdict, tone);
        let pending = |finding: &&Finding| finding.cause_kind() == Some(CauseKind::Pending);
        let (pending, others): (Vec<&Finding>, Vec<&Finding>) = self.check.findings.iter().partition(pending);
        match (others.len(), pending.len()) {
            (0, _) => view,
            (some, 0) => view.line(format!("{}: trueup check", plural(some, "difference"))),
            (some, _) => {
                let some = plural(some, "more difference");
                view.line(format!("{some}, not from pending migrations: trueup check"))
            }
        }
    }
}
