//! Where a database stands in the project's migrations: pure over the lock file's versions and the history's rows.

use std::collections::{BTreeMap, BTreeSet};

use super::recorded::Edit;
use crate::migrations::history::Applied;
use crate::model::CompiledMigration;

/// How the set of applied migrations is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Basis {
    /// The database's history says so.
    History,
    /// It has no history; its catalog is closest to what the first migrations build.
    Inferred,
    /// The project has no migrations.
    ModelOnly,
}

/// Where a database stands. Numbers index [`crate::model::Lock::migrations`].
#[derive(Debug, Clone)]
pub struct MigrationState {
    /// How it is known.
    pub basis: Basis,
    /// Applied, in order.
    pub applied: BTreeSet<usize>,
    /// Not applied, and newer than all that are. Where another tool applies them: not applied, because most tools apply
    /// those that came late, and Flyway its repeatable ones after each newer version.
    pub pending: Vec<usize>,
    /// Not applied, though a newer one is.
    pub skipped: Vec<usize>,
    /// In the history, but not in the project.
    pub ahead: Vec<Applied>,
    /// Applied with another text than the project has now.
    pub edited: Vec<usize>,
    /// Of the edited ones those in which nothing but comments and spacing changed.
    pub respelled: BTreeSet<usize>,
    /// Both texts of an edited migration, where the applied one was recorded.
    pub texts: BTreeMap<usize, Edit>,
    /// Files that were given another version after they were applied: by the version that they were applied as.
    pub renumbered: BTreeMap<i64, usize>,
    /// Broken off, or being carried out right now.
    pub unfinished: BTreeSet<usize>,
    /// How many findings no migration explains: how far a database without history is from its version.
    pub distance: usize,
}

impl MigrationState {
    /// Reads a history against the project's migrations. `unchanged` are the versions whose recorded checksum is the
    /// file's.
    pub fn from_history(
        migrations: &[CompiledMigration],
        history: &[Applied],
        unchanged: &BTreeSet<i64>,
    ) -> Self {
        let recorded: BTreeMap<i64, &Applied> = history.iter().map(|row| (row.version, row)).collect();
        let known: BTreeSet<i64> = migrations.iter().map(|migration| migration.version).collect();
        let newest = recorded.keys().next_back().copied();
        let is_trueups = |migration: &CompiledMigration| migration.revision.is_none();
        let mut state = Self {
            basis: Basis::History,
            applied: BTreeSet::new(),
            pending: Vec::new(),
            skipped: Vec::new(),
            ahead: history.iter().filter(|row| !known.contains(&row.version)).cloned().collect(),
            edited: Vec::new(),
            respelled: BTreeSet::new(),
            texts: BTreeMap::new(),
            renumbered: BTreeMap::new(),
            unfinished: BTreeSet::new(),
            distance: 0,
        };
        for (index, migration) in migrations.iter().enumerate() {
            match recorded.get(&migration.version) {
                Some(row) => {
                    state.applied.insert(index);
                    let same = row.name == migration.name && unchanged.contains(&migration.version);
                    if !same {
                        state.edited.push(index);
                    }
                }
                None if is_trueups(migration) && newest.is_some_and(|newest| migration.version < newest) => {
                    state.skipped.push(index);
                }
                None => state.pending.push(index),
            }
        }
        state
    }

    /// Whether nothing was ever applied to the database, and it is empty: one with tables and no history is
    /// [`Basis::Inferred`].
    pub fn is_new(&self) -> bool {
        self.basis == Basis::History && self.applied.is_empty() && self.ahead.is_empty()
    }

    /// The first `applied` migrations of `all` are taken to be applied.
    pub fn first(applied: usize, all: usize, basis: Basis) -> Self {
        Self {
            basis,
            applied: (0..applied).collect(),
            pending: (applied..all).collect(),
            skipped: Vec::new(),
            ahead: Vec::new(),
            edited: Vec::new(),
            respelled: BTreeSet::new(),
            texts: BTreeMap::new(),
            renumbered: BTreeMap::new(),
            unfinished: BTreeSet::new(),
            distance: 0,
        }
    }
}
