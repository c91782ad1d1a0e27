//! `trueup seed`: inserts and updates the reference rows that a project declares. Manual edits are kept.

pub(super) mod args;
mod build_report;
mod errors;
mod lookups;
mod planning;
mod report;
mod undeclared;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use build_report::{build, print, script};
use errors::{explain_missing_row, refusal, rewritten_row};
use planning::{ComparedSeeds, PlannedTable, SeedPlan};
use report::SeedStage;

use crate::changes::plan::Affected;
use crate::data::seeds::{self, RowFilter, RowPlan, SeedQuery, Seeds, TablePlan};
use crate::error::{Exit, Failure, with_failure};
use crate::output;
use crate::postgres::catalog::TableUse;
use crate::postgres::catalog::reader::ReadOptions;
use crate::postgres::connection::{self, Session};
use crate::project::Settings;
use crate::snapshot::{self, Request};
use crate::text::plural;
use crate::workflow::backup_policy::{BackupOptions, BackupPolicy, PlannedChanges};
use crate::workflow::deliver;
use crate::workflow::migrate::{changed_meanwhile, defaults};
use crate::workflow::project_model::Needs;
use crate::workflow::signals::until_stopped;
use crate::workflow::trusted::refuse_untrusted;
use crate::workflow::write_command::WriteCommand;
use crate::workflow::{comparison, environment_mark};
use crate::writer::{StepError, StopSignal, Work, interrupted};
use args::SeedArgs;

/// How often planning is repeated when rows change between planning and writing.
const ROUNDS: usize = 3;
/// The number of this step in the record of the run, after the backup's.
const STEP: usize = 1;
/// The name of this step in messages.
const WHAT: &str = "the seeds";

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract.
pub(super) async fn run(settings: &Settings, args: &SeedArgs, mut stop: StopSignal) -> Result<Exit> {
    let seeds = Arc::new(Seeds::read(&settings.project.seeds_dir)?);
    if args.check || args.sql || args.dry_run {
        return until_stopped(stop, show_plan(settings, args, &seeds)).await;
    }
    let signal = stop.clone();
    let (mut writing, shown) = tokio::select! {
        biased;
        ready = ask(settings, args, &seeds, &signal) => ready?,
        signal = stop.wait() => return Err(interrupted(signal).into()),
    };
    if shown.is_empty() {
        return report_nothing_to_do(settings, args, writing, &shown).await;
    }
    writing.lock().await?;
    let undeclared = shown.undeclared.clone();
    // Another session may have changed rows before the lock was taken.
    let mut seed_plan =
        match snapshot::unchanged_since(writing.writer.read_session().await?, &shown.snapshot).await? {
            true => shown,
            false => {
                let now = plan_again(settings, args, &seeds, &mut writing).await?;
                if !now.is_part_of(&shown) {
                    return Err(changed_meanwhile("the plan").into());
                }
                now
            }
        };
    seed_plan.undeclared.clone_from(&undeclared);
    if seed_plan.is_empty() {
        return report_nothing_to_do(settings, args, writing, &seed_plan).await;
    }
    let policy = plan_backup(settings, args, true, &seed_plan, writing.writer.read_session().await?).await?;
    let marking = writing.first_mark();
    let report = writing
        .recorded(&marking, None, async |writing| {
            let backup = policy.ensure(settings, &seed_plan.snapshot, writing).await?;
            let mut done = carry_out(settings, args, &seeds, seed_plan, writing).await?;
            done.undeclared = undeclared;
            let mut report = build(settings, args, &writing.target, &done, SeedStage::Done);
            report.backup_plan = Some(policy.plan.clone());
            report.backup = backup.map(|(_, summary)| summary);
            // The exit code depends on what the database has now.
            let now = plan_again(settings, args, &seeds, writing).await.map_err(unchecked)?;
            if !now.changes_nothing() {
                report.exit = Exit::Findings;
                report.notes.push("rows have changed since: trueup seed --check".to_owned());
            }
            Ok((report.exit, report))
        })
        .await?;
    print(settings, &report)
}

/// What a snapshot has to read.
fn needs(seeds: &Arc<Seeds>, seed_rows: RowFilter) -> Needs {
    Needs { options: ReadOptions::default(), migrations: Arc::default(), seeds: Arc::clone(seeds), seed_rows }
}

