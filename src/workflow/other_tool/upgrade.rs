//! `upgrade` where another tool applies the migrations: its own command is run between a verified backup and a check, under
//! trueup's lock, and recorded as a run.

use anyhow::Result;

use super::child::{Child, Ended, last_lines, not_started};
use super::place::{self, arguments, is_there};
use super::report::{self, ToolReport, ToolRun};
use crate::changes::plan::Affected;
use crate::cli::WriteArgs;
use crate::error::{ErrorCode, Exit, Failure, exit_of};
use crate::migrations::tools::MigrationTool;
use crate::output;
use crate::postgres::connection::Session;
use crate::postgres::sql::identifier;
use crate::project::Settings;
use crate::snapshot::DatabaseSnapshot;
use crate::text::plural;
use crate::workflow::backup_policy::{BackupOptions, BackupPolicy, PlannedChanges};
use crate::workflow::deliver::{self, deliver};
use crate::workflow::project_model::{self, ProjectModel};
use crate::workflow::reports::backup_plan::BackupPlan;
use crate::workflow::reports::schema_report::SchemaReport;
use crate::workflow::write_command::{WriteCommand, interrupted, refuse_unclear};
use crate::workflow::{comparison, environment_mark};
use crate::writer::StopSignal;

/// What the command line asks for.
pub(crate) struct ToolUpgrade<'a> {
    pub(crate) tool: MigrationTool,
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

