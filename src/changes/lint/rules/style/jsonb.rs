//! JSON as text.

use super::{LintMatch, LintRule, LintedMigration, columns, type_of};
use crate::findings::Severity;

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "style.jsonb",
    severity: Severity::Info,
    summary: "a column is json",
    help: "json keeps the text as it was written and parses it on every use; it has no equality, so DISTINCT and GROUP BY fail on it, and no \
        GIN index. jsonb is parsed once. Where the very text matters (its order of keys, its spaces), json is right.",
    bad: "CREATE TABLE events (body json);",
    good: "CREATE TABLE events (body jsonb);",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    let bad =
        |column: &crate::postgres::catalog::Object| (type_of(column) == "json").then(|| "is json".to_owned());
    columns(migration, bad, "jsonb")
}
