//! Which changes of a column's type keep every value.
//!
//! What cannot be told counts as a loss. A change that the server refuses where a value does not fit loses nothing: a
//! `bigint` that is no `integer`, a text that is no number.

/// Whether each value of the type `from` is the same value as `to`, or is refused by the server. Types are written as
/// `format_type` prints them.
pub fn keeps_values(from: &str, to: &str) -> bool {
    if from == to {
        return true;
    }
    if let (Some(from), Some(to)) = (from.strip_suffix("[]"), to.strip_suffix("[]")) {
        return keeps_values(from, to);
    }
    let (from, to) = (Type::of(from), Type::of(to));
    match (from.name.as_str(), to.name.as_str()) {
        // Every type can be printed, and spaces at the end of `character` mean nothing.
        (_, "text") => true,
        (a, b) if is_text(a) && b.ends_with(".citext") => true,
        (a, "character varying") if to.modifiers.is_empty() => a != "\"char\"",
        // Spaces that do not fit are cut off.
        ("character varying" | "character", "character varying") | ("character", "character") => {
            from.first().is_some_and(|length| to.first().is_some_and(|limit| length <= limit))
        }
        (
            "character varying" | "text" | "character",
            "character varying" | "character" | "name" | "\"char\"",
        ) => false,
        ("bit varying", "bit varying") | ("bit", "bit" | "bit varying") => true,
        // What is no number or identifier in a text is refused.
        (a, "smallint" | "integer" | "bigint" | "uuid" | "boolean") if is_text(a) => true,
        (a, "numeric") if is_text(a) => to.modifiers.is_empty(),
        (a, b) if is_integer(a) && is_integer(b) => true,
        ("smallint", "real" | "double precision") | ("integer", "double precision") => true,
        ("real", "double precision") | ("boolean", "integer") => true,
        (a, "numeric") if is_integer(a) => to.scale() >= Some(0) || to.modifiers.is_empty(),
        ("numeric", "numeric") => {
            to.modifiers.is_empty() || from.scale().is_some_and(|scale| Some(scale) <= to.scale())
        }
        ("date", "timestamp without time zone") => true,
        (a, b) if a == b && is_moment(a) => from.digits() <= to.digits(),
        ("time without time zone", "interval") => from.digits() <= to.digits(),
        ("interval", "interval") => {
            from.fields.is_empty() && to.fields.is_empty() && from.digits() <= to.digits()
        }
        (a, "interval") if a.starts_with("interval ") => to.modifiers.is_empty(),
        ("cidr", "inet") | ("jsonb", "json") => true,
        _ => false,
    }
}

/// Whether PostgreSQL writes every row again when a column of the type `from` becomes one of `to` (the manual: ALTER TABLE, Notes).
/// What cannot be told counts as a rewrite.
pub fn rewrites(from: &str, to: &str) -> bool {
    if from == to {
        return false;
    }
    let (from, to) = (Type::of(from), Type::of(to));
    let is_varying = |name: &str| matches!(name, "text" | "character varying");
    let is_free = match (from.name.as_str(), to.name.as_str()) {
        (a, b) if is_varying(a) && is_varying(b) => {
            to.modifiers.is_empty() || from.first().is_some_and(|length| to.first() >= Some(length))
        }
        ("bit varying", "bit varying") => {
            to.modifiers.is_empty() || from.first().is_some_and(|length| to.first() >= Some(length))
        }
        ("numeric", "numeric") => {
            to.modifiers.is_empty()
                || from.first().is_some_and(|digits| to.first() >= Some(digits)) && from.scale() == to.scale()
        }
        (a, b) if a == b && (is_moment(a) || a == "interval") => {
            from.fields.is_empty() && to.fields.is_empty() && from.digits() <= to.digits()
        }
        ("cidr", "inet") => true,
        _ => false,
    };
    !is_free
}

fn is_text(name: &str) -> bool {
    matches!(name, "text" | "character varying" | "character")
}

fn is_integer(name: &str) -> bool {
    matches!(name, "smallint" | "integer" | "bigint")
}

