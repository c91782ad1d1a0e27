//! What reads a column, such that the server does not change the column's type.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::lookup::LiveLookup;
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object};
use crate::postgres::ddl::{self, DdlAction, DdlChange, PrintedName};
use crate::postgres::sql::{identifier, words_of};

/// What reads the column of a table or of one of its children, with what stands on that and goes with it.
pub(super) fn of_column(live: &LiveLookup<'_>, column: &Object) -> Vec<Arc<Object>> {
    let relations = live.family(ddl::relation_name(&column.id));
    let users = relations.iter().flat_map(|name| live.parts(name).iter().chain(live.mentioning(name)));
    let mut found: BTreeSet<usize> =
        users.copied().filter(|number| reads(live.object(*number), &column.id.name, &relations)).collect();
    let own: Vec<PrintedName> = found
        .iter()
        .map(|number| live.object(*number))
        .filter(|object| is_view(object))
        .map(|view| ddl::printed_name(&view.id))
        .collect();
    let views = live.views_on(&own);
    for view in own.iter().chain(&views) {
        found.extend(with_parts(live, view));
    }
    found.extend(grants_on_routines(live, &found));
    found.into_iter().map(|number| Arc::clone(live.object(number))).collect()
}

/// The grants on the routines among some objects.
fn grants_on_routines(live: &LiveLookup<'_>, found: &BTreeSet<usize>) -> Vec<usize> {
    let routines = found.iter().map(|number| &live.object(*number).id).filter(|id| id.kind.is_routine());
    let grants = routines.flat_map(|routine| {
        let types = format!("({})", routine.suffix.as_deref().unwrap_or_default());
        live.parts(&ddl::printed_name(routine)).iter().copied().filter(move |number| {
            let id = &live.object(*number).id;
            let is_its = id.suffix.as_deref().is_some_and(|suffix| suffix.starts_with(&types));
            id.kind == Kind::Privilege && is_its
        })
    });
    grants.collect()
}

/// Whether an object reads the column of this name, which these relations have.
fn reads(object: &Object, column: &str, relations: &BTreeSet<PrintedName>) -> bool {
    let kind = object.id.kind;
    let can_read = match kind {
        Kind::Trigger | Kind::Policy | Kind::Rule | Kind::View | Kind::MaterializedView => true,
        Kind::Column => {
            object.get(Attribute::Generated).is_some() && relations.contains(&ddl::relation_name(&object.id))
        }
        _ => kind.is_routine() && !object.is(Attribute::BodyStyle, "string"),
    };
    can_read && words(object, column)
}

/// A relation with what goes with it and what mentions it.
fn with_parts(live: &LiveLookup<'_>, relation: &PrintedName) -> Vec<usize> {
    let parts = live.parts(relation).iter().chain(live.mentioning(relation));
    let own = live.named(relation).iter().filter(|number| is_view(live.object(**number)));
    own.chain(parts).copied().collect()
}

/// What needs an object such that the server does not drop it, and what goes with it: its own triggers, indexes and grants,
/// and all that stands on a view of those.
pub(super) fn of_object(live: &LiveLookup<'_>, object: &Object) -> Vec<Arc<Object>> {
    if !ddl::is_mentioned(object.id.kind) {
        return Vec::new();
    }
    let own = ddl::printed_name(&object.id);
    let mut found: BTreeSet<usize> = with_parts(live, &own).into_iter().collect();
    for view in live.views_on([&own]) {
        found.extend(with_parts(live, &view));
    }
    found.extend(grants_on_routines(live, &found));
    // The columns of a view are its own.
    let is_other = |other: &Object| {
        other.id != object.id && !(is_view(object) && other.id.kind == Kind::Column && is_part(other, &own))
    };
    let others = found.into_iter().map(|number| live.object(number)).filter(|other| is_other(other));
    others.cloned().collect()
}

pub(super) fn is_view(object: &Object) -> bool {
    matches!(object.id.kind, Kind::View | Kind::MaterializedView)
}

/// Whether an object goes with the relation that it stands on: its triggers, indexes and grants.
pub(super) fn is_part(object: &Object, relation: &PrintedName) -> bool {
    if object.id.kind == Kind::Privilege {
        return ddl::printed_name(&object.id) == *relation;
    }
    let on = object.get(Attribute::OnTable).is_some_and(|path| path == ddl::path(relation));
    on || object.id.relation.is_some() && ddl::relation_name(&object.id) == *relation
}

/// Whether what an object computes has this name in it.
pub(super) fn words(object: &Object, name: &str) -> bool {
    let name = identifier(name);
    let texts = [
        Attribute::Definition,
        Attribute::Using,
        Attribute::WithCheck,
        Attribute::Generated,
        Attribute::Columns,
        Attribute::Include,
        Attribute::Expression,
        Attribute::Predicate,
        Attribute::Body,
    ];
    texts.iter().filter_map(|attribute| object.get(*attribute)).flat_map(words_of).any(|word| word == name)
}

/// Whether nothing is lost when it is dropped and created again.
pub(super) fn can_be_made_again(object: &Object) -> bool {
    matches!(
        object.id.kind,
        Kind::View
            | Kind::MaterializedView
            | Kind::Trigger
            | Kind::Policy
            | Kind::Rule
            | Kind::Index
            | Kind::Statistics
            | Kind::Privilege
    ) && !(object.id.kind == Kind::Trigger && object.get(Attribute::PartitionOf).is_some())
}

/// The statements that drop them, what needs another before that.
pub(super) fn drop(readers: &[Arc<Object>]) -> Vec<String> {
    let views: BTreeSet<PrintedName> =
        readers.iter().filter(|reader| is_view(reader)).map(|view| ddl::printed_name(&view.id)).collect();
    // Grants go with their object.
    let whole = readers.iter().filter(|reader| {
        reader.id.kind != Kind::Privilege && !views.iter().any(|view| is_part(reader, view))
    });
    let changes: Vec<DdlChange> = whole
        .map(|reader| DdlChange {
            action: DdlAction::Drop,
            objects: vec![Arc::clone(reader)],
            before: None,
            statements: vec![ddl::drop(&reader.id)],
        })
        .collect();
    ddl::arrange(&changes.iter().collect::<Vec<_>>())
}

/// The statements that create them again.
pub(super) fn create(readers: Vec<Arc<Object>>) -> Vec<String> {
    let script = ddl::script(&Catalog::new(readers, Vec::new()));
    script.into_iter().filter(|statement| !statement.starts_with("SET ")).collect()
}
