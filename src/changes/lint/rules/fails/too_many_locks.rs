//! One transaction locks more relations than a server has room for.

use std::collections::HashSet;

use super::{LintMatch, LintRule, LintedMigration};
use crate::findings::Severity;
use crate::model::{Effect, Footprint};
use crate::postgres::catalog::{Attribute, Kind};
use crate::postgres::lock_mode::LockMode;

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "fails.too_many_locks",
    severity: Severity::Warning,
    summary: "one transaction locks so many relations that the lock table of a server may be full",
    help: "Every table, index, view and sequence that a transaction changes or makes has a place in the server's lock table until its end. With \
        the defaults there is room for 6,400 (max_locks_per_transaction, 64, for each of 100 connections), for all sessions together. \
        When it is full, the migration fails with \"out of shared memory\", and so do others. Divide the migration; or let \
        max_locks_per_transaction be larger, and allow it with the reason.",
    bad: "DO $$ BEGIN FOR n IN 1..3300 LOOP EXECUTE format('CREATE SEQUENCE numbers_%s', n); END LOOP; END $$;",
    good: "-- The others are made by migrations of their own.\n\
        DO $$ BEGIN FOR n IN 1..100 LOOP EXECUTE format('CREATE SEQUENCE numbers_%s', n); END LOOP; END $$;",
    find,
};

/// Half of what a server with the defaults has room for.
const MOST: usize = 3_200;

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    if !migration.transactional {
        return Vec::new();
    }
    let footprints = &migration.compiled.footprints;
    let locked = |footprint: &Footprint| footprint.locks.len() + footprint.drops.len();
    let made = migration.compiled.effects.iter().filter(|effect| match effect {
        Effect::Created(object) => is_relation(object.id.kind),
        _ => false,
    });
    let mut count = made.count();
    // The names are only looked at where they can come to so many.
    if count + footprints.iter().map(locked).sum::<usize>() > MOST / 10 {
        let relations: HashSet<_> =
            footprints.iter().flat_map(|footprint| footprint.locks.keys().chain(&footprint.drops)).collect();
        let alone: HashSet<&str> = footprints
            .iter()
            .flat_map(|footprint| &footprint.locks)
            .filter(|(_, mode)| **mode == LockMode::AccessExclusive)
            .map(|(relation, _)| relation.as_str())
            .collect();
        count += relations.len();
        count += migration
            .base
            .of_kind(Kind::Index)
            .filter(|(_, index)| index.get(Attribute::OnTable).is_some_and(|table| alone.contains(table)))
            .count();
    }
    if count <= MOST {
        return Vec::new();
    }
    let most = footprints.iter().max_by_key(|footprint| locked(footprint)).filter(|most| locked(most) > 1);
    let first =
        || migration.statements.first().map(|examined| examined.statement.position()).unwrap_or_default();
    vec![LintMatch {
        at: most.map_or_else(first, |footprint| footprint.at),
        what: format!(
            "this transaction locks {count} relations: a server with the default settings has room for 6400, for all sessions"
        ),
        instead: "divide the migration; or raise max_locks_per_transaction, and allow it with the reason"
            .to_owned(),
    }]
}

/// Whether an object of this kind is, or has, a row of `pg_class` that is locked.
fn is_relation(kind: Kind) -> bool {
    let relations = [Kind::Table, Kind::View, Kind::MaterializedView, Kind::Sequence, Kind::Index];
    relations.contains(&kind) || matches!(kind, Kind::PrimaryKey | Kind::Unique | Kind::Exclusion)
}
