//! Rows are changed while somebody waits for a lock of an earlier statement.

use super::{LintMatch, LintRule, LintedMigration, waiting};
use crate::findings::Severity;

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "blocks.rows",
    severity: Severity::Error,
    summary: "rows are changed in a transaction that makes others wait",
    help: "A lock is held until the transaction ends: what comes after ALTER TABLE in the same migration, its readers wait for as well. \
        Change the rows in a migration of their own, or in batches, by a data check with a fix (trueup verify --fix).",
    bad: "ALTER TABLE users ADD COLUMN state text;\nUPDATE users SET state = 'new' WHERE state IS NULL;",
    good: "ALTER TABLE users ADD COLUMN state text;\n-- next migration\nUPDATE users SET state = 'new' WHERE state IS NULL;",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    let mut found = Vec::new();
    for examined in migration.statements.iter().filter(|examined| changes_rows(examined.statement.text)) {
        let at = examined.statement.position();
        let mut blocked = migration.blocked_at(at);
        blocked.retain(|(_, lock)| lock.since < at);
        if let Some(waiting) = waiting::waiting(&blocked, at) {
            found.push(LintMatch {
                at,
                what: format!("{waiting} while rows are changed"),
                instead: "change the rows in a migration of their own, or in batches (trueup verify --fix)"
                    .to_owned(),
            });
        }
    }
    found
}

/// Whether a statement changes rows that are there.
fn changes_rows(text: &str) -> bool {
    let verb = waiting::verb(text);
    match verb.as_str() {
        "update" | "delete" | "merge" => true,
        "insert" => waiting::has_word(text, "select"),
        _ => false,
    }
}
