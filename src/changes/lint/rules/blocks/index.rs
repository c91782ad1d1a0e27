//! An index is built while somebody waits.

use super::{LintMatch, LintRule, LintedMigration, waiting};
use crate::findings::Severity;

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "blocks.index",
    severity: Severity::Error,
    summary: "an index is built while nobody can write to its table",
    help: "CREATE INDEX lets queries pass and makes writers wait until it is done. CREATE INDEX CONCURRENTLY makes nobody wait; it cannot \
        run in a transaction, so it needs a migration of its own, marked -- trueup: no-transaction. A primary key or unique constraint \
        takes over an index that was built so: ADD CONSTRAINT ... UNIQUE USING INDEX.",
    bad: "CREATE INDEX users_name ON users (name);",
    good: "-- trueup: no-transaction\nCREATE INDEX CONCURRENTLY users_name ON users (name);",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    let instead = |text: &str| match waiting::has_word(text, "index") {
        true => "CREATE INDEX CONCURRENTLY, in a migration of its own {outside}",
        false => {
            "build the index first, CONCURRENTLY and in a migration of its own; then ADD CONSTRAINT ... USING INDEX, which \
             builds nothing"
        }
    };
    let mut found = waiting::find(
        migration,
        |footprint| &footprint.builds,
        |table| format!("an index on {table} is built"),
        instead,
    );
    for found in &mut found {
        let footprint = migration.footprint_at(found.at);
        if footprint.is_some_and(|footprint| footprint.builds.iter().any(|on| migration.is_partitioned(on))) {
            PARTITIONED.clone_into(&mut found.instead);
        }
    }
    found
}

/// The server refuses CONCURRENTLY on a partitioned table.
const PARTITIONED: &str = "CREATE INDEX ... ON ONLY the partitioned table, CREATE INDEX CONCURRENTLY on each partition, \
                           then ALTER INDEX ... ATTACH PARTITION for each";
