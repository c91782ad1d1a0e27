//! The order in which tables are seeded: a referenced table comes before the referencing one. Pure.

use std::collections::BTreeSet;

use super::columns::TableColumns;
use crate::postgres::catalog::{Attribute, Catalog, Kind};

/// The positions of the tables in the order of seeding, and whether constraints have to be deferred.
///
/// # Errors
/// The tables whose foreign keys form a cycle that cannot be deferred.
pub fn order(tables: &[&TableColumns], catalog: &Catalog) -> Result<(Vec<usize>, bool), Vec<String>> {
    let paths: Vec<String> = tables.iter().map(|table| table.path()).collect();
    let place = |path: &str| paths.iter().position(|known| known == path);
    // Pairs of a referencing and a referenced table, and whether the constraint can be deferred.
    let mut waits: BTreeSet<(usize, usize, bool)> = BTreeSet::new();
    for key in catalog.objects.iter().filter(|object| object.id.kind == Kind::ForeignKey) {
        let from = place(&key.id.relation_path());
        let to = key.get(Attribute::References).and_then(place);
        if let (Some(from), Some(to)) = (from, to)
            && from != to
        {
            waits.insert((from, to, key.attributes.stated(Attribute::Deferrable).is_some()));
        }
    }
    let mut order = Vec::with_capacity(tables.len());
    let mut left: Vec<usize> = (0..tables.len()).collect();
    let mut deferred = false;
    while !left.is_empty() {
        let free = |hard: bool| {
            let is_free = |table: usize| {
                !waits
                    .iter()
                    .any(|(from, to, later)| *from == table && left.contains(to) && !(hard && *later))
            };
            left.iter().position(|table| is_free(*table))
        };
        let next = free(false).or_else(|| {
            deferred = true;
            free(true)
        });
        match next {
            Some(next) => order.push(left.remove(next)),
            None => return Err(left.into_iter().map(|table| paths[table].clone()).collect()),
        }
    }
    Ok((order, deferred))
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
    use crate::postgres::catalog::{Attributes, Object, ObjectId};

    fn table(name: &str) -> TableColumns {
        TableColumns { table: ("public".into(), name.into()), all: Vec::new() }
    }

    fn ordered(keys: &[(&str, &str, bool)]) -> Result<(Vec<usize>, bool), Vec<String>> {
        let tables = [table("a"), table("b"), table("c")];
        let key = |(number, (from, to, deferrable)): (usize, &(&str, &str, bool))| {
            let id = ObjectId::under(Kind::ForeignKey, "public", *from, format!("k{number}"));
            let mut attributes = vec![(Attribute::References, format!("public.{to}").into())];
            if *deferrable {
                attributes.push((Attribute::Deferrable, "initially immediate".into()));
            }
            Arc::new(Object { id, attributes: Attributes::new(attributes) })
        };
        let catalog = Catalog::new(keys.iter().enumerate().map(key).collect(), Vec::new());
        order(&tables.iter().collect::<Vec<_>>(), &catalog)
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
        assert_eq!(
            circle(false),
            Err(vec!["public.a".to_owned(), "public.b".to_owned(), "public.c".to_owned()])
        );
    }
}
