//! Taking a backup: one snapshot, dumped, counted, read in full, stored, and only then said to be there.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use bytes::Bytes;

use super::catalog::{self, CATALOG};
use super::client::Programs;
use super::compare::compare;
use super::digest;
use super::dump::{self, Dumped, Order};
use super::external::External;
use super::follow::Follow;
use super::manifest::{FORMAT, Kind, Level, Manifest, Member, Scope, Source, Tools, Verified, Wal};
use super::restore::{Trial, TrialPlace, written_by};
use super::snapshot::{Hold, Snapshot};
use super::store::{Store, Upload};
use crate::error::{Exit, Failure, exit_of};
use crate::postgres::connection::{self, Target};
use crate::writer::Stop;

/// What to back up, and how.
#[derive(Debug, Clone)]
pub struct Request<'r> {
    /// The database.
    pub target: &'r Target,
    /// `application_name`
    pub application: &'r str,
    /// `[database] set_role`
    pub set_role: Option<&'r str>,
    /// Where to.
    pub store: &'r Store,
    /// The backup's identifier, a ULID.
    pub id: &'r str,
    /// The run that takes it.
    pub run: &'r str,
    /// How.
    pub method: Method<'r>,
    /// What of the database.
    pub scope: Scope,
    /// How thoroughly it is verified before it is said to be there.
    pub level: Level,
    /// Where it is restored, for [`Level::Restore`].
    pub trial: &'r TrialPlace,
    /// How long a table that somebody changes is waited for.
    pub lock_wait: Duration,
    /// What the database says of itself beside its catalog.
    pub marked: Marked,
    /// The database that it must be, where that is known: its system identifier, oid and name.
    pub expected: Option<(&'r str, u32, &'r str)>,
}

/// How a backup is taken.
#[derive(Debug, Clone)]
pub enum Method<'m> {
    /// `pg_dump`.
    Dump {
        /// [`Kind::Custom`] or [`Kind::Directory`].
        kind: Kind,
        /// How many connections dump into a directory.
        jobs: u32,
        /// The method of compression, where it is not the best one.
        compression: Option<&'m str>,
        /// The directory of `pg_dump`, where it was named.
        bin_dir: Option<&'m Path>,
    },
    /// A command.
    Command(&'m External),
}

/// What a database is marked as, and which version it has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marked {
    /// The environment's name.
    pub environment: Option<String>,
    /// The project's.
    pub project: Option<String>,
    /// The mark's identifier.
    pub mark: Option<String>,
    /// The newest version of refinery's history.
    pub version: Option<String>,
}

