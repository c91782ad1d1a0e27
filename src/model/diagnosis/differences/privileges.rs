//! Differences in privileges that are none: what an owner has whatever is granted, and what default privileges of another
//! role than the owner give or take.

use std::collections::BTreeSet;
use std::sync::Arc;

use smol_str::SmolStr;

use crate::model::default_privileges::{self, DefaultGrant};
use crate::model::diff::Difference;
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::sql::identifier;

/// The default privileges of the roles that the project names with FOR ROLE.
pub(super) struct NamedRoles<'m> {
    defaults: Vec<DefaultGrant<'m>>,
    /// The one role. The scratch server's objects have got what are its default privileges.
    only: Option<&'m str>,
}

impl<'m> NamedRoles<'m> {
    pub(super) fn of(model: &'m Catalog) -> Self {
        let defaults: Vec<DefaultGrant<'m>> = default_privileges::of_named_roles(model).collect();
        let first = defaults.first().map(|default| default.role);
        let only = first.filter(|first| defaults.iter().all(|default| default.role == *first));
        Self { defaults, only }
    }

    /// Whether the database has the privileges that it is to have, though they are not those of the model.
    pub(super) fn explain(&self, difference: &Difference, live: &Catalog) -> bool {
        if difference.id.kind != Kind::Privilege {
            return false;
        }
        let Some((subject, grantee)) = subject(&difference.id, live) else { return false };
        let Some(owner) = subject.get(Attribute::Owner).map(identifier) else { return false };
        if difference.live.is_none() && owner == grantee {
            return true;
        }
        // Objects of the one role have them on both sides. Those of others have them in the model alone. Of several roles the
        // model's objects have none, and the database's have those of their owners.
        let (role, in_model) = match self.only {
            Some(only) if only == owner => return false,
            Some(only) => (only, true),
            None => (&*owner, false),
        };
        let relevant = self.defaults.iter().filter(|default| {
            default.role == role
                && default.grantee == grantee
                && default.objects == objects(subject.id.kind)
                && default.schema.as_ref().is_none_or(|schema| Some(schema) == subject.id.schema.as_ref())
        });
        let relevant: Vec<&DefaultGrant<'_>> = relevant.collect();
        let (with, without) = match in_model {
            true => (&difference.model, &difference.live),
            false => (&difference.live, &difference.model),
        };
        !relevant.is_empty()
            && [Attribute::Privileges, Attribute::Grantable].into_iter().all(|attribute| {
                let given = |default: &&&DefaultGrant<'m>| match attribute {
                    Attribute::Grantable => default.gives_with_grant.clone(),
                    _ => default.gives.clone(),
                };
                let gives: BTreeSet<&str> = relevant.iter().flat_map(|default| given(&default)).collect();
                let takes: BTreeSet<&str> = relevant.iter().filter_map(|default| default.takes).collect();
                let (with, without) = (held(with, attribute), held(without, attribute));
                with.difference(&without).all(|held| gives.contains(held))
                    && without.difference(&with).all(|held| takes.contains(held))
            })
    }
}

fn held(object: &Option<Arc<Object>>, attribute: Attribute) -> BTreeSet<&str> {
    let list = object.as_ref().and_then(|object| object.get(attribute)).unwrap_or_default();
    list.split(", ").filter(|held| !held.is_empty() && *held != "none").collect()
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
