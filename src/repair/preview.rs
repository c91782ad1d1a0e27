//! What the fixes of a check would do, read in one snapshot; nothing is written.

use anyhow::{Context as _, Result};

use super::Fixing;
use super::columns::{FORMATS, numbered, of, same_image};
use super::plan::rows_of;
use crate::checks::{Bound, Column};
use crate::db::{self, Session};
use crate::sql::identifier;

/// How many characters of a value are shown.
const LONGEST: usize = 200;
/// How many rows with several answers are listed.
const MOST_AMBIGUOUS: usize = 100;

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
    /// A foreign key that would take other rows along, and how many of the rows it is about: it is refused then.
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
pub async fn preview(session: &mut Session, bound: &Bound, sample: usize) -> Result<Preview> {
    let Some(table) = &bound.table else { return Ok(Preview::default()) };
    let key = bound.key();
    let fixing: Vec<Fixing<'_>> = bound.fixes.iter().map(|fix| Fixing { fix, table, key: &key }).collect();
    let doing = format!("looking what the fixes of check {} would do", bound.check.name);
    session.execute(FORMATS).await?;
    let looked = look(session, bound, &fixing, &key, sample).await;
    looked.map_err(|error| db::server_failure(error, &doing))
}

async fn look(
    session: &mut Session,
    bound: &Bound,
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
    let all: Vec<String> =
        (0..fixing.len()).map(|place| format!("SELECT {} FROM f{place}", keys.join(", "))).collect();
    let same: Vec<String> = key
        .iter()
        .zip(&keys)
        .map(|(column, kept)| {
            column.equal(&format!("q.{}", identifier(&column.name)), &column.back(&format!("p.{kept}")))
        })
        .collect();
    parts.push(format!(
        "SELECT -1, 'left', ARRAY[(SELECT pg_catalog.count(*) FROM {find} AS q)::pg_catalog.text, (SELECT pg_catalog.count(*) \
         FROM {find} AS q WHERE NOT EXISTS (SELECT FROM ({all}) AS p WHERE {same}))::pg_catalog.text]",
        find = bound.check.find.wrapped(),
        all = all.join(" UNION ALL "),
        same = same.join(" AND ")
    ));
    let sql = format!("WITH {} {}", with.join(", "), parts.join(" UNION ALL "));
    let mut several = vec![false; fixing.len()];
    for (place, what, values) in rows(session, &sql).await? {
        let number =
            |at: usize| values.get(at).and_then(|value| value.as_ref()?.parse::<u64>().ok()).unwrap_or(0);
        match (usize::try_from(place), what.as_str()) {
            (Ok(place), "count") => {
                preview.fixes[place].rows = number(1);
                several[place] = number(0) != number(1);
            }
            (Ok(place), _) => {
                let mut values = values.into_iter();
                let mut take = |count: usize| values.by_ref().take(count).collect::<Vec<_>>();
                let change = Change {
                    key: take(key.len()),
                    before: take(fixing[place].changed().len()),
                    after: take(fixing[place].fix.sets.len()),
                };
                preview.fixes[place].sample.push(change);
            }
            (Err(_), _) => (preview.found, preview.left) = (number(0), number(1)),
        }
    }
    for (place, each) in fixing.iter().enumerate() {
        if several[place] {
            let (count, candidates) = ambiguous(session, &with, place, each, &keys).await?;
            let fix = &mut preview.fixes[place];
            (fix.ambiguous, fix.candidates) = (count, candidates);
            fix.rows -= count;
        }
        preview.fixes[place].cascade = cascade(session, &with, place, each).await?;
    }
    Ok(preview)
}

