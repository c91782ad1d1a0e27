//! What is made on a table that has rows, such that nobody waits for it longer than for a lock.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::super::cause::CauseResolver;
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::ddl::{self, DdlChange, NamedPartition};

/// The statements that make an index or a constraint of a table that is there without stopping who writes to it. `None` where
/// there are none that are any better than the usual one.
pub(in crate::model::diagnosis) fn made(object: &Object, states: &CauseResolver<'_>) -> Option<Vec<String>> {
    let allowed = states.allowed;
    if !allowed.commits_between() {
        return None;
    }
    if is_on_partitioned(object, states.model) {
        let is_by_partitions =
            matches!(object.id.kind, Kind::Index | Kind::PrimaryKey | Kind::Unique | Kind::ForeignKey);
        let partitions = partitions([states.live, states.model], object)
            .filter(|_| allowed.works_in_steps() && is_by_partitions)?;
        return Some(ddl::create_on_partitions(object, &partitions));
    }
    match object.id.kind {
        Kind::Index => Some(ddl::create_concurrently(object)),
        Kind::PrimaryKey | Kind::Unique if allowed.works_in_steps() => {
            Some(ddl::create_key_concurrently(object))
        }
        Kind::Check | Kind::ForeignKey => Some(ddl::add_and_validate(object)),
        _ => None,
    }
}

/// The path of the table that an index or a constraint is on.
fn table_of(object: &Object) -> Option<ObjectId> {
    let path = object.get(Attribute::OnTable).map_or_else(|| object.id.relation_path(), str::to_owned);
    ObjectId::parse(Kind::Table, &path)
}

/// Whether the table of an index or a constraint is partitioned.
pub(in crate::model::diagnosis) fn is_on_partitioned(object: &Object, catalog: &Catalog) -> bool {
    let table = table_of(object).and_then(|table| catalog.get(&table));
    table.is_some_and(|table| table.get(Attribute::PartitionBy).is_some())
}

/// The partitions of the table of an index or a constraint, with a name for it on each of them. `None` where there is none, or
/// one is made or dropped at the same time.
pub(in crate::model::diagnosis) fn partitions(
    [live, model]: [&Catalog; 2],
    object: &Object,
) -> Option<Vec<NamedPartition>> {
    let table = table_of(object)?;
    let name = object.id.name.strip_prefix(&format!("{}_", table.name)).unwrap_or(&object.id.name);
    let mut naming = Naming { catalogs: [live, model], suffix: format!("_{name}"), used: BTreeSet::new() };
    let partitions = naming.partitions(&table)?;
    (!partitions.is_empty()).then_some(partitions)
}

struct Naming<'c> {
    catalogs: [&'c Catalog; 2],
    suffix: String,
    used: BTreeSet<(Option<SmolStr>, SmolStr)>,
}

impl Naming<'_> {
    fn partitions(&mut self, table: &ObjectId) -> Option<Vec<NamedPartition>> {
        let path = table.to_string();
        let of = |catalog: &Catalog| -> Vec<ObjectId> {
            let tables = catalog
                .objects
                .iter()
                .filter(|object| object.id.kind == Kind::Table && object.is(Attribute::PartitionOf, &path));
            tables.map(|table| table.id.clone()).collect()
        };
        let [now, wanted] = self.catalogs.map(of);
        if now != wanted {
            return None;
        }
        let named = now.into_iter().map(|table| {
            let name = self.free(&table);
            let partitioned =
                self.catalogs[1].get(&table).is_some_and(|table| table.get(Attribute::PartitionBy).is_some());
            let partitions = self.partitions(&table)?;
            // Without a partition of its own it would have to be treated as a table and as none.
            (!partitioned || !partitions.is_empty()).then_some(NamedPartition { table, name, partitions })
        });
        named.collect()
    }

    fn free(&mut self, table: &ObjectId) -> SmolStr {
        let is_taken = |name: &str| {
            let is_used = self.used.contains(&(table.schema.clone(), name.into()));
            let mut objects = self.catalogs.iter().flat_map(|catalog| &catalog.objects);
            is_used || objects.any(|object| object.id.schema == table.schema && object.id.name == name)
        };
        let name = ddl::free_name(&table.name, &self.suffix, is_taken);
        self.used.insert((table.schema.clone(), name.clone()));
        name
    }
}

pub(in crate::model::diagnosis) fn blocks_writes(change: &DdlChange) -> bool {
    change.statements.iter().any(|statement| {
        ["CREATE INDEX ", "CREATE UNIQUE INDEX "].iter().any(|start| {
            statement
                .strip_prefix(start)
                .is_some_and(|rest| !rest.starts_with("CONCURRENTLY ") && !rest.contains(" ON ONLY "))
        })
    })
}
