//! A preview of what the fixes of a check would do, read in one snapshot. Nothing is written.

use anyhow::Result;

use super::FixTarget;
use super::proposed::{self, ProposedRows};
use super::referring::cascade;
use super::summary::{self, FixPreview};
use crate::data::checks::{CheckedColumn, ValidatedCheck};
use crate::postgres::connection::{self, Session};
use crate::postgres::sql::identifier;

/// What the fixes of a check would do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Preview {
    /// How many rows are wrong.
    pub found: u64,
    /// For how many of them no fix proposes anything.
    pub left: u64,
    /// What each fix would do, in their order.
    pub fixes: Vec<FixPreview>,
}

/// Reads what the fixes of a check would do, in the transaction of the session, whose search_path is the project's. A row
/// belongs to the first fix that proposes it. At most `sample` rows of each fix are returned.
///
/// # Errors
/// The server's, in words; the connection's.
pub async fn preview(session: &mut Session, bound: &ValidatedCheck, sample: usize) -> Result<Preview> {
    let preview = read(session, bound, sample).await;
    let doing = format!("looking what the fixes of check {} would do", bound.check.name);
    preview.map_err(|error| connection::server_failure(error, &doing))
}

async fn read(session: &mut Session, bound: &ValidatedCheck, sample: usize) -> Result<Preview> {
    let Some(table) = &bound.table else { return Ok(Preview::default()) };
    let key = bound.key();
    let fixing: Vec<FixTarget<'_>> =
        bound.fixes.iter().map(|fix| FixTarget { fix, table, key: &key }).collect();
    let changed: Vec<Vec<CheckedColumn>> =
        fixing.iter().map(|each| each.changed().into_iter().cloned().collect()).collect();
    let proposed: Vec<ProposedRows<'_>> = fixing
        .iter()
        .zip(&changed)
        .enumerate()
        .map(|(number, (each, columns))| ProposedRows {
            relation: format!("f{number}"),
            order: "part, tid",
            table,
            action: each.fix.fix.action,
            key: &key,
            columns,
        })
        .collect();
    let with = with(&fixing, &proposed);
    let mut parts: Vec<String> = Vec::new();
    for (number, rows) in proposed.iter().enumerate() {
        parts.extend(summary::parts(number, rows, sample));
    }
    parts.push(wrong_rows(bound, &key, &proposed));
    let mut preview = Preview { fixes: vec![FixPreview::default(); fixing.len()], ..Preview::default() };
    for part in summary::read(session, &with, &parts).await? {
        match usize::try_from(part.number) {
            Ok(number) => preview.fixes[number].take(part, &proposed[number])?,
            Err(_) => (preview.found, preview.left) = (part.count(0)?, part.count(1)?),
        }
    }
    for (fix, rows) in preview.fixes.iter_mut().zip(&proposed) {
        fix.cascade = cascade(session, &with, rows).await?;
    }
    Ok(preview)
}

/// The common table expressions of what the fixes propose, each without the rows of the fixes before it.
fn with(fixing: &[FixTarget<'_>], proposed: &[ProposedRows<'_>]) -> String {
    let mut before: Vec<String> = Vec::new();
    let mut expressions = Vec::new();
    for (each, rows) in fixing.iter().zip(proposed) {
        let name = rows.relation.clone();
        expressions.push(format!("{name} AS MATERIALIZED ({})", proposed::query(each, &before, None)));
        before.push(name);
    }
    if expressions.is_empty() { String::new() } else { format!("WITH {}", expressions.join(", ")) }
}

/// The query that counts the wrong rows, and those of them that no fix proposes anything for; one more for
/// [`summary::read`], with the number -1.
///
/// It counts by key, without a join. However little the server knows of how many rows the queries return, it takes one
/// pass over them.
fn wrong_rows(bound: &ValidatedCheck, key: &[CheckedColumn], proposed: &[ProposedRows<'_>]) -> String {
    let keys = super::columns::numbered("k", key.len()).join(", ");
    let wrong: Vec<String> =
        key.iter().map(|column| column.kept(&format!("q.{}", identifier(&column.name)))).collect();
    let wrong = format!("SELECT {}, 1, false FROM {} AS q", wrong.join(", "), bound.check.find.wrapped());
    let proposed = proposed.iter().map(|rows| format!("SELECT {keys}, 0, true FROM {}", rows.relation));
    let all: Vec<String> = std::iter::once(wrong).chain(proposed).collect();
    format!(
        "SELECT -1, 'wrong', 0, ARRAY[COALESCE(pg_catalog.sum(g.wrong), 0)::pg_catalog.text, \
         COALESCE(pg_catalog.sum(g.wrong) FILTER (WHERE NOT g.proposed), 0)::pg_catalog.text] \
         FROM (SELECT pg_catalog.sum(a.wrong) AS wrong, pg_catalog.bool_or(a.proposed) AS proposed FROM ({}) AS a \
         ({keys}, wrong, proposed) GROUP BY {keys}) AS g",
        all.join(" UNION ALL ")
    )
}
