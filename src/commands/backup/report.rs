//! The reports of `trueup backup` and its subcommands.

use std::time::Duration;

use serde::Serialize;

use crate::backup::{BackupFormat, Manifest, Scope, Verified};
use crate::error::Exit;
use crate::output::view::{Content, Table, Tone, View};
use crate::output::{Envelope, Report};
use crate::text::{duration, plural, short_id, size};

/// The result of a command about backups.
#[derive(Debug, Clone, Serialize)]
pub(super) struct BackupReport {
    /// The ULID of the run.
    #[serde(skip)]
    pub(super) run: String,
    /// The exit code.
    #[serde(skip)]
    pub(super) exit: Exit,
    /// The store of the backups.
    pub(super) store: String,
    /// The result.
    #[serde(flatten)]
    pub(super) what: Backups,
    /// Additional notes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
}

/// The result of one of the subcommands.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Backups {
    /// A backup was taken.
    #[serde(rename = "backup")]
    Taken(Box<Manifest>),
    /// The stored backups, the oldest first.
    #[serde(rename = "backups")]
    Listed(Vec<BackupRow>),
    /// A backup was verified.
    Verified {
        /// The identifier of the backup.
        id: String,
        /// The verification that it passed; or what is wrong with it.
        proof: Result<Verified, String>,
    },
    /// Backups were, or would be, removed.
    Pruned {
        /// These backups.
        removed: Vec<BackupRow>,
        /// The number of backups that are kept.
        kept: usize,
        /// Whether nothing was removed, because of `--dry-run`.
        dry_run: bool,
        /// The number of interrupted backups whose leftovers were removed.
        swept: usize,
    },
}

/// A backup in a list.
#[derive(Debug, Clone, Serialize)]
pub(super) struct BackupRow {
    /// The identifier of the backup.
    pub(super) id: String,
    /// Why its manifest cannot be used; the other fields are empty then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) damaged: Option<String>,
    /// The database: `platform`.
    pub(super) database: String,
    /// The host that the backup was taken from.
    pub(super) host: String,
    /// The environment label of the database.
    pub(super) environment: Option<String>,
    /// When its snapshot was taken, RFC 3339 in UTC.
    pub(super) taken_at: String,
    /// The age in seconds, by the clock of this machine.
    pub(super) age_seconds: Option<u64>,
    /// The stored size in bytes.
    pub(super) bytes: u64,
    /// The newest applied migration.
    pub(super) version: Option<String>,
    /// The tool that calls it so; `None` for trueup's own migrations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tool: Option<String>,
    /// `custom`, `directory` or `command`.
    pub(super) kind: Option<BackupFormat>,
    /// The number of tables; `None` for a full backup.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) tables: Option<usize>,
    /// The strongest verification that the backup has passed.
    pub(super) verified: Option<Verified>,
    /// The reference that `[backup] command` printed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reference: Option<String>,
}

impl BackupRow {
    /// The row of a backup.
    pub(super) fn new(manifest: &Manifest, age: Option<Duration>) -> Self {
        Self {
            id: manifest.id.clone(),
            damaged: None,
            database: manifest.source.database.clone(),
            host: manifest.source.host.clone(),
            environment: manifest.source.environment.clone(),
            taken_at: manifest.taken_at.clone(),
            age_seconds: age.map(|age| age.as_secs()),
            bytes: manifest.bytes,
            version: manifest.version.clone(),
            tool: manifest.tool.clone(),
            kind: Some(manifest.kind),
            tables: match &manifest.scope {
                Scope::Full => None,
                Scope::Tables(tables) => Some(tables.len()),
            },
            verified: manifest.verified.clone(),
            reference: manifest.reference.clone(),
        }
    }

    /// The row of a backup whose manifest cannot be used.
    pub(super) fn damaged(id: String, why: String) -> Self {
        Self {
            id,
            damaged: Some(why),
            database: String::new(),
            host: String::new(),
            environment: None,
            taken_at: String::new(),
            age_seconds: None,
            bytes: 0,
            version: None,
            tool: None,
            kind: None,
            tables: None,
            verified: None,
            reference: None,
        }
    }

