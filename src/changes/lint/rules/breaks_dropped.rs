//! What running code may use is dropped before that code is gone.

use super::{LintMatch, LintRule, LintedMigration};
use crate::findings::Severity;
use crate::model::Effect;
use crate::postgres::catalog::Kind;

pub(super) const RULE: LintRule = LintRule {
    code: "breaks.dropped",
    severity: Severity::Error,
    summary: "something is dropped that the code which runs now may use",
    help: "Between the migration and the end of the last old process, code that knows the object fails. Mark the migration \
        -- trueup: contract: upgrade leaves it out until it is asked for with --contract, when no old code runs any more.",
    bad: "DROP TABLE orders;",
    good: "-- trueup: contract\n-- trueup: allow loses.dropped: nobody uses orders since release 7\nDROP TABLE orders;",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    if migration.compiled.contract {
        return Vec::new();
    }
    let used = |kind: Kind| {
        kind.is_routine()
            || matches!(
                kind,
                Kind::Table | Kind::Column | Kind::View | Kind::MaterializedView | Kind::Sequence
            )
    };
    let mut found = Vec::new();
    for effect in &migration.compiled.effects {
        let Effect::Dropped(id) = effect else { continue };
        let whole = id.relation_path();
        let with_whole = |other: &Effect| match other {
            Effect::Dropped(table) => {
                **table != **id && !table.kind.is_under_relation() && table.to_string() == whole
            }
            _ => false,
        };
        if used(id.kind) && migration.had(id) && !migration.compiled.effects.iter().any(with_whole) {
            found.push(LintMatch {
                line: migration.line_of(id),
                what: format!("code that uses {} {id} fails from then on", id.kind.spoken()),
                instead: "mark it -- trueup: contract, and apply it when no old code runs any more"
                    .to_owned(),
            });
        }
    }
    found
}
