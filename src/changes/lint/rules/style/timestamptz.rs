//! A moment without a time zone.

use super::{LintMatch, LintRule, LintedMigration, columns};
use crate::findings::Severity;
use crate::postgres::catalog::Attribute;

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "style.timestamptz",
    severity: Severity::Info,
    summary: "a column is a timestamp without time zone",
    help: "A timestamp without time zone is what a clock on a wall shows, somewhere: two sessions with different settings of TimeZone write \
        different values for the same moment. timestamptz is the moment itself, needs the same 8 bytes, and is shown in the zone of the reader.",
    bad: "CREATE TABLE logins (at timestamp);",
    good: "CREATE TABLE logins (at timestamptz);",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    let bad = |column: &crate::postgres::catalog::Object| {
        let name = column.get(Attribute::Type).unwrap_or_default();
        (name.starts_with("timestamp") && name.ends_with("without time zone")).then(|| format!("is {name}"))
    };
    columns(migration, bad, "timestamptz")
}
