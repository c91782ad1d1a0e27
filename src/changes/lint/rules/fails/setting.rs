//! A setting that has no effect where it is set.

use super::{LintMatch, LintRule, LintedMigration};
use crate::findings::Severity;
use crate::postgres::sql::Assignment;

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "fails.setting",
    severity: Severity::Warning,
    summary: "a setting is set in a no-transaction migration, where it has no effect",
    help: "Each statement of a migration that is marked -- trueup: no-transaction runs in a clean session: what SET has set is gone before \
        the next statement. In other migrations a SET holds until the end of the migration, with LOCAL and without: no setting comes \
        into the next one. The lines -- trueup: lock-timeout 5s and -- trueup: max-duration 10min set the limits of a migration.",
    bad: "-- trueup: no-transaction\nSET lock_timeout = '1s';\nCREATE INDEX CONCURRENTLY users_name ON users (name);",
    good: "-- trueup: no-transaction\n-- trueup: lock-timeout 1s\nCREATE INDEX CONCURRENTLY users_name ON users (name);",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    if migration.transactional {
        return Vec::new();
    }
    let found = migration.statements.iter().filter_map(|examined| {
        let Assignment { name, .. } = Assignment::of(&examined.statement)?;
        let instead = match name.as_str() {
            "lock_timeout" => "a line at the top of the file: -- trueup: lock-timeout 5s",
            "statement_timeout" => "a line at the top of the file: -- trueup: max-duration 10min",
            _ => "remove it; or set it for the function (ALTER FUNCTION ... SET) or the role that needs it",
        };
        Some(LintMatch {
            at: examined.statement.position(),
            what: format!("{name} has no effect: the next statement runs in a clean session"),
            instead: instead.to_owned(),
        })
    });
    found.collect()
}
