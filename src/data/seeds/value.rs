//! One declared value: a plain value that the server converts to the type of its column, or an SQL expression.

use serde_json::value::RawValue;
use toml::de::{DeTable, DeValue};

use crate::postgres::sql::one_expression;

/// A declared value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeclaredValue {
    /// NULL.
    Null,
    /// `true` or `false`.
    Boolean(bool),
    /// A number in JSON notation, with all of its digits.
    Number(String),
    /// A text in the notation of the column's type; JSON in a json column.
    Text(String),
    /// An array or a table as JSON, for arrays, json and composite types.
    Json(String),
    /// An SQL expression, which is evaluated when the row is inserted and not compared afterwards.
    Expression(String),
}

impl DeclaredValue {
    /// Reads a TOML value. The error is a clause.
    pub(super) fn read(value: &DeValue<'_>) -> Result<Self, String> {
        Ok(match value {
            DeValue::Table(table) => match expression(table)? {
                Some(expression) => expression,
                None => Self::Json(json(value)?),
            },
            DeValue::Array(_) => Self::Json(json(value)?),
            DeValue::String(text) => Self::Text(text.to_string()),
            DeValue::Boolean(value) => Self::Boolean(*value),
            DeValue::Datetime(moment) => Self::Text(moment.to_string()),
            DeValue::Integer(_) | DeValue::Float(_) => number(value)?,
        })
    }

    /// The value as JSON, which the server converts to the type of the column. A text for a json column is JSON
    /// already.
    ///
    /// # Errors
    /// A text for a json column is no JSON. The error is a clause.
    pub(super) fn to_json(&self, is_json: bool) -> Result<String, String> {
        Ok(match self {
            Self::Null | Self::Expression(_) => "null".to_owned(),
            Self::Boolean(value) => value.to_string(),
            Self::Number(text) | Self::Json(text) => text.clone(),
            Self::Text(text) if is_json => match serde_json::from_str::<&RawValue>(text) {
                Ok(raw) => raw.get().to_owned(),
                Err(error) => return Err(format!("is not JSON: {error}")),
            },
            Self::Text(text) => string(text),
        })
    }
}

/// A text as a JSON string.
pub(super) fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Reads an expression: `{ sql = "now()" }`.
fn expression(table: &DeTable<'_>) -> Result<Option<DeclaredValue>, String> {
    let mut entries = table.iter();
    let Some((key, value)) = entries.next().filter(|(key, _)| key.get_ref() == "sql") else {
        return Ok(None);
    };
    if entries.next().is_some() {
        return Ok(None);
    }
    debug_assert_eq!(key.get_ref(), "sql");
    let Some(text) = value.get_ref().as_str() else {
        return Err("sql: expected one expression as a string".to_owned());
    };
    if text.trim().eq_ignore_ascii_case("null") {
        return Ok(Some(DeclaredValue::Null));
    }
    match one_expression(text) {
        None => Ok(Some(DeclaredValue::Expression(text.to_owned()))),
        Some(why) => Err(format!("sql: expected one expression, found {text:?}: {why}")),
    }
}

fn number(value: &DeValue<'_>) -> Result<DeclaredValue, String> {
    if let Some(integer) = value.as_integer() {
        let read = i64::from_str_radix(integer.as_str(), integer.radix());
        return read.map(|read| DeclaredValue::Number(read.to_string())).map_err(|error| error.to_string());
    }
    let text = value.as_float().map(|float| float.as_str().replace('_', "")).unwrap_or_default();
    let text = text.strip_prefix('+').unwrap_or(&text).to_owned();
    Ok(match text.as_str() {
        "inf" => DeclaredValue::Text("Infinity".to_owned()),
        "-inf" => DeclaredValue::Text("-Infinity".to_owned()),
        "nan" | "-nan" => DeclaredValue::Text("NaN".to_owned()),
        _ => DeclaredValue::Number(text),
    })
}

/// The JSON of a value inside of an array or a table.
fn json(value: &DeValue<'_>) -> Result<String, String> {
    Ok(match value {
        DeValue::Array(list) => {
            let items: Result<Vec<String>, String> = list.iter().map(|item| json(item.get_ref())).collect();
            format!("[{}]", items?.join(","))
        }
        DeValue::Table(table) => match expression(table)? {
            Some(DeclaredValue::Null) => "null".to_owned(),
            Some(_) => {
                return Err("an expression must stand alone, not inside an array or a table".to_owned());
            }
            None => {
                // The keys keep the order of the file, because the type json keeps it.
                let mut entries: Vec<_> = table.iter().collect();
                entries.sort_by_key(|(key, _)| key.span().start);
                let entries = entries
                    .into_iter()
                    .map(|(key, value)| Ok(format!("{}:{}", string(key.get_ref()), json(value.get_ref())?)));
                format!("{{{}}}", entries.collect::<Result<Vec<_>, String>>()?.join(","))
            }
        },
        plain => DeclaredValue::read(plain)?.to_json(false)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<DeclaredValue, String> {
        DeclaredValue::read(DeValue::parse(text).expect("TOML").get_ref())
    }

    #[test]
    fn values_become_what_the_server_reads() {
        for (text, json) in [
            ("\"it's\"", "\"it's\""),
            ("0x10", "16"),
            ("-7", "-7"),
            ("1.10", "1.10"),
            ("+1.5", "1.5"),
            ("inf", "\"Infinity\""),
            ("nan", "\"NaN\""),
            ("true", "true"),
            ("1979-05-27T07:32:00Z", "\"1979-05-27T07:32:00Z\""),
            ("[1, [2, { sql = 'null' }]]", "[1,[2,null]]"),
            ("{ a = 1, \"b\\\"\" = 'x' }", "{\"a\":1,\"b\\\"\":\"x\"}"),
            ("{ sql = ' NULL ' }", "null"),
            ("{ sql = 'x', other = 1 }", "{\"sql\":\"x\",\"other\":1}"),
        ] {
            let read = read(text).and_then(|value| value.to_json(false));
            assert_eq!(read.as_deref(), Ok(json), "{text}");
        }
        assert_eq!(read("{ sql = 'now()' }"), Ok(DeclaredValue::Expression("now()".into())));
    }

    #[test]
    fn a_text_in_a_json_column_is_json() {
        let text = |text: &str| DeclaredValue::Text(text.into()).to_json(true);
        assert_eq!(text(" {\"b\": 1,  \"a\": 2}").as_deref(), Ok("{\"b\": 1,  \"a\": 2}"));
        assert!(text("{a}").is_err_and(|why| why.contains("is not JSON")));
    }

    #[test]
    fn what_is_no_value_is_told() {
        for (text, why) in [
            ("{ sql = 1 }", "expected one expression as a string"),
            ("{ sql = 'now(); --' }", "semicolon"),
            ("[{ sql = 'now()' }]", "must stand alone"),
        ] {
            assert!(read(text).is_err_and(|said| said.contains(why)), "{text}");
        }
    }
}
