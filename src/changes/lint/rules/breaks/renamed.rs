//! What running code may use is renamed.

use super::{LintMatch, LintRule, LintedMigration};
use crate::findings::Severity;
use crate::model::Effect;
use crate::postgres::catalog::ObjectId;
use crate::postgres::sql::{Position, Statement, names_in};

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
        if from.kind.is_used_by_code() && migration.had(from) {
            let at = statement_of(migration, from, to).unwrap_or_else(|| migration.statement_of(from));
            found.push(LintMatch {
                at,
                what: format!("code that knows {} {from} fails: it is {to} from then on", from.kind.spoken()),
                instead: "add the new one beside it, and drop the old one later, in a contract migration"
                    .to_owned(),
            });
        }
    }
    found
}

/// The statement that has both names, and best that of the relation as well.
fn statement_of(migration: &LintedMigration<'_>, from: &ObjectId, to: &ObjectId) -> Option<Position> {
    let names = |relations: bool| {
        let found = migration.statements.iter().map(|examined| &examined.statement).find(|statement| {
            let names: Vec<String> = names_in(statement.text).collect();
            let has = |name: &str| names.iter().any(|found| found == name);
            let of_relation = || [from, to].iter().any(|id| id.relation.as_deref().is_none_or(has));
            has(&from.name) && has(&to.name) && (!relations || of_relation())
        });
        found.map(Statement::position)
    };
    names(true).or_else(|| names(false))
}
