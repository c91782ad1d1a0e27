//! What stands on columns that get another type.

use std::collections::HashMap;
use std::sync::Arc;

use super::RetypedColumn;
use crate::postgres::catalog::{Attribute, Attributes, Catalog, Kind, Object, ObjectId};
use crate::postgres::ddl;
use crate::postgres::sql::{identifier, replace_name};

/// An index or a constraint, and the same for the second column.
#[derive(Debug, Clone)]
pub(super) struct PreparedPart {
    /// As declared.
    pub(super) declared: Arc<Object>,
    /// The same for the second column, under a name that is free.
    pub(super) beside: Object,
    /// What it takes the place of.
    pub(super) replaced: Option<ObjectId>,
    /// The last of the columns that it stands on.
    pub(super) last_column: ObjectId,
}

/// Whether an object reads one of the columns, or is of them.
pub(super) fn reads(object: &Object, column: &RetypedColumn) -> bool {
    let id = &column.before.id;
    let own = [id.clone(), id.named(column.first.clone())];
    if own.iter().any(|own| object.id == *own || object.is(Attribute::OwnedBy, &own.to_string())) {
        return true;
    }
    // Most objects are of other tables; their texts need not be read word by word.
    let table = id.relation.as_deref().unwrap_or_default();
    let is_near =
        object.id.relation == id.relation || object.attributes.iter().any(|(_, value)| value.contains(table));
    if !is_near {
        return false;
    }
    let is_beside = object.id.kind == Kind::Column && object.get(Attribute::Generated).is_none();
    let concerned = ddl::needs(object).contains(&ddl::relation_name(id))
        || object.get(Attribute::OnTable).is_some_and(|table| *table == id.relation_path());
    !is_beside && concerned && [&id.name, &column.first].into_iter().any(|name| ddl::has_word(object, name))
}

/// The indexes and constraints that the second columns need.
pub(super) fn prepared(columns: &[RetypedColumn], from: &Catalog, to: &Catalog) -> Vec<PreparedPart> {
    let mut parts = Vec::new();
    for declared in to.objects.iter().filter(|object| is_part(object)) {
        let on: Vec<&RetypedColumn> = columns.iter().filter(|column| reads(declared, column)).collect();
        let Some(last) = on.last() else { continue };
        let is_taken = |name: &str| {
            let mut objects = from.objects.iter().chain(&to.objects);
            objects.any(|object| object.id.schema == declared.id.schema && object.id.name == name)
        };
        let name = ddl::free_name(&declared.id.name, "_new", is_taken);
        parts.push(PreparedPart {
            declared: Arc::clone(declared),
            beside: Object { id: declared.id.named(name), attributes: for_second(declared, &on) },
            replaced: from.get(&declared.id).map(|object| object.id.clone()),
            last_column: last.before.id.clone(),
        });
    }
    parts
}

fn is_part(object: &Object) -> bool {
    matches!(object.id.kind, Kind::Index | Kind::PrimaryKey | Kind::Unique | Kind::Check | Kind::ForeignKey)
}

fn for_second(object: &Object, columns: &[&RetypedColumn]) -> Attributes {
    let names: HashMap<_, _> = columns
        .iter()
        .map(|column| (identifier(&column.before.id.name), identifier(&column.second)))
        .collect();
    let kept =
        [Attribute::ReferencedColumns, Attribute::References, Attribute::Comment, Attribute::IndexComment];
    let attributes = object.attributes.iter().map(|(attribute, value)| {
        let value = match kept.contains(&attribute) {
            true => value.clone(),
            false => {
                names.iter().fold(value.clone(), |text, (old, new)| replace_name(&text, old, new).into())
            }
        };
        (attribute, value)
    });
    Attributes::new(attributes.collect())
}
