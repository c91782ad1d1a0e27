//! The plan of a repair as tables in the database: which rows, their versions, their old values and the new ones.
//!
//! All fixes are evaluated in one snapshot. A row belongs to the first that proposes it, of whichever check.

use anyhow::Result;

use super::columns::{FORMATS, numbered, of, same_image};
use super::preview::{Candidates, Change, FixPreview, MOST_AMBIGUOUS, shortened};
use super::records::{Repair, State};
use super::referring::{moves, referred};
use super::{Fixing, Pace, state};
use crate::data::checks::{Action, Column, Table, ValidatedCheck};
use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection::{OwnedRow, RowError};
use crate::postgres::sql::{identifier, literal};
use crate::text::duration;
use crate::writer::{Limits, StepError, Watch, Work, WriteSession};

/// For queries over whole tables, whose costs are guessed: memory on the server, and no compiling of what runs once.
pub(super) const SWEEPING: &str =
    "SET LOCAL work_mem = '64MB'; SET LOCAL maintenance_work_mem = '64MB'; SET LOCAL jit = off";

/// The rows that a fix proposes to change, without those that are in one of the tables `before`, and for which `among`
/// holds: `part`, `tid`, `x`, the key as `k1...`, the old values as `o1...`, the new ones as `w1...`. That a row is to stay
/// as it is, is an answer too, where there is another.
pub(super) fn rows_of(each: &Fixing<'_>, before: &[String], among: Option<&str>) -> String {
    let Fixing { fix, table, key } = each;
    let mut columns =
        vec!["t.tableoid AS part".to_owned(), "t.ctid AS tid".to_owned(), "t.xmin AS x".to_owned()];
    let kept = |values: Vec<String>, prefix: &str| -> Vec<String> {
        values.into_iter().zip(1..).map(|(value, number)| format!("{value} AS {prefix}{number}")).collect()
    };
    columns.extend(kept(key.iter().map(|column| column.kept(&of("t", column))).collect(), "k"));
    let changed = each.changed();
    columns.extend(kept(changed.iter().map(|column| column.kept(&of("t", column))).collect(), "o"));
    let new = fix.sets.iter().zip(&changed).map(|(name, column)| each.given(name, column));
    columns.extend(kept(new.collect(), "w"));
    let same: Vec<String> = key
        .iter()
        .map(|column| column.equal(&of("t", column), &format!("f.{}", identifier(&column.name))))
        .collect();
    let elsewhere = before.iter().map(|other| {
        format!(
            "NOT EXISTS (SELECT FROM {other} AS e WHERE e.tid OPERATOR(pg_catalog.=) t.ctid \
             AND e.part OPERATOR(pg_catalog.=) t.tableoid)"
        )
    });
    let conditions: Vec<String> = elsewhere.chain(among.map(str::to_owned)).collect();
    let conditions =
        if conditions.is_empty() { String::new() } else { format!(" WHERE {}", conditions.join(" AND ")) };
    let differs = differs(each);
    columns.extend(differs.iter().map(|differs| format!("{differs} AS differs")));
    let answers = format!(
        "SELECT {} FROM {} AS f JOIN {} AS t ON {}{conditions}",
        columns.join(", "),
        fix.fix.query.wrapped(),
        table.qualified(),
        same.join(" AND ")
    );
    match differs {
        None => answers,
        Some(_) => format!(
            "SELECT * FROM (SELECT a.*, pg_catalog.bool_or(a.differs) OVER (PARTITION BY a.part, a.tid) AS changes \
             FROM ({answers}) AS a) AS a WHERE changes"
        ),
    }
}

/// Whether a row has other values than its fix returns; `None` for one that deletes.
fn differs(each: &Fixing<'_>) -> Option<String> {
    let changed = each.changed();
    let new: Vec<String> = each
        .fix
        .sets
        .iter()
        .zip(&changed)
        .map(|(name, column)| column.stored(&format!("f.{}", identifier(name))))
        .collect();
    let old: Vec<String> = changed.iter().map(|column| of("t", column)).collect();
    (!new.is_empty()).then(|| format!("NOT {}", same_image(&old, &new)))
}

