//! Which values a column can be filled with: expressions over `g`, the number of the row from 1. Pure.

use std::collections::BTreeSet;

use super::shape::{CheckShape, ColumnShape};
use crate::postgres::sql::{Part, Statement};

/// How wide a text is made where nothing is known of real ones, and at the most.
const WIDTH: (i32, i32) = (16, 2_000);

/// The expressions that are tried for a column, one after the other, as far as its checks refuse them. Values that differ in
/// each row come first; `None` stands for no value, or the column's default.
pub(super) fn candidates(
    column: &ColumnShape,
    checks: &[CheckShape],
    width: Option<i32>,
) -> Vec<Option<String>> {
    let mut found: Vec<String> = Vec::new();
    let base = column.base.as_str();
    match (column.class.as_str(), column.category.as_str()) {
        ("e", _) => found.push(format!(
            "(pg_catalog.enum_range(NULL::{0}))[1 + g % pg_catalog.cardinality(pg_catalog.enum_range(NULL::{0}))]",
            column.full_type
        )),
        (_, "A") => found.push("'{}'".to_owned()),
        ("r" | "m", _) => found.push("'empty'".to_owned()),
        _ => found.extend(of_base(base, column, width)),
    }
    if matches!(base, "text" | "varchar" | "bpchar" | "citext") {
        // A check may ask for a length: `char_length(prefix) = 8`.
        found.extend(
            numbers(column, checks).into_iter().filter(|number| (1..=WIDTH.1).contains(number)).map(of_width),
        );
    }
    let literals = literals(column, checks);
    if !literals.is_empty() {
        let chosen = format!("(ARRAY[{0}])[1 + g % {1}]", literals.join(", "), literals.len());
        // What a check lists is the likeliest, but no key.
        found.insert(if column.unique { found.len() } else { 0 }, chosen);
    }
    let cast = |text: String| Some(format!("({text})::{}", column.full_type));
    found.into_iter().map(cast).chain([None]).collect()
}

fn of_base(base: &str, column: &ColumnShape, width: Option<i32>) -> Vec<String> {
    let all = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    match base {
        "int2" => all(&["1 + g % 32767", "1 + g % 100", "g % 2", "1", "0"]),
        "int4" | "int8" | "float4" | "float8" | "money" | "oid" => {
            all(&["g", "1 + g % 100", "g % 2", "1", "0", "-1"])
        }
        "numeric" => numeric(column.modifier),
        "bool" => all(&["g % 2 = 0", "true", "false"]),
        "text" | "varchar" | "bpchar" | "citext" | "name" => texts(column.modifier, width),
        "timestamp" | "timestamptz" => all(&[
            "timestamptz '2020-01-01 00:00:00+00' + g * interval '1 second'",
            "timestamptz '2030-01-01 00:00:00+00' + g * interval '1 second'",
            "timestamptz '2040-01-01 00:00:00+00' + g * interval '1 second'",
        ]),
        "date" => all(&["date '1970-01-01' + (g % 100000)::int4", "date '2300-01-01' + (g % 100000)::int4"]),
        "time" => all(&["time '00:00' + (g % 86400) * interval '1 second'"]),
        "interval" => all(&["g * interval '1 second'"]),
        "uuid" => all(&["pg_catalog.md5(g::text)"]),
        "json" | "jsonb" => all(&["'{\"made\": ' || g || '}'", "'[]'", "'{}'"]),
        "bytea" => all(&["pg_catalog.decode(pg_catalog.md5(g::text), 'hex')"]),
        "inet" | "cidr" => all(&["inet '10.0.0.0' + g % 16777216"]),
        "tsvector" => all(&["'made'"]),
        "xml" => all(&["'<made/>'"]),
        _ => Vec::new(),
    }
}

/// `modifier` is precision and scale: 65536 * precision + scale.
fn numeric(modifier: i32) -> Vec<String> {
    let whole = if modifier < 0 { 9 } else { ((modifier >> 16) - (modifier & 0x7ff)).clamp(0, 9) };
    let limit = 10_i64.pow(whole.unsigned_abs()).max(1);
    let each = format!("g % {limit}");
    [each.as_str(), "1", "0", "0.5"].map(str::to_owned).into()
}

/// The number of the row, made so wide that it is the first thing in it.
fn of_width(width: i32) -> String {
    format!("pg_catalog.rpad(pg_catalog.to_hex(g), {width}, pg_catalog.md5(g::text))")
}

