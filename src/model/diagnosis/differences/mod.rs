//! The differences to explain: the objects on which the four states disagree, once they can be compared by name, and
//! nothing that is out of scope.

mod privileges;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use privileges::NamedRoles;

use super::{Facts, fold};
use crate::model::default_privileges;
use crate::model::diff::{self, Difference, States};
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};

/// The objects on which the four states disagree, once names, partitions and views are comparable. `recorded` is what
/// the applied migrations built that the project lacks, too, where that is known and not the same as `applied`.
pub(super) fn differences(
    facts: &Facts<'_>,
    applied: &Catalog,
    recorded: Option<&Catalog>,
) -> Vec<Difference> {
    let (model, last) = (&facts.lock.model, facts.last);
    // What makes states comparable changes nothing in states that are the same.
    if recorded.is_none() && diff::agree(States { live: facts.live, applied, last, model }) {
        return Vec::new();
    }
    let mut states =
        [facts.live, applied, last, model].map(|state| diff::align_owned_sequences(state, model));
    let mut recorded = recorded.map(|state| diff::align_owned_sequences(state, model));
    let role = default_privileges::role_in(facts.live, model);
    for state in states[1..].iter_mut().chain(&mut recorded) {
        if let Some(aligned) = role.as_ref().and_then(|role| default_privileges::align_role(state, role)) {
            *state = Cow::Owned(aligned);
        }
    }
    let known = states[1..].iter().chain(&recorded);
    let references = known.flat_map(|state| &state.objects);
    if let Some(live) = diff::align_majors(&states[0], facts.server, facts.lock.head.server, references) {
        states[0] = Cow::Owned(live);
    }
    let adopted = diff::adopt_partitions(&states[0], &states[3]);
    for state in states[1..].iter_mut().chain(&mut recorded) {
        let known = |id: &ObjectId| state.get(id).is_some();
        let added = adopted.iter().filter(|object| !known(&object.id)).cloned().collect();
        add(state, added);
    }
    let all = states.iter().chain(&recorded);
    let of_partitions: Vec<ObjectId> = all.flat_map(|state| parts_of_partitions(state)).collect();
    for state in states.iter_mut().chain(&mut recorded) {
        let added = diff::inherited_parts(state, &of_partitions);
        add(state, added);
    }
    // Migrations that grant nothing leave grants to the model.
    let grants = |state: &Catalog| state.objects.iter().any(|object| object.id.kind == Kind::Privilege);
    let model_grants = grants(&states[3]) && !grants(&states[2]);
    let [live, applied, last, model] = &states;
    let mut differences = diff::compare(States { live, applied, last, model });
    let named_roles = NamedRoles::of(&facts.lock.model);
    differences.retain_mut(|difference| {
        if let Some(recorded) = &recorded {
            difference.recorded = recorded.get(&difference.id).cloned();
        }
        if model_grants && difference.id.kind == Kind::Privilege {
            if diff::same(difference.recorded.as_ref(), difference.applied.as_ref()) {
                difference.recorded.clone_from(&difference.model);
            }
            difference.applied.clone_from(&difference.model);
            difference.last.clone_from(&difference.model);
            if difference.existence().agree() && difference.attributes().is_empty() {
                return false;
            }
        }
        if named_roles.explain(difference, facts.live) {
            return false;
        }
        fold::any(difference).is_some_and(|object| facts.takes_in(object))
    });
    differences
}

/// Adds objects to a state that it does not have.
fn add(state: &mut Cow<'_, Catalog>, mut added: Vec<Arc<Object>>) {
    if added.is_empty() {
        return;
    }
    added.sort_by(|a, b| a.id.cmp(&b.id));
    added.dedup_by(|a, b| a.id == b.id);
    let objects = state.objects.iter().cloned().chain(added).collect();
    *state = Cow::Owned(Catalog::new(objects, state.unmodeled.clone()));
}

/// The triggers and constraints on partitions that are on or off when their parents' are not.
fn parts_of_partitions(state: &Catalog) -> impl Iterator<Item = ObjectId> {
    let parts = state.objects.iter().filter(|object| object.id.relation.is_some());
    parts.filter(|object| object.get(Attribute::PartitionOf).is_some()).map(|object| object.id.clone())
}

/// The tables that each table is a partition of or inherits from.
pub(super) fn parents_of(live: &Catalog, model: &Catalog) -> HashMap<String, Vec<String>> {
    let mut parents: HashMap<String, Vec<String>> = HashMap::new();
    let tables = live.objects.iter().chain(&model.objects).filter(|object| object.id.kind == Kind::Table);
    for table in tables {
        let above: Vec<String> = [Attribute::PartitionOf, Attribute::Inherits]
            .iter()
            .filter_map(|attribute| table.attributes.stated(*attribute))
            .flat_map(|list| list.split(", ").map(str::to_owned))
            .collect();
        if !above.is_empty() {
            parents.insert(table.id.to_string(), above);
        }
    }
    parents
}
