//! Labels that an enum is to lose, or have in another order: no ALTER does that. A new type takes the place of the old one,
//! and columns go over to it label by label; a row with a label that the new type lacks stops that.

use std::sync::Arc;

use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::ddl;
use crate::postgres::sql::{identifier, qualified};

/// Ends the name of the old type while columns go over to the new one.
const OLD: &str = "_old";

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
    let table = ObjectId::parse(Kind::Table, &column.id.relation_path()).and_then(|table| live.get(&table));
    table.is_some_and(|table| {
        [Attribute::PartitionOf, Attribute::Inherits].iter().all(|parents| table.get(*parents).is_none())
    })
}

/// The statements between what drops the readers of the columns and what makes them again.
pub(super) fn replace(
    declared: &Object,
    actual: &Object,
    columns: &[Arc<Object>],
    live: &Catalog,
) -> Vec<String> {
    let schema = actual.id.schema.as_deref().unwrap_or_default();
    let old = format!("{}{OLD}", actual.id.name);
    let wanted = Object { id: actual.id.clone(), attributes: declared.attributes.clone() };
    let mut statements = vec![format!("ALTER TYPE {} RENAME TO {};", actual.id, identifier(&old))];
    statements.extend(ddl::create(&wanted, &[]));
    for column in columns.iter().filter(|column| is_altered(live, column)) {
        let name = identifier(&column.id.name);
        let array =
            if column.get(Attribute::Type).is_some_and(|found| found.ends_with("[]")) { "[]" } else { "" };
        let mut actions = Vec::new();
        let default = column.get(Attribute::Default);
        actions.extend(default.map(|_| format!("ALTER COLUMN {name} DROP DEFAULT")));
        actions.push(format!(
            "ALTER COLUMN {name} TYPE {0}{array} USING {name}::text{array}::{0}{array}",
            actual.id
        ));
        actions.extend(default.map(|default| format!("ALTER COLUMN {name} SET DEFAULT {default}")));
        let table = column.id.relation_path();
        statements.extend(actions.iter().map(|action| format!("ALTER TABLE {table} {action};")));
    }
    statements.push(format!("DROP TYPE {};", qualified(schema, &old)));
    statements
}
