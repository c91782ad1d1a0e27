//! Lookups: declared expressions that read rows of tables, as `(SELECT id FROM organizations WHERE slug = 'platform')`.
//! Which tables an expression reads is told by the server, which parses it and takes its locks. Nothing is executed.

use std::collections::{BTreeMap, BTreeSet};

use super::file::{Cell, Seed};
use super::value::DeclaredValue;
use super::write::expression;
use crate::postgres::sql::{is_query, words_of};

/// What an expression reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lookup {
    /// The tables that it reads, qualified and quoted.
    pub reads: BTreeSet<String>,
}

/// The lookups among the expressions of the seeds, by their texts.
#[derive(Debug, Clone, Default)]
pub struct Lookups(BTreeMap<String, Lookup>);

/// An expression that may be a lookup, and where it is declared first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpressionAt {
    /// The file.
    pub file: String,
    /// The line.
    pub line: usize,
    /// The column that it is declared for.
    pub column: String,
    /// The text.
    pub text: String,
}

impl Lookups {
    /// Adds a lookup.
    pub fn insert(&mut self, text: String, lookup: Lookup) {
        self.0.insert(text, lookup);
    }

    /// The tables that they read, qualified and quoted.
    pub fn tables(&self) -> Vec<String> {
        let tables: BTreeSet<&String> = self.0.values().flat_map(|lookup| &lookup.reads).collect();
        tables.into_iter().cloned().collect()
    }

    /// The lookup that a value is.
    pub(super) fn get(&self, value: &DeclaredValue) -> Option<&Lookup> {
        match value {
            DeclaredValue::Expression(text) => self.0.get(text),
            _ => None,
        }
    }

    /// The tables that the lookups among these values read, and whether there is one at all.
    pub fn reads<'l>(&'l self, cells: impl IntoIterator<Item = &'l Cell>) -> (bool, BTreeSet<&'l str>) {
        let lookups: Vec<&Lookup> = cells.into_iter().filter_map(|cell| self.get(&cell.value)).collect();
        (!lookups.is_empty(), lookups.iter().flat_map(|lookup| &lookup.reads).map(String::as_str).collect())
    }
}

impl Lookup {
    /// An SQL condition that the lookup of this text finds something: a query returns a row, and any other expression is not
    /// NULL.
    pub(super) fn is_found(text: &str) -> String {
        let value = expression(text);
        if is_query(text) { format!("EXISTS {value}") } else { format!("{value} IS NOT NULL") }
    }
}

/// The statement that the server is to parse to tell which tables an expression reads.
pub fn parsed(text: &str) -> String {
    let value = expression(text);
    if is_query(text) { format!("SELECT EXISTS {value}") } else { format!("SELECT {value}") }
}

/// The expressions among these values that may be lookups: they have a word that a query has.
pub fn expressions<'s>(
    seed: &'s Seed,
    rows: impl IntoIterator<Item = usize> + 's,
    on_change: bool,
) -> impl Iterator<Item = ExpressionAt> + 's {
    let of_rows = rows.into_iter().flat_map(|row| {
        let row = &seed.rows[row];
        row.cells.iter().map(|cell| (&*row.file, cell))
    });
    let of_change = seed.on_change.iter().filter(move |_| on_change).map(|cell| (seed.file.as_str(), cell));
    of_rows.chain(of_change).filter_map(|(file, cell)| match &cell.value {
        DeclaredValue::Expression(text) if may_read(text) => Some(ExpressionAt {
            file: file.to_owned(),
            line: cell.line,
            column: cell.column.clone(),
            text: text.clone(),
        }),
        _ => None,
    })
}

/// Whether an expression may read a table by itself. What a function reads is not known.
fn may_read(text: &str) -> bool {
    words_of(text).any(|word| word.eq_ignore_ascii_case("select") || word.eq_ignore_ascii_case("table"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_the_words_of_a_query_is_asked_about() {
        for (text, may) in [
            ("(SELECT id FROM t)", true),
            ("coalesce((select 1), 2)", true),
            ("(TABLE t)", true),
            ("now()", false),
            ("'select'", false),
            ("current_date -- select", false),
        ] {
            assert_eq!(may_read(text), may, "{text}");
        }
    }
}
