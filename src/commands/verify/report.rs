//! The report of `trueup verify`: what the data checks found, and with `--fix` what was repaired.

use std::time::Duration;

use serde::Serialize;

use crate::error::Exit;
use crate::findings::{Command, Finding, Severity, Summary};
use crate::output::view::{Content, Table, Text, Tone, View};
use crate::output::{Envelope, Metrics, ProbeName, Report};
use crate::text::duration;
use crate::text::plural;
use crate::workflow::reports::backup_plan::{BackupPlan, LastBackup};
use crate::workflow::reports::data_check::DataCheckReport;
use crate::workflow::reports::fix_report::{FixReport, RepairStage};
use crate::workflow::reports::metrics;
use crate::workflow::reports::target::TargetReport;

/// The results of the checks, and with `--fix` of the repair.
#[derive(Debug, Clone, Serialize)]
pub(super) struct VerifyReport {
    /// The ULID of the run.
    #[serde(skip)]
    pub(super) run: String,
    /// The exit code.
    #[serde(skip)]
    pub(super) exit: Exit,
    /// What names the role that reads and writes.
    #[serde(skip)]
    pub(super) role_setting: &'static str,
    /// The database.
    pub(super) target: TargetReport,
    /// The number of checks that found rows, by severity.
    pub(super) summary: Summary,
    /// The results of the checks.
    pub(super) checks: Vec<DataCheckReport>,
    /// The checks that found rows, or that could not see every row, as findings.
    pub(super) findings: Vec<Finding>,
    /// How long the checks took, in milliseconds.
    pub(super) milliseconds: u64,
    /// The names of the checks on the command line.
    #[serde(skip)]
    pub(super) asked: Vec<String>,
    /// With `--fix`: how far the repair went.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) stage: Option<RepairStage>,
    /// With `--fix`: the fixes that have rows, in the order of the repairs.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) fixes: Vec<FixReport>,
    /// The backup before the change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) backup_plan: Option<BackupPlan>,
    /// The backup that was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) backup: Option<LastBackup>,
    /// Additional notes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
    /// The hint of the failure with which the repair would be refused.
    #[serde(skip)]
    pub(super) refused: Option<String>,
}

impl Report for VerifyReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("verify"), run: &self.run, exit: self.exit }
    }

    fn view(&self) -> View {
        let mut view = View::new().headline(self.target.headline());
        if self.stage != Some(RepairStage::Planned) {
            view = view.then(self.checks_view());
        }
        view = view.then(self.proposal());
        if let Some(backup) = &self.backup {
            view = view.line(format!("backup: {}", backup.summary()));
        }
        let took = match self.stage {
            Some(RepairStage::Planned) => String::new(),
            _ => format!(" ({})", duration(Duration::from_millis(self.milliseconds))),
        };
        let tone = match (self.exit, self.summary.error) {
            (Exit::Clean, _) => Tone::Good,
            (_, 0) => Tone::Warning,
            _ => Tone::Bad,
        };
        view.notes(&self.notes).verdict(self.verdict() + &took, tone).next(self.next())
    }

    fn findings(&self) -> Option<&[Finding]> {
        Some(&self.findings)
    }

    fn metrics(&self) -> Option<Metrics> {
        let complete = self.checks.iter().all(|check| check.rows.is_some());
        let counts = self.checks.iter().map(|check| (check.name.as_str(), check.severity, check.rows));
        let counted = metrics::of_command(self.target.labels.clone(), ProbeName::Data, complete);
        Some(counted.family(metrics::check_rows(counts)))
    }

    fn passed(&self) -> Vec<String> {
        let passed =
            self.checks.iter().filter(|check| check.rows == Some(0) && check.not_applicable.is_none());
        passed.map(|check| format!("{}: {}", check.name, check.title)).collect()
    }
}

impl VerifyReport {
    /// What will be done, or was done: what is shown before the question.
    pub(super) fn proposal(&self) -> View {
        let stage = self.stage.unwrap_or(RepairStage::Planned);
        let mut view = self.fixes.iter().fold(View::new(), |view, fix| view.then(fix.view(stage)));
        if self.stage == Some(RepairStage::Planned) {
            for check in &self.checks {
                view = check.left.iter().fold(view, |view, why| view.text(Text::labelled(&check.name, why)));
            }
        }
        match (&self.backup_plan, &self.backup) {
            (Some(plan), None) => view.line(plan.summary()),
            _ => view,
        }
    }

