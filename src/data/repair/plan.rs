//! The plan of a repair as tables in the database: which rows, their versions, their old values and the new ones.
//!
//! All fixes are evaluated in one snapshot. A row belongs to the first that proposes it, of whichever check.

use anyhow::Result;

use super::columns::{FORMATS, numbered};
use super::proposed::{self, ProposedRows};
use super::records::{Repair, RepairState};
use super::referring::cascade;
use super::summary::{self, FixPreview, SWEEPING};
use super::{FixTarget, RepairLimits, state};
use crate::data::checks::{CheckedColumn, CheckedTable, ValidatedCheck};
use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection;
use crate::postgres::sql::literal;
use crate::text::duration;
use crate::writer::{StepError, StepLimits, Watch, Work, WriteSession};

/// What is planned, and how.
#[derive(Debug, Clone, Copy)]
pub struct PlanRequest<'p> {
    /// The checks whose fixes are planned, in the order in which rows belong to them.
    pub checks: &'p [&'p ValidatedCheck],
    /// The number of the last repair that this run has planned before; 0 when there is none.
    pub last_number: u32,
    /// How many rows of each fix are returned.
    pub sample: usize,
    /// The repairs of an earlier pass. If there are any, only the rows that they skipped are planned.
    pub earlier: &'p [Repair],
    /// How long things may take.
    pub pace: &'p RepairLimits,
}

/// What is to be done.
#[derive(Debug)]
pub struct Plan {
    /// The repairs that have rows, in the order in which they are carried out.
    pub repairs: Vec<Repair>,
    /// What every fix of the checks proposes, in their order.
    pub previews: Vec<FixPreview>,
    /// The number of the last repair, whether it has rows or not.
    pub last_number: u32,
}

