//! The section `[backup]` of `trueup.toml`: how backups are taken, where they are stored, and when a change requires
//! one.

use std::time::Duration;

use crate::error::Failure;
use crate::postgres::sql::{self, DURATION};
use crate::toml_table::TomlTable;

/// The settings in `[backup]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSettings {
    /// How a backup is taken.
    pub kind: BackupKind,
    /// The number of connections of a dump into a directory.
    pub jobs: u32,
    /// The compression: `zstd:3`, `lz4`, `gzip:6`, `none`; `None` for the best method of `pg_dump`.
    pub compression: Option<String>,
    /// Whether a backup before a change holds the affected tables alone.
    pub affected: bool,
    /// Which changes require a backup.
    pub required: BackupRequired,
    /// The largest age at which an existing verified backup of the same database is used; zero: none is used.
    pub fresh_for: Duration,
    /// How thoroughly a backup is verified before a change.
    pub verify: VerifySetting,
    /// The store: a directory, relative to that of the project, or a URL such as `s3://bucket/prefix`.
    pub store: String,
    /// The address of an object store that is not the provider's own.
    pub endpoint: Option<String>,
    /// The region of an object store.
    pub region: Option<String>,
    /// The timeout of one request to an object store, for example of a part of up to 24 MiB.
    pub store_timeout: Duration,
    /// The command that takes the backup (`kind = "command"`).
    pub command: Vec<String>,
    /// The command that confirms the backup (`kind = "command"`).
    pub confirm: Vec<String>,
    /// The timeout of each of the commands.
    pub timeout: Duration,
    /// The number of newest backups to keep.
    pub keep_last: Option<u32>,
    /// The number of days to keep the newest backup of.
    pub keep_daily: Option<u32>,
    /// The number of weeks to keep the newest backup of.
    pub keep_weekly: Option<u32>,
    /// The age from which on backups are removed.
    pub max_age: Option<Duration>,
}

/// How a backup is taken (`[backup] kind` and `format`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupKind {
    /// `pg_dump` into one file.
    Custom,
    /// `pg_dump` into a directory.
    Directory,
    /// A command of the project.
    Command,
}

/// Which changes require a backup (`[backup] required`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupRequired {
    /// All changes.
    Always,
    /// Changes of protected environments.
    Protected,
    /// No changes.
    Never,
}

/// How thoroughly a backup is verified (`[backup] verify`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifySetting {
    /// The stored bytes are read back.
    Quick,
    /// The archive is read in full, too.
    Contents,
    /// The backup is restored on a throwaway server, too.
    Restore,
}

impl Default for BackupSettings {
    fn default() -> Self {
        Self {
            kind: BackupKind::Custom,
            jobs: 2,
            compression: None,
            affected: false,
            required: BackupRequired::Always,
            fresh_for: Duration::ZERO,
            verify: VerifySetting::Contents,
            store: "backups".to_owned(),
            endpoint: None,
            region: None,
            store_timeout: Duration::from_secs(120),
            command: Vec::new(),
            confirm: Vec::new(),
            timeout: Duration::from_secs(3600),
            keep_last: None,
            keep_daily: None,
            keep_weekly: None,
            max_age: None,
        }
    }
}

