//! All rows of a table are read while somebody waits.

use super::{LintMatch, LintRule, LintedMigration, waiting};
use crate::findings::Severity;

pub(super) const RULE: LintRule = LintRule {
    code: "blocks.scan",
    severity: Severity::Warning,
    summary: "all rows of a table are read while somebody waits",
    help: "The server proves that every row satisfies what is added, under the lock of ALTER TABLE. Add the constraint NOT VALID, which reads \
        nothing, and VALIDATE CONSTRAINT in the next migration, which lets readers and writers pass. For SET NOT NULL: a CHECK (column IS \
        NOT NULL) that was validated so proves it, and nothing is read.",
    bad: "ALTER TABLE users ADD CHECK (name <> '');",
    good: "ALTER TABLE users ADD CONSTRAINT users_name CHECK (name <> '') NOT VALID;\n-- next migration\nALTER TABLE users VALIDATE CONSTRAINT users_name;",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    let instead = |text: &str| match waiting::has_word(text, "constraint") || waiting::has_word(text, "add") {
        true => "add it NOT VALID, and VALIDATE CONSTRAINT in a migration of its own, for which nobody waits",
        false => {
            "add CHECK (column IS NOT NULL) NOT VALID, VALIDATE it in the next migration, then SET NOT NULL, which reads \
             nothing then"
        }
    };
    let mut found = waiting::find(
        migration,
        |footprint| &footprint.scans,
        |table| format!("all rows of {table} are read"),
        instead,
    );
    // What builds an index or writes a table anew reads it, too.
    let heavier = |at| {
        let of_statement = migration.compiled.footprints.iter().filter(|footprint| footprint.at == at);
        of_statement
            .into_iter()
            .any(|footprint| !footprint.builds.is_empty() || !footprint.rewrites.is_empty())
    };
    found.retain(|found| !heavier(found.at));
    found
}
