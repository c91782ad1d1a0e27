//! What has to be in the table, found out with plain SQL on copies of it.

use anyhow::{Result, ensure};
use trueup::postgres::connection::Session;

use super::case::{Case, Fix};
use super::writer::fresh;
use crate::support::rows;

/// Rows that no writer touched so far, of an alias.
const UNTOUCHED: &str = "NOT EXISTS (SELECT FROM public.log WHERE log.rid = b.rid)";

/// Remembers the table as it is, and what every fix would make of it.
pub(crate) async fn remember(session: &mut Session, case: &Case) -> Result<()> {
    let mut sql =
        format!("DROP TABLE IF EXISTS before; CREATE TEMP TABLE before AS SELECT * FROM {};", case.table);
    let fixes: Vec<&Fix> = case.checks.iter().flatten().collect();
    let mut owner = String::new();
    let mut ambiguous = String::new();
    for (number, fix) in fixes.iter().enumerate() {
        let wrong = &fix.wrong;
        if fix.sets.is_empty() {
            owner.push_str(&format!(" WHEN {wrong} THEN {number}"));
            continue;
        }
        let list = |which: usize| {
            let sets: Vec<String> =
                fix.sets.iter().map(|set| format!("{} = {}", set.column, set.plain[which])).collect();
            sets.join(", ")
        };
        let several = fix.several.as_deref().unwrap_or("false");
        // The two updates are of different rows.
        sql.push_str(&format!(
            "DROP TABLE IF EXISTS first{number}, second{number};
             CREATE TEMP TABLE first{number} AS SELECT * FROM before;
             UPDATE first{number} SET {} WHERE {wrong};
             CREATE TEMP TABLE second{number} AS SELECT * FROM before;
             UPDATE second{number} SET {} WHERE ({wrong}) AND {several};
             UPDATE second{number} SET {} WHERE ({wrong}) AND NOT ({several});",
            list(0),
            list(1),
            list(0)
        ));
        let image = |alias: &str| {
            let columns: Vec<String> = fix.sets.iter().map(|set| format!("{alias}.{}", set.column)).collect();
            format!("ROW({})", columns.join(", "))
        };
        let differ = |left: &str, right: &str| {
            format!(
                "EXISTS (SELECT FROM first{number} AS f JOIN second{number} AS s USING (rid) WHERE f.rid = b.rid \
                 AND NOT record_image_eq({}, {}))",
                image(left),
                image(right)
            )
        };
        owner.push_str(&format!(" WHEN {} OR {} THEN {number}", differ("b", "f"), differ("b", "s")));
        ambiguous.push_str(&format!(" WHEN {number} THEN {}", differ("f", "s")));
    }
    sql.push_str(&format!(
        "DROP TABLE IF EXISTS owned, planned;
         CREATE TEMP TABLE owned AS SELECT rid, CASE{owner} END AS owner FROM before AS b;
         CREATE TEMP TABLE planned AS SELECT o.*, CASE o.owner{} ELSE false END AS ambiguous FROM owned AS o JOIN before AS b \
         USING (rid)",
        if ambiguous.is_empty() { " WHEN -1 THEN false" } else { &ambiguous }
    ));
    session.execute(sql).await
}

/// Holds the repaired table against what the fixes said.
pub(crate) async fn repaired(session: &mut Session, case: &Case) -> Result<()> {
    let columns = case.all();
    let now: Vec<String> = columns.iter().map(|name| format!("t.{name}")).collect();
    let now = now.join(", ");
    let expected = |from: &str| {
        let expected: Vec<String> = columns.iter().map(|name| format!("e.{name}")).collect();
        format!("ROW({}) FROM {from} AS e WHERE e.rid = b.rid", expected.join(", "))
    };
    let mut wrong = Vec::new();
    for (number, fix) in case.checks.iter().flatten().enumerate() {
        let sql = if fix.sets.is_empty() {
            format!(
                "SELECT b.rid FROM planned AS b JOIN {} AS t USING (rid) WHERE b.owner = {number} AND {UNTOUCHED}",
                case.table
            )
        } else {
            format!(
                "SELECT b.rid FROM planned AS b LEFT JOIN {} AS t USING (rid) WHERE b.owner = {number} AND NOT b.ambiguous \
                 AND {UNTOUCHED} AND (t.rid IS NULL OR NOT record_image_eq(ROW({now}), (SELECT {})))",
                case.table,
                expected(&format!("first{number}"))
            )
        };
        let found = rows(session, sql).await?;
        if !found.is_empty() {
            wrong.push(format!("fix {number} of all had rows {}, which are not as it said", listed(&found)));
        }
    }
    let sql = format!(
        "SELECT b.rid FROM planned AS b LEFT JOIN {} AS t USING (rid) WHERE (b.owner IS NULL OR b.ambiguous) AND {UNTOUCHED} \
         AND (t.rid IS NULL OR NOT record_image_eq(ROW({now}), (SELECT {})))",
        case.table,
        expected("before")
    );
    let found = rows(session, sql).await?;
    if !found.is_empty() {
        wrong.push(format!("rows {} were changed, and no fix said one thing about them", listed(&found)));
    }
    ensure!(wrong.is_empty(), "after the repair: {}", wrong.join("; "));
    writers(session, case, "after the repair", false).await
}

