//! Takes a backup: opens a snapshot, dumps it, counts its rows, reads the archive back and stores all of it. The
//! manifest comes last.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;

use super::catalog::{self, CATALOG};
use super::compare::compare;
use super::digest;
use super::dump::{self, DumpRequest, Dumped};
use super::external::External;
use super::manifest::{
    BackupFormat, BackupSource, FORMAT, Manifest, Member, ProofLevel, Scope, Tools, Verified, Wal,
};
use super::programs::Programs;
use super::progress::BackupObserver;
use super::restore::{TrialRestore, TrialTarget, cure, note_about, wanted_path, written_by};
use super::snapshot::{BackupSnapshot, TableLocks};
use super::store::{Store, Upload};
use crate::error::{ErrorCode, Exit, Failure, exit_of, with_failure};
use crate::postgres::connection::{self, ServerVersion, Target};
use crate::writer::StopSignal;

/// What to back up, and how.
#[derive(Debug, Clone)]
pub struct BackupRequest<'r> {
    /// The database.
    pub target: &'r Target,
    /// `application_name`
    pub application: &'r str,
    /// The search_path of the project, for what relies on one when the backup is restored.
    pub search_path: &'r str,
    /// `[database] set_role`
    pub set_role: Option<&'r str>,
    /// The store that receives the backup.
    pub store: &'r Store,
    /// The identifier of the backup, a ULID.
    pub id: &'r str,
    /// The ULID of the run that takes the backup.
    pub run: &'r str,
    /// How the backup is taken.
    pub method: BackupMethod<'r>,
    /// The part of the database that is backed up.
    pub scope: Scope,
    /// How thoroughly the backup is verified before it counts as taken.
    pub level: ProofLevel,
    /// Where the backup is restored at the level [`ProofLevel::Restore`].
    pub trial: &'r TrialTarget,
    /// How long to wait for the lock of a table.
    pub lock_wait: Duration,
    /// The environment label and the migration version of the database.
    pub labels: SourceLabels,
    /// The database that must be reached, where it is known.
    pub expected: Option<DatabaseIdentity<'r>>,
}

/// The identity of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseIdentity<'r> {
    /// `system_identifier` of its cluster (`pg_control_system()`).
    pub system_identifier: &'r str,
    /// The oid of the database.
    pub oid: u32,
    /// The name of the database.
    pub name: &'r str,
}

/// How a backup is taken.
#[derive(Debug, Clone)]
pub enum BackupMethod<'m> {
    /// `pg_dump` takes the backup.
    Dump {
        /// The format of the archive: [`BackupFormat::Custom`] or [`BackupFormat::Directory`].
        kind: BackupFormat,
        /// The number of connections of a dump into a directory.
        jobs: u32,
        /// The compression method; `None` for the best one.
        compression: Option<&'m str>,
        /// The directory of `pg_dump`, where one was given.
        bin_dir: Option<&'m Path>,
    },
    /// A command of the project takes the backup.
    Command(&'m External),
}

/// The environment label and the migration version of a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceLabels {
    /// The environment.
    pub environment: Option<String>,
    /// The project.
    pub project: Option<String>,
    /// The identifier of the environment label.
    pub mark: Option<String>,
    /// The newest version in the history.
    pub version: Option<String>,
    /// The tool that calls it so; `None` for trueup's own migrations.
    pub tool: Option<String>,
}

/// Takes a backup.
///
/// # Errors
/// Exit 4: refused before anything was written: another database, no rights, no `pg_dump`. Exit 5: the backup failed,
/// and does not exist. Exit 75: a table stayed locked for too long.
pub async fn take(
    request: &BackupRequest<'_>,
    mut stop: StopSignal,
    observer: &mut dyn BackupObserver,
) -> Result<Manifest> {
    let begun = Instant::now();
    loop {
        let wait = request.lock_wait.saturating_sub(begun.elapsed());
        let taken = attempt(request, wait.max(LOCK_WAIT_AGAIN), &mut stop, observer).await;
        match taken {
            // After a pause, in which the session that held the lock can go on, it is tried again.
            Err(error) if exit_of(&error) == Exit::Busy && begun.elapsed() < request.lock_wait => {
                tokio::select! {
                    () = tokio::time::sleep(PAUSE) => {}
                    signal = stop.wait() => return Err(interrupted(signal).into()),
                }
            }
            taken => return taken,
        }
    }
}

/// The lock timeout of `pg_dump`. This session holds the locks already, so `pg_dump` waits only behind a session that
/// waits for this one.
const LOCK_WAIT_AGAIN: Duration = Duration::from_secs(1);
/// The pause before the next try.
const PAUSE: Duration = Duration::from_millis(200);

