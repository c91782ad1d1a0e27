//! Verifies a backup by restoring it: into a throwaway server, or into a database of its own on a given server. What
//! was created is dropped.

use anyhow::Result;

use super::super::manifest::{Manifest, ProofLevel, Verified};
use super::super::programs::Programs;
use super::super::progress::BackupObserver;
use super::super::store::Store;
use super::archive::{VerifiedArchive, major_of};
use super::compatibility::Compatibility;
use super::server::{RestoreServer, restoring};
use super::{Derivation, RestoreJob, swap};
use crate::error::{ErrorCode, Exit, Failure, with_failure};
use crate::postgres::connection::{ServerVersion, Target};
use crate::postgres::scratch::{Scratch, ScratchDatabase, ScratchOptions};
use crate::writer::StopSignal;

/// The name of the database in a trial restore. The temporary name begins with it.
const NAME: &str = "trueup_verify";

/// How a trial restore is done.
#[derive(Debug, Clone, Copy)]
pub struct TrialOptions<'o> {
    /// `application_name`
    pub application: &'o str,
    /// The search_path of the project, for what relies on one.
    pub search_path: &'o str,
    /// Whether to run ANALYZE.
    pub analyze: bool,
}

/// Where a trial restore happens.
#[derive(Debug, Clone)]
pub enum TrialTarget {
    /// A throwaway server.
    Scratch(ScratchOptions),
    /// A database of its own on this server.
    Server(Box<Target>),
}

/// The server of a trial restore, ready to be used.
#[derive(Debug)]
pub(in crate::backup) enum TrialRestore {
    Scratch(Box<Scratch>),
    Server(Box<Target>),
}

impl TrialRestore {
    /// Starts the throwaway server: of the major version that was backed up, otherwise of a newer one.
    ///
    /// # Errors
    /// Exit 3: there is no such server.
    pub(in crate::backup) async fn open(trial: &TrialTarget, server_version: &str) -> Result<Self> {
        let source =
            major_of(server_version).unwrap_or(ServerVersion(ServerVersion::SUPPORTED.start() * 10_000));
        let options = match trial {
            TrialTarget::Server(target) => return Ok(Self::Server(target.clone())),
            TrialTarget::Scratch(options) => options,
        };
        let wanted = options.major.filter(|major| *major > source.major());
        let majors = source.major()..=*ServerVersion::SUPPORTED.end();
        // The major version of a given server or directory is fixed.
        let fixed = options.url.is_some() || options.bin_dir.is_some();
        let tried: Vec<Option<u32>> =
            if fixed { vec![None] } else { wanted.into_iter().chain(majors).map(Some).collect() };
        let mut first = None;
        for major in tried {
            match Scratch::start(&ScratchOptions { major, ..options.clone() }).await {
                Ok(scratch) => return Ok(Self::Scratch(Box::new(scratch))),
                Err(error) => first = first.or(Some(error)),
            }
        }
        let why = first.map_or_else(String::new, |error| error.to_string());
        Err(Failure::cannot_tell(format!("there is no throwaway server to restore into: {why}"))
            .code(ErrorCode::SCRATCH_UNAVAILABLE)
            .next("install PostgreSQL's server here, or name a server: trueup backup verify --level restore --into URL")
            .into())
    }

    /// Restores the backup, and drops what was created.
    ///
    /// # Errors
    /// Exit 5: the backup is not what the manifest says. Exit 3: it could not be restored anywhere.
    pub(in crate::backup) async fn run(
        mut self,
        store: &Store,
        manifest: &Manifest,
        programs: &Programs,
        (application, search_path): (&str, &str),
        stop: StopSignal,
        observer: &mut dyn BackupObserver,
    ) -> Result<Verified> {
        let own = (application, search_path);
        let done = self.restore(store, manifest, programs, own, stop, observer).await;
        if let Self::Scratch(scratch) = self {
            let stopped = scratch.stop().await;
            if done.is_ok() {
                stopped?;
            }
        }
        done
    }