/// Texts of about that width, and the forms that checks most often ask for.
fn texts(longest: i32, width: Option<i32>) -> Vec<String> {
    let limit = if longest < 0 { WIDTH.1 } else { longest.min(WIDTH.1) };
    let width = width.unwrap_or(WIDTH.0).clamp(1, limit.max(1));
    let hex = "pg_catalog.to_hex(g)";
    // The number is whole in it where there is room for that.
    let padded = format!(
        "pg_catalog.rpad({hex}, pg_catalog.greatest({width}, pg_catalog.length({hex})), pg_catalog.md5(g::text))"
    );
    let padded = padded.replace("pg_catalog.greatest", "GREATEST");
    let within = |text: String| match longest < 0 {
        true => text,
        false => format!("pg_catalog.left({text}, {longest})"),
    };
    let forms = [
        padded,
        format!("'u' || {hex} || '@example.com'"),
        format!("'made-' || {hex}"),
        "'https://example.com/' || g".to_owned(),
        "g::text".to_owned(),
        "'+4930' || pg_catalog.lpad(g::text, 8, '0')".to_owned(),
        "pg_catalog.md5(g::text)::uuid::text".to_owned(),
        "'A'".to_owned(),
        "'{}'".to_owned(),
        "''".to_owned(),
    ];
    forms.map(within).into()
}

/// The constants in the checks of a column alone: `CHECK (status = ANY (ARRAY['new'::text, 'done'::text]))`.
fn literals(column: &ColumnShape, checks: &[CheckShape]) -> Vec<String> {
    let own = checks.iter().filter(|check| check.columns == [column.name.clone()]);
    let listing =
        own.filter(|check| check.definition.contains("ARRAY[") || check.definition.contains(" = '"));
    let mut found = Vec::new();
    for check in listing {
        let statement = Statement { text: &check.definition, line: 1, column: 1, offset: 0 };
        for (place, part) in statement.placed_parts() {
            let text = &check.definition[place];
            if matches!(part, Part::Literal(_)) && !found.iter().any(|known| known == text) {
                found.push(text.to_owned());
            }
        }
    }
    found
}

/// The whole numbers in the checks of a column alone.
fn numbers(column: &ColumnShape, checks: &[CheckShape]) -> BTreeSet<i32> {
    let own = checks.iter().filter(|check| check.columns == [column.name.clone()]);
    own.flat_map(|check| check.definition.split(|letter: char| !letter.is_ascii_digit()))
        .filter_map(|digits| digits.parse().ok())
        .collect()
}

/// An expression that has no value in a share of the rows.
pub(super) fn with_nulls(expression: &str, share: f64) -> String {
    let thousandths = (share.clamp(0.0, 1.0) * 1000.0).round();
    if thousandths < 1.0 {
        return expression.to_owned();
    }
    format!("CASE WHEN g * 7919 % 1000 >= {thousandths} THEN {expression} END")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(base: &str, modifier: i32) -> ColumnShape {
        ColumnShape {
            name: "c".into(),
            full_type: base.into(),
            base: base.into(),
            class: "b".into(),
            category: "S".into(),
            modifier,
            required: true,
            generated: false,
            has_default: false,
            unique: false,
            sequence: None,
        }
    }

    #[test]
    fn what_a_check_lists_is_tried_first() {
        let definition = "CHECK ((c = ANY (ARRAY['new'::text, 'done'::text])))".to_owned();
        let check = CheckShape { name: "k".into(), columns: vec!["c".into()], definition };
        let found = candidates(&column("text", -1), std::slice::from_ref(&check), None);
        assert_eq!(found[0].as_deref(), Some("((ARRAY['new', 'done'])[1 + g % 2])::text"));
        let unique = ColumnShape { unique: true, ..column("text", -1) };
        assert!(candidates(&unique, &[check], None)[0].as_deref().unwrap().contains("to_hex(g)"));
        assert_eq!(candidates(&column("point", -1), &[], None), [None]);
    }

    #[test]
    fn a_length_that_a_check_asks_for_is_tried() {
        let definition = "CHECK ((char_length(c) = 8))".to_owned();
        let check = CheckShape { name: "k".into(), columns: vec!["c".into()], definition };
        let found = candidates(&column("text", -1), &[check], None);
        assert!(found.iter().flatten().any(|text| text.contains("to_hex(g), 8,")), "{found:?}");
    }

    #[test]
    fn numbers_fit_into_their_precision() {
        // numeric(5, 2)
        assert_eq!(numeric((5 << 16) + 2)[0], "g % 1000");
        assert_eq!(numeric(-1)[0], "g % 1000000000");
        assert_eq!(with_nulls("1", 0.25), "CASE WHEN g * 7919 % 1000 >= 250 THEN 1 END");
        assert_eq!(with_nulls("1", 0.0), "1");
    }
}