async fn attempt(
    request: &BackupRequest<'_>,
    wait: Duration,
    stop: &mut StopSignal,
    observer: &mut dyn BackupObserver,
) -> Result<Manifest> {
    let begun = Instant::now();
    let hold = match request.method {
        BackupMethod::Dump { .. } => Some(TableLocks { scope: &request.scope, wait }),
        // A command that takes the backup elsewhere locks no table.
        BackupMethod::Command(_) => None,
    };
    let opening = BackupSnapshot::open(request.target, request.application, request.set_role, hold);
    let mut snapshot = tokio::select! {
        snapshot = opening => snapshot?,
        signal = stop.wait() => return Err(interrupted(signal).into()),
    };
    check_identity(request, &snapshot.source)?;
    snapshot.source.environment.clone_from(&request.labels.environment);
    snapshot.source.project.clone_from(&request.labels.project);
    snapshot.source.mark.clone_from(&request.labels.mark);
    let missing = snapshot.missing(&request.scope);
    if !missing.is_empty() {
        let what = format!("tables to back up do not exist: {}", missing.join(", "));
        return Err(Failure::new(Exit::Refused, what).into());
    }
    // Refuse a missing server for the trial restore before anything is dumped.
    let trial = match (&request.method, request.level) {
        (BackupMethod::Dump { .. }, ProofLevel::Restore) => {
            Some(TrialRestore::open(request.trial, &snapshot.source.server_version).await?)
        }
        _ => None,
    };
    let mut upload = request.store.begin(request.id).await?;
    let work = async {
        match request.method {
            BackupMethod::Dump { .. } => take_with_pg_dump(request, snapshot, &mut upload, observer).await,
            BackupMethod::Command(external) => take_with_command(request, external, snapshot).await,
        }
    };
    let taken = tokio::select! {
        taken = work => taken,
        signal = stop.wait() => Err(interrupted(signal).into()),
    };
    let mut manifest = match taken {
        Ok(manifest) => manifest,
        Err(error) => {
            upload.abort().await;
            return Err(error);
        }
    };
    manifest.milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    upload.commit(&manifest).await?;
    if let (Some(trial), BackupMethod::Dump { bin_dir, .. }) = (trial, &request.method) {
        let proved = prove_by_restoring(request, *bin_dir, trial, &manifest, stop.clone(), observer).await;
        match proved {
            Ok(proof) => {
                manifest.verified = Some(proof);
                request.store.replace_manifest(&manifest).await?;
            }
            Err(error) => {
                request.store.remove(&manifest.id).await?;
                return Err(unproved(error));
            }
        }
    }
    Ok(manifest)
}

fn interrupted(signal: &str) -> Failure {
    let what = format!("interrupted by {signal}: no backup was taken, and nothing was changed");
    Failure::new(Exit::RolledBack, what).code(ErrorCode::RUN_INTERRUPTED).next("run the same command again")
}

/// Verifies the backup by restoring it.
async fn prove_by_restoring(
    request: &BackupRequest<'_>,
    bin_dir: Option<&Path>,
    trial: TrialRestore,
    manifest: &Manifest,
    stop: StopSignal,
    observer: &mut dyn BackupObserver,
) -> Result<Verified> {
    let programs = Programs::find_for_archive(bin_dir, written_by(manifest)?)?;
    let own = (request.application, request.search_path);
    trial.run(request.store, manifest, &programs, own, stop, observer).await
}

/// Explains that the backup was removed because it could not be verified as was asked for.
fn unproved(error: anyhow::Error) -> anyhow::Error {
    with_failure(error, |failure| {
        let what =
            format!("the backup could not be verified by restoring it, and was removed: {}", failure.what);
        Failure { what, ..failure }
    })
}

fn check_identity(request: &BackupRequest<'_>, found: &BackupSource) -> Result<(), Failure> {
    let Some(DatabaseIdentity { system_identifier, oid, name: database }) = request.expected else {
        return Ok(());
    };
    let same = found.system_identifier == system_identifier
        && found.database_oid == oid
        && found.database == database;
    if same {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Refused,
        format!(
            "the connection for the backup reached a different database: {:?} (oid {}) of server \
             {}, not {database:?} (oid {oid}) of {system_identifier}; nothing was changed",
            found.database, found.database_oid, found.system_identifier
        ),
    )
    .code(ErrorCode::CONNECTION_DIFFERENT_DATABASES)
    .next("find out what distributes connections between trueup and the server (a load balancer, a proxy?)"))
}

