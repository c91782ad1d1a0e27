//! Summarizes the rows that fixes propose: how many there are, some of them, and the first that have several answers.
//!
//! A preview and a plan are summarized by the same statements, the preview from a query and the plan from its tables.

use anyhow::{Context as _, Result};

use super::columns::FORMATS;
use super::proposed::ProposedRows;
use super::referring::Cascade;
use super::state;
use crate::postgres::connection::{OwnedRow, RowError, Session, read_value};

/// The settings for a query over whole tables that runs once: it gets more memory, and its expressions are not compiled.
pub(super) const LARGE_QUERY: &str =
    "SET LOCAL work_mem = '64MB'; SET LOCAL maintenance_work_mem = '64MB'; SET LOCAL jit = off";

/// The largest number of characters of a value that is shown.
const MAX_CHARACTERS: usize = 200;
/// The largest number of rows with several answers that is listed.
const MOST_AMBIGUOUS: usize = 100;

/// A row, and the values that a fix would give it. Values are texts as the server prints them, at most 200 characters of
/// each; `None` for NULL.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RowChange {
    /// The values of the key.
    pub key: Vec<Option<String>>,
    /// The old values of the columns that the fix sets; of a row that is deleted all values.
    pub before: Vec<Option<String>>,
    /// The new values of these columns. It is empty for a row that is deleted.
    pub after: Vec<Option<String>>,
}

/// A row that a fix gives different answers for. It is not changed.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Candidates {
    /// The values of the key.
    pub key: Vec<Option<String>>,
    /// The new values of each answer.
    pub answers: Vec<Vec<Option<String>>>,
}

/// What a fix would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FixPreview {
    /// How many rows it would change.
    pub rows: u64,
    /// How many rows it gives different answers for: those are not changed.
    pub ambiguous: u64,
    /// Some of the rows that it would change.
    pub sample: Vec<RowChange>,
    /// The first of the rows with different answers.
    pub candidates: Vec<Candidates>,
    /// A foreign key that would change other rows with these. The fix is refused then.
    pub cascade: Option<Cascade>,
}

/// A row of one of the queries that [`read`] runs.
pub(super) struct SummaryRow {
    /// The number that the query was given.
    pub(super) number: i64,
    /// The kind of the row.
    pub(super) word: String,
    /// The values of the row.
    pub(super) values: Vec<Option<String>>,
}

impl SummaryRow {
    /// The value at a position, from 0, which is a number of rows.
    ///
    /// # Errors
    /// There is no such value, or it is no number.
    pub(super) fn count(&self, position: usize) -> Result<u64, RowError> {
        let missing = || RowError::NoColumn { column: position.to_string() };
        let value = self.values.get(position).ok_or_else(missing)?;
        read_value(&format!("{} {position}", self.word), value.as_deref())
    }

    fn of(row: &OwnedRow) -> Result<Self> {
        let values = serde_json::from_str(row.get("values")?).context("an array as JSON")?;
        Ok(Self { number: row.get("number")?, word: row.get("word")?, values })
    }
}

/// The word of the row that has the numbers of rows.
const COUNTS: &str = "counts";
/// The word of a row that would be changed.
const SAMPLE: &str = "sample";
/// The word of one of several answers for a row.
const ANSWER: &str = "answer";

