//! What is going to be done to a database, shown before it is asked for; and what was done.

use serde::Serialize;

use super::backup_plan::BackupPlan;
use super::footprint_report::{FootprintReport, RowWorkReport};
use super::loss::LossReport;
use super::schema_report::SchemaReport;
use crate::error::Exit;
use crate::findings::{CauseKind, ReportedEstimate};
use crate::output::view::{Content, Table, Text, Tone, View};
use crate::text::{plural, size};

/// The report of a plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct PlanReport {
    /// What the plan does.
    pub(crate) direction: PlanDirection,
    /// The steps, in order.
    pub(crate) steps: Vec<StepReport>,
    /// What is dropped with its values: a downgrade.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) lost: Vec<LossReport>,
    /// The baseline that is recorded in the place of the migrations that it replaces.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) squash: Option<RecordedBaseline>,
    /// The backup that comes before it; `None` for what changes nothing but the history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backup: Option<BackupPlan>,
    /// Why it ends before all that is pending is done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) stop: Option<StopReport>,
    /// What the database has and the project does not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) ahead: Vec<String>,
}

/// A baseline that is recorded without being run: the history has all migrations that it replaces.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RecordedBaseline {
    /// `V40__baseline`
    pub(crate) baseline: String,
    /// How many migrations it replaces.
    pub(crate) replaces: usize,
    /// Whether it is recorded now.
    pub(crate) recorded: bool,
}

impl RecordedBaseline {
    /// What is done, without its verb.
    pub(crate) fn in_words(&self) -> String {
        format!("{} in the place of {}", self.baseline, plural(self.replaces, "migration"))
    }
}

/// What a plan does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PlanDirection {
    /// It applies migrations.
    Up,
    /// It reverts migrations.
    Down,
    /// It records migrations as applied.
    Adopt,
}

/// What is done with a migration's file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FileAction {
    /// It is run.
    Run,
    /// It is recorded as applied: its effect is there already.
    Record,
}

/// One step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct StepReport {
    /// The migration's version.
    pub(crate) version: String,
    /// Its name.
    pub(crate) name: String,
    /// The file that is run.
    pub(crate) file: String,
    /// Whether old code does not survive it.
    pub(crate) contract: bool,
    /// Whether all of it is one transaction.
    pub(crate) transactional: bool,
    /// Whether its file is run.
    pub(crate) action: FileAction,
    /// The data checks that are run before it, and must pass.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) requires_checks: Vec<String>,
    /// The first lines of its statements.
    pub(crate) statements: Vec<String>,
    /// The locks that it takes on relations that are there already.
    pub(crate) locks: Vec<LockReport>,
    /// What its statements did to relations that were there before, when the project was compiled.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) footprints: Vec<FootprintReport>,
    /// Who waits for longer than a moment, a sentence each.
    #[serde(skip)]
    pub(crate) waiting: Vec<String>,
}

/// A lock on a relation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct LockReport {
    /// The relation, qualified and quoted.
    pub(crate) relation: String,
    /// The mode's name in the manual.
    pub(crate) mode: &'static str,
    /// Who waits while it is held: `readers and writers`, `writers`, `nobody`.
    pub(crate) blocks: &'static str,
    /// How many rows the relation has, by the planner's estimate.
    pub(crate) rows: Option<u64>,
    /// How large it is, by the planner's estimate, in bytes.
    pub(crate) bytes: Option<u64>,
    /// What is done to all rows of this relation, or of another one, while it is held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) work: Option<RowWorkReport>,
    /// How long others wait for it, where the sizes of what is worked on are known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) estimate: Option<ReportedEstimate>,
}

/// Why a plan ends early.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct StopReport {
    /// Why, in one sentence.
    pub(crate) why: String,
    /// What to run next.
    pub(crate) next: String,
    /// What waits.
    pub(crate) waiting: Vec<String>,
}

/// How many statements of a migration are shown.
const MOST_STATEMENTS: usize = 4;

impl PlanReport {
    /// What is shown before the question: which database, and what will be done there.
    pub(crate) fn proposal(&self, report: &SchemaReport) -> View {
        View::new().headline(report.headline()).then(self.steps_view())
    }

    fn steps_view(&self) -> View {
        let columns =
            [("migration", Content::Prose), ("statements", Content::Code), ("locks", Content::Prose)];
        let mut table = Table::new(&columns);
        for step in &self.steps {
            table.push([step.title(), step.summary(), locks_in_words(&step.locks)]);
        }
        let waiting = self.steps.iter().flat_map(|step| &step.waiting);
        let mut view = waiting
            .map(|sentence| Text::new(sentence).tone(Tone::Warning))
            .fold(View::new().table(table), View::text)
            .then(LossReport::view(&self.lost));
        if let Some(squash) = &self.squash {
            view = view.line(format!("record {}: no SQL is run for it", squash.in_words()));
        }
        if let Some(backup) = &self.backup {
            view = view.line(backup.summary());
        }
        view.then(self.stop_view(false))
    }

    /// Why the plan ends early.
    fn stop_view(&self, when_quiet: bool) -> View {
        let mut view = View::new();
        if !self.ahead.is_empty() {
            let text = format!("warning: the database is ahead of this project: {}", self.ahead.join(", "));
            view = view.text(Text::new(text).tone(Tone::Warning).when_quiet(when_quiet));
        }
        if let Some(stop) = &self.stop {
            let text = format!("{}. Not applied: {}", stop.why, stop.waiting.join(", "));
            view = view.text(Text::new(text).when_quiet(when_quiet));
            view = view.text(Text::new(format!("next: {}", stop.next)).when_quiet(when_quiet));
        }
        view
    }

