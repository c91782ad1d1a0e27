//! Which values the server has no way to convert into those of another type: a column cannot go over to that.

use std::sync::Arc;

use super::super::cause::CauseResolver;
use crate::postgres::catalog::{Attribute, Kind, Object, ObjectId};

/// What is known of a type.
#[derive(PartialEq, Eq, Clone, Copy)]
enum Family {
    Text,
    Number,
    Boolean,
    Bits,
    Date,
    Timestamp,
    Time,
    Interval,
    Json,
    Address,
    /// A type of the server that has casts to and from text alone.
    Own,
    /// An enum, a composite type, a range or a multirange of the project: they have such casts, too.
    Made,
    /// A type of an extension.
    Unknown,
}

/// Whether it is known that PostgreSQL does not convert the values of a column into those of the declared type.
pub(super) fn has_none(declared: &Object, actual: &Object, states: &CauseResolver<'_>) -> bool {
    let of = |column: &Object| column.get(Attribute::Type).unwrap_or_default().to_owned();
    let (from, to) = (of(actual), of(declared));
    let family = |name: &str| family(name, states);
    if base(&from) == base(&to) {
        return false;
    }
    let (from, to) = (base_type(&from, states), base_type(&to, states));
    if from.ends_with("[]") != to.ends_with("[]") {
        return family(&from) != Family::Text && family(&to) != Family::Text;
    }
    let (from, to) = (from.trim_end_matches("[]"), to.trim_end_matches("[]"));
    base(from) != base(to) && !is_convertible((family(from), base(from)), (family(to), base(to)))
}

fn is_convertible((from, from_name): (Family, String), (to, to_name): (Family, String)) -> bool {
    use Family::{
        Address, Bits, Boolean, Date, Interval, Json, Made, Number, Text, Time, Timestamp, Unknown,
    };
    match (from, to) {
        (Unknown | Text, _) | (_, Unknown | Text) => true,
        // By way of text.
        (Made, Made) => true,
        (Number, Number) | (Bits, Bits) | (Json, Json) | (Address, Address) | (Time, Time) => true,
        (Number, Boolean) => from_name == "integer",
        (Boolean, Number) => to_name == "integer",
        (Number, Bits) => is_whole(&from_name) && to_name == "bit",
        (Bits, Number) => is_whole(&to_name) && from_name == "bit",
        (Json, Number | Boolean) => from_name == "jsonb",
        (Date, Timestamp) | (Timestamp, Date | Timestamp | Time) => true,
        (Time, Interval) | (Interval, Time) => true,
        _ => false,
    }
}

fn is_whole(name: &str) -> bool {
    matches!(name, "integer" | "bigint")
}

fn family(name: &str, states: &CauseResolver<'_>) -> Family {
    match base(name).as_str() {
        "text" | "character varying" | "character" => Family::Text,
        "smallint" | "integer" | "bigint" | "numeric" | "real" | "double precision" => Family::Number,
        "boolean" => Family::Boolean,
        "bit" | "bit varying" => Family::Bits,
        "date" => Family::Date,
        "timestamp without time zone" | "timestamp with time zone" => Family::Timestamp,
        "time without time zone" | "time with time zone" => Family::Time,
        "interval" => Family::Interval,
        "json" | "jsonb" => Family::Json,
        "inet" | "cidr" => Family::Address,
        "uuid" | "bytea" => Family::Own,
        other => {
            let is = |kind| {
                let id = ObjectId::parse(kind, other);
                id.is_some_and(|id| states.live.get(&id).is_some() || states.model.get(&id).is_some())
            };
            let is_multirange = |object: &Arc<Object>| object.is(Attribute::Multirange, other);
            let mut all = states.live.objects.iter().chain(&states.model.objects);
            let is_made = [Kind::Enum, Kind::CompositeType, Kind::RangeType].into_iter().any(is)
                || all.any(is_multirange);
            if is_made { Family::Made } else { Family::Unknown }
        }
    }
}

/// What a domain is a domain over, else the type itself.
fn base_type(name: &str, states: &CauseResolver<'_>) -> String {
    let domain = ObjectId::parse(Kind::Domain, name);
    let domain = domain.and_then(|id| states.live.get(&id).or_else(|| states.model.get(&id)));
    domain.and_then(|domain| domain.get(Attribute::Type)).unwrap_or(name).to_owned()
}

/// A type without its modifiers.
fn base(name: &str) -> String {
    match (name.find('('), name.find(')')) {
        (Some(open), Some(close)) if open < close && !name.contains('"') => {
            format!("{}{}", &name[..open], &name[close + 1..])
        }
        _ => name.to_owned(),
    }
}
