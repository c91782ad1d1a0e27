//! The record of a rehearsal: a small file that says what was rehearsed, of which state of the project, and how it ended. What
//! it was rehearsed for is told by the hash of the lock file and the versions: with other ones it says nothing.

use std::io::Read as _;
use std::path::Path;
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::outcome::{Rehearsal, TimesBasis};
use crate::error::{ErrorCode, Failure};
use crate::model::{FILE_NAME, Input, Lock};
use crate::output;
use crate::plain_file;

/// The format of the file.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct RehearsalRecord<'r> {
    format: u32,
    trueup: &'static str,
    /// When the rehearsal ended, in UTC.
    at: String,
    /// SHA-256 of trueup.lock.
    lock: String,
    /// The system identifier and the name of the database that was read.
    database: Option<DatabaseRecord<'r>>,
    /// The version that it began with.
    from: Option<&'r str>,
    /// The versions that were applied, in order.
    pending: Vec<&'r str>,
    /// The version of the throwaway server.
    server: Option<&'r str>,
    /// What the times are of: empty tables, made rows or real ones.
    times: TimesBasis,
    /// How many rows were made in each table.
    rows: Option<u64>,
    /// The backup that it was rehearsed on.
    backup: Option<BackupRecord<'r>>,
    /// Whether nothing was found.
    passed: bool,
    findings: Vec<String>,
    /// The longest time for which others wait, of all migrations, measured and estimated.
    longest_block: Option<BlockRecord<'r>>,
}

#[derive(Serialize)]
struct DatabaseRecord<'r> {
    name: &'r str,
    system_identifier: &'r str,
    environment: Option<&'r str>,
}

#[derive(Serialize)]
struct BackupRecord<'r> {
    id: &'r str,
    taken_at: &'r str,
    database: &'r str,
    /// Whether it is of the database above.
    own: bool,
}

#[derive(Serialize)]
struct BlockRecord<'r> {
    version: &'r str,
    milliseconds: f64,
    estimated_milliseconds: Option<f64>,
}

/// Writes the record of a rehearsal.
///
/// # Errors
/// Exit 3: it cannot be written.
pub(super) fn write(path: &Path, rehearsal: &Rehearsal, lock: &Lock) -> Result<(), Failure> {
    let blocks =
        rehearsal.migrations.iter().filter_map(|migration| Some((migration, migration.blocks.as_ref()?)));
    let longest = blocks.max_by(|one, other| one.1.longest().total_cmp(&other.1.longest()));
    let record = RehearsalRecord {
        format: FORMAT,
        trueup: env!("CARGO_PKG_VERSION"),
        at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
        lock: Input::new(FILE_NAME, &lock.to_text()).sha256,
        database: rehearsal.target.as_ref().map(|target| DatabaseRecord {
            name: &target.database,
            system_identifier: &target.system_identifier,
            environment: target.environment.as_deref(),
        }),
        from: rehearsal.from.as_deref(),
        pending: rehearsal.migrations.iter().map(|migration| migration.version.as_str()).collect(),
        server: rehearsal.server.as_deref(),
        times: rehearsal.times,
        rows: rehearsal.rows,
        backup: rehearsal.backup.as_ref().map(|backup| BackupRecord {
            id: &backup.id,
            taken_at: &backup.taken_at,
            database: &backup.database,
            own: backup.own,
        }),
        passed: rehearsal.findings.is_empty(),
        findings: rehearsal.findings.iter().map(|finding| finding.code.clone()).collect(),
        longest_block: longest.map(|(migration, window)| BlockRecord {
            version: &migration.version,
            milliseconds: window.milliseconds,
            estimated_milliseconds: window.estimate.map(|estimate| estimate.high_milliseconds),
        }),
    };
    let failed = |why: String| {
        Failure::cannot_tell(format!("the record {} could not be written: {why}", path.display()))
            .code(ErrorCode::OUTPUT_NOT_WRITTEN)
    };
    let text = serde_json::to_string_pretty(&record).map_err(|error| failed(error.to_string()))?;
    output::write_file(path, &format!("{text}\n")).map_err(|error| failed(error.to_string()))
}

/// The largest record that is read.
const MAX_BYTES: u64 = 1 << 20;

/// What a record says to whoever asks whether something was rehearsed.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub(crate) struct RehearsedState {
    /// When the rehearsal ended, in UTC.
    pub(crate) at: String,
    /// SHA-256 of trueup.lock.
    pub(crate) lock: String,
    /// The versions that were applied, in order.
    pub(crate) pending: Vec<String>,
    /// Whether nothing was found.
    pub(crate) passed: bool,
    /// The codes of what was found.
    pub(crate) findings: Vec<String>,
}

impl RehearsedState {
    /// Reads a record; `None` where there is none.
    ///
    /// # Errors
    /// Exit 2: it is none.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, Failure> {
        let Some(file) = plain_file::open(path)? else { return Ok(None) };
        let wrong = |why: String| {
            Failure::usage(format!("{}: this is no record of a rehearsal: {why}", path.display()))
                .code(ErrorCode::PROJECT_FILE_INVALID)
                .next("write it with: trueup rehearse --record FILE")
        };
        let mut text = String::new();
        file.take(MAX_BYTES).read_to_string(&mut text).map_err(|error| wrong(error.to_string()))?;
        serde_json::from_str(&text).map(Some).map_err(|error| wrong(error.to_string()))
    }
}
