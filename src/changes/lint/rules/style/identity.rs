//! A serial column.

use super::{LintMatch, LintRule, LintedMigration, columns};
use crate::findings::Severity;
use crate::postgres::catalog::Attribute;

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "style.identity",
    severity: Severity::Info,
    summary: "a column gets its numbers from a sequence of its own, as serial does",
    help: "serial is a default that anybody may override by accident, and a sequence whose rights have to be granted apart. GENERATED ALWAYS AS \
        IDENTITY is the standard's: an INSERT with a number of its own is refused unless it says OVERRIDING SYSTEM VALUE.",
    bad: "CREATE TABLE tags (id bigserial PRIMARY KEY);",
    good: "CREATE TABLE tags (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY);",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    let bad = |column: &crate::postgres::catalog::Object| {
        let default = column.get(Attribute::Default)?;
        default.starts_with("nextval(").then(|| format!("has the default {default}"))
    };
    columns(migration, bad, "GENERATED ALWAYS AS IDENTITY")
}
