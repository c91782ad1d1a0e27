//! `trueup backup`: takes a backup; lists, verifies and prunes stored backups.

pub(super) mod args;
mod report;

use std::collections::BTreeMap;
use std::time::SystemTime;

use anyhow::Result;
use report::{BackupReport, BackupRow, Backups};

use crate::backup::restore::{self, TrialTarget};
use crate::backup::{
    self, BackupMethod, BackupRequest, DatabaseIdentity, Manifest, Programs, ProofLevel, RetentionPolicy,
    Scope, Store, StoredBackup, Verified, VerifyRequest,
};
use crate::cli::Secret;
use crate::error::{ErrorCode, Exit, Failure, exit_of};
use crate::output;
use crate::postgres::connection::Target;
use crate::project::Settings;
use crate::snapshot::{self, StatusDetail};
use crate::workflow::backup_store::LatestOf;
use crate::workflow::confirmation::answer;
use crate::workflow::deliver::{self, deliver};
use crate::workflow::project_model::Needs;
use crate::workflow::{backup_store, comparison, environment_mark};
use crate::writer::{self, StopSignal};
use args::{BackupAction, BackupArgs, VerifyLevel};

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract.
pub(super) async fn run(settings: &Settings, args: &BackupArgs, stop: StopSignal) -> Result<Exit> {
    match &args.action {
        None => take(settings, args, stop).await,
        Some(BackupAction::List { all }) => list(settings, *all).await,
        Some(BackupAction::Verify { backup, level, into, .. }) => {
            verify(settings, backup, *level, into.as_ref(), stop).await
        }
        Some(BackupAction::Prune { dry_run, yes }) => prune(settings, *dry_run, *yes, stop).await,
    }
}

async fn take(settings: &Settings, args: &BackupArgs, stop: StopSignal) -> Result<Exit> {
    let target = settings.target()?;
    let store = backup_store::store(settings)?;
    store.check_writable().await?;
    let application = settings.application();
    let mut session = target.connect(&application).await?;
    let version = session.server_version()?;
    let needs = Needs::nothing();
    let request = comparison::request(settings, needs);
    let status = snapshot::take_status(&mut session, &request, StatusDetail::Brief).await?;
    session.close().await;
    environment_mark::expect(settings, status.mark(), &status.identity.database)?;
    writer::no_pooler_before(&target, &application).await?;
    let external = backup_store::external(settings);
    let method = backup_store::method(settings, &external);
    if let BackupMethod::Dump { bin_dir, .. } = method {
        Programs::find(bin_dir, version)?;
    }
    let mut progress = deliver::progress(&settings.output);
    store.sweep().await?;
    let taken = backup::take(
        &BackupRequest {
            target: &target,
            application: &application,
            search_path: &settings.database.search_path,
            set_role: settings.database.set_role.as_deref(),
            store: &store,
            id: &settings.run,
            run: &settings.run,
            method,
            scope: Scope::Full,
            level: args.verify.map_or_else(|| backup_store::level(settings), proof_level),
            trial: &backup_store::trial(settings),
            lock_wait: settings.database.lock_timeout.unwrap_or(backup_store::LOCK_WAIT),
            labels: backup_store::source_labels(status.mark(), status.history.as_deref()),
            expected: Some(DatabaseIdentity {
                system_identifier: &status.identity.system_identifier,
                oid: status.identity.database_oid,
                name: &status.identity.database,
            }),
        },
        stop,
        &mut progress,
    )
    .await;
    progress.end(taken.is_ok());
    let taken = taken?;
    let mut notes = taken.verified.as_ref().map(notes_of).unwrap_or_default();
    if let Some(note) = &taken.note {
        // The trial restore may have found the same.
        notes.retain(|found| !note.contains(found.as_str()));
        notes.push(note.clone());
    }
    deliver_report(settings, &store, Exit::Clean, Backups::Taken(Box::new(taken)), notes)
}

async fn list(settings: &Settings, all: bool) -> Result<Exit> {
    let store = backup_store::store(settings)?;
    let listed = store.list().await?;
    // Without a URL the backups of all databases are listed.
    let database = if all { None } else { settings.target().ok().map(|target| target.database().to_owned()) };
    let rows = listed.into_iter().filter_map(|StoredBackup { id, manifest }| match manifest {
        Ok(manifest) if database.as_ref().is_some_and(|wanted| *wanted != manifest.source.database) => None,
        Ok(manifest) => Some(BackupRow::new(&manifest, backup_store::age(&manifest))),
        Err(why) => Some(BackupRow::damaged(id, why)),
    });
    deliver_report(settings, &store, Exit::Clean, Backups::Listed(rows.collect()), Vec::new())
}

