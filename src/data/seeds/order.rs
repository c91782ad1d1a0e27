//! The order in which tables are seeded: a referenced table comes before the referencing one. Pure.

use std::collections::BTreeSet;

use super::columns::TableColumns;
use crate::postgres::catalog::{Attribute, Catalog, Kind};

/// In which order tables are seeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedOrder {
    /// The positions of the tables as they were given.
    pub positions: Vec<usize>,
    /// Whether constraints have to be deferred to the end of the transaction.
    pub deferred: bool,
}

/// Tables whose foreign keys form a cycle that cannot be deferred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForeignKeyCycle {
    /// The tables, qualified and quoted.
    pub tables: Vec<String>,
}

/// A foreign key between two tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Reference {
    from: usize,
    to: usize,
    deferrable: bool,
}

/// Orders tables such that a referenced table comes before the referencing one.
///
/// # Errors
/// Foreign keys form a cycle, and none of them can be deferred.
pub fn order(tables: &[&TableColumns], catalog: &Catalog) -> Result<SeedOrder, ForeignKeyCycle> {
    let paths: Vec<String> = tables.iter().map(|table| table.path()).collect();
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
    let mut positions = Vec::with_capacity(tables.len());
    let mut left: Vec<usize> = (0..tables.len()).collect();
    let mut deferred = false;
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
            deferred = true;
            free(true)
        });
        match next {
            Some(next) => positions.push(left.remove(next)),
            None => {
                let tables = left.into_iter().map(|table| paths[table].clone()).collect();
                return Err(ForeignKeyCycle { tables });
            }
        }
    }
    Ok(SeedOrder { positions, deferred })
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
        let ordered = order(&tables.iter().collect::<Vec<_>>(), &catalog);
        ordered.map(|order| (order.positions, order.deferred)).map_err(|cycle| cycle.tables)
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
