//! A key that ends at two thousand million.

use std::collections::HashSet;

use super::{LintMatch, LintRule, LintedMigration, columns, type_of};
use crate::findings::Severity;
use crate::model::Effect;
use crate::postgres::catalog::{Attribute, Kind, Object};
use crate::postgres::sql::identifier;

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "style.bigint",
    severity: Severity::Info,
    summary: "a key is integer or smallint",
    help: "integer ends at 2,147,483,647, also where rows are deleted and rolled back inserts use numbers up. Making it bigint later rewrites the table, \
        and every table that refers to it. bigint costs 4 bytes a row, often none because of alignment.",
    bad: "CREATE TABLE tags (id int PRIMARY KEY);",
    good: "CREATE TABLE tags (id bigint PRIMARY KEY);",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    let keys: HashSet<(String, &str)> = migration
        .compiled
        .effects
        .iter()
        .filter_map(Effect::after)
        .filter(|object| object.id.kind == Kind::PrimaryKey)
        .filter_map(|key| Some((key.id.relation_path(), key.get(Attribute::Columns)?)))
        .collect();
    let bad = |column: &Object| {
        let counts = column.get(Attribute::Identity).is_some()
            || column.get(Attribute::Default).is_some_and(|default| default.starts_with("nextval("))
            || keys.contains(&(column.id.relation_path(), &*identifier(&column.id.name)));
        (counts && matches!(type_of(column), "integer" | "smallint"))
            .then(|| format!("is {}", type_of(column)))
    };
    columns(migration, bad, "bigint")
}
