//! Reset: what a project has in a database of development is dropped, and built again from nothing.
//!
//! Which databases that is allowed for is in `allowed`, what goes in `plan` (read by `contents`), the work in `carry_out`.

mod allowed;
mod carry_out;
mod contents;
mod plan;

use anyhow::Result;

use crate::changes::plan::{Affected, Direction};
use crate::cli::WriteArgs;
use crate::error::{ErrorCode, Exit, Failure};
use crate::project::Settings;
use crate::snapshot::{self, DatabaseSnapshot};
use crate::workflow::backup_policy::{self, BackupOptions, BackupPolicy, PlannedChanges};
use crate::workflow::migrate::changed_meanwhile;
use crate::workflow::other_tool::change;
use crate::workflow::project_model::{self, ProjectModel};
use crate::workflow::reports::backup_plan::LastBackup;
use crate::workflow::reports::schema_report::SchemaReport;
use crate::workflow::write_command::{WriteCommand, refuse_unclear};
use crate::workflow::{comparison, plan_steps};
use crate::writer::StopSignal;
pub(crate) use carry_out::Built;
pub(crate) use plan::{ResetPlan, SchemaAction};

/// A reset that was planned and not begun.
pub(crate) struct PreparedReset {
    pub(crate) plan: ResetPlan,
    /// The database as it is.
    pub(crate) check: SchemaReport,
    /// What is done about a backup.
    pub(crate) policy: BackupPolicy,
    /// The titles of the migrations that are applied.
    pub(crate) migrations: Vec<String>,
    pub(crate) snapshot: DatabaseSnapshot,
}

/// Connects, reads and plans. Nothing is written.
///
/// # Errors
/// Exit 4: this database must not be reset, or cannot be. Exit 2: the project's files. Exit 3: it cannot be read.
pub(crate) async fn open<'s>(
    settings: &'s Settings,
    write: &'s WriteArgs,
    no_backup: bool,
    stop: &StopSignal,
) -> Result<(WriteCommand<'s>, ProjectModel, PreparedReset)> {
    let opening = WriteCommand::open(settings, write, stop);
    let (mut writing, reading) = project_model::beside(settings, opening).await?;
    let mark = writing.writer.mark().await?;
    allowed::refuse_others(settings, mark.as_ref(), &mut writing).await?;
    let declared = reading.finish(settings).await?;
    refuse_without_migrations(settings, &declared)?;
    if let Some(tool) = settings.migrations.tool {
        change::refuse_unusable(settings, tool)?;
    }
    let prepared = prepare(settings, &declared, no_backup, &mut writing).await?;
    Ok((writing, declared, prepared))
}

/// Nothing would build again what is dropped.
fn refuse_without_migrations(settings: &Settings, declared: &ProjectModel) -> Result<(), Failure> {
    if !declared.lock.migrations.is_empty() {
        return Ok(());
    }
    let migrations = settings.project.display(&settings.project.migrations_dir);
    Err(Failure::new(
        Exit::Refused,
        format!("this project has no migrations in {migrations}/: nothing would build again what a reset drops; nothing was changed"),
    )
    .code(ErrorCode::RESET_NOT_ALLOWED)
    .next("write them first: trueup generate"))
}

async fn prepare(
    settings: &Settings,
    declared: &ProjectModel,
    no_backup: bool,
    writing: &mut WriteCommand<'_>,
) -> Result<PreparedReset> {
    let snapshot = writing.take_snapshot(declared).await?;
    let check = comparison::compare(settings, &writing.target, declared, &snapshot)?.document;
    refuse_unclear(settings, &snapshot)?;
    comparison::refuse_other(settings, &check)?;
    if settings.migrations.tool.is_none() {
        // A file that cannot be run is met before anything is dropped.
        carry_out::all_migrations(declared)?;
        let ledger = plan_steps::ledger(settings, &snapshot, &declared.migrations)?;
        writing.check_rights(&ledger, Direction::Up).await?;
    }
    let plan = ResetPlan::read(settings, declared, &snapshot, writing).await?;
    let changes = PlannedChanges {
        affected: Affected::Unknown("a reset drops all tables of the project".to_owned()),
        nothing: (plan.objects() == 0).then_some("nothing is dropped"),
        undo: None,
        only_affected: false,
    };
    let options = BackupOptions { no_backup, protected: false, write: true };
    let session = writing.writer.read_session().await?;
    let policy = BackupPolicy::plan(settings, options, &changes, &snapshot, Some(session)).await?;
    let migrations = declared.lock.migrations.iter().map(|migration| migration.id().to_string()).collect();
    Ok(PreparedReset { plan, check, policy, migrations, snapshot })
}

/// Plans again where the database has changed since it was shown. The lock is held.
///
/// # Errors
/// Exit 4: more would be dropped than was shown.
pub(crate) async fn again(
    settings: &Settings,
    declared: &ProjectModel,
    no_backup: bool,
    shown: PreparedReset,
    writing: &mut WriteCommand<'_>,
) -> Result<PreparedReset> {
    if snapshot::unchanged_since(writing.writer.read_session().await?, &shown.snapshot).await? {
        return Ok(shown);
    }
    let mark = writing.writer.mark().await?;
    allowed::refuse_others(settings, mark.as_ref(), writing).await?;
    let now = prepare(settings, declared, no_backup, writing).await?;
    if !now.plan.is_part_of(&shown.plan) {
        return Err(changed_meanwhile("what is dropped").into());
    }
    Ok(now)
}

/// Takes the backup, drops, and builds. The run has begun.
///
/// # Errors
/// Exit 5: nothing was dropped. Exit 6: the same command begins again. Exit 7 and 75 as other commands.
pub(crate) async fn carry_out(
    settings: &Settings,
    declared: &ProjectModel,
    write: &WriteArgs,
    prepared: &PreparedReset,
    writing: &mut WriteCommand<'_>,
) -> Result<(Built, Option<LastBackup>)> {
    let backup = prepared.policy.ensure(settings, &prepared.snapshot, writing).await?;
    let work = async |writing: &mut WriteCommand<'_>| {
        carry_out::drop_all(settings, &prepared.plan, writing).await?;
        carry_out::build(settings, declared, write, writing).await
    };
    match (work(writing).await, backup) {
        (Ok(built), backup) => Ok((built, backup.map(|(_, summary)| summary))),
        (Err(error), Some((manifest, _))) => {
            Err(backup_policy::add_recovery_hints(settings, error, &manifest, None, &mut writing.writer)
                .await)
        }
        (Err(error), None) => Err(error),
    }
}
