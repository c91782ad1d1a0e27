//! The plan of a repair as tables in the database: which rows, their versions, their old values and the new ones.
//!
//! All fixes are evaluated in one snapshot. A row belongs to the first that proposes it, of whichever check.

use anyhow::{Context as _, Result};

use super::columns::{FORMATS, numbered, of, same_image};
use super::preview::differs;
use super::records::{Repair, State};
use super::{Fixing, Pace, state};
use crate::checks::{Bound, Column};
use crate::door::{Door, Limits, Watch, Work};
use crate::error::{Exit, Failure};
use crate::sql::literal;

/// What planning may use in memory, on the server.
const MEMORY: &str = "SET LOCAL work_mem = '64MB'; SET LOCAL maintenance_work_mem = '64MB'";

/// The rows that a fix proposes to change, without those that are in one of the tables `before`: `part`, `tid`, `x`, the
/// key as `k1...`, the old values as `o1...`, the new ones as `w1...`.
pub(super) fn rows_of(each: &Fixing<'_>, before: &[String]) -> String {
    let Fixing { fix, table, key } = each;
    let mut columns =
        vec!["t.tableoid AS part".to_owned(), "t.ctid AS tid".to_owned(), "t.xmin AS x".to_owned()];
    let kept = |values: Vec<String>, prefix: &str| -> Vec<String> {
        values.into_iter().zip(1..).map(|(value, number)| format!("{value} AS {prefix}{number}")).collect()
    };
    columns.extend(kept(key.iter().map(|column| column.kept(&of("t", column))).collect(), "k"));
    let changed = each.changed();
    columns.extend(kept(changed.iter().map(|column| column.kept(&of("t", column))).collect(), "o"));
    let new = fix.sets.iter().zip(&changed).map(|(name, column)| column.kept(&each.given(name, column)));
    columns.extend(kept(new.collect(), "w"));
    let same: Vec<String> = key
        .iter()
        .map(|column| column.equal(&of("t", column), &format!("f.{}", crate::sql::identifier(&column.name))))
        .collect();
    let elsewhere = before.iter().map(|other| {
        format!(
            "NOT EXISTS (SELECT FROM {other} AS e WHERE e.tid OPERATOR(pg_catalog.=) t.ctid \
             AND e.part OPERATOR(pg_catalog.=) t.tableoid)"
        )
    });
    let conditions: Vec<String> = differs(each).into_iter().chain(elsewhere).collect();
    let conditions =
        if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    format!(
        "SELECT {} FROM {} AS f JOIN {} AS t ON {}{conditions}",
        columns.join(", "),
        fix.fix.query.wrapped(),
        table.qualified(),
        same.join(" AND ")
    )
}

/// Writes the plan of these checks' fixes down and commits it. Returns what is to be done: repairs of no row are none.
/// `number` counts the repairs of the run.
///
/// # Errors
/// Exit 4 when a fix would change more rows than its `at-most`; the door's.
pub async fn plan(
    door: &mut Door,
    watch: &mut dyn Watch,
    checks: &[&Bound],
    number: &mut u32,
    pace: &Pace,
) -> Result<Vec<Repair>> {
    let mut repairs: Vec<Repair> = Vec::new();
    let (mut script, mut records) = (format!("{MEMORY};\n{FORMATS};\n"), Vec::new());
    records.push(format!(
        "UPDATE trueup.repairs SET state = '{}' WHERE state = '{}' AND run <> {}",
        State::BrokeOff.word(),
        State::Planned.word(),
        literal(door.run())
    ));
    let keys: Vec<Vec<Column>> = checks.iter().map(|check| check.key()).collect();
    for (bound, key) in checks.iter().zip(&keys) {
        let Some(table) = &bound.table else { continue };
        for fix in &bound.fixes {
            *number += 1;
            let each = Fixing { fix, table, key };
            let rows_in = format!("repair_{}_{number}", door.run().to_lowercase());
            let before: Vec<String> =
                repairs.iter().filter(|other| other.table.oid == table.oid).map(Repair::rows_in).collect();
            write(&mut script, &each, &format!("trueup.{rows_in}"), &before);
            let changed: Vec<String> = each.changed().iter().map(|column| column.name.clone()).collect();
            let repair = Repair {
                run: door.run().to_owned(),
                number: *number,
                check: bound.check.name.clone(),
                fix: fix.fix.name.clone(),
                action: fix.fix.action,
                table: table.clone(),
                key: key.clone(),
                columns: each.changed().into_iter().cloned().collect(),
                rows_in,
                planned: 0,
                last: 0,
                ambiguous: 0,
                done: 0,
                changed: 0,
                skipped: 0,
                state: State::Planned,
                undone: 0,
            };
            records.push(repair.insert(&changed));
            repairs.push(repair);
        }
    }
    let what = "the plan of the repair";
    let limits =
        Limits { lock_timeout: pace.lock_timeout, lock_budget: pace.patience, max_duration: pace.planning };
    let records = records.join(";\n");
    let work = Work { script: &script, snapshot: true, ..Work::records(what, &records, limits) };
    door.transaction(&work, watch).await.map_err(|trouble| trouble.failure(what, false))?;
    count(door, &mut repairs).await?;
    drop_empty(door, watch, &repairs, limits).await?;
    let too_many = checks.iter().flat_map(|check| &check.fixes).zip(&repairs).find_map(|(fix, repair)| {
        let most = fix.fix.at_most.filter(|most| repair.planned > *most)?;
        Some((repair, most))
    });
    if let Some((repair, most)) = too_many {
        return Err(too_many_rows(repair.title(), repair.planned, most).into());
    }
    repairs.retain(|repair| repair.planned > 0);
    Ok(repairs)
}

