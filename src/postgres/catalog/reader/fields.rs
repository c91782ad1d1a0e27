//! Reads the values of a row from left to right, in the order of the SELECT list, and PostgreSQL's text forms of
//! arrays and vectors.

use anyhow::{Context as _, Result, bail};
use smol_str::SmolStr;

use crate::postgres::connection::Row;

/// The values of one row, from left to right.
pub(super) struct Fields<'r> {
    row: &'r Row<'r>,
    next: usize,
}

impl<'r> Fields<'r> {
    pub(super) fn new(row: &'r Row<'r>) -> Self {
        Self { row, next: 0 }
    }

    /// The next value, `None` for NULL.
    pub(super) fn optional(&mut self) -> Option<&'r str> {
        self.next += 1;
        self.row.text(self.next - 1)
    }

    /// The next value, which must not be NULL.
    pub(super) fn text(&mut self) -> Result<&'r str> {
        let column = self.next;
        self.optional().with_context(|| format!("the server answered NULL in column {column}"))
    }

    /// A boolean.
    pub(super) fn flag(&mut self) -> Result<bool> {
        Ok(self.text()? == "t")
    }

    /// A `"char"`: the zero byte is the empty text.
    pub(super) fn letter(&mut self) -> Result<u8> {
        Ok(self.optional().and_then(|text| text.bytes().next()).unwrap_or(0))
    }

    /// A number or an oid.
    pub(super) fn number<N: std::str::FromStr>(&mut self) -> Result<N> {
        number(self.text()?)
    }

    /// A number or an oid that may be NULL.
    pub(super) fn optional_number<N: std::str::FromStr>(&mut self) -> Result<Option<N>> {
        self.optional().map(number).transpose()
    }

    /// A text array; NULL reads as an empty one.
    pub(super) fn list(&mut self) -> Result<Vec<SmolStr>> {
        self.optional().map_or(Ok(Vec::new()), array)
    }

    /// An array of numbers; NULL reads as an empty one.
    pub(super) fn numbers<N: std::str::FromStr>(&mut self) -> Result<Vec<N>> {
        self.optional().map_or(Ok(Vec::new()), vector)
    }
}

fn number<N: std::str::FromStr>(text: &str) -> Result<N> {
    text.parse().ok().with_context(|| format!("the server answered {text:?} where a number belongs"))
}

/// Reads `{1,2}` (an array) or `1 2` (int2vector, oidvector).
pub(super) fn vector<N: std::str::FromStr>(text: &str) -> Result<Vec<N>> {
    let inner = text.trim_start_matches('{').trim_end_matches('}');
    inner.split([',', ' ']).filter(|part| !part.is_empty()).map(number).collect()
}

/// Reads a one-dimensional text array as the server writes it (manual, "Array Input and Output Syntax"). NULL
/// elements are left out.
pub(super) fn array(text: &str) -> Result<Vec<SmolStr>> {
    let Some(mut rest) = text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) else {
        bail!("the server answered {text:?} where an array belongs");
    };
    let mut elements = Vec::new();
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix('"') {
            let mut element = String::new();
            let mut characters = quoted.char_indices();
            let end = loop {
                match characters.next().with_context(|| format!("the array {text:?} does not end"))? {
                    (_, '\\') => element.extend(characters.next().map(|(_, escaped)| escaped)),
                    (at, '"') => break at + 1,
                    (_, plain) => element.push(plain),
                }
            };
            elements.push(element.into());
            rest = &quoted[end..];
        } else {
            let end = rest.find(',').unwrap_or(rest.len());
            if &rest[..end] != "NULL" {
                elements.push(rest[..end].into());
            }
            rest = &rest[end..];
        }
        rest = rest.strip_prefix(',').unwrap_or(rest);
    }
    Ok(elements)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays() {
        assert_eq!(array("{}").unwrap(), Vec::<SmolStr>::new());
        assert_eq!(array("{a,NULL,\"NULL\",b c}").unwrap(), ["a", "NULL", "b c"]);
        assert_eq!(array(r#"{"a,b","say \"x\\y\"","","{}"}"#).unwrap(), ["a,b", r#"say "x\y""#, "", "{}"]);
        assert!(array("a").is_err());
        assert!(array("{\"a}").is_err());
    }

    #[test]
    fn vectors() {
        assert_eq!(vector::<i16>("1 0 -2").unwrap(), [1, 0, -2]);
        assert_eq!(vector::<u32>("{1,4294967295}").unwrap(), [1, u32::MAX]);
        assert_eq!(vector::<u32>("").unwrap(), Vec::<u32>::new());
        assert!(vector::<u32>("x").is_err());
    }
}
