//! `upgrade` and `downgrade` where another tool applies the migrations: its own commands are run between a verified backup and
//! a check, under trueup's lock, and recorded as a run.

use std::collections::BTreeSet;

use anyhow::Result;

use super::child::{Child, Ended, last_lines, not_started};
use super::outcome::ToolOutcome;
use super::place::{self, is_there};
use super::report::{ToolReport, ToolRun};
use super::revert::{self, Reverting};
use super::work::{ToolCommand, ToolWork};
use crate::changes::plan::{Affected, Direction, Reversal};
use crate::cli::WriteArgs;
use crate::error::{ErrorCode, Exit, Failure, exit_of};
use crate::migrations::tools::MigrationTool;
use crate::model::diagnosis::MigrationState;
use crate::output;
use crate::postgres::connection::Session;
use crate::postgres::sql::identifier;
use crate::project::Settings;
use crate::snapshot::{self, DatabaseSnapshot};
use crate::text::plural;
use crate::workflow::backup_policy::{self, BackupOptions, BackupPolicy, PlannedChanges};
use crate::workflow::comparison::{self, Comparison};
use crate::workflow::deliver::{self, deliver};
use crate::workflow::environment_mark;
use crate::workflow::migrate;
use crate::workflow::project_model::{self, ProjectModel};
use crate::workflow::reports::backup_plan::BackupPlan;
use crate::workflow::reports::loss::LossReport;
use crate::workflow::reports::schema_report::SchemaReport;
use crate::workflow::write_command::{WriteCommand, refuse_unclear};
use crate::writer::{StopSignal, interrupted};

/// What the command line asks for.
pub(crate) struct ToolChange<'a> {
    pub(crate) tool: MigrationTool,
    pub(crate) goal: ToolGoal<'a>,
    pub(crate) write: &'a WriteArgs,
    pub(crate) no_backup: bool,
    pub(crate) strict: bool,
    pub(crate) dry_run: bool,
}

/// Where the tool is to bring the database.
#[derive(Clone, Copy)]
pub(crate) enum ToolGoal<'a> {
    /// Everything is applied.
    Newest,
    /// This revision is the newest that is applied.
    BackTo(&'a str),
}

/// Where a database stands before, and what is going to be done.
struct Prepared {
    snapshot: DatabaseSnapshot,
    document: SchemaReport,
    /// The versions that are applied.
    applied: BTreeSet<i64>,
    work: ToolWork,
}

/// How many differences a message names.
const MOST_NAMED: usize = 5;

/// Runs the tool's commands.
///
/// # Errors
/// With the exit codes of the contract.
pub(crate) async fn run(settings: &Settings, asked: &ToolChange<'_>, mut stop: StopSignal) -> Result<Exit> {
    refuse_place(settings, asked.tool)?;
    if let ToolGoal::BackTo(_) = asked.goal {
        revert::refuse_tool(settings, asked.tool)?;
    }
    let signal = stop.clone();
    let (mut writing, declared, shown, backup) = tokio::select! {
        biased;
        ready = ask(settings, asked, &signal) => ready?,
        signal = stop.wait() => return Err(interrupted(signal).into()),
    };
    if shown.work.steps.is_empty() || asked.dry_run {
        writing.writer.close().await;
        let run = ToolRun::planned(asked.tool, &shown.work, backup);
        return print(settings, asked, shown.document, run);
    }
    writing.lock().await?;
    // Somebody else may have been faster.
    let now = prepare(settings, asked, &declared, &mut writing).await?;
    if !now.work.is_rest_of(&shown.work) {
        return Err(migrate::changed_meanwhile("the plan").into());
    }
    if now.work.steps.is_empty() {
        writing.writer.close().await;
        let run = ToolRun::planned(asked.tool, &now.work, None);
        return print(settings, asked, now.document, run);
    }
    let marking = writing.first_mark();
    let (document, run) = writing
        .recorded(&marking, None, async |writing| {
            let done = carry_out(settings, asked, &declared, &now, writing).await?;
            Ok((Exit::Clean, done))
        })
        .await?;
    print(settings, asked, document, run)
}

/// Refuses what the tool cannot be run with.
fn refuse_place(settings: &Settings, tool: MigrationTool) -> Result<(), Failure> {
    refuse_role(settings, tool)?;
    place::refuse_missing_directory(settings)
}

