//! What comes of judging an error: findings that explain it, or that nothing in the database does.

use crate::findings::{Change, Finding, Remedy, Severity, Sides};

/// The most findings that an answer has: somebody reads it at night.
const MOST: usize = 3;

/// What is known of the cause of an error.
#[derive(Debug, Clone, Default)]
pub(crate) struct Explanation {
    /// What explains it, the likeliest first. Those of severity info are worth knowing, and explain nothing alone.
    pub(crate) findings: Vec<Finding>,
    /// One sentence that says where the cause is.
    pub(crate) verdict: String,
    /// What to run or do where no finding says it.
    pub(crate) next: String,
    /// Whether the answer could not be had.
    pub(crate) unknown: bool,
}

impl Explanation {
    /// The database explains the error.
    pub(super) fn explained(findings: Vec<Finding>, verdict: impl Into<String>) -> Self {
        Self { findings, verdict: verdict.into(), ..Self::default() }.limited()
    }

    /// The cause is not in the database, as far as it was looked at.
    pub(super) fn elsewhere(verdict: impl Into<String>, next: impl Into<String>) -> Self {
        Self { verdict: verdict.into(), next: next.into(), ..Self::default() }
    }

    /// The text does not say enough.
    pub(super) fn unknown(verdict: impl Into<String>, next: impl Into<String>) -> Self {
        Self { unknown: true, ..Self::elsewhere(verdict, next) }
    }

    /// Adds what is worth knowing.
    pub(super) fn with(mut self, findings: impl IntoIterator<Item = Finding>) -> Self {
        self.findings.extend(findings);
        self.limited()
    }

    /// Whether a finding explains the error.
    pub(crate) fn explains(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity >= Severity::Warning)
    }

    /// Each finding once, and not too many of them.
    fn limited(mut self) -> Self {
        let mut once: Vec<Finding> = Vec::new();
        for finding in self.findings {
            if !once.contains(&finding) {
                once.push(finding);
            }
        }
        self.findings = once;
        self.findings.truncate(MOST);
        self
    }
}

/// A finding about something that is not a difference to `schema/`: one sentence says it.
pub(super) fn reason(
    code: &str,
    severity: Severity,
    kind: &'static str,
    object: impl Into<String>,
    sentence: impl Into<String>,
) -> Finding {
    Finding::new(format!("why.{code}"), severity, kind, object, Change::Different)
        .sides(Sides::new(sentence, ""))
}

/// SQL that runs as it stands.
pub(super) fn sql(statements: impl IntoIterator<Item = String>) -> Remedy {
    let statements: Vec<String> = statements.into_iter().collect();
    Remedy { sql: Some(statements.join("\n")), ..Remedy::default() }
}
