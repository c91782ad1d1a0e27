//! Functions that find names by the search_path of whoever runs them.

use std::collections::{HashMap, HashSet};

use super::{PrintedName, printed_name, qualified_names};
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object};
use crate::postgres::sql::{Part, Statement};

/// The functions that find names by the search_path of whoever runs them, each with an object that uses it. Every object is
/// looked at once, and of the functions those that are used.
pub fn functions_that_find_names(catalog: &Catalog) -> Vec<(&Object, &Object)> {
    let mut unsettled: HashMap<PrintedName, Vec<&Object>> = HashMap::new();
    for function in catalog.objects.iter().filter(|object| finds_names_when_it_runs(object)) {
        unsettled.entry(printed_name(&function.id)).or_default().push(function);
    }
    if unsettled.is_empty() {
        return Vec::new();
    }
    let mut used = Vec::new();
    for user in &catalog.objects {
        // A function of a user is printed with its schema.
        for text in run_texts(user).filter(|text| text.contains('(') && text.contains('.')) {
            for name in qualified_names(text) {
                used.extend(
                    unsettled.remove(&name).into_iter().flatten().map(|function| (function, &**user)),
                );
            }
        }
    }
    if !used.is_empty() {
        let names = names_without_relation(catalog);
        used.retain(|(function, _)| names_without_schema(function, &names));
    }
    used
}

/// The names that a function may find by the search_path.
fn names_without_relation(catalog: &Catalog) -> HashSet<&str> {
    let named = catalog.objects.iter().filter(|object| {
        object.id.relation.is_none()
            && !matches!(object.id.kind, Kind::Schema | Kind::Index | Kind::Statistics | Kind::Privilege)
    });
    named.map(|object| object.id.name.as_str()).collect()
}

/// Those of these objects that are functions or procedures which find something of the catalog by the search_path of whoever
/// runs them. One that runs with the rights of its owner finds the temporary tables of its caller first, unless its own
/// search_path ends with pg_temp (manual, "Writing SECURITY DEFINER Functions Safely").
pub fn that_find_names<'o>(objects: impl Iterator<Item = &'o Object>, catalog: &Catalog) -> Vec<&'o Object> {
    let is_open = |routine: &Object| match search_path_of(routine) {
        None => true,
        Some(path) => routine.is(Attribute::Security, "definer") && !ends_with_temporary(path),
    };
    let mut routines: Vec<&Object> =
        objects.filter(|object| is_parsed_when_it_runs(object) && is_open(object)).collect();
    if !routines.is_empty() {
        let names = names_without_relation(catalog);
        routines.retain(|routine| names_without_schema(routine, &names));
    }
    routines
}

/// The search_path that a function or procedure sets.
pub fn search_path_of(routine: &Object) -> Option<&str> {
    let mut settings = routine.get(Attribute::Settings).unwrap_or_default().lines();
    settings.find_map(|setting| setting.strip_prefix("search_path="))
}

fn ends_with_temporary(path: &str) -> bool {
    path.rsplit(',').next().is_some_and(|last| last.trim().trim_matches(['"', '\'']) == "pg_temp")
}

fn finds_names_when_it_runs(object: &Object) -> bool {
    object.id.kind == Kind::Function && is_parsed_when_it_runs(object) && search_path_of(object).is_none()
}

/// Whether the body is parsed when the function or procedure runs, with the search_path that is set then.
fn is_parsed_when_it_runs(object: &Object) -> bool {
    matches!(object.id.kind, Kind::Function | Kind::Procedure)
        && object.is(Attribute::BodyStyle, "string")
        && !matches!(object.get(Attribute::Language), Some("c" | "internal"))
}

/// Whether the body names something without its schema.
fn names_without_schema(function: &Object, names: &HashSet<&str>) -> bool {
    let text = function.get(Attribute::Body).unwrap_or_default();
    let parts: Vec<Part<'_>> = Statement { text, line: 1, column: 1, offset: 0 }.parts().collect();
    let is_dot = |part: Option<&Part<'_>>| matches!(part, Some(Part::Other(".")));
    (0..parts.len()).any(|at| {
        parts[at].name().is_some_and(|name| names.contains(name))
            && !(at > 0 && is_dot(parts.get(at - 1)))
            && !is_dot(parts.get(at + 1))
    })
}

/// What the server runs when it loads rows, or creates what is derived from them.
fn run_texts(object: &Object) -> impl Iterator<Item = &str> {
    let attributes: &[Attribute] = match object.id.kind {
        Kind::Index => &[Attribute::Columns, Attribute::Predicate],
        Kind::Check => &[Attribute::Expression],
        Kind::Exclusion | Kind::MaterializedView => &[Attribute::Definition],
        Kind::Column => &[Attribute::Generated],
        Kind::Domain => &[Attribute::Checks],
        _ => &[],
    };
    attributes.iter().filter_map(|attribute| object.get(*attribute))
}
