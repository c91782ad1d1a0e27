//! A foreign key whose columns no index begins with.

use std::collections::HashSet;
use std::sync::Arc;

use super::{LintMatch, LintRule, LintedMigration};
use crate::findings::Severity;
use crate::model::Effect;
use crate::postgres::catalog::{Attribute, Kind, Object};
use crate::postgres::sql::split_qualified;

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "fails.foreign_key_without_index",
    severity: Severity::Warning,
    summary: "a foreign key is added to a table that has no index on its columns",
    help: "PostgreSQL makes an index for the referenced columns alone. When a referenced row is deleted, or its key changed, the server looks \
        for the rows that refer to it: without an index it reads the whole table, for each such row. Build one, CONCURRENTLY, in this \
        run or before it. Where referenced rows are never deleted, allow it with the reason.",
    bad: "ALTER TABLE orders ADD COLUMN author_id bigint REFERENCES authors;",
    good: "ALTER TABLE orders ADD COLUMN author_id bigint REFERENCES authors;\n-- next migration\n\
        -- trueup: no-transaction\nCREATE INDEX CONCURRENTLY orders_author_id ON orders (author_id);",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    let mut found = Vec::new();
    for effect in &migration.compiled.effects {
        let Effect::Created(key) = effect else { continue };
        let table = key.id.relation_path();
        if key.id.kind != Kind::ForeignKey || !migration.was_there(&table) {
            continue;
        }
        let columns = key.get(Attribute::Columns).unwrap_or_default();
        let Some(names) = names(columns) else { continue };
        let is_for = |object: &Object| is_on(object, &table) && begins_with(object, &names);
        let before = || {
            let kinds = INDEXED.iter();
            let mut objects = kinds.flat_map(|kind| migration.base.of_kind(*kind));
            objects.any(|(_, object)| is_for(object))
        };
        if !made_since(migration).any(|object| is_for(object)) && !before() {
            found.push(LintMatch {
                at: migration.statement_making(&key.id),
                what: format!(
                    "no index of {table} begins with {columns}: each DELETE from {} reads all of {table}",
                    key.get(Attribute::References).unwrap_or_default()
                ),
                instead: format!(
                    "CREATE INDEX CONCURRENTLY ON {table} ({columns}), in a migration of its own"
                ),
            });
        }
    }
    found
}

/// What has an index.
const INDEXED: [Kind; 4] = [Kind::Index, Kind::PrimaryKey, Kind::Unique, Kind::Exclusion];

/// What this migration and those after it make.
fn made_since<'m>(migration: &'m LintedMigration<'_>) -> impl Iterator<Item = &'m Arc<Object>> {
    let since = migration.compiled.version;
    let migrations = migration.lock.migrations.iter().filter(move |other| other.version >= since);
    migrations.flat_map(|other| &other.effects).filter_map(Effect::after)
}

fn is_on(object: &Object, table: &str) -> bool {
    match object.id.kind {
        Kind::Index => object.is(Attribute::OnTable, table),
        kind => INDEXED.contains(&kind) && object.id.relation_path() == table,
    }
}

/// Whether an index finds rows by these columns: they are its first ones, in any order. One with a predicate may not have all
/// rows; it is taken to have those that refer to something.
fn begins_with(index: &Object, columns: &HashSet<String>) -> bool {
    let Some(of_index) = index.get(Attribute::Columns) else { return false };
    let first = of_index.split(", ").take(columns.len()).map(|column| {
        let name = column.split(' ').next().unwrap_or_default();
        split_qualified(name).and_then(|mut parts| parts.pop()).map(|name| name.to_string())
    });
    first.collect::<Option<HashSet<String>>>().is_some_and(|first| first == *columns)
}

fn names(columns: &str) -> Option<HashSet<String>> {
    columns.split(", ").map(|name| Some(split_qualified(name)?.pop()?.to_string())).collect()
}
