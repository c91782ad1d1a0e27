//! Drops what the plan says, and builds all again: migrations and reference rows.
//!
//! Each transaction drops a part and records it; the first one forgets which migrations were applied. Killed anywhere, the
//! same command goes on: it drops what is there, and builds from nothing.

use std::collections::BTreeSet;

use anyhow::Result;

use super::plan::ResetPlan;
use crate::changes::plan::{MigrationPlan, UpgradeGoal};
use crate::cli::WriteArgs;
use crate::data::seeds::TablePlan;
use crate::error::{Exit, Failure, with_failure};
use crate::migrations::tools::MigrationTool;
use crate::model::Lock;
use crate::model::diagnosis::MigrationState;
use crate::postgres::connection::{RowError, server_failure};
use crate::postgres::sql::literal;
use crate::project::Settings;
use crate::workflow::migrate::{Execution, defaults};
use crate::workflow::other_tool::change;
use crate::workflow::project_model::ProjectModel;
use crate::workflow::reports::schema_report::SchemaReport;
use crate::workflow::required_checks::Required;
use crate::workflow::write_command::WriteCommand;
use crate::workflow::{comparison, plan_steps, seeding};
use crate::writer::Work;

/// How many objects one transaction drops: each of them, with its indexes, takes a few of the server's locks.
const AT_ONCE: usize = 200;
/// The name of these steps in messages.
const WHAT: &str = "dropping the project's schemas";

/// What was built.
pub(crate) struct Built {
    /// The check at the end.
    pub(crate) check: SchemaReport,
    /// The migrations that were applied.
    pub(crate) applied: Vec<String>,
    /// How many reference rows were inserted.
    pub(crate) seeded: usize,
}

/// Nothing is applied.
pub(super) fn nothing_applied(lock: &Lock) -> MigrationState {
    MigrationState::from_history(&lock.migrations, &[], &BTreeSet::new())
}

/// The plan of all migrations. No old app version runs on an empty database.
///
/// # Errors
/// Exit 2 and 4: a file that cannot be run.
pub(super) fn all_migrations(declared: &ProjectModel) -> Result<MigrationPlan, Failure> {
    let goal = UpgradeGoal { contract: true, checked: true, ..UpgradeGoal::default() };
    MigrationPlan::upgrade(&declared.lock, &declared.migrations, &nothing_applied(&declared.lock), &goal)
}

/// Drops everything that the plan names.
///
/// # Errors
/// Exit 5 where nothing was dropped, 6 where a part was; 75: somebody uses it.
pub(super) async fn drop_all(
    settings: &Settings,
    plan: &ResetPlan,
    writing: &mut WriteCommand<'_>,
) -> Result<()> {
    let parts: Vec<&[String]> = plan.statements.chunks(AT_ONCE).collect();
    // What was recorded of applied migrations is forgotten even where nothing is left to drop.
    let parts = if parts.is_empty() { vec![&[][..]] } else { parts };
    for (index, part) in parts.iter().enumerate() {
        let script = part.join(";\n");
        let detail = serde_json::json!({ "dropped": part.len() }).to_string();
        let mut records = vec![writing.writer.step_record(index + 1, "reset", None, Some(&detail))];
        if index == 0 {
            records.extend(forgotten(writing.writer.run(), parts.len()));
        }
        let records = records.join(";\n");
        let work = Work { script: &script, ..Work::records(WHAT, &records, defaults(settings).transaction) };
        let dropped = writing.writer.transaction(&work, &mut writing.progress).await;
        dropped.map_err(|trouble| trouble.failure(WHAT, index > 0))?;
    }
    Ok(())
}

/// The statements that forget what was applied and seeded, and settle interrupted migrations. The log of runs stays.
fn forgotten(run: &str, parts: usize) -> [String; 3] {
    [
        "DELETE FROM trueup.migrations".to_owned(),
        "DELETE FROM trueup.seeds".to_owned(),
        format!(
            "INSERT INTO trueup.steps (run, number, action, version, state, ended_at) \
             SELECT {}, {parts} + row_number() OVER (ORDER BY version), 'reset', version, 'done', clock_timestamp() \
             FROM (SELECT DISTINCT version FROM trueup.steps WHERE version IS NOT NULL) AS applied",
            literal(run)
        ),
    ]
}

