//! Tables that go together and refer to each other in a circle: none of them can be dropped first while it has its foreign keys.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::model::diagnosis::CatalogChange;
use crate::postgres::catalog::{Attribute, Kind, Object};
use crate::postgres::ddl::{self, DdlAction, DdlChange};

/// Lets one of such tables drop the foreign keys between all of them, before it is dropped itself.
pub(super) fn break_circles(changes: &mut [CatalogChange]) {
    let all = || changes.iter().flat_map(|found| &found.changes).filter(|change| is_dropped_table(change));
    let tables: BTreeSet<String> = all().map(own_path).collect();
    let references: BTreeMap<String, BTreeSet<String>> =
        all().map(|change| (own_path(change), referred(change, &tables))).collect();
    let circular = in_circles(references);
    let mut keys: Vec<Arc<Object>> = Vec::new();
    let dropped = changes.iter_mut().flat_map(|found| &mut found.changes);
    let mut dropped: Vec<&mut DdlChange> =
        dropped.filter(|change| is_dropped_table(change) && circular.contains(&own_path(change))).collect();
    for change in &mut dropped {
        keys.extend(change.objects.extract_if(.., |object| refers_to(object, &circular).is_some()));
    }
    if let Some(first) = dropped.first_mut() {
        first.statements.splice(0..0, keys.iter().map(|key| ddl::drop(&key.id)));
        first.objects.extend(keys);
    }
}

fn is_dropped_table(change: &DdlChange) -> bool {
    change.action == DdlAction::Drop
        && change.objects.first().is_some_and(|object| object.id.kind == Kind::Table)
}

fn own_path(change: &DdlChange) -> String {
    change.objects.first().map(|table| table.id.to_string()).unwrap_or_default()
}

/// The other ones of these tables that a table's foreign keys refer to.
fn referred(change: &DdlChange, tables: &BTreeSet<String>) -> BTreeSet<String> {
    change.objects.iter().filter_map(|object| refers_to(object, tables)).map(str::to_owned).collect()
}

fn refers_to<'o>(object: &'o Object, tables: &BTreeSet<String>) -> Option<&'o str> {
    let table = object.get(Attribute::References).filter(|_| object.id.kind == Kind::ForeignKey)?;
    (tables.contains(table) && table != object.id.relation_path()).then_some(table)
}

/// The tables that are left when those are taken away again and again to which none refers, and those that refer to none.
fn in_circles(mut references: BTreeMap<String, BTreeSet<String>>) -> BTreeSet<String> {
    loop {
        let before = references.len();
        let targets: BTreeSet<String> = references.values().flatten().cloned().collect();
        references.retain(|table, to| targets.contains(table) && !to.is_empty());
        let left: BTreeSet<String> = references.keys().cloned().collect();
        references.values_mut().for_each(|to| to.retain(|table| left.contains(table)));
        if references.len() == before {
            return left;
        }
    }
}
