//! The internal state: what trueup keeps in a database for itself, in schema `trueup`. That is the environment mark, the
//! runs, their steps, and what was recorded of applied migrations. It is read in the same messages as the rest of a
//! snapshot, and only where the schema exists.
//!
//! The owner of a database could put something else into the schema under these names: nothing is read from what is not
//! a plain table as trueup makes it. Nothing here judges or writes.

mod query;
mod records;
mod tables;

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Result;

use crate::migrations::history::Applied;
use crate::migrations::{Migration, checksum};
use crate::postgres::connection::Row;
use crate::writer::Mark;

pub(super) use query::InternalQuery;
pub use records::{
    AcceptedRecord, AttestedRecord, EarlierStatement, LockHolder, LoggedRun, OpenRun, RecordedMigration,
    StepAction, StepState, UnfinishedStep,
};
use records::{UndoableRows, mark};
pub(super) use tables::InternalTables;

/// What trueup keeps in a database for itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InternalState {
    /// The newest backup that a run took before its change, as JSON. Only the status asks for it.
    pub backup: Option<String>,
    /// What the newest adoption accepted. The status does not ask for it.
    pub accepted: Option<AcceptedRecord>,
    /// What people have recorded for deploys, the newest first; empty unless the request asks for it.
    pub attested: Vec<AttestedRecord>,
    /// How long statements outside of a transaction took before, the newest first; empty unless the request asks for it.
    pub earlier: Vec<EarlierStatement>,
    /// The environment mark.
    pub mark: Option<Mark>,
    /// The runs that have not ended, the newest first.
    pub open_runs: Vec<OpenRun>,
    /// The last steps of migrations that were interrupted, or are running right now, by version.
    pub unfinished: Vec<UnfinishedStep>,
    /// What was recorded of applied migrations whose file the project lacks, or was modified since.
    pub recorded: BTreeMap<i64, RecordedMigration>,
    /// The versions whose texts are recorded; empty unless the request asks for them.
    pub texts: BTreeSet<i64>,
}

impl InternalState {
    /// The run of this ULID, when it is running right now.
    pub fn running(&self, run: &str) -> Option<&OpenRun> {
        self.open_runs.iter().find(|open| open.id == run && open.alive)
    }
}

/// The applied versions whose file the project lacks, or whose recorded checksum is not that of the file.
pub(super) fn not_as_applied(migrations: &[Migration], applied: &[Applied]) -> BTreeSet<i64> {
    let known: BTreeMap<i64, &Migration> =
        migrations.iter().map(|migration| (migration.version, migration)).collect();
    let wanted = applied.iter().filter(|row| {
        !known.get(&row.version).is_some_and(|migration| {
            row.checksum.is_some_and(|recorded| checksum::accepts(migration, recorded))
        })
    });
    wanted.map(|row| row.version).collect()
}

/// Collects the answers of the statements, row by row.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) internal: InternalState,
    /// The newest runs of the audit log.
    pub(super) log: Vec<LoggedRun>,
    pub(super) holder: Option<LockHolder>,
}

impl Answers {
    /// Takes a row of a statement.
    pub(super) fn row(&mut self, query: &InternalQuery, row: &Row<'_>) -> Result<()> {
        match query {
            InternalQuery::Mark => self.internal.mark = Some(mark(row)?),
            InternalQuery::OpenRuns => self.internal.open_runs.push(OpenRun::from_row(row)?),
            InternalQuery::Steps => self.internal.unfinished.push(UnfinishedStep::from_row(row)?),
            InternalQuery::Recorded { .. } => {
                let (version, recorded) = RecordedMigration::from_row(row)?;
                self.internal.recorded.insert(version, recorded);
            }
            InternalQuery::Accepted => self.internal.accepted = Some(AcceptedRecord::from_row(row)?),
            InternalQuery::Attested => self.internal.attested.push(AttestedRecord::from_row(row)?),
            InternalQuery::Earlier => self.internal.earlier.push(EarlierStatement::from_row(row)?),
            InternalQuery::Backup => self.internal.backup = Some(row.get("detail")?),
            InternalQuery::Texts => drop(self.internal.texts.insert(row.get("version")?)),
            InternalQuery::Runs { .. } => self.log.push(LoggedRun::from_row(row)?),
            InternalQuery::Repairs => {
                let UndoableRows { run, rows } = UndoableRows::from_row(row)?;
                if let Some(logged) = self.log.iter_mut().find(|logged| logged.id == run) {
                    logged.undoable = Some(rows);
                }
                if let Some(open) = self.internal.open_runs.iter_mut().find(|open| open.id == run) {
                    open.undoable = Some(rows);
                }
            }
            InternalQuery::Holder => self.holder = Some(LockHolder::from_row(row)?),
        }
        Ok(())
    }

    /// Holds the steps against the history: a migration that is in the history was applied, whatever its steps say.
    pub(super) fn settle(&mut self, applied: &[Applied]) {
        let applied: BTreeSet<i64> = applied.iter().map(|row| row.version).collect();
        let reverts = |step: &UnfinishedStep| step.action == StepAction::Revert;
        self.internal.unfinished.retain(|step| applied.contains(&step.version) == reverts(step));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::catalog::history_tables;

    #[test]
    fn both_statements_that_look_for_histories_and_internal_tables_know_them_all() {
        let probe = crate::migrations::history::probe(None);
        let relations = include_str!("../../postgres/catalog/reader/sql/relations.sql");
        let relations = history_tables::fill_in_names(relations, None);
        let tables = tables::TABLES.iter().map(|(name, _)| *name);
        for name in tables.chain(history_tables::HISTORY_TOOLS.iter().map(|tool| tool.table)) {
            for sql in [&probe, &relations] {
                assert!(sql.contains(&format!("'{name}'")), "{name}: {sql}");
            }
        }
    }

    #[test]
    fn the_lock_is_asked_for_by_its_halves() {
        assert_eq!(crate::writer::ADVISORY_LOCK, 8_390_876_182_742_073_344);
        let sql = InternalQuery::Holder.sql();
        assert!(sql.contains("classid = '1953653102' AND l.objid = '1923121152'"), "{sql}");
        assert!(!sql.contains('{'), "{sql}");
    }

    #[test]
    fn a_migration_in_the_history_is_unfinished_only_when_it_is_reverted() {
        let step = |action, version| UnfinishedStep {
            run: "01J".into(),
            number: 1,
            action,
            version,
            name: "a".into(),
            statement: None,
            text: None,
            state: StepState::Started,
            started_at: String::new(),
            detail: None,
        };
        let (apply, revert) = (StepAction::Apply, StepAction::Revert);
        let unfinished = vec![step(apply, 1), step(apply, 2), step(revert, 1), step(revert, 2)];
        let mut answers = Answers {
            internal: InternalState { unfinished, ..InternalState::default() },
            ..Answers::default()
        };
        let row = Applied {
            version: 1,
            name: "a".into(),
            applied_on: String::new(),
            checksum: None,
            revision: None,
        };
        answers.settle(&[row]);
        let left: Vec<_> =
            answers.internal.unfinished.iter().map(|step| (step.action, step.version)).collect();
        assert_eq!(left, [(apply, 2), (revert, 1)]);
    }
}
