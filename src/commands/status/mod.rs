//! `trueup status`: where a database stands in the project's migrations, who is at it, what broke off. It writes
//! nothing, and reads neither the catalog nor trueup.lock.

mod apps;
pub(super) mod args;
mod report;

use std::collections::BTreeSet;
use std::sync::Arc;

use anyhow::Result;
use apps::App;
use args::StatusArgs;
use report::{StatusHistory, StatusReport};

use crate::backup::Manifest;
use crate::changes::plan::CONTRACT_NEXT;
use crate::error::Exit;
use crate::migrations::history::Applied;
use crate::migrations::{Migration, SquashState, checksum, fold, read_all};
use crate::model::CompiledMigration;
use crate::model::diagnosis::MigrationState;
use crate::postgres::connection::Target;
use crate::postgres::sql::brief_query;
use crate::project::Settings;
use crate::snapshot::{self, LockHolder, LoggedRun, StatusDetail, StatusSnapshot};
use crate::workflow::deliver::deliver;
use crate::workflow::project_model::{self, Needs};
use crate::workflow::reports::backup_plan::LastBackup;
use crate::workflow::reports::target::{ReportedMigration, TargetReport};
use crate::workflow::{backup_store, comparison, environment_mark};

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract: 2, 3, 4, 75.
pub(super) async fn run(settings: &Settings, args: &StatusArgs) -> Result<Exit> {
    let target = settings.target()?;
    let project = settings.project.clone();
    // The files are read while the server answers.
    let tool = settings.migrations.tool;
    let programs = project_model::listed_programs(settings)?;
    let mut files = tokio::task::spawn_blocking(move || match programs {
        Some(programs) => Ok(programs),
        None => {
            let read = read_all(&project.migrations_dir, project.tool_source());
            read.map(|found| Arc::from(found.migrations))
        }
    });
    let mut session = target.connect(&settings.application()).await?;
    let mut needs = Needs::nothing();
    if tool.is_some() {
        // The rows of another tool's history are understood by its files.
        needs.migrations = (&mut files).await??;
    }
    let of_tool = Arc::clone(&needs.migrations);
    let request = comparison::request(settings, needs);
    let detail = if args.runs { StatusDetail::Runs(args.limit) } else { StatusDetail::Summary };
    let (snapshot, stored) = tokio::join!(
        snapshot::take_status(&mut session, &request, detail),
        backup_store::manifests(settings),
    );
    let goodbye = tokio::spawn(session.close());
    let snapshot = snapshot?;
    environment_mark::expect(settings, snapshot.mark(), &snapshot.identity.database)?;
    let migrations: Arc<[Migration]> = if tool.is_some() { of_tool } else { files.await?? };
    let report = evaluate(settings, args, &target, &migrations, snapshot, stored);
    // The process ends here: freeing so many texts one by one takes its time.
    std::mem::forget(migrations);
    deliver(&settings.output, &report)?;
    goodbye.await?;
    Ok(report.exit)
}