impl Fixing<'_> {
    /// What the fix returns for a column, as a value of the column's type.
    fn given(&self, name: &str, column: &Column) -> String {
        let type_oid = self.fix.types.get(name).copied().unwrap_or_default();
        column.given(&format!("f.{}", identifier(name)), type_oid)
    }
}

/// What is to be done.
#[derive(Debug)]
pub struct Plan {
    /// The repairs that have rows, in the order in which they are carried out.
    pub repairs: Vec<Repair>,
    /// What every fix of the checks proposes, in their order.
    pub seen: Vec<FixPreview>,
}

/// Writes the plan of these checks' fixes down and commits it. `number` counts the repairs of the run; `sample` rows of each
/// are looked at. With repairs that went `earlier`, only what those left out is planned: what they did is done.
///
/// # Errors
/// The door's, and what it leaves behind is said there: nothing was changed.
pub async fn plan(
    writer: &mut WriteSession,
    watch: &mut dyn Watch,
    checks: &[&ValidatedCheck],
    (number, sample): (&mut u32, usize),
    earlier: &[Repair],
    pace: &Pace,
) -> Result<Plan> {
    let mut repairs: Vec<Repair> = Vec::new();
    let (mut script, mut records) = (format!("{SWEEPING};\n{FORMATS};\n"), Vec::new());
    records.push(format!(
        "UPDATE trueup.repairs SET state = '{}' WHERE state = '{}' AND run <> {}",
        State::BrokeOff.word(),
        State::Planned.word(),
        literal(writer.run())
    ));
    let keys: Vec<Vec<Column>> = checks.iter().map(|check| check.key()).collect();
    for (bound, key) in checks.iter().zip(&keys) {
        let Some(table) = &bound.table else { continue };
        let among = left_out(table, earlier);
        for fix in &bound.fixes {
            *number += 1;
            let each = Fixing { fix, table, key };
            let rows_in = format!("repair_{}_{number}", writer.run().to_lowercase());
            let before: Vec<String> =
                repairs.iter().filter(|other| other.table.oid == table.oid).map(Repair::rows_in).collect();
            write(&mut script, &each, &format!("trueup.{rows_in}"), (&before, among.as_deref()));
            let changed: Vec<String> = each.changed().iter().map(|column| column.name.clone()).collect();
            let repair = Repair {
                run: writer.run().to_owned(),
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
                done: 0,
                changed: 0,
                skipped: 0,
                state: State::Planned,
                undone: 0,
                not_restored: 0,
            };
            records.push(repair.insert(&changed));
            repairs.push(repair);
        }
    }
    let what = "the plan of the repair";
    let limits = limits(pace);
    let records = records.join(";\n");
    let work = Work { script: &script, snapshot: true, ..Work::records(what, &records, limits) };
    writer.transaction(&work, watch).await.map_err(|trouble| match trouble {
        StepError::TookTooLong(limit) => Failure::new(
            Exit::RolledBack,
            format!("{what} took longer than {}: it was cancelled; no row was changed", duration(limit)),
        )
        .code(ErrorCode::RUN_TOO_LONG)
        .next("make the queries of the fixes faster, or let them take longer: [repair] planning")
        .into(),
        other => other.failure(what, false),
    })?;
    let mut seen = Vec::new();
    for repair in &mut repairs {
        seen.push(look(writer, repair, sample).await?);
    }
    note_counts(writer, watch, &repairs, limits).await?;
    repairs.retain(|repair| repair.planned > 0);
    Ok(Plan { repairs, seen })
}

/// Takes a plan back that is not to be carried out.
///
/// # Errors
/// The door's.
pub async fn discard(
    writer: &mut WriteSession,
    watch: &mut dyn Watch,
    mut repairs: Vec<Repair>,
    pace: &Pace,
) -> Result<()> {
    for repair in &mut repairs {
        repair.planned = 0;
    }
    note_counts(writer, watch, &repairs, limits(pace)).await
}

/// How long planning may take.
fn limits(pace: &Pace) -> Limits {
    Limits { lock_timeout: pace.lock_timeout, lock_budget: pace.patience, max_duration: pace.planning }
}