/// Applies all migrations, inserts the reference rows, and checks.
///
/// # Errors
/// Exit 6: something failed, and the same command begins again. Exit 7: the outcome of a COMMIT is unknown.
pub(super) async fn build(
    settings: &Settings,
    declared: &ProjectModel,
    write: &WriteArgs,
    writing: &mut WriteCommand<'_>,
) -> Result<Built> {
    let built = async {
        let applied = match settings.migrations.tool {
            Some(tool) => by_tool(settings, declared, tool, write, writing).await?,
            None => migrate(settings, declared, writing).await?,
        };
        let seeded = seed(settings, declared, writing).await?;
        let snapshot = writing.take_snapshot(declared).await?;
        let check = comparison::compare(settings, &writing.target, declared, &snapshot)?.document;
        Ok(Built { check, applied, seeded })
    };
    built.await.map_err(half_done)
}

/// The failure of what comes after the drop.
fn half_done(error: anyhow::Error) -> anyhow::Error {
    with_failure(error, |failure| {
        let exit = match failure.exit {
            Exit::Unknown | Exit::Internal => failure.exit,
            _ => Exit::Partial,
        };
        let what = format!("the old objects are dropped, and building them again failed: {}", failure.what);
        let again = "then run the same command again: it drops what is there and builds everything";
        let next =
            if failure.next.is_empty() { again.to_owned() } else { format!("{}\n{again}", failure.next) };
        Failure { exit, what, next, ..failure }
    })
}

async fn by_tool(
    settings: &Settings,
    declared: &ProjectModel,
    tool: MigrationTool,
    write: &WriteArgs,
    writing: &mut WriteCommand<'_>,
) -> Result<Vec<String>> {
    let nothing = nothing_applied(&declared.lock);
    change::apply_from_nothing(settings, tool, declared, &nothing, write, writing).await
}

async fn migrate(
    settings: &Settings,
    declared: &ProjectModel,
    writing: &mut WriteCommand<'_>,
) -> Result<Vec<String>> {
    let snapshot = writing.take_snapshot(declared).await?;
    let mut plan = all_migrations(declared)?;
    let ledger = plan_steps::ledger(settings, &snapshot, &declared.migrations)?;
    plan_steps::refuse_missing_schema(settings, &ledger, declared.lock.migrations.first())?;
    plan.name_paths_from(&settings.project.dir);
    let required = Required::by(settings, &writing.target, &plan, &declared.migrations)?;
    let recorded_steps = last_step(writing).await?;
    let execution =
        Execution { plan: &plan, ledger, applied: BTreeSet::new(), guard: &required, recorded_steps };
    let (writer, watch) = (&mut writing.writer, &mut writing.progress);
    let outcome = execution.run(settings, declared, &snapshot, writer, watch).await;
    match outcome.failure {
        Some(failure) => Err(failure),
        None => Ok(plan.steps.iter().map(|step| step.title.clone()).collect()),
    }
}

/// The number of the last step of this run.
async fn last_step(writing: &mut WriteCommand<'_>) -> Result<i32> {
    let run = literal(writing.writer.run());
    let sql = format!("SELECT coalesce(max(number), 0) AS number FROM trueup.steps WHERE run = {run}");
    let rows = writing.writer.query_control(&sql).await;
    let rows = rows.map_err(|error| server_failure(error, "reading the steps of this run"))?;
    Ok(rows.first().ok_or(RowError::NoRow)?.get("number")?)
}

/// Inserts the reference rows; how many.
async fn seed(settings: &Settings, declared: &ProjectModel, writing: &mut WriteCommand<'_>) -> Result<usize> {
    if declared.seeds.tables.is_empty() {
        return Ok(0);
    }
    let plan = seeding::plan(settings, &declared.seeds, false, writing).await?;
    if plan.is_empty() {
        return Ok(0);
    }
    let done = seeding::carry_out(settings, &declared.seeds, false, plan, writing).await?;
    Ok(done.count(TablePlan::inserts))
}
