//! What `trueup attest` says.

use serde::Serialize;

use crate::error::Exit;
use crate::output::view::{Tone, View};
use crate::output::{Envelope, Report};
use crate::text::plural;
use crate::workflow::attestation::{Attestation, NOBODY_IS_AUTHENTICATED};
use crate::workflow::reports::target::TargetReport;

/// What was written.
#[derive(Debug, Clone, Serialize)]
pub(super) struct AttestReport {
    /// The run's ULID.
    #[serde(skip)]
    pub(super) run: String,
    /// The database whose pending migrations were read.
    pub(super) target: TargetReport,
    /// The file, in the directory of the project; `null` where it is recorded in the database.
    pub(super) file: Option<&'static str>,
    /// The line.
    pub(super) attestation: Attestation,
}

/// How many characters of a hash name a file beyond doubt.
const SHORT: usize = 12;

impl AttestReport {
    /// What is confirmed before it is recorded.
    pub(super) fn proposal(&self) -> View {
        View::new().headline(self.target.headline()).line(format!("to record: {}", self.in_words()))
    }

    /// `tested on staging, by Alice, for 1 pending migration (2) and trueup.lock 0123456789ab`
    fn in_words(&self) -> String {
        let Attestation { name, by, lock, pending, .. } = &self.attestation;
        let about = match pending.as_slice() {
            [] => "no pending migration".to_owned(),
            versions => format!("{} ({})", plural(versions.len(), "pending migration"), versions.join(", ")),
        };
        format!("{name}, by {by}, for {about} and trueup.lock {}", &lock[..lock.len().min(SHORT)])
    }
}

impl Report for AttestReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("attest"), run: &self.run, exit: Exit::Clean }
    }

    fn view(&self) -> View {
        let place = self.file.map_or("recorded in the database", |_| "written to attestations.jsonl");
        View::new()
            .headline(self.target.headline())
            .notes([NOBODY_IS_AUTHENTICATED])
            .verdict(format!("{place}: {}", self.in_words()), Tone::Good)
            .next(self.file.map(|file| format!("commit {file}")))
    }
}
