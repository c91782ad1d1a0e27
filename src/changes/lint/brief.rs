//! Locks that others wait for, though the statement that takes them does no work on rows.

use smol_str::SmolStr;

use super::LintedMigration;
use crate::findings::{Finding, Location};
use crate::postgres::catalog::Kind;
use crate::postgres::lock_mode::LockMode;
use crate::postgres::sql::Position;

/// A lock that a statement takes and that others wait for, though it does no work on rows under it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BriefLock {
    /// The statement.
    pub location: Location,
    /// What it locks, qualified and quoted.
    pub relation: SmolStr,
    /// How.
    pub mode: LockMode,
}

/// The brief locks on relations that were there before. Statements of which a rule tells who waits are left out.
pub(super) fn brief_locks(
    migration: &LintedMigration<'_>,
    findings: &[Finding],
    place: impl Fn(Position) -> Location,
) -> Vec<BriefLock> {
    let told = |location: &Location| {
        let is_told = |finding: &Finding| {
            finding.code.starts_with("blocks.") && finding.location.as_ref() == Some(location)
        };
        findings.iter().any(is_told)
    };
    let was_there = |relation: &str| {
        [Kind::Table, Kind::MaterializedView, Kind::View]
            .into_iter()
            .any(|kind| migration.base.relation(relation, kind).is_some())
    };
    let mut locks = Vec::new();
    for footprint in &migration.compiled.footprints {
        let location = place(footprint.at);
        if told(&location) {
            continue;
        }
        let taken = footprint.locks.iter().filter(|(on, mode)| mode.blocks_writers() && was_there(on));
        locks.extend(taken.map(|(on, mode)| BriefLock {
            location: location.clone(),
            relation: on.clone(),
            mode: *mode,
        }));
    }
    locks
}
