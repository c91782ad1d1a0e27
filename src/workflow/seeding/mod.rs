//! Seeding: what the project declares is compared with the rows of a database, and inserted or updated in one transaction.

mod errors;
mod lookups;
mod planning;

use std::fmt;
use std::sync::Arc;

use anyhow::Result;

use self::errors::{explain_missing_row, refusal, rewritten_row};
pub(crate) use self::planning::{ComparedSeeds, PlannedTable, SeedPlan, UndeclaredTable};
use crate::data::seeds::{self, RowFilter, RowPlan, SeedQuery, Seeds, TablePlan};
use crate::error::{Exit, Failure};
use crate::postgres::catalog::reader::ReadOptions;
use crate::postgres::connection::{self, Session};
use crate::project::Settings;
use crate::snapshot;
use crate::workflow::migrate::{changed_meanwhile, defaults};
use crate::workflow::project_model::Needs;
use crate::workflow::write_command::WriteCommand;
use crate::writer::{StepError, Work};

/// How often planning is repeated when rows change between planning and writing.
const ROUNDS: usize = 3;
/// The name of this step in messages.
const WHAT: &str = "the seeds";

/// What a snapshot has to read.
pub(crate) fn needs(seeds: &Arc<Seeds>, seed_rows: RowFilter) -> Needs {
    Needs { options: ReadOptions::default(), migrations: Arc::default(), seeds: Arc::clone(seeds), seed_rows }
}

/// Compares the rows as they are now with the declaration.
///
/// # Errors
/// As [`ComparedSeeds::new`] and [`ComparedSeeds::ordered`].
pub(crate) async fn plan(
    settings: &Settings,
    seeds: &Arc<Seeds>,
    overwrite: bool,
    writing: &mut WriteCommand<'_>,
) -> Result<SeedPlan> {
    let snapshot = writing.take_snapshot_for(needs(seeds, RowFilter::Unrecorded)).await?;
    let compared = ComparedSeeds::new(settings, snapshot, seeds, overwrite)?;
    if compared.expressions(false).is_empty() {
        return compared.without_lookups();
    }
    compared.ordered(settings, writing.writer.read_session().await?, false).await
}

/// The error of a transaction whose rows have changed since they were read. It is rolled back, and planned again.
#[derive(Debug)]
struct RowsChanged;

impl fmt::Display for RowsChanged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows have changed since they were read")
    }
}

impl std::error::Error for RowsChanged {}

/// Applies the plan and records it in one transaction. When rows have changed since they were read, rolls back and
/// plans again. Returns the plan that was applied.
///
/// # Errors
/// Exit 5: the server refuses a row, or the rows change again and again. Exit 2: a file does not fit the database.
pub(crate) async fn carry_out(
    settings: &Settings,
    seeds: &Arc<Seeds>,
    overwrite: bool,
    shown: SeedPlan,
    writing: &mut WriteCommand<'_>,
) -> Result<SeedPlan> {
    let mut seed_plan = shown;
    for round in 1..=ROUNDS {
        match attempt(settings, overwrite, &seed_plan, round == ROUNDS, writing).await {
            Ok(()) => return Ok(seed_plan),
            Err(StepError::Disproved(error)) if error.is::<RowsChanged>() => {}
            Err(StepError::Refused { said, done }) => {
                return Err(refusal(settings, &seed_plan, &said, done).into());
            }
            Err(error) => return Err(error.failure(WHAT, false)),
        }
        let mut now = plan(settings, seeds, overwrite, writing).await?;
        now.undeclared.clone_from(&seed_plan.undeclared);
        if !now.is_part_of(&seed_plan) {
            let Failure { what, next, .. } = changed_meanwhile("the plan");
            return Err(Failure::new(Exit::RolledBack, what).next(next).into());
        }
        seed_plan = now;
    }
    let what =
        format!("rows changed in each of {ROUNDS} attempts between reading and writing them; rolled back");
    Err(Failure::new(Exit::Busy, what).next("run the same command again").into())
}

/// Writes the rows in one transaction, and reads them again before COMMIT. In the last attempt (`is_last`), a row that does
/// not exist is explained by a trigger or a rule.
async fn attempt(
    settings: &Settings,
    overwrite: bool,
    seed_plan: &SeedPlan,
    is_last: bool,
    writing: &mut WriteCommand<'_>,
) -> Result<(), StepError> {
    let planned = seed_plan.seeds();
    let script = seed_plan.script();
    let (rows, sequences, before) = (script.rows(), script.sequences(), script.row_statements());
    let detail = serde_json::json!({
        "made": seed_plan.count(TablePlan::inserts),
        "changed": seed_plan.count(TablePlan::updates),
        "tables": seed_plan.tables.iter().map(|table| table.id.to_string()).collect::<Vec<_>>(),
    });
    let mut records = vec![writing.writer.next_step_record("seed", Some(&detail.to_string()))];
    records.extend(seeds::records(&planned, writing.writer.run()));
    records.extend(seeds::records_of_dropped(&seed_plan.dropped_tables()));
    let records = records.join(";\n");
    let work = Work { script: &rows, ..Work::records(WHAT, &records, defaults(settings).transaction) };
    let questions: Vec<&SeedQuery> = planned.iter().map(|seed| seed.query).collect();
    writing
        .writer
        .proved_transaction(&work, &mut writing.progress, async |session| {
            let inside = snapshot::ask_inside(session, &questions).await?;
            for (PlannedTable { query, defaults, plan: shown, .. }, answers) in
                seed_plan.tables.iter().zip(&inside)
            {
                let remaining = seeds::plan(query, answers, defaults, overwrite)?;
                let is_known = |row: &RowPlan| {
                    let is_same = |known: &RowPlan| known.skipped().eq(row.skipped());
                    shown.rows.iter().any(|known| known.key == row.key && is_same(known))
                };
                let is_unexpected = |row: &&RowPlan| {
                    row.missing
                        || row.record.is_some()
                        || !row.changes.is_empty()
                        || row.skipped().next().is_some() && !is_known(row)
                };
                if let Some(row) = remaining.rows.iter().find(is_unexpected) {
                    if row.missing {
                        explain_missing_row(session, query, row, &seed_plan.snapshot.catalog, is_last)
                            .await?;
                    }
                    let is_own = match &row.xmin {
                        Some(xmin) => snapshot::has_written(session, xmin).await?,
                        None => false,
                    };
                    return Err(if is_own { rewritten_row(query, row).into() } else { RowsChanged.into() });
                }
            }
            move_sequences(session, sequences, before).await
        })
        .await
}

/// Moves the sequences, which nothing moves back. `before` is the number of statements that came before.
async fn move_sequences(session: &mut Session, statements: String, before: usize) -> Result<()> {
    if statements.is_empty() {
        return Ok(());
    }
    let Err(error) = session.execute(statements).await else { return Ok(()) };
    let said = connection::server_error(&error).map(connection::describe);
    match said.filter(|said| said.sqlstate.is_some()) {
        Some(said) => {
            let done = before + session.statements_done();
            Err(StepError::Refused { said: Box::new(said), done }.into())
        }
        None => Err(error),
    }
}
