//! What running code may use is dropped before that code is gone.

use super::{LintMatch, LintRule, LintedMigration};
use crate::findings::Severity;

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
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
    let dropped = migration.dropped().filter(|id| id.kind.is_used_by_code());
    let found = dropped.map(|id| LintMatch {
        at: migration.statement_of(id),
        what: format!("code that uses {} {id} fails from then on", id.kind.spoken()),
        instead: "mark it -- trueup: contract, and apply it when no old code runs any more".to_owned(),
    });
    found.collect()
}
