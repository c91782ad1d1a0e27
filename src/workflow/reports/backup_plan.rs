//! The backup before a change, as the plan of the change shows it before it asks.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::backup::{Manifest, ProofLevel, Scope};
use crate::text::{duration, plural, short_id, size};

/// A short description of a backup, for the audit log and `trueup status`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastBackup {
    /// Its identifier.
    pub(crate) id: String,
    /// When its snapshot was taken, RFC 3339 in UTC.
    pub(crate) taken_at: String,
    /// The store that it is in.
    pub(crate) store: String,
    /// Its stored size, in bytes.
    pub(crate) bytes: u64,
    /// The strongest verification that it passed: `quick`, `contents`, `restore`.
    pub(crate) verified: Option<String>,
    /// What `[backup] command` called it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reference: Option<String>,
    /// How many tables it has; `None` when it has the whole database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tables: Option<usize>,
}

impl LastBackup {
    /// Describes a backup in a store.
    pub(crate) fn new(manifest: &Manifest, store: &str) -> Self {
        Self {
            id: manifest.id.clone(),
            taken_at: manifest.taken_at.clone(),
            store: store.to_owned(),
            bytes: manifest.bytes,
            verified: manifest.verified.as_ref().map(|verified| verified.how.word().to_owned()),
            reference: manifest.reference.clone(),
            tables: match &manifest.scope {
                Scope::Full => None,
                Scope::Tables(tables) => Some(tables.len()),
            },
        }
    }

    /// What orders backups by time.
    pub(crate) fn moment(&self) -> (&str, &str) {
        (&self.taken_at, &self.id)
    }

    /// The backup in one line, without the word "backup".
    pub(crate) fn summary(&self) -> String {
        let Self { id, taken_at, store, bytes, verified, reference, tables } = self;
        let id = short_id(id);
        let verified = verified.as_deref().unwrap_or("no");
        let of = tables.map(|tables| format!(", of {} alone", plural(tables, "table"))).unwrap_or_default();
        match reference {
            Some(reference) => format!("{id}, {reference}, taken {taken_at}"),
            None => format!("{id}{of}, {}, taken {taken_at}, verified: {verified}, in {store}", size(*bytes)),
        }
    }
}

/// What is done about a backup before a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BackupDecision {
    /// A backup is taken.
    Take,
    /// An existing backup is recent enough.
    Fresh,
    /// No backup is taken.
    None,
}

/// The program that takes a backup.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BackupTool {
    /// `pg_dump`.
    PgDump,
    /// `[backup] command`.
    Command,
}

/// How thoroughly a backup is, or was, verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum BackupProof {
    /// Its stored bytes are read back and hashed.
    Quick,
    /// Its archive is read in full.
    Contents,
    /// It is restored and compared with the database.
    Restore,
    /// `[backup] confirm` confirms it.
    Confirmed,
}

impl From<ProofLevel> for BackupProof {
    fn from(level: ProofLevel) -> Self {
        match level {
            ProofLevel::Quick => Self::Quick,
            ProofLevel::Contents => Self::Contents,
            ProofLevel::Restore => Self::Restore,
        }
    }
}

impl BackupProof {
    /// The proof as the end of a sentence about a backup that is taken.
    fn phrase(self) -> &'static str {
        match self {
            Self::Quick => "stored bytes verified",
            Self::Contents => "read back and verified",
            Self::Restore => "restored and compared with the database",
            Self::Confirmed => "confirmed by [backup] confirm",
        }
    }
}

/// The backup before a change, as the plan of the change shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct BackupPlan {
    /// Whether a backup is taken.
    pub(crate) action: BackupDecision,
    /// The program that takes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) how: Option<BackupTool>,
    /// How thoroughly it is, or was, verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verify: Option<BackupProof>,
    /// The store that it is written to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) store: Option<String>,
    /// How many tables are backed up; `None` for the whole database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tables: Option<usize>,
    /// The identifier of the existing backup that is recent enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// The age of that backup, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) age_seconds: Option<u64>,
    /// The size of the database, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) database_bytes: Option<u64>,
    /// The expected size of the backup in bytes, estimated from the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) about_bytes: Option<u64>,
    /// The expected duration in milliseconds, estimated from the last backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) about_milliseconds: Option<u64>,
    /// Why no backup is taken; or why the whole database is backed up although the affected tables were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
}

