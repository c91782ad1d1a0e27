//! The order in which tables are seeded: a table comes after those that its foreign keys and its lookups need. Pure.

use std::collections::BTreeSet;

use super::columns::TableColumns;
use crate::postgres::catalog::{Attribute, Catalog, Kind};

/// In which order tables are seeded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeedOrder {
    /// The groups, each after the groups that it needs.
    pub groups: Vec<SeedGroup>,
    /// Whether constraints have to be deferred to the end of the transaction.
    pub deferred: bool,
}

/// Tables that are seeded together: one table, or several that need each other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SeedGroup {
    /// The positions of the tables as they were given, in the order in which they are seeded.
    pub positions: Vec<usize>,
    /// Whether lookups decide which row comes first: a row that needs others is then inserted by itself, when they are there.
    pub row_by_row: bool,
}

/// Tables whose foreign keys form a cycle that cannot be deferred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKeyCycle {
    /// The tables, qualified and quoted.
    pub tables: Vec<String>,
}

/// A table that is seeded, and what the lookups of its rows read.
#[derive(Debug, Clone)]
pub struct TableToOrder<'t> {
    /// The table.
    pub columns: &'t TableColumns,
    /// Whether some of its rows have lookups.
    pub looks_up: bool,
    /// The tables that the lookups read, qualified and quoted.
    pub reads: BTreeSet<&'t str>,
}

/// A table that needs rows of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Reference {
    from: usize,
    to: usize,
    deferrable: bool,
}

