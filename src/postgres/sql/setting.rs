//! What a `SET`, `RESET` or `SELECT set_config(...)` sets (manual, "SET", "Configuration Settings Functions").

use std::time::Duration;

use super::duration::duration;
use super::split::{Part, Statement};

/// The settings that `pg_dump` sets and that not every supported major has: the name, and the first major.
const NEWER: [(&str, u32); 1] = [("transaction_timeout", 17)];

/// A `SET [SESSION | LOCAL] name = value`, a `RESET name`, or a `SELECT set_config('name', 'value', true)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment<'s> {
    /// The name, lower-cased.
    pub name: String,
    /// The value, where it is one token; `None` for `DEFAULT`, lists and `RESET`.
    pub value: Option<Part<'s>>,
}

impl<'s> Assignment<'s> {
    /// Reads a statement. `None` for other statements, and for the forms of SET that name no setting.
    pub fn of(statement: &Statement<'s>) -> Option<Self> {
        let mut parts = statement.parts().peekable();
        let first = parts.next()?;
        if first.is("select") {
            return Self::by_function(&parts.collect::<Vec<_>>());
        }
        if !first.is("set") && !first.is("reset") {
            return None;
        }
        if parts.peek().is_some_and(|part| part.is("local") || part.is("session")) {
            parts.next();
        }
        let name = parts.next()?.name()?.to_ascii_lowercase();
        if first.is("reset") {
            return parts.next().is_none().then_some(Self { name, value: None });
        }
        let sign = parts.next()?;
        if sign != Part::Other("=") && !sign.is("to") {
            return None;
        }
        let value = parts.next().filter(|value| !value.is("default") && parts.peek().is_none());
        Some(Self { name, value })
    }

    /// Reads what follows the SELECT of a call with constants.
    fn by_function(parts: &[Part<'s>]) -> Option<Self> {
        use Part::{Literal, Other, Word};
        let call = match parts {
            [schema, Other("."), call @ ..] if schema.is("pg_catalog") => call,
            call => call,
        };
        let [
            function,
            Other("("),
            Literal(name),
            Other(","),
            value @ Literal(_),
            Other(","),
            Word(_),
            Other(")"),
        ] = call
        else {
            return None;
        };
        let is_it = function.is("set_config");
        is_it.then(|| Self { name: name.to_ascii_lowercase(), value: Some(value.clone()) })
    }

    /// The value as a duration: a number without a unit counts milliseconds, as for every timeout of the server.
    pub fn duration(&self) -> Option<Duration> {
        let text = match self.value.as_ref()? {
            Part::Literal(text) | Part::Other(text) => text.trim(),
            Part::Word(_) | Part::Quoted(_) => return None,
        };
        text.parse().ok().map(Duration::from_millis).or_else(|| duration(text))
    }
}

/// The first major that has the setting of a statement which a newer `pg_dump` writes at the top of a dump.
pub fn newer_setting(statement: &Statement<'_>) -> Option<u32> {
    let name = Assignment::of(statement)?.name;
    NEWER.iter().find(|(newer, _)| *newer == name).map(|(_, since)| *since)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::sql::split;

    fn read(text: &str) -> Option<(String, Option<Duration>)> {
        let found = Assignment::of(&split(text).expect("splits")[0])?;
        Some((found.name.clone(), found.duration()))
    }

    #[test]
    fn settings_and_their_durations() {
        let milliseconds = |count| Some(Duration::from_millis(count));
        for (text, name, value) in [
            ("SET lock_timeout = 0", "lock_timeout", milliseconds(0)),
            ("set local Lock_Timeout to '2s'", "lock_timeout", milliseconds(2_000)),
            ("set session \"LOCK_TIMEOUT\" = 250", "lock_timeout", milliseconds(250)),
            ("set lock_timeout to default", "lock_timeout", None),
            ("set search_path = a, b", "search_path", None),
            ("reset lock_timeout", "lock_timeout", None),
            ("reset all", "all", None),
            ("select set_config('lock_timeout', '200ms', true)", "lock_timeout", milliseconds(200)),
            ("SELECT pg_catalog.set_config('Lock_Timeout', '0', false)", "lock_timeout", milliseconds(0)),
        ] {
            assert_eq!(read(text), Some((name.to_owned(), value)), "{text}");
        }
        for text in [
            "set role a",
            "set time zone 'UTC'",
            "set transaction read only",
            "select 1",
            "set",
            "select set_config(a, b, true) from t",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn what_a_newer_dump_sets_is_known_by_its_major() {
        let since = |text: &str| newer_setting(&split(text).expect("splits")[0]);
        assert_eq!(since("SET transaction_timeout = 0"), Some(17));
        assert_eq!(since("SET lock_timeout = 0"), None);
        assert_eq!(since("SET transaction read only"), None);
    }
}
