//! The sequences that columns take their numbers from.

use std::sync::Arc;

use super::cause::CauseResolver;
use super::fold::Group;
use super::runnable;
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::postgres::ddl::{self, DdlAction, DdlChange};
use crate::postgres::sql::qualified;

/// The column whose identity a sequence is, which owns it without a statement.
pub(super) fn identity_of<'m>(sequence: &Object, model: &'m Catalog) -> Option<&'m ObjectId> {
    let owner = sequence.get(Attribute::OwnedBy).filter(|_| sequence.id.kind == Kind::Sequence)?;
    let column = model.get(&ObjectId::parse(Kind::Column, owner)?)?;
    column.get(Attribute::Identity).is_some().then_some(&column.id)
}

/// The statements that drop the sequences of a column that are not declared, once the column takes no value from them.
pub(super) fn owned_sequences(group: &Group, declared: &Object) -> Vec<String> {
    let column = group.head.live.as_ref().map(|column| column.id.to_string()).unwrap_or_default();
    let default = declared.get(Attribute::Default).unwrap_or_default();
    let parts = group.consequences.iter().filter(|part| part.model.is_none());
    let owned = parts.filter_map(|part| part.live.as_ref()).filter(|object| {
        object.id.kind == Kind::Sequence
            && object.is(Attribute::OwnedBy, &column)
            && !default.contains(&object.id.to_string())
    });
    owned.map(|sequence| ddl::drop(&sequence.id)).collect()
}

/// How a column takes its numbers from an identity in the place of a serial's sequence, or the other way round.
pub(super) struct NumberingChange {
    /// The statements.
    pub(super) statements: Vec<String>,
    /// What drops the old sequence when nothing uses it any more, where something else than the column takes numbers from it.
    pub(super) finish: Option<DdlChange>,
}

/// Lets a column take its numbers from an identity in the place of a serial's sequence, or the other way round.
pub(super) fn numbering(
    declared: &Object,
    actual: &Object,
    states: &CauseResolver<'_>,
) -> Option<NumberingChange> {
    if declared.get(Attribute::Identity).is_some() == actual.get(Attribute::Identity).is_some() {
        return None;
    }
    let column = declared.id.to_string();
    let owned = |catalog: &Catalog| {
        let mut objects = catalog.objects.iter();
        let is_owned = |object: &&Arc<Object>| {
            object.id.kind == Kind::Sequence && object.get(Attribute::OwnedBy) == Some(column.as_str())
        };
        objects.find(is_owned).cloned()
    };
    let named = || {
        let default = actual.get(Attribute::Default)?;
        let (schema, name) = ddl::qualified_names(default).into_iter().next()?;
        let id = ObjectId::parse(Kind::Sequence, &qualified(&schema, &name))?;
        states.live.get(&id).cloned()
    };
    let (new, own) = (owned(states.model), owned(states.live));
    let is_own = own.is_some();
    let old = own.or_else(named);
    let one_name = new.as_ref().zip(old.as_ref()).is_some_and(|(new, old)| new.id == old.id);
    let suffix = if declared.get(Attribute::Identity).is_some() { "_old" } else { "_new" };
    let beside = old.as_ref().map(|old| runnable::free_name([states.live, states.model], &old.id, suffix));
    let grants: Vec<&Object> = new.iter().flat_map(|new| grants_on(&new.id, states.model)).collect();
    let is_declared = |old: &Object| states.model.get(&old.id).is_some();
    let is_used = old.as_ref().is_some_and(|old| is_used_by_others(old, actual, states.live));
    let numbering = ddl::ChangedNumbering {
        declared,
        actual,
        new: new.as_deref(),
        old: old.as_deref(),
        keeps_old: old.as_ref().is_some_and(|old| is_used || !one_name && (!is_own || is_declared(old))),
        free_name: beside.as_deref().unwrap_or_default(),
        grants: &grants,
    };
    let statements = numbering.change()?;
    let is_left = |old: &&Arc<Object>| is_used && (one_name || is_own && !is_declared(old));
    let finish = old.as_ref().filter(is_left).filter(|_| declared.get(Attribute::Identity).is_some());
    let finish = finish.map(|old| {
        let name = if one_name { beside.clone().unwrap_or_default() } else { old.id.name.clone() };
        let id = ObjectId { name, ..old.id.clone() };
        DdlChange {
            action: DdlAction::Finish,
            statements: vec![ddl::drop(&id)],
            objects: vec![Arc::new(Object { id, attributes: old.attributes.clone() })],
            before: Some(Arc::clone(old)),
        }
    });
    Some(NumberingChange { statements, finish })
}

/// Whether something else than a column takes numbers from a sequence: it cannot be dropped then.
fn is_used_by_others(sequence: &Object, column: &Object, live: &Catalog) -> bool {
    let name = ddl::printed_name(&sequence.id);
    live.objects.iter().any(|object| {
        let takes_values = matches!(object.id.kind, Kind::Column | Kind::View | Kind::MaterializedView);
        takes_values && object.id != column.id && ddl::needs(object).contains(&name)
    })
}

fn grants_on<'c>(sequence: &'c ObjectId, catalog: &'c Catalog) -> impl Iterator<Item = &'c Object> {
    let name = ddl::printed_name(sequence);
    let privileges = catalog.objects.iter().filter(|object| object.id.kind == Kind::Privilege);
    privileges.filter(move |grant| ddl::printed_name(&grant.id) == name).map(|grant| &**grant)
}

/// The sequence that the declared column takes its values from and that went with its default or identity.
pub(super) fn lost_sequence(group: &Group) -> Option<&Object> {
    let column = group.head.id.to_string();
    let mut lost = group.consequences.iter().filter(|part| part.live.is_none());
    lost.find_map(|part| {
        part.model.as_deref().filter(|object| {
            object.id.kind == Kind::Sequence && object.get(Attribute::OwnedBy) == Some(column.as_str())
        })
    })
}
