//! Reverts migrations. Each down script runs in a transaction that is committed only if the catalog is then what the
//! migrations below build. One that is marked `no-transaction` runs statement by statement, and is recorded as done only
//! if the catalog is that.

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::Result;

use super::refusal::{self, EarlierWork, ScriptSource};
use super::sent::SentScript;
use super::{AppliedStep, Executor, Job, Outcome, locks_to_wait_for};
use crate::changes::plan::{Direction, Reversal, Step};
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::Left;
use crate::postgres::catalog::Catalog;
use crate::postgres::catalog::reader;
use crate::postgres::connection::{self, ServerVersion, Session};
use crate::postgres::sql::literal;
use crate::writer::{Event, Work};

/// The number of differing objects that a message names.
const MOST_NAMED: usize = 5;

/// Reverts the steps of a plan in order, and ends at the first that fails.
pub async fn downgrade(job: Job<'_>) -> Outcome {
    let mut executor = Executor::new(job, Direction::Down);
    let reverted = executor.revert_all().await;
    executor.outcome(reverted.err())
}

impl Executor<'_> {
    async fn revert_all(&mut self) -> Result<()> {
        self.catch_up().await?;
        for step in self.job.steps {
            self.revert(step).await?;
        }
        Ok(())
    }

    /// Reverts one migration.
    async fn revert(&mut self, step: &Step) -> Result<()> {
        self.next += 1;
        let begun = Instant::now();
        let what = format!("reverting {}", step.title);
        let (number, of) = (self.next, self.job.steps.len());
        self.job.watch.observe(&Event::Begun { doing: "reverting", what: &step.title, number, of });
        let before = self.catalog().await?;
        if !step.transactional {
            self.statements(step, None).await?;
        }
        self.number += 1;
        // The record keeps both texts: the one that was applied and the one that reverted it.
        let records = format!(
            "{};\nINSERT INTO trueup.steps (run, number, action, version, name, text, before, state, detail, ended_at) \
             VALUES ({}, {}, 'revert', {v}, {}, {}, (SELECT sql FROM trueup.migrations WHERE version = {v}), 'done', {}, \
             clock_timestamp());\n\
             DELETE FROM trueup.migrations WHERE version = {v}",
            self.job.ledger.delete(step.version),
            literal(self.job.writer.run()),
            self.number,
            literal(&step.name),
            literal(&step.sql),
            left_on_purpose(step),
            v = step.version,
        );
        let (wanted, sent) = match step.transactional {
            true => {
                (locks_to_wait_for(step), SentScript::of(&step.script, self.limits(step), self.job.version))
            }
            false => Default::default(),
        };
        let work = Work {
            what: &what,
            script: &sent.text,
            records: &records,
            recurring: None,
            wanted: &wanted,
            limits: self.limits(step),
            snapshot: false,
            next: None,
        };
        let source = ScriptSource { path: &step.path, what: &what, script: &step.script, sent: &sent };
        let before_it = match (step.transactional, self.kept) {
            // Statements of it are committed, by this run or by an earlier one.
            (false, _) => EarlierWork::Statements { kept: true },
            (true, true) => EarlierWork::TakenBack,
            (true, false) => EarlierWork::Nothing,
        };
        let (lock, version, options) = (self.job.lock, self.job.version, self.job.options);
        let stays: BTreeSet<i64> =
            self.job.applied.range(..step.index).map(|index| lock.migrations[*index].version).collect();
        let reversal = Reversal::of(lock, &BTreeSet::from([step.version]), &stays);
        let done = self
            .job
            .writer
            .proved_transaction(&work, self.job.watch, async |session: &mut Session| {
                let after = reader::read_inside(session, version, options).await?.catalog;
                prove(step, version, &reversal, [&before, &after])
            })
            .await;
        done.map_err(|trouble| refusal::script_failure(trouble, source, before_it))?;
        self.kept = true;
        let took = begun.elapsed();
        self.job.watch.observe(&Event::Done { what: &step.title, took });
        self.done.push(AppliedStep {
            version: step.version.to_string(),
            name: step.name.clone(),
            milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        });
        Ok(())
    }

    async fn catalog(&mut self) -> Result<Catalog> {
        let (version, options) = (self.job.version, self.job.options);
        let session = self
            .job
            .writer
            .read_session()
            .await
            .map_err(|error| connection::server_failure(error, "reading the catalog"))?;
        let reading = reader::read(session, version, options).await;
        Ok(reading.map_err(|error| connection::server_failure(error, "reading the catalog"))?.catalog)
    }
}

/// What a down script says that it leaves, as an SQL expression for the record.
fn left_on_purpose(step: &Step) -> String {
    let left: Vec<String> = step.directives.leaves.iter().map(Left::to_string).collect();
    if left.is_empty() { "NULL".to_owned() } else { literal(&format!("leaves {}", left.join(", "))) }
}

/// Checks the catalog after a down script, as [`Reversal::wrong`] says.
fn prove(step: &Step, server: ServerVersion, reversal: &Reversal<'_>, catalogs: [&Catalog; 2]) -> Result<()> {
    let wrong = reversal.wrong(server, &step.directives.leaves, catalogs);
    let wrong: Vec<String> = wrong.into_iter().map(|(_, words)| words).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let more = wrong.len().saturating_sub(MOST_NAMED);
    let mut text = wrong[..wrong.len().min(MOST_NAMED)].join("\n");
    if more > 0 {
        text.push_str(&format!("\nand {more} more"));
    }
    let (became, next) = if step.transactional {
        (
            "it was rolled back",
            "fix the down script, or accept what it leaves in its first lines: -- trueup: leaves KIND NAME (a label of an \
             enum: leaves enum_value SCHEMA.TYPE.LABEL); `trueup check` shows whether the database differed before",
        )
    } else {
        (
            "its statements are committed and recorded, and the migration is still recorded as applied",
            "put right by hand what differs, or accept it in the first lines of the down script: -- trueup: leaves KIND \
             NAME; then run the same command again",
        )
    };
    Err(Failure::new(
        if step.transactional { Exit::RolledBack } else { Exit::Partial },
        format!(
            "{}: its result differs from what the migrations before {} build; {became}\n{text}",
            step.path.display(),
            step.title
        ),
    )
    .code(ErrorCode::MIGRATION_NOT_PROVED)
    .next(next)
    .into())
}