/// Everything that is known, held against the files.
fn evaluate(
    settings: &Settings,
    args: &StatusArgs,
    target: &Target,
    migrations: &[Migration],
    mut snapshot: StatusSnapshot,
    stored: Option<Vec<Manifest>>,
) -> StatusReport {
    if settings.migrations.tool.is_none() {
        // The history was read before the files were.
        let (rows, squash) = fold(snapshot.history.take().unwrap_or_default(), migrations);
        snapshot.squash = squash;
        snapshot.history = snapshot.history_table.as_ref().map(|_| rows);
    }
    let rows = snapshot.history.as_deref().unwrap_or_default();
    let unchanged = checksum::unchanged(migrations, rows);
    let history = history(migrations, rows, &unchanged, &snapshot);
    let marked = snapshot.mark().cloned();
    let mut notes = snapshot.notes;
    notes.extend(checksum::renumbered(migrations, rows, &unchanged).into_iter().map(|(was, is)| {
        format!(
            "version {was} was applied with the text of the file that has version {is} now: it was renumbered"
        )
    }));
    notes.extend(snapshot.squash.as_ref().map(SquashState::in_words));
    notes.extend(environment_mark::note(settings, target, marked.as_ref()));
    let identity = snapshot.identity;
    let internal = snapshot.internal.unwrap_or_default();
    let ours = stored.iter().flatten().filter(|manifest| {
        manifest.is_of(&identity.system_identifier, identity.database_oid, &identity.database)
    });
    let recorded = internal.backup.as_deref().and_then(|text| serde_json::from_str::<LastBackup>(text).ok());
    let known = ours.map(|manifest| LastBackup::new(manifest, &settings.backup.store)).chain(recorded);
    let (last_backup, last_partial_backup) = newest(known);
    if stored.is_none() {
        notes.push(format!("the backups in {} could not be listed", settings.backup.store));
    }
    let mut report = StatusReport {
        run: settings.run.clone(),
        exit: Exit::Clean,
        target: TargetReport::new(settings, target, &identity, marked.as_ref()),
        standby: identity.standby,
        mark: marked,
        files: migrations.len(),
        upgrade: match settings.migrations.tool {
            Some(tool) => tool.apply_command().unwrap_or("trueup upgrade"),
            None if contract_comes_next(migrations, &history) => CONTRACT_NEXT,
            None => "trueup upgrade",
        },
        history,
        unfinished: internal.unfinished,
        open_runs: internal.open_runs,
        lock: snapshot.holder.map(|holder| LockHolder {
            query: holder.query.map(|query| brief_query(&query, settings.output.verbose)),
            ..holder
        }),
        last_backup,
        last_partial_backup,
        last_run: snapshot.last_run.filter(LoggedRun::has_failed),
        runs: args.runs.then_some(snapshot.runs),
        invisible: snapshot.invisible,
        notes,
    };
    report.exit = exit(&report);
    report
}

/// The newest backup of the whole database, and that of some tables where it is newer.
fn newest(known: impl Iterator<Item = LastBackup>) -> (Option<LastBackup>, Option<LastBackup>) {
    let (partial, full): (Vec<_>, Vec<_>) = known.partition(|backup| backup.tables.is_some());
    let newest = |backups: Vec<LastBackup>| backups.into_iter().max_by(|a, b| a.moment().cmp(&b.moment()));
    let full = newest(full);
    let is_newer = |partial: &LastBackup| full.as_ref().is_none_or(|full| full.moment() < partial.moment());
    let partial = newest(partial).filter(is_newer);
    (full, partial)
}

fn history(
    migrations: &[Migration],
    rows: &[Applied],
    unchanged: &BTreeSet<i64>,
    snapshot: &StatusSnapshot,
) -> StatusHistory {
    // What they do does not matter here.
    let compiled: Vec<CompiledMigration> = migrations.iter().map(CompiledMigration::listed).collect();
    let state = MigrationState::from_history(&compiled, rows, unchanged);
    let named = |indices: &[usize]| -> Vec<ReportedMigration> {
        let named = indices.iter().map(|index| &compiled[*index]);
        named.map(|one| ReportedMigration::of(one.id())).collect()
    };
    let name = |row: &Applied| ReportedMigration::of(row.id());
    StatusHistory {
        table: snapshot.history_table.clone(),
        malformed: snapshot.malformed_history.clone(),
        applied: rows.len(),
        current: rows.iter().max_by_key(|row| row.version).map(name),
        pending: named(&state.pending),
        skipped: named(&state.skipped),
        edited: named(&state.edited),
        ahead: state.ahead.iter().map(name).collect(),
        others: snapshot.others.clone(),
        apps: App::all(rows.iter().map(Applied::id), state.pending.iter().map(|index| compiled[*index].id())),
    }
}

fn contract_comes_next(migrations: &[Migration], history: &StatusHistory) -> bool {
    let first = history.pending.first();
    let of_first = |one: &&Migration| first.is_some_and(|first| first.version == one.version.to_string());
    migrations.iter().find(of_first).is_some_and(|next| next.directives.contract)
}

/// The exit code: 3 when the history is hidden, 1 when somebody has to act on this database or on the project, else 0.
/// A database that is ahead, or that a run is at, asks for nothing.
fn exit(report: &StatusReport) -> Exit {
    let history = &report.history;
    if !report.invisible.is_empty() {
        return Exit::CannotTell;
    }
    let wrong = history.malformed.is_some()
        || !history.pending.is_empty()
        || !history.skipped.is_empty()
        || !history.edited.is_empty()
        || !report.unfinished.is_empty()
        || report.unfinished_repair().is_some();
    if wrong { Exit::Findings } else { Exit::Clean }
}
