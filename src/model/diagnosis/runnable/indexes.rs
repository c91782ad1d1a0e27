//! An index with another definition is built beside the one that is there, and takes its place.

use std::collections::BTreeSet;

use super::super::between::Allowed;
use super::gently;
use super::lookup::free_name;
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::ddl;
use crate::postgres::sql::identifier;

/// The statements; else what stands in the way. What the table says of the index, it says again.
pub(super) fn replace(
    [live, model]: [&Catalog; 2],
    declared: &Object,
    actual: &Object,
    allowed: Allowed<'_>,
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
    let beside = |suffix| free_name([live, model], &actual.id, suffix);
    let (mut statements, is_beside) = match allowed {
        Allowed::Repairs => (ddl::replace_index(declared, actual, beside("_new")), true),
        _ if allowed.works_in_steps() && gently::is_on_partitioned(actual, live) => {
            match gently::partitions([live, model], actual) {
                Some(partitions) => {
                    let names = [beside("_new"), beside("_old")];
                    (ddl::swap_on_partitions(declared, actual, names, &partitions), true)
                }
                None => (ddl::replace(declared, actual), false),
            }
        }
        _ if allowed.works_in_steps() => {
            (ddl::swap_index(declared, actual, [beside("_new"), beside("_old")]), true)
        }
        _ => (ddl::replace(declared, actual), false),
    };
    let name = identifier(&actual.id.name);
    let kinds = [Kind::Table, Kind::MaterializedView];
    let owner = kinds.into_iter().find_map(|kind| live.get(&ObjectId::parse(kind, table)?));
    let says = |attribute, value: String| owner.is_some_and(|owner| owner.get(attribute) == Some(&value));
    // Before the end of the transaction, or before the old one is dropped.
    let last = if is_beside { statements.pop() } else { None };
    if says(Attribute::ReplicaIdentity, format!("index {name}")) {
        statements.push(format!("ALTER TABLE {table} REPLICA IDENTITY USING INDEX {name};"));
    }
    if says(Attribute::ClusterOn, name.to_string()) {
        statements.push(format!("ALTER TABLE {table} CLUSTER ON {name};"));
    }
    statements.extend(last);
    Ok(statements)
}
