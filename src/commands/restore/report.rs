//! The report of `trueup restore`: what it will do, and what it has done.

use std::time::Duration;

use serde::Serialize;

use crate::backup::restore::{ConnectedSession, Derivation};
use crate::error::Exit;
use crate::output::view::{Text, Tone, View};
use crate::output::{Envelope, Report};
use crate::postgres::sql::identifier;
use crate::text::{duration, plural, short_id, size};
use crate::workflow::reports::target::TargetReport;

/// A planned or finished restore.
#[derive(Debug, Clone, Serialize)]
pub(super) struct RestoreReport {
    /// The ULID of the run.
    #[serde(skip)]
    pub(super) run: String,
    /// The exit code.
    #[serde(skip)]
    pub(super) exit: Exit,
    /// The restored database.
    pub(super) target: TargetReport,
    /// The identifier of the backup.
    pub(super) backup: String,
    /// When its snapshot was taken, RFC 3339 in UTC.
    pub(super) taken_at: String,
    /// The database that was backed up.
    pub(super) source: String,
    /// The number of tables with rows.
    pub(super) tables: usize,
    /// The number of rows in all tables.
    pub(super) rows: u64,
    /// The size of the database that was backed up, in bytes.
    pub(super) database_bytes: u64,
    /// Whether the backup holds some tables only.
    pub(super) partial: bool,
    /// Where the backup is restored.
    pub(super) restored: RestoredAs,
    /// What is left out, and why.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) left_out: Vec<String>,
    /// What could not be restored, and why. The rows are restored.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) missing: Vec<String>,
    /// The database that was not replaced, because something is missing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) not_replaced: Option<String>,
    /// How long the restore took, in milliseconds; 0 before it is finished.
    pub(super) milliseconds: u64,
    /// The result of `trueup check` on the restored database.
    pub(super) check: Option<RestoredState>,
    /// Additional notes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) notes: Vec<String>,
}

/// Where a backup is restored.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum RestoredAs {
    /// Into a new database.
    New,
    /// Into an empty database, in one transaction.
    Directly,
    /// Into a database that replaces another one. That is renamed, or dropped if it is empty.
    InPlaceOf {
        /// The new name of the replaced database; `None` when it was empty.
        kept_as: Option<String>,
        /// The size of the replaced database in bytes; `None` where the role may not read it.
        bytes: Option<u64>,
        /// The connections that were, or will be, closed.
        sessions: Vec<ConnectedSession>,
    },
}

/// The result of `trueup check` in short.
#[derive(Debug, Clone, Serialize)]
pub(super) struct RestoredState {
    /// Its verdict.
    pub(super) verdict: String,
    /// Its exit code.
    pub(super) exit_code: u8,
    /// The newest applied migration.
    pub(super) version: Option<String>,
    /// The same for a sentence: `V7`, `Alembic 41b7e9d3c5f0`.
    #[serde(skip)]
    pub(super) at: Option<String>,
    /// The number of pending migrations.
    pub(super) pending: usize,
}

/// The number of connections that are listed.
const MOST: usize = 20;

impl Report for RestoreReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("restore"), run: &self.run, exit: self.exit }
    }

    fn view(&self) -> View {
        let mut view = View::new().line(if self.partial {
            "verified: the rows of these tables are those that were backed up; the backup has no other tables"
        } else if self.missing.is_empty() {
            "verified: schema and rows are those that were backed up"
        } else {
            "verified: the rows are those that were backed up"
        });
        for missing in &self.missing {
            view = view.text(Text::labelled("not restored", missing).tone(Tone::Bad));
        }
        if let Some(database) = &self.not_replaced {
            view = view.line(format!("{database} was not replaced and not changed"));
        }
        if let RestoredAs::InPlaceOf { kept_as: Some(kept_as), sessions, .. } = &self.restored {
            let closed = plural(sessions.len(), "connection");
            view = view.line(format!("the previous database is now {kept_as}; {closed} closed"));
        }
        if let Some(RestoredState { verdict, at, pending, .. }) = &self.check {
            let at = at.as_deref().unwrap_or("no migration");
            view = view.line(format!("check: {verdict}; at {at}, {pending} pending"));
        }
        let done = format!(
            "restored {} from backup {}: {} with {} in {}",
            self.target.database,
            short_id(&self.backup),
            plural(self.tables, "table"),
            plural(self.rows, "row"),
            duration(Duration::from_millis(self.milliseconds))
        );
        if !self.missing.is_empty() {
            let missing = plural(self.missing.len(), "object");
            let done = format!("{done}; {missing} could not be restored");
            let next = "fix what the messages name, then create these objects by hand, or take another backup and restore it";
            return view.then(self.remarks()).verdict(done, Tone::Bad).next([next]);
        }
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
    /// Adds what is missing in the restored database, and what to do about functions.
    pub(super) fn add(&mut self, derivation: Derivation) {
        self.notes.extend(derivation.note());
        if !derivation.missing.is_empty() {
            self.exit = Exit::Partial;
        }
        self.missing = derivation.missing;
    }

    /// The planned restore, before it is confirmed.
    pub(super) fn proposal(&self) -> View {
        let counts = format!(
            "of {}, taken {}: {} with {}, {} on the server",
            self.source,
            self.taken_at,
            plural(self.tables, "table"),
            plural(self.rows, "row"),
            size(self.database_bytes)
        );
        let mut view = View::new()
            .line(format!("backup {}", short_id(&self.backup)))
            .text(Text::new(counts).indented(2));
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