/// A fix that would do more than its file allows.
pub fn too_many_rows(title: String, rows: u64, most: u64) -> Failure {
    Failure::new(
        Exit::Refused,
        format!("fix {title} would change {rows} rows, and its file says `-- at-most: {most}`; nothing was changed"),
    )
    .code(ErrorCode::REPAIR_TOO_MANY_ROWS)
    .next("look at what it proposes: trueup verify --fix --dry-run; then raise the number, or narrow the fix")
}

/// That a row is one that these repairs were to change and did not, as somebody was in the way. `None`: there are none.
fn left_out(table: &Table, repairs: &[Repair]) -> Option<String> {
    let rows = repairs.iter().filter(|repair| repair.table.oid == table.oid).map(|repair| {
        format!(
            "EXISTS (SELECT FROM {} AS p WHERE p.state OPERATOR(pg_catalog.=) \
             ANY ('{{{},{}}}'::pg_catalog.\"char\"[]) AND {})",
            repair.rows_in(),
            state::SKIPPED,
            state::LOCKED,
            repair.same_key()
        )
    });
    let rows: Vec<String> = rows.collect();
    (!repairs.is_empty())
        .then(|| if rows.is_empty() { "false".to_owned() } else { format!("({})", rows.join(" OR ")) })
}

/// The statements that make and fill the table of one fix.
fn write(script: &mut String, each: &Fixing<'_>, table: &str, (before, among): (&[String], Option<&str>)) {
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
    // In the order in which the rows lie: a batch reads and writes what is together. A second answer for a row follows the first.
    script.push_str(&format!(
        "CREATE TABLE {table} (n pg_catalog.int8 NOT NULL, part pg_catalog.oid NOT NULL, tid pg_catalog.tid NOT NULL, \
         x pg_catalog.xid NOT NULL, {columns}, state pg_catalog.\"char\");\n\
         INSERT INTO {table} (n, part, tid, x, {values}, state) SELECT pg_catalog.row_number() OVER w, part, tid, x, {values}, \
         CASE WHEN pg_catalog.lag(tid) OVER w OPERATOR(pg_catalog.=) tid \
         AND pg_catalog.lag(part) OVER w OPERATOR(pg_catalog.=) part THEN '{again}'::pg_catalog.\"char\" END \
         FROM ({rows}) AS r WINDOW w AS (ORDER BY part, tid);\n\
         ALTER TABLE {table} ADD PRIMARY KEY (n);\n",
        again = state::AGAIN,
        rows = rows_of(each, before, among)
    ));
    // The same answer twice is one answer; different ones are none.
    let different = match new.as_slice() {
        [] => "false".to_owned(),
        new => {
            let of = |alias: &str| new.iter().map(|value| format!("{alias}.{value}")).collect::<Vec<_>>();
            format!("NOT {}", same_image(&of("p"), &of("q")))
        }
    };
    script.push_str(&format!(
        "WITH several AS (SELECT DISTINCT p.part, p.tid FROM {table} AS p JOIN {table} AS q \
         ON q.n OPERATOR(pg_catalog.=) (p.n OPERATOR(pg_catalog.-) 1) \
         WHERE p.state OPERATOR(pg_catalog.=) '{}' AND {different}) \
         UPDATE {table} AS p SET state = '{}' FROM several AS s \
         WHERE p.part OPERATOR(pg_catalog.=) s.part AND p.tid OPERATOR(pg_catalog.=) s.tid;\n\
         ANALYZE {table};\n",
        state::AGAIN,
        state::AMBIGUOUS,
    ));
}

