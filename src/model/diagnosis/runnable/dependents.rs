//! What reads a column, such that the server does not change the column's type.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::postgres::catalog::{Attribute, Catalog, Kind, Object};
use crate::postgres::ddl::{self, DdlAction, DdlChange, PrintedName};
use crate::postgres::sql::{identifier, words_of};

/// What reads the column of a table or of one of its children, with what stands on that and goes with it.
pub(super) fn of_column(live: &Catalog, column: &Object) -> Vec<Arc<Object>> {
    let mut relations = BTreeSet::from([ddl::relation_name(&column.id)]);
    grow(&mut relations, live, |table, relations| {
        let parents = [Attribute::PartitionOf, Attribute::Inherits];
        table.id.kind == Kind::Table
            && parents.iter().filter_map(|attribute| table.get(*attribute)).any(|list| {
                let bare = Object { id: table.id.clone(), attributes: Default::default() };
                let with = Object {
                    attributes: bare.attributes.with(Attribute::Inherits, Some(list.into())),
                    ..bare
                };
                ddl::needs(&with).iter().any(|parent| relations.contains(parent))
            })
    });
    let name = &column.id.name;
    let first = live.objects.iter().filter(|object| {
        let own = object.id.relation.is_some() && relations.contains(&ddl::relation_name(&object.id));
        let names = || own || ddl::needs(object).iter().any(|name| relations.contains(name));
        match object.id.kind {
            Kind::Trigger | Kind::Policy | Kind::Rule | Kind::View | Kind::MaterializedView => {
                words(object, name) && names()
            }
            Kind::Column => own && object.get(Attribute::Generated).is_some() && words(object, name),
            kind if kind.is_routine() => {
                !object.is(Attribute::BodyStyle, "string") && words(object, name) && names()
            }
            _ => false,
        }
    });
    let mut found: Vec<Arc<Object>> = first.cloned().collect();
    let mut views: BTreeSet<PrintedName> =
        found.iter().filter(|object| is_view(object)).map(|view| ddl::printed_name(&view.id)).collect();
    grow(&mut views, live, |object, views| is_view(object) && mentions(object, views));
    for object in &live.objects {
        let is_on_one = views.contains(&ddl::printed_name(&object.id)) && is_view(object)
            || views.iter().any(|view| is_part(object, view))
            || object.id.kind != Kind::Privilege && mentions(object, &views);
        if is_on_one && !found.iter().any(|known| known.id == object.id) {
            found.push(Arc::clone(object));
        }
    }
    found
}

/// What needs an object such that the server does not drop it, and what goes with it: its own triggers, indexes and grants,
/// and all that stands on a view of those.
pub(super) fn of_object(live: &Catalog, object: &Object) -> Vec<Arc<Object>> {
    let own = ddl::printed_name(&object.id);
    let named = ddl::is_mentioned(object.id.kind);
    let mut names = BTreeSet::from([own.clone()]);
    if !named {
        return Vec::new();
    }
    grow(&mut names, live, |other, names| is_view(other) && mentions(other, names));
    let needs = |other: &Object| {
        if other.id.kind.is_routine() && other.is(Attribute::BodyStyle, "string") {
            // What a body names is looked up when it runs.
            let attributes = other.attributes.with(Attribute::Body, None);
            return mentions(&Object { id: other.id.clone(), attributes }, &names);
        }
        let of_own = match other.id.kind {
            Kind::Privilege => names.contains(&ddl::printed_name(&other.id)),
            _ => names.iter().any(|name| is_part(other, name)) || mentions(other, &names),
        };
        of_own || is_view(other) && names.contains(&ddl::printed_name(&other.id))
    };
    let others = live.objects.iter().filter(|other| other.id != object.id && needs(other));
    // The columns of a view are its own.
    others
        .filter(|other| !(is_view(object) && other.id.kind == Kind::Column && is_part(other, &own)))
        .cloned()
        .collect()
}

/// Adds the names of objects until none belongs to those that are there.
fn grow(
    names: &mut BTreeSet<PrintedName>,
    live: &Catalog,
    belongs: impl Fn(&Object, &BTreeSet<PrintedName>) -> bool,
) {
    loop {
        let more: Vec<PrintedName> = live
            .objects
            .iter()
            .filter(|object| ddl::is_mentioned(object.id.kind))
            .filter(|object| !names.contains(&ddl::printed_name(&object.id)) && belongs(object, names))
            .map(|object| ddl::printed_name(&object.id))
            .collect();
        if more.is_empty() {
            return;
        }
        names.extend(more);
    }
}

fn is_view(object: &Object) -> bool {
    matches!(object.id.kind, Kind::View | Kind::MaterializedView)
}

fn mentions(object: &Object, names: &BTreeSet<PrintedName>) -> bool {
    ddl::needs(object).iter().any(|name| names.contains(name))
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

/// Whether nothing is lost when it is dropped and made again.
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

/// The statements that make them again.
pub(super) fn create(readers: Vec<Arc<Object>>) -> Vec<String> {
    let script = ddl::script(&Catalog::new(readers, Vec::new()));
    script.into_iter().filter(|statement| !statement.starts_with("SET ")).collect()
}