/// Refuses a tool that cannot be run here, before anything is done for it.
///
/// # Errors
/// Exit 2 and 4.
pub(crate) fn refuse_unusable(settings: &Settings, tool: MigrationTool) -> Result<(), Failure> {
    refuse_place(settings, tool)?;
    match place::apply_command(settings, tool)?.first() {
        Some(program) => refuse_missing_program(settings, tool, "command", program),
        None => Ok(()),
    }
}

fn refuse_missing_program(
    settings: &Settings,
    tool: MigrationTool,
    setting: &'static str,
    program: &str,
) -> Result<(), Failure> {
    match is_there(settings, program) {
        true => Ok(()),
        false => Err(not_started(tool, setting, program, "there is no such program in PATH")),
    }
}

/// Lets the tool apply all of its migrations to a database that has none of them, in a run that has begun. The titles of what
/// was applied.
///
/// # Errors
/// As [`run`].
pub(crate) async fn apply_from_nothing(
    settings: &Settings,
    tool: MigrationTool,
    declared: &ProjectModel,
    nothing: &MigrationState,
    write: &WriteArgs,
    writing: &mut WriteCommand<'_>,
) -> Result<Vec<String>> {
    let goal = ToolGoal::Newest;
    let asked = ToolChange { tool, goal, write, no_backup: true, strict: false, dry_run: false };
    let snapshot = writing.take_snapshot(declared).await?;
    let document = comparison::compare(settings, &writing.target, declared, &snapshot)?.document;
    let planned = ToolWork::upgrade(settings, tool, &declared.lock, nothing)?;
    let before = Prepared { snapshot, document, applied: BTreeSet::new(), work: planned };
    let (_, run) = work(settings, &asked, declared, &before, writing).await?;
    Ok(run.applied)
}

/// Everything up to the operator's yes.
async fn ask<'s>(
    settings: &'s Settings,
    asked: &ToolChange<'s>,
    stop: &StopSignal,
) -> Result<(WriteCommand<'s>, ProjectModel, Prepared, Option<BackupPlan>)> {
    let opening = WriteCommand::open(settings, asked.write, stop);
    let (mut writing, reading) = project_model::beside(settings, opening).await?;
    let declared = reading.finish(settings).await?;
    let prepared = prepare(settings, asked, &declared, &mut writing).await?;
    let work = &prepared.work;
    let Some(program) = work.commands.first().filter(|_| !work.steps.is_empty()) else {
        return Ok((writing, declared, prepared, None));
    };
    let program = &program.words[0];
    refuse_missing_program(settings, asked.tool, work.setting(), program)?;
    let session = writing.writer.read_session().await?;
    let backup = backup_policy(settings, asked, &prepared.snapshot, !asked.dry_run, session).await?.plan;
    if !asked.dry_run {
        if !settings.output.quiet && (settings.output.interactive || !asked.write.yes) {
            let run = ToolRun::planned(asked.tool, work, Some(backup.clone()));
            let shown = run.proposal(&prepared.document);
            output::err(&output::shown(&shown, deliver::style(&settings.output)));
        }
        let mark = prepared.snapshot.internal.as_ref().and_then(|internal| internal.mark.as_ref());
        let migrations = plural(work.steps.len(), "migration");
        writing.confirm(&format!("run {program}, which {} {migrations}", work.verb()), mark).await?;
    }
    Ok((writing, declared, prepared, Some(backup)))
}

/// Decides about the backup before the tool runs. With `write`, what keeps it from being taken is refused.
async fn backup_policy(
    settings: &Settings,
    asked: &ToolChange<'_>,
    snapshot: &DatabaseSnapshot,
    write: bool,
    session: &mut Session,
) -> Result<BackupPolicy> {
    let mark = snapshot.internal.as_ref().and_then(|internal| internal.mark.as_ref());
    let options = BackupOptions {
        no_backup: asked.no_backup,
        protected: environment_mark::protected(settings, mark).is_some(),
        write,
    };
    let changes = PlannedChanges {
        affected: Affected::Unknown(format!("{} runs its migrations itself", asked.tool)),
        nothing: None,
        undo: None,
        only_affected: false,
    };
    BackupPolicy::plan(settings, options, &changes, snapshot, Some(session)).await
}

