//! The statements that make what is missing.

use std::collections::HashSet;
use std::sync::Arc;

use super::super::cause::CauseResolver;
use super::super::fold::Group;
use super::super::runnable::gently;
use super::carriers;
use super::change;
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object};
use crate::postgres::ddl::{self, DdlAction, DdlChange};

/// The statements that create a missing object again with all that went with it, in an order that PostgreSQL accepts. Foreign keys are
/// changes of their own: other findings may make what they refer to.
pub(super) fn create(group: &Group, states: &CauseResolver<'_>) -> Vec<DdlChange> {
    let model = states.model;
    let tables: HashSet<String> = [&group.head]
        .into_iter()
        .chain(&group.parts)
        .chain(&group.consequences)
        .filter(|member| member.id.kind == Kind::Table)
        .map(|table| table.id.to_string())
        .collect();
    // What a new partition has otherwise than its parent.
    let columns = group
        .copies
        .iter()
        .filter(|copy| copy.id.kind == Kind::Column && tables.contains(&copy.id.relation_path()));
    let lost = [&group.head].into_iter().chain(&group.parts).chain(&group.consequences).chain(columns);
    let objects = lost.filter_map(|part| part.model.clone()).map(|object| states.allowed.filled(object));
    let (keys, objects): (Vec<_>, Vec<_>) = objects.partition(|object| object.id.kind == Kind::ForeignKey);
    let is_there = !matches!(group.head.id.kind, Kind::Table | Kind::MaterializedView | Kind::Schema);
    let gently = |object: &Object| if is_there { gently::made(object, states) } else { None };
    // What is made in a schema may need other changes, and others a part of it.
    let apart = states.allowed.loses_values() && (!is_there || group.head.id.kind == Kind::Column);
    let parts = if apart { carriers::parts(&objects) } else { vec![objects] };
    let made = parts.into_iter().filter_map(|objects| {
        let mut made = together(objects.clone(), model, &gently);
        // PUBLIC has rights on a new object by default: they are revoked where the model revokes them.
        for statement in ddl::withheld(objects.iter().map(AsRef::as_ref), model) {
            if !made.contains(&statement) {
                made.push(statement);
            }
        }
        (!made.is_empty()).then(|| change(DdlAction::Make, objects, made))
    });
    let keys = keys.into_iter().map(|key| {
        let statements = gently(&key).unwrap_or_else(|| ddl::create(&key, &[]));
        change(DdlAction::Make, vec![key], statements)
    });
    // A default that was only there for the rows goes again, when all code fills the column.
    let fills = dropped_defaults(group, states);
    made.chain(keys).chain(fills).collect()
}

fn dropped_defaults(group: &Group, states: &CauseResolver<'_>) -> Vec<DdlChange> {
    let columns =
        group.head.model.iter().chain(group.consequences.iter().filter_map(|part| part.model.as_ref()));
    let filled = columns.map(|column| (column, states.allowed.filled(Arc::clone(column))));
    let dropped = filled.filter_map(|(column, filled)| {
        let drop = ddl::alter(column, &filled, Attribute::Default)?;
        let before = Some(filled);
        Some(DdlChange { before, ..change(DdlAction::Alter, vec![Arc::clone(column)], vec![drop]) })
    });
    dropped.collect()
}

/// The statements that make objects, none of which is a foreign key. `gently` has those for what is on a table with rows.
pub(super) fn together(
    objects: Vec<Arc<Object>>,
    model: &Catalog,
    gently: &dyn Fn(&Object) -> Option<Vec<String>>,
) -> Vec<String> {
    let mut last = Vec::new();
    let mut first = objects;
    first.retain(|object| match gently(object) {
        Some(statements) => {
            last.extend(statements);
            false
        }
        None => true,
    });
    in_order(first, model).into_iter().chain(last).collect()
}

fn in_order(objects: Vec<Arc<Object>>, model: &Catalog) -> Vec<String> {
    let tables: HashSet<String> = objects
        .iter()
        .filter(|object| object.id.kind == Kind::Table)
        .map(|object| object.id.to_string())
        .collect();
    // Columns of tables that are there: after the types and sequences that they need, before what needs them.
    let (columns, others): (Vec<_>, Vec<_>) = objects
        .into_iter()
        .partition(|object| object.id.kind == Kind::Column && !tables.contains(&object.id.relation_path()));
    let identities: HashSet<String> = columns
        .iter()
        .filter(|column| column.get(Attribute::Identity).is_some())
        .map(|column| column.id.to_string())
        .collect();
    let owners: HashSet<String> = columns.iter().map(|column| column.id.to_string()).collect();
    let (mut before, mut owned, mut after) = (Vec::new(), Vec::new(), Vec::new());
    let mut sequences: Vec<Arc<Object>> = Vec::new();
    for object in others {
        let owner = object.get(Attribute::OwnedBy).unwrap_or_default();
        if identities.contains(owner) {
            sequences.push(object);
            continue;
        }
        match object.id.kind {
            Kind::Sequence if owners.contains(owner) => {
                let attributes = object.attributes.with(Attribute::OwnedBy, None);
                let unowned = Object { id: object.id.clone(), attributes };
                owned.extend(ddl::alter(&object, &unowned, Attribute::OwnedBy));
                before.push(Arc::new(unowned));
            }
            kind if kind < Kind::Table && !columns.is_empty() => before.push(object),
            _ => after.push(object),
        }
    }
    let script = |objects: Vec<Arc<Object>>| {
        let above = columns_above(&objects, model);
        ddl::statements_below(&Catalog::new(objects, Vec::new()), &above)
    };
    let sequences: Vec<&Object> = sequences.iter().map(AsRef::as_ref).collect();
    let mut statements = script(before);
    statements.extend(columns.iter().flat_map(|column| ddl::create(column, &sequences)));
    statements.extend(owned);
    statements.extend(script(after));
    statements
}

/// The columns of the tables that some of these are partitions or children of.
fn columns_above<'m>(objects: &[Arc<Object>], model: &'m Catalog) -> Vec<&'m Object> {
    let lists = objects.iter().filter(|object| object.id.kind == Kind::Table).flat_map(|table| {
        [Attribute::PartitionOf, Attribute::Inherits].into_iter().filter_map(|parents| table.get(parents))
    });
    let parents: HashSet<ddl::PrintedName> = lists.flat_map(ddl::qualified_names).collect();
    if parents.is_empty() {
        return Vec::new();
    }
    let columns = model.objects.iter().map(AsRef::as_ref).filter(|object: &&Object| {
        object.id.kind == Kind::Column && parents.contains(&ddl::relation_name(&object.id))
    });
    columns.collect()
}
