//! What one database contains, as values, and the one reader of it.
//!
//! PostgreSQL is the only parser of schema: both sides of every comparison are a [`Catalog`] that the same reader
//! read from a server. Nothing here compares or judges.

mod attribute;
pub mod history_tables;
mod kind;
mod object;
pub mod reader;
mod untrusted;

use std::collections::HashMap;
use std::sync::Arc;

pub use attribute::{Attribute, Attributes, SharedAttributes};
pub use kind::Kind;
pub use object::{Object, ObjectId};
use serde::{Deserialize, Serialize};
pub use untrusted::{TableUse, UntrustedCode, WITHOUT_JIT};

/// What one database contains. Objects are sorted by [`ObjectId`] and unique; they are shared, because the states
/// of a database before and after a migration have most objects in common.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    /// All objects that trueup models.
    pub objects: Vec<Arc<Object>>,
    /// Objects of the database that trueup does not model, for `coverage.unmodeled`.
    pub unmodeled: Vec<Unmodeled>,
}

/// An object that exists and that the reader does not model: said, never passed over.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unmodeled {
    /// What it is, in PostgreSQL's words: `publication`, `foreign_table`, `operator`, ...
    pub kind: String,
    /// Its name, qualified and quoted.
    pub object: String,
}

impl Catalog {
    /// Sorts objects into a catalog.
    pub fn new(objects: Vec<Arc<Object>>, unmodeled: Vec<Unmodeled>) -> Self {
        // Comparing names through pointers is slow where there are many: what usually decides lies beside them.
        let keys = sort_keys(&objects);
        let mut keyed: Vec<_> = keys.into_iter().zip(objects).collect();
        keyed.sort_unstable_by(|(key, object), (other_key, other)| {
            key.cmp(other_key).then_with(|| object.id.cmp(&other.id))
        });
        Self { objects: keyed.into_iter().map(|(_, object)| object).collect(), unmodeled }
    }

    /// The object of that name.
    pub fn get(&self, id: &ObjectId) -> Option<&Arc<Object>> {
        self.objects.binary_search_by(|object| object.id.cmp(id)).ok().map(|index| &self.objects[index])
    }
}

/// Keys that order objects as their names do, where they differ: the ranks of the schema and of what an object is or
/// stands under, its kind, and how its name begins.
fn sort_keys(objects: &[Arc<Object>]) -> Vec<u128> {
    let schemas = Ranks::of(objects.iter().filter_map(|object| object.id.schema.as_deref()));
    let heads = Ranks::of(objects.iter().map(|object| object.id.head()));
    let (mut schema_ranks, mut head_ranks) = (schemas.reader(), heads.reader());
    let mut keys = Vec::with_capacity(objects.len());
    for object in objects {
        // What has no schema comes first; there are no 2^24 schemas, nor 2^32 names.
        let schema = object.id.schema.as_deref().map_or(0, |schema| schema_ranks.rank(schema) + 1);
        let head = head_ranks.rank(object.id.head());
        let mut name = [0; 8];
        let length = object.id.name.len().min(name.len());
        name[..length].copy_from_slice(&object.id.name.as_bytes()[..length]);
        keys.push(
            u128::from(schema) << 104
                | u128::from(head) << 72
                | (object.id.kind as u128) << 64
                | u128::from(u64::from_be_bytes(name)),
        );
    }
    keys
}

/// Which place each of some texts has in their order.
struct Ranks<'t>(HashMap<&'t str, u32>);

/// Texts come in runs: the last one is remembered.
struct RankReader<'t> {
    ranks: &'t Ranks<'t>,
    last: Option<(&'t str, u32)>,
}

impl<'t> Ranks<'t> {
    fn of(texts: impl Iterator<Item = &'t str>) -> Self {
        let mut texts: Vec<&str> = texts.collect();
        texts.dedup();
        texts.sort_unstable();
        texts.dedup();
        Self(texts.into_iter().zip(0..).collect())
    }

    fn reader(&'t self) -> RankReader<'t> {
        RankReader { ranks: self, last: None }
    }
}

impl<'t> RankReader<'t> {
    fn rank(&mut self, text: &'t str) -> u32 {
        match self.last {
            Some((last, rank)) if last == text => rank,
            _ => {
                let rank = self.ranks.0[text];
                self.last = Some((text, rank));
                rank
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_sorted_as_their_names_are() {
        let names =
            ["b", "a", "ab", "a_name_longer_than_sixteen_bytes", "a_name_longer_than_sixteen_bytes_2", "é"];
        let mut ids = vec![ObjectId::bare(Kind::Schema, "z"), ObjectId::bare(Kind::Extension, "z")];
        for schema in ["s", "public", "a"] {
            for name in names {
                ids.push(ObjectId::under(Kind::Column, schema, name, "id"));
                ids.push(ObjectId::in_schema(Kind::Table, schema, name));
                ids.push(ObjectId::under(Kind::Column, schema, name, "a"));
            }
        }
        let object = |id: &ObjectId| Arc::new(Object { id: id.clone(), attributes: Attributes::default() });
        let catalog = Catalog::new(ids.iter().map(object).collect(), Vec::new());
        ids.sort();
        assert!(catalog.objects.iter().map(|object| &object.id).eq(&ids));
        assert!(ids.iter().all(|id| catalog.get(id).is_some_and(|found| found.id == *id)));
    }
}