async fn verify(
    settings: &Settings,
    wanted: &str,
    asked: VerifyLevel,
    into: Option<&Secret>,
    stop: StopSignal,
) -> Result<Exit> {
    let store = backup_store::store(settings)?;
    let target = settings.target().ok();
    let among = LatestOf { database: target.as_ref().map(Target::database), whole: false };
    let mut manifest = match backup_store::find(&store, wanted, among).await {
        Ok(manifest) => manifest,
        Err(error) if exit_of(&error) == Exit::RolledBack => {
            let what = Backups::Verified { id: wanted.to_owned(), proof: Err(error.to_string()) };
            return deliver_report(settings, &store, Exit::Findings, what, Vec::new());
        }
        Err(error) => return Err(error),
    };
    let external = backup_store::external(settings);
    let asked = proof_level(asked);
    if into.is_some() && asked != ProofLevel::Restore {
        return Err(Failure::usage("--into is for --level restore").into());
    }
    let programs = match (&manifest.reference, asked) {
        (None, ProofLevel::Contents | ProofLevel::Restore) => Some(Programs::find_for_archive(
            backup_store::programs(settings),
            restore::written_by(&manifest)?,
        )?),
        _ => None,
    };
    let place = match into {
        Some(url) => TrialTarget::Server(Box::new(settings.reaching(url.reveal(), "--into").target()?)),
        None => backup_store::trial(settings),
    };
    let mut progress = deliver::progress(&settings.output);
    let verifying = VerifyRequest {
        store: &store,
        manifest: &manifest,
        level: asked,
        programs: programs.as_ref(),
        external: Some(&external),
        place: &place,
        application: &settings.application(),
        search_path: &settings.database.search_path,
    };
    let proof = backup::verify(&verifying, stop, &mut progress).await;
    progress.end(proof.is_ok());
    let notes = proof.as_ref().map(notes_of).unwrap_or_default();
    let (exit, proof) = match proof {
        Ok(proof) => {
            if manifest.verified.as_ref().is_none_or(|before| before.how <= proof.how) {
                manifest.verified = Some(proof.clone());
                store.replace_manifest(&manifest).await?;
            }
            (if proof.missing.is_empty() { Exit::Clean } else { Exit::Findings }, Ok(proof))
        }
        Err(error) if exit_of(&error) == Exit::RolledBack => (Exit::Findings, Err(error.to_string())),
        Err(error) => return Err(error),
    };
    deliver_report(settings, &store, exit, Backups::Verified { id: manifest.id, proof }, notes)
}

/// What the trial restore of a backup has found.
fn notes_of(verified: &Verified) -> Vec<String> {
    let missing = verified.missing.iter().map(|missing| format!("cannot be restored: {missing}"));
    missing.chain(verified.note.clone()).collect()
}

async fn prune(settings: &Settings, dry_run: bool, yes: bool, mut stop: StopSignal) -> Result<Exit> {
    let store = backup_store::store(settings)?;
    let backup = &settings.backup;
    let keep = RetentionPolicy {
        last: backup.keep_last,
        daily: backup.keep_daily,
        weekly: backup.keep_weekly,
        max_age: backup.max_age,
    };
    if keep == RetentionPolicy::default() {
        return Err(Failure::usage("no setting says which backups to keep; nothing was removed")
            .next("set [backup] keep_last, keep_daily, keep_weekly or max_age in trueup.toml")
            .into());
    }
    let listed = store.list().await?;
    // The rules count the backups of each database separately.
    let mut by_database: BTreeMap<(&str, u32), Vec<&Manifest>> = BTreeMap::new();
    for manifest in listed.iter().filter_map(|listed| listed.manifest.as_ref().ok()) {
        let source = &manifest.source;
        by_database.entry((&source.system_identifier, source.database_oid)).or_default().push(manifest);
    }
    let going: Vec<&Manifest> =
        by_database.values().flat_map(|backups| backup::prunable(backups, keep, SystemTime::now())).collect();
    let rows: Vec<BackupRow> =
        going.iter().map(|manifest| BackupRow::new(manifest, backup_store::age(manifest))).collect();
    let kept = listed.len() - going.len();
    let report = |dry_run, swept| Backups::Pruned { removed: rows.clone(), kept, dry_run, swept };
    let notes: Vec<String> = listed
        .iter()
        .filter_map(|listed| Some(format!("{} stays: {}", listed.id, listed.manifest.as_ref().err()?)))
        .collect();
    if dry_run {
        return deliver_report(settings, &store, Exit::Clean, report(true, 0), notes);
    }
    if !going.is_empty() && !yes {
        let shown = BackupReport {
            run: settings.run.clone(),
            exit: Exit::Clean,
            store: store.location(),
            what: report(true, 0),
            notes: notes.clone(),
        };
        output::err(&output::shown(&output::Report::view(&shown), deliver::style(&settings.output)));
        if !settings.output.interactive {
            return Err(Failure::new(
                Exit::Refused,
                "not confirmed, and there is no terminal to ask at; nothing was removed",
            )
            .code(ErrorCode::CONFIRMATION_MISSING)
            .next("give --yes")
            .into());
        }
        let question = format!("remove {} for good?", if going.len() == 1 { "it" } else { "them" });
        if !answer(&mut stop, move || output::confirm(&question)).await? {
            return Err(Failure::new(Exit::Refused, "not confirmed; nothing was removed")
                .code(ErrorCode::CONFIRMATION_DECLINED)
                .into());
        }
    }
    for manifest in &going {
        store.remove(&manifest.id).await?;
    }
    let swept = store.sweep().await?;
    deliver_report(settings, &store, Exit::Clean, report(false, swept), notes)
}

fn proof_level(asked: VerifyLevel) -> ProofLevel {
    match asked {
        VerifyLevel::Quick => ProofLevel::Quick,
        VerifyLevel::Contents => ProofLevel::Contents,
        VerifyLevel::Restore => ProofLevel::Restore,
    }
}

fn deliver_report(
    settings: &Settings,
    store: &Store,
    exit: Exit,
    what: Backups,
    notes: Vec<String>,
) -> Result<Exit> {
    let report = BackupReport { run: settings.run.clone(), exit, store: store.location(), what, notes };
    deliver(&settings.output, &report)?;
    Ok(exit)
}
