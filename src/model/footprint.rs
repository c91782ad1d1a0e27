//! What each statement of a migration does to the relations that were there before the migration: which it locks, reads or
//! rewrites as a whole, builds indexes on, and drops.
//!
//! The scratch server says it, on empty tables: the kind of the work does not depend on rows; how long it takes does. It
//! is asked after every statement, inside the transaction of the migration:
//!
//! - the locks are those of `pg_locks` that the transaction did not hold before;
//! - a table was read as a whole where its counter of sequential scans has moved (`pg_stat_get_xact_numscans`);
//! - it was rewritten where it has another file (`pg_class.relfilenode`);
//! - an index was built where the statement has locked one that is new, and has a file of its own.
//!
//! So DDL in functions and `DO` blocks is seen as well. What runs outside of a transaction is not measured.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::Result;
use smol_str::SmolStr;

use crate::postgres::catalog::reader::CatalogReading;
use crate::postgres::catalog::{Attribute, Kind, ObjectId};
use crate::postgres::connection::Session;
use crate::postgres::lock_mode::LockMode;
use crate::postgres::sql::Statement;

/// What one statement does to relations that were there before its migration. They are qualified and quoted, by the names that
/// they had then.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Footprint {
    /// The line of its file that the statement begins on, from 1.
    pub line: usize,
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
    /// The line of the statement that took it.
    pub since: usize,
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
                let now = HeldLock { mode: *mode, since: footprint.line };
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
        let Self { line: _, locks, scans, rewrites, builds, drops } = self;
        locks.is_empty() && [scans, rewrites, builds, drops].into_iter().all(BTreeSet::is_empty)
    }
}

/// Whether objects of this kind are rows of `pg_class` that are locked.
pub(super) fn is_relation(kind: Kind) -> bool {
    matches!(kind, Kind::Table | Kind::View | Kind::MaterializedView | Kind::Sequence | Kind::Index)
}

/// The catalog of `pg_class` in addresses.
const PG_CLASS: u32 = 1259;

/// Opens the transaction, and asks for the newest relation, and for the relations that do not have the file that a new one
/// has, or whose scans the session has counted and not yet reported.
const BEGIN: &str = "BEGIN; \
    SELECT pg_catalog.max(c.oid) AS newest FROM pg_catalog.pg_class c; \
    SELECT c.oid AS relation, c.relfilenode AS file, pg_catalog.pg_stat_get_xact_numscans(c.oid) AS scans \
      FROM pg_catalog.pg_class c \
     WHERE c.oid OPERATOR(pg_catalog.>=) '16384' AND c.relkind OPERATOR(pg_catalog.=) ANY ('{r,m,i}') \
       AND (c.relfilenode OPERATOR(pg_catalog.<>) c.oid \
            OR pg_catalog.pg_stat_get_xact_numscans(c.oid) OPERATOR(pg_catalog.>) 0)";

/// Asks for the relations that the transaction has locked.
const LOCKED: &str = "SELECT l.relation, l.mode, \
           (SELECT c.relname FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) l.relation) AS name, \
           pg_catalog.pg_relation_filenode(l.relation) AS file, \
           pg_catalog.pg_stat_get_xact_numscans(l.relation) AS scans, \
           (SELECT i.indrelid FROM pg_catalog.pg_index i WHERE i.indexrelid OPERATOR(pg_catalog.=) l.relation) AS indexed \
      FROM pg_catalog.pg_lock_status() l \
     WHERE l.pid OPERATOR(pg_catalog.=) pg_catalog.pg_backend_pid() \
       AND l.locktype OPERATOR(pg_catalog.=) 'relation' AND l.relation OPERATOR(pg_catalog.>=) '16384'";

/// Watches the transaction of one migration.
#[derive(Debug, Default)]
pub(super) struct FootprintWatch {
    /// The relations whose oids are greater did not exist when the transaction began.
    newest: u32,
    /// What is known of relations, by their oids.
    relations: HashMap<u32, Relation>,
    statements: Vec<Observed>,
}

