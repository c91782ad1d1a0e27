//! `check --fix`: what is done about what was changed by hand, and what is left.

use serde::Serialize;

use super::backup_plan::BackupPlan;
use super::plan_report::{LockReport, locks_in_words, milliseconds};
use super::schema_report::SchemaReport;
use crate::changes::drift_fix::FixStep;
use crate::findings::Hazard;
use crate::output::view::{Content, Table, Text, Tone, View};
use crate::text::plural;

/// What is done, or was.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct DriftFixReport {
    /// The steps, in order.
    pub(crate) steps: Vec<FixStepReport>,
    /// What was found and is not fixed.
    pub(crate) left: Vec<LeftReport>,
    /// The backup that comes before the first step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backup: Option<BackupPlan>,
    /// Whether the steps were carried out.
    pub(crate) done: bool,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct FixStepReport {
    /// `create`, `alter`, `re-create`, `rename`, `drop`.
    pub(crate) action: &'static str,
    /// The kind of the object.
    pub(crate) kind: &'static str,
    /// The object.
    pub(crate) object: String,
    /// Whether the statements are one transaction; else each is committed before the next one.
    pub(crate) transactional: bool,
    /// The statements.
    pub(crate) statements: Vec<String>,
    /// What they do beside changing the schema.
    pub(crate) hazards: Vec<Hazard>,
    /// The locks that they take on relations that are there.
    pub(crate) locks: Vec<LockReport>,
    /// How long the step took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) milliseconds: Option<u64>,
    /// `alter column public.users.email`
    #[serde(skip)]
    title: String,
    /// The first lines of the statements.
    #[serde(skip)]
    summaries: Vec<String>,
}

/// A finding that is not fixed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct LeftReport {
    /// The kind of the object.
    pub(crate) kind: &'static str,
    /// The object.
    pub(crate) object: String,
    /// Why it differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cause: Option<&'static str>,
    /// What to do about it.
    pub(crate) next: String,
    /// Whether that is not what a check says already.
    #[serde(skip)]
    pub(crate) is_news: bool,
}

/// How many statements of a step are shown.
const MOST_STATEMENTS: usize = 4;

impl FixStepReport {
    /// The report of a step.
    pub(crate) fn of(step: &FixStep, locks: Vec<LockReport>) -> Self {
        let statements = &step.script.statements;
        Self {
            action: step.verb,
            kind: step.object.kind.word(),
            object: step.object.to_string(),
            transactional: step.transactional,
            statements: statements.iter().map(|statement| format!("{};", statement.text)).collect(),
            hazards: step.hazards.clone(),
            locks,
            milliseconds: None,
            title: step.title(),
            summaries: statements.iter().map(|statement| statement.summary.clone()).collect(),
        }
    }

    fn cells(&self) -> [String; 3] {
        let mut title = vec![self.title.clone()];
        title.extend((!self.transactional).then(|| "committed one by one".to_owned()));
        title.extend(self.hazards.iter().map(|hazard| hazard.label().to_owned()));
        let mut summaries: Vec<String> = self.summaries.iter().take(MOST_STATEMENTS).cloned().collect();
        let more = self.summaries.len().saturating_sub(MOST_STATEMENTS);
        summaries.extend((more > 0).then(|| format!("and {more} more")));
        [title.join("\n"), summaries.join("\n"), locks_in_words(&self.locks)]
    }
}

impl DriftFixReport {
    /// What is shown before the question.
    pub(crate) fn proposal(&self, report: &SchemaReport) -> View {
        View::new().headline(report.headline()).then(self.plan_view())
    }

    fn plan_view(&self) -> View {
        let columns = [("step", Content::Prose), ("statements", Content::Code), ("locks", Content::Prose)];
        let mut table = Table::new(&columns);
        self.steps.iter().for_each(|step| table.push(step.cells()));
        let view = View::new().table(table).then(left_view(self.left.iter()));
        match &self.backup {
            Some(backup) => view.line(backup.summary()),
            None => view,
        }
    }

    /// What was done, or would be, with what the check found.
    pub(crate) fn outcome(&self, report: &SchemaReport) -> View {
        let news = self.left.iter().filter(|left| left.is_news);
        if self.done {
            let mut view = View::new().headline(report.headline());
            if let Some(backup) = &report.backup {
                view = view.line(format!("backup: {}", backup.summary()));
            }
            let lines = self.steps.iter().map(|step| {
                let took = step.milliseconds.map(|took| format!(" ({})", milliseconds(took)));
                format!("fixed: {}{}", step.title, took.unwrap_or_default())
            });
            return view.lines(lines).then(left_view(news)).then(report.found_view());
        }
        if self.steps.is_empty() {
            let view = View::new().headline(report.headline()).then(left_view(news));
            let view = view.then(report.found_view());
            let nothing = Text::new("nothing that was changed by hand can be fixed; nothing was changed");
            return if report.findings.is_empty() { view } else { view.text(nothing) };
        }
        let count = plural(self.steps.len(), "step");
        View::new()
            .headline(report.headline())
            .then(self.plan_view())
            .notes(&report.notes)
            .verdict(format!("dry run: {count} would be carried out; nothing was changed"), Tone::Warning)
            .next(Some("the same command without --dry-run".to_owned()))
    }
}

/// What is not fixed.
fn left_view<'l>(left: impl Iterator<Item = &'l LeftReport>) -> View {
    let columns = [("not fixed", Content::Code), ("cause", Content::Prose), ("next", Content::Prose)];
    let mut table = Table::new(&columns);
    for left in left {
        let kind = left.kind.replace('_', " ");
        table.push([
            format!("{}\n{kind}", left.object),
            left.cause.unwrap_or_default().to_owned(),
            left.next.clone(),
        ]);
    }
    if table.rows.is_empty() { View::new() } else { View::new().table(table) }
}
