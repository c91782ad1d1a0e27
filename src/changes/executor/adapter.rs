//! refinery's Runner drives the migrations; its connection is the door.
//!
//! The Runner calls `execute` once for the history's table and once for every migration, with the script and its own
//! INSERT. What is executed is ours: the same script and the same row, with the checksum of the width that this
//! database has, the fence, and the text and effect that trueup keeps beside it, in one transaction or, where the
//! migration says so, statement by statement. The history was compared with the project before (with checksums in every
//! form that means the same file, which the Runner does not know), so that it is not read again here.

use std::fmt;

use refinery_core::traits::r#async::{AsyncQuery, AsyncTransaction};
use refinery_core::{AsyncMigrate, Migration as RefineryMigration, Runner};

use super::{Applier, Job, Outcome, no_text_record};
use crate::writer::Work;

/// Applies the steps of a plan.
pub async fn upgrade(job: Job<'_>) -> Outcome {
    let mut applier = Applier::new(job);
    let migrations: Result<Vec<RefineryMigration>, _> = applier
        .job
        .steps
        .iter()
        .map(|step| RefineryMigration::unapplied(&step.title, &applier.migration(step).sql))
        .collect();
    let run = match migrations {
        // The plan decides about gaps and edits; the Runner is given what is to be applied, all of it new to it.
        Ok(migrations) => {
            let runner = Runner::new(&migrations).set_abort_missing(false).set_abort_divergent(false);
            runner.run_async(&mut applier).await.map(|_| ())
        }
        Err(error) => Err(error),
    };
    if let (Err(error), None) = (run, &applier.failure) {
        applier.failure = Some(error.into());
    }
    applier.outcome()
}

/// The Runner stops at an error; what it was, the applier keeps.
#[derive(Debug)]
pub(super) struct Stopped;

impl fmt::Display for Stopped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("stopped")
    }
}

impl std::error::Error for Stopped {}

impl AsyncTransaction for Applier<'_> {
    type Error = Stopped;

    async fn execute<'a, T: Iterator<Item = &'a str> + Send + 'a>(
        &'a mut self,
        queries: T,
    ) -> Result<usize, Stopped> {
        let queries = queries.count();
        // One query: the history's table. Two: a script and its row.
        let outcome = if queries == 1 { self.make_ledger().await } else { self.step().await };
        outcome.map(|()| queries).map_err(|error| {
            self.failure = Some(error);
            Stopped
        })
    }
}

impl AsyncQuery<Vec<RefineryMigration>> for Applier<'_> {
    async fn query<'a>(&'a mut self, _: &'a str) -> Result<Vec<RefineryMigration>, Stopped> {
        Ok(Vec::new())
    }
}

impl AsyncMigrate for Applier<'_> {}

impl Applier<'_> {
    /// refinery's history, where there is none yet, and room in trueup's own.
    pub(super) async fn make_ledger(&mut self) -> anyhow::Result<()> {
        if self.job.steps.is_empty() {
            return Ok(());
        }
        let what = "making room for the records of this run";
        let made = (!self.job.ledger.exists).then(|| self.job.ledger.create());
        let stale = no_text_record(self.job.steps.iter().map(|step| step.version));
        let records = made.into_iter().chain([stale]).collect::<Vec<_>>().join(";\n");
        let (limits, next) = (self.job.limits.transaction, self.following());
        let work = Work { next, ..Work::records(what, &records, limits) };
        let made = self.job.writer.transaction(&work, self.job.watch).await;
        made.map_err(|trouble| trouble.failure(what, self.kept))?;
        self.job.ledger.exists = true;
        Ok(())
    }
}