    fn checks_view(&self) -> View {
        let columns = [
            ("check", Content::Prose),
            ("what has to be true", Content::Prose),
            ("rows", Content::Number),
            ("fixes", Content::Prose),
        ];
        let mut table = Table::new(&columns);
        for check in &self.checks {
            let fixes = if check.fixes.is_empty() { "none".to_owned() } else { check.fixes.join(", ") };
            let name = format!("{}\n{}", check.name, check.severity);
            table.push([name, check.title.clone(), check.count(), fixes]);
        }
        let mut view = View::new().table(table);
        for check in &self.checks {
            if let Some(why) = &check.not_applicable {
                view = view.text(Text::labelled(&check.name, why));
            }
            if let Some(why) = &check.unknown {
                view = view.text(Text::labelled(&check.name, why).tone(Tone::Warning));
            }
            if check.fails() && !check.sample.is_empty() {
                let shown = check.sample.len() as u64;
                let some =
                    if check.rows == Some(shown) { String::new() } else { format!(", {shown} of them") };
                let count = plural(check.rows.unwrap_or_default(), "row");
                view = view.text(Text::labelled(&check.name, format!("{count}{some}")));
                view = view.table(Table::of_rows(&check.columns, &check.sample));
            }
            view = check.left.iter().fold(view, |view, why| view.text(Text::labelled(&check.name, why)));
        }
        view
    }

    /// The result in one line.
    pub(super) fn verdict(&self) -> String {
        let unknown = self.checks.iter().filter(|check| check.rows.is_none()).count();
        let failing = self.checks.iter().filter(|check| check.fails()).count();
        let wrong: u64 = self.checks.iter().filter_map(|check| check.rows).sum();
        let beside = self.checks.iter().filter(|check| check.not_applicable.is_some()).count();
        let mut all = plural(self.checks.len() - beside, "check");
        if beside > 0 {
            all.push_str(&format!(" ({beside} not run)"));
        }
        let changed: u64 = self.fixes.iter().map(|fix| fix.changed).sum();
        let done = match self.stage {
            Some(RepairStage::Done) if changed > 0 => format!("repaired {}; ", plural(changed, "row")),
            _ => String::new(),
        };
        if self.stage == Some(RepairStage::Planned) {
            let planned: u64 = self.fixes.iter().map(|fix| fix.rows).sum();
            return match planned {
                0 => "dry run: no row has an automatic fix; nothing was changed".to_owned(),
                planned => {
                    format!("dry run: {} would be repaired; nothing was changed", plural(planned, "row"))
                }
            };
        }
        let remarks = self.checks.iter().filter(|check| check.fails() && check.severity == Severity::Info);
        let only_remarks = remarks.count() == failing;
        match (unknown, failing) {
            (0, failing) if failing > 0 && only_remarks => {
                format!("{done}OK: {all}; {} with remarks", plural(wrong, "row"))
            }
            _ if self.checks.is_empty() => "nothing to verify: checks/ has no check".to_owned(),
            (0, 0) => format!("{done}OK: {all}, no row is wrong"),
            (0, failing) => {
                let fail = if failing == 1 { "fails" } else { "fail" };
                format!("{done}{failing} of {all} {fail}: {} wrong", plural(wrong, "row"))
            }
            (unknown, 0) => format!("{done}cannot tell: {unknown} of {all} cannot see every row"),
            (unknown, failing) => format!(
                "{done}incomplete: {unknown} of {all} cannot see every row, {failing} found {}",
                plural(wrong, "row")
            ),
        }
    }

    /// The commands to run next.
    pub(super) fn next(&self) -> Vec<String> {
        let mut next = Vec::new();
        if let Some(check) = self.checks.iter().find(|check| check.rows.is_none()) {
            let role = crate::postgres::sql::identifier(&self.target.role).into_owned();
            next.push(match check.obstacles.first() {
                Some(obstacle) => obstacle.remedy(&role, self.role_setting),
                None => format!("look at {}", check.file),
            });
        }
        let names = |of: &dyn Fn(&&DataCheckReport) -> bool| -> Vec<String> {
            let all = self.checks.iter().filter(|check| check.fails()).count();
            let names: Vec<String> = self
                .checks
                .iter()
                .filter(|check| check.fails())
                .filter(of)
                .map(|check| check.name.clone())
                .collect();
            if names.len() == all { Vec::new() } else { names }
        };
        let fixable = |check: &&DataCheckReport| !check.fixes.is_empty();
        let any = self.checks.iter().any(|check| check.fails() && fixable(&check));
        match self.stage {
            None if any => {
                next.push(Command::VerifyFix { checks: names(&fixable), dry_run: true }.to_string())
            }
            Some(RepairStage::Planned) if self.refused.is_some() => next.extend(self.refused.clone()),
            Some(RepairStage::Planned) if self.fixes.iter().any(|fix| fix.rows > 0) => {
                next.push(Command::VerifyFix { checks: self.asked.clone(), dry_run: false }.to_string());
            }
            Some(RepairStage::Done) if self.fixes.iter().any(|fix| fix.changed > 0) => {
                next.push(format!("to undo it: {}", Command::Undo { run: self.run.clone() }));
            }
            _ => {}
        }
        next
    }
}

/// The exit code of a command that has run checks. A check whose result is not known never counts as clean.
pub(super) fn exit(checks: &[DataCheckReport]) -> Exit {
    if checks.iter().any(|check| check.rows.is_none()) {
        return Exit::CannotTell;
    }
    let fails =
        |check: &DataCheckReport| check.severity > Severity::Info && check.rows.is_some_and(|rows| rows > 0);
    if checks.iter().any(fails) { Exit::Findings } else { Exit::Clean }
}