/// Takes it.
///
/// # Errors
/// Exit 4: refused before anything was written (another database, no rights, no `pg_dump`). Exit 5: it failed, and there is
/// no backup. Exit 75: a table was locked for too long.
pub async fn take(request: &Request<'_>, mut stop: Stop, follow: &mut dyn Follow) -> Result<Manifest> {
    let begun = Instant::now();
    loop {
        let wait = request.lock_wait.saturating_sub(begun.elapsed());
        let taken = attempt(request, wait.max(LOCK_WAIT_AGAIN), &mut stop, follow).await;
        match taken {
            // Whoever was in the way gets on meanwhile.
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

/// How long `pg_dump` waits for a lock that this session has already: only somebody who waits for us, and whom we would
/// wait for, can be in its way.
const LOCK_WAIT_AGAIN: Duration = Duration::from_secs(1);
/// Before it is tried again.
const PAUSE: Duration = Duration::from_millis(200);

async fn attempt(
    request: &Request<'_>,
    wait: Duration,
    stop: &mut Stop,
    follow: &mut dyn Follow,
) -> Result<Manifest> {
    let begun = Instant::now();
    let hold = match request.method {
        Method::Dump { .. } => Some(Hold { scope: &request.scope, wait }),
        // What takes it elsewhere locks nothing here.
        Method::Command(_) => None,
    };
    let opening = Snapshot::open(request.target, request.application, request.set_role, hold);
    let mut snapshot = tokio::select! {
        snapshot = opening => snapshot?,
        signal = stop.wait() => return Err(interrupted(signal).into()),
    };
    expected(request, &snapshot.source)?;
    snapshot.source.environment.clone_from(&request.marked.environment);
    snapshot.source.project.clone_from(&request.marked.project);
    snapshot.source.mark.clone_from(&request.marked.mark);
    let missing = snapshot.missing(&request.scope);
    if !missing.is_empty() {
        let what = format!("what is to be backed up is not there: {}", missing.join(", "));
        return Err(Failure::new(Exit::Refused, what).into());
    }
    // What it cannot be restored into is found out before anything is dumped.
    let trial = match (&request.method, request.level) {
        (Method::Dump { .. }, Level::Restore) => {
            Some(Trial::open(request.trial, &snapshot.source.server_version).await?)
        }
        _ => None,
    };
    let mut upload = request.store.begin(request.id).await?;
    let work = async {
        match request.method {
            Method::Dump { .. } => dumped(request, snapshot, &mut upload, follow).await,
            Method::Command(external) => commanded(request, external, snapshot).await,
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
    if let (Some(trial), Method::Dump { bin_dir, .. }) = (trial, &request.method) {
        let proved = restored(request, *bin_dir, trial, &manifest, stop.clone(), follow).await;
        match proved {
            Ok(proof) => {
                manifest.verified = Some(proof);
                request.store.restate(&manifest).await?;
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
    let what = format!("interrupted by {signal}: no backup was made, and nothing was changed");
    Failure::new(Exit::RolledBack, what).next("run the same command again")
}

/// Proves it by restoring it.
async fn restored(
    request: &Request<'_>,
    bin_dir: Option<&Path>,
    trial: Trial,
    manifest: &Manifest,
    stop: Stop,
    follow: &mut dyn Follow,
) -> Result<Verified> {
    let programs = Programs::reading(bin_dir, written_by(manifest)?)?;
    trial.run(request.store, manifest, &programs, request.application, stop, follow).await
}

/// A proof was asked for: what cannot give it is no backup.
fn unproved(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<Failure>() {
        Ok(failure) => {
            let what =
                format!("the backup could not be proved by restoring it, and was removed: {}", failure.what);
            Failure { what, ..failure }.into()
        }
        Err(error) => error,
    }
}

fn expected(request: &Request<'_>, found: &Source) -> Result<(), Failure> {
    let Some((system_identifier, oid, database)) = request.expected else { return Ok(()) };
    let same = found.system_identifier == system_identifier
        && found.database_oid == oid
        && found.database == database;
    if same {
        return Ok(());
    }
    Err(Failure::new(
        Exit::Refused,
        format!(
            "the connection for the backup reached another database than the one to be changed: {:?} (oid {}) of server \
             {}, not {database:?} (oid {oid}) of {system_identifier}; nothing was changed",
            found.database, found.database_oid, found.system_identifier
        ),
    )
    .next("ask what between trueup and the server (a load balancer, a proxy?) spreads connections"))
}

/// By `pg_dump`.
async fn dumped(
    request: &Request<'_>,
    mut snapshot: Snapshot,
    upload: &mut Upload,
    follow: &mut dyn Follow,
) -> Result<Manifest> {
    let Method::Dump { kind, jobs, compression, bin_dir } = request.method else {
        unreachable!("another method")
    };
    let version = snapshot.session().server_version()?;
    let programs = Programs::find(bin_dir, version)?;
    let name = snapshot.name.clone();
    let order = Order {
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
        anyhow::Ok((snapshot.count(&request.scope).await?, catalog))
    };
    let (Dumped { mut members, found }, (relations, catalog)) =
        tokio::try_join!(dump::dump(&order, upload, follow), read)?;
    let entries = found.contents.entries;
    compare(&found, &relations, &request.scope)?;
    members.push(put(upload, CATALOG, catalog.into()).await?);
    let verified = found.rows.is_some().then(|| Verified::now(Level::Contents));
    let (source, taken_at, database_bytes) =
        (snapshot.source.clone(), snapshot.taken_at.clone(), snapshot.database_bytes);
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
        version: request.marked.version.clone(),
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
    })
}

/// By a command of the project's. Rows are not counted: the snapshot is not of this moment.
async fn commanded(request: &Request<'_>, external: &External, snapshot: Snapshot) -> Result<Manifest> {
    let (source, taken_at, database_bytes) =
        (snapshot.source.clone(), snapshot.taken_at.clone(), snapshot.database_bytes);
    // The transaction is not held open for a command that may take an hour.
    let before = snapshot.close().await?;
    let reference = external.take(request.id, &source).await?;
    let after = Snapshot::open(request.target, request.application, request.set_role, None).await?;
    expected(request, &after.source)?;
    let after = after.close().await?;
    Ok(Manifest {
        format: FORMAT,
        id: request.id.to_owned(),
        run: request.run.to_owned(),
        kind: Kind::Command,
        scope: Scope::Full,
        source,
        taken_at,
        wal: Wal { before: before.before, after: after.after },
        version: request.marked.version.clone(),
        tools: Tools { trueup: env!("CARGO_PKG_VERSION").to_owned(), pg_dump: None },
        relations: Vec::new(),
        large_objects: None,
        entries: 0,
        members: Vec::new(),
        bytes: 0,
        database_bytes,
        milliseconds: 0,
        verified: Some(Verified::now(Level::Quick)),
        reference: Some(reference),
    })
}

/// Stores a text as a member.
async fn put(upload: &mut Upload, name: &str, text: Bytes) -> Result<Member> {
    let member = Member { name: name.to_owned(), bytes: text.len() as u64, sha256: digest::of(&text) };
    upload.member(name).await?;
    upload.write(text).await?;
    upload.end().await?;
    Ok(member)
}
