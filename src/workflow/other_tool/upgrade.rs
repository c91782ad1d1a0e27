//! `upgrade` where another tool applies the migrations: its own command is run between a verified backup and a check, under
//! trueup's lock, and recorded as a run.

use anyhow::Result;

use super::child::{Child, arguments, is_there, not_started};
use super::report::{ToolReport, ToolRun};
use crate::changes::plan::Affected;
use crate::cli::WriteArgs;
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::tools::SqlTool;
use crate::output;
use crate::output::view::{Text, View};
use crate::project::Settings;
use crate::snapshot::DatabaseSnapshot;
use crate::text::plural;
use crate::workflow::backup_policy::{BackupOptions, BackupPolicy, PlannedChanges};
use crate::workflow::deliver::{self, deliver};
use crate::workflow::project_model::{self, ProjectModel};
use crate::workflow::reports::schema_report::SchemaReport;
use crate::workflow::reports::target::ReportedMigration;
use crate::workflow::write_command::{WriteCommand, interrupted, refuse_unclear};
use crate::workflow::{comparison, environment_mark};
use crate::writer::StopSignal;

/// What the command line asks for.
pub(crate) struct ToolUpgrade<'a> {
    pub(crate) tool: SqlTool,
    pub(crate) write: &'a WriteArgs,
    pub(crate) no_backup: bool,
    pub(crate) strict: bool,
    pub(crate) dry_run: bool,
}

/// Where a database stands before.
struct Before {
    snapshot: DatabaseSnapshot,
    document: SchemaReport,
}

impl Before {
    fn has_pending(&self) -> bool {
        !self.document.history.pending.is_empty()
    }
}

/// Runs the tool's command.
///
/// # Errors
/// With the exit codes of the contract.
pub(crate) async fn run(settings: &Settings, asked: &ToolUpgrade<'_>, mut stop: StopSignal) -> Result<Exit> {
    let command = arguments(settings, asked.tool);
    let signal = stop.clone();
    let (mut writing, declared, before) = tokio::select! {
        biased;
        ready = ask(settings, asked, &command, &signal) => ready?,
        signal = stop.wait() => return Err(interrupted(signal).into()),
    };
    if !before.has_pending() || asked.dry_run {
        writing.writer.close().await;
        return print(settings, asked, before.document, ToolRun::none(asked.tool, command));
    }
    writing.lock().await?;
    // Somebody else may have been faster.
    let before = look(settings, &declared, &mut writing).await?;
    if !before.has_pending() {
        writing.writer.close().await;
        return print(settings, asked, before.document, ToolRun::none(asked.tool, command));
    }
    let marking = writing.first_mark();
    let (document, run) = writing
        .recorded(&marking, None, async |writing| {
            let done = carry_out(settings, asked, &declared, &before, &command, writing).await?;
            Ok((Exit::Clean, done))
        })
        .await?;
    print(settings, asked, document, run)
}

/// Everything up to the operator's yes.
async fn ask<'s>(
    settings: &'s Settings,
    asked: &ToolUpgrade<'s>,
    command: &[String],
    stop: &StopSignal,
) -> Result<(WriteCommand<'s>, ProjectModel, Before)> {
    let opening = WriteCommand::open(settings, asked.write, stop);
    let (mut writing, reading) = project_model::beside(settings, opening).await?;
    let declared = reading.finish(settings).await?;
    let before = look(settings, &declared, &mut writing).await?;
    if !before.has_pending() || asked.dry_run {
        return Ok((writing, declared, before));
    }
    if !is_there(settings, &command[0]) {
        return Err(not_started(asked.tool, &command[0], "it is not in PATH").into());
    }
    let pending = &before.document.history.pending;
    if !settings.output.quiet && (settings.output.interactive || !asked.write.yes) {
        let names: Vec<String> = pending.iter().map(ReportedMigration::label).collect();
        let shown = View::new()
            .headline(before.document.headline())
            .text(Text::labelled("to be applied", names.join(", ")))
            .text(Text::labelled("command", command.join(" ")));
        output::err(&output::shown(&shown, deliver::style(&settings.output)));
    }
    let mark = before.snapshot.internal.as_ref().and_then(|internal| internal.mark.as_ref());
    let what = format!("run {}, which applies {}", command[0], plural(pending.len(), "migration"));
    writing.confirm(&what, mark).await?;
    Ok((writing, declared, before))
}