/// The tool logs in by itself: what it creates belongs to the login role.
fn refuse_role(settings: &Settings, tool: MigrationTool) -> Result<(), Failure> {
    let Some(role) = &settings.database.set_role else { return Ok(()) };
    let what = format!(
        "[database] set_role = {role:?} is for trueup's own statements: {tool} would create everything as the role of the \
         connection URL; nothing was changed"
    );
    Err(Failure::new(Exit::Refused, what).code(ErrorCode::PERMISSION_MISSING).next(format!(
        "let the login role take the other one by itself: ALTER ROLE <login> SET role = {}, and remove set_role; or run {tool} \
         by hand",
        identifier(role)
    )))
}

/// Reads the database, refuses what must not be changed, and plans.
async fn prepare(
    settings: &Settings,
    asked: &ToolChange<'_>,
    declared: &ProjectModel,
    writing: &mut WriteCommand<'_>,
) -> Result<Prepared> {
    let snapshot = writing.take_snapshot(declared).await?;
    let Comparison { document, state } = comparison::compare(settings, &writing.target, declared, &snapshot)?;
    refuse_unclear(settings, &snapshot)?;
    comparison::refuse_other(settings, &document)?;
    refuse_history(asked.goal, &document)?;
    let (lock, tool) = (&declared.lock, asked.tool);
    let mut work = match asked.goal {
        ToolGoal::Newest => ToolWork::upgrade(settings, tool, lock, &state)?,
        ToolGoal::BackTo(to) => {
            Reverting { settings, tool, lock, state: &state, live: &snapshot.catalog, to }.work()?
        }
    };
    let sizes =
        snapshot::sizes(writing.writer.read_session().await?, &LossReport::tables(&work.lost)).await?;
    LossReport::measure(&mut work.lost, &sizes);
    let applied = state.applied.iter().map(|index| lock.migrations[*index].version).collect();
    Ok(Prepared { snapshot, document, applied, work })
}

/// Refuses a history that does not say where the database stands.
fn refuse_history(goal: ToolGoal<'_>, document: &SchemaReport) -> Result<(), Failure> {
    let missing = match goal {
        ToolGoal::Newest => "has tables, and no history of migrations: the tool would begin with the first",
        ToolGoal::BackTo(_) => "has tables, and no history of migrations: nothing says what was applied",
    };
    for (code, what) in
        [(ErrorCode::HISTORY_FAILED, "failed or was interrupted"), (ErrorCode::HISTORY_MISSING, missing)]
    {
        if let Some(found) = document.findings.iter().find(|finding| finding.code == code.as_str()) {
            let what = format!("{} {what}; nothing was changed", found.object);
            let next = found.remedy.summary().unwrap_or_default();
            return Err(Failure::new(Exit::Refused, what).code(code).next(next));
        }
    }
    Ok(())
}

/// Takes the backup, runs the commands, and checks again.
async fn carry_out(
    settings: &Settings,
    asked: &ToolChange<'_>,
    declared: &ProjectModel,
    before: &Prepared,
    writing: &mut WriteCommand<'_>,
) -> Result<(SchemaReport, ToolRun)> {
    let session = writing.writer.read_session().await?;
    let policy = backup_policy(settings, asked, &before.snapshot, true, session).await?;
    let backup = policy.ensure(settings, &before.snapshot, writing).await?;
    match work(settings, asked, declared, before, writing).await {
        Ok((mut document, run)) => {
            document.backup = backup.map(|(_, summary)| summary);
            Ok((document, run))
        }
        Err(error) => Err(match backup {
            Some((manifest, _)) => {
                let writer = &mut writing.writer;
                backup_policy::add_recovery_hints(settings, error, &manifest, None, writer).await
            }
            None => error,
        }),
    }
}

/// Runs the commands. What the tool has done is read after each of them.
async fn work(
    settings: &Settings,
    asked: &ToolChange<'_>,
    declared: &ProjectModel,
    before: &Prepared,
    writing: &mut WriteCommand<'_>,
) -> Result<(SchemaReport, ToolRun)> {
    let (tool, work) = (asked.tool, &before.work);
    let (mut due, mut output, mut last) = (0, String::new(), None);
    for command in &work.commands {
        if let Some(signal) = writing.writer.stop_signal().asked() {
            return Err(stopped(signal, work, due).into());
        }
        let ToolCommand { words, steps } = command;
        due += steps;
        let ended = Child { settings, tool, command: words, setting: work.setting() }.run(writing).await?;
        let (snapshot, document) = match look_again(settings, declared, writing).await {
            Ok(now) => now,
            Err(error) => return Err(unknown(tool, work, &ended, &error).into()),
        };
        let outcome = ToolOutcome::of(tool, work, (command, due), &ended, [&before.snapshot, &snapshot]);
        if let Some(failure) = outcome.failure() {
            return Err(failure.into());
        }
        let done = outcome.done;
        output.push_str(&ended.output);
        last = Some((snapshot, document, done));
    }
    let Some((snapshot, document, done)) = last else { anyhow::bail!("there is nothing to run") };
    prove(settings, declared, before, &snapshot)?;
    Ok((document, ToolRun::done(tool, work, done, output)))
}

