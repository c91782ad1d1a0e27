//! What a section of a gate is, and what it concludes.

use std::pin::Pin;

use serde::Serialize;

use super::facts::GateFacts;
use super::session::GateSession;
use crate::error::Failure;
use crate::findings::{Change, Finding, Remedy, Severity, Sides};
use crate::postgres::connection::OwnedRow;
use crate::project::{GateLevel, SectionName};

/// What a section comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Conclusion {
    /// Nothing speaks against the deploy.
    #[serde(rename = "ready")]
    Ready,
    /// Something should be looked at. It stops nothing.
    #[serde(rename = "warns")]
    Warns,
    /// The deploy must not begin.
    #[serde(rename = "blocks")]
    Blocks,
    /// There is no answer.
    #[serde(rename = "cannot tell")]
    CannotTell,
    /// It was not asked.
    #[serde(rename = "off")]
    Off,
}

impl Conclusion {
    /// What people read.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Warns => "WARNS",
            Self::Blocks => "BLOCKS",
            Self::CannotTell => "CANNOT TELL",
            Self::Off => "off",
        }
    }
}

/// What a section found, before its level is looked at.
#[derive(Debug, Clone)]
pub(crate) struct Judgement {
    pub(crate) conclusion: Conclusion,
    /// The reason in a few words, for the table.
    pub(crate) what: String,
    /// What to run or do, where something is to be done.
    pub(crate) next: Option<String>,
    /// Findings. An error among them stops the deploy, a warning does not.
    pub(crate) findings: Vec<Finding>,
    /// Further lines for people.
    pub(crate) lines: Vec<String>,
    /// What people see in the place of those, unless they want to see more.
    pub(crate) brief: Option<Vec<String>>,
}

impl Judgement {
    fn new(conclusion: Conclusion, what: impl Into<String>) -> Self {
        Self {
            conclusion,
            what: what.into(),
            next: None,
            findings: Vec::new(),
            lines: Vec::new(),
            brief: None,
        }
    }

    /// Nothing speaks against the deploy.
    pub(crate) fn ready(what: impl Into<String>) -> Self {
        Self::new(Conclusion::Ready, what)
    }

    /// It was not asked.
    pub(crate) fn off(why: impl Into<String>) -> Self {
        Self::new(Conclusion::Off, why)
    }

    /// There is no answer, because of this.
    pub(crate) fn unknown(failure: &Failure) -> Self {
        Self::new(Conclusion::CannotTell, first_line(&told(failure))).next(&failure.next)
    }

    /// The deploy must not begin, because of this, which is about that object.
    pub(crate) fn refused(section: SectionName, object: &str, failure: &Failure) -> Self {
        let (code, what) = (failure.error_code(), told(failure));
        let found = finding(section, code.as_str(), object, &what, &failure.next);
        Self::of_findings(vec![found], first_line(&what)).next(&failure.next)
    }

    /// It stops the deploy where one of the findings is an error, and warns where one is a warning.
    pub(crate) fn of_findings(findings: Vec<Finding>, what: impl Into<String>) -> Self {
        let conclusion = match findings.iter().map(|finding| finding.severity).max() {
            None | Some(Severity::Info) => Conclusion::Ready,
            Some(Severity::Warning) => Conclusion::Warns,
            Some(Severity::Error) => Conclusion::Blocks,
        };
        let first = findings.iter().rev().max_by_key(|finding| finding.severity);
        let next = first.and_then(|first| first.remedy.summary());
        Self { findings, ..Self::new(conclusion, what) }.next(next.unwrap_or_default())
    }

    /// Sets what to run or do; an empty text is nothing.
    #[must_use]
    pub(crate) fn next(mut self, next: impl Into<String>) -> Self {
        let next = next.into();
        self.next = (!next.is_empty()).then_some(next);
        self
    }

    /// Adds lines for people.
    #[must_use]
    pub(crate) fn lines(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.lines.extend(lines);
        self
    }

    /// Sets what people see in the place of the lines, unless they want to see more.
    #[must_use]
    pub(crate) fn brief(mut self, brief: Vec<String>) -> Self {
        self.brief = Some(brief);
        self
    }

