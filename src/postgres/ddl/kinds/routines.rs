//! Functions, procedures and aggregates.

use crate::postgres::catalog::{Attribute, Kind, Object};
use crate::postgres::sql::{identifier, literal};

use super::super::names::{qualified_id, subject};
use super::super::text::{dollar_quoted, find_top_level, split_list};

pub(in crate::postgres::ddl) fn create(object: &Object) -> Vec<String> {
    vec![define(object, "CREATE")]
}

fn define(object: &Object, verb: &str) -> String {
    if object.id.kind == Kind::Aggregate {
        return aggregate(object, verb);
    }
    let word = if object.id.kind == Kind::Procedure { "PROCEDURE" } else { "FUNCTION" };
    let arguments = object.get(Attribute::Arguments).unwrap_or_default();
    let mut sql = format!("{verb} {word} {}({arguments})", qualified_id(&object.id));
    if let Some(returns) = object.get(Attribute::Returns) {
        sql.push_str(&format!("\n RETURNS {returns}"));
    }
    sql.push_str(&format!("\n LANGUAGE {}", identifier(object.get(Attribute::Language).unwrap_or("sql"))));
    if let Some(transforms) = object.get(Attribute::Transforms) {
        sql.push_str(&format!(" TRANSFORM {transforms}"));
    }
    if object.is(Attribute::Window, "true") {
        sql.push_str(" WINDOW");
    }
    let attributes = [
        Attribute::Volatility,
        Attribute::Security,
        Attribute::Parallel,
        Attribute::Strict,
        Attribute::Leakproof,
        Attribute::Cost,
        Attribute::Rows,
        Attribute::Support,
    ];
    for attribute in attributes {
        if object.attributes.stated(attribute).is_some() {
            sql.push_str(&format!(" {}", clause(object, attribute).unwrap_or_default()));
        }
    }
    for (name, value) in settings(object) {
        sql.push_str(&format!("\n {}", set(name, value)));
    }
    let body = object.get(Attribute::Body).unwrap_or_default();
    if is_sql_standard(object) {
        sql.push_str(&format!("\n{body}"));
    } else if let Some((library, symbol)) =
        body.split_once(", ").filter(|_| object.is(Attribute::Language, "c"))
    {
        sql.push_str(&format!("\nAS {}, {}", literal(library), literal(symbol)));
    } else {
        sql.push_str(&format!("\nAS {}", dollar_quoted(body)));
    }
    sql + ";"
}

/// Whether the body is one of the SQL standard, parsed when the function is made, and not a string.
pub(in crate::postgres::ddl) fn is_sql_standard(object: &Object) -> bool {
    object.is(Attribute::BodyStyle, "sql standard")
}

fn aggregate(object: &Object, verb: &str) -> String {
    let arguments = object.get(Attribute::Arguments).filter(|arguments| !arguments.is_empty()).unwrap_or("*");
    let mut options = object.get(Attribute::AggregateOptions).unwrap_or_default().to_owned();
    if let Some(parallel) = object.attributes.stated(Attribute::Parallel) {
        options.push_str(&format!(", PARALLEL = {}", parallel.to_uppercase()));
    }
    format!("{verb} AGGREGATE {}({arguments}) ({options});", qualified_id(&object.id))
}

/// One attribute as CREATE and ALTER FUNCTION take it, absent values included where there is a word for them.
fn clause(object: &Object, attribute: Attribute) -> Option<String> {
    let value = object.get(attribute);
    let is_true = value == Some("true");
    Some(match attribute {
        Attribute::Volatility => value?.to_uppercase(),
        Attribute::Security => format!("SECURITY {}", value?.to_uppercase()),
        Attribute::Parallel => format!("PARALLEL {}", value?.to_uppercase()),
        Attribute::Strict if is_true => "STRICT".into(),
        Attribute::Strict => "CALLED ON NULL INPUT".into(),
        Attribute::Leakproof if is_true => "LEAKPROOF".into(),
        Attribute::Leakproof => "NOT LEAKPROOF".into(),
        Attribute::Cost => {
            let internal = object.is(Attribute::Language, "c") || object.is(Attribute::Language, "internal");
            format!("COST {}", value.unwrap_or(if internal { "1" } else { "100" }))
        }
        Attribute::Rows => format!("ROWS {}", value.unwrap_or("1000")),
        Attribute::Support => format!("SUPPORT {}", value?),
        _ => return None,
    })
}

