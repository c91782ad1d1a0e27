//! `function.search_path`: an index, a check, a generated column or a materialized view uses a function that finds names
//! by the search_path of whoever runs it.

use std::collections::{HashMap, HashSet};

use super::Rule;
use crate::findings::{Change, Remedy, Severity, Sides};
use crate::postgres::catalog::{Attribute, Catalog, Kind, Object};
use crate::postgres::ddl::{self, PrintedName};
use crate::postgres::sql::{Part, Statement};

pub(super) const RULE: Rule = Rule {
    code: "function.search_path",
    help: "An index, a check, a generated column or a materialized view uses a function that names relations, functions \
           or types without their schema and has no SET search_path. A plain pg_restore, which runs with an empty \
           search_path, fails at it, and so may autovacuum's analyze. Declare the function with SET search_path.",
    severity: Severity::Info,
    find: |rule, facts, _, _| {
        let path = &facts.lock.head.settings.search_path;
        let found =
            late_functions(facts.live).into_iter().filter(|(function, _)| (facts.in_scope)(&function.id));
        let findings = found.map(|(function, user)| {
            let id = &function.id;
            let used = format!("used by {} {}", user.id.kind.spoken(), user.id);
            rule.finding(id.kind.word(), id.to_string(), Change::Different)
                .sides(Sides::new(format!("no SET search_path, {used}"), "SET search_path"))
                .remedy(Remedy::advice(format!(
                    "in a migration, and in schema/: ALTER FUNCTION {id} SET search_path = {path}; until then pg_restore \
                     alone may fail at {} {}, and trueup restore goes past it",
                    user.id.kind.spoken(),
                    user.id
                )))
        });
        findings.collect()
    },
};

/// The functions that look names up when they run, each with an object that uses it. Every object is looked at once, and of
/// the functions those that are used.
fn late_functions(live: &Catalog) -> Vec<(&Object, &Object)> {
    let mut unsettled: HashMap<PrintedName, Vec<&Object>> = HashMap::new();
    for function in live.objects.iter().filter(|object| finds_names_when_it_runs(object)) {
        unsettled.entry(ddl::printed_name(&function.id)).or_default().push(function);
    }
    if unsettled.is_empty() {
        return Vec::new();
    }
    let mut used = Vec::new();
    for user in &live.objects {
        // A function of a user is printed with its schema.
        for text in run_texts(user).filter(|text| text.contains('(') && text.contains('.')) {
            for name in ddl::qualified_names(text) {
                used.extend(
                    unsettled.remove(&name).into_iter().flatten().map(|function| (function, &**user)),
                );
            }
        }
    }
    if !used.is_empty() {
        let names = names(live);
        used.retain(|(function, _)| names_without_schema(function, &names));
    }
    used
}

/// The names that a function may find by the search_path.
fn names(live: &Catalog) -> HashSet<&str> {
    let named = live.objects.iter().filter(|object| {
        object.id.relation.is_none()
            && !matches!(object.id.kind, Kind::Schema | Kind::Index | Kind::Statistics | Kind::Privilege)
    });
    named.map(|object| object.id.name.as_str()).collect()
}

/// Whether the body is parsed when the function runs, with the search_path of whoever runs it.
fn finds_names_when_it_runs(object: &Object) -> bool {
    let settings = object.get(Attribute::Settings).unwrap_or_default();
    object.id.kind == Kind::Function
        && object.is(Attribute::BodyStyle, "string")
        && !matches!(object.get(Attribute::Language), Some("c" | "internal"))
        && !settings.lines().any(|setting| setting.starts_with("search_path="))
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
