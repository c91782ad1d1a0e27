//! The backup before a change, in the plan that is shown before it is asked for.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::backup::{Level, Manifest, Scope};
use crate::text::{plural, size};
use crate::writer::seconds;

/// A backup in few words: what the audit log keeps of it, and what `trueup status` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LastBackup {
    /// Its identifier.
    pub(crate) id: String,
    /// The moment that it is of, RFC 3339 in UTC.
    pub(crate) taken_at: String,
    /// Where it is kept.
    pub(crate) store: String,
    /// Its size there, in bytes.
    pub(crate) bytes: u64,
    /// The strongest proof: `quick`, `contents`, `restore`.
    pub(crate) verified: Option<String>,
    /// What an external command called it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reference: Option<String>,
}

impl LastBackup {
    /// Of a manifest in a store.
    pub(crate) fn new(manifest: &Manifest, store: &str) -> Self {
        Self {
            id: manifest.id.clone(),
            taken_at: manifest.taken_at.clone(),
            store: store.to_owned(),
            bytes: manifest.bytes,
            verified: manifest.verified.as_ref().map(|verified| verified.how.word().to_owned()),
            reference: manifest.reference.clone(),
        }
    }

    /// In one line, without what it is.
    pub(crate) fn summary(&self) -> String {
        let Self { id, taken_at, store, bytes, verified, reference } = self;
        let verified = verified.as_deref().unwrap_or("no");
        match reference {
            Some(reference) => format!("{id}, {reference}, taken {taken_at}"),
            None => format!("{id}, {}, taken {taken_at}, verified: {verified}, in {store}", size(*bytes)),
        }
    }
}

/// What is done about a backup.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct BackupPlan {
    /// `take`, `fresh` (one that is there counts), `none`.
    pub(crate) action: &'static str,
    /// `pg_dump` or `command`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) how: Option<&'static str>,
    /// How thoroughly it is, or was, verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) verify: Option<&'static str>,
    /// Where it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) store: Option<String>,
    /// The tables, when they are not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tables: Option<usize>,
    /// The backup that counts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) id: Option<String>,
    /// Its age, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) age_seconds: Option<u64>,
    /// How large the database is, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) database_bytes: Option<u64>,
    /// About how large it becomes, in bytes, as the last one was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) about_bytes: Option<u64>,
    /// About how long it takes, in milliseconds, as the last one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) about_milliseconds: Option<u64>,
    /// Why none is taken; or why all is, where less was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) why: Option<String>,
}

impl BackupPlan {
    const NOTHING: Self = Self {
        action: "none",
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

    /// None, and why.
    pub(crate) fn none(why: &str) -> Self {
        Self { why: Some(why.to_owned()), ..Self::NOTHING }
    }

    /// One that is young enough.
    pub(crate) fn fresh(manifest: &Manifest, age: Option<Duration>) -> Self {
        Self {
            action: "fresh",
            verify: manifest.verified.as_ref().map(|verified| verified.how.word()),
            id: Some(manifest.id.clone()),
            age_seconds: age.map(|age| age.as_secs()),
            ..Self::NOTHING
        }
    }

    /// One that is going to be taken: by `pg_dump` and verified so thoroughly, else by a command. The last one's size and time tell about this one's; the size of the database now,
    /// where it is known, scales them.
    pub(crate) fn take(
        level: Option<Level>,
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
            action: "take",
            how: Some(if level.is_some() { "pg_dump" } else { "command" }),
            verify: Some(level.map_or("confirmed", Level::word)),
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

    /// In one line.
    pub(crate) fn summary(&self) -> String {
        let verified = self.verify.unwrap_or("not verified");
        match (self.action, &self.id) {
            ("fresh", Some(id)) => {
                let age = seconds(Duration::from_secs(self.age_seconds.unwrap_or(0)));
                format!("backup: {id} is recent enough ({age} old, verified: {verified})")
            }
            ("take", _) => {
                let read_back = match verified {
                    "contents" => "read back and verified",
                    "restore" => "restored in a scratch server and verified",
                    other => other,
                };
                let mut text = match (self.how, self.tables, &self.store) {
                    (Some("command"), ..) => format!("backup first: by [backup] command, {verified}"),
                    (_, Some(tables), store) => format!(
                        "backup first: pg_dump of {}{}, {read_back}",
                        plural(tables, "table"),
                        store.as_ref().map(|store| format!(" to {store}")).unwrap_or_default()
                    ),
                    (_, None, store) => format!(
                        "backup first: full pg_dump{}, {read_back}",
                        store.as_ref().map(|store| format!(" to {store}")).unwrap_or_default()
                    ),
                };
                let mut about = Vec::new();
                about.extend(self.about_bytes.map(size));
                about.extend(self.about_milliseconds.map(|time| seconds(Duration::from_millis(time))));
                match (about.as_slice(), self.database_bytes) {
                    ([], Some(bytes)) => text.push_str(&format!("; the database has {}", size(bytes))),
                    ([], None) => {}
                    (about, _) => {
                        text.push_str(&format!("; about {}, like the last one", about.join(" in ")))
                    }
                }
                if let Some(why) = &self.why {
                    text.push_str(&format!("; not less, because of {why}"));
                }
                text
            }
            _ => format!("backup: skipped ({})", self.why.as_deref().unwrap_or_default()),
        }
    }
}
