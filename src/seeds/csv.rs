//! Rows from a CSV file with a header (RFC 4180). An empty field is NULL; every other one is a text in its column's own
//! notation.

use std::sync::Arc;

use super::file::{Cell, Row};
use super::value::Value;
use crate::error::Failure;
use crate::sql::without_bom;

/// Reads the text of a file.
///
/// # Errors
/// Exit 2: a row of another length than the header, a header that names a column twice or not at all.
pub(super) fn rows(file: &str, text: &str) -> Result<Vec<Row>, Failure> {
    let wrong = |line: u64, what: String| Failure::usage(format!("{file}:{line}: {what}"));
    let mut reader = ::csv::ReaderBuilder::new().flexible(true).from_reader(without_bom(text).as_bytes());
    let unreadable = |error: ::csv::Error| {
        let line = error.position().map_or(1, ::csv::Position::line);
        wrong(line, error.to_string())
    };
    let header: Vec<String> = reader.headers().map_err(unreadable)?.iter().map(str::to_owned).collect();
    for (position, column) in header.iter().enumerate() {
        if column.is_empty() {
            return Err(wrong(
                1,
                format!("expected a column's name at place {} of the header", position + 1),
            ));
        }
        if header[..position].contains(column) {
            return Err(wrong(1, format!("the header names {column} twice")));
        }
    }
    if header.is_empty() {
        return Err(wrong(1, "expected a header of column names, found an empty file".to_owned()));
    }
    let name: Arc<str> = file.into();
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(unreadable)?;
        let line = record.position().map_or(1, ::csv::Position::line);
        if record.len() != header.len() {
            let (expected, found) = (header.len(), record.len());
            return Err(wrong(line, format!("expected {expected} fields, as the header has; found {found}")));
        }
        let line = usize::try_from(line).unwrap_or_default();
        let cells = header.iter().zip(record.iter()).map(|(column, field)| {
            let value = if field.is_empty() { Value::Null } else { Value::Text(field.to_owned()) };
            Cell { column: column.clone(), value, line }
        });
        rows.push(Row { file: Arc::clone(&name), line, cells: cells.collect() });
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_texts_and_empty_ones_are_null() {
        let rows =
            rows("a.csv", "\u{feff}code,name\nEUR,\"Euro, \"\"the\"\" \none\"\nXXX,\n").expect("reads");
        assert_eq!((rows.len(), rows[1].line), (2, 4));
        assert_eq!(
            rows[0].get("name").map(|cell| &cell.value),
            Some(&Value::Text("Euro, \"the\" \none".into()))
        );
        assert_eq!(rows[1].get("name").map(|cell| &cell.value), Some(&Value::Null));
    }

    #[test]
    fn what_is_no_table_is_told() {
        for (text, what) in [
            ("", "a.csv:1: expected a header"),
            ("a,a\n1,2\n", "a.csv:1: the header names a twice"),
            ("a,\n1,2\n", "a.csv:1: expected a column's name at place 2"),
            ("a,b\n1,2\n1\n", "a.csv:3: expected 2 fields, as the header has; found 1"),
        ] {
            let said = rows("a.csv", text).expect_err(text);
            assert!(said.what.starts_with(what), "{}", said.what);
        }
    }
}
