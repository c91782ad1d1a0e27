//! Writes objects of a catalog as DDL. These are pure functions over [`Object`]; no database is needed.
//!
//! Every statement ends with `;`. Names of users are qualified, because the attributes are as PostgreSQL prints them
//! under `search_path = pg_catalog`: the statements mean the same under any `search_path` on which nobody shadows
//! `pg_catalog`. There is one file for each family of kinds, with the statements that create an object of it and
//! those that change one attribute.
//!
//! The cost of a statement (locks, rewrites) is not judged here.

mod casts;
mod change;
mod kinds;
mod mentions;
mod names;
mod namespaces;
mod options;
mod order;
mod privileges;
mod replace;
mod search_path;
mod text;

pub use casts::{keeps_values, rewrites};
pub use change::{DdlAction, DdlChange, arrange, has_word, mentioned as needs, ordered};
pub use kinds::columns::{converted, definition as column_definition};
pub use kinds::constraints::{add_and_validate, create_key_concurrently};
pub use kinds::indexes::create_concurrently;
pub use kinds::numbering::{ChangedNumbering, move_identity, restore as restore_sequence};
pub use kinds::partitions::{NamedPartition, create_on_partitions, swap_on_partitions};
pub use kinds::types::{labels_without, renamed_label};
use kinds::{columns, constraints, indexes, policies, routines, sequences, tables, triggers, types, views};
pub use mentions::qualified_names;
pub use names::{drop, rename};
pub use order::{
    PrintedName, grouped, is_mentioned, path, printed_name, relation as relation_name, script, statements,
    statements_below,
};
pub use privileges::withheld;
pub use replace::{free_name, is_replaceable, replace, replace_index, swap_index};
pub use search_path::{functions_that_find_names, search_path_of, that_find_names};

use crate::postgres::catalog::{Attribute, Kind, Object};

/// The statements that make one object with all its attributes, in order. The first one creates it; those after it
/// set what CREATE cannot (comment, owner, a trigger's state, ...).
///
/// A table takes its columns as `parts`, in any order, and the sequences of its identity columns where their
/// parameters matter, and an identity column its own; for every other kind `parts` is ignored. A table's constraints and indexes are objects of
/// their own. A partition is written as `PARTITION OF`: what its columns have of their own, but not what they lack
/// of their parent's. A sequence says `OWNED BY`, so its owner must be there.
pub fn create(object: &Object, parts: &[&Object]) -> Vec<String> {
    let mut statements = match object.id.kind {
        Kind::Schema | Kind::Extension => namespaces::create(object),
        Kind::Collation | Kind::Enum | Kind::Domain | Kind::CompositeType | Kind::RangeType => {
            types::create(object)
        }
        Kind::Sequence => sequences::create(object),
        Kind::Table => tables::create(object, parts, &[]),
        Kind::Column => columns::create(object, parts),
        Kind::PrimaryKey | Kind::Unique | Kind::Check | Kind::Exclusion | Kind::ForeignKey => {
            constraints::create(object)
        }
        Kind::Index | Kind::Statistics => indexes::create(object),
        Kind::View | Kind::MaterializedView => views::create(object),
        Kind::Function | Kind::Procedure | Kind::Aggregate => routines::create(object),
        Kind::Trigger | Kind::EventTrigger | Kind::Rule => triggers::create(object),
        Kind::Policy => policies::create(object),
        Kind::Privilege => privileges::create(object),
    };
    statements.extend(names::belongings(object));
    statements
}

/// The one statement that makes `attribute` of the live object `actual` what `declared` says; `None` where no single
/// statement does it (a view's changed columns, an enum whose label must go, ...), or where it cannot be told from
/// the two objects alone. It may bring other attributes of the object to what is declared with it, never away from
/// it. The statement names the object as `actual` is named. The server may still refuse it for the sake of rows or of
/// other objects (a column's type that a view or a policy uses, a foreign key on a key that is replaced).
pub fn alter(declared: &Object, actual: &Object, attribute: Attribute) -> Option<String> {
    if declared.get(attribute) == actual.get(attribute) {
        return None;
    }
    match attribute {
        Attribute::Comment => return names::comment(&actual.id, declared.get(Attribute::Comment)),
        Attribute::ColumnComments => return names::alter_column_comments(declared, actual),
        Attribute::Owner => return names::owner(&actual.id, declared.get(Attribute::Owner)?),
        _ => {}
    }
    match actual.id.kind {
        Kind::Schema => None,
        Kind::Extension => namespaces::alter(declared, actual, attribute),
        Kind::Collation | Kind::Enum | Kind::Domain | Kind::CompositeType | Kind::RangeType => {
            types::alter(declared, actual, attribute)
        }
        Kind::Sequence => sequences::alter(declared, actual, attribute),
        Kind::Table => tables::alter(declared, actual, attribute),
        Kind::Column => columns::alter(declared, actual, attribute),
        Kind::PrimaryKey | Kind::Unique | Kind::Check | Kind::Exclusion | Kind::ForeignKey => {
            constraints::alter(declared, actual, attribute)
        }
        Kind::Index | Kind::Statistics => indexes::alter(declared, actual, attribute),
        Kind::View | Kind::MaterializedView => views::alter(declared, actual, attribute),
        Kind::Function | Kind::Procedure | Kind::Aggregate => routines::alter(declared, actual, attribute),
        Kind::Trigger | Kind::EventTrigger | Kind::Rule => triggers::alter(declared, actual, attribute),
        Kind::Policy => policies::alter(declared, actual, attribute),
        Kind::Privilege => privileges::alter(declared, actual, attribute),
    }
}
