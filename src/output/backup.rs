//! What `trueup backup` and its like say.

use std::fmt::Write as _;
use std::time::Duration;

use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::document::{Format, plural};
use super::envelope::sealed;
use super::escape::escape;
use super::plan::size;
use super::style::Style;
use crate::backup::{Kind, Manifest, Scope, Verified};
use crate::error::Exit;
use crate::writer::seconds;

/// What a command about backups found or did.
#[derive(Debug, Clone, Serialize)]
pub struct BackupReport {
    /// The run's ULID.
    #[serde(skip)]
    pub run: String,
    /// The exit code.
    #[serde(skip)]
    pub exit: Exit,
    /// Where backups are kept.
    pub store: String,
    /// What it was.
    #[serde(flatten)]
    pub what: Backups,
    /// Remarks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What it was.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Backups {
    /// One was taken.
    #[serde(rename = "backup")]
    Taken(Box<Manifest>),
    /// What there is, the oldest first.
    #[serde(rename = "backups")]
    Listed(Vec<BackupRow>),
    /// One was verified.
    Verified {
        /// Its identifier.
        id: String,
        /// The proof; or what is wrong with it.
        proof: Result<Verified, String>,
    },
    /// What was, or would be, removed.
    Pruned {
        /// The backups that go.
        removed: Vec<BackupRow>,
        /// How many stay.
        kept: usize,
        /// Whether nothing was removed.
        dry_run: bool,
        /// How many that broke off were swept away.
        swept: usize,
    },
}

/// One backup in a list.
#[derive(Debug, Clone, Serialize)]
pub struct BackupRow {
    /// Its identifier.
    pub id: String,
    /// Why it cannot be believed; the rest is empty then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub damaged: Option<String>,
    /// `platform`
    pub database: String,
    /// The host asked for when it was taken.
    pub host: String,
    /// The environment that the database was marked as.
    pub environment: Option<String>,
    /// RFC 3339 in UTC.
    pub taken_at: String,
    /// How old it is, in seconds by this machine's clock.
    pub age_seconds: Option<u64>,
    /// Stored bytes.
    pub bytes: u64,
    /// The newest applied migration.
    pub version: Option<String>,
    /// `custom`, `directory` or `command`.
    pub kind: Option<Kind>,
    /// The tables, when they are not all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tables: Option<usize>,
    /// The strongest proof so far.
    pub verified: Option<Verified>,
    /// What a command called it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

impl BackupRow {
    /// A row of a manifest; `now` is seconds since 1970.
    pub fn new(manifest: &Manifest, age: Option<Duration>) -> Self {
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
            kind: Some(manifest.kind),
            tables: match &manifest.scope {
                Scope::Full => None,
                Scope::Tables(tables) => Some(tables.len()),
            },
            verified: manifest.verified.clone(),
            reference: manifest.reference.clone(),
        }
    }

    /// One whose manifest cannot be believed.
    pub fn damaged(id: String, why: String) -> Self {
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
            kind: None,
            tables: None,
            verified: None,
            reference: None,
        }
    }

    fn cells(&self) -> [String; 7] {
        if let Some(why) = &self.damaged {
            let mut cells = <[String; 7]>::default();
            (cells[0], cells[6]) = (self.id.clone(), format!("damaged: {why}"));
            return cells;
        }
        let what = match (&self.reference, self.tables) {
            (Some(reference), _) => format!("{reference} (elsewhere)"),
            (None, Some(tables)) => format!("{}, {}", size(self.bytes), plural(tables, "table")),
            (None, None) => size(self.bytes),
        };
        [
            self.id.clone(),
            format!("{} on {}", self.database, self.host),
            self.environment.clone().unwrap_or_default(),
            self.age_seconds
                .map_or_else(|| self.taken_at.clone(), |age| seconds(Duration::from_secs(age)) + " ago"),
            what,
            self.version.as_ref().map_or_else(|| "none".to_owned(), |version| format!("V{version}")),
            self.verified.as_ref().map_or_else(|| "no".to_owned(), |verified| verified.how.word().to_owned()),
        ]
    }
}

/// The columns of a list.
const COLUMNS: [&str; 7] = ["backup", "database", "environment", "taken", "size", "version", "verified"];

impl BackupReport {
    /// The report as text.
    pub fn render(&self, format: Format, style: Style) -> String {
        match format {
            Format::Json => sealed(Some("backup"), &self.run, self.exit, self),
            Format::Human if style.quiet && self.exit == Exit::Clean => String::new(),
            Format::Human | Format::Markdown => self.text(style),
        }
    }

    fn text(&self, style: Style) -> String {
        let mut text = String::new();
        match &self.what {
            Backups::Taken(manifest) => self.write_taken(manifest, &mut text),
            Backups::Listed(rows) if rows.is_empty() => {
                let _ = writeln!(text, "no backups in {}", escape(&self.store));
                let _ = writeln!(text, "next: trueup backup");
            }
            Backups::Listed(rows) => {
                let _ = writeln!(text, "{}", table(rows, style));
            }
            Backups::Verified { id, proof: Ok(verified) } => {
                let how = match verified.how.word() {
                    "quick" => "its stored bytes are what was stored",
                    "contents" => "it was read in full: its objects and rows are those that the database had",
                    _ => "it was restored: catalog and rows are those that the database had",
                };
                let _ = writeln!(text, "backup {id} is whole: {how}");
            }
            Backups::Verified { id, proof: Err(why) } => {
                let _ = writeln!(text, "backup {id} is of no use: {}", escape(why));
                let _ = writeln!(text, "next: use another one: trueup backup list");
            }
            Backups::Pruned { removed, kept, dry_run, swept } => {
                if !removed.is_empty() {
                    let _ = writeln!(text, "{}", table(removed, style));
                }
                let count = plural(removed.len(), "backup");
                let _ = match dry_run {
                    true => writeln!(text, "would remove {count}, and keep {kept}"),
                    false => writeln!(text, "removed {count}, kept {kept}"),
                };
                if *swept > 0 {
                    let _ = writeln!(
                        text,
                        "swept away what {} that broke off had left",
                        plural(*swept, "backup")
                    );
                }
            }
        }
        for note in &self.notes {
            let _ = writeln!(text, "note: {}", escape(note));
        }
        text
    }

    fn write_taken(&self, manifest: &Manifest, text: &mut String) {
        let took = seconds(Duration::from_millis(manifest.milliseconds));
        let id = &manifest.id;
        if let Some(reference) = &manifest.reference {
            let _ = writeln!(text, "backup {id}: {} was taken and confirmed, in {took}", escape(reference));
            return;
        }
        let tables = manifest.relations.iter().filter(|relation| relation.rows.is_some()).count();
        let _ = writeln!(
            text,
            "backup {id}: {} with {} in {}, taken in {took}",
            plural(tables, "table"),
            plural(usize::try_from(manifest.rows()).unwrap_or(usize::MAX), "row"),
            size(manifest.bytes)
        );
        let how = match &manifest.verified {
            Some(verified) if verified.how.word() == "restore" => "restored and compared with the database",
            Some(_) => "read in full: its objects and rows are those of the database at that moment",
            None => "not read back",
        };
        let _ = writeln!(text, "verified: {how}");
        let _ = writeln!(text, "stored in {}", escape(&self.store));
    }
}

fn table(rows: &[BackupRow], style: Style) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(style.width)
        .set_header(COLUMNS);
    for row in rows {
        table.add_row(row.cells().map(|cell| escape(&cell).into_owned()));
    }
    table
}
