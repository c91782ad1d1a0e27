//! What one database contains, as values, and the one reader of it.
//!
//! PostgreSQL is the only parser of schema: both sides of every comparison are a [`Catalog`] that the same reader
//! read from a server. Nothing here compares or judges.

mod attribute;
mod kind;
mod object;
pub mod reader;

use std::sync::Arc;

pub use attribute::{Attribute, Attributes, SharedAttributes};
pub use kind::Kind;
pub use object::{Object, ObjectId};
use serde::{Deserialize, Serialize};

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
        let mut schemas: Vec<&str> =
            objects.iter().filter_map(|object| object.id.schema.as_deref()).collect();
        schemas.dedup();
        schemas.sort_unstable();
        schemas.dedup();
        let rank = |object: &Object| {
            let schema = object.id.schema.as_deref()?;
            schemas.binary_search(&schema).ok()
        };
        let prefix = |object: &Object| {
            let head = object.id.relation.as_ref().unwrap_or(&object.id.name).as_bytes();
            let mut prefix = [0; 16];
            let length = head.len().min(prefix.len());
            prefix[..length].copy_from_slice(&head[..length]);
            u128::from_be_bytes(prefix)
        };
        let keys: Vec<_> = objects.iter().map(|object| (rank(object), prefix(object))).collect();
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
