//! How much a database is like the project's: by the names of tables and columns. A name that two applications share
//! (`users`) does not make one of them the other.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::Facts;
use crate::model::Effect;
use crate::postgres::catalog::{Attribute, Kind, Object, ObjectId};

/// The share from which on a database is taken for the project's.
const ENOUGH: f64 = 0.5;

/// Tables with the names of their columns.
type Tables<'c> = BTreeMap<String, BTreeSet<&'c str>>;

/// What a database and a project have in common.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Likeness {
    /// How many tables are declared.
    pub(super) declared: usize,
    /// How many of them are there.
    pub(super) present: usize,
    /// How many tables are there.
    live: usize,
    /// How many tables are there that neither `schema/` nor a migration knows.
    pub(super) unknown: usize,
    /// How much of the declared tables is there, from 0 to 1: each counts by its columns.
    of_declared: f64,
    /// How much of the tables that are there is known, from 0 to 1.
    of_live: f64,
}

impl Likeness {
    /// Compares the tables in scope.
    pub(super) fn of(facts: &Facts<'_>) -> Self {
        let model = tables(
            facts.lock.model.objects.iter().map(|object| &object.id).filter(|id| is_in_scope(facts, id)),
        );
        let known = known(facts);
        let live = live(facts);
        let shapes: BTreeSet<&BTreeSet<&str>> =
            model.values().filter(|columns| !columns.is_empty()).collect();
        let (declared, count_live) = (model.len(), live.len());
        let mut found =
            Self { declared, present: 0, live: count_live, unknown: 0, of_declared: 0.0, of_live: 0.0 };
        let mut renamed = 0.0;
        for (path, columns) in &live {
            match known.get(path) {
                Some(known) => found.of_live += share(columns, known),
                // A table under another name, as a rename leaves it.
                None if shapes.contains(columns) => {
                    found.of_live += 1.0;
                    renamed += 1.0;
                }
                None => found.unknown += 1,
            }
        }
        for (path, columns) in &model {
            if let Some(live) = live.get(path) {
                found.present += 1;
                found.of_declared += share(columns, live);
            }
        }
        found.of_declared = (found.of_declared + renamed) / count(model.len());
        found.of_live /= count(live.len());
        found
    }

    /// Whether neither most of what is declared is there, nor most of what is there is known. A database without unknown
    /// tables may be the project's, however much its columns were changed.
    pub(super) fn is_low(self) -> bool {
        let is_comparable = self.declared > 0 && self.live > 0 && self.unknown > 0;
        is_comparable && self.of_declared < ENOUGH && self.of_live < ENOUGH
    }
}

fn count(number: usize) -> f64 {
    f64::from(u32::try_from(number.max(1)).unwrap_or(u32::MAX))
}

/// The part of these names that the others have, too. A table without columns is known by its name.
fn share(names: &BTreeSet<&str>, others: &BTreeSet<&str>) -> f64 {
    if names.is_empty() || others.is_empty() {
        return 1.0;
    }
    names.iter().filter(|name| others.contains(*name)).map(|_| 1.0).sum::<f64>() / count(names.len())
}

fn tables<'c>(ids: impl Iterator<Item = &'c ObjectId>) -> Tables<'c> {
    let mut tables = Tables::new();
    let mut columns: Vec<&ObjectId> = Vec::new();
    for id in ids {
        match id.kind {
            Kind::Table => drop(tables.entry(id.to_string()).or_default()),
            Kind::Column => columns.push(id),
            _ => {}
        }
    }
    for column in columns {
        if let Some(names) = tables.get_mut(&column.relation_path()) {
            names.insert(&column.name);
        }
    }
    tables
}

/// The tables in scope of the database. Partitions belong to their parents.
fn live<'f>(facts: &'f Facts<'_>) -> Tables<'f> {
    let is_partition = |object: &Object| object.get(Attribute::PartitionOf).is_some();
    let counts = |object: &&Arc<Object>| is_in_scope(facts, &object.id) && !is_partition(object);
    tables(facts.live.objects.iter().filter(counts).map(|object| &object.id))
}

fn is_in_scope(facts: &Facts<'_>, id: &ObjectId) -> bool {
    id.kind != Kind::Table || (facts.in_scope)(id)
}

/// The declared tables, and those that a migration makes, with all columns that they ever have.
fn known<'f>(facts: &'f Facts<'_>) -> Tables<'f> {
    let declared = facts.lock.model.objects.iter().map(|object| &object.id);
    let effects = facts.lock.migrations.iter().flat_map(|migration| &migration.effects);
    let made = effects.filter_map(|effect| match effect {
        Effect::Created(object) => Some(&object.id),
        Effect::Renamed { to, .. } => Some(&**to),
        Effect::Changed { .. } | Effect::Dropped(_) => None,
    });
    tables(declared.chain(made))
}