/// Reads how many rows a plan has, and some of them.
async fn look(writer: &mut WriteSession, repair: &mut Repair, sample: usize) -> Result<FixPreview> {
    let failed = |error| crate::postgres::connection::server_failure(error, "reading the plan");
    let sql = format!(
        "SELECT count(*) FILTER (WHERE state IS NULL) AS planned, \
         COALESCE(max(n) FILTER (WHERE state IS NULL), 0) AS last, \
         count(DISTINCT (part, tid)) FILTER (WHERE state = '{}') AS ambiguous FROM {}",
        state::AMBIGUOUS,
        repair.rows_in()
    );
    let rows = writer.query_control(&sql).await.map_err(failed)?;
    let counts = rows.first().ok_or(RowError::NoRow).and_then(Counts::of);
    let counts = counts.map_err(|error| failed(error.into()))?;
    (repair.planned, repair.last) = (counts.planned, counts.last);
    let mut seen = FixPreview { rows: counts.planned, ambiguous: counts.ambiguous, ..FixPreview::default() };
    let (keys, columns) = (repair.key.len(), repair.columns.len());
    let new = if repair.action == Action::Delete { 0 } else { columns };
    let shown = |prefixes: &[(&str, usize)]| {
        let values = prefixes.iter().flat_map(|(prefix, count)| numbered(prefix, *count));
        values.map(|value| shortened(&value)).collect::<Vec<_>>().join(", ")
    };
    let sql = format!(
        "SELECT {} FROM {} WHERE state IS NULL ORDER BY n LIMIT {sample}",
        shown(&[("k", keys), ("o", columns), ("w", new)]),
        repair.rows_in()
    );
    for row in writer.query_control(&sql).await.map_err(failed)? {
        let mut key = row.into_values();
        let mut before = key.split_off(keys);
        let after = before.split_off(columns);
        seen.sample.push(Change { key, before, after });
    }
    if seen.ambiguous > 0 {
        let sql = format!(
            "SELECT DISTINCT {} FROM {} WHERE state = '{}' ORDER BY {} LIMIT {MOST_AMBIGUOUS}",
            shown(&[("k", keys), ("w", new)]),
            repair.rows_in(),
            state::AMBIGUOUS,
            (1..=keys + new).map(|number| number.to_string()).collect::<Vec<_>>().join(", ")
        );
        let rows = writer.query_control(&sql).await.map_err(failed)?;
        seen.candidates = Candidates::of(rows.into_iter().map(OwnedRow::into_values).collect(), keys);
    }
    seen.cascade = cascade(writer, repair).await?;
    Ok(seen)
}

/// The numbers of a plan's rows.
struct Counts {
    /// How many rows are to be changed.
    planned: u64,
    /// The number of the last of them.
    last: u64,
    /// How many rows have different answers.
    ambiguous: u64,
}

impl Counts {
    fn of(row: &OwnedRow) -> Result<Self, RowError> {
        Ok(Self { planned: row.get("planned")?, last: row.get("last")?, ambiguous: row.get("ambiguous")? })
    }
}

/// The first foreign key that changing the rows would set off, and of how many.
async fn cascade(writer: &mut WriteSession, repair: &Repair) -> Result<Option<(String, u64)>> {
    if repair.planned == 0 || !repair.sets_off() {
        return Ok(None);
    }
    let session = writer.read_session().await?;
    for incoming in repair.table.set_off(repair.action, &repair.columns) {
        let from = format!(
            "(SELECT part, tid FROM {} AS p WHERE p.state IS NULL AND {})",
            repair.rows_in(),
            moves(repair.action, &repair.columns, incoming, "p")
        );
        let sql = referred(&repair.table, incoming, &from);
        let failed = |error| {
            crate::postgres::connection::server_failure(error, "looking for rows that refer to others")
        };
        let count: u64 = session.scalar(sql).await.map_err(failed)?;
        if count > 0 {
            return Ok(Some((incoming.told(repair.action), count)));
        }
    }
    Ok(None)
}

/// Writes the counts down; plans of no row go.
async fn note_counts(
    writer: &mut WriteSession,
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
    writer
        .transaction(&Work::records(what, &records, limits), watch)
        .await
        .map_err(|trouble| trouble.failure(what, false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_whose_counts_cannot_be_read_is_an_error() {
        let row = |planned, ambiguous| {
            OwnedRow::of(&[("planned", planned), ("last", Some("9")), ("ambiguous", ambiguous)])
        };
        assert_eq!(Counts::of(&row(Some("9"), Some("1"))).map(|counts| counts.ambiguous), Ok(1));
        assert!(Counts::of(&row(Some("nine"), Some("1"))).is_err());
        assert!(Counts::of(&row(Some("9"), None)).is_err());
        assert!(Counts::of(&OwnedRow::of(&[("planned", Some("9"))])).is_err());
    }
}