    fn cells(&self) -> [String; 7] {
        if let Some(why) = &self.damaged {
            let mut cells = <[String; 7]>::default();
            (cells[0], cells[6]) = (short_id(&self.id).to_owned(), format!("damaged: {why}"));
            return cells;
        }
        let what = match (&self.reference, self.tables) {
            (Some(reference), _) => format!("{reference} (elsewhere)"),
            (None, Some(tables)) => format!("{}, {}", size(self.bytes), plural(tables, "table")),
            (None, None) => size(self.bytes),
        };
        [
            short_id(&self.id).to_owned(),
            format!("{} on {}", self.database, self.host),
            self.environment.clone().unwrap_or_default(),
            self.age_seconds
                .map_or_else(|| self.taken_at.clone(), |age| duration(Duration::from_secs(age)) + " ago"),
            what,
            match (&self.version, &self.tool) {
                (None, _) => "none".to_owned(),
                (Some(version), None) => format!("V{version}"),
                (Some(version), Some(tool)) => format!("{tool} {version}"),
            },
            self.verified.as_ref().map_or_else(|| "no".to_owned(), |verified| verified.how.word().to_owned()),
        ]
    }
}

impl Report for BackupReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("backup"), run: &self.run, exit: self.exit }
    }

    fn view(&self) -> View {
        let tone = if self.exit == Exit::Clean { Tone::Good } else { Tone::Bad };
        let view = View::new();
        match &self.what {
            Backups::Taken(manifest) => {
                view.lines(self.proof_of(manifest)).notes(&self.notes).verdict(taken(manifest), tone)
            }
            Backups::Listed(rows) if rows.is_empty() => view
                .notes(&self.notes)
                .verdict(format!("no backups in {}", self.store), tone)
                .next(["trueup backup"]),
            Backups::Listed(rows) => view
                .table(table(rows))
                .notes(&self.notes)
                .verdict(format!("{} in {}", plural(rows.len(), "backup"), self.store), tone),
            Backups::Verified { id, proof: Ok(verified) } => {
                let how = match verified.how.word() {
                    "quick" => "its stored bytes are what was stored",
                    "contents" => "it was read in full: its objects and rows are those that the database had",
                    _ if !verified.missing.is_empty() => "its rows are those that the database had",
                    _ => "schema and rows are those that the database had",
                };
                let id = short_id(id);
                let is = match verified.missing.len() {
                    0 => "is OK".to_owned(),
                    count => format!("cannot restore {}", plural(count, "object")),
                };
                let on = verified.restored_on.as_ref();
                let on =
                    on.map_or_else(String::new, |server| format!("it was restored on PostgreSQL {server}: "));
                view.notes(&self.notes).verdict(format!("backup {id} {is}: {on}{how}"), tone)
            }
            Backups::Verified { id, proof: Err(why) } => view
                .notes(&self.notes)
                .verdict(format!("verification of backup {} failed: {why}", short_id(id)), tone)
                .next(["use another backup: trueup backup list"]),
            Backups::Pruned { removed, kept, dry_run, swept } => {
                let count = plural(removed.len(), "backup");
                let verdict = match dry_run {
                    true => format!("dry run: {count} would be removed, {kept} kept"),
                    false => format!("removed {count}, kept {kept}"),
                };
                let swept = (*swept > 0)
                    .then(|| format!("removed what {} left behind", plural(*swept, "interrupted backup")));
                view.table(table(removed)).notes(swept).notes(&self.notes).verdict(verdict, tone)
            }
        }
    }
}

impl BackupReport {
    /// How a new backup was verified, and where it is stored.
    fn proof_of(&self, manifest: &Manifest) -> Vec<String> {
        if manifest.reference.is_some() {
            return Vec::new();
        }
        let how = match &manifest.verified {
            Some(verified) if !verified.missing.is_empty() => {
                "restored; its rows are those of the database, and not everything else could be restored"
            }
            Some(verified) if verified.how.word() == "restore" => "restored and compared with the database",
            Some(_) => "read in full: its objects and rows are those of the database at that moment",
            None => "not read back",
        };
        let on = manifest.verified.as_ref().and_then(|verified| verified.restored_on.as_ref());
        let on = on.map_or_else(String::new, |server| format!(" (on PostgreSQL {server})"));
        vec![format!("verified: {how}{on}"), format!("stored in {}", self.store)]
    }
}

/// A new backup in one line.
fn taken(manifest: &Manifest) -> String {
    let took = duration(Duration::from_millis(manifest.milliseconds));
    let id = short_id(&manifest.id);
    if let Some(reference) = &manifest.reference {
        return format!("backup {id}: {reference} was taken and confirmed in {took}");
    }
    let tables = manifest.relations.iter().filter(|relation| relation.rows.is_some()).count();
    format!(
        "backup {id}: {} with {} in {}, taken in {took}",
        plural(tables, "table"),
        plural(manifest.rows(), "row"),
        size(manifest.bytes)
    )
}

fn table(rows: &[BackupRow]) -> Table {
    let columns = ["backup", "database", "environment", "taken", "size", "version", "verified"];
    let mut table = Table::new(&columns.map(|title| (title, Content::Prose)));
    for row in rows {
        table.push(row.cells());
    }
    table
}
