//! A lock is held while the transaction waits for another.

use std::collections::HashSet;

use smol_str::SmolStr;

use super::{LintMatch, LintRule, LintedMigration, deadlock, waiting};
use crate::findings::Severity;
use crate::model::Footprint;
use crate::postgres::catalog::Kind;

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "blocks.window",
    severity: Severity::Info,
    summary: "a table is locked while the transaction waits for the lock of another table",
    help: "ALTER TABLE waits until every transaction that uses the table has ended. In a migration that changes two tables, the first one \
        stays locked during the wait for the second: one long query on the second table makes everybody wait who uses the first. \
        Change each table in a migration of its own; trueup commits each migration before the next.",
    bad: "ALTER TABLE users ADD COLUMN state text;\nALTER TABLE orders ADD COLUMN state text;",
    good: "ALTER TABLE users ADD COLUMN state text;\n-- next migration\nALTER TABLE orders ADD COLUMN state text;",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    if !migration.transactional {
        return Vec::new();
    }
    let dropped: HashSet<&SmolStr> =
        migration.compiled.footprints.iter().flat_map(|footprint| &footprint.drops).collect();
    let is_told = |footprint: &Footprint| {
        let works = [&footprint.scans, &footprint.builds, &footprint.rewrites];
        works.into_iter().any(|relations| !relations.is_empty())
            || !deadlock::at(migration, footprint).is_empty()
    };
    let counts = |relation: &SmolStr| {
        migration.base.relation(relation, Kind::Table).is_some() && !dropped.contains(relation)
    };
    for footprint in &migration.compiled.footprints {
        let at = footprint.at;
        let mut blocked = migration.blocked_at(at);
        blocked.retain(|(relation, lock)| lock.since < at && counts(relation));
        let strong = footprint.locks.iter().filter(|(_, mode)| mode.blocks_writers());
        let mut new = strong
            .map(|(relation, _)| relation)
            .filter(|relation| counts(relation) && blocked.iter().all(|(held, _)| held != relation));
        if let (Some(on), Some(waiting), false) =
            (new.next(), waiting::waiting(&blocked, at), is_told(footprint))
        {
            return vec![LintMatch {
                at,
                what: format!("{waiting} for as long as this statement waits for its lock on {on}"),
                instead:
                    "put it into a migration of its own: the locks of a transaction are held until its end"
                        .to_owned(),
            }];
        }
    }
    Vec::new()
}
