//! Differences in privileges that are none: what an owner has whatever is granted, and what default privileges of another
//! role than the owner give or take.

use std::collections::BTreeSet;
use std::sync::Arc;

use smol_str::SmolStr;

use crate::model::default_privileges::{self, DefaultGrant};
use crate::model::diff::Difference;
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::sql::identifier;

/// Whether the database has the privileges that it is to have, though they are not those of the model.
pub(super) fn is_no_difference(difference: &Difference, live: &Catalog, model: &Catalog) -> bool {
    if difference.id.kind != Kind::Privilege {
        return false;
    }
    let Some((subject, grantee)) = subject(&difference.id, live) else { return false };
    let Some(owner) = subject.get(Attribute::Owner).map(identifier) else { return false };
    if difference.live.is_none() && owner == grantee {
        return true;
    }
    let defaults: Vec<DefaultGrant<'_>> = default_privileges::of_named_roles(model).collect();
    let roles: BTreeSet<&str> = defaults.iter().map(|default| default.role).collect();
    let tolerated: BTreeSet<&str> = defaults
        .iter()
        .filter(|default| {
            default.grantee == grantee
                && default.objects == objects(subject.id.kind)
                && default.schema.as_ref().is_none_or(|schema| Some(schema) == subject.id.schema.as_ref())
                // Where one role is named, the scratch server's objects have got what are its default privileges.
                && !(roles.len() == 1 && default.role == owner)
        })
        .flat_map(|default| default.privileges.iter().copied())
        .collect();
    let held = |object: &Option<Arc<Object>>, attribute| -> BTreeSet<String> {
        let list = object.as_ref().and_then(|object| object.get(attribute)).unwrap_or_default();
        list.split(", ").filter(|held| !held.is_empty() && *held != "none").map(str::to_owned).collect()
    };
    !tolerated.is_empty()
        && [Attribute::Privileges, Attribute::Grantable].iter().all(|attribute| {
            let (now, wanted) = (held(&difference.live, *attribute), held(&difference.model, *attribute));
            now.symmetric_difference(&wanted).all(|held| tolerated.contains(held.as_str()))
        })
}

/// The object that a privilege is on, as the database has it, and the role that is granted it, as SQL names it.
fn subject<'l, 'i>(id: &'i ObjectId, live: &'l Catalog) -> Option<(&'l Arc<Object>, &'i str)> {
    let (what, grantee) = id.suffix.as_deref()?.rsplit_once(" TO ")?;
    let kinds: &[Kind] = match what {
        " TYPE" => &[Kind::Enum, Kind::Domain, Kind::RangeType, Kind::CompositeType],
        "" if id.schema.is_none() => &[Kind::Schema],
        "" => &[Kind::Table, Kind::View, Kind::MaterializedView, Kind::Sequence],
        _ => &[Kind::Function, Kind::Procedure, Kind::Aggregate],
    };
    let arguments = what.strip_prefix('(').and_then(|types| types.strip_suffix(')'));
    let object = kinds.iter().find_map(|kind| {
        live.get(&ObjectId { kind: *kind, suffix: arguments.map(SmolStr::from), ..id.clone() })
    })?;
    Some((object, grantee))
}

/// What ALTER DEFAULT PRIVILEGES calls objects of a kind.
fn objects(kind: Kind) -> &'static str {
    match kind {
        Kind::Table | Kind::View | Kind::MaterializedView => "TABLES",
        Kind::Sequence => "SEQUENCES",
        Kind::Schema => "SCHEMAS",
        kind if kind.is_routine() => "FUNCTIONS",
        _ => "TYPES",
    }
}
