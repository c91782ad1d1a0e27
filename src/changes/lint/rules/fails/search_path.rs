//! A function means something else for whoever runs it with another search_path.

use super::{LintMatch, LintRule, LintedMigration};
use crate::findings::Severity;
use crate::model::Effect;
use crate::postgres::catalog::Attribute;
use crate::postgres::ddl::{functions_that_find_names, search_path_of, that_find_names};

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "fails.search_path",
    severity: Severity::Warning,
    summary: "a function finds names by the search_path of whoever runs it",
    help: "A function with SECURITY DEFINER and no SET search_path runs with the rights of its owner and finds tables and functions \
        by the search_path of its caller: a caller who may create objects in any schema has it run others. A function that an index, a \
        check, a generated column or a materialized view uses fails in pg_restore, which has an empty search_path. Declare it with SET \
        search_path, with pg_temp at its end: temporary tables are found first otherwise. Or write the names with their schemas.",
    bad: "CREATE FUNCTION user_count() RETURNS bigint LANGUAGE sql SECURITY DEFINER AS 'SELECT count(*) FROM users';",
    good: "CREATE FUNCTION user_count() RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp\n    \
        AS 'SELECT count(*) FROM users';",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    let model = &migration.lock.model;
    let made = migration.compiled.effects.iter().filter_map(Effect::after);
    let functions = that_find_names(made.map(AsRef::as_ref), model);
    if functions.is_empty() {
        return Vec::new();
    }
    let used = functions_that_find_names(model);
    let path = &migration.lock.head.settings.search_path;
    let safe = if path.ends_with("pg_temp") { path.clone() } else { format!("{path}, pg_temp") };
    let found = functions.into_iter().filter_map(|function| {
        let id = &function.id;
        let what = if !function.is(Attribute::Security, "definer") {
            let (_, user) = used.iter().find(|(used, _)| used.id == *id)?;
            let user = format!("{} {}", user.id.kind.spoken(), user.id);
            format!("{id} is used by {user} and finds names by the search_path of whoever runs it")
        } else if search_path_of(function).is_some() {
            format!(
                "{id} runs with the rights of its owner, and finds temporary tables of its caller first: its search_path does \
                 not end with pg_temp"
            )
        } else {
            format!("{id} runs with the rights of its owner and finds names by the search_path of its caller")
        };
        let instead = format!("SET search_path = {safe} in its definition");
        Some(LintMatch { at: migration.statement_making(id), what, instead })
    });
    found.collect()
}
