//! A text with a length.

use super::{LintMatch, LintRule, LintedMigration, columns, type_of};
use crate::findings::Severity;
use crate::postgres::catalog::Attribute;

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "style.text",
    severity: Severity::Info,
    summary: "a column is varchar(n) or char(n)",
    help: "text is as fast and needs no more room; the length of a varchar cannot be made smaller without a rewrite. char(n) pads values with spaces, which \
        comparisons ignore. Where there is a limit, a CHECK says which, and can be changed: CHECK (length(name) <= 80).",
    bad: "CREATE TABLE tags (name varchar(80));",
    good: "CREATE TABLE tags (name text CHECK (length(name) <= 80));",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    let bad = |column: &crate::postgres::catalog::Object| {
        let name = column.get(Attribute::Type).unwrap_or_default();
        let is_text = matches!(type_of(column), "character varying" | "character");
        (is_text && name.contains('(')).then(|| format!("is {name}"))
    };
    columns(migration, bad, "text, and a CHECK where there is a limit")
}
