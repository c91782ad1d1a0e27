//! Applies the pending migrations of a plan, one after the other, each together with its row of refinery's history.
//!
//! refinery's own Runner is not used: it neither holds a lock nor knows the files that were edited without changing
//! their meaning, and it commits where we prove. What refinery defines is kept: the names of the files, the history
//! table, its rows and their checksums, so that an application that embeds refinery reads the same history. The history
//! was compared with the project when the plan was made; it is not read here again.

use std::time::Instant;

use anyhow::Result;

use super::{Executor, Job, Outcome, delete_stale_texts, text_record};
use crate::changes::plan::Direction;
use crate::migrations::{Migration, refinery};
use crate::postgres::sql::literal;
use crate::writer::{Event, Work};

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
        self.record_squash().await?;
        self.catch_up().await?;
        self.forget_stale_texts().await?;
        for step in steps {
            self.apply(step).await?;
        }
        Ok(())
    }

    /// Records a baseline in the place of the migrations that it replaces, where the history has all of those. The record keeps
    /// their rows; what they left of steps is settled by it.
    async fn record_squash(&mut self) -> Result<()> {
        let Some((version, replaced)) = self.job.ledger.squashed.take() else { return Ok(()) };
        let found = self.job.migrations.binary_search_by_key(&version, |migration| migration.version);
        let baseline = &self.job.migrations[found.expect("the baseline is a migration of the project")];
        let title = baseline.id().to_string();
        let begun = Instant::now();
        self.job.watch.observe(&Event::Begun { doing: "recording", what: &title, number: 1, of: 1 });
        let records = self.squash_records(baseline, &replaced);
        self.number += i32::try_from(replaced.len() + 1).unwrap_or_default();
        let (limits, next) = (self.job.limits.transaction, self.following());
        let work = Work { next, ..Work::records(&title, &records, limits) };
        let recorded = self.job.writer.transaction(&work, self.job.watch).await;
        recorded.map_err(|trouble| trouble.failure(&title, self.kept))?;
        self.kept = true;
        self.job.watch.observe(&Event::Done { what: &title, took: begun.elapsed() });
        Ok(())
    }

    fn squash_records(&self, baseline: &Migration, replaced: &[i64]) -> String {
        let run = literal(self.job.writer.run());
        let (number, version, name) = (self.number + 1, baseline.version, literal(&baseline.name));
        let versions: Vec<String> = replaced.iter().map(ToString::to_string).collect();
        let versions = versions.join(", ");
        let table = &self.job.ledger.table;
        [
            format!(
                "INSERT INTO trueup.steps (run, number, action, version, name, before, state, ended_at) VALUES ({run}, {number}, \
                 'squash', {version}, {name}, (SELECT json_agg(json_build_array(h.version, h.name, h.applied_on, h.checksum) \
                 ORDER BY h.version)::text FROM {table} AS h WHERE h.version IN ({versions})), 'done', clock_timestamp())"
            ),
            format!(
                "INSERT INTO trueup.steps (run, number, action, version, state, ended_at) SELECT {run}, {number} + row_number() \
                 OVER (ORDER BY s.version), 'squash', s.version, 'done', clock_timestamp() FROM (SELECT DISTINCT version FROM \
                 trueup.steps WHERE version IN ({versions}) AND version <> {version}) AS s"
            ),
            self.job.ledger.squash(baseline, replaced),
            delete_stale_texts(replaced.iter().copied()),
            text_record(self.job.lock, baseline, "squashed", self.job.writer.run()),
        ]
        .join(";\n")
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
