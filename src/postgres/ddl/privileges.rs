//! GRANT and REVOKE.

use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};

use super::names::qualified_id;
use super::text::{find_top_level, split_list};

pub(super) fn create(object: &Object) -> Vec<String> {
    let (all, grantable) = (list(object, Attribute::Privileges), list(object, Attribute::Grantable));
    let plain: Vec<_> = all.into_iter().filter(|privilege| !grantable.contains(privilege)).collect();
    let mut statements = Vec::new();
    if object.is(Attribute::Privileges, "none") {
        statements.push(revoke_all(&object.id));
    }
    if !plain.is_empty() {
        statements.push(grant(&object.id, &plain, ""));
    }
    if !grantable.is_empty() {
        statements.push(grant(&object.id, &grantable, " WITH GRANT OPTION"));
    }
    statements
}

fn list(object: &Object, attribute: Attribute) -> Vec<&str> {
    // `none` says that a role lacks what it would have by default.
    let privileges = split_list(object.get(attribute).unwrap_or_default());
    privileges.into_iter().filter(|privilege| *privilege != "none").collect()
}

/// The two halves of a grant's name, which ends with ` TO role`: what stands before GRANT and after ON, and the role.
struct Subject<'i> {
    defaults: &'i str,
    on: String,
    role: &'i str,
}

/// Reads the suffix that the reader gives: ` TO r` after a relation or a schema, `(integer) TO r` after a routine,
/// ` TYPE TO r` after a type, ` FOR ROLE o IN SCHEMA s ON TABLES TO r` for default privileges.
fn subject(id: &ObjectId) -> Subject<'_> {
    let suffix = id.suffix.as_deref().unwrap_or_default();
    let (what, role) = match find_top_level(suffix, " TO ") {
        Some(at) => (&suffix[..at], &suffix[at + 4..]),
        None => (suffix, "PUBLIC"),
    };
    if let Some(at) = find_top_level(what, " ON ").filter(|_| what.starts_with(" FOR ROLE ")) {
        return Subject { defaults: &what[..at], on: what[at + 4..].to_owned(), role };
    }
    let name = qualified_id(id);
    let on = match what {
        " TYPE" => format!("TYPE {name}"),
        types if types.starts_with('(') => format!("ROUTINE {name}{types}"),
        _ if id.schema.is_none() => format!("SCHEMA {name}"),
        // Sequences and views are tables to GRANT.
        _ => format!("TABLE {name}"),
    };
    Subject { defaults: "", on, role }
}

impl Subject<'_> {
    fn prefix(&self) -> String {
        if self.defaults.is_empty() {
            String::new()
        } else {
            format!("ALTER DEFAULT PRIVILEGES{} ", self.defaults)
        }
    }
}

fn grant(id: &ObjectId, privileges: &[&str], how: &str) -> String {
    let subject = subject(id);
    format!("{}GRANT {} ON {} TO {}{how};", subject.prefix(), privileges.join(", "), subject.on, subject.role)
}

fn revoke(id: &ObjectId, what: &str) -> String {
    let subject = subject(id);
    format!("{}REVOKE {what} ON {} FROM {};", subject.prefix(), subject.on, subject.role)
}

/// What takes everything back that one role has on one object.
pub(super) fn revoke_all(id: &ObjectId) -> String {
    revoke(id, "ALL")
}

/// REVOKE for the routines, types and the schema `public` among some objects that PUBLIC may not use, though it may use
/// new ones: their catalog says so by having no privilege of PUBLIC's on them. One without any privilege was read without
/// them and says nothing.
pub fn withheld<'o>(objects: impl Iterator<Item = &'o Object>, catalog: &Catalog) -> Vec<String> {
    if catalog.objects.iter().all(|object| object.id.kind != Kind::Privilege) {
        return Vec::new();
    }
    let of_public = |object: &Object| {
        let what = match object.id.kind {
            Kind::Enum | Kind::Domain | Kind::CompositeType | Kind::RangeType => " TYPE".to_owned(),
            kind if kind.is_routine() => format!("({})", object.id.suffix.as_deref().unwrap_or_default()),
            Kind::Schema if object.id.name == "public" => String::new(),
            _ => return None,
        };
        let suffix = Some(format!("{what} TO PUBLIC").into());
        Some(ObjectId { kind: Kind::Privilege, suffix, ..object.id.clone() })
    };
    let usual = objects.filter_map(of_public);
    usual.filter(|id| catalog.get(id).is_none()).map(|id| revoke_all(&id)).collect()
}

/// GRANT where something is missing, REVOKE where something is too much; where both are, no single statement does it.
pub(super) fn alter(declared: &Object, actual: &Object, attribute: Attribute) -> Option<String> {
    let (wanted, found) = (list(declared, attribute), list(actual, attribute));
    let missing: Vec<_> = wanted.iter().copied().filter(|privilege| !found.contains(privilege)).collect();
    let extra: Vec<_> = found.into_iter().filter(|privilege| !wanted.contains(privilege)).collect();
    let id = &actual.id;
    match (attribute, missing.is_empty(), extra.is_empty()) {
        (Attribute::Privileges, false, true) => Some(grant(id, &missing, "")),
        (Attribute::Privileges, true, false) => Some(revoke(id, &extra.join(", "))),
        (Attribute::Grantable, false, true) => Some(grant(id, &missing, " WITH GRANT OPTION")),
        (Attribute::Grantable, true, false) => {
            Some(revoke(id, &format!("GRANT OPTION FOR {}", extra.join(", "))))
        }
        _ => None,
    }
}
