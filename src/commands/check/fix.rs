//! `trueup check --fix`: plans, asks, backs up, carries out step by step, and checks again.

use anyhow::Result;

use super::args::CheckArgs;
use crate::changes::drift_fix::SeenObjects;
use crate::error::{ErrorCode, Exit, Failure, with_failure};
use crate::output;
use crate::postgres::connection::Session;
use crate::project::Settings;
use crate::snapshot;
use crate::text::plural;
use crate::workflow::backup_policy::{self, BackupPolicy};
use crate::workflow::comparison;
use crate::workflow::deliver::{self, deliver};
use crate::workflow::drift_fix::{self, PreparedFix};
use crate::workflow::migrate::changed_meanwhile;
use crate::workflow::project_model::{self, ProjectModel};
use crate::workflow::reports::schema_report::SchemaReport;
use crate::workflow::signals::until_stopped;
use crate::workflow::write_command::WriteCommand;
use crate::writer::{StopSignal, interrupted};

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract.
pub(in crate::commands) async fn run(
    settings: &Settings,
    args: &CheckArgs,
    mut stop: StopSignal,
) -> Result<Exit> {
    if args.dry_run || args.sql {
        return until_stopped(stop, show(settings, args)).await;
    }
    let signal = stop.clone();
    let (mut writing, declared, prepared, seen) = tokio::select! {
        biased;
        ready = ask(settings, args, &signal) => ready?,
        signal = stop.wait() => return Err(interrupted(signal).into()),
    };
    if prepared.plan.is_empty() {
        return nothing_to_do(settings, writing, &prepared).await;
    }
    writing.lock().await?;
    let session = writing.writer.read_session().await?;
    let is_as_seen = drift_fix::seen(&prepared.plan, session).await? == seen;
    let prepared = match is_as_seen && snapshot::unchanged_since(session, &prepared.snapshot).await? {
        true => prepared,
        false => {
            // Somebody else may have been faster.
            let now = prepare(settings, args, &declared, &mut writing).await?;
            if now.plan.is_empty() {
                return nothing_to_do(settings, writing, &now).await;
            }
            if !is_as_seen || !now.plan.is_same(&prepared.plan) {
                return Err(changed_meanwhile("the plan").into());
            }
            now
        }
    };
    let marking = writing.first_mark();
    let document = writing
        .recorded(&marking, None, async |writing| {
            let document = carry_out(settings, args, &declared, prepared, &seen, writing).await?;
            Ok((document.exit, document))
        })
        .await?;
    deliver(&settings.output, &document)?;
    Ok(document.exit)
}

/// `--dry-run` and `--sql`, which read and never write.
async fn show(settings: &Settings, args: &CheckArgs) -> Result<Exit> {
    if args.sql {
        deliver::only_statements(&settings.output)?;
    }
    let target = settings.target()?;
    let (mut session, reading) = project_model::connected(settings, &target).await?;
    let declared = reading.finish(settings).await?;
    let mut prepared = planned(settings, args, &declared, &mut session).await?;
    if args.sql {
        let script = script(settings, args, &declared, prepared, &mut session).await?;
        session.close().await;
        deliver::statements(&settings.output, &script)?;
        return Ok(Exit::Clean);
    }
    if !prepared.plan.is_empty() {
        drift_fix::plan_backup(settings, args.no_backup, false, &mut prepared, &mut session).await?;
    }
    session.close().await;
    deliver(&settings.output, &prepared.document)?;
    Ok(prepared.document.exit)
}

async fn planned(
    settings: &Settings,
    args: &CheckArgs,
    declared: &ProjectModel,
    session: &mut Session,
) -> Result<PreparedFix> {
    let snapshot = drift_fix::read(settings, declared, session).await?;
    drift_fix::prepare(settings, &settings.target()?, declared, snapshot, args.destructive, session).await
}

/// The plan as a script, whose guards are of the moment that the plan is of.
async fn script(
    settings: &Settings,
    args: &CheckArgs,
    declared: &ProjectModel,
    prepared: PreparedFix,
    session: &mut Session,
) -> Result<String> {
    if prepared.plan.is_empty() {
        return Ok("-- Nothing was changed by hand that can be fixed.\n".to_owned());
    }
    let seen = drift_fix::seen(&prepared.plan, session).await?;
    let script = drift_fix::script(settings, &prepared, &seen, session).await?;
    if snapshot::unchanged_since(session, &prepared.snapshot).await? {
        return Ok(script);
    }
    let now = planned(settings, args, declared, session).await?;
    if now.plan.is_same(&prepared.plan) {
        return Ok(script);
    }
    let what = "the schema changed while the script was written";
    Err(Failure::new(Exit::Busy, what)
        .code(ErrorCode::SCHEMA_CHANGED_SINCE_SHOWN)
        .next("run the same command again")
        .into())
}

