//! What `trueup ready` says.

use serde::Serialize;

use super::Readiness;
use crate::error::Exit;
use crate::output::view::{Tone, View};
use crate::output::{Envelope, Metrics, ProbeName, Report};
use crate::snapshot::Identity;
use crate::workflow::reports::metrics;
use crate::workflow::reports::target::TargetReport;

/// Whether a database is ready.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ReadyReport {
    /// The run's ULID.
    #[serde(skip)]
    pub(crate) run: String,
    /// The exit code.
    #[serde(skip)]
    pub(crate) exit: Exit,
    /// The database.
    pub(crate) target: TargetReport,
    /// Which database that is, for whoever looks again.
    #[serde(skip)]
    pub(crate) identity: Identity,
    /// Where it is on the way.
    #[serde(flatten)]
    pub(crate) readiness: Readiness,
    /// Remarks for people.
    pub(crate) notes: Vec<String>,
    /// How long it was waited for in vain, in words.
    #[serde(skip)]
    pub(crate) waited: Option<String>,
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

    fn metrics(&self) -> Option<Metrics> {
        let counted = metrics::of_command(self.target.labels.clone(), ProbeName::Readiness, true);
        Some(counted.family(metrics::ready(Some(self.readiness.ready))))
    }
}
