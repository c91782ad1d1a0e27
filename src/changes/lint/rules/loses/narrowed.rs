//! A column gets a type that does not hold all values of the old one.

use super::{LintMatch, LintRule, LintedMigration};
use crate::findings::Severity;
use crate::model::Effect;
use crate::postgres::catalog::{Attribute, Kind};

pub(in crate::changes::lint) const RULE: LintRule = LintRule {
    code: "loses.narrowed",
    severity: Severity::Warning,
    summary: "a column gets a type that does not hold all values of its old one",
    help: "Numbers are rounded, and times lose what the new type does not have: nothing says so. Texts that are too long and integers that \
        are too large make the migration fail on the first such row, in production and not before; a cast in USING cuts texts. Look at the \
        rows first (a data check), and keep the type where there is no need: a CHECK limits values and can be changed later.",
    bad: "ALTER TABLE users ALTER COLUMN name TYPE varchar(20);",
    good: "ALTER TABLE users ADD CONSTRAINT users_name_length CHECK (length(name) <= 20) NOT VALID;\n\
        -- next migration\nALTER TABLE users VALIDATE CONSTRAINT users_name_length;",
    find,
};

fn find(migration: &LintedMigration<'_>) -> Vec<LintMatch> {
    let mut found = Vec::new();
    for effect in &migration.compiled.effects {
        let Effect::Changed { after, attributes } = effect else { continue };
        if after.id.kind != Kind::Column || !attributes.contains(&Attribute::Type) {
            continue;
        }
        let before = migration.before(&after.id).and_then(|before| before.get(Attribute::Type));
        let (Some(from), Some(to)) = (before, after.get(Attribute::Type)) else { continue };
        if let Some(what) = narrowed(from, to) {
            found.push(LintMatch {
                at: migration.statement_retyping(&after.id),
                what: format!("{}: {from} to {to}: {what}", after.id),
                instead: "keep the type, and limit new values by a CHECK; or look at the rows first, and allow it with the reason"
                    .to_owned(),
            });
        }
    }
    found
}

/// Why values of the one type may not fit into the other. Types are named as PostgreSQL prints them.
pub(in crate::changes::lint::rules) fn narrowed(from: &str, to: &str) -> Option<&'static str> {
    const FAILS: &str = "a larger value makes the migration fail";
    const TOO_LONG: &str = "a longer value makes the migration fail, or is cut by a cast in USING";
    const ROUNDED: &str = "values are rounded";
    const DIGITS: &str = "values lose digits";
    let (from, to) = (from.strip_suffix("[]").unwrap_or(from), to.strip_suffix("[]").unwrap_or(to));
    let (from, to) = (ColumnType::parse(from), ColumnType::parse(to));
    let integer = |name| ["smallint", "integer", "bigint"].iter().position(|known| *known == name);
    let is_text = |name| matches!(name, "text" | "character varying" | "character");
    let is_float = |name| matches!(name, "real" | "double precision");
    match (from.name, to.name) {
        (one, other) if integer(one) > integer(other) && integer(other).is_some() => Some(FAILS),
        (one, other) if (is_float(one) || one == "numeric") && integer(other).is_some() => Some(ROUNDED),
        ("double precision", "real") | ("numeric", "real" | "double precision") => Some(DIGITS),
        (one, "numeric") if is_float(one) => to.first.map(|_| ROUNDED),
        ("numeric", "numeric") => match (from.first, to.first) {
            (_, None) => None,
            (None, Some(_)) => Some(ROUNDED),
            (Some(digits), Some(fewer)) => {
                let (scale, smaller) = (from.second.unwrap_or(0), to.second.unwrap_or(0));
                let before_point = |digits: i64, scale: i64| digits - scale;
                match smaller < scale {
                    true => Some(ROUNDED),
                    false => (before_point(fewer, smaller) < before_point(digits, scale)).then_some(FAILS),
                }
            }
        },
        (one, other) if is_text(one) && is_text(other) => {
            let most = to.first?;
            from.first.is_none_or(|length| most < length).then_some(TOO_LONG)
        }
        ("timestamp with time zone" | "timestamp without time zone", "date") => {
            Some("the time of day is lost")
        }
        (one, "time with time zone" | "time without time zone") if one.starts_with("timestamp") => {
            Some("the date is lost")
        }
        (one, other) if one == other && (one.starts_with("time") || one == "interval") => {
            let most = to.first?;
            from.first.is_none_or(|digits| most < digits).then_some("fractions of a second are rounded")
        }
        _ => None,
    }
}

/// A type as PostgreSQL prints it: `character varying(20)`, `numeric(10,2)`, `timestamp(3) without time zone`.
struct ColumnType<'t> {
    name: &'t str,
    first: Option<i64>,
    second: Option<i64>,
}

impl<'t> ColumnType<'t> {
    fn parse(text: &'t str) -> Self {
        let Some((name, rest)) = text.split_once('(') else {
            return Self { name: text, first: None, second: None };
        };
        let (numbers, rest) = rest.split_once(')').unwrap_or((rest, ""));
        let mut numbers = numbers.split(',').map(|number| number.trim().parse().ok());
        let (first, second) = (numbers.next().flatten(), numbers.next().flatten());
        let name = match (name, rest) {
            ("timestamp", " with time zone") => "timestamp with time zone",
            ("timestamp", " without time zone") => "timestamp without time zone",
            ("time", " with time zone") => "time with time zone",
            ("time", " without time zone") => "time without time zone",
            _ => name,
        };
        Self { name, first, second }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit() {
        for (from, to, expected) in [
            ("bigint", "integer", "fail"),
            ("integer", "smallint", "fail"),
            ("text", "character varying(20)", "longer"),
            ("character varying(40)", "character varying(20)", "longer"),
            ("character varying(40)[]", "character varying(20)[]", "longer"),
            ("character varying(40)", "character(20)", "longer"),
            ("numeric", "numeric(10,2)", "rounded"),
            ("numeric(10,4)", "numeric(10,2)", "rounded"),
            ("numeric(10,2)", "numeric(8,2)", "fail"),
            ("numeric(10,2)", "bigint", "rounded"),
            ("double precision", "real", "digits"),
            ("double precision", "numeric(10,2)", "rounded"),
            ("timestamp with time zone", "date", "time of day"),
            ("timestamp(3) without time zone", "time without time zone", "date"),
            ("timestamp(6) with time zone", "timestamp(0) with time zone", "rounded"),
        ] {
            assert!(narrowed(from, to).is_some_and(|what| what.contains(expected)), "{from} to {to}");
        }
        for (from, to) in [
            ("integer", "bigint"),
            ("character varying(20)", "character varying(40)"),
            ("character varying(20)", "text"),
            ("text", "character varying"),
            ("numeric(8,2)", "numeric(10,2)"),
            ("numeric(8,2)", "numeric(10,4)"),
            ("numeric(8,2)", "numeric"),
            ("integer", "numeric"),
            ("real", "double precision"),
            ("date", "timestamp with time zone"),
            ("text", "jsonb"),
            ("timestamp(0) with time zone", "timestamp with time zone"),
        ] {
            assert_eq!(narrowed(from, to), None, "{from} to {to}");
        }
    }
}
