//! All rows of a table are changed or removed.

use super::{LintMatch, LintRule, LintedMigration, waiting};
use crate::findings::Severity;

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "loses.rows",
    severity: Severity::Warning,
    summary: "all rows of a table are changed or removed",
    help: "TRUNCATE, and UPDATE or DELETE without WHERE, leave nothing of what was there. trueup takes a backup before a migration; what it \
        holds of the rows written since is nothing. Say which rows are meant; where all of them are, allow it with the reason.",
    bad: "DELETE FROM orders;",
    good: "DELETE FROM orders WHERE id < 0;",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    let mut found = Vec::new();
    for examined in migration.statements {
        let (text, at) = (examined.statement.text, examined.statement.position());
        let verb = waiting::verb(text);
        let what = match verb.as_str() {
            "truncate" => "all rows are removed",
            "delete" if !waiting::has_word(text, "where") => "all rows are removed",
            "update" if !waiting::has_word(text, "where") => "all rows are changed",
            _ => continue,
        };
        let footprints = migration.compiled.footprints.iter().filter(|footprint| footprint.at == at);
        let locked = footprints.flat_map(|footprint| footprint.locks.keys());
        if let Some(table) = locked.into_iter().find(|relation| migration.was_there(relation)) {
            found.push(LintMatch {
                at,
                what: format!("{what}: {table}"),
                instead: "say which rows are meant (WHERE), or allow it with the reason".to_owned(),
            });
        }
    }
    found
}
