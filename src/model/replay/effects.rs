//! Determines what a migration does to the catalog from two readings: renames by oid, then what was created, changed
//! and dropped.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::super::lock::{CatalogState, Effect, RenameLevel};
use crate::postgres::catalog::reader::{CatalogReading, ObjectOid};
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};

/// Makes `after` share the equal objects with `before`.
pub(super) fn share(before: &Catalog, after: &mut Catalog) {
    for object in &mut after.objects {
        if let Some(same) = before.get(&object.id).filter(|same| *same == object) {
            *object = same.clone();
        }
    }
}

/// The effects that lead from one reading to the other. Both must have been read with oids.
pub(super) fn effects(before: &CatalogReading, after: &CatalogReading) -> Vec<Effect> {
    let mut state = CatalogState::of(&before.catalog);
    let mut effects = renames(before, after, &mut state);
    for object in &after.catalog.objects {
        match state.get(&object.id) {
            None => effects.push(Effect::Created(object.clone())),
            Some(found) if Arc::ptr_eq(found, object) => {}
            Some(found) => {
                let attributes = differing(found, object);
                if !attributes.is_empty() {
                    effects.push(Effect::Changed { after: object.clone(), attributes });
                }
            }
        }
    }
    let gone = state.iter().filter(|object| after.catalog.get(&object.id).is_none());
    effects.extend(gone.map(|object| Effect::Dropped(object.id.clone().into())));
    effects
}

fn renames(before: &CatalogReading, after: &CatalogReading, state: &mut CatalogState) -> Vec<Effect> {
    let names = Names::of(before, after);
    let mut effects = Vec::new();
    // The oids of the objects of the state; they follow the renames.
    let mut oids: HashMap<ObjectId, ObjectOid> = before
        .oids
        .iter()
        .filter(|(id, oid)| names.now(id, **oid).is_some())
        .map(|(id, oid)| (id.clone(), *oid))
        .collect();
    for level in RenameLevel::ALL {
        if oids.is_empty() {
            break;
        }
        let mut renamed: Vec<(ObjectId, ObjectId)> = oids
            .iter()
            .filter(|(id, _)| RenameLevel::of(id.kind) == level)
            .filter_map(|(id, oid)| Some((id.clone(), names.now(id, *oid)?.clone())))
            .collect();
        renamed.sort();
        let batch: HashMap<ObjectId, ObjectId> = renamed.iter().cloned().collect();
        state.rename(&batch);
        oids.retain(|id, _| RenameLevel::of(id.kind) != level);
        oids = oids
            .into_iter()
            .map(|(id, oid)| (CatalogState::new_name(&batch, &id).unwrap_or(id), oid))
            .filter(|(id, oid)| names.now(id, *oid).is_some())
            .collect();
        effects.extend(
            renamed.into_iter().map(|(from, to)| Effect::Renamed { from: from.into(), to: to.into() }),
        );
    }
    effects
}

/// What the objects at an address are called after the migration. All privileges on one object have its address, and so have
/// the parts of partitions that are switched off alike.
struct Names<'r> {
    before: &'r CatalogReading,
    after: HashMap<(ObjectOid, Kind), Vec<&'r ObjectId>>,
}

impl<'r> Names<'r> {
    fn of(before: &'r CatalogReading, after: &'r CatalogReading) -> Self {
        let mut names: HashMap<(ObjectOid, Kind), Vec<&ObjectId>> = HashMap::new();
        for (id, oid) in &after.oids {
            names.entry((*oid, id.kind)).or_default().push(id);
        }
        Self { before, after: names }
    }

    /// The new name of an object. `None` when it has its name still, or is gone, or several objects may be it.
    fn now(&self, id: &ObjectId, oid: ObjectOid) -> Option<&'r ObjectId> {
        let names = self.after.get(&(oid, id.kind))?;
        if names.contains(&id) {
            return None;
        }
        let is_new = |name: &ObjectId| self.before.oids.get(name) != Some(&oid);
        let mut new = names.iter().copied().filter(|name| is_new(name) && grantee(name) == grantee(id));
        new.next().filter(|_| new.next().is_none())
    }
}

