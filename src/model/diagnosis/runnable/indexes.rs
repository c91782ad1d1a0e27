//! An index with another definition is built beside the one that is there, and takes its place.

use std::collections::BTreeSet;

use super::lookup::free_name;
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::ddl;
use crate::postgres::sql::identifier;

/// The statements; else what stands in the way. What the table says of the index, it says again.
pub(super) fn replace(
    [live, model]: [&Catalog; 2],
    declared: &Object,
    actual: &Object,
) -> Result<Vec<String>, String> {
    // The order of the columns of a foreign key is not that of the index.
    let columns = |object: &Object, attribute| -> BTreeSet<String> {
        object.get(attribute).unwrap_or_default().split(", ").map(str::to_owned).collect()
    };
    let table = actual.get(Attribute::OnTable).unwrap_or_default();
    let key = live.objects.iter().find(|key| {
        key.id.kind == Kind::ForeignKey
            && key.is(Attribute::References, table)
            && columns(key, Attribute::ReferencedColumns) == columns(actual, Attribute::Columns)
    });
    if let Some(key) = key.filter(|_| actual.is(Attribute::IsUnique, "true")) {
        return Err(format!("foreign key {} may need it as it is", key.id));
    }
    let mut statements = ddl::replace_index(declared, actual, free_name([live, model], &actual.id, "_new"));
    let name = identifier(&actual.id.name);
    let kinds = [Kind::Table, Kind::MaterializedView];
    let owner = kinds.into_iter().find_map(|kind| live.get(&ObjectId::parse(kind, table)?));
    let says = |attribute, value: String| owner.is_some_and(|owner| owner.get(attribute) == Some(&value));
    let commit = statements.pop();
    if says(Attribute::ReplicaIdentity, format!("index {name}")) {
        statements.push(format!("ALTER TABLE {table} REPLICA IDENTITY USING INDEX {name};"));
    }
    if says(Attribute::ClusterOn, name.to_string()) {
        statements.push(format!("ALTER TABLE {table} CLUSTER ON {name};"));
    }
    statements.extend(commit);
    Ok(statements)
}