/// Runs `--check`, `--sql` and `--dry-run`, which read and never write.
async fn show_plan(settings: &Settings, args: &SeedArgs, seeds: &Arc<Seeds>) -> Result<Exit> {
    if args.sql {
        deliver::only_statements(&settings.output)?;
    }
    let target = settings.target()?;
    let mut session = target.connect(&settings.application()).await?;
    let rows = match (args.sql, args.check) {
        (true, _) => RowFilter::All,
        (_, true) => RowFilter::Differing,
        _ => RowFilter::Unrecorded,
    };
    let request = Request { sequences: args.check, ..comparison::request(settings, needs(seeds, rows)) };
    let snapshot = snapshot::take(&mut session, &request).await?;
    environment_mark::expect(settings, snapshot.mark(), &snapshot.identity.database)?;
    let compared = ComparedSeeds::new(settings, args, snapshot, seeds)?;
    let mut seed_plan = compared.ordered(settings, &mut session, args.sql).await?;
    if args.sql {
        session.close().await;
        deliver::statements(&settings.output, &script(settings, &seed_plan))?;
        return Ok(Exit::Clean);
    }
    seed_plan.undeclared = undeclared::read(settings, &mut session, &seed_plan).await?;
    let stage = if args.check { SeedStage::Checked } else { SeedStage::Planned };
    let mut report = build(settings, args, &target, &seed_plan, stage);
    if args.dry_run && !seed_plan.is_empty() {
        report.backup_plan = Some(plan_backup(settings, args, false, &seed_plan, &mut session).await?.plan);
    }
    session.close().await;
    print(settings, &report)
}

/// Plans the changes, shows them and asks for confirmation.
async fn ask<'s>(
    settings: &'s Settings,
    args: &'s SeedArgs,
    seeds: &Arc<Seeds>,
    stop: &StopSignal,
) -> Result<(WriteCommand<'s>, SeedPlan)> {
    let mut writing = WriteCommand::open(settings, &args.write, stop).await?;
    let mut seed_plan = plan_again(settings, args, seeds, &mut writing).await?;
    seed_plan.undeclared =
        undeclared::read(settings, writing.writer.read_session().await?, &seed_plan).await?;
    if !seed_plan.is_empty() {
        check_rights(settings, &seed_plan, writing.writer.read_session().await?).await?;
        let mut proposed = build(settings, args, &writing.target, &seed_plan, SeedStage::Planned);
        let policy =
            plan_backup(settings, args, true, &seed_plan, writing.writer.read_session().await?).await?;
        proposed.backup_plan = Some(policy.plan);
        if !settings.output.quiet && (!args.write.yes || settings.output.interactive) {
            output::err(&output::shown(&proposed.proposal(), deliver::style(&settings.output)));
        }
        let (inserted, changed) = (seed_plan.count(TablePlan::inserts), seed_plan.count(TablePlan::updates));
        let recorded = seed_plan.tables.iter().any(|table| !table.plan.is_empty());
        let what = match (inserted, changed) {
            (0, 0) if !recorded => "remove the records of dropped tables".to_owned(),
            (0, 0) => "record rows as seeded".to_owned(),
            (inserted, changed) => format!("insert {}, update {changed}", plural(inserted, "row")),
        };
        let mark = seed_plan.snapshot.mark();
        writing.confirm(&what, mark).await?;
    }
    Ok((writing, seed_plan))
}

/// Compares the rows as they are now with the declaration.
async fn plan_again(
    settings: &Settings,
    args: &SeedArgs,
    seeds: &Arc<Seeds>,
    writing: &mut WriteCommand<'_>,
) -> Result<SeedPlan> {
    let snapshot = writing.take_snapshot_for(needs(seeds, RowFilter::Unrecorded)).await?;
    let compared = ComparedSeeds::new(settings, args, snapshot, seeds)?;
    if compared.expressions(false).is_empty() {
        return compared.without_lookups();
    }
    compared.ordered(settings, writing.writer.read_session().await?, false).await
}