/// Holds the table whose repairs were taken back against what it was.
pub(crate) async fn undone(session: &mut Session, case: &Case) -> Result<()> {
    let sql = format!(
        "SELECT COALESCE(t.rid, b.rid) FROM first_of_all AS b FULL JOIN {} AS t USING (rid) WHERE \
         NOT EXISTS (SELECT FROM public.log WHERE log.rid = COALESCE(t.rid, b.rid)) \
         AND (t.rid IS NULL OR b.rid IS NULL OR NOT record_image_eq(t, b))",
        case.table
    );
    let found = rows(session, sql).await?;
    ensure!(found.is_empty(), "taken back: rows {} are not as they were", listed(&found));
    // A writer that touched none of the repaired columns keeps no row from being given back.
    let columns: Vec<String> =
        case.key.iter().chain(&case.columns).map(|column| column.name.clone()).collect();
    let of =
        |alias: &str| columns.iter().map(|name| format!("{alias}.{name}")).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "SELECT b.rid FROM first_of_all AS b LEFT JOIN {} AS t USING (rid) WHERE \
         NOT EXISTS (SELECT FROM public.log WHERE log.rid = b.rid AND op <> 'touch') \
         AND (t.rid IS NULL OR NOT record_image_eq(ROW({}), ROW({})))",
        case.table,
        of("t"),
        of("b")
    );
    let found = rows(session, sql).await?;
    ensure!(
        found.is_empty(),
        "taken back: rows {} that were touched elsewhere are not as they were",
        listed(&found)
    );
    writers(session, case, "taken back", true).await
}

/// No change of a writer is lost. `all`: also what the repair may have changed after it.
async fn writers(session: &mut Session, case: &Case, when: &str, all: bool) -> Result<()> {
    let sql = format!(
        "SELECT l.rid FROM (SELECT DISTINCT ON (rid) * FROM public.log ORDER BY rid, at DESC) AS l \
         LEFT JOIN {} AS t USING (rid) WHERE CASE WHEN l.op = 'delete' THEN t.rid IS NOT NULL \
         WHEN {all} THEN t.wc IS DISTINCT FROM l.seq ELSE t.wc <> l.seq END",
        case.table
    );
    let found = rows(session, sql).await?;
    ensure!(found.is_empty(), "{when}: what a writer did to rows {} is lost", listed(&found));
    if !all {
        return Ok(());
    }
    let sql = "SELECT DISTINCT ON (rid, col) rid, col, seq FROM public.log AS l WHERE op = 'write' AND NOT EXISTS \
               (SELECT FROM public.log AS d WHERE d.rid = l.rid AND d.op = 'delete') ORDER BY rid, col, at DESC";
    for row in rows(session, sql).await? {
        let number = |at: usize| row[at].as_deref().and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
        let column = &case.columns[number(1) - 1];
        let value = fresh(column.fresh.as_deref().unwrap_or("NULL"), number(2));
        let sql = format!(
            "SELECT record_image_eq(ROW({}), ROW({value})) FROM {} WHERE rid = {}",
            column.name,
            case.table,
            number(0)
        );
        let same = rows(session, sql).await?.into_iter().flatten().flatten().next();
        ensure!(
            same.as_deref() == Some("t"),
            "{when}: what a writer wrote into column {} of row {} is lost",
            column.name,
            number(0)
        );
    }
    Ok(())
}

fn listed(rows: &[Vec<Option<String>>]) -> String {
    let some: Vec<&str> = rows.iter().take(10).filter_map(|row| row[0].as_deref()).collect();
    some.join(", ")
}
