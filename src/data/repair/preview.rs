//! What the fixes of a check would do, read in one snapshot; nothing is written.

use anyhow::{Context as _, Result};

use super::Fixing;
use super::columns::{FORMATS, numbered};
use super::plan::{SWEEPING, rows_of};
use super::referring::{moves, referred};
use crate::data::checks::{Column, ValidatedCheck};
use crate::postgres::connection::{self, OwnedRow, RowError, Session, Single, read_value};
use crate::postgres::sql::identifier;

/// How many characters of a value are shown.
const LONGEST: usize = 200;
/// How many rows with several answers are listed.
pub(super) const MOST_AMBIGUOUS: usize = 100;

/// A row and what a fix would make of it; values as the server prints them, long ones cut off.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Change {
    /// The key.
    pub key: Vec<Option<String>>,
    /// The old values; of a row that is deleted all of them.
    pub before: Vec<Option<String>>,
    /// The new ones; empty for a row that is deleted.
    pub after: Vec<Option<String>>,
}

/// A row that a fix gives different answers for.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Candidates {
    /// The key.
    pub key: Vec<Option<String>>,
    /// The answers.
    pub answers: Vec<Vec<Option<String>>>,
}

/// What a fix would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FixPreview {
    /// How many rows it would change.
    pub rows: u64,
    /// For how many it gives different answers: those are not changed.
    pub ambiguous: u64,
    /// Some rows.
    pub sample: Vec<Change>,
    /// The first of those with different answers.
    pub candidates: Vec<Candidates>,
    /// A foreign key that would change other rows with these, and how many of the rows it is about: it is refused then.
    pub cascade: Option<(String, u64)>,
}

/// What the fixes of a check would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    /// How many rows are wrong.
    pub found: u64,
    /// How many of them no fix proposes anything for.
    pub left: u64,
    /// Its fixes, in order.
    pub fixes: Vec<FixPreview>,
}

/// Looks what the fixes of a check would do, in the transaction of the session, whose search_path is the project's.
///
/// # Errors
/// The server's, in words; the connection's.
pub async fn preview(session: &mut Session, bound: &ValidatedCheck, sample: usize) -> Result<Preview> {
    let Some(table) = &bound.table else { return Ok(Preview::default()) };
    let key = bound.key();
    let fixing: Vec<Fixing<'_>> = bound.fixes.iter().map(|fix| Fixing { fix, table, key: &key }).collect();
    let doing = format!("looking what the fixes of check {} would do", bound.check.name);
    session.execute(format!("{SWEEPING}; {FORMATS}")).await?;
    let looked = look(session, bound, &fixing, &key, sample).await;
    looked.map_err(|error| connection::server_failure(error, &doing))
}

