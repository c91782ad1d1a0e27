//! Records a person's decision about a migration: in the history, in the recorded texts, and in the unfinished steps
//! that it settles, all in one transaction.

use anyhow::Result;

use super::{delete_stale_texts, text_record};
use crate::migrations::{Ledger, Migration};
use crate::model::{Lock, effects_to_text};
use crate::postgres::connection::Session;
use crate::postgres::sql::literal;
use crate::writer::{StepLimits, Watch, Work, WriteSession};

/// What a person states about a migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatedOutcome {
    /// It was applied.
    Applied,
    /// It was not applied, or may be applied again.
    NotApplied,
    /// Its file was modified without changing its meaning.
    AcceptEdit,
}

impl StatedOutcome {
    /// The word on the command line.
    pub fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::NotApplied => "not-applied",
            Self::AcceptEdit => "accept-edit",
        }
    }
}

/// The decision, and what is needed to record it.
pub struct Resolve<'r> {
    /// The write session; its run has been started.
    pub writer: &'r mut WriteSession,
    /// The observer of events.
    pub watch: &'r mut dyn Watch,
    /// refinery's history table.
    pub ledger: &'r Ledger,
    /// The migration.
    pub migration: &'r Migration,
    /// The compiled project.
    pub lock: &'r Lock,
    /// The decision.
    pub verdict: StatedOutcome,
    /// The reason that the person gave.
    pub reason: &'r str,
    /// The time limits of the transaction.
    pub limits: StepLimits,
}

/// Records a decision. `prove` checks the database once more in the same transaction.
///
/// # Errors
/// Exit 5 when it could not be recorded, or when `prove` fails; see [`WriteSession::transaction`].
pub async fn resolve(
    resolve: Resolve<'_>,
    prove: impl AsyncFnOnce(&mut Session) -> Result<()>,
) -> Result<()> {
    let what = format!("resolving {} as {}", resolve.migration.id(), resolve.verdict.word());
    let records = resolve.records();
    let work = Work::records(&what, &records, resolve.limits);
    let recorded = resolve.writer.proved_transaction(&work, resolve.watch, prove).await;
    recorded.map_err(|trouble| trouble.failure(&what, false))
}

impl Resolve<'_> {
    fn records(&self) -> String {
        let version = self.migration.version;
        let run = literal(self.writer.run());
        let mut records = vec![
            // The step keeps the applied text, whose own record is deleted below.
            format!(
                "INSERT INTO trueup.steps (run, number, action, version, name, before, state, detail, ended_at) \
                 VALUES ({run}, 1, 'resolve', {version}, {}, (SELECT sql FROM trueup.migrations WHERE version = \
                 {version}), 'done', {}, clock_timestamp())",
                literal(&self.migration.name),
                literal(&format!("{}: {}", self.verdict.word(), self.reason)),
            ),
            format!(
                "UPDATE trueup.steps SET state = 'resolved', ended_at = clock_timestamp() \
                 WHERE version = {version} AND state IN ('started', 'failed')"
            ),
        ];
        match self.verdict {
            StatedOutcome::Applied => {
                records.extend((!self.ledger.exists).then(|| self.ledger.create()));
                records.push(self.ledger.insert(self.migration));
                records.push(delete_stale_texts([version]));
                records.push(text_record(self.lock, self.migration, "resolved", self.writer.run()));
            }
            StatedOutcome::NotApplied => {
                records.extend(self.ledger.exists.then(|| self.ledger.delete(version)));
                records.push(delete_stale_texts([version]));
            }
            StatedOutcome::AcceptEdit => {
                let compiled = self.lock.migrations.iter().find(|compiled| compiled.version == version);
                let effects = compiled.map(|compiled| literal(&effects_to_text(&compiled.effects)));
                let effects = effects.unwrap_or_else(|| "NULL".to_owned());
                let (name, sql) = (literal(&self.migration.name), literal(&self.migration.sql));
                records.push(self.ledger.amend(self.migration));
                // The columns `how` and `applied_at` keep their values.
                records.push(format!(
                    "INSERT INTO trueup.migrations (version, name, how, sql, effects, run) \
                     VALUES ({version}, {name}, 'resolved', {sql}, {effects}, {run}) ON CONFLICT (version) DO UPDATE \
                     SET name = excluded.name, sql = excluded.sql, effects = excluded.effects"
                ));
            }
        }
        records.join(";\n")
    }
}