/// What is known of a relation.
#[derive(Debug, Clone, Default)]
struct Relation {
    held: Option<LockMode>,
    /// `None` for the file of a new relation, which has the number of its oid.
    file: Option<u32>,
    scans: i64,
    gone: bool,
    /// The table, where it is an index.
    indexed: Option<u32>,
    /// Its name, where it is an index. Those of constraints are no objects of a catalog.
    index: Option<SmolStr>,
}

/// What a statement did, by oids.
#[derive(Debug)]
struct Observed {
    line: usize,
    work: Work,
    locks: BTreeMap<u32, LockMode>,
    scans: BTreeSet<u32>,
    rewrites: BTreeSet<u32>,
    builds: BTreeSet<u32>,
    drops: BTreeSet<u32>,
}

/// What a statement works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Work {
    /// Rows of one table that the statement brings along, or settings: nobody waits for that.
    Harmless,
    /// Rows. Whether it reads all of them depends on what they are.
    Rows,
    /// All rows of a table go. What it reads is empty then.
    Truncate,
    /// Objects are dropped.
    Drop,
    /// Objects, or whatever its code does. ALTER TABLE drops an index that it changes, and makes another in its place.
    Objects,
}

impl Work {
    fn of(statement: &Statement<'_>) -> Self {
        let mut words = statement.words();
        match words.next().as_deref() {
            Some("set" | "reset") => Self::Harmless,
            Some("insert") if !words.any(|word| word == "select") => Self::Harmless,
            Some("insert" | "update" | "delete" | "merge" | "with" | "copy") => Self::Rows,
            Some("truncate") => Self::Truncate,
            Some("drop") => Self::Drop,
            _ => Self::Objects,
        }
    }
}

/// One lock of the transaction.
struct Locked {
    relation: u32,
    mode: LockMode,
    /// `None` where it is dropped.
    name: Option<SmolStr>,
    file: Option<u32>,
    scans: i64,
    indexed: Option<u32>,
}

impl FootprintWatch {
    /// Opens a transaction, and watches it.
    pub(super) async fn begin(session: &mut Session) -> Result<Self> {
        let mut watch = Self::default();
        session
            .message(BEGIN.to_owned(), |statement, row| {
                match statement {
                    1 => watch.newest = row.get::<Option<u32>>("newest")?.unwrap_or(0),
                    _ => {
                        let known = Relation {
                            file: Some(row.get("file")?),
                            scans: row.get::<Option<i64>>("scans")?.unwrap_or(0),
                            ..Relation::default()
                        };
                        watch.relations.insert(row.get("relation")?, known);
                    }
                }
                Ok(())
            })
            .await?;
        Ok(watch)
    }

    /// Looks at what the statement, which has just been run, has done.
    pub(super) async fn look(&mut self, session: &mut Session, statement: &Statement<'_>) -> Result<()> {
        let work = Work::of(statement);
        if work == Work::Harmless {
            return Ok(());
        }
        let mut locked = Vec::new();
        session
            .message(LOCKED.to_owned(), |_, row| {
                let Some(mode) = LockMode::from_pg_locks(row.get("mode")?) else { return Ok(()) };
                locked.push(Locked {
                    relation: row.get("relation")?,
                    mode,
                    name: row.get::<Option<&str>>("name")?.map(Into::into),
                    file: row.get("file")?,
                    scans: row.get::<Option<i64>>("scans")?.unwrap_or(0),
                    indexed: row.get("indexed")?,
                });
                Ok(())
            })
            .await?;
        let mut observed = Observed {
            line: statement.line,
            work,
            locks: BTreeMap::new(),
            scans: BTreeSet::new(),
            rewrites: BTreeSet::new(),
            builds: BTreeSet::new(),
            drops: BTreeSet::new(),
        };
        for one in locked {
            self.take(&mut observed, &one);
        }
        if matches!(work, Work::Rows | Work::Truncate) {
            observed.scans.clear();
        }
        self.statements.push(observed);
        Ok(())
    }

