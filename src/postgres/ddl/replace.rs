//! Making an object anew, for what no ALTER does.

use crate::postgres::catalog::{Attribute, Kind, Object, ObjectId};
use crate::postgres::sql::identifier;

use super::kinds::indexes;
use super::names::qualified_id;

/// The longest name in bytes (`NAMEDATALEN` - 1).
const LONGEST_NAME: usize = 63;
/// Ends the name of an index that is built beside the one that it replaces.
const BESIDE: &str = "_new";

/// Whether an object of this kind can be dropped and made anew without losing rows. What a partition has from its parent
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

/// The statements that drop an object and make it as declared, under the name that it has. Between them it is not there:
/// they belong into one transaction.
pub fn replace(declared: &Object, actual: &Object) -> Vec<String> {
    let wanted = Object { id: actual.id.clone(), attributes: declared.attributes.clone() };
    let mut statements = vec![super::drop(&actual.id)];
    statements.extend(super::create(&wanted, &[]));
    statements
}

/// The statements that build an index as declared beside the one that is there, and put it in its place. Nobody waits
/// while it is built.
pub fn replace_index(declared: &Object, actual: &Object) -> Vec<String> {
    let mut cut = LONGEST_NAME - BESIDE.len();
    while !actual.id.name.is_char_boundary(cut.min(actual.id.name.len())) {
        cut -= 1;
    }
    let name = format!("{}{BESIDE}", &actual.id.name[..cut.min(actual.id.name.len())]);
    let beside = ObjectId { name: name.into(), ..actual.id.clone() };
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
