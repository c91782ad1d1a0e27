//! The report of `trueup lint`.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};
use smol_str::SmolStr;

use super::locks::{self, ReportedLock};
use super::sizes::SizeSource;
use super::statements::FoundStatement;
use crate::changes::lint::SilencedFinding;
use crate::error::Exit;
use crate::findings::{Finding, Location, Summary};
use crate::output::view::{Headline, Text, Tone, View};
use crate::output::{Envelope, Report};
use crate::text::plural;
use crate::workflow::reports::footprint_report::FootprintReport;

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub(super) struct LintReport {
    /// The run's ULID.
    #[serde(skip)]
    pub(super) run: String,
    /// The exit code.
    #[serde(skip)]
    pub(super) exit: Exit,
    /// The version of the server that the project was compiled with.
    pub(super) server: String,
    /// How many migrations were judged.
    pub(super) migrations: usize,
    /// Why these.
    #[serde(skip)]
    pub(super) why: String,
    /// The commit, branch or tag of git whose migrations were left out.
    pub(super) since: Option<String>,
    /// Findings by severity.
    pub(super) summary: Summary,
    /// The findings, in the order of the files.
    pub(super) findings: LintFindings,
    /// The locks of statements that do no work on rows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) locks: Vec<ReportedLock>,
    /// The migrations that are too long to be measured.
    pub(super) unmeasured: Vec<Location>,
    /// The migrations that are programs.
    pub(super) programs: usize,
    /// Where the sizes of tables come from; `None` where they are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) sizes: Option<SizeSource>,
    /// What is not alarming because a table is small.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) silenced: Vec<Silenced>,
    /// The tables that others wait for, and whose sizes are not known, where those of others are.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(super) unknown_sizes: BTreeSet<SmolStr>,
}

/// The findings, each with the statement that it is about, where there is one.
#[derive(Debug, Clone)]
pub(super) struct LintFindings {
    pub(super) findings: Vec<Finding>,
    pub(super) statements: Vec<Option<FoundStatement>>,
}

impl LintFindings {
    fn iter(&self) -> impl Iterator<Item = (&Finding, Option<&FoundStatement>)> {
        self.findings.iter().zip(self.statements.iter().map(Option::as_ref))
    }
}

impl Serialize for LintFindings {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Told<'f> {
            #[serde(flatten)]
            finding: &'f Finding,
            /// What happens, to what, and why.
            what: &'f str,
            #[serde(flatten)]
            statement: Option<&'f FootprintReport>,
        }
        serializer.collect_seq(self.iter().map(|(finding, statement)| Told {
            finding,
            what: what(finding),
            statement: statement.map(|statement| &statement.report),
        }))
    }
}

/// What happens, to what, and why.
fn what(finding: &Finding) -> &str {
    finding.sides.as_ref().map(|sides| sides.database.as_str()).unwrap_or_default()
}

/// A finding that is none.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Silenced {
    code: String,
    location: Option<Location>,
    why: String,
}

impl From<SilencedFinding> for Silenced {
    fn from(SilencedFinding { code, location, why }: SilencedFinding) -> Self {
        Self { code, location, why }
    }
}

impl Report for LintReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("lint"), run: &self.run, exit: self.exit }
    }

    fn view(&self) -> View {
        let mut view = View::new().headline(Headline {
            subject: plural(self.migrations, "migration"),
            details: format!(", measured by PostgreSQL {}", self.server),
            lines: vec![self.why.clone()],
        });
        for (finding, statement) in self.findings.iter() {
            let place = finding.location.as_ref().map(ToString::to_string).unwrap_or_default();
            view = view.text(Text::new(format!("{place}  {} {}", finding.severity, finding.code)));
            view = view
                .excerpt(statement.map(|statement| statement.excerpt.clone()))
                .text(Text::new(what(finding)).indented(2));
            if let Some(instead) = &finding.remedy.advice {
                view = view.text(Text::new(format!("instead: {instead}")).indented(2));
            }
        }
        if let Some(table) = locks::table(&self.locks) {
            view = view.table(table);
        }
        view.notes(self.notes()).verdict(self.verdict(), self.tone()).next(self.next())
    }

    fn findings(&self) -> Option<&[Finding]> {
        Some(&self.findings.findings)
    }
}

impl LintReport {
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.unmeasured.is_empty() {
            let places: Vec<String> = self.unmeasured.iter().map(ToString::to_string).collect();
            notes.push(format!(
                "not measured: {} of DDL alone, which {} too long: {}",
                plural(self.unmeasured.len(), "migration"),
                if self.unmeasured.len() == 1 { "is" } else { "are" },
                places.join(", ")
            ));
        }
        if self.programs > 0 {
            notes.push(format!(
                "not measured: {} of another tool, which are programs",
                plural(self.programs, "migration")
            ));
        }
        let waits = self.findings.iter().any(|(finding, _)| finding.code.starts_with("blocks."));
        if self.sizes.is_none() && waits {
            notes.push(
                "to know how long: --env NAME, or commit what `trueup sizes --env NAME` writes".to_owned(),
            );
        }
        notes.extend(self.sizes.as_ref().map(|sizes| format!("sizes: {}", sizes.in_words())));
        if self.sizes.is_some() && !self.unknown_sizes.is_empty() {
            let unknown: Vec<&str> = self.unknown_sizes.iter().map(SmolStr::as_str).collect();
            notes.push(format!("size not known (new, or never analyzed): {}", unknown.join(", ")));
        }
        notes.extend(locks::notes(&self.locks));
        notes.extend(self.silenced.iter().map(|silenced| {
            let place = silenced.location.as_ref().map(|place| format!(" at {place}")).unwrap_or_default();
            format!("no alarm: {}{place}: {}", silenced.code, silenced.why)
        }));
        notes
    }

    fn tone(&self) -> Tone {
        match (self.exit, self.summary.error) {
            (Exit::Clean, _) => Tone::Good,
            (_, 0) => Tone::Warning,
            _ => Tone::Bad,
        }
    }

    fn verdict(&self) -> String {
        match self.findings.findings.len() {
            0 if self.migrations == 0 => "OK: no migration to judge".to_owned(),
            0 => format!("OK: nothing found in {}", plural(self.migrations, "migration")),
            _ if self.sizes.is_some() => self.counted(),
            _ => format!("{}; how large the tables are is not known here", self.counted()),
        }
    }

    /// `2 errors, 1 warning`
    fn counted(&self) -> String {
        let Summary { error, warning, info } = self.summary;
        let counts = [(error, "error"), (warning, "warning"), (info, "remark")];
        let counts =
            counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| plural(count, what));
        counts.collect::<Vec<_>>().join(", ")
    }

    fn next(&self) -> Option<String> {
        self.findings.findings.first().map(|finding| format!("trueup explain {}", finding.code))
    }
}
