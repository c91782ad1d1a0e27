//! What `trueup restore` shows before it asks, and says afterwards.

use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::document::{Format, Target, plural};
use super::envelope::sealed;
use super::escape::escape;
use super::plan::size;
use super::style::Style;
use crate::backup::restore::Connected;
use crate::error::Exit;
use crate::writer::seconds;

/// A restore.
#[derive(Debug, Clone, Serialize)]
pub struct RestoreReport {
    /// The run's ULID.
    #[serde(skip)]
    pub run: String,
    /// The exit code.
    #[serde(skip)]
    pub exit: Exit,
    /// The restored database.
    pub target: Target,
    /// The backup's identifier.
    pub backup: String,
    /// When it was taken, RFC 3339 in UTC.
    pub taken_at: String,
    /// The database that it is of.
    pub source: String,
    /// How many tables with rows are in it.
    pub tables: usize,
    /// The rows of all of them.
    pub rows: u64,
    /// The size of the database that was backed up, in bytes.
    pub database_bytes: u64,
    /// Whether only some tables were backed up.
    pub partial: bool,
    /// In whose place.
    pub restored: RestoredAs,
    /// What is not restored, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub left_out: Vec<String>,
    /// How long it took; 0 before it is done.
    pub milliseconds: u64,
    /// What `trueup check` says of it.
    pub check: Option<RestoredState>,
    /// Remarks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// In whose place a backup is restored.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RestoredAs {
    /// A database that was not there.
    New,
    /// An empty one, in one transaction.
    Directly,
    /// Another one, which is called otherwise afterwards; an empty one is dropped.
    InPlaceOf {
        /// What the other one is called; `None` when it was empty.
        kept_as: Option<String>,
        /// Its size, where it may be known.
        bytes: Option<u64>,
        /// Who was, or would be, disconnected.
        sessions: Vec<Connected>,
    },
}

/// Where the restored database stands.
#[derive(Debug, Clone, Serialize)]
pub struct RestoredState {
    /// What `trueup check` says, in a line.
    pub verdict: String,
    /// The exit code that it would end with.
    pub exit_code: u8,
    /// The newest applied migration.
    pub version: Option<String>,
    /// How many wait to be applied.
    pub pending: usize,
}

/// How many sessions are listed.
const MOST: usize = 20;

impl RestoreReport {
    /// The report as text.
    pub fn render(&self, format: Format, style: Style) -> String {
        match format {
            Format::Json => sealed(Some("restore"), &self.run, self.exit, self),
            Format::Human if style.quiet => String::new(),
            Format::Human | Format::Markdown => self.text(style),
        }
    }

    /// What would be done.
    pub fn proposal(&self, style: Style) -> String {
        let mut text = format!("backup {}\n", self.backup);
        let _ = writeln!(
            text,
            "  of {}, taken {}: {} with {}, {} on the server",
            escape(&self.source),
            self.taken_at,
            plural(self.tables, "table"),
            plural(usize::try_from(self.rows).unwrap_or(usize::MAX), "row"),
            size(self.database_bytes)
        );
        if self.partial {
            let _ = writeln!(
                text,
                "  {}",
                style.yellow("some tables alone: what else the database had is not in it")
            );
        }
        let database = escape(&self.target.database);
        let place = format!("{}:{}", escape(&self.target.host), self.target.port);
        match &self.restored {
            RestoredAs::New => {
                let _ = writeln!(text, "into a new database {database} on {place}");
            }
            RestoredAs::Directly => {
                let _ = writeln!(text, "into the empty database {database} on {place}, in one transaction");
            }
            RestoredAs::InPlaceOf { kept_as, bytes, sessions } => {
                let bytes = bytes.map(|bytes| format!(" ({})", size(bytes))).unwrap_or_default();
                let _ = match kept_as {
                    Some(kept_as) => writeln!(
                        text,
                        "in the place of database {database}{bytes} on {place}, which stays as {}",
                        escape(kept_as)
                    ),
                    None => writeln!(text, "in the place of the empty database {database} on {place}"),
                };
                let _ = writeln!(text, "sessions that are ended: {}", sessions.len());
                for session in sessions.iter().take(MOST) {
                    let application = match session.application.as_str() {
                        "" => "no application name",
                        name => name,
                    };
                    let client = if session.client.is_empty() { "local" } else { &session.client };
                    let _ = writeln!(
                        text,
                        "  pid {}: role {}, {}, from {}, {}",
                        session.pid,
                        escape(&session.role),
                        escape(application),
                        escape(client),
                        escape(&session.state)
                    );
                }
                if sessions.len() > MOST {
                    let _ = writeln!(text, "  and {} more", sessions.len() - MOST);
                }
            }
        }
        self.write_remarks(&mut text, style);
        text
    }

    fn write_remarks(&self, text: &mut String, style: Style) {
        for left_out in &self.left_out {
            let _ = writeln!(text, "{} {}", style.yellow("left out:"), escape(left_out));
        }
        for note in &self.notes {
            let _ = writeln!(text, "note: {}", escape(note));
        }
    }

    fn text(&self, style: Style) -> String {
        let mut text = String::new();
        let took = seconds(Duration::from_millis(self.milliseconds));
        let database = escape(&self.target.database);
        let rows = plural(usize::try_from(self.rows).unwrap_or(usize::MAX), "row");
        let done = format!(
            "restored {database} from backup {}: {} with {rows}, in {took}",
            self.backup,
            plural(self.tables, "table")
        );
        let _ = writeln!(text, "{}", style.bold(&style.green(&done)));
        let proved = if self.partial {
            "verified: the rows of these tables are those that were backed up; the rest of the database is not in the backup"
        } else {
            "verified: catalog and rows are those that were backed up"
        };
        let _ = writeln!(text, "{proved}");
        if let RestoredAs::InPlaceOf { kept_as: Some(kept_as), sessions, .. } = &self.restored {
            let _ = writeln!(
                text,
                "the old database is {} now; {} ended",
                escape(kept_as),
                match sessions.len() {
                    1 => "1 session was".to_owned(),
                    many => format!("{many} sessions were"),
                }
            );
        }
        if let Some(RestoredState { verdict, version, pending, .. }) = &self.check {
            let version =
                version.as_ref().map_or_else(|| "no migration".to_owned(), |version| format!("V{version}"));
            let _ = writeln!(text, "check: {}; at {version}, {pending} pending", escape(verdict));
        }
        self.write_remarks(&mut text, style);
        if let RestoredAs::InPlaceOf { kept_as: Some(kept_as), .. } = &self.restored {
            let _ = writeln!(
                text,
                "next: when nobody needs the old one any more: DROP DATABASE {}",
                escape(&crate::postgres::sql::identifier(kept_as))
            );
        }
        text
    }
}