/// Refuses changes that the role lacks the privileges for, before anything is written.
///
/// # Errors
/// Exit 4, with the privileges. Exit 3: the query fails.
async fn check_rights(settings: &Settings, seed_plan: &SeedPlan, session: &mut Session) -> Result<()> {
    let Some(query) = seeds::missing_rights_query(&seed_plan.seeds()) else { return Ok(()) };
    let role = settings.database.set_role.as_ref();
    let role = role.map(|role| format!("SET LOCAL ROLE {};", crate::postgres::sql::identifier(role)));
    let sql = format!("BEGIN READ ONLY; {} {query}; COMMIT", role.unwrap_or_default());
    let failed = |error| connection::server_failure(error, "asking for rights");
    let mut lacking: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for row in session.query(sql).await.map_err(failed)? {
        let text = |column: &str| row.get::<String>(column).map_err(|error| failed(error.into()));
        let columns = lacking.entry((text("path")?, text("privilege")?)).or_default();
        let column: Option<&str> = row.get("name").map_err(|error| failed(error.into()))?;
        columns.extend(column.map(|column| crate::postgres::sql::identifier(column).into_owned()));
    }
    if lacking.is_empty() {
        return Ok(());
    }
    let rights = lacking.iter().map(|((relation, right), columns)| match columns.as_slice() {
        [] => format!("{right} ON SEQUENCE {relation}"),
        columns => format!("{right} ({}) ON {relation}", columns.join(", ")),
    });
    let rights: Vec<String> = rights.collect();
    let role = &seed_plan.snapshot.identity.role;
    let what = format!("role {role} lacks rights: {}; nothing was changed", rights.join("; "));
    let to = crate::postgres::sql::identifier(role);
    let grants: Vec<String> = rights.iter().map(|right| format!("GRANT {right} TO {to}")).collect();
    let next = format!("{}; or work as the tables' owner: {}", grants.join("; "), settings.role_setting());
    Err(Failure::new(Exit::Refused, what).next(next).into())
}

/// Refuses tables that cannot be changed without running code of a weaker role, and plans the backup before the changes.
async fn plan_backup(
    settings: &Settings,
    args: &SeedArgs,
    write: bool,
    seed_plan: &SeedPlan,
    session: &mut Session,
) -> Result<BackupPolicy> {
    let changed = seed_plan.tables.iter().filter(|table| !table.plan.changes_nothing());
    let changed: BTreeSet<_> = changed.map(|table| table.id.clone()).collect();
    let names: Vec<String> = changed.iter().map(ToString::to_string).collect();
    refuse_untrusted(session, TableUse::Write, &names).await?;
    let read = seed_plan.lookups.tables();
    if !read.is_empty() {
        refuse_untrusted(session, TableUse::Read, &read).await?;
    }
    let changes = PlannedChanges {
        nothing: changed.is_empty().then_some("no row is changed"),
        affected: Affected::by_rows(&seed_plan.snapshot.catalog, changed, "seeds"),
        undo: None,
        only_affected: false,
    };
    let mark = seed_plan.snapshot.mark();
    let protected = environment_mark::protected(settings, mark).is_some();
    let options = BackupOptions { no_backup: args.no_backup, protected, write };
    BackupPolicy::plan(settings, options, &changes, &seed_plan.snapshot, session).await
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
async fn carry_out(
    settings: &Settings,
    args: &SeedArgs,
    seeds: &Arc<Seeds>,
    shown: SeedPlan,
    writing: &mut WriteCommand<'_>,
) -> Result<SeedPlan> {
    let mut seed_plan = shown;
    for round in 1..=ROUNDS {
        match attempt(settings, args, &seed_plan, round == ROUNDS, writing).await {
            Ok(()) => return Ok(seed_plan),
            Err(StepError::Disproved(error)) if error.is::<RowsChanged>() => {}
            Err(StepError::Refused { said, done }) => {
                return Err(refusal(settings, &seed_plan, &said, done).into());
            }
            Err(error) => return Err(error.failure(WHAT, false)),
        }
        let mut now = plan_again(settings, args, seeds, writing).await?;
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
    args: &SeedArgs,
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
    let mut records = vec![writing.writer.step_record(STEP, "seed", None, Some(&detail.to_string()))];
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
                let remaining = seeds::plan(query, answers, defaults, args.overwrite)?;
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

/// The failure of the check after the rows were written.
fn unchecked(error: anyhow::Error) -> anyhow::Error {
    with_failure(error, |failure| {
        let what =
            format!("the rows are written and recorded; the check afterwards failed: {}", failure.what);
        Failure { what, next: "trueup seed --check".to_owned(), ..failure }
    })
}

/// Reports that there is nothing to write, and closes the connections.
async fn report_nothing_to_do(
    settings: &Settings,
    args: &SeedArgs,
    writing: WriteCommand<'_>,
    seed_plan: &SeedPlan,
) -> Result<Exit> {
    let report = build(settings, args, &writing.target, seed_plan, SeedStage::Done);
    writing.writer.close().await;
    print(settings, &report)
}
