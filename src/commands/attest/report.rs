//! What `trueup attest` says.

use serde::Serialize;

use crate::error::Exit;
use crate::output::view::{Tone, View};
use crate::output::{Envelope, Report};
use crate::text::plural;
use crate::workflow::attestation::{ATTESTATIONS_FILE, Attestation, NOBODY_IS_AUTHENTICATED};
use crate::workflow::reports::target::TargetReport;

/// What was written.
#[derive(Debug, Clone, Serialize)]
pub(super) struct AttestReport {
    /// The run's ULID.
    #[serde(skip)]
    pub(super) run: String,
    /// The database whose pending migrations were read.
    pub(super) target: TargetReport,
    /// The file, in the directory of the project.
    pub(super) file: &'static str,
    /// The line.
    pub(super) attestation: Attestation,
}

/// How many characters of a hash name a file beyond doubt.
const SHORT: usize = 12;

impl Report for AttestReport {
    fn envelope(&self) -> Envelope<'_> {
        Envelope { command: Some("attest"), run: &self.run, exit: Exit::Clean }
    }

    fn view(&self) -> View {
        let Attestation { name, by, lock, pending, .. } = &self.attestation;
        let about = match pending.as_slice() {
            [] => "no pending migration".to_owned(),
            versions => format!("{} ({})", plural(versions.len(), "pending migration"), versions.join(", ")),
        };
        View::new()
            .headline(self.target.headline())
            .notes([NOBODY_IS_AUTHENTICATED])
            .verdict(
                format!(
                    "written to {}: {name}, by {by}, for {about} and trueup.lock {}",
                    self.file,
                    &lock[..lock.len().min(SHORT)]
                ),
                Tone::Good,
            )
            .next([format!("commit {ATTESTATIONS_FILE}")])
    }
}
