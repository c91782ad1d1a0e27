//! Which columns can get another type by a second column, and the catalogs on the way.

use std::collections::HashSet;
use std::sync::Arc;

use super::RetypedColumn;
use super::parts::{PreparedPart, prepared, reads};
use crate::model::diagnosis::Decided;
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::ddl;
use crate::postgres::sql::{identifier, replace_name};

/// All columns that get another type in this way, with what stands on them.
#[derive(Debug, Clone)]
pub struct RetypedColumns {
    /// The columns.
    pub columns: Vec<RetypedColumn>,
    pub(super) parts: Vec<PreparedPart>,
    pub(super) from: Catalog,
    pub(super) to: Catalog,
}

/// The columns that get another type by a second column; and those that get it in place, each with the reason. Of a small table
/// nobody waits for the rewrite, and a type that PostgreSQL changes without one needs no second column.
pub fn find(
    [from, to]: [&Catalog; 2],
    decided: &Decided,
    is_small: &dyn Fn(&str) -> bool,
) -> (Option<RetypedColumns>, Vec<(ObjectId, String)>) {
    let (mut columns, mut in_place) = (Vec::new(), Vec::new());
    for after in to.objects.iter().filter(|object| object.id.kind == Kind::Column) {
        let Some(before) = from.get(&after.id) else { continue };
        let types = [before, after].map(|side| side.get(Attribute::Type).unwrap_or_default());
        let is_renamed = decided
            .renamed
            .iter()
            .any(|(old, new)| replace_name(types[0], &old.to_string(), &new.to_string()) == *types[1]);
        if is_renamed || !ddl::rewrites(types[0], types[1]) || is_small(&after.id.relation_path()) {
            continue;
        }
        match obstacle([from, to], before, after, decided) {
            Some(why) => in_place.push((after.id.clone(), why)),
            None => columns.push(RetypedColumn::named(before, after, [from, to])),
        }
    }
    let parts = prepared(&columns, from, to);
    let found =
        (!columns.is_empty()).then(|| RetypedColumns { columns, parts, from: from.clone(), to: to.clone() });
    (found, in_place)
}

/// Why a column cannot get its type by a second one.
fn obstacle([from, to]: [&Catalog; 2], before: &Object, after: &Object, decided: &Decided) -> Option<String> {
    let path = before.id.relation_path();
    let table = ObjectId::parse(Kind::Table, &path)?;
    let (Some(old), Some(new)) = (from.get(&table), to.get(&table)) else {
        return Some("it is of no table".to_owned());
    };
    let has = |object: &Object, attribute| object.get(attribute).is_some();
    let of_others = [Attribute::PartitionBy, Attribute::PartitionOf, Attribute::Inherits, Attribute::OfType];
    if of_others.iter().any(|attribute| has(old, *attribute) || has(new, *attribute)) {
        return Some("its table is partitioned, or has its columns from another one".to_owned());
    }
    let heir = |object: &&Arc<Object>| {
        object
            .get(Attribute::Inherits)
            .is_some_and(|parents| parents.split(", ").any(|parent| parent == path))
    };
    if let Some(heir) = from.objects.iter().find(heir) {
        return Some(format!("{} inherits it", heir.id));
    }
    if has(before, Attribute::Generated) || has(after, Attribute::Generated) {
        return Some("it is generated".to_owned());
    }
    if before.get(Attribute::Identity).is_some() != after.get(Attribute::Identity).is_some() {
        return Some("its identity changes, too".to_owned());
    }
    let is_decided = |(gone, new): &(ObjectId, ObjectId)| {
        [gone, new].into_iter().any(|id| *id == before.id || *id == table || id.kind == Kind::Schema)
    };
    if decided.renamed.iter().any(is_decided) {
        return Some("it is renamed at the same time: do that in a step of its own".to_owned());
    }
    let key = |object: &&Arc<Object>| object.id.kind == Kind::PrimaryKey && object.id.relation_path() == path;
    if !from.objects.iter().any(|object| key(&object)) {
        return Some("its table has no primary key, by which its rows could be filled in batches".to_owned());
    }
    let name = identifier(&before.id.name);
    [from, to].iter().flat_map(|catalog| &catalog.objects).find_map(|object| {
        let is_own = object.id.relation.is_some() && object.id.relation_path() == path;
        let refers = object.id.kind == Kind::ForeignKey
            && object.is(Attribute::References, &path)
            && object.get(Attribute::ReferencedColumns)?.split(", ").any(|column| column == name);
        let reads = is_own && ddl::has_word(object, &before.id.name) && object.id != before.id;
        match object.id.kind {
            Kind::ForeignKey if refers => Some(format!("foreign key {} refers to it", object.id)),
            Kind::Exclusion if reads => Some(format!("constraint {} needs it", object.id)),
            Kind::Column if reads && object.get(Attribute::Generated).is_some() => {
                Some(format!("column {} is generated from it", object.id))
            }
            _ => None,
        }
    })
}

