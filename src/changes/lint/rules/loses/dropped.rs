//! What has values is dropped.

use super::{LintMatch, LintRule, LintedMigration};
use crate::findings::Severity;
use crate::postgres::catalog::Kind;

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "loses.dropped",
    severity: Severity::Warning,
    summary: "a table or column is dropped with its values",
    help: "The values are gone when the migration is committed. trueup takes a backup before it; a down script brings the column back, and \
        not what was in it. Where that is meant, allow it with the reason.",
    bad: "-- trueup: contract\nALTER TABLE users DROP COLUMN name;",
    good: "ALTER TABLE users ALTER COLUMN name DROP NOT NULL;",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    let has_values = |kind| matches!(kind, Kind::Table | Kind::Column | Kind::MaterializedView);
    let dropped = migration.dropped().filter(|id| has_values(id.kind));
    let found = dropped.map(|id| LintMatch {
        at: migration.statement_of(id),
        what: format!("{} {id} is dropped with all its values", id.kind.spoken()),
        instead: "keep it until nobody needs its values, or allow it with the reason".to_owned(),
    });
    found.collect()
}