    /// What was done, and what the check afterwards found.
    pub(crate) fn outcome(&self, report: &SchemaReport) -> View {
        let mut view = View::new().headline(report.headline());
        let recorded = self.squash.as_ref().filter(|squash| squash.recorded);
        if report.applied.is_empty() && recorded.is_none() {
            view = view.then(self.steps_view());
        }
        if let Some(squash) = recorded {
            view = view.line(format!("recorded {}", squash.in_words()));
        }
        if let Some(backup) = &report.backup {
            view = view.line(format!("backup: {}", backup.summary()));
        }
        let verb = self.verb();
        view = view.lines(report.applied.iter().map(|done| {
            format!("{verb} V{}__{} ({})", done.version, done.name, milliseconds(done.milliseconds))
        }));
        view = view.notes(&report.notes);
        // If the plan's end is the reason for the exit code, --quiet prints it, too.
        let decides = report.exit != Exit::Clean;
        if !report.applied.is_empty() || decides {
            let shown_already = report.applied.is_empty();
            view = match shown_already {
                true => view.then(self.stop_view(true).quiet_only()),
                false => view.then(self.stop_view(decides)),
            };
        }
        let tone = if report.exit == Exit::Clean { Tone::Good } else { Tone::Warning };
        view = view.verdict(self.verdict(report), tone);
        let seeds = report.findings.iter().filter(|finding| finding.kind == "seed").count();
        let others = report
            .findings
            .iter()
            .filter(|finding| finding.kind != "seed" && finding.cause_kind() != Some(CauseKind::Pending));
        let others = others.count();
        if seeds > 0 {
            let differ = if seeds == 1 { "is" } else { "are" };
            let text = format!("{} {differ} missing or different: trueup seed", plural(seeds, "seed"));
            view = view.text(Text::new(text).when_quiet(true));
        }
        if others > 0 {
            let differences = plural(others, "more difference");
            let text = format!("{differences}, not from pending migrations: trueup check");
            view = view.text(Text::new(text).when_quiet(true));
        }
        view
    }

    fn verb(&self) -> &'static str {
        match self.direction {
            PlanDirection::Up => "applied",
            PlanDirection::Down => "reverted",
            PlanDirection::Adopt => "recorded",
        }
    }

    fn verdict(&self, report: &SchemaReport) -> String {
        let current = report.history.current.as_deref();
        let now = current.map_or_else(
            || "no migration is applied".to_owned(),
            |current| format!("the database is at V{current}"),
        );
        match (report.applied.len(), self.steps.len()) {
            (0, 0) if let Some(squash) = &self.squash => match squash.recorded {
                true => format!("done: recorded {}; {now}", squash.in_words()),
                false => format!("dry run: {} would be recorded; nothing was changed", squash.in_words()),
            },
            (0, 0) if self.stop.is_some() => format!("nothing was applied: {now}"),
            (0, 0) if report.migrations == 0 && self.direction == PlanDirection::Up => {
                "nothing to do: this project has no migrations".to_owned()
            }
            (0, 0) => format!("nothing to do: {now}"),
            (0, steps) => {
                let count = plural(steps, "migration");
                format!("dry run: {count} would be {}; nothing was changed", self.verb())
            }
            (done, _) => format!("done: {} {}; {now}", self.verb(), plural(done, "migration")),
        }
    }
}

impl StepReport {
    /// `V7__add_user_id`, and what is special about it, a line each.
    fn title(&self) -> String {
        let recorded = self.action == FileAction::Record;
        let mut lines = vec![format!("V{}__{}", self.version, self.name)];
        for (holds, words) in [
            (self.contract, "contract"),
            (!self.transactional, "no transaction"),
            (recorded, "recorded, not run"),
        ] {
            lines.extend(holds.then(|| words.to_owned()));
        }
        let checks = self.requires_checks.iter().filter(|_| !recorded);
        lines.extend(checks.map(|check| format!("if data check {check} passes")));
        lines.join("\n")
    }

    fn summary(&self) -> String {
        if self.action == FileAction::Record {
            return "its effect is there already".to_owned();
        }
        let mut lines: Vec<String> = self.statements.iter().take(MOST_STATEMENTS).cloned().collect();
        if self.statements.len() > MOST_STATEMENTS {
            lines.push(format!("and {} more", self.statements.len() - MOST_STATEMENTS));
        }
        lines.join("\n")
    }
}

/// What locks keep whom waiting, a line each.
pub(crate) fn locks_in_words(locks: &[LockReport]) -> String {
    let line = |lock: &LockReport| {
        let size = match (lock.rows, lock.bytes) {
            (Some(rows), Some(bytes)) => format!(" (about {}, {})", plural(rows, "row"), size(bytes)),
            _ => String::new(),
        };
        let work = lock.work.as_ref().map(|work| work.in_words(&lock.relation));
        let does = match (lock.blocks, work) {
            ("nobody", None) => String::new(),
            ("nobody", Some(work)) => format!(": {work}"),
            (who, None) => format!(": {who} wait"),
            (who, Some(work)) => format!(": {who} wait while {work}"),
        };
        format!("{} {}{size}{does}", lock.mode, lock.relation)
    };
    let lines: Vec<String> = locks.iter().map(line).collect();
    if lines.is_empty() { "no locks on existing tables".to_owned() } else { lines.join("\n") }
}

/// A time for people.
pub(crate) fn milliseconds(count: u64) -> String {
    if count < 1000 { format!("{count} ms") } else { format!("{:.1} s", count as f64 / 1000.0) }
}
