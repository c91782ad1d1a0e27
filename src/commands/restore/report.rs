//! What `trueup restore` shows before it asks, and says afterwards.

use std::time::Duration;

use serde::Serialize;

use crate::backup::restore::ConnectedSession;
use crate::error::Exit;
use crate::output::view::{Text, Tone, View};
use crate::output::{Envelope, Report};
use crate::postgres::sql::identifier;
use crate::text::{plural, size};
use crate::workflow::reports::target::TargetReport;
use crate::writer::seconds;

/// A restore.
#[derive(Debug, Clone, Serialize)]
pub(super) struct RestoreReport {
    /// The run's ULID.
    #[serde(skip)]
    pub(super) run: String,
    /// The exit code.
    #[serde(skip)]
    pub(super) exit: Exit,
    /// The restored database.
    pub(super) target: TargetReport,
    /// The backup's identifier.
    pub(super) backup: String,
    /// When it was taken, RFC 3339 in UTC.
    pub(super) taken_at: String,
    /// The database that it is of.
    pub(super) source: String,
    /// How many tables with rows are in it.
    pub(super) tables: usize,
    /// The rows of all of them.
    pub(super) rows: u64,
    /// The size of the database that was backed up, in bytes.
    pub(super) database_bytes: u64,
    /// Whether only some tables were backed up.
    pub(super) partial: bool,
    /// In whose place.
    pub(super) restored: RestoredAs,
    /// What is not restored, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) left_out: Vec<String>,
    /// How long it took; 0 before it is done.
    pub(super) milliseconds: u64,
    /// What `trueup check` says of it.
    pub(super) check: Option<RestoredState>,
    /// Remarks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
}

/// In whose place a backup is restored.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RestoredAs {
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
        sessions: Vec<ConnectedSession>,
    },
}

/// Where the restored database stands.
#[derive(Debug, Clone, Serialize)]
pub(super) struct RestoredState {
    /// What `trueup check` says, in a line.
    pub(super) verdict: String,
    /// The exit code that it would end with.
    pub(super) exit_code: u8,
    /// The newest applied migration.
    pub(super) version: Option<String>,
    /// How many wait to be applied.
    pub(super) pending: usize,
}

/// How many sessions are listed.
const MOST: usize = 20;

impl Report for RestoreReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("restore"), run: &self.run, exit: self.exit }
    }

    fn view(&self) -> View {
        let mut view = View::new().line(if self.partial {
            "verified: the rows of these tables are those that were backed up; the backup has no other tables"
        } else {
            "verified: schema and rows are those that were backed up"
        });
        if let RestoredAs::InPlaceOf { kept_as: Some(kept_as), sessions, .. } = &self.restored {
            let closed = plural(sessions.len(), "connection");
            view = view.line(format!("the previous database is now {kept_as}; {closed} closed"));
        }
        if let Some(RestoredState { verdict, version, pending, .. }) = &self.check {
            let version =
                version.as_ref().map_or_else(|| "no migration".to_owned(), |version| format!("V{version}"));
            view = view.line(format!("check: {verdict}; at {version}, {pending} pending"));
        }
        let done = format!(
            "restored {} from backup {}: {} with {} in {}",
            self.target.database,
            self.backup,
            plural(self.tables, "table"),
            plural(self.rows, "row"),
            seconds(Duration::from_millis(self.milliseconds))
        );
        let next = match &self.restored {
            RestoredAs::InPlaceOf { kept_as: Some(kept_as), .. } => Some(format!(
                "when nobody needs the previous database any more: DROP DATABASE {}",
                identifier(kept_as)
            )),
            _ => None,
        };
        view.then(self.remarks()).verdict(done, Tone::Good).next(next)
    }
}

impl RestoreReport {
    /// What will be done, for whoever is asked.
    pub(super) fn proposal(&self) -> View {
        let counts = format!(
            "of {}, taken {}: {} with {}, {} on the server",
            self.source,
            self.taken_at,
            plural(self.tables, "table"),
            plural(self.rows, "row"),
            size(self.database_bytes)
        );
        let mut view =
            View::new().line(format!("backup {}", self.backup)).text(Text::new(counts).indented(2));
        if self.partial {
            let text = "some tables only: the backup has nothing else of the database";
            view = view.text(Text::new(text).tone(Tone::Warning).indented(2));
        }
        let (database, address) = (&self.target.database, self.target.address());
        match &self.restored {
            RestoredAs::New => view = view.line(format!("into a new database {database} on {address}")),
            RestoredAs::Directly => {
                view =
                    view.line(format!("into the empty database {database} on {address}, in one transaction"));
            }
            RestoredAs::InPlaceOf { kept_as, bytes, sessions } => {
                let bytes = bytes.map(|bytes| format!(" ({})", size(bytes))).unwrap_or_default();
                view = view.line(match kept_as {
                    Some(kept_as) => format!(
                        "replaces {database}{bytes} on {address}; the current database is kept as {kept_as}"
                    ),
                    None => format!("replaces the empty database {database} on {address}"),
                });
                view = view.line(format!("connections that will be closed: {}", sessions.len()));
                for session in sessions.iter().take(MOST) {
                    view = view.text(Text::new(connection(session)).indented(2));
                }
                if sessions.len() > MOST {
                    view = view.text(Text::new(format!("and {} more", sessions.len() - MOST)).indented(2));
                }
            }
        }
        view.then(self.remarks())
    }

    fn remarks(&self) -> View {
        let left_out = self.left_out.iter().map(|what| Text::labelled("left out", what).tone(Tone::Warning));
        left_out.fold(View::new(), View::text).notes(&self.notes)
    }
}

/// A connection in one line.
fn connection(session: &ConnectedSession) -> String {
    let application = match session.application.as_str() {
        "" => "no application name",
        name => name,
    };
    let client = if session.client.is_empty() { "local" } else { &session.client };
    format!("pid {}: role {}, {application}, from {client}, {}", session.pid, session.role, session.state)
}