/// Takes the backup with `pg_dump`.
async fn take_with_pg_dump(
    request: &BackupRequest<'_>,
    mut snapshot: BackupSnapshot,
    upload: &mut Upload,
    observer: &mut dyn BackupObserver,
) -> Result<Manifest> {
    let BackupMethod::Dump { kind, jobs, compression, bin_dir } = request.method else {
        unreachable!("another method")
    };
    let version = snapshot.session().server_version()?;
    let programs = Programs::find(bin_dir, version)?;
    let name = snapshot.name.clone();
    let order = DumpRequest {
        programs: &programs,
        target: request.target,
        application: request.application,
        set_role: request.set_role,
        snapshot: &name,
        scope: &request.scope,
        kind,
        jobs,
        compression,
        lock_wait: LOCK_WAIT_AGAIN,
        level: request.level,
        tables: snapshot.tables(&request.scope),
    };
    let read = async {
        let catalog = catalog::read(snapshot.session(), version).await;
        let catalog = catalog
            .map_err(|error| connection::server_failure(error, "reading the catalog for the backup"))?;
        let catalog = catalog::to_text(&catalog);
        let functions = snapshot.late_functions().await?;
        anyhow::Ok((snapshot.count(&request.scope).await?, catalog, functions))
    };
    let (Dumped { mut members, found }, (relations, catalog, functions)) =
        tokio::try_join!(dump::dump(&order, upload, observer), read)?;
    let entries = found.contents.entries;
    compare(&found, &relations, &request.scope)?;
    members.push(store_member(upload, CATALOG, catalog.into()).await?);
    let verified = found.rows.is_some().then(|| Verified::now(ProofLevel::Contents));
    let (source, taken_at, database_bytes) =
        (snapshot.source.clone(), snapshot.taken_at.clone(), snapshot.database_bytes);
    let path = wanted_path(request.search_path, source.search_path.as_deref());
    let cures: Vec<String> = functions.iter().map(|function| cure(function, &path)).collect();
    let large_objects = (request.scope == Scope::Full).then_some(snapshot.large_objects);
    let wal = snapshot.close().await?;
    Ok(Manifest {
        format: FORMAT,
        id: request.id.to_owned(),
        run: request.run.to_owned(),
        kind,
        scope: request.scope.clone(),
        source,
        taken_at,
        wal,
        version: request.labels.version.clone(),
        tool: request.labels.tool.clone(),
        tools: Tools {
            trueup: env!("CARGO_PKG_VERSION").to_owned(),
            pg_dump: Some(programs.version().to_string()),
        },
        relations,
        large_objects,
        entries,
        bytes: members.iter().map(|member| member.bytes).sum(),
        members,
        database_bytes,
        milliseconds: 0,
        verified,
        reference: None,
        note: joined([of_a_newer_program(&programs, version), note_about(&cures)]),
    })
}

/// What it means for a restore that the program is of a newer major than the server.
fn of_a_newer_program(programs: &Programs, server: ServerVersion) -> Option<String> {
    let (own, program) = (server.major(), programs.version());
    (program.major() > own).then(|| {
        format!(
            "pg_dump {program} took the backup of a server of {server}, because no pg_dump {own} was found: a restore needs \
             pg_restore {} or newer, and uses one connection; to take the next one with pg_dump {own}, install the package \
             postgresql-client-{own}",
            program.major()
        )
    })
}

fn joined(sentences: [Option<String>; 2]) -> Option<String> {
    let all: Vec<String> = sentences.into_iter().flatten().collect();
    (!all.is_empty()).then(|| all.join(". "))
}

/// Takes the backup with a command of the project. Rows are not counted, because the command does not use the
/// snapshot.
async fn take_with_command(
    request: &BackupRequest<'_>,
    external: &External,
    snapshot: BackupSnapshot,
) -> Result<Manifest> {
    let (source, taken_at, database_bytes) =
        (snapshot.source.clone(), snapshot.taken_at.clone(), snapshot.database_bytes);
    // The transaction is closed first, because the command may take an hour.
    let before = snapshot.close().await?;
    let reference = external.take(request.id, &source).await?;
    let after = BackupSnapshot::open(request.target, request.application, request.set_role, None).await?;
    check_identity(request, &after.source)?;
    let after = after.close().await?;
    Ok(Manifest {
        format: FORMAT,
        id: request.id.to_owned(),
        run: request.run.to_owned(),
        kind: BackupFormat::Command,
        scope: Scope::Full,
        source,
        taken_at,
        wal: Wal { before: before.before, after: after.after },
        version: request.labels.version.clone(),
        tool: request.labels.tool.clone(),
        tools: Tools { trueup: env!("CARGO_PKG_VERSION").to_owned(), pg_dump: None },
        relations: Vec::new(),
        large_objects: None,
        entries: 0,
        members: Vec::new(),
        bytes: 0,
        database_bytes,
        milliseconds: 0,
        verified: Some(Verified::now(ProofLevel::Quick)),
        reference: Some(reference),
        note: None,
    })
}

/// Stores a text as a member.
async fn store_member(upload: &mut Upload, name: &str, text: Bytes) -> Result<Member> {
    let member = Member { name: name.to_owned(), bytes: text.len() as u64, sha256: digest::of(&text) };
    upload.member(name).await?;
    upload.write(text).await?;
    upload.end().await?;
    Ok(member)
}
