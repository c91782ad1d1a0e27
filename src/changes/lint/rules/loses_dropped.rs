//! What has values is dropped.

use super::{LintMatch, LintRule, LintedMigration};
use crate::findings::Severity;
use crate::model::Effect;
use crate::postgres::catalog::Kind;

pub(super) const RULE: LintRule = LintRule {
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
    let mut found = Vec::new();
    for effect in &migration.compiled.effects {
        let Effect::Dropped(id) = effect else { continue };
        let has_values = matches!(id.kind, Kind::Table | Kind::Column | Kind::MaterializedView);
        // The columns of a table that goes are no finding of their own.
        let with_table = |other: &Effect| match other {
            Effect::Dropped(table) => {
                id.kind == Kind::Column
                    && table.kind != Kind::Column
                    && table.to_string() == id.relation_path()
            }
            _ => false,
        };
        if has_values && migration.had(id) && !migration.compiled.effects.iter().any(with_table) {
            found.push(LintMatch {
                line: migration.line_of(id),
                what: format!("{} {id} is dropped with all its values", id.kind.spoken()),
                instead: "keep it until nobody needs its values, or allow it with the reason".to_owned(),
            });
        }
    }
    found
}
