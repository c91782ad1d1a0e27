//! What must be paired before catalogs can be compared by name: owned sequences, and partitions that the model
//! does not list, with what they have from their parents.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use smol_str::SmolStr;

use crate::postgres::catalog::{Attribute, Attributes, Catalog, Kind, Object, ObjectId};
use crate::postgres::sql::literal;

/// Gives every owned sequence the name that `reference` has for the sequence of the same column.
///
/// After a rename of a table the sequence of its serial column keeps the old name (manual, ALTER TABLE); the name
/// means nothing to an application, so it must not look like a difference. The column's default, which prints the
/// sequence's name, follows.
pub fn align_owned_sequences<'c>(catalog: &'c Catalog, reference: &Catalog) -> Cow<'c, Catalog> {
    let named: HashMap<&str, &ObjectId> = owned(reference).collect();
    let moves: HashMap<&ObjectId, &ObjectId> = owned(catalog)
        .filter_map(|(owner, id)| named.get(owner).map(|wanted| (id, *wanted)))
        .filter(|(id, wanted)| id != wanted && reference.get(id).is_none())
        .collect();
    if moves.is_empty() {
        return Cow::Borrowed(catalog);
    }
    let printed: HashMap<SmolStr, SmolStr> =
        moves.iter().map(|(from, to)| (nextval(from), nextval(to))).collect();
    let objects = catalog.objects.iter().map(|object| {
        if let Some(wanted) = moves.get(&object.id) {
            return Arc::new(Object { id: (*wanted).clone(), attributes: object.attributes.clone() });
        }
        let default = object.attributes.stated(Attribute::Default).and_then(|value| printed.get(value));
        match default {
            Some(default) => {
                let attributes = object.attributes.with(Attribute::Default, Some(default.clone()));
                Arc::new(Object { id: object.id.clone(), attributes })
            }
            None => Arc::clone(object),
        }
    });
    Cow::Owned(Catalog::new(objects.collect(), catalog.unmodeled.clone()))
}

fn owned(catalog: &Catalog) -> impl Iterator<Item = (&str, &ObjectId)> {
    let sequences = catalog.objects.iter().filter(|object| object.id.kind == Kind::Sequence);
    sequences.filter_map(|object| object.get(Attribute::OwnedBy).map(|owner| (owner, &object.id)))
}

fn nextval(sequence: &ObjectId) -> SmolStr {
    format!("nextval({}::regclass)", literal(&sequence.to_string())).into()
}

/// The partitions of `live` that the model does not list, as their parent would have them: to be added to the
/// states that `live` is compared with, so that such a partition differs only where it differs from its parent.
///
/// Partitions come and go with time (one a month); the model declares the parent. A DEFAULT partition, which takes rows
/// that would have been refused, and a partition that is partitioned itself are no such partitions.
pub fn adopt_partitions(live: &Catalog, model: &Catalog) -> Vec<Arc<Object>> {
    let mut adopted: Vec<Arc<Object>> = Vec::new();
    let is_table = |object: &&Arc<Object>| object.id.kind == Kind::Table;
    let modelled: HashMap<String, &Arc<Object>> = model
        .objects
        .iter()
        .filter(is_table)
        .filter(|object| object.get(Attribute::PartitionBy).is_some())
        .map(|object| (object.id.to_string(), object))
        .collect();
    if modelled.is_empty() {
        return adopted;
    }
    // One with the bounds of a declared partition that is not there is that partition, under another name.
    let bounds = |object: &Arc<Object>| {
        let value = |attribute| object.get(attribute).map(str::to_owned);
        (value(Attribute::PartitionOf), value(Attribute::Bounds))
    };
    let absent = model.objects.iter().filter(is_table).filter(|object| live.get(&object.id).is_none());
    let absent: HashSet<_> =
        absent.filter(|object| object.get(Attribute::PartitionOf).is_some()).map(bounds).collect();
    let columns = columns_by_table(live);
    for table in live.objects.iter().filter(is_table) {
        let Some(parent) = table.get(Attribute::PartitionOf).and_then(|parent| modelled.get(parent)) else {
            continue;
        };
        let is_usual =
            table.get(Attribute::Bounds) != Some("DEFAULT") && table.get(Attribute::PartitionBy).is_none();
        if !is_usual || model.get(&table.id).is_some() || absent.contains(&bounds(table)) {
            continue;
        }
        let mut attributes = Vec::new();
        for attribute in [Attribute::PartitionOf, Attribute::Bounds, Attribute::Comment] {
            attributes.extend(table.get(attribute).map(|value| (attribute, SmolStr::from(value))));
        }
        for attribute in [Attribute::Persistence, Attribute::AccessMethod, Attribute::Owner] {
            attributes.extend(parent.attributes.stated(attribute).map(|value| (attribute, value.into())));
        }
        let (schema, name) = (table.id.schema.clone().unwrap_or_default(), table.id.name.clone());
        adopted.push(Arc::new(Object { id: table.id.clone(), attributes: Attributes::new(attributes) }));
        for column in columns.get(parent.id.to_string().as_str()).into_iter().flatten() {
            let id = ObjectId::under(Kind::Column, schema.clone(), name.clone(), column.id.name.clone());
            // Comments are not inherited, and an identity column's partition has no identity of its own before 17.
            let own = live.get(&id);
            let mut attributes = column.attributes.with(Attribute::Comment, None);
            for attribute in [Attribute::Comment, Attribute::Identity, Attribute::Position] {
                let value = own.and_then(|own| own.attributes.stated(attribute)).map(SmolStr::from);
                attributes = attributes.with(attribute, value);
            }
            adopted.push(Arc::new(Object { id, attributes }));
        }
    }
    adopted
}

/// The triggers and constraints that `state` has on partitions and says nothing of, because they are on when their
/// parents' are: those of `named`, which are said to be otherwise in another state.
pub fn inherited_parts(state: &Catalog, named: &[ObjectId]) -> Vec<Arc<Object>> {
    let unsaid = named.iter().filter(|id| state.get(id).is_none());
    unsaid.filter_map(|id| inherited_part(state, id)).collect()
}

fn inherited_part(state: &Catalog, id: &ObjectId) -> Option<Arc<Object>> {
    let parent_of = |table: &ObjectId| {
        let parent = state.get(table)?.get(Attribute::PartitionOf)?;
        ObjectId::parse(Kind::Table, parent)
    };
    let mut table = ObjectId { kind: Kind::Table, relation: None, name: id.relation.clone()?, ..id.clone() };
    let mut attributes = Vec::new();
    loop {
        table = parent_of(&table)?;
        if attributes.is_empty() {
            attributes.push((Attribute::PartitionOf, SmolStr::from(table.to_string())));
        }
        let above =
            ObjectId { schema: table.schema.clone(), relation: Some(table.name.clone()), ..id.clone() };
        if let Some(part) = state.get(&above) {
            attributes.extend(
                part.attributes.stated(Attribute::Enabled).map(|how| (Attribute::Enabled, how.into())),
            );
            return Some(Arc::new(Object { id: id.clone(), attributes: Attributes::new(attributes) }));
        }
    }
}

fn columns_by_table(catalog: &Catalog) -> HashMap<String, Vec<&Arc<Object>>> {
    let mut columns: HashMap<String, Vec<&Arc<Object>>> = HashMap::new();
    for object in catalog.objects.iter().filter(|object| object.id.kind == Kind::Column) {
        columns.entry(object.id.relation_path()).or_default().push(object);
    }
    columns
}
