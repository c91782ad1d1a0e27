//! What `trueup ready` says.

use serde::Serialize;

use crate::error::Exit;
use crate::output::view::{Tone, View};
use crate::output::{Envelope, Report};
use crate::workflow::readiness::Readiness;
use crate::workflow::reports::target::TargetReport;

/// Whether a database is ready.
#[derive(Debug, Clone, Serialize)]
pub(super) struct ReadyReport {
    /// The run's ULID.
    #[serde(skip)]
    pub(super) run: String,
    /// The exit code.
    #[serde(skip)]
    pub(super) exit: Exit,
    /// The database.
    pub(super) target: TargetReport,
    /// Where it is on the way.
    #[serde(flatten)]
    pub(super) readiness: Readiness,
    /// Remarks for people.
    pub(super) notes: Vec<String>,
    /// How long it was waited for in vain, in words.
    #[serde(skip)]
    pub(super) waited: Option<String>,
}

impl Report for ReadyReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("ready"), run: &self.run, exit: self.exit }
    }

    fn view(&self) -> View {
        let (word, tone) = match self.readiness.ready {
            true => ("READY", Tone::Good),
            false => ("NOT READY", Tone::Bad),
        };
        let waited = self.waited.as_ref().map(|waited| format!(" after {waited}")).unwrap_or_default();
        let next = Some(&self.readiness.next).filter(|next| !next.is_empty());
        View::new()
            .headline(self.target.headline())
            .notes(&self.notes)
            .verdict(format!("{word}{waited}: {}", self.readiness.sentence()), tone)
            .next(next)
    }
}
