//! Which version a database was found at, what differs from it, and what is recorded of it.

use serde::Serialize;

use super::plan_report::PlanReport;
use super::schema_report::SchemaReport;
use crate::error::Exit;
use crate::findings::{CauseKind, Command};
use crate::output::view::{Text, Tone, View};
use crate::text::plural;

/// What `adopt` found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct AdoptionReport {
    /// The version that the catalog is closest to, or that was stated, or that refinery's history has.
    pub(crate) version: String,
    /// Its name.
    pub(crate) name: String,
    /// How many of the project's migrations lead to it.
    pub(crate) migrations: usize,
    /// How many migrations the project has.
    pub(crate) of: usize,
    /// Whether the operator stated the version.
    pub(crate) stated: bool,
    /// Whether refinery's history was there already, so that it stays as it is.
    pub(crate) has_history: bool,
    /// How many objects differ from what that version builds.
    pub(crate) differences: usize,
    /// Those of them that were accepted.
    pub(crate) accepted: Vec<String>,
    /// Migrations among them that change nothing that a catalog shows.
    pub(crate) rows_alone: Vec<String>,
}

impl AdoptionReport {
    fn label(&self) -> String {
        format!("V{}__{}", self.version, self.name)
    }

    /// What was found, in one line.
    fn found(&self) -> String {
        let place = format!("{} ({} of {})", self.label(), self.migrations, plural(self.of, "migration"));
        let differences = match (self.differences, self.accepted.len()) {
            (0, _) => None,
            (differences, 0) => Some(plural(differences, "difference")),
            (differences, accepted) => {
                Some(format!("{}, {accepted} accepted", plural(differences, "difference")))
            }
        };
        match (self.has_history, self.stated, differences) {
            (true, ..) => format!("refinery's history is at {place}"),
            (false, true, None) => format!("compared with {place}, as asked: matches exactly"),
            (false, true, Some(differences)) => format!("compared with {place}, as asked: {differences}"),
            (false, false, None) => format!("matches {place} exactly"),
            (false, false, Some(differences)) => format!("best match: {place}, {differences}"),
        }
    }

    /// What was found and will be recorded, for whoever is asked.
    pub(crate) fn proposal(&self, report: &SchemaReport, plan: &PlanReport) -> View {
        let mut view = View::new().headline(report.headline());
        if !self.has_history {
            view = view.then(report.differences());
        }
        view.then(report.coverage_view())
            .line(self.found())
            .lines(self.records(report, plan))
            .notes(&report.notes)
    }

    /// The whole report of `adopt`.
    pub(crate) fn view(&self, report: &SchemaReport, plan: &PlanReport) -> View {
        let view = match report.applied.is_empty() {
            true => self.proposal(report, plan),
            false => View::new()
                .headline(report.headline())
                .lines(report.applied.iter().map(|done| format!("recorded V{}__{}", done.version, done.name)))
                .notes(&report.notes),
        };
        let tone = if report.exit == Exit::Clean { Tone::Good } else { Tone::Warning };
        let checked = self.checked(report).map(|text| Text::new(text).when_quiet(true));
        let view = view.verdict(self.verdict(report, plan), tone);
        checked.into_iter().fold(view, View::text).next(next(report))
    }

    /// What is, or would be, recorded.
    fn records(&self, report: &SchemaReport, plan: &PlanReport) -> Option<String> {
        const MOST: usize = 3;
        if plan.steps.is_empty() || report.error.is_some() {
            return None;
        }
        let names: Vec<String> =
            plan.steps.iter().map(|step| format!("V{}__{}", step.version, step.name)).collect();
        let names = match names.as_slice() {
            [first, .., last] if names.len() > MOST => {
                format!("{first} to {last} ({})", plural(names.len(), "migration"))
            }
            names => names.join(", "),
        };
        Some(match self.has_history {
            true => {
                format!("will be kept in schema trueup: texts and effects of {names}; nothing else changes")
            }
            false => format!(
                "will be recorded as applied, not run: {names}; tables, rows and other tools' histories do not change"
            ),
        })
    }

    fn verdict(&self, report: &SchemaReport, plan: &PlanReport) -> String {
        let current = match &report.history.current {
            Some(current) => format!("the database is at V{current}"),
            None => "nothing is recorded".to_owned(),
        };
        match (&report.error, report.applied.len(), plan.steps.len()) {
            (Some(_), ..) => format!("not adopted: the database does not match {}", self.label()),
            (None, 0, 0) => format!("nothing to do: {current}"),
            (None, 0, steps) => {
                let count = plural(steps, "migration");
                let would = match self.has_history {
                    true => format!("the records of {count} would be taken over"),
                    false => format!("{count} would be recorded as applied"),
                };
                format!("dry run: {would}; nothing was changed")
            }
            (None, done, _) if self.has_history => {
                format!("done: took over the records of {}; {current}", plural(done, "migration"))
            }
            (None, done, _) => format!("done: recorded {} as applied; {current}", plural(done, "migration")),
        }
    }

    /// What the check says of a database whose history is recorded, other than what the pending migrations change.
    fn checked(&self, report: &SchemaReport) -> Option<String> {
        let recorded = self.has_history || !report.applied.is_empty();
        let other = report.findings.iter().filter(|finding| finding.cause_kind() != Some(CauseKind::Pending));
        let count = if recorded { other.count() } else { 0 };
        let differences = plural(count, "more difference");
        (count > 0).then(|| format!("{differences}, not from pending migrations: trueup check"))
    }
}

/// What to run next.
fn next(report: &SchemaReport) -> Option<String> {
    match (&report.error, report.applied.is_empty()) {
        // Standard error says it.
        (Some(_), _) => None,
        (None, true) if report.plan.as_ref().is_some_and(|plan| !plan.steps.is_empty()) => {
            Some("trueup adopt, without --dry-run".to_owned())
        }
        (None, _) => (!report.history.pending.is_empty()).then(|| Command::Upgrade.to_string()),
    }
}
