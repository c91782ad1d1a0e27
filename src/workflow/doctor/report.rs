//! The report: one table that is read in some seconds, what to do below for what is not well, and the settings that somebody
//! gave. All formats come from the same findings.

use std::path::Path;

use serde::Serialize;

use super::Surroundings;
use super::bundle::BundleDetails;
use super::examination::{DoctorExamination, Examined, Grade, Problem};
use crate::error::Exit;
use crate::findings::{Change, Finding, Location, Remedy, Severity, Sides, Summary};
use crate::output::view::{Content, Headline, Table, Text, Tone, View};
use crate::output::{Envelope, Report};
use crate::project::{ListedSetting, Project};
use crate::text::plural;

/// What the examinations came to.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct DoctorReport {
    #[serde(skip)]
    run: String,
    /// `role@host:port/database`; `null` where none was given.
    database: Option<String>,
    /// Every setting with its origin.
    settings: Vec<ListedSetting>,
    /// The variables that are not heeded.
    ignored_variables: Vec<String>,
    examinations: Vec<ExaminationReport>,
    summary: Summary,
    findings: Vec<Finding>,
    /// Whether a server was asked for, and none has said anything.
    #[serde(skip)]
    is_unanswered: bool,
    /// Whether all settings are printed.
    #[serde(skip)]
    all_settings: bool,
    /// What was written for a ticket, and what is in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) bundle: Option<String>,
    #[serde(skip)]
    pub(super) details: BundleDetails,
}

/// An examination.
#[derive(Debug, Clone, Serialize)]
struct ExaminationReport {
    name: &'static str,
    result: Grade,
    what: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    problems: Vec<Problem>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<String>,
}

impl ExaminationReport {
    fn of(examination: &DoctorExamination, done: Examined, redact: &impl Fn(&str) -> String) -> Self {
        let result = done.grade();
        let worst = done.problems.iter().rev().max_by_key(|problem| problem.grade);
        let what = match (&done.not_asked, worst) {
            (Some(why), _) => why.clone(),
            (None, None) => done.what.clone(),
            (None, Some(worst)) => {
                let first = worst.what.lines().next().unwrap_or_default();
                match done.problems.len() {
                    _ if done.is_told_whole => done.what.clone(),
                    1 => first.to_owned(),
                    count => format!("{first}; and {} more", count - 1),
                }
            }
        };
        let problem = |problem: Problem| Problem {
            what: redact(&problem.what),
            next: redact(&problem.next),
            ..problem
        };
        Self {
            name: examination.name,
            result,
            what: redact(&what),
            problems: done.problems.into_iter().map(problem).collect(),
            details: done.details.iter().map(|line| redact(line)).collect(),
        }
    }

    fn findings(&self, project: &Project) -> impl Iterator<Item = Finding> {
        self.problems.iter().map(|problem| {
            let severity = if problem.grade == Grade::Fail { Severity::Error } else { Severity::Warning };
            let code = match problem.code.contains('.') {
                true => problem.code.clone(),
                false => format!("doctor.{}.{}", self.name.replace('-', "_"), problem.code),
            };
            let remedy = match problem.next.as_str() {
                "" => Remedy::default(),
                next => Remedy::advice(next),
            };
            let finding = Finding::new(code, severity, "examination", self.name, Change::Different)
                .sides(Sides::new(&problem.what, ""))
                .remedy(remedy);
            match &problem.at {
                Some(at) => finding.at(Location::new(project.display(Path::new(&at.file)), at.line)),
                None => finding,
            }
        })
    }
}

