//! The sizes of relations while the migrations of a plan are gone through: a live database tells those before the first.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use super::EarlierTimes;
use crate::model::Effect;
use crate::postgres::catalog::ObjectId;
use crate::snapshot::Size;

/// What is known of the sizes of relations at one place of a plan.
#[derive(Debug, Clone)]
pub struct SizesInPlan<'s> {
    known: &'s BTreeMap<String, Size>,
    /// The relations that a migration before this place made, dropped or renamed: their names are of others now.
    replaced: BTreeSet<SmolStr>,
    /// The relations that may have fewer rows than before.
    shrunk: BTreeSet<SmolStr>,
    /// Whether partitions may have gone.
    partitions_gone: bool,
    /// How long work on such relations took before, in the database that has these sizes.
    earlier: EarlierTimes,
}

impl<'s> SizesInPlan<'s> {
    /// Before the first migration.
    pub fn new(known: &'s BTreeMap<String, Size>) -> Self {
        Self {
            known,
            replaced: BTreeSet::new(),
            shrunk: BTreeSet::new(),
            partitions_gone: false,
            earlier: EarlierTimes::default(),
        }
    }

    /// The same, with what the database did before.
    #[must_use]
    pub fn after(self, earlier: EarlierTimes) -> Self {
        Self { earlier, ..self }
    }

    /// How long such work took before.
    pub(super) fn earlier(&self) -> &EarlierTimes {
        &self.earlier
    }

    /// The size of a relation, and whether it may be less by now. `None` where it is not known.
    pub fn get(&self, relation: &str) -> Option<(Size, bool)> {
        let size = *self.known.get(relation).filter(|_| !self.replaced.contains(relation))?;
        let less = self.shrunk.contains(relation) || size.partitioned && self.partitions_gone;
        Some((size, less))
    }

    /// Rows of a relation may have been removed.
    pub(super) fn shrink(&mut self, relation: SmolStr) {
        self.shrunk.insert(relation);
    }

    /// A relation is gone: what has its name from now on is another one.
    pub(super) fn replace(&mut self, relation: SmolStr) {
        self.replaced.insert(relation);
    }

    /// A partition may have been dropped or detached.
    pub(super) fn lose_partitions(&mut self) {
        self.partitions_gone = true;
    }

    /// A migration with these effects has been applied.
    pub fn apply(&mut self, effects: &[Effect]) {
        let mut replace = |id: &ObjectId| self.replace(id.to_string().into());
        for effect in effects {
            match effect {
                Effect::Created(object) => replace(&object.id),
                Effect::Dropped(id) => replace(id),
                Effect::Renamed { from, to } => {
                    replace(from);
                    replace(to);
                }
                Effect::Changed { .. } => {}
            }
        }
    }
}
