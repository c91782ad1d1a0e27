//! The report of a gate: one table that is read in ten seconds, the details below, and the verdict as the last words.

use serde::{Serialize, Serializer};

use super::When;
use super::facts::GateFacts;
use super::section::Conclusion;
use super::valid_for::ValidFor;
use super::verdict::{GateVerdict, JudgedSection, Override};
use crate::error::Exit;
use crate::findings::{Change, Finding, LOCK_FILE, Location, Severity, Sides, Summary};
use crate::output::view::{Content, Headline, Table, Text, Tone, View};
use crate::output::{Envelope, Report};
use crate::project::GateLevel;
use crate::text::plural;
use crate::workflow::deliver::failure_target;
use crate::workflow::reports::plan_report::PlanReport;
use crate::workflow::reports::target::TargetReport;

/// What a gate says.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct GateReport {
    #[serde(skip)]
    run: String,
    /// The database; `null` where none answered.
    target: Option<TargetReport>,
    /// What people read in its place.
    #[serde(skip)]
    asked_target: String,
    /// Whether people want to see more.
    #[serde(skip)]
    verbose: bool,
    when: When,
    verdict: GateVerdict,
    sections: Vec<SectionReport>,
    /// What a person has overridden.
    overrides: Vec<Override>,
    /// Findings by severity.
    summary: Summary,
    /// What `trueup upgrade` would do.
    #[serde(skip_serializing_if = "Option::is_none")]
    plan: Option<PlanReport>,
    /// What the verdict is valid for.
    valid_for: Option<ValidFor>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<String>,
    /// The findings of all sections, for formats that list nothing else.
    #[serde(skip)]
    findings: Vec<Finding>,
}

/// A section.
#[derive(Debug, Clone, Serialize)]
struct SectionReport {
    name: &'static str,
    level: GateLevel,
    conclusion: Conclusion,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    #[serde(skip_serializing_if = "is_not")]
    overridden: bool,
    #[serde(serialize_with = "with_messages")]
    findings: Vec<Finding>,
    #[serde(rename = "details", skip_serializing_if = "Vec::is_empty")]
    lines: Vec<String>,
    /// What people see in the place of those.
    #[serde(skip)]
    brief: Option<Vec<String>>,
}

impl SectionReport {
    /// Whether it was not asked, though nobody has switched it off.
    fn is_unused(&self) -> bool {
        self.conclusion == Conclusion::Off && self.level != GateLevel::Off
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks so")]
fn is_not(overridden: &bool) -> bool {
    !overridden
}

/// Each finding, with the sentence that says it.
fn with_messages<S: Serializer>(findings: &[Finding], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Told<'f> {
        #[serde(flatten)]
        finding: &'f Finding,
        message: String,
    }
    serializer.collect_seq(findings.iter().map(|finding| Told { finding, message: finding.sentence() }))
}

/// A finding as the table shows it: its SQL is long, and `trueup check` shows it.
fn shown(finding: &Finding) -> Finding {
    let mut finding = finding.clone();
    let remedy = &mut finding.remedy;
    if remedy.run.is_none() && remedy.advice.is_none() && remedy.sql.is_some() {
        remedy.advice = Some("trueup check shows the SQL".to_owned());
    }
    finding
}

impl SectionReport {
    fn of(section: JudgedSection) -> Self {
        let JudgedSection { name, level, mut judgement, overridden } = section;
        // What has no place in the project's files is placed in the compiled schema.
        for finding in &mut judgement.findings {
            finding.location.get_or_insert_with(|| Location::new(LOCK_FILE, 1));
        }
        Self {
            name: name.word(),
            level,
            conclusion: judgement.conclusion,
            what: judgement.what,
            next: judgement.next,
            overridden: overridden.is_some(),
            findings: judgement.findings,
            lines: judgement.lines,
            brief: judgement.brief,
        }
    }

