//! A contract migration also makes what the new code needs.

use super::{LintMatch, LintRule, LintedMigration};
use crate::findings::Severity;
use crate::model::Effect;
use crate::postgres::catalog::{Attribute, Kind, Object};

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "breaks.mixed",
    severity: Severity::Warning,
    summary: "a contract migration also creates something that the new code may need",
    help: "upgrade leaves a contract migration out until no old code runs any more: until then the new code runs without what it \
        creates. Create that in a migration of its own before it, which old code does not mind, and leave in the contract migration \
        what takes away.",
    bad: "-- trueup: contract\n-- trueup: allow loses.dropped: moved to label\nALTER TABLE users DROP COLUMN name;\n\
        ALTER TABLE users ADD COLUMN label text;",
    good: "ALTER TABLE users ADD COLUMN label text;\n-- next migration\n-- trueup: contract\n\
        -- trueup: allow loses.dropped: moved to label\nALTER TABLE users DROP COLUMN name;",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    if !migration.compiled.contract {
        return Vec::new();
    }
    let created = migration.compiled.effects.iter().filter_map(|effect| match effect {
        Effect::Created(object) => Some(object),
        _ => None,
    });
    // What comes with a table, such as its columns, is not named beside it.
    let new_tables: Vec<String> = created
        .clone()
        .filter(|object| !object.id.kind.is_under_relation())
        .map(|object| object.id.to_string())
        .collect();
    let counts = |object: &Object| {
        let id = &object.id;
        id.kind.is_used_by_code()
            && !(id.kind.is_under_relation() && new_tables.contains(&id.relation_path()))
            && !(id.kind == Kind::Sequence && object.get(Attribute::OwnedBy).is_some())
    };
    let found = created.filter(|object| counts(object)).map(|object| LintMatch {
        at: migration.statement_making(&object.id),
        what: format!(
            "{} {} comes only with upgrade --contract: code that uses it fails until then",
            object.id.kind.spoken(),
            object.id
        ),
        instead: "create it in a migration of its own before this one, without -- trueup: contract"
            .to_owned(),
    });
    found.collect()
}
