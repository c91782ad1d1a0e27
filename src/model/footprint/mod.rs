//! What each statement of a migration does to the relations that were there before the migration: which it locks, reads or
//! rewrites as a whole, builds indexes on, and drops.
//!
//! The scratch server says it, on empty tables: the kind of the work does not depend on rows; how long it takes does. What
//! runs in a transaction is asked for in that transaction ([`watch`]), so DDL in functions and `DO` blocks is seen as well;
//! what runs outside of one is held up and watched from a second session ([`outside`]).

mod outside;
mod watch;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use smol_str::SmolStr;

use crate::postgres::lock_mode::LockMode;
use crate::postgres::sql::Position;

pub(super) use outside::OutsideWatch;
pub(super) use watch::{FootprintWatch, is_relation};

/// What one statement does to relations that were there before its migration. They are qualified and quoted, by the names that
/// they had then.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Footprint {
    /// Where in its file the statement begins.
    pub at: Position,
    /// The strongest lock on each relation that the transaction did not hold before. ACCESS SHARE is left out.
    pub locks: BTreeMap<SmolStr, LockMode>,
    /// The tables that it reads from the first row to the last; not for statements that work on rows, where the plan decides.
    pub scans: BTreeSet<SmolStr>,
    /// The tables and indexes that it writes anew, or empties.
    pub rewrites: BTreeSet<SmolStr>,
    /// The tables on which it builds an index.
    pub builds: BTreeSet<SmolStr>,
    /// The relations that it drops.
    pub drops: BTreeSet<SmolStr>,
}

/// What takes the longer the more rows a relation has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowWork {
    /// What is done.
    pub kind: RowWorkKind,
    /// The relation that it is done to.
    pub on: SmolStr,
}

/// What is done to all rows of a relation, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowWorkKind {
    /// All of them are read.
    Read,
    /// An index on them is built.
    Index,
    /// All of them are written anew.
    Rewrite,
}

/// A lock that a transaction holds while a statement runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeldLock {
    /// The mode.
    pub mode: LockMode,
    /// The statement that took it.
    pub since: Position,
}

impl Footprint {
    /// What the statement does to all rows of relations.
    fn works(&self) -> impl Iterator<Item = RowWork> {
        let of = |relations: &BTreeSet<SmolStr>, kind| {
            relations.iter().cloned().map(move |on| RowWork { kind, on }).collect::<Vec<_>>()
        };
        [
            of(&self.scans, RowWorkKind::Read),
            of(&self.builds, RowWorkKind::Index),
            of(&self.rewrites, RowWorkKind::Rewrite),
        ]
        .into_iter()
        .flatten()
    }

    /// The longest work on all rows of a relation that is done while each lock is held: in one transaction that of the statement
    /// that takes it, and of all after it. Of the same kind of work, that on the locked relation itself counts.
    pub fn works_under_locks(footprints: &[Self], transactional: bool) -> BTreeMap<SmolStr, RowWork> {
        let mut longest: Option<RowWork> = None;
        let mut own: HashMap<SmolStr, RowWorkKind> = HashMap::new();
        let mut under: BTreeMap<SmolStr, RowWork> = BTreeMap::new();
        for footprint in footprints.iter().rev() {
            if !transactional {
                (longest, own) = (None, HashMap::new());
            }
            for work in footprint.works() {
                let kind = own.entry(work.on.clone()).or_insert(work.kind);
                *kind = work.kind.max(*kind);
                if longest.as_ref().is_none_or(|longest| longest.kind < work.kind) {
                    longest = Some(work);
                }
            }
            let Some(longest) = &longest else { continue };
            for relation in footprint.locks.keys() {
                let itself = own.get(relation).filter(|kind| **kind == longest.kind);
                let on = itself.map_or(&longest.on, |_| relation).clone();
                let work = RowWork { kind: longest.kind, on };
                // A lock that is taken more than once is held since the first time.
                if transactional || under.get(relation).is_none_or(|known| known.kind <= work.kind) {
                    under.insert(relation.clone(), work);
                }
            }
        }
        under
    }

    /// Which locks are held while each of these statements runs: its own, and in one transaction those of the statements
    /// before it.
    pub fn held(footprints: &[Self], transactional: bool) -> Vec<BTreeMap<SmolStr, HeldLock>> {
        let mut held: BTreeMap<SmolStr, HeldLock> = BTreeMap::new();
        let of = |footprint: &Self| {
            if !transactional {
                held.clear();
            }
            for (relation, mode) in &footprint.locks {
                let now = HeldLock { mode: *mode, since: footprint.at };
                let lock = held.entry(relation.clone()).or_insert(now);
                if lock.mode < *mode {
                    *lock = now;
                }
            }
            held.clone()
        };
        footprints.iter().map(of).collect()
    }

    fn is_empty(&self) -> bool {
        let Self { at: _, locks, scans, rewrites, builds, drops } = self;
        locks.is_empty() && [scans, rewrites, builds, drops].into_iter().all(BTreeSet::is_empty)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footprint(line: usize, lock: Option<(&str, LockMode)>) -> Footprint {
        let locks = lock.into_iter().map(|(relation, mode)| (relation.into(), mode)).collect();
        Footprint { at: Position { line, column: 1 }, locks, ..Footprint::default() }
    }

    /// `a` is locked and read, then an index on `b` is built.
    fn sample() -> [Footprint; 2] {
        [
            Footprint { scans: ["a".into()].into(), ..footprint(1, Some(("a", LockMode::AccessExclusive))) },
            Footprint { builds: ["b".into()].into(), ..footprint(2, Some(("b", LockMode::Share))) },
        ]
    }

    fn under(footprints: &[Footprint], transactional: bool) -> Vec<String> {
        let works = Footprint::works_under_locks(footprints, transactional);
        works.iter().map(|(lock, RowWork { kind, on })| format!("{lock}: {kind:?} {on}")).collect()
    }

    #[test]
    fn a_lock_is_held_until_its_transaction_ends() {
        let held = |transactional| -> Vec<usize> {
            Footprint::held(&sample(), transactional).iter().map(BTreeMap::len).collect()
        };
        assert_eq!(held(true), [1, 2]);
        assert_eq!(held(false), [1, 1]);
        assert_eq!(under(&sample(), true), ["a: Index b", "b: Index b"]);
        assert_eq!(under(&sample(), false), ["a: Read a", "b: Index b"]);
    }

    #[test]
    fn work_on_the_locked_relation_itself_is_named() {
        let both = Footprint {
            rewrites: ["a".into(), "b".into()].into(),
            ..footprint(1, Some(("b", LockMode::AccessExclusive)))
        };
        assert_eq!(under(&[both], true), ["b: Rewrite b"]);
    }
}
