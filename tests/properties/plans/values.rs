//! What rows that are there get in a new required column: an answer for every one of them.

use trueup::model::diagnosis::{Decided, needs_value};
use trueup::postgres::catalog::{Attribute, Catalog, Kind, Object, ObjectId};

/// The answers, with no rename: what has another name is another thing.
pub(crate) fn decided(from: &Catalog, to: &Catalog) -> Decided {
    let table = |column: &Object| ObjectId::parse(Kind::Table, &column.id.relation_path());
    let is_there = |column: &Object| table(column).is_some_and(|table| from.get(&table).is_some());
    let columns = to.objects.iter().filter(|object| needs_value(object, to) && is_there(object));
    let filled = columns.map(|column| {
        let value = value(column.get(Attribute::Type).unwrap_or_default(), to);
        (column.id.clone(), value)
    });
    Decided { renamed: Vec::new(), filled: filled.collect() }
}

/// An expression of a type, as it is printed.
fn value(of: &str, catalog: &Catalog) -> String {
    let constant = match of {
        "integer" | "bigint" | "smallint" | "double precision" | "numeric(10,2)" => "0",
        "boolean" => "true",
        "date" | "timestamp with time zone" => "now()",
        "uuid" => "gen_random_uuid()",
        "text" | "character varying(40)" | "character(3)" => "'x'",
        "bit(3)" => "'000'",
        _ => {
            let labels =
                ObjectId::parse(Kind::Enum, of).and_then(|id| catalog.get(&id)?.get(Attribute::Labels));
            let first = labels.and_then(first_literal);
            return first.map_or_else(|| format!("NULL::{of}"), |label| format!("{label}::{of}"));
        }
    };
    constant.to_owned()
}

/// The first of some SQL literals, which may have commas and quotes in them.
fn first_literal(literals: &str) -> Option<&str> {
    let inside = |end: &usize| literals[..*end].matches('\'').count() % 2 == 1;
    let mut ends = literals.match_indices('\'').map(|(at, _)| at + 1).skip(1).filter(|end| !inside(end));
    let is_last = |end: &usize| !literals[*end..].starts_with('\'');
    ends.find(is_last).map(|end| &literals[..end])
}
