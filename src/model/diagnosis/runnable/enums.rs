//! Labels that an enum is to lose, or have in another order: no ALTER does that. A new type takes the place of the old one,
//! and columns go over to it label by label; a row with a label that the new type lacks stops that.

use std::sync::Arc;

use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::ddl;
use crate::postgres::sql::{identifier, qualified, words_of};

/// The columns of an enum, or of arrays of it.
pub(super) fn columns(live: &Catalog, labels: &Object) -> Vec<Arc<Object>> {
    if labels.id.kind != Kind::Enum {
        return Vec::new();
    }
    let (own, array) = (labels.id.to_string(), format!("{}[]", labels.id));
    let is_of_type = |object: &&Arc<Object>| {
        object.id.kind == Kind::Column
            && [own.as_str(), array.as_str()].map(Some).contains(&object.get(Attribute::Type))
    };
    live.objects.iter().filter(is_of_type).cloned().collect()
}

/// Whether a column is altered itself: those of partitions and children follow their parents'.
fn is_altered(live: &Catalog, column: &Object) -> bool {
    table(live, column).is_some_and(|table| {
        [Attribute::PartitionOf, Attribute::Inherits].iter().all(|parents| table.get(*parents).is_none())
    })
}

/// The table of a column; `None` for a view's.
fn table<'c>(live: &'c Catalog, column: &Object) -> Option<&'c Object> {
    let id = ObjectId::parse(Kind::Table, &column.id.relation_path())?;
    live.get(&id).map(|table| &**table)
}

/// The statements between those that drop the readers of the columns and those that create them again.
pub(super) fn replace(
    declared: &Object,
    actual: &Object,
    columns: &[Arc<Object>],
    [live, model]: [&Catalog; 2],
    old: &str,
) -> Vec<String> {
    let schema = actual.id.schema.as_deref().unwrap_or_default();
    let wanted = Object { id: actual.id.clone(), attributes: declared.attributes.clone() };
    let mut statements = vec![format!("ALTER TYPE {} RENAME TO {};", actual.id, identifier(old))];
    statements.extend(ddl::create(&wanted, &[]));
    // A partition or child has a default of its own, which stands in the way like its parent's.
    let columns = || columns.iter().filter(|column| table(live, column).is_some());
    let with_default = || columns().filter_map(|column| Some((column, column.get(Attribute::Default)?)));
    statements.extend(with_default().map(|(column, _)| alter("ONLY ", column, "DROP DEFAULT")));
    for column in columns().filter(|column| is_altered(live, column)) {
        let name = identifier(&column.id.name);
        let is_array = column.get(Attribute::Type).is_some_and(|found| found.ends_with("[]"));
        let array = if is_array { "[]" } else { "" };
        let action = format!("TYPE {0}{array} USING {name}::text{array}::{0}{array}", actual.id);
        statements.push(alter("", column, &action));
    }
    // A default may name a label that goes.
    let wanted = |column: &Object| model.get(&column.id)?.get(Attribute::Default).map(str::to_owned);
    statements.extend(with_default().map(|(column, default)| {
        let default = wanted(column).unwrap_or_else(|| default.to_owned());
        alter("ONLY ", column, &format!("SET DEFAULT {default}"))
    }));
    statements.push(format!("DROP TYPE {};", qualified(schema, old)));
    statements
}

fn alter(only: &str, column: &Object, action: &str) -> String {
    let name = identifier(&column.id.name);
    format!("ALTER TABLE {only}{} ALTER COLUMN {name} {action};", column.id.relation_path())
}

/// Why the type of a column of an enum cannot be changed in place.
pub(super) fn obstacle(live: &Catalog, column: &Object) -> Option<String> {
    let id = &column.id;
    if column.get(Attribute::Generated).is_some() {
        return Some(format!("column {id} is generated"));
    }
    let partitioned = table(live, column).and_then(|table| table.get(Attribute::PartitionBy));
    if partitioned.is_some_and(|key| words_of(key).any(|word| word == identifier(&id.name))) {
        return Some(format!("column {id} is in the partition key"));
    }
    let has_it = |key: &Object, relation: String, attribute| {
        relation == id.relation_path()
            && key
                .get(attribute)
                .is_some_and(|names| names.split(", ").any(|name| name == identifier(&id.name)))
    };
    let key = live.objects.iter().filter(|key| key.id.kind == Kind::ForeignKey).find(|key| {
        let referenced = key.get(Attribute::References).unwrap_or_default().to_owned();
        has_it(key, key.id.relation_path(), Attribute::Columns)
            || has_it(key, referenced, Attribute::ReferencedColumns)
    })?;
    Some(format!("foreign key {} has column {id}", key.id))
}
