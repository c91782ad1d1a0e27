//! A person's decision, recorded: history, what was kept of the migration, and the steps that it settles, in one
//! transaction.

use anyhow::Result;

use super::{delete_stale_texts, text_record};
use crate::migrations::{Ledger, Migration};
use crate::model::{Lock, effects_to_text};
use crate::postgres::connection::Session;
use crate::postgres::sql::literal;
use crate::writer::{Limits, Watch, Work, WriteSession};

/// What became of a migration, as somebody says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It was done.
    Applied,
    /// It was not done, or may be done again.
    NotApplied,
    /// Its file was edited, and means what was applied.
    AcceptEdit,
}

impl Verdict {
    /// As it is typed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::NotApplied => "not-applied",
            Self::AcceptEdit => "accept-edit",
        }
    }
}

/// What is to be recorded.
pub struct Resolve<'r> {
    /// The door, its run begun.
    pub writer: &'r mut WriteSession,
    /// Who is told what happens.
    pub watch: &'r mut dyn Watch,
    /// refinery's history.
    pub ledger: &'r Ledger,
    /// The migration.
    pub migration: &'r Migration,
    /// The compiled project.
    pub lock: &'r Lock,
    /// The decision.
    pub verdict: Verdict,
    /// Why, in the person's words.
    pub reason: &'r str,
    /// How long it may take.
    pub limits: Limits,
}

/// Records a decision; `prove` looks once more, in the same transaction.
///
/// # Errors
/// Exit 5: it could not be recorded, or the proof failed. As [`Door::transaction`].
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
            // The text that was applied outlives its record.
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
            Verdict::Applied => {
                records.extend((!self.ledger.exists).then(|| self.ledger.create()));
                records.push(self.ledger.insert(self.migration));
                records.push(delete_stale_texts([version]));
                records.push(text_record(self.lock, self.migration, "resolved", self.writer.run()));
            }
            Verdict::NotApplied => {
                records.extend(self.ledger.exists.then(|| self.ledger.delete(version)));
                records.push(delete_stale_texts([version]));
            }
            Verdict::AcceptEdit => {
                let compiled = self.lock.migrations.iter().find(|compiled| compiled.version == version);
                let effects = compiled.map(|compiled| literal(&effects_to_text(&compiled.effects)));
                let effects = effects.unwrap_or_else(|| "NULL".to_owned());
                let (name, sql) = (literal(&self.migration.name), literal(&self.migration.sql));
                records.push(self.ledger.amend(self.migration));
                // How and when it was applied stays as it was.
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
