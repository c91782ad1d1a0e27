//! Plans a repair as tables in the database: which rows it changes, their versions, their old values and the new ones.
//!
//! All fixes are evaluated in one snapshot. A row belongs to the first fix of all checks that proposes something for it.

use anyhow::Result;

use super::columns::{FORMATS, numbered};
use super::proposed::{self, ProposedRows};
use super::records::{Repair, RepairState};
use super::referring::cascade;
use super::summary::{self, FixPreview, LARGE_QUERY};
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
    /// The checks whose fixes are planned. A row belongs to the first fix that proposes something for it.
    pub checks: &'p [&'p ValidatedCheck],
    /// The number of the last repair that this run has planned before; 0 when there is none.
    pub last_number: u32,
    /// The largest number of rows of each fix that are returned as a sample.
    pub sample: usize,
    /// The repairs of an earlier pass. If there are any, only the rows that they skipped are planned.
    pub earlier: &'p [Repair],
    /// How long planning may take.
    pub limits: &'p RepairLimits,
}

/// The repairs that are to be carried out.
#[derive(Debug)]
pub struct Plan {
    /// The repairs that have rows, in the order in which they are carried out.
    pub repairs: Vec<Repair>,
    /// What each fix of the checks would do, in their order.
    pub previews: Vec<FixPreview>,
    /// The number of the last repair, whether it has rows or not.
    pub last_number: u32,
}