fn is_moment(name: &str) -> bool {
    matches!(
        name,
        "timestamp without time zone"
            | "timestamp with time zone"
            | "time without time zone"
            | "time with time zone"
    )
}

/// A type and its modifiers: `numeric` and 12, 4 of `numeric(12,4)`.
struct Type {
    name: String,
    /// What stands behind `interval`: `hour to minute`.
    fields: String,
    modifiers: Vec<i32>,
}

impl Type {
    fn of(text: &str) -> Self {
        let (name, modifiers) = match (text.find('('), text.find(')')) {
            (Some(open), Some(close)) if open < close && !text.contains('"') => {
                let modifiers =
                    text[open + 1..close].split(',').filter_map(|number| number.trim().parse().ok());
                (format!("{}{}", &text[..open], &text[close + 1..]), modifiers.collect())
            }
            _ => (text.to_owned(), Vec::new()),
        };
        let fields = name.strip_prefix("interval ").unwrap_or_default().to_owned();
        Self { name, fields, modifiers }
    }

    fn first(&self) -> Option<i32> {
        self.modifiers.first().copied()
    }

    /// How many digits a `numeric` has behind its point; `None` for as many as a value has.
    fn scale(&self) -> Option<i32> {
        self.first().map(|_| self.modifiers.get(1).copied().unwrap_or(0))
    }

    /// How many digits of a second a moment has.
    fn digits(&self) -> i32 {
        self.first().unwrap_or(6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As PostgreSQL 14 to 18 do it: the file of the table is the same afterwards.
    #[test]
    fn what_is_rewritten() {
        for (from, to) in [
            ("character varying(20)", "character varying(60)"),
            ("character varying(20)", "text"),
            ("text", "character varying"),
            ("numeric(10,2)", "numeric(12,2)"),
            ("numeric(10,2)", "numeric"),
            ("timestamp(3) with time zone", "timestamp with time zone"),
            ("interval(3)", "interval"),
            ("bit varying(3)", "bit varying(5)"),
            ("cidr", "inet"),
        ] {
            assert!(!rewrites(from, to), "{from} to {to}");
        }
        for (from, to) in [
            ("integer", "bigint"),
            ("text", "character varying(20)"),
            ("character varying(20)", "character varying(10)"),
            ("character(3)", "text"),
            ("numeric(10,2)", "numeric(12,3)"),
            ("timestamp with time zone", "timestamp(0) with time zone"),
            ("json", "jsonb"),
        ] {
            assert!(rewrites(from, to), "{from} to {to}");
        }
    }

    #[test]
    fn what_is_kept_and_what_is_lost() {
        for (from, to) in [
            ("character varying(20)", "character varying(60)"),
            ("character varying(20)", "text"),
            ("integer", "bigint"),
            ("bigint", "integer"),
            ("text", "integer"),
            ("integer[]", "bigint[]"),
            ("numeric(10,2)", "numeric(12,4)"),
            ("numeric(10,2)", "numeric"),
            ("integer", "numeric(10,1)"),
            ("timestamp(3) with time zone", "timestamp with time zone"),
            ("date", "timestamp without time zone"),
            ("interval(3)", "interval"),
        ] {
            assert!(keeps_values(from, to), "{from} to {to}");
        }
        for (from, to) in [
            ("text", "character varying(60)"),
            ("character varying(60)", "character varying(20)"),
            ("character varying", "name"),
            ("text[]", "character varying(2)[]"),
            ("numeric(12,4)", "numeric(10,1)"),
            ("numeric", "numeric(10,1)"),
            ("numeric", "integer"),
            ("text", "numeric(10,1)"),
            ("double precision", "integer"),
            ("double precision", "real"),
            ("bigint", "double precision"),
            ("timestamp with time zone", "date"),
            ("timestamp with time zone", "timestamp without time zone"),
            ("timestamp without time zone", "timestamp(0) without time zone"),
            ("text", "date"),
            ("interval", "time without time zone"),
            ("interval", "interval day to minute"),
            ("json", "jsonb"),
            ("integer", "boolean"),
            ("inet", "cidr"),
            ("public.a", "public.b"),
        ] {
            assert!(!keeps_values(from, to), "{from} to {to}");
        }
    }
}
