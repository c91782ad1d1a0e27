//! Indexes and constraints of partitioned tables, made on each partition while others read and write there, and then put
//! together (the manual: "Table Partitioning", CREATE INDEX ON ONLY and ATTACH PARTITION).

use smol_str::SmolStr;

use super::super::names::{alter_relation, qualified_id};
use super::{constraints, indexes};
use crate::postgres::catalog::{Attribute, Kind, Object, ObjectId};
use crate::postgres::sql::{identifier, qualified};

/// A partition, with the name that an index or a constraint of its parent gets on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedPartition {
    /// The partition.
    pub table: ObjectId,
    /// The name, which nothing else in its schema has.
    pub name: SmolStr,
    /// Its own partitions, where it is partitioned itself.
    pub partitions: Vec<NamedPartition>,
}

impl NamedPartition {
    fn is_leaf(&self) -> bool {
        self.partitions.is_empty()
    }

    /// The same object on this partition.
    fn own(&self, object: &Object) -> Object {
        let schema = self.table.schema.clone();
        let id = match object.id.kind {
            Kind::Index => ObjectId { schema, name: self.name.clone(), ..object.id.clone() },
            _ => ObjectId {
                schema,
                relation: Some(self.table.name.clone()),
                name: self.name.clone(),
                ..object.id.clone()
            },
        };
        let without = [Attribute::Comment, Attribute::IndexComment];
        let mut attributes = object.attributes.clone();
        for attribute in without {
            attributes = attributes.with(attribute, None);
        }
        if object.id.kind == Kind::Index {
            attributes = attributes.with(Attribute::OnTable, Some(self.table.to_string().into()));
        }
        Object { id, attributes }
    }

    fn index(&self) -> String {
        qualified(self.table.schema.as_deref().unwrap_or_default(), &self.name)
    }
}

/// The statements that make an index, a key or a foreign key of a partitioned table: on its partitions, one after the other, and
/// last on the table itself, which takes those over without a look at a row. They are committed one by one.
pub fn create_on_partitions(object: &Object, partitions: &[NamedPartition]) -> Vec<String> {
    let mut statements = Vec::new();
    for partition in partitions {
        let own = partition.own(object);
        statements.extend(match (partition.is_leaf(), object.id.kind) {
            (false, _) => create_on_partitions(&own, &partition.partitions),
            (true, Kind::Index) => indexes::create_concurrently(&own),
            (true, Kind::ForeignKey) => constraints::add_and_validate(&own),
            (true, _) => constraints::create_key_concurrently(&own),
        });
    }
    let only = match object.id.kind {
        Kind::Index => indexes::create_on_only(object),
        // It takes over the constraints that are equal to it.
        Kind::ForeignKey => return statements.into_iter().chain(constraints::create(object)).collect(),
        _ => constraints::create(object)
            .into_iter()
            .map(|statement| match statement.strip_prefix(&alter_relation(&object.id)) {
                Some(rest) => format!("ALTER TABLE ONLY {}{rest}", object.id.relation_path()),
                None => statement,
            })
            .collect(),
    };
    statements.extend(only);
    let own = qualified_id(&object.id);
    let attach =
        |partition: &NamedPartition| format!("ALTER INDEX {own} ATTACH PARTITION {};", partition.index());
    statements.extend(partitions.iter().map(attach));
    statements
}

/// The statements that put another definition of an index of a partitioned table into the place of the one that is there. `names`
/// are free ones, for the new index and then for the old one.
pub fn swap_on_partitions(
    declared: &Object,
    actual: &Object,
    [new, old]: [SmolStr; 2],
    partitions: &[NamedPartition],
) -> Vec<String> {
    let wanted =
        Object { id: ObjectId { name: new, ..actual.id.clone() }, attributes: declared.attributes.clone() };
    let gone = ObjectId { name: old, ..actual.id.clone() };
    let mut statements = create_on_partitions(&wanted, partitions);
    statements.push(format!(
        "ALTER INDEX {} RENAME TO {};",
        qualified_id(&actual.id),
        identifier(&gone.name)
    ));
    statements.push(format!(
        "ALTER INDEX {} RENAME TO {};",
        qualified_id(&wanted.id),
        identifier(&actual.id.name)
    ));
    // The server drops the index of a partitioned table only in this way. It is done at once.
    statements.push(format!("DROP INDEX {};", qualified_id(&gone)));
    statements
}