/// Who has a privilege.
fn grantee(id: &ObjectId) -> Option<&str> {
    let suffix = id.suffix.as_deref().filter(|_| id.kind == Kind::Privilege)?;
    suffix.rsplit(" TO ").next()
}

fn differing(before: &Object, after: &Object) -> Vec<Attribute> {
    let mut attributes: Vec<Attribute> = before
        .attributes
        .iter()
        .chain(after.attributes.iter())
        .map(|(attribute, _)| attribute)
        .filter(|attribute| before.attributes.stated(*attribute) != after.attributes.stated(*attribute))
        .collect();
    attributes.sort_unstable();
    attributes.dedup();
    attributes
}

/// Whether two sets of effects are on different relations, schemas, functions and so on: they could have come about in any
/// order.
pub(super) fn are_apart<'e>(effects: &[Effect], mut others: impl Iterator<Item = &'e Effect>) -> bool {
    let touched: HashSet<String> = effects.iter().flat_map(whole).collect();
    touched.is_empty() || !others.any(|other| whole(other).any(|name| touched.contains(&name)))
}

/// What an effect is on: the relation that an object is part of, or the object itself.
fn whole(effect: &Effect) -> impl Iterator<Item = String> {
    let before = match effect {
        Effect::Renamed { from, .. } => Some(from.relation_path()),
        _ => None,
    };
    before.into_iter().chain([effect.id().relation_path()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::catalog::Attributes;

    /// A table and the privileges that these roles have on it, all at one address.
    fn granted(table: &str, grants: &[(&str, &str)]) -> CatalogReading {
        let at = ObjectOid { class: 1259, oid: 16384, subid: 0 };
        let mut reading = CatalogReading::default();
        let table = ObjectId::in_schema(Kind::Table, "public", table);
        let mut objects = vec![Object { id: table.clone(), attributes: Attributes::default() }];
        for (role, privileges) in grants {
            let suffix = Some(format!(" TO {role}").into());
            let id = ObjectId { kind: Kind::Privilege, suffix, ..table.clone() };
            let attributes = Attributes::default().with(Attribute::Privileges, Some((*privileges).into()));
            objects.push(Object { id, attributes });
        }
        reading.oids = objects.iter().map(|object| (object.id.clone(), at)).collect();
        reading.catalog = Catalog::new(objects.into_iter().map(Arc::new).collect(), Vec::new());
        reading
    }

    fn shown(before: &CatalogReading, after: &mut CatalogReading) -> Vec<String> {
        share(&before.catalog, &mut after.catalog);
        let shown = |effect: &Effect| match effect {
            Effect::Created(object) => format!("created {}", object.id),
            Effect::Changed { after, .. } => format!("changed {}", after.id),
            Effect::Renamed { from, to } => format!("{from} is now {to}"),
            Effect::Dropped(id) => format!("dropped {id}"),
        };
        effects(before, after).iter().map(shown).collect()
    }

    #[test]
    fn privileges_on_one_object_are_told_apart() {
        let before = granted("users", &[("a", "SELECT"), ("b", "INSERT"), ("c", "SELECT"), ("d", "SELECT")]);
        let mut same =
            granted("users", &[("a", "SELECT"), ("b", "INSERT"), ("c", "SELECT"), ("d", "SELECT")]);
        assert!(shown(&before, &mut same).is_empty());
        let mut changed =
            granted("users", &[("a", "SELECT"), ("b", "SELECT"), ("c", "SELECT"), ("e", "SELECT")]);
        assert_eq!(
            shown(&before, &mut changed),
            ["changed public.users TO b", "created public.users TO e", "dropped public.users TO d"]
        );
    }

    #[test]
    fn a_table_with_privileges_is_renamed_with_them() {
        let before = granted("users", &[("a", "SELECT"), ("b", "INSERT"), ("c", "SELECT")]);
        let mut after = granted("people", &[("a", "SELECT"), ("b", "SELECT"), ("c", "SELECT")]);
        assert_eq!(
            shown(&before, &mut after),
            [
                "public.users is now public.people",
                "public.users TO a is now public.people TO a",
                "public.users TO b is now public.people TO b",
                "public.users TO c is now public.people TO c",
                "changed public.people TO b",
            ]
        );
    }
}