/// Reads the database, and refuses what must not be changed.
async fn look(
    settings: &Settings,
    declared: &ProjectModel,
    writing: &mut WriteCommand<'_>,
) -> Result<Before> {
    let snapshot = writing.take_snapshot(declared).await?;
    let document = comparison::compare(settings, &writing.target, declared, &snapshot)?.document;
    refuse_unclear(&snapshot)?;
    comparison::refuse_other(settings, &document)?;
    if let Some(failed) = document.findings.iter().find(|finding| finding.code == "history.failed") {
        let what = format!("{} failed or was interrupted; nothing was changed", failed.object);
        let next = failed.remedy.summary().unwrap_or_default();
        return Err(Failure::new(Exit::Refused, what).code(ErrorCode::HISTORY_FAILED).next(next).into());
    }
    Ok(Before { snapshot, document })
}

/// Takes the backup, runs the command, and checks again.
async fn carry_out(
    settings: &Settings,
    asked: &ToolUpgrade<'_>,
    declared: &ProjectModel,
    before: &Before,
    command: &[String],
    writing: &mut WriteCommand<'_>,
) -> Result<(SchemaReport, ToolRun)> {
    let mark = before.snapshot.internal.as_ref().and_then(|internal| internal.mark.as_ref());
    let options = BackupOptions {
        no_backup: asked.no_backup,
        protected: environment_mark::protected(settings, mark).is_some(),
        write: true,
    };
    let changes = PlannedChanges {
        affected: Affected::Unknown(format!("{} applies its migrations itself", asked.tool)),
        nothing: None,
        undo: None,
        only_affected: false,
    };
    let session = writing.writer.read_session().await?;
    let policy = BackupPolicy::plan(settings, options, &changes, &before.snapshot, session).await?;
    let backup = policy.ensure(settings, &before.snapshot, writing).await?.map(|(_, summary)| summary);

    let ended = Child { settings, tool: asked.tool, command }.run(writing).await?;
    let snapshot = writing.take_snapshot(declared).await?;
    let mut document = comparison::compare(settings, &writing.target, declared, &snapshot)?.document;
    let applied = newly_applied(&before.snapshot, &snapshot);
    let unchanged = applied.is_empty() && snapshot.catalog.objects == before.snapshot.catalog.objects;
    if let Some(why) = &ended.failure {
        let state = State { applied: &applied, unchanged };
        return Err(state.failure(asked.tool, why, &ended.output, command).into());
    }
    if unchanged {
        let what = format!(
            "{} ended with 0, and this database has not changed: it may have migrated another one",
            command.join(" ")
        );
        let next =
            "see which database it works on: it is given DATABASE_URL; its own settings may name another";
        return Err(Failure::new(Exit::RolledBack, what).code(ErrorCode::TOOL_FAILED).next(next).into());
    }
    document.backup = backup;
    let run =
        ToolRun { output: ended.output, applied, ran: true, ..ToolRun::none(asked.tool, command.to_vec()) };
    Ok((document, run))
}

/// What a tool that failed has left.
struct State<'a> {
    applied: &'a [String],
    /// Whether neither the schema nor the history has changed.
    unchanged: bool,
}

impl State<'_> {
    fn failure(&self, tool: SqlTool, why: &str, output: &str, command: &[String]) -> Failure {
        let (exit, state) = match (self.unchanged, self.applied) {
            (true, _) => (
                Exit::RolledBack,
                "the schema and the history are as they were; rows were not compared".to_owned(),
            ),
            (false, []) => {
                (Exit::Partial, "no migration was recorded, and the schema has changed".to_owned())
            }
            (false, applied) => (Exit::Partial, format!("applied before that: {}", applied.join(", "))),
        };
        let last: Vec<&str> = output.lines().rev().take(10).collect();
        let said: String = last.into_iter().rev().map(|line| format!("\n  {line}")).collect();
        Failure::new(exit, format!("{tool} failed ({why}): {state}{said}"))
            .code(ErrorCode::TOOL_FAILED)
            .next(format!("trueup check shows where the database is; then: {}", command.join(" ")))
    }
}

/// The migrations of the history that were not in it before.
fn newly_applied(before: &DatabaseSnapshot, now: &DatabaseSnapshot) -> Vec<String> {
    let known: Vec<i64> = before.history.iter().flatten().map(|row| row.version).collect();
    let new = now.history.iter().flatten().filter(|row| !known.contains(&row.version));
    new.map(|row| row.id().to_string()).collect()
}

fn print(
    settings: &Settings,
    asked: &ToolUpgrade<'_>,
    document: SchemaReport,
    tool: ToolRun,
) -> Result<Exit> {
    let exit = if asked.strict { document.exit } else { Exit::Clean };
    deliver(&settings.output, &ToolReport { check: document.ending(exit), tool })?;
    Ok(exit)
}