/// Orders tables such that a table comes after those that it needs.
///
/// # Errors
/// Foreign keys form a cycle, none of them can be deferred, and no lookup is in it.
pub fn order(tables: &[TableToOrder<'_>], catalog: &Catalog) -> Result<SeedOrder, ForeignKeyCycle> {
    let paths: Vec<String> = tables.iter().map(|table| table.columns.path()).collect();
    let references = references(tables, &paths, catalog);
    let mut order = SeedOrder::default();
    let mut left = components(tables.len(), &references);
    while !left.is_empty() {
        let is_free = |component: &Vec<usize>| {
            let needs = |reference: &&Reference| {
                component.contains(&reference.from) && !component.contains(&reference.to)
            };
            let mut needed = references.iter().filter(needs).map(|reference| reference.to);
            needed.all(|table| !left.iter().any(|other| other.contains(&table)))
        };
        // Tables that need each other are in one component, so the components form no cycle.
        let next = left.iter().position(is_free).unwrap_or_default();
        let component = left.remove(next);
        let inside =
            |reference: &&Reference| component.contains(&reference.from) && component.contains(&reference.to);
        let inside: Vec<Reference> = references.iter().filter(inside).copied().collect();
        let row_by_row = component.iter().any(|table| tables[*table].looks_up);
        let positions = match row_by_row {
            true => {
                order.deferred |= component.len() > 1 && inside.iter().any(|reference| reference.deferrable);
                component
            }
            false => by_foreign_keys(component, &inside, &mut order.deferred).map_err(|left| {
                ForeignKeyCycle { tables: left.into_iter().map(|table| paths[table].clone()).collect() }
            })?,
        };
        order.groups.push(SeedGroup { positions, row_by_row });
    }
    Ok(order)
}

/// The foreign keys and the lookups from one of the tables to another.
fn references(tables: &[TableToOrder<'_>], paths: &[String], catalog: &Catalog) -> BTreeSet<Reference> {
    let place = |path: &str| paths.iter().position(|known| known == path);
    let mut references: BTreeSet<Reference> = BTreeSet::new();
    for key in catalog.objects.iter().filter(|object| object.id.kind == Kind::ForeignKey) {
        let from = place(&key.id.relation_path());
        let to = key.get(Attribute::References).and_then(place);
        if let (Some(from), Some(to)) = (from, to)
            && from != to
        {
            let deferrable = key.attributes.stated(Attribute::Deferrable).is_some();
            references.insert(Reference { from, to, deferrable });
        }
    }
    for (from, table) in tables.iter().enumerate() {
        let read = table.reads.iter().filter_map(|path| place(path)).filter(|to| *to != from);
        references.extend(read.map(|to| Reference { from, to, deferrable: false }));
    }
    references
}

/// The tables, together with those that they need and that need them, in the order in which they were given.
fn components(tables: usize, references: &BTreeSet<Reference>) -> Vec<Vec<usize>> {
    let needs = |from: usize| {
        let mut reached = BTreeSet::from([from]);
        let mut open = vec![from];
        while let Some(table) = open.pop() {
            let next = references.iter().filter(|reference| reference.from == table);
            open.extend(next.map(|reference| reference.to).filter(|to| reached.insert(*to)));
        }
        reached
    };
    let needs: Vec<BTreeSet<usize>> = (0..tables).map(needs).collect();
    let mut components: Vec<Vec<usize>> = Vec::new();
    for table in 0..tables {
        let together = |other: usize| needs[table].contains(&other) && needs[other].contains(&table);
        match components.iter_mut().find(|component| together(component[0])) {
            Some(component) => component.push(table),
            None => components.push(vec![table]),
        }
    }
    components
}

/// Orders the tables of a component by their foreign keys alone. The error is the tables of a cycle.
fn by_foreign_keys(
    mut left: Vec<usize>,
    references: &[Reference],
    deferred: &mut bool,
) -> Result<Vec<usize>, Vec<usize>> {
    let mut positions = Vec::with_capacity(left.len());
    while !left.is_empty() {
        let free = |ignore_deferrable: bool| {
            let is_free = |table: usize| {
                !references.iter().any(|reference| {
                    reference.from == table
                        && left.contains(&reference.to)
                        && !(ignore_deferrable && reference.deferrable)
                })
            };
            left.iter().position(|table| is_free(*table))
        };
        let next = free(false).or_else(|| {
            *deferred = true;
            free(true)
        });
        match next {
            Some(next) => positions.push(left.remove(next)),
            None => return Err(left),
        }
    }
    Ok(positions)
}

/// Whether the table has a foreign key to itself.
pub fn refers_to_itself(table: &TableColumns, catalog: &Catalog) -> bool {
    let path = table.path();
    catalog.objects.iter().any(|object| {
        object.id.kind == Kind::ForeignKey
            && object.id.relation_path() == path
            && object.get(Attribute::References) == Some(&path)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::data::seeds::TableName;
    use crate::postgres::catalog::{Attributes, Object, ObjectId};

    fn table(name: &str) -> TableColumns {
        TableColumns { table: TableName { schema: "public".into(), name: name.into() }, all: Vec::new() }
    }

    fn ordered(keys: &[(&str, &str, bool)]) -> Result<(Vec<usize>, bool), Vec<String>> {
        let order = grouped(keys, &[])?;
        assert!(order.groups.iter().all(|group| !group.row_by_row));
        Ok((order.groups.into_iter().flat_map(|group| group.positions).collect(), order.deferred))
    }

    /// `lookups` are pairs of a table and one that its lookups read.
    fn grouped(keys: &[(&str, &str, bool)], lookups: &[(&str, &str)]) -> Result<SeedOrder, Vec<String>> {
        let tables = [table("a"), table("b"), table("c")];
        let paths: Vec<(String, String)> =
            lookups.iter().map(|(from, to)| (format!("public.{from}"), format!("public.{to}"))).collect();
        let to_order = |columns| {
            let of_table = paths.iter().filter(|(from, _)| *from == TableColumns::path(columns));
            let reads: BTreeSet<&str> = of_table.map(|(_, to)| to.as_str()).collect();
            TableToOrder { columns, looks_up: !reads.is_empty(), reads }
        };
        let key = |(number, (from, to, deferrable)): (usize, &(&str, &str, bool))| {
            let id = ObjectId::under(Kind::ForeignKey, "public", *from, format!("k{number}"));
            let mut attributes = vec![(Attribute::References, format!("public.{to}").into())];
            if *deferrable {
                attributes.push((Attribute::Deferrable, "initially immediate".into()));
            }
            Arc::new(Object { id, attributes: Attributes::new(attributes) })
        };
        let catalog = Catalog::new(keys.iter().enumerate().map(key).collect(), Vec::new());
        order(&tables.iter().map(to_order).collect::<Vec<_>>(), &catalog).map_err(|cycle| cycle.tables)
    }

    #[test]
    fn what_is_referred_to_comes_first() {
        assert_eq!(ordered(&[]), Ok((vec![0, 1, 2], false)));
        assert_eq!(
            ordered(&[("a", "b", false), ("b", "c", false), ("a", "a", false)]),
            Ok((vec![2, 1, 0], false))
        );
        assert_eq!(ordered(&[("a", "other", false)]), Ok((vec![0, 1, 2], false)));
    }

    #[test]
    fn a_circle_has_to_be_deferrable_somewhere() {
        let circle = |deferrable| ordered(&[("a", "b", false), ("b", "a", deferrable), ("c", "a", false)]);
        assert_eq!(circle(true), Ok((vec![1, 0, 2], true)));
        assert_eq!(circle(false), Err(vec!["public.a".to_owned(), "public.b".to_owned()]));
    }

    #[test]
    fn what_is_looked_up_comes_first_and_what_looks_each_other_up_goes_row_by_row() {
        let groups = |keys: &[(&str, &str, bool)], lookups: &[(&str, &str)]| {
            let order = grouped(keys, lookups).expect("no cycle of foreign keys alone");
            order.groups.into_iter().map(|group| (group.positions, group.row_by_row)).collect::<Vec<_>>()
        };
        assert_eq!(groups(&[], &[("a", "c")]), [(vec![1], false), (vec![2], false), (vec![0], true)]);
        assert_eq!(groups(&[], &[("b", "b")]), [(vec![0], false), (vec![1], true), (vec![2], false)]);
        assert_eq!(
            groups(&[("b", "a", false)], &[("a", "b"), ("a", "other")]),
            [(vec![0, 1], true), (vec![2], false)]
        );
    }
}
