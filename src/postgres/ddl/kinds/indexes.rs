//! Indexes that no constraint owns, and statistics objects.

use crate::postgres::catalog::{Attribute, Kind, Object, ObjectId};
use crate::postgres::sql::identifier;

use super::super::names::{belongings, qualified_id};
use super::super::options;

pub(in crate::postgres::ddl) fn create(object: &Object) -> Vec<String> {
    if object.id.kind == Kind::Statistics {
        let name = qualified_id(&object.id);
        let value = |attribute| object.get(attribute).unwrap_or_default();
        let (covers, table) = (value(Attribute::Expression), value(Attribute::OnTable));
        let create = format!("CREATE STATISTICS {name} {covers} FROM {table};");
        let target = object.get(Attribute::StatisticsTarget);
        let target = target.map(|target| format!("ALTER STATISTICS {name} SET STATISTICS {target};"));
        return [create].into_iter().chain(target).collect();
    }
    let mut statements = vec![index(object, "")];
    statements.extend(targets(object));
    statements
}

/// As [`super::super::create`] for an index, without the lock that stops writers: not inside a transaction, and not for an
/// index of a partitioned table.
pub fn create_concurrently(object: &Object) -> Vec<String> {
    let mut statements = vec![index(object, "CONCURRENTLY ")];
    statements.extend(targets(object));
    statements.extend(belongings(object));
    statements
}

/// As [`super::super::create`] for the index of a partitioned table, without its partitions. It is not valid before each of those
/// has one that is attached to it.
pub(in crate::postgres::ddl) fn create_on_only(object: &Object) -> Vec<String> {
    let mut statements = vec![index_on(object, "", "ONLY ")];
    statements.extend(targets(object));
    statements.extend(belongings(object));
    statements
}

fn index(object: &Object, how: &str) -> String {
    index_on(object, how, "")
}

fn index_on(object: &Object, how: &str, only: &str) -> String {
    let unique = if object.is(Attribute::IsUnique, "true") { "UNIQUE " } else { "" };
    let mut sql = format!(
        "CREATE {unique}INDEX {how}{} ON {only}{}",
        identifier(&object.id.name),
        object.get(Attribute::OnTable).unwrap_or_default()
    );
    if let Some(method) = object.attributes.stated(Attribute::Method) {
        sql.push_str(&format!(" USING {}", identifier(method)));
    }
    sql.push_str(&format!(" ({})", object.get(Attribute::Columns).unwrap_or_default()));
    if let Some(include) = object.get(Attribute::Include) {
        sql.push_str(&format!(" INCLUDE ({include})"));
    }
    if object.is(Attribute::NullsNotDistinct, "true") {
        sql.push_str(" NULLS NOT DISTINCT");
    }
    sql.push_str(&options::with(object.get(Attribute::Options)));
    if let Some(predicate) = object.get(Attribute::Predicate) {
        sql.push_str(&format!(" WHERE {predicate}"));
    }
    sql + ";"
}

/// Statistics targets of keys that are expressions.
fn targets(object: &Object) -> Option<String> {
    let targets = object.get(Attribute::StatisticsTarget)?;
    set_targets(&object.id, &key_targets(targets), &[])
}

/// `1 = 50, 3 = 7` as pairs.
fn key_targets(targets: &str) -> Vec<(&str, &str)> {
    targets.split(", ").filter_map(|target| target.split_once(" = ")).collect()
}

fn set_targets(id: &ObjectId, wanted: &[(&str, &str)], found: &[(&str, &str)]) -> Option<String> {
    let new = wanted.iter().filter(|target| !found.contains(target)).copied();
    let gone = found.iter().filter(|(key, _)| wanted.iter().all(|(kept, _)| kept != key));
    let changes = new.chain(gone.map(|(key, _)| (*key, "-1")));
    let actions: Vec<_> =
        changes.map(|(key, target)| format!("ALTER COLUMN {key} SET STATISTICS {target}")).collect();
    (!actions.is_empty()).then(|| format!("ALTER INDEX {} {};", qualified_id(id), actions.join(", ")))
}

pub(in crate::postgres::ddl) fn alter(
    declared: &Object,
    actual: &Object,
    attribute: Attribute,
) -> Option<String> {
    let name = qualified_id(&actual.id);
    let wanted = declared.get(attribute);
    match (actual.id.kind, attribute) {
        (Kind::Statistics, Attribute::StatisticsTarget) => {
            Some(format!("ALTER STATISTICS {name} SET STATISTICS {};", wanted.unwrap_or("-1")))
        }
        (Kind::Index, Attribute::Valid) if wanted == Some("true") => {
            Some(format!("REINDEX INDEX CONCURRENTLY {name};"))
        }
        (Kind::Index, Attribute::Options) => {
            let actions = options::actions("", wanted, actual.get(attribute));
            Some(format!("ALTER INDEX {name} {};", actions.join(", ")))
        }
        (Kind::Index, Attribute::StatisticsTarget) => {
            let found = key_targets(actual.get(attribute).unwrap_or_default());
            set_targets(&actual.id, &key_targets(wanted.unwrap_or_default()), &found)
        }
        _ => None,
    }
}