pub(super) fn backup(section: TomlTable<'_, '_>) -> Result<BackupSettings, Failure> {
    let default = BackupSettings::default();
    let duration = |key| section.read(key, DURATION, |value| value.as_str().and_then(sql::duration));
    let by_command = section.one_of("kind", &[("pg_dump", false), ("command", true)])?.unwrap_or(false);
    let format = section
        .one_of("format", &[("custom", BackupKind::Custom), ("directory", BackupKind::Directory)])?
        .unwrap_or(BackupKind::Custom);
    let affected = section.one_of("scope", &[("full", false), ("affected", true)])?;
    let required = section.one_of(
        "required",
        &[
            ("always", BackupRequired::Always),
            ("protected", BackupRequired::Protected),
            ("never", BackupRequired::Never),
        ],
    )?;
    let verify = section.one_of(
        "verify",
        &[
            ("quick", VerifySetting::Quick),
            ("contents", VerifySetting::Contents),
            ("restore", VerifySetting::Restore),
        ],
    )?;
    let count = |key| section.integer(key, 0..=100_000, "a number of backups");
    let compression = section.read(
        "compression",
        "\"zstd\", \"lz4\", \"gzip\", with a level as in \"zstd:3\", or \"none\"",
        |value| {
            let text = value.as_str()?;
            let (method, level) = text.split_once(':').unwrap_or((text, "1"));
            let known = ["zstd", "lz4", "gzip"].contains(&method) || text == "none";
            (known && level.bytes().all(|byte| byte.is_ascii_digit()) && !level.is_empty())
                .then(|| text.to_owned())
        },
    )?;
    let settings = BackupSettings {
        kind: if by_command { BackupKind::Command } else { format },
        jobs: section.integer("jobs", 1..=64, "a number of connections, 1 to 64")?.unwrap_or(default.jobs),
        compression,
        affected: affected.unwrap_or(default.affected),
        required: required.unwrap_or(default.required),
        fresh_for: duration("fresh_for")?.unwrap_or(default.fresh_for),
        verify: verify.unwrap_or(default.verify),
        store: store(&section)?.unwrap_or(default.store),
        endpoint: endpoint(&section)?,
        region: section.string("region")?,
        store_timeout: duration("store_timeout")?
            .filter(|timeout| !timeout.is_zero())
            .unwrap_or(default.store_timeout),
        command: section.strings("command")?.unwrap_or_default(),
        confirm: section.strings("confirm")?.unwrap_or_default(),
        timeout: duration("timeout")?.unwrap_or(default.timeout),
        keep_last: count("keep_last")?,
        keep_daily: count("keep_daily")?,
        keep_weekly: count("keep_weekly")?,
        max_age: section.read("max_age", "a duration such as \"12h\" or \"90d\"", |value| {
            value.as_str().and_then(sql::age)
        })?,
    };
    if by_command && settings.command.is_empty() {
        return Err(
            section.error_at("kind", "\"command\" needs [backup] command, the program and its arguments")
        );
    }
    if by_command && settings.confirm.is_empty() {
        return Err(section.error_at(
            "kind",
            "\"command\" needs [backup] confirm, a program that ends with 0 when the backup is there",
        ));
    }
    if settings.kind == BackupKind::Directory && settings.store.contains("://") {
        return Err(section.error_at("format", "\"directory\" needs a local directory as [backup] store"));
    }
    section.finish()?;
    Ok(settings)
}

/// The directory or the URL of the store. A URL must not hold credentials, which would be committed.
fn store(section: &TomlTable<'_, '_>) -> Result<Option<String>, Failure> {
    let Some(store) = section.string("store")? else { return Ok(None) };
    match store.split_once("://") {
        None => Ok(Some(store)),
        Some((_, rest)) if rest.contains('@') => {
            Err(section.error_at("store", "this URL holds credentials").next(
                "leave them to the environment or the machine's role, and change those that were committed",
            ))
        }
        Some(("s3" | "gs" | "az", bucket)) if !bucket.is_empty() && !bucket.starts_with('/') => {
            Ok(Some(store))
        }
        Some(_) => Err(section.error_at(
            "store",
            "expected a directory, s3://BUCKET/PREFIX, gs://BUCKET/PREFIX or az://CONTAINER/PREFIX",
        )),
    }
}

/// The address of an object store. Personal data in a backup must not travel unencrypted.
fn endpoint(section: &TomlTable<'_, '_>) -> Result<Option<String>, Failure> {
    let Some(endpoint) = section.string("endpoint")? else { return Ok(None) };
    let wrong = || section.error_at("endpoint", "expected https://HOST, without anything behind it");
    let url = url::Url::parse(&endpoint).map_err(|_| wrong())?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(section.error_at("endpoint", "this URL holds credentials").next(
            "leave them to the environment or the machine's role, and change those that were committed",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong());
    }
    let here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => return Err(wrong()),
    };
    match url.scheme() {
        "https" => Ok(Some(endpoint)),
        "http" if here => Ok(Some(endpoint)),
        "http" => Err(section
            .error_at("endpoint", "http:// would send the backup, and what it holds of people, in clear")
            .next("name it with https://; http:// is for this machine alone (127.0.0.1, localhost)")),
        _ => Err(wrong()),
    }
}