/// Writes the plan of the checks' fixes into tables of its own and commits them. No row of the project's tables is changed.
///
/// # Errors
/// Those of [`WriteSession::transaction`]. Exit 5 when planning took longer than [`RepairLimits::planning`].
pub async fn plan(
    writer: &mut WriteSession,
    watch: &mut dyn Watch,
    request: PlanRequest<'_>,
) -> Result<Plan> {
    let PlanRequest { checks, earlier, pace, .. } = request;
    let mut number = request.last_number;
    let mut repairs: Vec<Repair> = Vec::new();
    let (mut script, mut records) = (format!("{SWEEPING};\n{FORMATS};\n"), Vec::new());
    records.push(format!(
        "UPDATE trueup.repairs SET state = '{}' WHERE state = '{}' AND run <> {}",
        RepairState::BrokeOff.word(),
        RepairState::Planned.word(),
        literal(writer.run())
    ));
    let keys: Vec<Vec<CheckedColumn>> = checks.iter().map(|check| check.key()).collect();
    for (bound, key) in checks.iter().zip(&keys) {
        let Some(of) = &bound.table else { continue };
        let among = left_out(of, earlier);
        for fix in &bound.fixes {
            number += 1;
            let each = FixTarget { fix, table: of, key };
            let rows_in = format!("repair_{}_{number}", writer.run().to_lowercase());
            let before: Vec<String> =
                repairs.iter().filter(|other| other.table.oid == of.oid).map(Repair::rows_in).collect();
            script.push_str(&table(&each, &format!("trueup.{rows_in}"), &before, among.as_deref()));
            let changed: Vec<String> = each.changed().iter().map(|column| column.name.clone()).collect();
            let repair = Repair {
                run: writer.run().to_owned(),
                number,
                check: bound.check.name.clone(),
                fix: fix.fix.name.clone(),
                action: fix.fix.action,
                table: of.clone(),
                key: key.clone(),
                columns: each.changed().into_iter().cloned().collect(),
                rows_in,
                planned: 0,
                last: 0,
                done: 0,
                changed: 0,
                skipped: 0,
                state: RepairState::Planned,
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
    let previews = summarize(writer, &mut repairs, request.sample).await?;
    note_counts(writer, watch, &repairs, limits).await?;
    repairs.retain(|repair| repair.planned > 0);
    Ok(Plan { repairs, previews, last_number: number })
}

/// Takes a plan back that is not to be carried out.
///
/// # Errors
/// The door's.
pub async fn discard(
    writer: &mut WriteSession,
    watch: &mut dyn Watch,
    mut repairs: Vec<Repair>,
    pace: &RepairLimits,
) -> Result<()> {
    for repair in &mut repairs {
        repair.planned = 0;
    }
    note_counts(writer, watch, &repairs, limits(pace)).await
}

/// How long planning may take.
fn limits(pace: &RepairLimits) -> StepLimits {
    StepLimits { lock_timeout: pace.lock_timeout, lock_budget: pace.patience, max_duration: pace.planning }
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
fn left_out(table: &CheckedTable, repairs: &[Repair]) -> Option<String> {
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

/// The statements that create the table of one fix and fill it. See [`proposed::query`] for `excluded` and `among`.
fn table(each: &FixTarget<'_>, table: &str, excluded: &[String], among: Option<&str>) -> String {
    let changed = each.changed();
    let (old, new) = (numbered("o", changed.len()), numbered("w", each.fix.sets.len()));
    let keys = numbered("k", each.key.len());
    let declared = |columns: &[&CheckedColumn], names: &[String]| -> Vec<String> {
        columns.iter().zip(names).map(|(column, name)| column.declared(name)).collect()
    };
    let key: Vec<&CheckedColumn> = each.key.iter().collect();
    let columns =
        [declared(&key, &keys), declared(&changed, &old), declared(&changed, &new)].concat().join(", ");
    let values = [keys, old, new].concat().join(", ");
    // The rows are numbered in the order in which they lie in the table: a batch reads and writes what is together.
    format!(
        "CREATE TABLE {table} (n pg_catalog.int8 NOT NULL, part pg_catalog.oid NOT NULL, tid pg_catalog.tid NOT NULL, \
         x pg_catalog.xid NOT NULL, {columns}, state pg_catalog.\"char\");\n\
         INSERT INTO {table} (n, part, tid, x, {values}, state) \
         SELECT pg_catalog.row_number() OVER (ORDER BY part, tid), part, tid, x, {values}, state FROM ({}) AS r;\n\
         ALTER TABLE {table} ADD PRIMARY KEY (n);\n\
         ANALYZE {table};\n",
        proposed::query(each, excluded, among)
    )
}

/// Reads what the plans have: how many rows, and some of them. Sets the numbers of the repairs.
async fn summarize(
    writer: &mut WriteSession,
    repairs: &mut [Repair],
    sample: usize,
) -> Result<Vec<FixPreview>> {
    let mut previews = vec![FixPreview::default(); repairs.len()];
    if repairs.is_empty() {
        return Ok(previews);
    }
    let session = writer.read_session().await?;
    let failed = |error| connection::server_failure(error, "reading the plan");
    let mut parts: Vec<String> = Vec::new();
    for (number, repair) in repairs.iter().enumerate() {
        parts.extend(summary::parts(number, &repair.proposed(), sample));
    }
    for part in summary::read(session, "", &parts).await.map_err(failed)? {
        let number = usize::try_from(part.number)?;
        previews[number].take(part, &repairs[number].proposed()).map_err(|error| failed(error.into()))?;
    }
    for (repair, preview) in repairs.iter_mut().zip(&mut previews) {
        repair.planned = preview.rows;
        let last = format!(
            "SELECT COALESCE(pg_catalog.max(n), 0) AS last FROM {} WHERE state IS NULL",
            repair.rows_in()
        );
        repair.last = session.scalar(last).await.map_err(failed)?;
        let failed = |error| connection::server_failure(error, "looking for rows that refer to others");
        if repair.planned > 0 {
            preview.cascade = cascade(session, "", &repair.proposed()).await.map_err(failed)?;
        }
    }
    Ok(previews)
}

impl Repair {
    /// What its plan proposes.
    fn proposed(&self) -> ProposedRows<'_> {
        ProposedRows {
            relation: self.rows_in(),
            order: "n",
            table: &self.table,
            action: self.action,
            key: &self.key,
            columns: &self.columns,
        }
    }
}

/// Writes the counts down; plans of no row go.
async fn note_counts(
    writer: &mut WriteSession,
    watch: &mut dyn Watch,
    repairs: &[Repair],
    limits: StepLimits,
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
