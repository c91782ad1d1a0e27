//! The locks of a statement on the tables of a catalog: what the text says, and what only the catalog knows.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use smol_str::SmolStr;

use super::{ExpectedLock, LockTarget};
use crate::migrations::script::WrittenName;
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::lock_mode::LockMode;

/// The kinds that share the names of relations, as far as they are locked.
const RELATIONS: [Kind; 5] = [Kind::Table, Kind::View, Kind::MaterializedView, Kind::Sequence, Kind::Index];

/// The relations of a catalog, and which of them are locked together.
pub struct Relations<'c> {
    catalog: &'c Catalog,
    search_path: &'c [SmolStr],
    kin: Kin<'c>,
}

impl<'c> Relations<'c> {
    /// Those of a catalog; what is written without a schema is looked for in the schemas of `search_path`.
    pub fn of(catalog: &'c Catalog, search_path: &'c [SmolStr]) -> Self {
        Self { catalog, search_path, kin: Kin::of(catalog) }
    }

    /// The strongest lock on each relation that is in the catalog. What is not there, the same run makes, and nobody
    /// waits for it.
    pub fn held<'e>(
        &self,
        locks: impl IntoIterator<Item = &'e ExpectedLock>,
    ) -> BTreeMap<ObjectId, LockMode> {
        let mut held = Held { relations: self, locks: BTreeMap::new() };
        locks.into_iter().for_each(|lock| held.add(lock));
        held.locks
    }

    /// The relation of this qualified name.
    pub(in crate::changes::plan) fn named(&self, name: &str) -> Option<ObjectId> {
        let ids = RELATIONS.into_iter().filter_map(|kind| ObjectId::parse(kind, name));
        ids.map(|id| self.catalog.get(&id)).find_map(|object| Some(object?.id.clone()))
    }

    /// The relation that a name means which a statement writes.
    pub fn find(&self, written: &WrittenName) -> Option<&'c ObjectId> {
        self.relation(written).map(|object| &object.id)
    }

    /// The schemas that a name may be in, in order.
    fn schemas<'w>(&'w self, written: &'w WrittenName) -> &'w [SmolStr] {
        written.schema.as_ref().map_or(self.search_path, std::slice::from_ref)
    }

    fn relation(&self, written: &WrittenName) -> Option<&'c Arc<Object>> {
        self.schemas(written).iter().find_map(|schema| {
            RELATIONS.into_iter().find_map(|kind| {
                self.catalog.get(&ObjectId::in_schema(kind, schema.clone(), written.name.clone()))
            })
        })
    }

    /// An index, that of a constraint among them, and its table.
    fn index(&self, written: &WrittenName) -> Option<(&'c Arc<Object>, String)> {
        self.schemas(written).iter().find_map(|schema| {
            let id = ObjectId::in_schema(Kind::Index, schema.clone(), written.name.clone());
            if let Some(index) = self.catalog.get(&id) {
                return index.get(Attribute::OnTable).map(|table| (index, table.to_owned()));
            }
            let named = self.kin.keys_by_name.get(written.name.as_str()).into_iter().flatten();
            let constraint = named.copied().find(|object| object.id.schema.as_ref() == Some(schema));
            constraint.map(|found| (found, found.id.relation_path()))
        })
    }
}

struct Held<'r, 'c> {
    relations: &'r Relations<'c>,
    locks: BTreeMap<ObjectId, LockMode>,
}