    /// What formats show of a section without an answer, which has no finding of its own.
    fn unanswered(&self) -> Option<Finding> {
        let unanswered = self.conclusion == Conclusion::CannotTell;
        unanswered.then(|| {
            let severity = if self.level == GateLevel::Block { Severity::Error } else { Severity::Warning };
            let code = format!("gate.{}.unreadable", self.name);
            let mut finding = Finding::new(code, severity, "gate", self.name, Change::Different)
                .sides(Sides::new(format!("cannot tell: {}", self.what), ""));
            finding.remedy.advice.clone_from(&self.next);
            finding
        })
    }
}

impl GateReport {
    pub(super) fn new(facts: &GateFacts<'_>, sections: Vec<JudgedSection>) -> Self {
        let verdict = GateVerdict::of(&sections);
        let overrides = sections.iter().filter_map(|section| section.overridden.clone()).collect();
        let sections: Vec<SectionReport> = sections.into_iter().map(SectionReport::of).collect();
        let findings: Vec<Finding> = sections
            .iter()
            .flat_map(|section| section.findings.iter().cloned().chain(section.unanswered()))
            .collect();
        let database = facts.database.as_ref().ok();
        let asked_target = failure_target(facts.settings).map_or_else(String::new, |target| {
            format!(" {} on {}:{}", target.database, target.host, target.port)
        });
        let document = facts.schema.as_ref().ok().map(|schema| &schema.document);
        let upgrade = facts.upgrade.as_ref().ok().filter(|upgrade| !upgrade.report.steps.is_empty());
        Self {
            run: facts.settings.run.clone(),
            target: database.map(|database| database.report.clone()),
            asked_target,
            verbose: facts.settings.output.verbose,
            when: facts.when,
            verdict,
            overrides,
            summary: Summary::of(&findings),
            plan: upgrade.map(|upgrade| upgrade.report.clone()),
            valid_for: ValidFor::of(facts),
            notes: document.map(|document| document.notes.clone()).unwrap_or_default(),
            sections,
            findings,
        }
    }

    /// How the command ends.
    pub(crate) fn exit(&self) -> Exit {
        self.verdict.exit()
    }

    fn headline(&self) -> Headline {
        match &self.target {
            Some(target) => target.headline(),
            None => Headline {
                subject: format!("database{}", self.asked_target),
                details: ": no answer".to_owned(),
                lines: Vec::new(),
            },
        }
    }

    /// The sections that decide the verdict.
    fn deciding(&self) -> impl Iterator<Item = &SectionReport> {
        let wanted = match self.verdict {
            GateVerdict::DoNotDeploy => Some(Conclusion::Blocks),
            GateVerdict::CannotTell => Some(Conclusion::CannotTell),
            GateVerdict::Ready => None,
        };
        let decides = move |section: &&SectionReport| {
            Some(section.conclusion) == wanted && section.level == GateLevel::Block && !section.overridden
        };
        self.sections.iter().filter(decides)
    }

    /// `DO NOT DEPLOY: history: V2 was modified after it was applied; 1 more section blocks`
    fn verdict_line(&self) -> String {
        let label = self.verdict.label();
        let Some(first) = self.deciding().next() else {
            let overridden: Vec<String> = self.overrides.iter().map(Override::in_words).collect();
            return match overridden.as_slice() {
                [] => label.to_owned(),
                overridden => format!("{label} (overridden: {})", overridden.join("; ")),
            };
        };
        let more = match self.deciding().count() - 1 {
            0 => String::new(),
            more => format!("; and {}", plural(more, "more section")),
        };
        format!("{label}: {}: {}{more}", first.name, first.what)
    }

    fn table(&self) -> Table {
        let columns = [("section", Content::Prose), ("conclusion", Content::Prose), ("what", Content::Prose)];
        let mut table = Table::new(&columns).compact();
        for section in self.sections.iter().filter(|section| !section.is_unused()) {
            let conclusion = match section.overridden {
                true => format!("{} (overridden)", section.conclusion.label()),
                false => section.conclusion.label().to_owned(),
            };
            table.push([section.name.to_owned(), conclusion, section.what.clone()]);
        }
        table
    }
}

impl Report for GateReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("gate"), run: &self.run, exit: self.exit() }
    }

    fn view(&self) -> View {
        let tone = match self.verdict {
            GateVerdict::Ready if self.overrides.is_empty() => Tone::Good,
            GateVerdict::Ready | GateVerdict::CannotTell => Tone::Warning,
            GateVerdict::DoNotDeploy => Tone::Bad,
        };
        let mut view = View::new().headline(self.headline()).table(self.table());
        let unused = self.sections.iter().filter(|section| section.is_unused());
        let unused: Vec<&str> = unused.map(|section| section.name).collect();
        if !unused.is_empty() {
            let all = unused.join(", ");
            view =
                view.text(Text::labelled("not asked", format!("{all} (trueup explain gate.{})", unused[0])));
        }
        for section in &self.sections {
            let brief = section.brief.as_ref().filter(|_| !self.verbose);
            for line in brief.unwrap_or(&section.lines) {
                view = view.text(Text::labelled(section.name, line));
            }
        }
        let told: Vec<Finding> =
            self.sections.iter().flat_map(|section| section.findings.iter().map(shown)).collect();
        let next = self.deciding().find_map(|section| section.next.clone());
        view.findings(&told).notes(&self.notes).verdict(self.verdict_line(), tone).next(next)
    }

    fn findings(&self) -> Option<&[Finding]> {
        Some(&self.findings)
    }

    fn passed(&self) -> Vec<String> {
        let ready = self.sections.iter().filter(|section| section.conclusion == Conclusion::Ready);
        ready.map(|section| format!("{}: {}", section.name, section.what)).collect()
    }
}
