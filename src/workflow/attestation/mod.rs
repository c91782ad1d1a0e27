//! What people say before a deploy: who, when, for which commit, lock and pending migrations. It is a line of a committed file,
//! or recorded in the database.
//!
//! trueup authenticates nobody: a line says what somebody has written. It is reviewed as code is. Of a record in the database,
//! the audit log says which role made it. An attestation is bound to the
//! hash of trueup.lock and to the migrations that were pending; with other ones it is void.

use std::io::Read as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{ErrorCode, Failure};
use crate::plain_file;
use crate::snapshot::AttestedRecord;

/// The file, in the directory of the project.
pub(crate) const ATTESTATIONS_FILE: &str = "attestations.jsonl";

/// What every place says where attestations are shown or made.
pub(crate) const NOBODY_IS_AUTHENTICATED: &str =
    "trueup authenticates nobody: an attestation says what somebody has written; review it as code";

/// The largest file that is read.
const MAX_BYTES: u64 = 16 << 20;

/// A line of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attestation {
    /// What is attested: `[[gate.attest]] name`.
    pub(crate) name: String,
    /// Who says so, by their own account.
    pub(crate) by: String,
    /// Why it can be said.
    pub(crate) reason: String,
    /// When, RFC 3339 in UTC.
    pub(crate) at: String,
    /// The commit that was checked out; `null` where there was no git.
    pub(crate) commit: Option<String>,
    /// SHA-256 of trueup.lock.
    pub(crate) lock: String,
    /// The versions that were not applied, in order.
    pub(crate) pending: Vec<String>,
}

/// Reads all attestations, the oldest first; none where there is no file.
///
/// # Errors
/// Exit 2, with file and line.
pub(crate) fn read(project: &Path) -> Result<Vec<Attestation>, Failure> {
    let path = project.join(ATTESTATIONS_FILE);
    let lines = text(&path)?;
    let lines = lines.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let parsed = lines.map(|(number, line)| {
        serde_json::from_str(line).map_err(|error| {
            let text = error.to_string();
            let why = text.rsplit_once(" at line ").map_or(text.as_str(), |(why, _)| why);
            Failure::usage(format!("{ATTESTATIONS_FILE}:{}: {why}", number + 1))
                .code(ErrorCode::ATTESTATIONS_INVALID)
                .next("a line is what trueup attest has written; resolve conflicts of git by keeping both lines")
        })
    });
    parsed.collect()
}

/// Reads the attestations that are recorded in a database, the oldest first. The time is that of its server.
///
/// # Errors
/// Exit 3: one of them is none.
pub(crate) fn recorded(records: &[AttestedRecord]) -> Result<Vec<Attestation>, Failure> {
    let one = |record: &AttestedRecord| {
        let attestation: Attestation = serde_json::from_str(&record.attestation).map_err(|error| {
            let what =
                format!("trueup.steps has an attestation of {} that is none: {error}", record.recorded_at);
            Failure::cannot_tell(what).code(ErrorCode::ATTESTATIONS_INVALID)
        })?;
        Ok(Attestation { at: record.recorded_at.clone(), ..attestation })
    };
    records.iter().rev().map(one).collect()
}

/// Adds an attestation to the file.
///
/// # Errors
/// Exit 2: what is there cannot be read. Exit 3: the file cannot be written.
pub(crate) fn add(project: &Path, attestation: &Attestation) -> Result<(), Failure> {
    read(project)?;
    let path = project.join(ATTESTATIONS_FILE);
    let mut all = text(&path)?;
    if !all.is_empty() && !all.ends_with('\n') {
        all.push('\n');
    }
    let failed = |why: String| {
        Failure::cannot_tell(format!("{ATTESTATIONS_FILE} could not be written: {why}"))
            .code(ErrorCode::OUTPUT_NOT_WRITTEN)
    };
    all.push_str(&serde_json::to_string(attestation).map_err(|error| failed(error.to_string()))?);
    all.push('\n');
    plain_file::replace(&path, &all).map_err(|error| failed(error.to_string()))
}

fn text(path: &Path) -> Result<String, Failure> {
    let wrong = |why: String| {
        Failure::usage(format!("{ATTESTATIONS_FILE}: {why}")).code(ErrorCode::ATTESTATIONS_INVALID)
    };
    let mut text = String::new();
    if let Some(file) =
        plain_file::open(path).map_err(|failure| failure.code(ErrorCode::ATTESTATIONS_INVALID))?
    {
        let size =
            file.take(MAX_BYTES + 1).read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?;
        if size as u64 > MAX_BYTES {
            return Err(wrong("larger than 16 MB".to_owned()));
        }
    }
    Ok(text)
}

/// What an attestation must be about.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AttestedState<'s> {
    /// SHA-256 of trueup.lock.
    pub(crate) lock: &'s str,
    /// The versions that are not applied, in order.
    pub(crate) pending: &'s [String],
}

impl Attestation {
    /// Why it says nothing about this state; `None` where it is about it.
    pub(crate) fn void(&self, state: AttestedState<'_>) -> Option<String> {
        if self.lock != state.lock {
            return Some("made for another trueup.lock".to_owned());
        }
        let list = |versions: &[String]| match versions {
            [] => "nothing".to_owned(),
            versions => versions.join(", "),
        };
        (self.pending != state.pending).then(|| {
            format!("made when {} was pending, and now {} is", list(&self.pending), list(state.pending))
        })
    }

    /// `alice, 2026-11-30T12:00:00Z: clicked through all forms`
    pub(crate) fn in_words(&self) -> String {
        format!("{}, {}: {}", self.by, self.at, self.reason)
    }
}