/// Writes the plan of the checks' fixes into tables of its own and commits them. No row of the project's tables is changed.
///
/// # Errors
/// Those of [`WriteSession::transaction`]. Exit 5: planning took longer than [`RepairLimits::max_planning`].
pub async fn plan(
    writer: &mut WriteSession,
    watch: &mut dyn Watch,
    request: PlanRequest<'_>,
) -> Result<Plan> {
    let PlannedTables { mut repairs, script, records } = planned_tables(writer.run(), &request);
    let last_number = repairs.last().map_or(request.last_number, |repair| repair.number);
    let what = "the plan of the repair";
    let limits = step_limits(request.limits);
    let work = Work { script: &script, snapshot: true, ..Work::records(what, &records, limits) };
    writer.transaction(&work, watch).await.map_err(|error| match error {
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
    record_counts(writer, watch, &repairs, limits).await?;
    repairs.retain(|repair| repair.planned > 0);
    Ok(Plan { repairs, previews, last_number })
}

/// The repairs of a request, and the statements that plan them.
struct PlannedTables {
    /// One repair for each fix. It is not known yet how many rows they have.
    repairs: Vec<Repair>,
    /// The statements that create and fill the plans' tables, run with the project's search_path.
    script: String,
    /// The statements that record the repairs.
    records: String,
}

fn planned_tables(run: &str, request: &PlanRequest<'_>) -> PlannedTables {
    let mut number = request.last_number;
    let mut repairs: Vec<Repair> = Vec::new();
    let mut script = format!("{LARGE_QUERY};\n{FORMATS};\n");
    // No other run is repairing while this one holds the lock.
    let mut records = vec![format!(
        "UPDATE trueup.repairs SET state = '{}' WHERE state = '{}' AND run <> {}",
        RepairState::Interrupted.word(),
        RepairState::Planned.word(),
        literal(run)
    )];
    for validated in request.checks {
        let (Some(table), key) = (&validated.table, validated.key()) else { continue };
        let among = skipped_by(request.earlier, table);
        for fix in &validated.fixes {
            number += 1;
            let target = FixTarget { fix, table, key: &key };
            let repair = Repair {
                run: run.to_owned(),
                number,
                check: validated.check.name.clone(),
                fix: fix.fix.name.clone(),
                action: fix.fix.action,
                table: table.clone(),
                key: key.clone(),
                columns: target.changed().into_iter().cloned().collect(),
                plan_table: format!("repair_{}_{number}", run.to_lowercase()),
                planned: 0,
                last_row: 0,
                done_to: 0,
                changed: 0,
                skipped: 0,
                state: RepairState::Planned,
                undone_to: 0,
                not_restored: 0,
            };
            let same_table = repairs.iter().filter(|other| other.table.oid == table.oid);
            let excluded: Vec<String> = same_table.map(Repair::plan).collect();
            script.push_str(&create_plan(&target, &repair.plan(), &excluded, among.as_deref()));
            records.push(repair.insert());
            repairs.push(repair);
        }
    }
    PlannedTables { repairs, script, records: records.join(";\n") }
}

/// Discards repairs that are not carried out, with their plans.
///
/// # Errors
/// Those of [`WriteSession::transaction`].
pub async fn discard(
    writer: &mut WriteSession,
    watch: &mut dyn Watch,
    mut repairs: Vec<Repair>,
    limits: &RepairLimits,
) -> Result<()> {
    for repair in &mut repairs {
        repair.planned = 0;
    }
    record_counts(writer, watch, &repairs, step_limits(limits)).await
}

/// The limits of the transaction that plans.
fn step_limits(limits: &RepairLimits) -> StepLimits {
    StepLimits {
        lock_timeout: limits.lock_timeout,
        lock_budget: limits.max_pause,
        max_duration: limits.max_planning,
    }
}

/// The failure of a fix that would change more rows than `-- at-most:` of its file allows.
pub fn too_many_rows(title: String, rows: u64, most: u64) -> Failure {
    Failure::new(
        Exit::Refused,
        format!("fix {title} would change {rows} rows, and its file says `-- at-most: {most}`; nothing was changed"),
    )
    .code(ErrorCode::REPAIR_TOO_MANY_ROWS)
    .next("look at what it proposes: trueup verify --fix --dry-run; then raise the number, or narrow the fix")
}

/// The condition that one of these repairs skipped a row of the table. `None` where there are no repairs.
fn skipped_by(repairs: &[Repair], table: &CheckedTable) -> Option<String> {
    let rows = repairs.iter().filter(|repair| repair.table.oid == table.oid).map(|repair| {
        format!(
            "EXISTS (SELECT FROM {} AS p WHERE p.state OPERATOR(pg_catalog.=) \
             ANY ('{{{},{}}}'::pg_catalog.\"char\"[]) AND {})",
            repair.plan(),
            state::SKIPPED,
            state::LOCKED,
            repair.same_key()
        )
    });
    let rows: Vec<String> = rows.collect();
    (!repairs.is_empty())
        .then(|| if rows.is_empty() { "false".to_owned() } else { format!("({})", rows.join(" OR ")) })
}

/// The statements that create the table of a plan and fill it. See [`proposed::query`] for `excluded` and `among`.
fn create_plan(target: &FixTarget<'_>, plan: &str, excluded: &[String], among: Option<&str>) -> String {
    let changed = target.changed();
    let (old, new) = (numbered("o", changed.len()), numbered("w", target.fix.sets.len()));
    let keys = numbered("k", target.key.len());
    let definitions = |columns: &[&CheckedColumn], names: &[String]| -> Vec<String> {
        columns.iter().zip(names).map(|(column, name)| column.plan_column(name)).collect()
    };
    let key: Vec<&CheckedColumn> = target.key.iter().collect();
    let columns = [definitions(&key, &keys), definitions(&changed, &old), definitions(&changed, &new)]
        .concat()
        .join(", ");
    let values = [keys, old, new].concat().join(", ");
    // The rows are numbered in the order in which they lie in the table, so that a batch reads and writes adjacent pages.
    format!(
        "CREATE TABLE {plan} (n pg_catalog.int8 NOT NULL, part pg_catalog.oid NOT NULL, tid pg_catalog.tid NOT NULL, \
         x pg_catalog.xid NOT NULL, {columns}, state pg_catalog.\"char\");\n\
         INSERT INTO {plan} (n, part, tid, x, {values}, state) \
         SELECT pg_catalog.row_number() OVER (ORDER BY part, tid), part, tid, x, {values}, state FROM ({}) AS r;\n\
         ALTER TABLE {plan} ADD PRIMARY KEY (n);\n\
         ANALYZE {plan};\n",
        proposed::query(target, excluded, among)
    )
}

/// Reads from the plans how many rows the repairs have, and some of the rows. Sets the counts of the repairs.
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
    for row in summary::read(session, "", &parts).await.map_err(failed)? {
        let number = usize::try_from(row.number)?;
        previews[number].add(row, &repairs[number].proposed()).map_err(|error| failed(error.into()))?;
    }
    for (repair, preview) in repairs.iter_mut().zip(&mut previews) {
        repair.planned = preview.rows;
        let last_row = format!(
            "SELECT COALESCE(pg_catalog.max(n), 0) AS last FROM {} WHERE state IS NULL",
            repair.plan()
        );
        repair.last_row = session.scalar(last_row).await.map_err(failed)?;
        if repair.planned > 0 {
            let doing = "looking for rows that refer to others";
            let failed = |error| connection::server_failure(error, doing);
            preview.cascade = cascade(session, "", &repair.proposed()).await.map_err(failed)?;
        }
    }
    Ok(previews)
}

impl Repair {
    /// The rows of its plan.
    fn proposed(&self) -> ProposedRows<'_> {
        ProposedRows {
            relation: self.plan(),
            order: "n",
            table: &self.table,
            action: self.action,
            key: &self.key,
            columns: &self.columns,
        }
    }
}

/// Records how many rows each repair has. A repair without rows is removed with its plan.
async fn record_counts(
    writer: &mut WriteSession,
    watch: &mut dyn Watch,
    repairs: &[Repair],
    limits: StepLimits,
) -> Result<()> {
    let mut records: Vec<String> = Vec::new();
    for repair in repairs {
        let of = format!("WHERE run = {} AND number = {}", literal(&repair.run), repair.number);
        if repair.planned == 0 {
            records.push(format!("DROP TABLE {}", repair.plan()));
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
    let work = Work::records(what, &records, limits);
    writer.transaction(&work, watch).await.map_err(|error| error.failure(what, false))
}