async fn look(
    session: &mut Session,
    bound: &ValidatedCheck,
    fixing: &[Fixing<'_>],
    key: &[Column],
    sample: usize,
) -> Result<Preview> {
    let mut preview = Preview { fixes: vec![FixPreview::default(); fixing.len()], ..Preview::default() };
    let with = proposed(fixing);
    let keys = numbered("k", key.len());
    let mut parts = Vec::new();
    for (place, each) in fixing.iter().enumerate() {
        let from = format!("f{place}");
        parts.push(format!(
            "SELECT {place}, 'count', ARRAY[(SELECT pg_catalog.count(*) FROM {from})::pg_catalog.text, (SELECT \
             pg_catalog.count(*) FROM (SELECT FROM {from} GROUP BY part, tid) AS g)::pg_catalog.text]"
        ));
        let (old, new) = (numbered("o", each.changed().len()), numbered("w", each.fix.sets.len()));
        let shown: Vec<String> = keys.iter().chain(&old).chain(&new).map(|value| shortened(value)).collect();
        parts.push(format!(
            "(SELECT {place}, 'sample', ARRAY[{}] FROM {from} LIMIT {sample})",
            shown.join(", ")
        ));
    }
    // Counted by key, without a join: however little the server knows of how many rows the queries return, it takes one
    // pass over them.
    let wrong: Vec<String> =
        key.iter().map(|column| column.kept(&format!("q.{}", identifier(&column.name)))).collect();
    let marked = |place| format!("SELECT {}, 0, true FROM f{place}", keys.join(", "));
    let all: Vec<String> = std::iter::once(format!(
        "SELECT {}, 1, false FROM {} AS q",
        wrong.join(", "),
        bound.check.find.wrapped()
    ))
    .chain((0..fixing.len()).map(marked))
    .collect();
    parts.push(format!(
        "SELECT -1, 'left', ARRAY[COALESCE(pg_catalog.sum(g.wrong), 0)::pg_catalog.text, \
         COALESCE(pg_catalog.sum(g.wrong) FILTER (WHERE NOT g.proposed), 0)::pg_catalog.text] FROM (SELECT pg_catalog.sum(a.wrong) AS wrong, \
         pg_catalog.bool_or(a.proposed) AS proposed FROM ({}) AS a ({keys}, wrong, proposed) GROUP BY {keys}) AS g",
        all.join(" UNION ALL "),
        keys = keys.join(", ")
    ));
    let sql = format!("WITH {} {}", with.join(", "), parts.join(" UNION ALL "));
    let mut several = vec![false; fixing.len()];
    for row in rows(session, &sql).await? {
        match (usize::try_from(row.number), row.word.as_str()) {
            (Ok(place), "count") => {
                let (answers, rows) = (row.count(0)?, row.count(1)?);
                preview.fixes[place].rows = rows;
                several[place] = answers != rows;
            }
            (Ok(place), _) => {
                let mut values = row.values.into_iter();
                let mut take = |count: usize| values.by_ref().take(count).collect::<Vec<_>>();
                let change = Change {
                    key: take(key.len()),
                    before: take(fixing[place].changed().len()),
                    after: take(fixing[place].fix.sets.len()),
                };
                preview.fixes[place].sample.push(change);
            }
            (Err(_), _) => (preview.found, preview.left) = (row.count(0)?, row.count(1)?),
        }
    }
    for (place, each) in fixing.iter().enumerate() {
        if several[place] {
            let (count, candidates) = ambiguous(session, &with, place, each, &keys).await?;
            let fix = &mut preview.fixes[place];
            (fix.ambiguous, fix.candidates) = (count, candidates);
            fix.rows -= count;
            // Only what would be done is shown as that.
            let known: Vec<_> = fix.candidates.iter().map(|candidate| candidate.key.clone()).collect();
            fix.sample.retain(|change| !known.contains(&change.key));
            fix.sample.dedup();
        }
        preview.fixes[place].sample.truncate(sample);
        preview.fixes[place].cascade = cascade(session, &with, place, each).await?;
    }
    Ok(preview)
}

/// The rows of every fix, each without those of the fixes before it.
fn proposed(fixing: &[Fixing<'_>]) -> Vec<String> {
    let one = |(place, each): (usize, &Fixing<'_>)| {
        let before: Vec<String> = (0..place).map(|place| format!("f{place}")).collect();
        format!("f{place} AS MATERIALIZED ({})", rows_of(each, &before, None))
    };
    fixing.iter().enumerate().map(one).collect()
}

pub(super) fn shortened(value: &str) -> String {
    format!("pg_catalog.left(({value})::pg_catalog.text, {LONGEST})")
}

/// The rows of one fix that have several answers.
async fn ambiguous(
    session: &mut Session,
    with: &[String],
    place: usize,
    each: &Fixing<'_>,
    keys: &[String],
) -> Result<(u64, Vec<Candidates>)> {
    let new = numbered("w", each.fix.sets.len());
    if new.is_empty() {
        return Ok((0, Vec::new()));
    }
    let image = image(&new);
    let with = format!(
        "WITH {}, twice AS MATERIALIZED (SELECT part, tid FROM f{place} GROUP BY part, tid \
         HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1 \
         AND pg_catalog.min({image}) OPERATOR(pg_catalog.<>) pg_catalog.max({image}))",
        with.join(", ")
    );
    let shown: Vec<String> = keys.iter().chain(&new).map(|value| shortened(&format!("f.{value}"))).collect();
    let sql = format!(
        "{with} SELECT -1, 'count', ARRAY[(SELECT pg_catalog.count(*) FROM twice)::pg_catalog.text] UNION ALL \
         SELECT DISTINCT 0, f.tid::pg_catalog.text || f.part::pg_catalog.text, ARRAY[{}] FROM f{place} AS f JOIN (SELECT * FROM \
         twice ORDER BY part, tid LIMIT {MOST_AMBIGUOUS}) AS d \
         ON d.part OPERATOR(pg_catalog.=) f.part AND d.tid OPERATOR(pg_catalog.=) f.tid ORDER BY 1, 2, 3",
        shown.join(", ")
    );
    let mut count = Single::default();
    let mut answers = Vec::new();
    for row in rows(session, &sql).await? {
        match row.number {
            0 => answers.push(row.values),
            _ => count.set(row.count(0)?)?,
        }
    }
    Ok((count.get()?, Candidates::of(answers, keys.len())))
}

/// The values of a row, such that different ones are told apart.
fn image(values: &[String]) -> String {
    format!("ROW({})::pg_catalog.text COLLATE pg_catalog.\"C\"", values.join(", "))
}

impl Candidates {
    /// Collects answers for the same row, which follow each other; the first `keys` values are the key.
    pub(super) fn of(rows: Vec<Vec<Option<String>>>, keys: usize) -> Vec<Self> {
        let mut candidates: Vec<Self> = Vec::new();
        for mut key in rows {
            let answer = key.split_off(keys);
            match candidates.last_mut().filter(|last| last.key == key) {
                Some(last) => last.answers.push(answer),
                None => candidates.push(Self { key, answers: vec![answer] }),
            }
        }
        candidates
    }
}

/// The first foreign key that changing the rows would set off, and of how many. A row with several answers is not changed.
async fn cascade(
    session: &mut Session,
    with: &[String],
    place: usize,
    each: &Fixing<'_>,
) -> Result<Option<(String, u64)>> {
    let action = each.fix.fix.action;
    let columns: Vec<Column> = each.changed().into_iter().cloned().collect();
    for incoming in each.table.set_off(action, &columns) {
        let image = image(&numbered("w", each.fix.sets.len()));
        let from = format!(
            "(SELECT a.part, a.tid FROM f{place} AS a GROUP BY a.part, a.tid HAVING pg_catalog.bool_or({}) \
             AND pg_catalog.min({image}) OPERATOR(pg_catalog.=) pg_catalog.max({image}))",
            moves(action, &columns, incoming, "a")
        );
        let sql = format!("WITH {} {}", with.join(", "), referred(each.table, incoming, &from));
        let count: u64 = session.scalar(sql).await?;
        if count > 0 {
            return Ok(Some((incoming.told(action), count)));
        }
    }
    Ok(None)
}

/// A row of one of several queries that answer together.
struct Part {
    /// Which query it is of.
    number: i64,
    /// What kind of answer it is.
    word: String,
    values: Vec<Option<String>>,
}

impl Part {
    /// The value at a place, which is a number of rows.
    fn count(&self, place: usize) -> Result<u64, RowError> {
        let value = self.values.get(place).ok_or_else(|| RowError::NoColumn { column: place.to_string() })?;
        read_value(&format!("{} {place}", self.word), value.as_deref())
    }

    fn of(row: &OwnedRow) -> Result<Self> {
        let values = serde_json::from_str(row.get("values")?).context("an array as JSON")?;
        Ok(Self { number: row.get("number")?, word: row.get("word")?, values })
    }
}

/// Runs a query of a number, a word, and an array of texts, which comes as JSON.
async fn rows(session: &mut Session, sql: &str) -> Result<Vec<Part>> {
    let sql = format!(
        "SELECT a.number, a.word, pg_catalog.array_to_json(a.v) AS \"values\" FROM ({sql}) AS a (number, word, v)"
    );
    session.query(sql).await?.iter().map(Part::of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_that_cannot_be_read_is_not_zero() {
        let part = |values: &str| {
            let row =
                OwnedRow::of(&[("number", Some("0")), ("word", Some("count")), ("values", Some(values))]);
            Part::of(&row).unwrap()
        };
        assert_eq!(part(r#"["7","7"]"#).count(1), Ok(7));
        assert!(part(r#"["7","many"]"#).count(1).is_err());
        assert!(part(r#"["7",null]"#).count(1).is_err());
        assert!(part(r#"["7"]"#).count(1).is_err());
        let broken = OwnedRow::of(&[("number", Some("0")), ("word", Some("count")), ("values", Some("{7}"))]);
        assert!(Part::of(&broken).is_err());
    }
}
