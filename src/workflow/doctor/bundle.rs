//! `--bundle FILE`: what somebody who helps has to know, as one file for a ticket: versions, settings with their origins, the
//! results, settings of the server, migrations with checksums and states. No rows, no passwords, no value of a variable.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::Serialize;

use super::report::DoctorReport;
use super::surroundings::Surroundings;
use crate::error::{ErrorCode, Failure};
use crate::migrations::checksum::{self, Width};
use crate::output::Report as _;
use crate::postgres::connection::RowError;
use crate::postgres::sql::literal;
use crate::text::plural;

/// The settings of a server that matter here. None of them has a secret as its value.
const SERVER_SETTINGS: [&str; 40] = [
    "archive_mode",
    "autovacuum",
    "autovacuum_freeze_max_age",
    "client_connection_check_interval",
    "client_encoding",
    "data_checksums",
    "default_transaction_isolation",
    "default_transaction_read_only",
    "event_triggers",
    "fsync",
    "full_page_writes",
    "hot_standby",
    "idle_in_transaction_session_timeout",
    "idle_session_timeout",
    "lc_messages",
    "lock_timeout",
    "maintenance_work_mem",
    "max_connections",
    "max_locks_per_transaction",
    "max_parallel_workers",
    "max_prepared_transactions",
    "max_standby_streaming_delay",
    "max_wal_senders",
    "max_wal_size",
    "password_encryption",
    "row_security",
    "search_path",
    "server_encoding",
    "server_version",
    "shared_buffers",
    "ssl",
    "ssl_min_protocol_version",
    "statement_timeout",
    "superuser_reserved_connections",
    "synchronous_commit",
    "temp_file_limit",
    "TimeZone",
    "transaction_timeout",
    "wal_level",
    "work_mem",
];

/// What only a bundle has of the database.
#[derive(Debug, Clone, Default, Serialize)]
pub(super) struct BundleDetails {
    server_settings: Vec<ServerSetting>,
    migrations: Vec<BundledMigration>,
}

#[derive(Debug, Clone, Serialize)]
struct ServerSetting {
    name: String,
    /// What a session begins with.
    value: String,
    unit: Option<String>,
}

#[derive(Debug, Clone, Serialize)]
struct BundledMigration {
    version: String,
    name: String,
    /// That of the file; `null` where it is not here.
    file_checksum: Option<String>,
    /// That of the history; `null` where it is not applied, or has none.
    applied_checksum: Option<String>,
    state: &'static str,
}

/// Reads what only a bundle has. What cannot be read is left out: the examinations say why.
pub(super) async fn details(around: &mut Surroundings<'_>) -> BundleDetails {
    let server_settings = match around.answering() {
        Some(_) => server_settings(around).await.unwrap_or_default(),
        None => Vec::new(),
    };
    BundleDetails { server_settings, migrations: migrations(around) }
}

async fn server_settings(around: &mut Surroundings<'_>) -> Option<Vec<ServerSetting>> {
    let names: Vec<String> = SERVER_SETTINGS.iter().map(|name| literal(name)).collect();
    let sql = format!(
        "SELECT name, reset_val AS value, unit FROM pg_settings WHERE name IN ({}) ORDER BY lower(name)",
        names.join(", ")
    );
    let asking = around.ask("reading the server's settings", sql);
    let rows = tokio::time::timeout(std::time::Duration::from_secs(5), asking).await.ok()?.ok()?;
    let read = |row: &crate::postgres::connection::OwnedRow| -> Result<ServerSetting, RowError> {
        let value: Option<String> = row.get("value")?;
        Ok(ServerSetting { name: row.get("name")?, value: value.unwrap_or_default(), unit: row.get("unit")? })
    };
    rows.iter().map(read).collect::<Result<_, _>>().ok()
}