    async fn restore(
        &mut self,
        store: &Store,
        manifest: &Manifest,
        programs: &Programs,
        (application, search_path): (&str, &str),
        stop: StopSignal,
        observer: &mut dyn BackupObserver,
    ) -> Result<Verified> {
        let backup = VerifiedArchive::read(store, manifest, programs, observer).await.map_err(damaged)?;
        let options = TrialOptions { application, search_path, analyze: false };
        let (mut server, restored, derivation) = match self {
            Self::Server(target) => restored_on((target, None), &backup, options, stop, observer).await?,
            Self::Scratch(scratch) => restored_in(scratch, &backup, options, stop, observer).await?,
        };
        server.drop(&restored).await?;
        let restored_on = Some(server.version.to_string());
        server.close().await;
        let note = derivation.note();
        Ok(Verified { restored_on, missing: derivation.missing, note, ..Verified::now(ProofLevel::Restore) })
    }
}

/// Restores a backup into a throwaway server, where it stays under a name of that server's. Returns what is missing of
/// what is derived from the rows, too.
///
/// # Errors
/// Exit 4: it does not fit that server. Exit 5 and 6: it could not be restored, or is not what was backed up.
pub async fn restore_into_scratch(
    scratch: &mut Scratch,
    backup: &VerifiedArchive<'_>,
    options: TrialOptions<'_>,
    stop: StopSignal,
    observer: &mut dyn BackupObserver,
) -> Result<(ScratchDatabase, Derivation)> {
    let (mut server, restored, derivation) = restored_in(scratch, backup, options, stop, observer).await?;
    let database = scratch.new_name();
    super::rename_restored(&mut server, &restored, database.name()).await?;
    server.close().await;
    Ok((database, derivation))
}

/// Restores a backup into a throwaway server, with the roles that it names.
async fn restored_in(
    scratch: &mut Scratch,
    backup: &VerifiedArchive<'_>,
    options: TrialOptions<'_>,
    stop: StopSignal,
    observer: &mut dyn BackupObserver,
) -> Result<(RestoreServer, String, Derivation)> {
    for role in backup.needs.roles() {
        scratch.create_role(role).await?;
    }
    let beside = scratch.create_database().await?;
    let target = Target::parse(&scratch.url(&beside))?;
    // It is noted before the database is there: whoever interrupts the restore leaves nothing on a given server.
    let temporary = restoring(NAME);
    scratch.note_database(&temporary);
    restored_on((&target, Some(temporary)), backup, options, stop, observer).await
}

/// Restores a backup into a new database of this server, with this temporary name where one is given. Returns its temporary
/// name, and the server that its name is locked on.
async fn restored_on(
    (target, temporary): (&Target, Option<String>),
    backup: &VerifiedArchive<'_>,
    TrialOptions { application, search_path, analyze }: TrialOptions<'_>,
    stop: StopSignal,
    observer: &mut dyn BackupObserver,
) -> Result<(RestoreServer, String, Derivation)> {
    let mut server = RestoreServer::open(target, application).await?;
    server.lock_database_name(NAME).await?;
    swap::recover(&mut server, NAME).await?;
    server.temporary = temporary;
    let fit = Compatibility::of(&mut server, backup, 2).await?;
    let mut restoring = RestoreJob {
        server: &mut server,
        backup,
        fit: &fit,
        database: NAME,
        tablespace: None,
        analyze,
        search_path,
    };
    let (restored, derivation) = restoring.restore_into_new_database(stop, observer).await?;
    Ok((server, restored, derivation))
}

/// What a restore refuses because the backup is damaged is the result of a verification.
fn damaged(error: anyhow::Error) -> anyhow::Error {
    with_failure(error, |failure| match failure.exit {
        Exit::Refused => Failure { exit: Exit::RolledBack, ..failure },
        _ => failure,
    })
}