impl<'c> Held<'_, 'c> {
    fn add(&mut self, expected: &ExpectedLock) {
        let mode = expected.mode;
        match &expected.on {
            LockTarget::IndexAndTable | LockTarget::TableOfIndex => {
                let Some((index, table)) = self.relations.index(&expected.relation) else { return };
                if expected.on == LockTarget::IndexAndTable {
                    self.lock(index.id.clone(), mode);
                }
                self.lock_partitions(&table, mode);
            }
            on => {
                let Some(found) = self.relations.relation(&expected.relation) else { return };
                self.add_relation(found, on, mode);
            }
        }
    }

    fn add_relation(&mut self, found: &'c Arc<Object>, on: &LockTarget, mode: LockMode) {
        let path = found.id.to_string();
        match on {
            LockTarget::Itself | LockTarget::IndexAndTable | LockTarget::TableOfIndex => {
                self.lock(found.id.clone(), mode)
            }
            LockTarget::Tree => self.lock_tree(&path, mode),
            LockTarget::Partitions => self.lock_partitions(&path, mode),
            LockTarget::Dropped { cascade } => {
                for table in self.relations.kin.tree(&path) {
                    if table == path || *cascade || self.relations.kin.is_partition(&table) {
                        self.lock_path(&table, mode);
                        self.foreign_keys(&table, *cascade, mode);
                    }
                }
                // A partition that goes changes its parent, and what may stand in the default one.
                if let Some(parent) = found.get(Attribute::PartitionOf) {
                    self.lock_path(parent, mode);
                    self.default_partition(parent, mode);
                }
            }
            LockTarget::ConstraintDropped(name) => {
                for table in self.relations.kin.tree(&path) {
                    let keys = self.relations.kin.keys_of.get(table.as_str()).into_iter().flatten();
                    let referred: Vec<&str> = keys
                        .filter(|key| key.id.name == *name)
                        .filter_map(|key| key.get(Attribute::References))
                        .collect();
                    referred.into_iter().for_each(|table| self.lock_path(table, mode));
                }
            }
            LockTarget::DefaultPartition(strength) => {
                self.lock(found.id.clone(), mode);
                self.default_partition(&path, *strength);
            }
            LockTarget::TruncatedCascade => {
                let mut waiting = vec![path];
                let mut seen = BTreeSet::new();
                while let Some(path) = waiting.pop() {
                    if !seen.insert(path.clone()) {
                        continue;
                    }
                    self.lock_path(&path, mode);
                    waiting.extend(self.relations.kin.tree(&path));
                    let referring = self.relations.kin.keys_to.get(path.as_str()).into_iter().flatten();
                    waiting.extend(referring.map(|key| key.id.relation_path()));
                }
            }
        }
    }

    /// The triggers of a foreign key are on both tables.
    fn foreign_keys(&mut self, table: &str, cascade: bool, mode: LockMode) {
        let of = self.relations.kin.keys_of.get(table).into_iter().flatten();
        let mut others: Vec<String> =
            of.filter_map(|key| key.get(Attribute::References)).map(str::to_owned).collect();
        if cascade {
            let to = self.relations.kin.keys_to.get(table).into_iter().flatten();
            others.extend(to.map(|key| key.id.relation_path()));
        }
        others.iter().for_each(|other| self.lock_path(other, mode));
    }

    fn default_partition(&mut self, parent: &str, mode: LockMode) {
        let children = self.relations.kin.children.get(parent).into_iter().flatten();
        let found = children.filter(|child| child.is(Attribute::Bounds, "DEFAULT"));
        let found: Vec<ObjectId> = found.map(|child| child.id.clone()).collect();
        found.into_iter().for_each(|id| self.lock(id, mode));
    }

    fn lock_tree(&mut self, path: &str, mode: LockMode) {
        self.relations.kin.tree(path).iter().for_each(|table| self.lock_path(table, mode));
    }

    fn lock_partitions(&mut self, path: &str, mode: LockMode) {
        for table in self.relations.kin.tree(path) {
            if table == path || self.relations.kin.is_partition(&table) {
                self.lock_path(&table, mode);
            }
        }
    }

    fn lock_path(&mut self, path: &str, mode: LockMode) {
        let kinds = [Kind::Table, Kind::MaterializedView, Kind::View];
        let ids = kinds.into_iter().filter_map(|kind| ObjectId::parse(kind, path));
        let found =
            ids.filter_map(|id| self.relations.catalog.get(&id)).map(|object| object.id.clone()).next();
        if let Some(id) = found {
            self.lock(id, mode);
        }
    }

    fn lock(&mut self, id: ObjectId, mode: LockMode) {
        let strongest = self.locks.entry(id).or_insert(mode);
        *strongest = mode.max(*strongest);
    }
}

/// Who belongs to whom.
struct Kin<'c> {
    /// Partitions and children, by their parent.
    children: HashMap<String, Vec<&'c Arc<Object>>>,
    /// Foreign keys, by their table.
    keys_of: HashMap<String, Vec<&'c Arc<Object>>>,
    /// Foreign keys, by the table that they refer to.
    keys_to: HashMap<String, Vec<&'c Arc<Object>>>,
    /// Constraints that have an index of their name.
    keys_by_name: HashMap<&'c str, Vec<&'c Arc<Object>>>,
    partitions: BTreeSet<String>,
}

impl<'c> Kin<'c> {
    fn of(catalog: &'c Catalog) -> Self {
        let mut kin = Self {
            children: HashMap::new(),
            keys_of: HashMap::new(),
            keys_to: HashMap::new(),
            keys_by_name: HashMap::new(),
            partitions: BTreeSet::new(),
        };
        for object in &catalog.objects {
            match object.id.kind {
                Kind::Table => {
                    if object.get(Attribute::PartitionOf).is_some() {
                        kin.partitions.insert(object.id.to_string());
                    }
                    let parents = [Attribute::PartitionOf, Attribute::Inherits];
                    let parents = parents.into_iter().filter_map(|attribute| object.get(attribute));
                    for parent in parents.flat_map(|list| list.split(", ")) {
                        kin.children.entry(parent.to_owned()).or_default().push(object);
                    }
                }
                Kind::ForeignKey => {
                    kin.keys_of.entry(object.id.relation_path()).or_default().push(object);
                    if let Some(referred) = object.get(Attribute::References) {
                        kin.keys_to.entry(referred.to_owned()).or_default().push(object);
                    }
                }
                Kind::PrimaryKey | Kind::Unique | Kind::Exclusion => {
                    kin.keys_by_name.entry(&object.id.name).or_default().push(object);
                }
                _ => {}
            }
        }
        kin
    }

    /// A table and all below it, itself first.
    fn tree(&self, path: &str) -> Vec<String> {
        let mut found = vec![path.to_owned()];
        let mut next = 0;
        while let Some(above) = found.get(next) {
            let children = self.children.get(above).into_iter().flatten();
            let new: Vec<String> =
                children.map(|child| child.id.to_string()).filter(|child| !found.contains(child)).collect();
            found.extend(new);
            next += 1;
        }
        found
    }

    fn is_partition(&self, path: &str) -> bool {
        self.partitions.contains(path)
    }
}