/// What the operator is asked about.
struct Proposal {
    before: Before,
    /// What is done about a backup; `None` where nothing is pending.
    backup: Option<BackupPlan>,
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
    refuse_role(settings, asked.tool)?;
    let command = arguments(settings, asked.tool)?;
    let signal = stop.clone();
    let (mut writing, declared, proposal) = tokio::select! {
        biased;
        ready = ask(settings, asked, &command, &signal) => ready?,
        signal = stop.wait() => return Err(interrupted(signal).into()),
    };
    if !proposal.before.has_pending() || asked.dry_run {
        writing.writer.close().await;
        let run = ToolRun { backup_plan: proposal.backup, ..ToolRun::none(asked.tool, command) };
        return print(settings, asked, proposal.before.document, run);
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
) -> Result<(WriteCommand<'s>, ProjectModel, Proposal)> {
    let opening = WriteCommand::open(settings, asked.write, stop);
    let (mut writing, reading) = project_model::beside(settings, opening).await?;
    let declared = reading.finish(settings).await?;
    let before = look(settings, &declared, &mut writing).await?;
    if before.has_pending() && !is_there(settings, &command[0]) {
        return Err(not_started(asked.tool, &command[0], "there is no such program in PATH").into());
    }
    if !before.has_pending() {
        return Ok((writing, declared, Proposal { before, backup: None }));
    }
    let session = writing.writer.read_session().await?;
    let backup = backup_policy(settings, asked, &before.snapshot, !asked.dry_run, session).await?.plan;
    if asked.dry_run {
        return Ok((writing, declared, Proposal { before, backup: Some(backup) }));
    }
    if !settings.output.quiet && (settings.output.interactive || !asked.write.yes) {
        let shown = report::proposal(&before.document, command, Some(&backup));
        output::err(&output::shown(&shown, deliver::style(&settings.output)));
    }
    let pending = &before.document.history.pending;
    let mark = before.snapshot.internal.as_ref().and_then(|internal| internal.mark.as_ref());
    let what = format!("run {}, which applies {}", command[0], plural(pending.len(), "migration"));
    writing.confirm(&what, mark).await?;
    Ok((writing, declared, Proposal { before, backup: Some(backup) }))
}

/// Decides about the backup before the tool runs. With `write`, what keeps it from being taken is refused.
async fn backup_policy(
    settings: &Settings,
    asked: &ToolUpgrade<'_>,
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
        affected: Affected::Unknown(format!("{} applies its migrations itself", asked.tool)),
        nothing: None,
        undo: None,
        only_affected: false,
    };
    BackupPolicy::plan(settings, options, &changes, snapshot, session).await
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
    for (code, what) in [
        (ErrorCode::HISTORY_FAILED, "failed or was interrupted"),
        (
            ErrorCode::HISTORY_MISSING,
            "has tables, and no history of migrations: the tool would begin with the first",
        ),
    ] {
        if let Some(found) = document.findings.iter().find(|finding| finding.code == code.as_str()) {
            let what = format!("{} {what}; nothing was changed", found.object);
            let next = found.remedy.summary().unwrap_or_default();
            return Err(Failure::new(Exit::Refused, what).code(code).next(next).into());
        }
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
    let session = writing.writer.read_session().await?;
    let policy = backup_policy(settings, asked, &before.snapshot, true, session).await?;
    let backup = policy.ensure(settings, &before.snapshot, writing).await?.map(|(_, summary)| summary);

    let pending: Vec<&str> = before.document.history.pending.iter().map(|one| one.version.as_str()).collect();
    let ended = Child { settings, tool: asked.tool, command }.run_for(&pending, writing).await?;
    let (snapshot, mut document) = match look_again(settings, declared, writing).await {
        Ok(now) => now,
        Err(error) => return Err(unknown(asked.tool, &ended, &error).into()),
    };
    let outcome = Outcome {
        tool: asked.tool,
        command,
        ended: &ended,
        applied: &newly_applied(&before.snapshot, &snapshot),
        new_history: (before.snapshot.history_table != snapshot.history_table)
            .then_some(snapshot.history_table.as_deref())
            .flatten(),
        same_schema: snapshot.catalog.objects == before.snapshot.catalog.objects,
    };
    if let Some(failure) = outcome.failure() {
        return Err(failure.into());
    }
    document.backup = backup;
    let applied = outcome.applied.to_vec();
    let run =
        ToolRun { output: ended.output, applied, ran: true, ..ToolRun::none(asked.tool, command.to_vec()) };
    Ok((document, run))
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
fn unknown(tool: MigrationTool, ended: &Ended, error: &anyhow::Error) -> Failure {
    let how = ended.failure.as_deref().unwrap_or("it ended with 0");
    let what = format!(
        "{tool} was run ({how}), and what it has applied is not known: {error}{}",
        last_lines(&ended.output)
    );
    Failure::new(Exit::Unknown, what).code(ErrorCode::TOOL_FAILED).next("trueup status")
}

/// What the tool has done.
struct Outcome<'a> {
    tool: MigrationTool,
    command: &'a [String],
    ended: &'a Ended,
    /// The migrations that its history has now, and did not have before.
    applied: &'a [String],
    /// The table of its history, where it was not there before.
    new_history: Option<&'a str>,
    same_schema: bool,
}

impl Outcome<'_> {
    /// `None` where something was applied, and the tool says that all was well.
    fn failure(&self) -> Option<Failure> {
        let Self { tool, ended, applied, .. } = self;
        let unchanged = applied.is_empty() && self.same_schema && self.new_history.is_none();
        let said = last_lines(&ended.output);
        let (exit, what, next) = match &ended.failure {
            None if !applied.is_empty() || !self.same_schema => return None,
            None => (
                if unchanged { Exit::RolledBack } else { Exit::Partial },
                format!(
                    "{} ended with 0, and applied nothing here: it may have migrated another database, or have a reason of \
                     its own{said}",
                    place::shown(self.command)
                ),
                "see which database it works on: it is given DATABASE_URL, and its own settings may name another; some tools \
                 apply no migration that is older than the newest applied one"
                    .to_owned(),
            ),
            Some(why) => (
                if unchanged { Exit::RolledBack } else { Exit::Partial },
                format!("{tool} failed ({why}): {}{said}", self.state(unchanged)),
                "trueup check shows where the database is; then: trueup upgrade".to_owned(),
            ),
        };
        Some(Failure::new(exit, what).code(ErrorCode::TOOL_FAILED).next(next))
    }

    /// What a tool that failed has left.
    fn state(&self, unchanged: bool) -> String {
        match (self.applied, self.new_history) {
            _ if unchanged => {
                "the schema and the history are as they were; rows were not compared".to_owned()
            }
            ([], _) if !self.same_schema => {
                "no migration was recorded, and the schema has changed".to_owned()
            }
            ([], Some(table)) => {
                format!("no migration was applied; the table of its history, {table}, is new")
            }
            (applied, _) => format!("applied before that: {}", applied.join(", ")),
        }
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
