//! Reads rows from a CSV file with a header (RFC 4180). An empty field is NULL; every other field is a text in the
//! notation of its column's type.
//!
//! Quotes are checked strictly, which the usual CSV parsers do not do. Otherwise a quote that is never closed would
//! swallow the following rows, and a quote inside of a field would become part of the value, both silently.

use std::sync::Arc;

use super::file::{self, AtLine, Cell, DeclaredRow};
use super::value::DeclaredValue;
use crate::error::Failure;
use crate::postgres::sql::without_bom;

/// Parses the text of a file.
///
/// # Errors
/// Exit 2: a row and the header have different lengths, the header repeats or omits a name, a quote is misplaced.
pub(super) fn rows(file: &str, text: &str) -> Result<Vec<DeclaredRow>, Failure> {
    let error_at = |line: usize, what: String| file::error_at(file, line, what);
    let misquoted = |Misquoted { line, what }| error_at(line, what);
    let mut records = Records { rest: without_bom(text), line: 1 };
    let Some(AtLine { value: header, line: first }) = records.next().map_err(misquoted)? else {
        return Err(error_at(1, "expected a header of column names, found an empty file".to_owned()));
    };
    for (position, column) in header.iter().enumerate() {
        if column.is_empty() {
            return Err(error_at(
                first,
                format!("expected a column's name at place {} of the header", position + 1),
            ));
        }
        if header[..position].contains(column) {
            return Err(error_at(first, format!("the header names {column} twice")));
        }
    }
    let name: Arc<str> = file.into();
    let mut rows = Vec::new();
    while let Some(AtLine { value: fields, line }) = records.next().map_err(misquoted)? {
        if fields.len() != header.len() {
            let (expected, found) = (header.len(), fields.len());
            return Err(error_at(
                line,
                format!("expected {expected} fields, as the header has; found {found}"),
            ));
        }
        let cells = header.iter().zip(fields).map(|(column, field)| {
            let value = if field.is_empty() { DeclaredValue::Null } else { DeclaredValue::Text(field) };
            Cell { column: column.clone(), value, line }
        });
        rows.push(DeclaredRow { file: Arc::clone(&name), line, cells: cells.collect() });
    }
    Ok(rows)
}

/// A misplaced quote.
struct Misquoted {
    line: usize,
    what: String,
}

/// The unread rest of a file. A line ends in LF, CRLF or CR.
struct Records<'t> {
    rest: &'t str,
    line: usize,
}

impl<'t> Records<'t> {
    /// Reads the fields of the next record, after empty lines.
    fn next(&mut self) -> Result<Option<AtLine<Vec<String>>>, Misquoted> {
        while self.ends_line() {}
        if self.rest.is_empty() {
            return Ok(None);
        }
        let line = self.line;
        let mut fields = vec![self.field()?];
        while self.takes(',') {
            fields.push(self.field()?);
        }
        self.ends_line();
        Ok(Some(AtLine { value: fields, line }))
    }

    /// Reads a field up to the next comma or the end of its line.
    fn field(&mut self) -> Result<String, Misquoted> {
        let line = self.line;
        if self.takes('"') {
            return self.quoted(line);
        }
        let field = self.up_to([',', '\r', '\n']);
        match field.contains('"') {
            true => Err(Misquoted {
                line,
                what: format!(
                    "expected quotes around a whole field, and doubled inside of it; found one inside of {field}"
                ),
            }),
            false => Ok(field.to_owned()),
        }
    }