/// The queries that summarize the rows of one fix, for [`read`]. `number` distinguishes them from those of other fixes.
pub(super) fn parts(number: usize, rows: &ProposedRows<'_>, sample: usize) -> [String; 3] {
    let ProposedRows { relation, order, .. } = rows;
    let ambiguous = format!("r.state OPERATOR(pg_catalog.=) '{}'", state::AMBIGUOUS);
    let array = |names: &[Vec<String>]| {
        let values: Vec<String> = names.concat().iter().map(|name| shortened(&format!("r.{name}"))).collect();
        format!("ARRAY[{}]", values.join(", "))
    };
    let counts = format!(
        "SELECT {number}, '{COUNTS}', 0, ARRAY[pg_catalog.count(*) FILTER (WHERE r.state IS NULL)::pg_catalog.text, \
         pg_catalog.count(DISTINCT (part, tid)) FILTER (WHERE {ambiguous})::pg_catalog.text] FROM {relation} AS r"
    );
    let changes = format!(
        "SELECT {number}, '{SAMPLE}', pg_catalog.row_number() OVER (ORDER BY {order}), {} \
         FROM (SELECT * FROM {relation} AS r WHERE r.state IS NULL ORDER BY {order} LIMIT {sample}) AS r",
        array(&[rows.key_names(), rows.old_names(), rows.new_names()])
    );
    let answers = format!(
        "SELECT {number}, '{ANSWER}', pg_catalog.row_number() OVER (ORDER BY r.part, r.tid, r.answer), r.answer \
         FROM (SELECT DISTINCT r.part, r.tid, {} AS answer FROM {relation} AS r JOIN (SELECT r.part, r.tid \
         FROM {relation} AS r WHERE {ambiguous} GROUP BY r.part, r.tid ORDER BY r.part, r.tid LIMIT {MOST_AMBIGUOUS}) AS d \
         ON d.part OPERATOR(pg_catalog.=) r.part AND d.tid OPERATOR(pg_catalog.=) r.tid) AS r",
        array(&[rows.key_names(), rows.new_names()])
    );
    [counts, changes, answers]
}

/// Runs several queries as one statement, so that the server evaluates each common table expression of `with` only once.
/// Every query returns a number, a word, the order of its rows, and an array of texts.
///
/// # Errors
/// Those of the server and the connection. A row that cannot be read.
pub(super) async fn read(session: &mut Session, with: &str, parts: &[String]) -> Result<Vec<SummaryRow>> {
    let sql = format!(
        "{LARGE_QUERY}; {FORMATS}; {with} SELECT a.number, a.word, pg_catalog.array_to_json(a.v) AS \"values\" \
         FROM ({}) AS a (number, word, place, v) ORDER BY a.number, a.word, a.place",
        parts.join(" UNION ALL ")
    );
    session.query(sql).await?.iter().map(SummaryRow::of).collect()
}

/// The SQL expression for the beginning of a value as text.
fn shortened(value: &str) -> String {
    format!("pg_catalog.left(({value})::pg_catalog.text, {MAX_CHARACTERS})")
}

impl FixPreview {
    /// Adds a row that one of the queries of [`parts`] returned for these rows.
    ///
    /// # Errors
    /// A number cannot be read.
    pub(super) fn add(&mut self, row: SummaryRow, rows: &ProposedRows<'_>) -> Result<(), RowError> {
        match row.word.as_str() {
            COUNTS => (self.rows, self.ambiguous) = (row.count(0)?, row.count(1)?),
            SAMPLE => {
                let mut key = row.values;
                let mut before = key.split_off(rows.key.len());
                let after = before.split_off(rows.columns.len());
                self.sample.push(RowChange { key, before, after });
            }
            _ => {
                let mut key = row.values;
                let answer = key.split_off(rows.key.len());
                // The answers for one row follow each other.
                match self.candidates.last_mut().filter(|last| last.key == key) {
                    Some(last) => last.answers.push(answer),
                    None => self.candidates.push(Candidates { key, answers: vec![answer] }),
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_cannot_be_read_is_not_zero() {
        let row = |values: &str| {
            let row =
                OwnedRow::of(&[("number", Some("0")), ("word", Some("counts")), ("values", Some(values))]);
            SummaryRow::of(&row).unwrap()
        };
        assert_eq!(row(r#"["7","7"]"#).count(1), Ok(7));
        assert!(row(r#"["7","many"]"#).count(1).is_err());
        assert!(row(r#"["7",null]"#).count(1).is_err());
        assert!(row(r#"["7"]"#).count(1).is_err());
        let broken =
            OwnedRow::of(&[("number", Some("0")), ("word", Some("counts")), ("values", Some("{7}"))]);
        assert!(SummaryRow::of(&broken).is_err());
    }
}
