//! Two tables of a foreign key are locked one after the other.

use super::{LintMatch, LintRule, LintedMigration};
use crate::findings::Severity;
use crate::model::Footprint;
use crate::postgres::catalog::{Attribute, Kind};
use crate::postgres::lock_mode::LockMode;

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "blocks.deadlock",
    severity: Severity::Warning,
    summary: "two tables that a foreign key joins are locked one after the other, in one transaction",
    help: "An INSERT locks its own table first, and then looks into the referenced one. Where the migration has locked the referenced \
        table and waits for the other, each waits for the other: PostgreSQL cancels one of the two after deadlock_timeout, which is one \
        second. A DELETE of a referenced row goes the other way, so no order is safe. Change each table in a migration of its own.",
    bad: "ALTER TABLE authors ADD COLUMN state text;\nALTER TABLE posts ADD COLUMN state text;",
    good: "ALTER TABLE authors ADD COLUMN state text;\n-- next migration\nALTER TABLE posts ADD COLUMN state text;",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    let footprints = migration.compiled.footprints.iter();
    let found = footprints.flat_map(|footprint| {
        at(migration, footprint).into_iter().take(1).map(|what| LintMatch {
            at: footprint.at,
            what,
            instead: "change each of the two tables in a migration of its own".to_owned(),
        })
    });
    found.collect()
}

/// What goes the other way than this statement and those before it.
pub(super) fn at(migration: &LintedMigration<'_>, footprint: &Footprint) -> Vec<String> {
    let at = footprint.at;
    let blocked = migration.blocked_at(at);
    let held: Vec<_> = blocked.iter().filter(|(_, lock)| lock.since < at).collect();
    let locks = || footprint.locks.iter().filter(|(relation, _)| migration.was_there(relation));
    if !migration.transactional || held.is_empty() || locks().next().is_none() {
        return Vec::new();
    }
    let keys = migration.base.of_kind(Kind::ForeignKey);
    let keys: Vec<(String, &str)> = keys
        .filter_map(|(_, key)| Some((key.id.relation_path(), key.get(Attribute::References)?)))
        .filter(|(referencing, referenced)| referencing != referenced)
        .collect();
    let mut found = Vec::new();
    for (first, lock) in held {
        for (second, mode) in locks()
            .filter(|(relation, _)| blocked.iter().all(|(held, lock)| held != relation || lock.since == at))
        {
            let joined = |referencing: &str, referenced: &str| {
                keys.iter().any(|(from, to)| from == referencing && *to == referenced)
            };
            let since = lock.since.line;
            // An INSERT holds ROW EXCLUSIVE on its table and needs ROW SHARE on the referenced one; a DELETE the other way.
            let goes = lock.mode.conflicts_with(LockMode::RowShare) && mode.blocks_writers();
            let verb = match goes {
                true if joined(second, first) => format!("an INSERT into {second}"),
                true if joined(first, second) => format!("a DELETE from {second}"),
                _ => continue,
            };
            found.push(format!(
                "{verb} waits for {first} (locked since line {since}) while it holds what this statement waits for: a deadlock"
            ));
        }
    }
    found
}