/// Everything up to the operator's yes, and what the plan changes as it was when it was shown.
async fn ask<'s>(
    settings: &'s Settings,
    args: &'s CheckArgs,
    stop: &StopSignal,
) -> Result<(WriteCommand<'s>, ProjectModel, PreparedFix, SeenObjects)> {
    let (mut writing, reading) =
        project_model::beside(settings, WriteCommand::open(settings, &args.write, stop)).await?;
    let declared = reading.finish(settings).await?;
    let mut prepared = prepare(settings, args, &declared, &mut writing).await?;
    let session = writing.writer.read_session().await?;
    let seen = drift_fix::seen(&prepared.plan, session).await?;
    if !prepared.plan.is_empty() && !snapshot::unchanged_since(session, &prepared.snapshot).await? {
        // What is shown is not older than what was seen.
        let now = prepare(settings, args, &declared, &mut writing).await?;
        if !now.plan.is_same(&prepared.plan) {
            return Err(changed_meanwhile("the plan").into());
        }
        prepared = now;
    }
    if !prepared.plan.is_empty() {
        let session = writing.writer.read_session().await?;
        drift_fix::check_rights(settings, &prepared.plan, session).await?;
        // Refuses here, before anything is written, if no backup can be taken.
        let session = writing.writer.read_session().await?;
        drift_fix::plan_backup(settings, args.no_backup, true, &mut prepared, session).await?;
        let document = &prepared.document;
        if !settings.output.quiet
            && (settings.output.interactive || !args.write.yes)
            && let Some(fix) = &document.fix
        {
            let shown = fix.proposal(document);
            output::err(&output::shown(&shown, deliver::style(&settings.output)));
        }
        confirm(settings, args, &prepared, &mut writing).await?;
    }
    Ok((writing, declared, prepared, seen))
}

/// Asks for a yes; where data is lost, for the database's name.
async fn confirm(
    settings: &Settings,
    args: &CheckArgs,
    prepared: &PreparedFix,
    writing: &mut WriteCommand<'_>,
) -> Result<()> {
    let what = format!("carry out {}", plural(prepared.plan.steps.len(), "step"));
    let mark = prepared.snapshot.mark();
    if !prepared.plan.loses_data() {
        return writing.confirm(&what, mark).await;
    }
    let database = writing.writer.server().database.clone();
    match (&args.confirm_name, settings.output.interactive) {
        (Some(name), _) if *name == database => writing.confirm(&what, mark).await,
        (Some(name), _) => {
            let what = format!("--confirm-name {name}: the database is {database}; nothing was changed");
            Err(Failure::new(Exit::Refused, what).code(ErrorCode::CONFIRMATION_DECLINED).into())
        }
        (None, true) => writing.confirmation().confirm_by_name(&format!("{what}, which loses data?")).await,
        (None, false) => {
            let what = format!(
                "{what}, which loses data: not confirmed, and there is no terminal to type the database's name at; nothing was \
                 changed"
            );
            Err(Failure::new(Exit::Refused, what)
                .code(ErrorCode::CONFIRMATION_MISSING)
                .next("look at what would be lost (--dry-run), then: --destructive --yes --confirm-name NAME")
                .into())
        }
    }
}

async fn prepare(
    settings: &Settings,
    args: &CheckArgs,
    declared: &ProjectModel,
    writing: &mut WriteCommand<'_>,
) -> Result<PreparedFix> {
    let session = writing.writer.read_session().await?;
    let snapshot = drift_fix::read(settings, declared, session).await?;
    writing.check_environment(snapshot.mark())?;
    let target = writing.target.clone();
    let session = writing.writer.read_session().await?;
    drift_fix::prepare(settings, &target, declared, snapshot, args.destructive, session).await
}

/// Takes the backup, carries the steps out, and checks again.
async fn carry_out(
    settings: &Settings,
    args: &CheckArgs,
    declared: &ProjectModel,
    mut prepared: PreparedFix,
    seen: &SeenObjects,
    writing: &mut WriteCommand<'_>,
) -> Result<SchemaReport> {
    let session = writing.writer.read_session().await?;
    let policy: BackupPolicy =
        drift_fix::plan_backup(settings, args.no_backup, true, &mut prepared, session).await?;
    let (manifest, backup) = policy.ensure(settings, &prepared.snapshot, writing).await?.unzip();
    let (writer, watch) = (&mut writing.writer, &mut writing.progress);
    let outcome = drift_fix::carry_out(settings, declared, &prepared, seen, writer, watch).await;
    writing.progress.clear();
    if let Some(failure) = outcome.failure {
        return Err(match manifest {
            Some(manifest) => {
                let writer = &mut writing.writer;
                backup_policy::add_recovery_hints(settings, failure, &manifest, None, writer).await
            }
            None => failure,
        });
    }
    let mut document = check(settings, declared, writing).await.map_err(unchecked)?;
    document.fix = prepared.document.fix;
    if let Some(fix) = &mut document.fix {
        drift_fix::done(fix, &outcome.done);
    }
    document.backup = backup;
    Ok(document)
}

/// What `check` finds now.
async fn check(
    settings: &Settings,
    declared: &ProjectModel,
    writing: &mut WriteCommand<'_>,
) -> Result<SchemaReport> {
    let session = writing.writer.read_session().await?;
    let snapshot = drift_fix::read(settings, declared, session).await?;
    writing.check_environment(snapshot.mark())?;
    Ok(comparison::compare(settings, &writing.target, declared, &snapshot)?.document)
}

/// The failure of the check after the work was done.
fn unchecked(error: anyhow::Error) -> anyhow::Error {
    with_failure(error, |failure| {
        let what = format!("all steps are done and recorded; the check afterwards failed: {}", failure.what);
        Failure { what, next: "trueup check".to_owned(), ..failure }
    })
}

/// Reports what the check found, where nothing of it can be fixed, and closes the connections.
async fn nothing_to_do(
    settings: &Settings,
    writing: WriteCommand<'_>,
    prepared: &PreparedFix,
) -> Result<Exit> {
    writing.writer.close().await;
    deliver(&settings.output, &prepared.document)?;
    Ok(prepared.document.exit)
}
