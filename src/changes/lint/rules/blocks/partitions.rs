//! A partition comes or goes, and its parent is locked.

use std::collections::BTreeSet;

use super::{LintMatch, LintRule, LintedMigration, waiting};
use crate::findings::Severity;
use crate::model::{Effect, HeldLock};
use crate::postgres::catalog::{Attribute, Kind};
use crate::postgres::lock_mode::LockMode;

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "blocks.partitions",
    severity: Severity::Warning,
    summary: "a partition is created, detached or dropped, and all that use its parent wait",
    help: "CREATE TABLE ... PARTITION OF, DETACH PARTITION and DROP TABLE of a partition lock the partitioned table as ALTER TABLE does: a long query \
        on any of its partitions makes everybody wait. Make the table by itself, and ATTACH PARTITION, which lets readers and writers \
        of the others pass; before a drop, DETACH PARTITION ... CONCURRENTLY, in a migration that is marked -- trueup: no-transaction.",
    bad: "CREATE TABLE visits_2 PARTITION OF visits FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');",
    good: "CREATE TABLE visits_2 (LIKE visits INCLUDING ALL);\n\
        ALTER TABLE visits ATTACH PARTITION visits_2 FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    let mut found: Vec<LintMatch> = Vec::new();
    for parent in parents(migration) {
        let taken = migration
            .compiled
            .footprints
            .iter()
            .find(|footprint| footprint.locks.get(parent.as_str()) == Some(&LockMode::AccessExclusive));
        let Some(taken) = taken.filter(|taken| !taken.drops.contains(parent.as_str())) else { continue };
        let text = migration.text_at(taken.at);
        let has = |word| waiting::has_word(text, word);
        let instead = match waiting::verb(text).as_str() {
            "alter" if !has("detach") => continue,
            "alter" => "DETACH PARTITION ... CONCURRENTLY, in a migration of its own {outside}",
            "drop" => {
                "first DETACH PARTITION ... CONCURRENTLY, in a migration of its own {outside}; then drop it"
            }
            _ => "create the table by itself (LIKE the parent INCLUDING ALL), then ATTACH PARTITION",
        };
        let parent = parent.as_str().into();
        let lock = HeldLock { mode: LockMode::AccessExclusive, since: taken.at };
        let Some(waiting) = waiting::waiting(&[(&parent, lock)], taken.at) else { continue };
        found.push(LintMatch {
            at: taken.at,
            what: format!("{waiting}, of all its partitions: a partition of it comes or goes"),
            instead: instead.to_owned(),
        });
    }
    found
}

/// The partitioned tables that were there before, of which a partition comes or goes.
fn parents(migration: &LintedMigration<'_>) -> BTreeSet<String> {
    let mut parents = BTreeSet::new();
    for effect in &migration.compiled.effects {
        let of = match effect {
            Effect::Created(object) => object.get(Attribute::PartitionOf).map(str::to_owned),
            Effect::Changed { after: object, attributes } if attributes.contains(&Attribute::PartitionOf) => {
                let before = migration.base.get(&object.id);
                before.and_then(|before| before.get(Attribute::PartitionOf)).map(str::to_owned)
            }
            Effect::Dropped(id) if id.kind == Kind::Table => {
                let before = migration.base.get(id);
                before.and_then(|before| before.get(Attribute::PartitionOf)).map(str::to_owned)
            }
            _ => None,
        };
        parents.extend(of.filter(|parent| migration.was_there(parent)));
    }
    parents
}
