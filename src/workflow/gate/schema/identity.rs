//! `identity`: whether this is the database that is meant, and whether it can be written to.

use super::super::facts::GateFacts;
use super::super::section::{Asking, GateSection, Judge, Judgement, Question};
use super::super::session::failure_of;
use super::history;
use crate::error::{ErrorCode, Exit, Failure};
use crate::findings::{CauseKind, Finding, Severity};
use crate::postgres::connection::OwnedRow;
use crate::project::{GateLevel, SectionName};

pub(in super::super) const SECTION: GateSection = GateSection {
    name: SectionName::Identity,
    level: GateLevel::Block,
    help: "The database is the one that --env, the URL and the label in the database agree on, and it can be written to. A \
           database with the label of another environment or project blocks, as does one that looks like another \
           application's, a standby, and a server whose transactions are read-only. This section cannot be switched off or \
           overridden: look at the URL.",
    judge: Judge::Database(Asking {
        doing: "asking whether the server can be written to",
        questions: |facts| match facts.refused.is_some() || facts.database.is_err() {
            true => Ok(Vec::new()),
            false => Ok(vec![Question::new(READ_ONLY)]),
        },
        judge,
    }),
};

const READ_ONLY: &str = "SELECT current_setting('default_transaction_read_only') = 'on' AS read_only";

fn judge(facts: &GateFacts<'_>, answers: &[Vec<OwnedRow>]) -> Result<Judgement, Failure> {
    if let Some(refused) = &facts.refused {
        let asked = facts.settings.asked_target();
        let name = asked.map(|target| target.database().to_owned()).unwrap_or_default();
        return Ok(Judgement::refused(SectionName::Identity, &name, refused));
    }
    let database = match &facts.database {
        Ok(database) => database,
        Err(failure) => return Ok(Judgement::unknown(failure)),
    };
    let name = &database.identity.database;
    if database.identity.standby {
        let what = format!("the server of {name} is a standby: nothing can be written there");
        return Ok(refused(name, ErrorCode::SERVER_STANDBY, &what, "give the address of the primary"));
    }
    if is_read_only(answers)? {
        let what = format!("transactions in {name} are read-only (default_transaction_read_only = on)");
        let next = "it may be set for the server, the database or the role: \
                    ALTER ROLE ... RESET default_transaction_read_only, or connect as another role";
        return Ok(refused(name, ErrorCode::SERVER_READ_ONLY, &what, next));
    }
    let found = facts.schema.iter().flat_map(|schema| &schema.document.findings);
    let found: Vec<Finding> = found.filter(|finding| is_of_it(finding)).map(as_told).collect();
    let environment = database.report.environment.as_deref();
    let what = match (found.first(), environment) {
        (Some(first), _) => first.cause.as_ref().map(|cause| cause.detail.clone()).unwrap_or_default(),
        (None, Some(environment)) if database.mark.is_some() => {
            format!("database {name}, labelled {environment}")
        }
        (None, Some(environment)) => format!("database {name}, {environment}; it has no label yet"),
        (None, None) => format!("database {name}; no environment was asked for, and it has no label"),
    };
    Ok(Judgement::of_findings(found, what))
}

/// Whether a finding of the comparison is about the database as a whole.
pub(super) fn is_of_it(finding: &Finding) -> bool {
    finding.kind == "database" && !history::is_of_it(finding)
}

/// A database without tables is the wrong one, or a new one.
fn as_told(finding: &Finding) -> Finding {
    let mut finding = finding.clone();
    if finding.has_cause(CauseKind::Pending) {
        finding.severity = Severity::Warning;
    }
    finding
}

fn refused(name: &str, code: ErrorCode, what: &str, next: &str) -> Judgement {
    let failure = Failure::new(Exit::Refused, what).code(code).next(next);
    Judgement::refused(SectionName::Identity, name, &failure)
}

fn is_read_only(answers: &[Vec<OwnedRow>]) -> Result<bool, Failure> {
    let mut rows = answers.iter().flatten().map(|row| row.get("read_only"));
    rows.next().transpose().map(Option::unwrap_or_default).map_err(|error| failure_of(error.into()))
}
