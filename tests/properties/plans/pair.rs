//! Two random catalogs that have much in common: both are of one tape, of which some numbers differ, and each lacks some objects.

use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;
use trueup::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use trueup::postgres::ddl;

use crate::properties::catalogs::{TAPE, generate};

/// What two catalogs are made of.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    tape: Vec<u16>,
    /// The numbers of the tape that the second catalog has otherwise.
    edits: Vec<(u16, u16)>,
    /// Which objects each of them lacks.
    lacks: [Vec<u16>; 2],
}

impl Pair {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        let numbers = |most| proptest::collection::vec(any::<u16>(), 0..most);
        let edits = proptest::collection::vec(any::<(u16, u16)>(), 0..8);
        (numbers(TAPE), edits, numbers(6), numbers(6)).prop_map(|(tape, edits, first, second)| Self {
            tape,
            edits,
            lacks: [first, second],
        })
    }

    /// The catalogs, as they are to be made.
    pub(crate) fn catalogs(&self) -> [Catalog; 2] {
        let mut edited = self.tape.clone();
        for (at, number) in &self.edits {
            if !edited.is_empty() {
                let at = usize::from(*at) % edited.len();
                edited[at] = *number;
            }
        }
        let [first, second] = &self.lacks;
        let first = without(generate::catalog(self.tape.clone()), chosen(first));
        let second = without(generate::catalog(edited), chosen(second));
        let second = without(second, |second| incomparable(&first, second));
        [first, second]
    }
}

/// The objects of a catalog that these numbers choose, but for what partitions share with their parents.
fn chosen(numbers: &[u16]) -> impl Fn(&Catalog) -> Vec<Arc<Object>> {
    move |catalog| {
        let places = numbers.iter().filter(|_| !catalog.objects.is_empty());
        let chosen = places.map(|number| &catalog.objects[usize::from(*number) % catalog.objects.len()]);
        chosen.filter(|object| !is_of_partitions(object, catalog)).cloned().collect()
    }
}

/// What the second catalog has of the same name as the first and what cannot become of that: a table that is partitioned otherwise,
/// or has other partitions (those are made by whatever fills them), and a sequence that belongs to something else
/// or counts in the other direction, and an index of another table.
fn incomparable(first: &Catalog, second: &Catalog) -> Vec<Arc<Object>> {
    let of = |catalog: &Catalog, table: &Object| -> Vec<ObjectId> {
        let path = table.id.to_string();
        let all = catalog.objects.iter().filter(|object| object.is(Attribute::PartitionOf, &path));
        all.map(|object| object.id.clone()).collect()
    };
    let differs = |object: &&Arc<Object>| {
        let Some(before) = first.get(&object.id) else { return false };
        let changes = |attribute| before.get(attribute) != object.get(attribute);
        match object.id.kind {
            Kind::Table => {
                changes(Attribute::PartitionBy)
                    || changes(Attribute::PartitionOf)
                    || of(first, object) != of(second, object)
            }
            Kind::Index => changes(Attribute::OnTable),
            Kind::Sequence => changes(Attribute::OwnedBy) || changes(Attribute::Increment),
            _ => false,
        }
    };
    second.objects.iter().filter(differs).cloned().collect()
}

/// The catalog without some objects, and without what needs them.
fn without(catalog: Catalog, unwanted: impl Fn(&Catalog) -> Vec<Arc<Object>>) -> Catalog {
    let mut gone = unwanted(&catalog);
    let mut left = catalog.objects;
    let ids: BTreeSet<ObjectId> = gone.iter().map(|object| object.id.clone()).collect();
    left.retain(|object| !ids.contains(&object.id));
    while let Some(lost) = gone.pop() {
        let (needs, rest): (Vec<_>, Vec<_>) = left.into_iter().partition(|object| needs(object, &lost));
        left = rest;
        gone.extend(needs);
    }
    Catalog::new(left, catalog.unmodeled)
}

/// Whether it is a column that a partitioned table and its partitions have together.
fn is_of_partitions(object: &Object, catalog: &Catalog) -> bool {
    let mut tables = catalog.objects.iter().filter(|table| table.id.kind == Kind::Table);
    let path = object.id.relation_path();
    object.id.kind == Kind::Column
        && tables.any(|table| {
            let is_one =
                [Attribute::PartitionBy, Attribute::PartitionOf].iter().any(|of| table.get(*of).is_some());
            is_one && table.id.to_string() == path
        })
}

/// Whether an object cannot be there without another one.
fn needs(object: &Object, other: &Object) -> bool {
    let is_under = object.id.relation.is_some() && object.id.schema == other.id.schema;
    match other.id.kind {
        Kind::Schema => object.id.schema.as_ref() == Some(&other.id.name) || mentions(object, &other.id.name),
        Kind::Column => {
            let of_its_table = ddl::needs(object).contains(&ddl::relation_name(&other.id));
            let is_owned = object.is(Attribute::OwnedBy, &other.id.to_string());
            is_owned || of_its_table && ddl::has_word(object, &other.id.name)
        }
        Kind::PrimaryKey | Kind::Unique | Kind::Index => {
            object.id.kind == Kind::ForeignKey
                && object.get(Attribute::References).map(str::to_owned) == table_of(other)
        }
        Kind::Sequence
            if other.get(Attribute::OwnedBy).is_some_and(|owner| owner == object.id.to_string()) =>
        {
            true
        }
        kind if ddl::is_mentioned(kind) => {
            is_under && object.id.relation.as_ref() == Some(&other.id.name)
                || ddl::needs(object).contains(&ddl::printed_name(&other.id))
                || other
                    .get(Attribute::Multirange)
                    .is_some_and(|multirange| object.is(Attribute::Type, multirange))
                || object
                    .get(Attribute::OwnedBy)
                    .is_some_and(|owner| owner.starts_with(&format!("{}.", other.id)))
        }
        _ => false,
    }
}

fn mentions(object: &Object, schema: &str) -> bool {
    ddl::needs(object).iter().any(|(found, _)| found == schema)
}

fn table_of(object: &Object) -> Option<String> {
    object.get(Attribute::OnTable).map(str::to_owned).or_else(|| Some(object.id.relation_path()))
}
