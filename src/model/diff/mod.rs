//! Four states of one database side by side: pure functions over catalogs, no judgement.
//!
//! L is the live database, K what the applied migrations build, N what all migrations build, M the declared model.
//! [`compare`] walks all four in one pass and keeps the objects on which they disagree.

mod deviation;
mod majors;
mod pairs;
mod views;

use std::sync::Arc;

use crate::postgres::catalog::{Attribute, Catalog, Object, ObjectId};

pub use deviation::deviation;
pub use majors::align_majors;
pub use pairs::{adopt_partitions, align_owned_sequences, inherited_parts};
pub use views::{bare_view, crosses_view_printing_change};

/// The four states of a database.
#[derive(Debug, Clone, Copy)]
pub struct States<'c> {
    /// L: the live database.
    pub live: &'c Catalog,
    /// K: what the applied migrations build.
    pub applied: &'c Catalog,
    /// N: what all migrations build.
    pub last: &'c Catalog,
    /// M: the declared model.
    pub model: &'c Catalog,
}

/// One object in the four states; `None` where it does not exist.
#[derive(Debug, Clone)]
pub struct Difference {
    /// Its kind and name.
    pub id: ObjectId,
    /// L.
    pub live: Option<Arc<Object>>,
    /// K.
    pub applied: Option<Arc<Object>>,
    /// R: K with what the applied migrations did that the project lacks. As K where there are none.
    pub recorded: Option<Arc<Object>>,
    /// N.
    pub last: Option<Arc<Object>>,
    /// M.
    pub model: Option<Arc<Object>>,
}

/// One value in the four states: an attribute's, or whether the object exists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Values<T> {
    /// L.
    pub live: T,
    /// K.
    pub applied: T,
    /// R, see [`Difference::recorded`].
    pub recorded: T,
    /// N.
    pub last: T,
    /// M.
    pub model: T,
}

impl<T: PartialEq + Copy> Values<T> {
    /// Whether the four states agree.
    pub fn agree(&self) -> bool {
        self.live == self.applied && self.applied == self.last && self.last == self.model
    }
}

impl Difference {
    /// Whether the object exists, in the four states.
    pub fn existence(&self) -> Values<bool> {
        Values {
            live: self.live.is_some(),
            applied: self.applied.is_some(),
            recorded: self.recorded.is_some(),
            last: self.last.is_some(),
            model: self.model.is_some(),
        }
    }

    /// The values of one attribute; `None` where it is not set or the object does not exist. Values that mean the same
    /// are the same text here: the model's, else that of the state which is nearest to it.
    pub fn values(&self, attribute: Attribute) -> Values<Option<&str>> {
        let [model, last, recorded, applied, live] = {
            let states = [&self.model, &self.last, &self.recorded, &self.applied, &self.live];
            std::array::from_fn(|number| {
                let state = states[number].as_ref()?;
                let before = states[..number].iter().copied().flatten();
                let mut agreeing =
                    before.filter(|other| other.attributes.agree(&state.attributes, attribute));
                agreeing.next().unwrap_or(state).attributes.meaning(attribute)
            })
        };
        let mut values = Values { live, applied, recorded, last, model };
        // Who owns an object is the model's word alone: migrations are replayed by another role than in production.
        if attribute == Attribute::Owner {
            values.applied = values.model;
            values.recorded = values.model;
            values.last = values.model;
            if values.model.is_none() {
                values.live = None;
            }
        }
        values
    }

    /// The attributes on which the states that have the object disagree, in order.
    pub fn attributes(&self) -> Vec<Attribute> {
        let mut all: Vec<Attribute> = [&self.live, &self.applied, &self.last, &self.model]
            .into_iter()
            .flatten()
            .flat_map(|object| object.attributes.iter().map(|(attribute, _)| attribute))
            .filter(|attribute| attribute.is_compared())
            .collect();
        all.sort_unstable();
        all.dedup();
        all.retain(|attribute| !self.values(*attribute).agree());
        all
    }
}

/// Whether two states have the same object, as far as it is compared.
pub fn same(a: Option<&Arc<Object>>, b: Option<&Arc<Object>>) -> bool {
    match (a, b) {
        (None, None) => true,
        (Some(a), Some(b)) => Arc::ptr_eq(a, b) || a.attributes.differing(&b.attributes).is_empty(),
        _ => false,
    }
}

/// Whether the four states agree on every object: what [`compare`] would find nothing in, told in a fraction of its
/// time.
pub fn agree(states: States<'_>) -> bool {
    let States { live, applied, last, model } = states;
    let alike = |a: &Catalog, b: &Catalog| {
        let mut pairs = a.objects.iter().zip(&b.objects);
        std::ptr::eq(a, b)
            || a.objects.len() == b.objects.len()
                && pairs.all(|(a, b)| Arc::ptr_eq(a, b) || a.id == b.id && same(Some(a), Some(b)))
    };
    alike(applied, last) && alike(last, model) && alike(live, model)
}

/// The objects on which the four states disagree, in the catalogs' order. Time and memory are linear in the catalogs.
pub fn compare(states: States<'_>) -> Vec<Difference> {
    let catalogs = [states.live, states.applied, states.last, states.model];
    let mut heads = [0usize; 4];
    let mut differences = Vec::new();
    loop {
        let head = |side: usize| catalogs[side].objects.get(heads[side]);
        let Some(id) = (0..4).filter_map(head).map(|object| &object.id).min() else { return differences };
        let here: [Option<&Arc<Object>>; 4] = std::array::from_fn(|side| head(side).filter(|o| o.id == *id));
        let agree = same(here[0], here[1]) && same(here[1], here[2]) && same(here[2], here[3]);
        if !agree {
            let [live, applied, last, model] = here.map(|object| object.map(Arc::clone));
            let recorded = applied.clone();
            let difference = Difference { id: id.clone(), live, applied, recorded, last, model };
            let existence = difference.existence();
            if !existence.agree() || !difference.attributes().is_empty() {
                differences.push(difference);
            }
        }
        for (side, object) in here.iter().enumerate() {
            heads[side] += usize::from(object.is_some());
        }
    }
}