fn migrations(around: &Surroundings<'_>) -> Vec<BundledMigration> {
    let files = &around.migrations;
    let status = around.status.as_ref();
    let rows = status.and_then(|status| status.history.as_deref()).unwrap_or_default();
    let unchanged = checksum::unchanged(files, rows);
    let of_file = files.iter().map(|file| {
        let applied = rows.iter().find(|row| row.version == file.version);
        BundledMigration {
            version: file.id().version_text(),
            name: file.name.clone(),
            file_checksum: Some(checksum::written(file, Width::Four).to_string()),
            applied_checksum: applied.and_then(|row| row.checksum).map(|sum| sum.to_string()),
            state: match (status, applied) {
                (None, _) => "unknown: the history was not read",
                (Some(_), None) => "not applied",
                (Some(_), Some(row)) if unchanged.contains(&row.version) => "applied",
                (Some(_), Some(_)) => "applied with another text",
            },
        }
    });
    let without_file = rows.iter().filter(|row| !files.iter().any(|file| file.version == row.version));
    let without_file = without_file.map(|row| BundledMigration {
        version: row.id().version_text(),
        name: row.name.clone(),
        file_checksum: None,
        applied_checksum: row.checksum.map(|sum| sum.to_string()),
        state: "applied, and no file here",
    });
    of_file.chain(without_file).collect()
}

/// The file for a ticket. It is made before anything is examined, and removed where nothing was written into it.
#[derive(Debug)]
pub(crate) struct BundleFile {
    path: PathBuf,
    file: File,
    is_written: bool,
}

impl BundleFile {
    /// Makes the file, which only this account can read.
    ///
    /// # Errors
    /// Exit 2: it exists, or cannot be made.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let made = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = made.map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => {
                Failure::usage(format!("--bundle {shown}: the file exists already, and is not overwritten"))
                    .code(ErrorCode::USAGE_ARGUMENTS)
                    .next("name another file, or remove it")
            }
            _ => Failure::usage(format!("--bundle {shown}: the file cannot be made: {error}"))
                .code(ErrorCode::USAGE_ARGUMENTS)
                .next("name a file in a directory that this user may write to"),
        })?;
        Ok(Self { path: path.to_owned(), file, is_written: false })
    }

    /// Writes the file, and says in the report what is in it.
    ///
    /// # Errors
    /// Exit 3: it cannot be written.
    pub(crate) fn write(mut self, report: &mut DoctorReport) -> Result<(), Failure> {
        #[derive(Serialize)]
        struct Document<'r> {
            about: &'static str,
            trueup: &'static str,
            platform: String,
            written_at: String,
            exit_code: u8,
            report: &'r DoctorReport,
            #[serde(flatten)]
            details: &'r BundleDetails,
        }
        let document = Document {
            about: ABOUT,
            trueup: env!("CARGO_PKG_VERSION"),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
            written_at: humantime::format_rfc3339_seconds(SystemTime::now()).to_string(),
            exit_code: report.envelope().exit.code(),
            report,
            details: &report.details,
        };
        let path = self.path.display().to_string();
        let failed = |why: String| {
            Failure::cannot_tell(format!("--bundle {path}: the file could not be written: {why}"))
                .code(ErrorCode::OUTPUT_NOT_WRITTEN)
        };
        let mut text = serde_json::to_string_pretty(&document).map_err(|error| failed(error.to_string()))?;
        text.push('\n');
        let written = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_all());
        written.map_err(|error| failed(error.to_string()))?;
        self.is_written = true;
        let details = &report.details;
        report.bundle = Some(format!(
            "wrote {path}, which only this account can read: {} of the server, {}. {ABOUT}",
            plural(details.server_settings.len(), "setting"),
            plural(details.migrations.len(), "migration")
        ));
        Ok(())
    }
}

impl Drop for BundleFile {
    fn drop(&mut self) {
        if !self.is_written {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// What is in the file, for whoever shares it.
const ABOUT: &str = "It has versions, settings with their origins, the results, and migrations with checksums; no rows, no \
                     passwords, no values of variables. Names of hosts, databases, roles, tables and directories are in it: \
                     read it before you share it.";
