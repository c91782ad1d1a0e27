//! Previews what the fixes of a check would do. Everything is read in one snapshot, and nothing is written.

use anyhow::Result;

use super::FixTarget;
use super::columns::numbered;
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
/// belongs to the first fix that proposes something for it. At most `sample` rows of each fix are returned.
///
/// # Errors
/// Those of the server and the connection, in words. A count that cannot be read.
pub async fn preview(session: &mut Session, validated: &ValidatedCheck, sample: usize) -> Result<Preview> {
    let preview = read(session, validated, sample).await;
    let doing = format!("reading what the fixes of check {} would do", validated.check.name);
    preview.map_err(|error| connection::server_failure(error, &doing))
}

async fn read(session: &mut Session, validated: &ValidatedCheck, sample: usize) -> Result<Preview> {
    let Some(table) = &validated.table else { return Ok(Preview::default()) };
    let key = validated.key();
    let targets: Vec<FixTarget<'_>> =
        validated.fixes.iter().map(|fix| FixTarget { fix, table, key: &key }).collect();
    let changed: Vec<Vec<CheckedColumn>> =
        targets.iter().map(|target| target.changed().into_iter().cloned().collect()).collect();
    let proposed: Vec<ProposedRows<'_>> = targets
        .iter()
        .zip(&changed)
        .enumerate()
        .map(|(number, (target, columns))| ProposedRows {
            relation: format!("f{number}"),
            order: "part, tid",
            table,
            action: target.fix.fix.action,
            key: &key,
            columns,
        })
        .collect();
    let with = with(&targets, &proposed);
    let mut parts: Vec<String> = Vec::new();
    for (number, rows) in proposed.iter().enumerate() {
        parts.extend(summary::parts(number, rows, sample));
    }
    parts.push(wrong_rows(validated, &key, &proposed));
    let mut preview = Preview { fixes: vec![FixPreview::default(); targets.len()], ..Preview::default() };
    for part in summary::read(session, &with, &parts).await? {
        match usize::try_from(part.number) {
            Ok(number) => preview.fixes[number].add(part, &proposed[number])?,
            Err(_) => (preview.found, preview.left) = (part.count(0)?, part.count(1)?),
        }
    }
    for (fix, rows) in preview.fixes.iter_mut().zip(&proposed) {
        fix.cascade = cascade(session, &with, rows).await?;
    }
    Ok(preview)
}

/// The common table expressions with the rows that the fixes propose, each without the rows of the fixes before it.
fn with(targets: &[FixTarget<'_>], proposed: &[ProposedRows<'_>]) -> String {
    let mut before: Vec<String> = Vec::new();
    let mut expressions = Vec::new();
    for (target, rows) in targets.iter().zip(proposed) {
        let name = rows.relation.clone();
        expressions.push(format!("{name} AS MATERIALIZED ({})", proposed::query(target, &before, None)));
        before.push(name);
    }
    if expressions.is_empty() { String::new() } else { format!("WITH {}", expressions.join(", ")) }
}

/// The query that counts the wrong rows, and those of them that no fix proposes anything for. It is a further one for
/// [`summary::read`], with the number -1.
///
/// It counts by key and without a join, so that the server needs one pass over the rows even where it estimates their number
/// badly.
fn wrong_rows(validated: &ValidatedCheck, key: &[CheckedColumn], proposed: &[ProposedRows<'_>]) -> String {
    let keys = numbered("k", key.len()).join(", ");
    let wrong: Vec<String> =
        key.iter().map(|column| column.recorded(&format!("q.{}", identifier(&column.name)))).collect();
    let wrong = format!("SELECT {}, 1, false FROM {} AS q", wrong.join(", "), validated.check.find.wrapped());
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
