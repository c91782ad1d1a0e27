//! Determines what a migration does to the catalog from two readings: renames by oid, then what was created, changed
//! and dropped.

use std::collections::HashMap;
use std::sync::Arc;

use super::super::lock::{CatalogState, Effect, RenameLevel};
use crate::postgres::catalog::reader::{CatalogReading, ObjectOid};
use crate::postgres::catalog::{Attribute, Catalog, Object, ObjectId};

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
    let names: HashMap<ObjectOid, &ObjectId> = after.oids.iter().map(|(id, oid)| (*oid, id)).collect();
    let mut effects = Vec::new();
    // The oids of the objects of the state; they follow the renames.
    let mut oids: HashMap<ObjectId, ObjectOid> = before
        .oids
        .iter()
        .filter(|(id, oid)| names.get(*oid).is_some_and(|name| *name != *id && name.kind == id.kind))
        .map(|(id, oid)| (id.clone(), *oid))
        .collect();
    for level in RenameLevel::ALL {
        if oids.is_empty() {
            break;
        }
        let mut renamed: Vec<(ObjectId, ObjectId)> = oids
            .iter()
            .filter(|(id, _)| RenameLevel::of(id.kind) == level)
            .map(|(id, oid)| (id.clone(), names[oid].clone()))
            .collect();
        renamed.sort();
        let batch: HashMap<ObjectId, ObjectId> = renamed.iter().cloned().collect();
        state.rename(&batch);
        oids.retain(|id, _| RenameLevel::of(id.kind) != level);
        oids = oids
            .into_iter()
            .map(|(id, oid)| (CatalogState::new_name(&batch, &id).unwrap_or(id), oid))
            .filter(|(id, oid)| names[oid] != id)
            .collect();
        effects.extend(
            renamed.into_iter().map(|(from, to)| Effect::Renamed { from: from.into(), to: to.into() }),
        );
    }
    effects
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