impl DoctorReport {
    pub(super) fn new(
        around: &Surroundings<'_>,
        examined: Vec<(&'static DoctorExamination, Examined)>,
        details: BundleDetails,
    ) -> Self {
        let settings = around.settings;
        let redact = |text: &str| settings.secrets.redact(text);
        let examinations: Vec<ExaminationReport> = examined
            .into_iter()
            .map(|(examination, done)| ExaminationReport::of(examination, done, &redact))
            .collect();
        let findings: Vec<Finding> =
            examinations.iter().flat_map(|one| one.findings(&settings.project)).collect();
        let listed = settings
            .list()
            .into_iter()
            .map(|setting| ListedSetting { value: setting.value.as_deref().map(redact), ..setting });
        Self {
            run: settings.run.clone(),
            database: settings.asked_target().map(|target| target.to_string()),
            settings: listed.collect(),
            ignored_variables: settings.ignored_variables.clone(),
            examinations,
            summary: Summary::of(&findings),
            findings,
            is_unanswered: around.is_unanswered,
            all_settings: settings.output.verbose,
            bundle: None,
            details,
        }
    }

    /// How the command ends: nothing can be told of a database whose server has not said anything.
    pub(crate) fn exit(&self) -> Exit {
        let fails = self.examinations.iter().any(|one| one.result == Grade::Fail);
        match (fails, self.is_unanswered) {
            (_, true) => Exit::CannotTell,
            (true, false) => Exit::Findings,
            (false, false) => Exit::Clean,
        }
    }

    fn table(&self) -> Table {
        let columns = [("examined", Content::Prose), ("result", Content::Prose), ("what", Content::Prose)];
        let mut table = Table::new(&columns).compact();
        let mut told = Vec::new();
        for one in &self.examinations {
            if one.result != Grade::NotAsked {
                table.push([one.name, one.result.label(), &one.what]);
            } else if !told.contains(&&one.what) {
                // What was not asked for one reason is one row.
                told.push(&one.what);
                let same = self.with_grade(Grade::NotAsked).filter(|other| other.what == one.what);
                let names: Vec<&str> = same.map(|other| other.name).collect();
                match names.as_slice() {
                    [name] => table.push([name, one.result.label(), &one.what]),
                    names => {
                        let what = format!("{}: {}", one.what, names.join(", "));
                        table.push([&format!("{} more", names.len()), one.result.label(), &what]);
                    }
                }
            }
        }
        table
    }

    fn settings_table(&self) -> Table {
        let columns = [("setting", Content::Code), ("value", Content::Code), ("from", Content::Prose)];
        let mut table = Table::new(&columns).compact();
        for setting in &self.settings {
            if self.all_settings || setting.origin.is_given() {
                let value = setting.value.clone().unwrap_or_else(|| "none".to_owned());
                table.push([setting.name.clone(), value, setting.origin.to_string()]);
            }
        }
        table
    }

    fn with_grade(&self, grade: Grade) -> impl Iterator<Item = &ExaminationReport> {
        self.examinations.iter().filter(move |one| one.result == grade)
    }

    fn verdict(&self) -> (String, Tone) {
        let warned = self.with_grade(Grade::Warn).count();
        let unasked = self.with_grade(Grade::NotAsked).count();
        let mut more = Vec::new();
        let failed: Vec<&str> = self.with_grade(Grade::Fail).map(|one| one.name).collect();
        if !failed.is_empty() && warned > 0 {
            more.push(plural(warned, "warning"));
        }
        if unasked > 0 {
            more.push(format!("{unasked} not asked"));
        }
        let more = if more.is_empty() { String::new() } else { format!("; {}", more.join(", ")) };
        match (failed.as_slice(), warned) {
            ([], 0) => (format!("OK: {} examined{more}", self.examinations.len() - unasked), Tone::Good),
            ([], _) => {
                let names: Vec<&str> = self.with_grade(Grade::Warn).map(|one| one.name).collect();
                (format!("WARN: {}{more}", names.join(", ")), Tone::Warning)
            }
            (failed, _) => (format!("FAIL: {}{more}", failed.join(", ")), Tone::Bad),
        }
    }
}

impl Report for DoctorReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("doctor"), run: &self.run, exit: self.exit() }
    }

    fn view(&self) -> View {
        let subject = match &self.database {
            Some(database) => format!("database {database}"),
            None => "no database was given".to_owned(),
        };
        let headline = Headline { subject, details: String::new(), lines: Vec::new() };
        let mut view = View::new().headline(headline).table(self.table());
        for one in &self.examinations {
            for problem in &one.problems {
                let tone = if problem.grade == Grade::Fail { Tone::Bad } else { Tone::Warning };
                let label = format!("{} {}", problem.grade.label(), one.name);
                let mut lines = problem.what.lines();
                view = view.text(Text::labelled(label, lines.next().unwrap_or_default()).tone(tone));
                view = lines.fold(view, |view, line| view.text(Text::new(line).indented(2)));
                view = problem.next.lines().fold(view, |view, line| view.text(Text::new(line).indented(2)));
            }
        }
        let (verdict, tone) = self.verdict();
        view.table(self.settings_table()).notes(self.bundle.iter()).verdict(verdict, tone)
    }

    fn findings(&self) -> Option<&[Finding]> {
        Some(&self.findings)
    }

    fn passed(&self) -> Vec<String> {
        self.with_grade(Grade::Ok).map(|one| format!("{}: {}", one.name, one.what)).collect()
    }
}