    /// Reads the rest of a quoted field, whose opening quote stands on the line `opened`.
    fn quoted(&mut self, opened: usize) -> Result<String, Misquoted> {
        let mut field = String::new();
        loop {
            let part = self.up_to(['"', '\r', '\n']);
            field.push_str(part);
            let here = self.rest;
            if self.takes('"') {
                match self.rest.chars().next() {
                    Some('"') => field.push_str(self.take(1)),
                    None | Some(',' | '\r' | '\n') => return Ok(field),
                    Some(found) => {
                        let what = format!(
                            "expected a comma or the end of the line after the quote that closes the field of line {opened}; \
                             found {found:?}"
                        );
                        return Err(Misquoted { line: self.line, what });
                    }
                }
            } else if self.ends_line() {
                field.push_str(&here[..here.len() - self.rest.len()]);
            } else {
                let what =
                    "expected the quote that closes a field which begins here; found the end of the file";
                return Err(Misquoted { line: opened, what: what.to_owned() });
            }
        }
    }

    /// Reads up to the first of these characters.
    fn up_to(&mut self, ends: [char; 3]) -> &'t str {
        let end = self.rest.find(ends).unwrap_or(self.rest.len());
        self.take(end)
    }

    fn take(&mut self, bytes: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(bytes);
        self.rest = rest;
        taken
    }

    /// Reads this character if it is the next one.
    fn takes(&mut self, character: char) -> bool {
        let rest = self.rest.strip_prefix(character);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }

    /// Reads the end of a line if it is next, and counts the line.
    fn ends_line(&mut self) -> bool {
        let ends = self.takes('\r');
        let ends = self.takes('\n') || ends;
        self.line += usize::from(ends);
        ends
    }
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
            Some(&DeclaredValue::Text("Euro, \"the\" \none".into()))
        );
        assert_eq!(rows[1].get("name").map(|cell| &cell.value), Some(&DeclaredValue::Null));
    }

    #[test]
    fn lines_are_counted_however_they_end() {
        for end in ["\n", "\r\n", "\r"] {
            let text = ["code,name", "EUR,\"Euro", "\"\"the\"\"\"", "", "\"\",é", "ZZZ,z"].join(end);
            let rows = rows("a.csv", &text).expect("reads");
            let lines: Vec<usize> = rows.iter().map(|row| row.line).collect();
            assert_eq!(lines, [2, 5, 6], "{end:?}");
            let name = rows[0].get("name").map(|cell| cell.value.clone());
            assert_eq!(name, Some(DeclaredValue::Text(format!("Euro{end}\"the\""))));
            assert_eq!(rows[1].get("code").map(|cell| &cell.value), Some(&DeclaredValue::Null));
        }
    }

    #[test]
    fn what_is_no_table_is_told() {
        for (text, what) in [
            ("", "a.csv:1: expected a header"),
            ("a,a\n1,2\n", "a.csv:1: the header names a twice"),
            ("a,\n1,2\n", "a.csv:1: expected a column's name at place 2"),
            ("a,b\n1,2\n1\n", "a.csv:3: expected 2 fields, as the header has; found 1"),
            ("a,b\r\n1,2\r\n\r\n1\r\n", "a.csv:4: expected 2 fields, as the header has; found 1"),
        ] {
            let said = rows("a.csv", text).expect_err(text);
            assert!(said.what.starts_with(what), "{}", said.what);
        }
    }

    #[test]
    fn a_quote_that_is_out_of_place_is_told() {
        for (text, what) in [
            ("a,b\n1,2\n3,\"4\n5,6\n", "a.csv:3: expected the quote that closes a field which begins here"),
            (
                "a,b\r\n3,\"4\r\n5,\"6\"\r\n",
                "a.csv:3: expected a comma or the end of the line after the quote",
            ),
            ("a,b\n3,\"4\" x\n", "a.csv:2: expected a comma or the end of the line after the quote"),
            ("a,b\n3,4\"5\n", "a.csv:2: expected quotes around a whole field"),
            ("a,b\n3, \"4\"\n", "a.csv:2: expected quotes around a whole field"),
            ("a,\"b\n", "a.csv:1: expected the quote that closes a field"),
        ] {
            let said = rows("a.csv", text).expect_err(text);
            assert!(said.what.starts_with(what), "{}", said.what);
        }
    }
}