/// The rows of every fix, each without those of the fixes before it.
fn proposed(fixing: &[Fixing<'_>]) -> Vec<String> {
    let one = |(place, each): (usize, &Fixing<'_>)| {
        let before: Vec<String> = (0..place).map(|place| format!("f{place}")).collect();
        format!("f{place} AS MATERIALIZED ({})", rows_of(each, &before))
    };
    fixing.iter().enumerate().map(one).collect()
}

fn shortened(value: &str) -> String {
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
    let image = format!("ROW({})::pg_catalog.text COLLATE pg_catalog.\"C\"", new.join(", "));
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
    let mut count = 0;
    let mut candidates: Vec<Candidates> = Vec::new();
    for (which, _, mut values) in rows(session, &sql).await? {
        if which < 0 {
            count = values.into_iter().flatten().next().and_then(|count| count.parse().ok()).unwrap_or(0);
            continue;
        }
        let answer = values.split_off(keys.len());
        match candidates.last_mut().filter(|last| last.key == values) {
            Some(last) => last.answers.push(answer),
            None => candidates.push(Candidates { key: values, answers: vec![answer] }),
        }
    }
    Ok((count, candidates))
}

/// The first foreign key that deleting the rows would set off, and of how many.
async fn cascade(
    session: &mut Session,
    with: &[String],
    place: usize,
    each: &Fixing<'_>,
) -> Result<Option<(String, u64)>> {
    if !each.fix.sets.is_empty() {
        return Ok(None);
    }
    for incoming in &each.table.incoming {
        let same: Vec<String> = incoming
            .columns
            .iter()
            .zip(&incoming.referenced)
            .map(|(column, referenced)| format!("c.{} = t.{}", identifier(column), identifier(referenced)))
            .collect();
        let sql = format!(
            "WITH {} SELECT 0, 'count', ARRAY[(SELECT pg_catalog.count(*) FROM f{place} AS f JOIN {} AS t ON \
             t.ctid OPERATOR(pg_catalog.=) f.tid AND t.tableoid OPERATOR(pg_catalog.=) f.part WHERE EXISTS (SELECT FROM {} AS c \
             WHERE {}))::pg_catalog.text]",
            with.join(", "),
            each.table.qualified(),
            incoming.table,
            same.join(" AND ")
        );
        let found = rows(session, &sql)
            .await?
            .into_iter()
            .next()
            .and_then(|(_, _, values)| values.into_iter().next()?);
        let count = found.and_then(|count| count.parse::<u64>().ok()).unwrap_or(0);
        if count > 0 {
            let what = match incoming.action.as_str() {
                "c" => "CASCADE",
                "n" => "SET NULL",
                _ => "SET DEFAULT",
            };
            let named =
                format!("{} of {} (ON DELETE {what})", identifier(&incoming.constraint), incoming.table);
            return Ok(Some((named, count)));
        }
    }
    Ok(None)
}

/// Rows of a number, a word, and an array of texts, which comes as JSON.
async fn rows(session: &mut Session, sql: &str) -> Result<Vec<(i64, String, Vec<Option<String>>)>> {
    let sql = format!("SELECT a.n, a.w, pg_catalog.array_to_json(a.v) FROM ({sql}) AS a (n, w, v)");
    let mut found = Vec::new();
    for row in session.rows(sql).await? {
        let [Some(number), Some(word), Some(values)] =
            <[Option<String>; 3]>::try_from(row).unwrap_or_default()
        else {
            continue;
        };
        found.push((number.parse()?, word, serde_json::from_str(&values).context("an array as JSON")?));
    }
    Ok(found)
}

/// Whether values were changed, for [`rows_of`].
pub(super) fn differs(each: &Fixing<'_>) -> Option<String> {
    let changed = each.changed();
    let new: Vec<String> =
        each.fix.sets.iter().zip(&changed).map(|(name, column)| each.given(name, column)).collect();
    let old: Vec<String> = changed.iter().map(|column| of("t", column)).collect();
    (!new.is_empty()).then(|| format!("NOT {}", same_image(&old, &new)))
}

impl Fixing<'_> {
    /// What the fix returns for a column, as a value of the column's type.
    pub(super) fn given(&self, name: &str, column: &Column) -> String {
        let type_oid = self.fix.types.get(name).copied().unwrap_or_default();
        column.given(&format!("f.{}", identifier(name)), type_oid)
    }
}
