//! `[backup]`: how backups are taken, where they are kept, when one is required.

use std::time::Duration;

use crate::error::Failure;
use crate::postgres::sql::{self, DURATION};
use crate::toml_table::Section;

/// `[backup]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupSettings {
    /// How a backup is taken.
    pub kind: BackupKind,
    /// Connections of a dump into a directory.
    pub jobs: u32,
    /// `zstd:3`, `lz4`, `gzip:6`, `none`; `None`: the best that `pg_dump` has.
    pub compression: Option<String>,
    /// Whether only the tables that a plan changes are backed up before it.
    pub affected: bool,
    /// When a change needs a backup.
    pub required: Required,
    /// How young a verified backup of the same database must be to count; zero: none does.
    pub fresh_for: Duration,
    /// How thoroughly a backup is verified before a change.
    pub verify: Verify,
    /// A directory, relative to the project's, or a URL such as `s3://bucket/prefix`.
    pub store: String,
    /// The address of an object store that is not the provider's own.
    pub endpoint: Option<String>,
    /// The region of an object store.
    pub region: Option<String>,
    /// How long one request to an object store may take: a part of up to 24 MiB, for example.
    pub store_timeout: Duration,
    /// `kind = "command"`: takes the backup.
    pub command: Vec<String>,
    /// `kind = "command"`: confirms it.
    pub confirm: Vec<String>,
    /// How long each of the commands may take.
    pub timeout: Duration,
    /// How many of the newest stay.
    pub keep_last: Option<u32>,
    /// Of how many days the newest stays.
    pub keep_daily: Option<u32>,
    /// Of how many weeks the newest stays.
    pub keep_weekly: Option<u32>,
    /// Nothing older stays.
    pub max_age: Option<Duration>,
}

/// `[backup] kind` and `format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BackupKind {
    /// `pg_dump`, one file.
    Custom,
    /// `pg_dump`, a directory.
    Directory,
    /// A command.
    Command,
}

/// `[backup] required`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Required {
    /// Before every change.
    Always,
    /// Before changes of protected environments.
    Protected,
    /// Not at all.
    Never,
}

/// `[backup] verify`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verify {
    /// Stored bytes alone.
    Quick,
    /// And the whole archive.
    Contents,
    /// And restored in a scratch server.
    Restore,
}

impl Default for BackupSettings {
    fn default() -> Self {
        Self {
            kind: BackupKind::Custom,
            jobs: 2,
            compression: None,
            affected: false,
            required: Required::Always,
            fresh_for: Duration::ZERO,
            verify: Verify::Contents,
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

pub(super) fn backup(section: &Section<'_, '_>) -> Result<BackupSettings, Failure> {
    let default = BackupSettings::default();
    let duration = |key| section.read(key, DURATION, |value| value.as_str().and_then(sql::duration));
    let one_of = |key, expected: &str, words: &[&str]| {
        section.read(key, expected, |value| {
            let word = value.as_str()?;
            words.iter().position(|known| *known == word)
        })
    };
    let command = one_of("kind", "\"pg_dump\" or \"command\"", &["pg_dump", "command"])? == Some(1);
    let directory = one_of("format", "\"custom\" or \"directory\"", &["custom", "directory"])? == Some(1);
    let scope = one_of("scope", "\"full\" or \"affected\"", &["full", "affected"])?;
    let required = "\"always\", \"protected\" or \"never\"";
    let required = match one_of("required", required, &["always", "protected", "never"])? {
        Some(1) => Required::Protected,
        Some(2) => Required::Never,
        _ => Required::Always,
    };
    let verify = "\"quick\", \"contents\" or \"restore\"";
    let verify = match one_of("verify", verify, &["quick", "contents", "restore"])? {
        Some(0) => Verify::Quick,
        Some(2) => Verify::Restore,
        _ => Verify::Contents,
    };
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
        kind: match (command, directory) {
            (true, _) => BackupKind::Command,
            (false, true) => BackupKind::Directory,
            (false, false) => BackupKind::Custom,
        },
        jobs: section.integer("jobs", 1..=64, "a number of connections, 1 to 64")?.unwrap_or(default.jobs),
        compression,
        affected: scope == Some(1),
        required,
        fresh_for: duration("fresh_for")?.unwrap_or(default.fresh_for),
        verify,
        store: store(section)?.unwrap_or(default.store),
        endpoint: endpoint(section)?,
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
    if command && settings.command.is_empty() {
        return Err(
            section.error_at("kind", "\"command\" needs [backup] command, the program and its arguments")
        );
    }
    if command && settings.confirm.is_empty() {
        return Err(section.error_at(
            "kind",
            "\"command\" needs [backup] confirm, a program that ends with 0 when the backup is there",
        ));
    }
    if !command && directory && settings.store.contains("://") {
        return Err(section.error_at("format", "\"directory\" needs a local directory as [backup] store"));
    }
    Ok(settings)
}

/// A directory or the URL of a bucket; credentials in it would be committed.
fn store(section: &Section<'_, '_>) -> Result<Option<String>, Failure> {
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

/// The address of an object store. What a backup holds of people does not go over a network in clear.
fn endpoint(section: &Section<'_, '_>) -> Result<Option<String>, Failure> {
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