impl BackupPlan {
    const NOTHING: Self = Self {
        action: BackupDecision::None,
        how: None,
        verify: None,
        store: None,
        tables: None,
        id: None,
        age_seconds: None,
        database_bytes: None,
        about_bytes: None,
        about_milliseconds: None,
        why: None,
    };

    /// The plan that takes no backup, for this reason.
    pub(crate) fn none(why: &str) -> Self {
        Self { why: Some(why.to_owned()), ..Self::NOTHING }
    }

    /// The plan that relies on an existing backup of this age.
    pub(crate) fn fresh(manifest: &Manifest, age: Option<Duration>) -> Self {
        Self {
            action: BackupDecision::Fresh,
            verify: manifest.verified.as_ref().map(|verified| verified.how.into()),
            id: Some(manifest.id.clone()),
            age_seconds: age.map(|age| age.as_secs()),
            ..Self::NOTHING
        }
    }

    /// The plan that takes a backup with `pg_dump` and verifies it at this level; without a level, with `[backup]
    /// command`. Size and duration are estimated from the last backup, scaled by the present size of the database where
    /// that is known.
    pub(crate) fn take(
        level: Option<ProofLevel>,
        scope: &Scope,
        store: &str,
        last: Option<&Manifest>,
        database_bytes: Option<u64>,
        why: Option<String>,
    ) -> Self {
        let scaled = |value: fn(&Manifest) -> u64| {
            let last = last?;
            let growth = database_bytes.map_or(1.0, |now| now as f64 / last.database_bytes.max(1) as f64);
            Some((value(last) as f64 * growth) as u64)
        };
        Self {
            action: BackupDecision::Take,
            how: Some(if level.is_some() { BackupTool::PgDump } else { BackupTool::Command }),
            verify: Some(level.map_or(BackupProof::Confirmed, Into::into)),
            store: Some(store.to_owned()),
            tables: match scope {
                Scope::Full => None,
                Scope::Tables(tables) => Some(tables.len()),
            },
            database_bytes,
            about_bytes: scaled(|last| last.bytes).filter(|bytes| *bytes > 0),
            about_milliseconds: scaled(|last| last.milliseconds),
            why,
            ..Self::NOTHING
        }
    }

    /// The plan in one line.
    pub(crate) fn summary(&self) -> String {
        match (self.action, &self.id) {
            (BackupDecision::Fresh, Some(id)) => {
                let age = duration(Duration::from_secs(self.age_seconds.unwrap_or(0)));
                let proof = self.verify.map_or("not verified", BackupProof::phrase);
                let id = short_id(id);
                format!("backup: {id} is recent enough ({age} old, {proof})")
            }
            (BackupDecision::Take, _) => self.take_line(),
            _ => format!("backup: skipped ({})", self.why.as_deref().unwrap_or_default()),
        }
    }

    fn take_line(&self) -> String {
        let mut text = match (self.how, self.tables) {
            (Some(BackupTool::Command), _) => "backup first: by [backup] command".to_owned(),
            (_, Some(tables)) => format!("backup first: pg_dump of {}", plural(tables, "table")),
            (_, None) => "backup first: full pg_dump".to_owned(),
        };
        if let Some(store) = self.store.as_ref().filter(|_| self.how == Some(BackupTool::PgDump)) {
            text.push_str(&format!(" to {store}"));
        }
        text.push_str(&format!(", {}", self.verify.map_or("not verified", BackupProof::phrase)));
        let mut estimate = Vec::new();
        estimate.extend(self.about_bytes.map(size));
        estimate.extend(self.about_milliseconds.map(|time| duration(Duration::from_millis(time))));
        match (estimate.as_slice(), self.database_bytes) {
            ([], Some(bytes)) => text.push_str(&format!("; the database has {}", size(bytes))),
            ([], None) => {}
            (estimate, _) => text.push_str(&format!("; about {}, like the last one", estimate.join(" in "))),
        }
        if let Some(why) = &self.why {
            text.push_str(&format!("; the whole database, because of {why}"));
        }
        text
    }
}
