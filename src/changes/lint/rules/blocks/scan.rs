//! All rows of a table are read while somebody waits.

use super::{LintMatch, LintRule, LintedMigration, waiting};
use crate::findings::Severity;

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "blocks.scan",
    severity: Severity::Warning,
    summary: "all rows of a table are read while somebody waits",
    help: "The server proves that every row satisfies what is added, under the lock of ALTER TABLE. Add the constraint NOT VALID, which reads \
        nothing, and VALIDATE CONSTRAINT in the next migration, which lets readers and writers pass. For SET NOT NULL: a CHECK (column IS \
        NOT NULL) that was validated so proves it, and nothing is read. For ALTER DOMAIN ... ADD CONSTRAINT, which reads every table that \
        uses the domain: NOT VALID leaves out what is there and checks new values alone.",
    bad: "ALTER TABLE users ADD CHECK (name <> '');",
    good: "ALTER TABLE users ADD CONSTRAINT users_name CHECK (name <> '') NOT VALID;\n-- next migration\nALTER TABLE users VALIDATE CONSTRAINT users_name;",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    let mut found = waiting::find(
        migration,
        |footprint| &footprint.scans,
        |table| format!("all rows of {table} are read"),
        instead,
    );
    for found in &mut found {
        let is_key = waiting::has_word(migration.text_at(found.at), "references");
        let footprint = migration.footprint_at(found.at);
        if is_key
            && footprint
                .is_some_and(|footprint| footprint.locks.keys().any(|on| migration.is_partitioned(on)))
        {
            PARTITIONED.clone_into(&mut found.instead);
        }
    }
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

/// Servers before 18 refuse NOT VALID for a foreign key of a partitioned table.
const PARTITIONED: &str = "add it to each partition NOT VALID and VALIDATE it there; then add it to the partitioned table, \
                           which takes those over and reads nothing";

/// What to write in the place of a statement that reads all rows.
fn instead(text: &str) -> &'static str {
    let has = |word| waiting::has_word(text, word);
    if has("domain") {
        "add it NOT VALID, which checks new values and reads nothing; VALIDATE makes writers of these tables wait as this does"
    } else if has("partition") {
        "first add a CHECK NOT VALID that says the same as the bounds, and VALIDATE it in a migration of its own: then nothing is read"
    } else if has("constraint") || has("add") {
        "add it NOT VALID, and VALIDATE CONSTRAINT in a migration of its own, for which nobody waits"
    } else {
        "add CHECK (column IS NOT NULL) NOT VALID, VALIDATE it in the next migration, then SET NOT NULL, which reads nothing then"
    }
}