/// Proves that the schema is what the migrations that are still applied build.
fn prove(
    settings: &Settings,
    declared: &ProjectModel,
    before: &Prepared,
    now: &DatabaseSnapshot,
) -> Result<(), Failure> {
    let work = &before.work;
    if work.direction == Direction::Up {
        return Ok(());
    }
    let reverted: BTreeSet<i64> = work.steps.iter().map(|step| step.version).collect();
    let stays = before.applied.difference(&reverted).copied().collect();
    let reversal = Reversal::of(&declared.lock, &reverted, &stays);
    let wrong = reversal.wrong(now.version, &[], [&before.snapshot.catalog, &now.catalog]);
    let wrong: Vec<String> = wrong
        .into_iter()
        .filter(|(id, _)| comparison::in_scope(settings, id))
        .map(|(_, words)| words)
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    let more = wrong.len().saturating_sub(MOST_NAMED);
    let more = if more > 0 { format!("\nand {more} more") } else { String::new() };
    let what = format!(
        "{} recorded as reverted, and the schema differs from what the migrations that stay build\n{}{more}",
        match work.steps.len() {
            1 => "1 migration is".to_owned(),
            some => format!("{some} migrations are"),
        },
        wrong[..wrong.len().min(MOST_NAMED)].join("\n"),
    );
    Err(Failure::new(Exit::Partial, what).code(ErrorCode::MIGRATION_NOT_PROVED).next(
        "look at what the migrations revert, and put right by hand what differs: the tool's next upgrade would meet it; \
         trueup check",
    ))
}

/// Asked to stop between two runs of the tool.
fn stopped(signal: &str, work: &ToolWork, due: usize) -> Failure {
    let done: Vec<&str> = work.steps[..due].iter().map(|step| step.title.as_str()).collect();
    let (exit, what) = match done.as_slice() {
        [] => (Exit::RolledBack, format!("interrupted by {signal}: the tool was not run")),
        done => (
            Exit::Partial,
            format!("interrupted by {signal}: {} before that: {}", work.done(), done.join(", ")),
        ),
    };
    Failure::new(exit, what).code(ErrorCode::RUN_INTERRUPTED).next(work.asked_by.clone())
}

/// Reads the database after the tool has ended. A connection that was lost meanwhile is opened again.
async fn look_again(
    settings: &Settings,
    declared: &ProjectModel,
    writing: &mut WriteCommand<'_>,
) -> Result<(DatabaseSnapshot, SchemaReport)> {
    let snapshot = match writing.take_snapshot(declared).await {
        Err(error) if exit_of(&error) == Exit::CannotTell => {
            let again = writing.writer.reconnect(&error.to_string(), &mut writing.progress).await;
            again.map_err(anyhow::Error::msg)?;
            writing.take_snapshot(declared).await?
        }
        taken => taken?,
    };
    if !snapshot.invisible.is_empty() {
        anyhow::bail!("this role may not read {}", snapshot.invisible.join(", "));
    }
    let document = comparison::compare(settings, &writing.target, declared, &snapshot)?.document;
    Ok((snapshot, document))
}

/// The tool has ended, and the database cannot be read.
fn unknown(tool: MigrationTool, work: &ToolWork, ended: &Ended, error: &anyhow::Error) -> Failure {
    let how = ended.failure.as_deref().unwrap_or("it ended with 0");
    let what = format!(
        "{tool} was run ({how}), and what it has {} is not known: {error}{}",
        work.done(),
        last_lines(&ended.output)
    );
    Failure::new(Exit::Unknown, what).code(ErrorCode::TOOL_FAILED).next("trueup status")
}

fn print(settings: &Settings, asked: &ToolChange<'_>, document: SchemaReport, tool: ToolRun) -> Result<Exit> {
    let exit = if asked.strict { document.exit } else { Exit::Clean };
    deliver(&settings.output, &ToolReport { check: document.ending(exit), tool })?;
    Ok(exit)
}
