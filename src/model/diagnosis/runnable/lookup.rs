//! Which objects mention a name, and which stand on a relation: found in one pass, because many findings ask.

use std::cell::OnceCell;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use smol_str::SmolStr;

use super::dependents::is_view;
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::ddl::{self, PrintedName};

/// The live catalog by the names that its objects mention. An object is known by its number in the catalog.
pub(super) struct LiveLookup<'c> {
    live: &'c Catalog,
    tables: OnceCell<Tables>,
}

#[derive(Default)]
struct Tables {
    named: HashMap<PrintedName, Vec<usize>>,
    mentioned: HashMap<PrintedName, Vec<usize>>,
    parts: HashMap<PrintedName, Vec<usize>>,
    children: HashMap<PrintedName, Vec<PrintedName>>,
}

impl<'c> LiveLookup<'c> {
    pub(super) fn of(live: &'c Catalog) -> Self {
        Self { live, tables: OnceCell::new() }
    }

    pub(super) fn object(&self, number: usize) -> &'c Arc<Object> {
        &self.live.objects[number]
    }

    /// What text mentions by this name.
    pub(super) fn named(&self, name: &PrintedName) -> &[usize] {
        listed(&self.tables().named, name)
    }

    /// What mentions the name; what stands under a relation mentions that.
    pub(super) fn mentioning(&self, name: &PrintedName) -> &[usize] {
        listed(&self.tables().mentioned, name)
    }

    /// What mentions an object, or the relation that it stands under.
    pub(super) fn users(&self, object: &Object) -> impl Iterator<Item = &'c Arc<Object>> {
        let name = match ddl::is_mentioned(object.id.kind) {
            true => ddl::printed_name(&object.id),
            false => ddl::relation_name(&object.id),
        };
        self.mentioning(&name).iter().map(|number| self.object(*number))
    }

    /// What goes with the relation: its columns, triggers, indexes, and the grants on it.
    pub(super) fn parts(&self, name: &PrintedName) -> &[usize] {
        listed(&self.tables().parts, name)
    }

    /// A table, its children and partitions, and theirs.
    pub(super) fn family(&self, table: PrintedName) -> BTreeSet<PrintedName> {
        closure(table, |name| listed(&self.tables().children, name).to_vec())
    }

    /// The views that mention one of the names, or one of those views.
    pub(super) fn views_on<'n>(
        &self,
        names: impl IntoIterator<Item = &'n PrintedName>,
    ) -> BTreeSet<PrintedName> {
        let direct = |name: &PrintedName| -> Vec<PrintedName> {
            let users = self.mentioning(name).iter().map(|number| self.object(*number));
            users.filter(|user| is_view(user)).map(|view| ddl::printed_name(&view.id)).collect()
        };
        let first = names.into_iter().flat_map(direct);
        first.flat_map(|view| closure(view, direct)).collect()
    }

    fn tables(&self) -> &Tables {
        self.tables.get_or_init(|| {
            let mut tables = Tables::default();
            for (number, object) in self.live.objects.iter().enumerate() {
                if ddl::is_mentioned(object.id.kind) {
                    tables.named.entry(ddl::printed_name(&object.id)).or_default().push(number);
                }
                for name in ddl::needs(object) {
                    tables.mentioned.entry(name).or_default().push(number);
                }
                if let Some(relation) = relation_of(object) {
                    tables.parts.entry(relation).or_default().push(number);
                }
                for parent in parents(object) {
                    tables.children.entry(parent).or_default().push(ddl::printed_name(&object.id));
                }
            }
            tables
        })
    }
}

/// A name for an object beside the one of this identifier: nothing in the schema has it in the database, or is to have it.
pub(in crate::model::diagnosis) fn free_name(
    [live, model]: [&Catalog; 2],
    beside: &ObjectId,
    suffix: &str,
) -> SmolStr {
    let is_taken = |name: &str| {
        let mut objects = live.objects.iter().chain(&model.objects);
        objects.any(|object| object.id.schema == beside.schema && object.id.name == name)
    };
    ddl::free_name(&beside.name, suffix, is_taken)
}

fn listed<'t, T>(table: &'t HashMap<PrintedName, Vec<T>>, name: &PrintedName) -> &'t [T] {
    table.get(name).map_or(&[], Vec::as_slice)
}

/// The name, and all that is reached from it.
fn closure(first: PrintedName, next: impl Fn(&PrintedName) -> Vec<PrintedName>) -> BTreeSet<PrintedName> {
    let mut open = vec![first];
    let mut reached = BTreeSet::new();
    while let Some(name) = open.pop() {
        if !reached.contains(&name) {
            open.extend(next(&name));
            reached.insert(name);
        }
    }
    reached
}

/// The relation that an object goes with.
fn relation_of(object: &Object) -> Option<PrintedName> {
    match object.get(Attribute::OnTable) {
        _ if object.id.kind == Kind::Privilege => Some(ddl::printed_name(&object.id)),
        Some(table) => ddl::qualified_names(table).into_iter().next(),
        None => object.id.relation.is_some().then(|| ddl::relation_name(&object.id)),
    }
}

fn parents(object: &Object) -> Vec<PrintedName> {
    let lists = [Attribute::PartitionOf, Attribute::Inherits].into_iter();
    let lists = lists.filter(|_| object.id.kind == Kind::Table).filter_map(|parents| object.get(parents));
    lists.flat_map(ddl::qualified_names).collect()
}