/// A fix that would do more than its file allows.
pub(crate) fn too_many_rows(title: String, rows: u64, most: u64) -> Failure {
    Failure::new(
        Exit::Refused,
        format!("fix {title} would change {rows} rows, and its file says `-- at-most: {most}`; nothing was changed"),
    )
    .next("look at what it proposes: trueup verify --fix --dry-run; then raise the number, or narrow the fix")
}

/// The statements that make and fill the table of one fix.
fn write(script: &mut String, each: &Fixing<'_>, table: &str, before: &[String]) {
    let changed = each.changed();
    let (old, new) = (numbered("o", changed.len()), numbered("w", each.fix.sets.len()));
    let keys = numbered("k", each.key.len());
    let declared = |columns: &[&Column], names: &[String]| -> Vec<String> {
        columns.iter().zip(names).map(|(column, name)| column.declared(name)).collect()
    };
    let key: Vec<&Column> = each.key.iter().collect();
    let columns =
        [declared(&key, &keys), declared(&changed, &old), declared(&changed, &new)].concat().join(", ");
    let values = [keys, old, new.clone()].concat().join(", ");
    script.push_str(&format!(
        "CREATE TABLE {table} (n pg_catalog.int8 NOT NULL, part pg_catalog.oid NOT NULL, tid pg_catalog.tid NOT NULL, \
         x pg_catalog.xid NOT NULL, {columns}, state pg_catalog.\"char\");\n\
         INSERT INTO {table} (n, part, tid, x, {values}) SELECT pg_catalog.row_number() OVER (), part, tid, x, {values} \
         FROM ({}) AS r;\n\
         ALTER TABLE {table} ADD PRIMARY KEY (n);\n",
        rows_of(each, before)
    ));
    // The same answer twice is one answer; different ones are none.
    let same = match new.as_slice() {
        [] => "true".to_owned(),
        new => {
            let of = |alias: &str| new.iter().map(|value| format!("{alias}.{value}")).collect::<Vec<_>>();
            same_image(&of("p"), &of("q"))
        }
    };
    script.push_str(&format!(
        "WITH twice AS (SELECT part, tid, pg_catalog.min(n) AS first FROM {table} GROUP BY part, tid \
         HAVING pg_catalog.count(*) OPERATOR(pg_catalog.>) 1), \
         judged AS (SELECT p.part, p.tid, d.first, pg_catalog.bool_and({same}) AS same FROM twice AS d \
         JOIN {table} AS p ON p.part OPERATOR(pg_catalog.=) d.part AND p.tid OPERATOR(pg_catalog.=) d.tid \
         JOIN {table} AS q ON q.n OPERATOR(pg_catalog.=) d.first GROUP BY p.part, p.tid, d.first) \
         UPDATE {table} AS p SET state = CASE WHEN j.same THEN '{}' ELSE '{}' END::pg_catalog.\"char\" FROM judged AS j \
         WHERE p.part OPERATOR(pg_catalog.=) j.part AND p.tid OPERATOR(pg_catalog.=) j.tid \
         AND (NOT j.same OR p.n OPERATOR(pg_catalog.<>) j.first);\n\
         ANALYZE {table};\n",
        state::AGAIN,
        state::AMBIGUOUS,
    ));
}

/// Reads how many rows each plan has.
async fn count(door: &mut Door, repairs: &mut [Repair]) -> Result<()> {
    for repair in repairs {
        let sql = format!(
            "SELECT count(*) FILTER (WHERE state IS NULL), COALESCE(max(n) FILTER (WHERE state IS NULL), 0), \
             count(DISTINCT (part, tid)) FILTER (WHERE state = '{}') FROM {}",
            state::AMBIGUOUS,
            repair.rows_in()
        );
        let rows =
            door.ask(&sql).await.map_err(|error| crate::db::server_failure(error, "reading the plan"))?;
        let row = rows.into_iter().next().context("the plan was not counted")?;
        let mut numbers =
            row.into_iter().map(|number| number.and_then(|number| number.parse().ok()).unwrap_or(0));
        let mut next = || numbers.next().unwrap_or(0);
        (repair.planned, repair.last, repair.ambiguous) = (next(), next(), next());
    }
    Ok(())
}

/// Writes the counts down; plans of no row go.
async fn drop_empty(
    door: &mut Door,
    watch: &mut dyn Watch,
    repairs: &[Repair],
    limits: Limits,
) -> Result<()> {
    let mut records: Vec<String> = Vec::new();
    for repair in repairs {
        let of = format!("WHERE run = {} AND number = {}", literal(&repair.run), repair.number);
        if repair.planned == 0 {
            records.push(format!("DROP TABLE {}", repair.rows_in()));
            records.push(format!("DELETE FROM trueup.repairs {of}"));
        } else {
            records.push(format!("UPDATE trueup.repairs SET planned = {} {of}", repair.planned));
        }
    }
    let what = "the record of the plan";
    let records = records.join(";\n");
    if records.is_empty() {
        return Ok(());
    }
    door.transaction(&Work::records(what, &records, limits), watch)
        .await
        .map_err(|trouble| trouble.failure(what, false))
}
