//! What running code may use is renamed.

use super::{LintMatch, LintRule, LintedMigration, is_used_by_code};
use crate::findings::Severity;
use crate::model::Effect;
use crate::postgres::sql::names_in;

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "breaks.renamed",
    severity: Severity::Error,
    summary: "something is renamed that the code which runs now may use",
    help: "Old code knows the old name alone, new code the new one: one of them fails while both run. Add the new column or view beside the \
        old one, let the application go over, and drop the old one in a migration that is marked -- trueup: contract.",
    bad: "ALTER TABLE users RENAME COLUMN name TO label;",
    good: "ALTER TABLE users ADD COLUMN label text;",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    if migration.compiled.contract {
        return Vec::new();
    }
    let mut found = Vec::new();
    for effect in &migration.compiled.effects {
        let Effect::Renamed { from, to } = effect else { continue };
        if is_used_by_code(from.kind) && migration.had(from) {
            // The statement that has both names, where there is one.
            let renames = migration.statements.iter().map(|examined| &examined.statement).find(|statement| {
                let names: Vec<String> = names_in(statement.text).collect();
                [from, to].into_iter().all(|id| names.iter().any(|name| *name == id.name.as_str()))
            });
            found.push(LintMatch {
                at: renames.map_or_else(|| migration.statement_of(from), |statement| statement.position()),
                what: format!("code that knows {} {from} fails: it is {to} from then on", from.kind.spoken()),
                instead: "add the new one beside it, and drop the old one later, in a contract migration"
                    .to_owned(),
            });
        }
    }
    found
}