fn settings(object: &Object) -> Vec<(&str, &str)> {
    let settings = object.get(Attribute::Settings).unwrap_or_default().lines();
    settings.filter_map(|setting| setting.split_once('=')).collect()
}

/// Settings whose value is a list of names that are quoted already (`GUC_LIST_QUOTE`; pg_dump keeps the same list).
const LISTS: [&str; 6] = [
    "local_preload_libraries",
    "search_path",
    "session_preload_libraries",
    "shared_preload_libraries",
    "temp_tablespaces",
    "unix_socket_directories",
];

fn set(name: &str, value: &str) -> String {
    let name: Vec<_> = name.split('.').map(identifier).collect();
    let name = name.join(".");
    let value =
        if LISTS.contains(&name.as_str()) && !value.is_empty() { value.to_owned() } else { literal(value) };
    format!("SET {name} TO {value}")
}

pub(in crate::postgres::ddl) fn alter(
    declared: &Object,
    actual: &Object,
    attribute: Attribute,
) -> Option<String> {
    let subject = subject(&actual.id);
    match attribute {
        Attribute::Settings => {
            let (wanted, found) = (settings(declared), settings(actual));
            let gone = found.iter().filter(|(name, _)| wanted.iter().all(|(kept, _)| kept != name));
            let reset = gone.map(|(name, _)| format!("RESET {name}"));
            let new = wanted.iter().filter(|setting| !found.contains(setting));
            let actions: Vec<_> = reset.chain(new.map(|(name, value)| set(name, value))).collect();
            Some(format!("ALTER {subject} {};", actions.join(" ")))
        }
        // ALTER FUNCTION has no way to take a support function away.
        Attribute::Support if declared.get(attribute).is_none() => replace(declared, actual),
        Attribute::Body
        | Attribute::BodyStyle
        | Attribute::Language
        | Attribute::Transforms
        | Attribute::Arguments
        | Attribute::AggregateOptions => replace(declared, actual),
        _ if actual.id.kind == Kind::Aggregate => replace(declared, actual),
        _ => Some(format!("ALTER {subject} {};", clause(declared, attribute)?)),
    }
}

/// CREATE OR REPLACE, where the server accepts it: the same result, the same arguments (a name may be given to one
/// that has none), and no default less.
fn replace(declared: &Object, actual: &Object) -> Option<String> {
    let same = |attribute| declared.get(attribute) == actual.get(attribute);
    if !same(Attribute::Returns) || !same(Attribute::Window) {
        return None;
    }
    let arguments = |object: &Object| -> Vec<(String, bool)> {
        let arguments = split_list(object.get(Attribute::Arguments).unwrap_or_default());
        let cut = |argument: &str| match find_top_level(argument, " DEFAULT ") {
            Some(at) => (argument[..at].to_owned(), true),
            None => (argument.to_owned(), false),
        };
        arguments.into_iter().map(cut).collect()
    };
    let (wanted, found) = (arguments(declared), arguments(actual));
    let fits = wanted.len() == found.len()
        && wanted.iter().zip(&found).all(|((new, new_default), (old, old_default))| {
            (new == old || new.ends_with(&format!(" {old}"))) && (*new_default || !old_default)
        });
    let wanted = Object { id: actual.id.clone(), attributes: declared.attributes.clone() };
    fits.then(|| define(&wanted, "CREATE OR REPLACE"))
}