    /// Says that not all could be seen: it is not known to be ready.
    #[must_use]
    pub(crate) fn incomplete(mut self, unseen: impl Into<String>) -> Self {
        match self.conclusion {
            Conclusion::Blocks => self.lines.push(unseen.into()),
            _ => (self.conclusion, self.what) = (Conclusion::CannotTell, unseen.into()),
        }
        self
    }

    /// Says that a part of it can only be asked later: that is to be looked at, and stops nothing.
    #[must_use]
    pub(crate) fn unasked(mut self, what: impl Into<String>) -> Self {
        match self.conclusion {
            Conclusion::Ready => (self.conclusion, self.what) = (Conclusion::Warns, what.into()),
            _ => self.lines.push(what.into()),
        }
        self
    }

    /// What it comes to at a level: what may not stop a deploy warns.
    #[must_use]
    pub(super) fn at(mut self, level: GateLevel) -> Self {
        if level == GateLevel::Warn {
            if self.conclusion == Conclusion::Blocks {
                self.conclusion = Conclusion::Warns;
            }
            for finding in &mut self.findings {
                finding.severity = finding.severity.min(Severity::Warning);
            }
        }
        self
    }
}

/// What a failure says. That nothing was changed goes without saying in a gate, which changes nothing.
fn told(failure: &Failure) -> String {
    failure.what.replace("; nothing was changed", "")
}

fn first_line(what: &str) -> &str {
    what.lines().next().unwrap_or_default()
}

/// An error that a section finds and that no other command finds. `what` is one sentence, `advice` may be empty.
pub(crate) fn finding(section: SectionName, code: &str, object: &str, what: &str, advice: &str) -> Finding {
    let code = if code.contains('.') { code.to_owned() } else { format!("gate.{}.{code}", section.word()) };
    let remedy = if advice.is_empty() { Remedy::default() } else { Remedy::advice(advice) };
    Finding::new(code, Severity::Error, kind(section), object, Change::Different)
        .sides(Sides::new(what, ""))
        .remedy(remedy)
}

/// What the findings of a section are about.
fn kind(section: SectionName) -> &'static str {
    match section {
        SectionName::Identity => "database",
        SectionName::Rights => "right",
        SectionName::Backup => "backup",
        SectionName::Blockers => "session",
        SectionName::Replicas => "standby",
        SectionName::Rehearsal => "rehearsal",
        _ => "gate",
    }
}

/// What a section does while the others wait or work.
pub(super) type Judging<'a> = Pin<Box<dyn Future<Output = Result<Judgement, Failure>> + 'a>>;

/// How a section is judged.
pub(super) enum Judge {
    /// By what was read for all sections.
    Facts(fn(&GateFacts<'_>) -> Judgement),
    /// By what the database answers to short questions.
    Database(Asking),
    /// By queries of the project, which may take long: when all short questions are answered.
    Rows(for<'a> fn(&'a GateFacts<'_>, &'a mut GateSession) -> Judging<'a>),
    /// By something other than the database, beside the questions to it.
    Elsewhere(for<'a> fn(&'a GateFacts<'_>) -> Judging<'a>),
}

/// A question to the database. It runs in a READ ONLY transaction with the search_path `pg_catalog, pg_temp`.
pub(super) struct Question {
    /// The statements before it, whose rows do not matter.
    pub(super) before: Vec<String>,
    /// The query.
    pub(super) sql: String,
}

impl Question {
    /// A query by itself.
    pub(super) fn new(sql: impl Into<String>) -> Self {
        Self { before: Vec::new(), sql: sql.into() }
    }
}

/// What a section asks the database. All sections ask in one message.
pub(super) struct Asking {
    /// What it is, for errors: `looking at the standbys`.
    pub(super) doing: &'static str,
    /// The questions.
    pub(super) questions: fn(&GateFacts<'_>) -> Result<Vec<Question>, Failure>,
    /// Judges by the rows of each question.
    pub(super) judge: fn(&GateFacts<'_>, &[Vec<OwnedRow>]) -> Result<Judgement, Failure>,
}

/// A section.
pub(crate) struct GateSection {
    /// Its name.
    pub(crate) name: SectionName,
    /// What it may do to the verdict, unless the project says otherwise.
    pub(crate) level: GateLevel,
    /// What it looks at, when it blocks, and what to do, in a few sentences.
    pub(crate) help: &'static str,
    pub(super) judge: Judge,
}