impl RetypedColumn {
    fn named(before: &Arc<Object>, after: &Arc<Object>, catalogs: [&Catalog; 2]) -> Self {
        let id = &before.id;
        let is_taken = |name: &str| {
            let mut objects = catalogs.iter().flat_map(|catalog| &catalog.objects);
            objects.any(|object| object.id.schema == id.schema && object.id.name == name)
        };
        let table = id.relation.as_deref().unwrap_or_default();
        Self {
            before: Arc::clone(before),
            after: Arc::clone(after),
            second: ddl::free_name(&id.name, "_new", is_taken),
            first: ddl::free_name(&id.name, "_old", is_taken),
            trigger: ddl::free_name(&format!("zz_{table}_{}", id.name), "_sync", is_taken),
        }
    }
}

impl RetypedColumns {
    /// Whether this is one of the first columns, between the swap and its end.
    pub fn is_first(&self, id: &ObjectId) -> bool {
        self.columns.iter().any(|column| column.before.id.named(column.first.clone()) == *id)
    }

    fn read(&self, object: &Object) -> bool {
        self.columns.iter().any(|column| reads(object, column))
    }

    /// What is to be there beside these columns: all that does not read them as declared, the rest as it is.
    pub fn postponed(&self) -> Catalog {
        self.mixed(&self.to, &self.from)
    }

    /// What is to be there after the statements of [`Self::swap`], one after the other: the rest as declared, and without what keeps
    /// the type of a column that it reads; then with that. `state` is what there is after those statements.
    pub fn finished(&self, state: &Catalog) -> [Catalog; 2] {
        let last = self.mixed(state, &self.to);
        let keeps_types = |object: &&Arc<Object>| {
            let kind = object.id.kind;
            (matches!(kind, Kind::View | Kind::MaterializedView) || kind.is_routine()) && self.read(object)
        };
        let mut gone: Vec<ObjectId> =
            state.objects.iter().filter(keeps_types).map(|object| object.id.clone()).collect();
        let mut next = 0;
        while let Some(id) = gone.get(next).cloned() {
            let name = ddl::printed_name(&id);
            let needs_it = |object: &&Arc<Object>| {
                let on = object.get(Attribute::OnTable).is_some_and(|table| *table == ddl::path(&name))
                    || object.id.relation.is_some() && ddl::relation_name(&object.id) == name
                    || object.id.kind == Kind::Privilege && ddl::printed_name(&object.id) == name;
                (on || ddl::needs(object).contains(&name)) && !gone.contains(&object.id)
            };
            let users: Vec<ObjectId> =
                state.objects.iter().filter(needs_it).map(|object| object.id.clone()).collect();
            gone.extend(users);
            next += 1;
        }
        let gone: HashSet<ObjectId> = gone.into_iter().collect();
        let rest = last.objects.iter().filter(|object| !gone.contains(&object.id));
        [Catalog::new(rest.cloned().collect(), last.unmodeled.clone()), last]
    }

    /// The objects of one catalog, but those that read the columns from the other one.
    fn mixed(&self, others: &Catalog, readers: &Catalog) -> Catalog {
        let of_others = others.objects.iter().filter(|object| !self.read(object));
        let known: HashSet<&ObjectId> = of_others.clone().map(|object| &object.id).collect();
        // An object may read a column in one catalog alone: the one that does not is not to be there twice.
        let read = |object: &&Arc<Object>| {
            self.read(object) || others.get(&object.id).is_some_and(|other| self.read(other))
        };
        let of_readers = readers.objects.iter().filter(|object| read(object) && !known.contains(&object.id));
        Catalog::new(of_others.chain(of_readers).cloned().collect(), others.unmodeled.clone())
    }
}