    fn take(&mut self, observed: &mut Observed, now: &Locked) {
        let oid = now.relation;
        let known = self.relations.entry(oid).or_default();
        if known.held.is_none_or(|held| held < now.mode) {
            known.held = Some(now.mode);
            observed.locks.insert(oid, now.mode);
        }
        if now.name.is_none() && !known.gone {
            known.gone = true;
            observed.drops.insert(oid);
        }
        if let Some(table) = now.indexed {
            // One that takes over the file of another is not built.
            if oid > self.newest && known.indexed.is_none() && now.file.is_none_or(|file| file == oid) {
                observed.builds.insert(table);
            }
            known.indexed = Some(table);
            known.index.clone_from(&now.name);
        }
        if now.file.is_some_and(|file| file != known.file.unwrap_or(oid)) {
            known.file = now.file;
            observed.rewrites.insert(oid);
        }
        if now.scans > known.scans {
            known.scans = now.scans;
            observed.scans.insert(oid);
        }
    }

    /// What the statements have done to the relations of this catalog; those that did nothing to them are left out.
    pub(super) fn footprints(self, before: &CatalogReading) -> Vec<Footprint> {
        let Self { newest, relations, statements } = self;
        let known = before.oids.iter().filter(|(id, at)| {
            is_relation(id.kind) && at.class == PG_CLASS && relations.contains_key(&at.oid)
        });
        let mut names: HashMap<u32, SmolStr> = HashMap::new();
        // The tables of indexes: what is done to an index is done to its table first.
        let mut tables: HashMap<SmolStr, SmolStr> = HashMap::new();
        for (id, at) in known {
            let name: SmolStr = id.to_string().into();
            if let (Kind::Index, Some(object)) = (id.kind, before.catalog.get(id)) {
                tables.extend(object.get(Attribute::OnTable).map(|table| (name.clone(), table.into())));
            }
            let indexes = relations.iter().filter(|(oid, of)| of.indexed == Some(at.oid) && **oid <= newest);
            for (oid, index) in indexes {
                let schema = id.schema.clone().unwrap_or_default();
                let index = ObjectId::in_schema(Kind::Index, schema, index.index.clone().unwrap_or_default());
                let index: SmolStr = index.to_string().into();
                names.entry(*oid).or_insert_with(|| index.clone());
                tables.insert(index, name.clone());
            }
            names.insert(at.oid, name);
        }
        let named = |oids: BTreeSet<u32>| -> BTreeSet<SmolStr> {
            oids.iter().filter_map(|oid| names.get(oid).cloned()).collect()
        };
        let mut held: HashMap<SmolStr, LockMode> = HashMap::new();
        let mut footprints = Vec::new();
        for Observed { line, work, locks, scans, rewrites, builds, drops } in statements {
            let locks = locks.into_iter().filter_map(|(oid, mode)| Some((names.get(&oid)?.clone(), mode)));
            let mut locks: BTreeMap<SmolStr, LockMode> = locks.collect();
            held.extend(locks.clone());
            let of_table = |index: &SmolStr| tables.get(index);
            locks.retain(|relation, mode| {
                let table = of_table(relation).and_then(|table| held.get(table));
                *mode > LockMode::AccessShare && table.is_none_or(|table| table < mode)
            });
            let (mut rewrites, builds, mut drops) = (named(rewrites), named(builds), named(drops));
            let whole = rewrites.clone();
            rewrites.retain(|relation| of_table(relation).is_none_or(|table| !whole.contains(table)));
            let whole = drops.clone();
            drops.retain(|relation| {
                of_table(relation).is_none_or(|table| work == Work::Drop && !whole.contains(table))
            });
            footprints.push(Footprint { line, locks, scans: named(scans), rewrites, builds, drops });
        }
        footprints.retain(|footprint| !footprint.is_empty());
        footprints
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn footprint(line: usize, lock: Option<(&str, LockMode)>) -> Footprint {
        let locks = lock.into_iter().map(|(relation, mode)| (relation.into(), mode)).collect();
        Footprint { line, locks, ..Footprint::default() }
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
