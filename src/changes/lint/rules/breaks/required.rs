//! A column is required that running code does not fill.

use super::{LintMatch, LintRule, LintedMigration};
use crate::findings::Severity;
use crate::model::Effect;
use crate::postgres::catalog::{Attribute, Kind, Object};

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "breaks.required",
    severity: Severity::Error,
    summary: "a column is required that the code which runs now does not fill",
    help: "INSERT of old code leaves the column out and fails. Give it a default, or let it be NULL until all code fills it, and SET NOT NULL \
        in a migration that is marked -- trueup: contract.",
    bad: "ALTER TABLE users ADD COLUMN state text NOT NULL;",
    good: "ALTER TABLE users ADD COLUMN state text NOT NULL DEFAULT 'new';",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    if migration.compiled.contract {
        return Vec::new();
    }
    let mut found = Vec::new();
    for effect in &migration.compiled.effects {
        let after = match effect {
            Effect::Created(object) => object,
            Effect::Changed { after, attributes } if attributes.contains(&Attribute::Nullable) => after,
            _ => continue,
        };
        let id = &after.id;
        if id.kind == Kind::Column && migration.was_there(&id.relation_path()) && is_required(after) {
            found.push(LintMatch {
                at: migration.statement_of(id),
                what: format!("INSERT of code that does not know {id} fails from then on: it is required and has no default"),
                instead: "give it a default, or SET NOT NULL later, in a contract migration".to_owned(),
            });
        }
    }
    found
}

fn is_required(column: &Object) -> bool {
    let filled = [Attribute::Default, Attribute::Identity, Attribute::Generated];
    column.is(Attribute::Nullable, "false")
        && filled.into_iter().all(|attribute| column.get(attribute).is_none())
}
