//! The report of `trueup explain`.

use serde::{Serialize, Serializer};

use crate::changes::lint::LintRule;
use crate::error::Exit;
use crate::output::view::{Content, Table, Text, View};
use crate::output::{Envelope, Report};
use crate::project::GateLevel;
use crate::workflow::doctor::DoctorExamination;
use crate::workflow::gate::GateSection;

/// Rules of lint, sections of the gate, and examinations of doctor.
pub(super) struct ExplainReport {
    pub(super) run: String,
    /// Whether all of their text is wanted.
    pub(super) whole: bool,
    pub(super) rules: Vec<&'static LintRule>,
    pub(super) sections: Vec<&'static GateSection>,
    pub(super) examinations: Vec<&'static DoctorExamination>,
}

impl Report for ExplainReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("explain"), run: &self.run, exit: Exit::Clean }
    }

    fn view(&self) -> View {
        if !self.whole {
            let mut table = Table::new(&[
                ("rule", Content::Code),
                ("severity", Content::Prose),
                ("finds", Content::Prose),
            ]);
            for rule in &self.rules {
                table.push([rule.code, &level(rule), rule.summary]);
            }
            let mut sections =
                Table::new(&[("section of the gate", Content::Code), ("level", Content::Prose)]);
            for section in &self.sections {
                sections.push([format!("gate.{}", section.name.word()), level_of(section).to_owned()]);
            }
            let mut examinations = Table::new(&[("examination of doctor", Content::Code)]);
            for examination in &self.examinations {
                examinations.push([code_of(examination)]);
            }
            return View::new().table(table).table(sections).table(examinations);
        }
        let lines = |text: &str| text.lines().map(|line| Text::new(line).indented(2)).collect::<Vec<_>>();
        let mut view = View::new();
        for rule in &self.rules {
            view = view
                .line(format!("{} ({}): {}", rule.code, level(rule), rule.summary))
                .line("")
                .line(rule.help);
            for (title, sql) in [("found:", rule.bad), ("instead:", rule.good)] {
                view = view.line("").line(title);
                view = lines(sql).into_iter().fold(view, View::text);
            }
            if !rule.is_on_by_default() {
                view = view.line("").line("in trueup.toml, to switch it on:");
                let setting = format!("[lint]\nrules = {{ \"{}\" = \"{}\" }}", rule.code, rule.severity);
                view = lines(&setting).into_iter().fold(view, View::text);
            }
        }
        for section in &self.sections {
            let name = section.name.word();
            view = view.line(format!("gate.{name} ({})", level_of(section))).line("").line(section.help);
            view = view.line("").line("in trueup.toml, its level: block, warn or off");
            let setting = format!("[gate.{name}]\nlevel = \"{}\"", level_of(section));
            view = lines(&setting).into_iter().fold(view, View::text);
        }
        for examination in &self.examinations {
            view = view.line(code_of(examination)).line("").line(examination.help);
        }
        view
    }
}

/// What `trueup explain` takes, and codes of findings begin with.
fn code_of(examination: &DoctorExamination) -> String {
    format!("doctor.{}", examination.name.replace('-', "_"))
}

/// The level of a section where the project says nothing.
fn level_of(section: &GateSection) -> &'static str {
    let known = GateLevel::WORDS.into_iter().find(|(_, level)| *level == section.level);
    known.map_or("", |(word, _)| word)
}

/// How severe a rule is, and whether it is off where the project does not switch it on.
fn level(rule: &LintRule) -> String {
    match rule.is_on_by_default() {
        true => rule.severity.to_string(),
        false => format!("{}, off by default", rule.severity),
    }
}

/// The body of the JSON document: `{"rules": [...], "sections": [...], "examinations": [...]}`.
impl Serialize for ExplainReport {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let rules = self.rules.iter().map(|rule| {
            serde_json::json!({
                "code": rule.code, "severity": rule.severity, "on_by_default": rule.is_on_by_default(),
                "summary": rule.summary, "help": rule.help,
                "bad": rule.bad, "good": rule.good,
            })
        });
        let sections = self.sections.iter().map(|section| {
            serde_json::json!({ "name": section.name, "level": section.level, "help": section.help })
        });
        let (rules, sections) = (rules.collect::<Vec<_>>(), sections.collect::<Vec<_>>());
        let examinations = self
            .examinations
            .iter()
            .map(|examination| serde_json::json!({ "code": code_of(examination), "help": examination.help }));
        let examinations = examinations.collect::<Vec<_>>();
        serde_json::json!({ "rules": rules, "sections": sections, "examinations": examinations })
            .serialize(serializer)
    }
}
