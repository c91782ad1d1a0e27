//! A down script makes others wait for longer than its migration does.

use super::{LintMatch, LintRule, LintedMigration};
use crate::findings::Severity;
use crate::model::{Footprint, RowWorkKind};

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "fails.down_heavier",
    severity: Severity::Info,
    summary: "a down script works on all rows while somebody waits, and its migration does not",
    help: "A downgrade is what people run in an incident, and they expect it to be as quick as the upgrade was. This one reads, indexes or \
        rewrites a whole table under a lock. Say in the script what that costs, and decide before the upgrade whether the way \
        back is the down script or a new migration.",
    bad: "ALTER TABLE posts ALTER COLUMN title TYPE text;\n-- down script\n\
        ALTER TABLE posts ALTER COLUMN title TYPE varchar(80);",
    good: "ALTER TABLE posts ADD COLUMN subtitle text;\n-- down script\nALTER TABLE posts DROP COLUMN subtitle;",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    let Some((name, down)) = &migration.down else { return Vec::new() };
    let up = heaviest(migration, &migration.compiled.footprints, migration.transactional);
    // A down script is run in one transaction.
    let Some((kind, on, footprint)) = heaviest(migration, down, true) else { return Vec::new() };
    if up.is_some_and(|(of_up, ..)| of_up >= kind) {
        return Vec::new();
    }
    let work = match kind {
        RowWorkKind::Read => "reads all rows of",
        RowWorkKind::Index => "builds an index on",
        RowWorkKind::Rewrite => "rewrites",
    };
    let first = migration.statements.first().map(|examined| examined.statement.position());
    vec![LintMatch {
        at: first.unwrap_or_default(),
        what: format!("{name}:{} {work} {on} while others wait; the migration does not", footprint.at.line),
        instead: "write a down script that is as quick, or allow it with the reason".to_owned(),
    }]
}

/// The heaviest work on all rows of a relation that was there before, while somebody waits.
fn heaviest<'f>(
    migration: &LintedMigration<'_>,
    footprints: &'f [Footprint],
    transactional: bool,
) -> Option<(RowWorkKind, &'f str, &'f Footprint)> {
    let held = Footprint::held(footprints, transactional);
    let works = footprints.iter().zip(held).filter_map(|(footprint, held)| {
        let waits =
            held.iter().any(|(relation, lock)| lock.mode.blocks_writers() && migration.was_there(relation));
        let kinds = [
            (RowWorkKind::Read, &footprint.scans),
            (RowWorkKind::Index, &footprint.builds),
            (RowWorkKind::Rewrite, &footprint.rewrites),
        ];
        let of_kind = kinds.into_iter().rev().find_map(|(kind, relations)| {
            let on = relations.iter().find(|relation| migration.was_there(relation))?;
            Some((kind, on.as_str(), footprint))
        });
        of_kind.filter(|_| waits)
    });
    works.max_by_key(|(kind, ..)| *kind)
}
