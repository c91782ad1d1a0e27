//! Objects that are dropped and created again, for what no ALTER does.

use crate::postgres::catalog::{Attribute, Kind, Object, ObjectId};
use crate::postgres::sql::{LONGEST_NAME, identifier};
use smol_str::SmolStr;

use super::kinds::indexes;
use super::names::qualified_id;

/// How long a suffix may be, so that the name before it, and a number behind it, have room.
const LONGEST_SUFFIX: usize = LONGEST_NAME - 16;

/// A name that is not taken for an object beside the one of this name, with the suffix and if need be a number at its end.
pub fn free_name(name: &str, suffix: &str, is_taken: impl Fn(&str) -> bool) -> SmolStr {
    let suffix = &suffix[..suffix.floor_char_boundary(LONGEST_SUFFIX.min(suffix.len()))];
    let endings =
        std::iter::once(suffix.to_owned()).chain((2_u32..).map(|number| format!("{suffix}{number}")));
    let names = endings.map(|ending| {
        let room = LONGEST_NAME - ending.len();
        format!("{}{ending}", &name[..name.floor_char_boundary(room.min(name.len()))])
    });
    names.into_iter().find(|name| !is_taken(name)).unwrap_or_default().into()
}

/// Whether an object of this kind can be dropped and created again without losing rows. What a partition has from its parent
/// goes with that.
pub fn is_replaceable(declared: &Object, actual: &Object) -> bool {
    let follows = |object: &Object| object.get(Attribute::PartitionOf).is_some();
    matches!(
        actual.id.kind,
        Kind::Trigger
            | Kind::Policy
            | Kind::Rule
            | Kind::Statistics
            | Kind::View
            | Kind::MaterializedView
            | Kind::Function
            | Kind::Procedure
            | Kind::Aggregate
    ) && !follows(declared)
        && !follows(actual)
}

/// The statements that drop an object and create it as declared, under the name that it has. Between them it is not there:
/// they belong into one transaction.
pub fn replace(declared: &Object, actual: &Object) -> Vec<String> {
    let wanted = Object { id: actual.id.clone(), attributes: declared.attributes.clone() };
    let mut statements = vec![super::drop(&actual.id)];
    statements.extend(super::create(&wanted, &[]));
    statements
}

/// The statements that build an index as declared beside the one that is there, under a name that is free, and put it in its
/// place. Nobody waits while it is built.
pub fn replace_index(declared: &Object, actual: &Object, free_name: SmolStr) -> Vec<String> {
    let beside = ObjectId { name: free_name, ..actual.id.clone() };
    let wanted = Object { id: beside, attributes: declared.attributes.clone() };
    let mut statements = indexes::create_concurrently(&wanted);
    statements.push("BEGIN;".to_owned());
    statements.push(super::drop(&actual.id));
    statements.push(format!(
        "ALTER INDEX {} RENAME TO {};",
        qualified_id(&wanted.id),
        identifier(&actual.id.name)
    ));
    statements.push("COMMIT;".to_owned());
    statements
}

/// The same in statements that are committed one by one: at no moment is there no index, and nobody waits for the old one to
/// go. `names` are free ones, for the new index and then for the old one.
pub fn swap_index(declared: &Object, actual: &Object, [new, old]: [SmolStr; 2]) -> Vec<String> {
    let wanted =
        Object { id: ObjectId { name: new, ..actual.id.clone() }, attributes: declared.attributes.clone() };
    let gone = ObjectId { name: old, ..actual.id.clone() };
    let rename = |from: &ObjectId, to: &SmolStr| {
        format!("ALTER INDEX {} RENAME TO {};", qualified_id(from), identifier(to))
    };
    let mut statements = indexes::create_concurrently(&wanted);
    statements.push(rename(&actual.id, &gone.name));
    statements.push(rename(&wanted.id, &actual.id.name));
    statements.push(format!("DROP INDEX CONCURRENTLY {};", qualified_id(&gone)));
    statements
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_free_name_is_short_enough_and_not_taken() {
        assert_eq!(free_name("i", "_new", |_| false), "i_new");
        assert_eq!(free_name("i", "_new", |name| name == "i_new"), "i_new2");
        let long = "é".repeat(31);
        let name = free_name(&long, "_old", |_| false);
        assert_eq!((name.len(), name.ends_with("é_old")), (62, true));
        let name = free_name("part_of_a_table", &format!("_{}", "i".repeat(63)), |name| !name.ends_with('2'));
        assert_eq!((name.len(), name.starts_with("part_of_a_table_i")), (63, true));
    }
}
