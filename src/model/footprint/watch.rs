//! Watches the transaction of a migration. The server is asked after every statement:
//!
//! - the locks are those of `pg_locks` that the transaction did not hold before;
//! - a table was read as a whole where its counter of sequential scans has moved (`pg_stat_get_xact_numscans`);
//! - it was rewritten where it has another file (`pg_class.relfilenode`);
//! - an index was built where the statement has locked one that is new, and has a file of its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use anyhow::Result;
use smol_str::SmolStr;

use super::Footprint;
use crate::postgres::catalog::reader::CatalogReading;
use crate::postgres::catalog::{Attribute, Kind, ObjectId};
use crate::postgres::connection::Session;
use crate::postgres::lock_mode::LockMode;
use crate::postgres::sql::{Position, Statement};

/// Whether objects of this kind are rows of `pg_class` that are locked.
pub(in crate::model) fn is_relation(kind: Kind) -> bool {
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
pub(in crate::model) struct FootprintWatch {
    /// The relations whose oids are greater did not exist when the transaction began.
    newest: u32,
    /// What is known of relations, by their oids.
    relations: HashMap<u32, WatchedRelation>,
    statements: Vec<Observed>,
}

/// What is known of a relation.
#[derive(Debug, Clone, Default)]
pub(super) struct WatchedRelation {
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
pub(super) struct Observed {
    at: Position,
    work: StatementWork,
    pub(super) locks: BTreeMap<u32, LockMode>,
    scans: BTreeSet<u32>,
    pub(super) rewrites: BTreeSet<u32>,
    pub(super) builds: BTreeSet<u32>,
    pub(super) drops: BTreeSet<u32>,
}

impl WatchedRelation {
    /// One of which only this is known: the table, where it is an index, and its name.
    pub(super) fn known(indexed: Option<u32>, name: SmolStr) -> Self {
        Self { indexed, index: Some(name), ..Self::default() }
    }
}

impl Observed {
    /// A statement that has done nothing yet.
    pub(super) fn new(at: Position, work: StatementWork) -> Self {
        let none = BTreeSet::new;
        Self {
            at,
            work,
            locks: BTreeMap::new(),
            scans: none(),
            rewrites: none(),
            builds: none(),
            drops: none(),
        }
    }
}

/// What a statement works on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StatementWork {
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

impl StatementWork {
    pub(super) fn of(statement: &Statement<'_>) -> Self {
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
    /// What is known of one statement from elsewhere.
    pub(super) fn of(newest: u32, relations: HashMap<u32, WatchedRelation>, observed: Observed) -> Self {
        Self { newest, relations, statements: vec![observed] }
    }

    /// Opens a transaction, and watches it.
    pub(in crate::model) async fn begin(session: &mut Session) -> Result<Self> {
        let mut watch = Self::default();
        session
            .message(BEGIN.to_owned(), |statement, row| {
                match statement {
                    1 => watch.newest = row.get::<Option<u32>>("newest")?.unwrap_or(0),
                    _ => {
                        let known = WatchedRelation {
                            file: Some(row.get("file")?),
                            scans: row.get::<Option<i64>>("scans")?.unwrap_or(0),
                            ..WatchedRelation::default()
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
    pub(in crate::model) async fn look(
        &mut self,
        session: &mut Session,
        statement: &Statement<'_>,
    ) -> Result<()> {
        let work = StatementWork::of(statement);
        if work == StatementWork::Harmless {
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
        let mut observed = Observed::new(statement.position(), work);
        for one in locked {
            self.take(&mut observed, &one);
        }
        if matches!(work, StatementWork::Rows | StatementWork::Truncate) {
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
    pub(in crate::model) fn footprints(self, before: &CatalogReading) -> Vec<Footprint> {
        let Self { newest, relations, statements } = self;
        let known = before.oids.iter().filter(|(id, at)| {
            is_relation(id.kind) && at.class == PG_CLASS && relations.contains_key(&at.oid)
        });
        let mut names: HashMap<u32, SmolStr> = HashMap::new();
        let mut indexes: HashMap<u32, Vec<(u32, &WatchedRelation)>> = HashMap::new();
        for (oid, relation) in relations.iter().filter(|(oid, _)| **oid <= newest) {
            if let Some(table) = relation.indexed {
                indexes.entry(table).or_default().push((*oid, relation));
            }
        }
        // The tables of indexes: what is done to an index is done to its table first.
        let mut tables: HashMap<SmolStr, SmolStr> = HashMap::new();
        for (id, at) in known {
            let name: SmolStr = id.to_string().into();
            if let (Kind::Index, Some(object)) = (id.kind, before.catalog.get(id)) {
                tables.extend(object.get(Attribute::OnTable).map(|table| (name.clone(), table.into())));
            }
            for (oid, index) in indexes.get(&at.oid).into_iter().flatten() {
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
        for Observed { at, work, locks, scans, rewrites, builds, drops } in statements {
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
                of_table(relation).is_none_or(|table| work == StatementWork::Drop && !whole.contains(table))
            });
            footprints.push(Footprint { at, locks, scans: named(scans), rewrites, builds, drops });
        }
        footprints.retain(|footprint| !footprint.is_empty());
        footprints
    }
}
