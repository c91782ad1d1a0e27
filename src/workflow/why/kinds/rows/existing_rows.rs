//! `23502`, `23505`, `23514` of a statement that adds a rule: rows that are there break it.

use super::super::super::case::Case;
use super::super::super::explanation::Explanation;
use super::super::super::facts::Ask;
use super::super::ErrorKind;
use super::unique::with_checks;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "existing_rows_break_rule",
    sqlstate: "",
    patterns: &[
        "column {column} of relation {table} contains null values",
        "could not create unique index {constraint}",
        "check constraint {constraint} of relation {table} is violated by some row",
        "partition constraint of relation {table} is violated by some row",
    ],
    follows: false,
    meaning: "A statement adds a rule to a table, and rows that are there break it: the statement changed nothing.",
    asks: &[Ask::Schema],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    let tables = case.named_relations();
    let table = tables.first().map_or_else(|| "the table".to_owned(), ToString::to_string);
    let judged = Explanation::elsewhere(
        format!("rows of {table} break the new rule: the migration cannot add it before they are corrected"),
        "find these rows and correct them, by a data check with a fix (checks/) or by hand; then run the migration again",
    );
    let names: Vec<&str> = tables.first().map(|table| table.name.as_str()).into_iter().collect();
    match names.is_empty() {
        true => judged,
        false => with_checks(case, judged, &names),
    }
}
