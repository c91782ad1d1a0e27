//! Applies the pending migrations of a plan, one after the other, each together with its row of refinery's history.
//!
//! refinery's own Runner is not used: it neither holds a lock nor knows the files that were edited without changing
//! their meaning, and it commits where we prove. What refinery defines is kept: the names of the files, the history
//! table, its rows and their checksums, so that an application that embeds refinery reads the same history. The history
//! was compared with the project when the plan was made; it is not read here again.

use anyhow::Result;

use super::{Executor, Job, Outcome, delete_stale_texts};
use crate::changes::plan::Direction;
use crate::migrations::refinery;
use crate::writer::Work;

/// Applies the steps of a plan in order, and ends at the first that fails.
pub async fn upgrade(job: Job<'_>) -> Outcome {
    let mut executor = Executor::new(job, Direction::Up);
    let applied = executor.apply_all().await;
    executor.outcome(applied.err())
}

impl Executor<'_> {
    async fn apply_all(&mut self) -> Result<()> {
        let steps = self.job.steps;
        for step in steps {
            refinery::check_reads_alike(self.migration(step))?;
        }
        self.catch_up().await?;
        self.forget_stale_texts().await?;
        for step in steps {
            self.apply(step).await?;
        }
        Ok(())
    }

    /// Deletes the texts that trueup keeps of earlier applications of these migrations. The transaction of the first step
    /// is opened by the message that commits this.
    async fn forget_stale_texts(&mut self) -> Result<()> {
        let versions = self.job.steps.iter().map(|step| step.version);
        let stale: Vec<i64> = versions.filter(|version| self.job.texts.contains(version)).collect();
        if stale.is_empty() {
            return Ok(());
        }
        let what = "preparing the records";
        let records = delete_stale_texts(stale);
        let (limits, next) = (self.job.limits.transaction, self.following());
        let work = Work { next, ..Work::records(what, &records, limits) };
        let forgotten = self.job.writer.transaction(&work, self.job.watch).await;
        forgotten.map_err(|error| error.failure(what, self.kept))
    }
}
