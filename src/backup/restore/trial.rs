//! Verifies a backup by restoring it: into a throwaway server, or into a database of its own on a given server. What
//! was created is dropped.

use anyhow::Result;

use super::super::manifest::{Manifest, ProofLevel, Verified};
use super::super::programs::Programs;
use super::super::progress::BackupObserver;
use super::super::store::Store;
use super::archive::{VerifiedArchive, major_of};
use super::compatibility::Compatibility;
use super::server::RestoreServer;
use super::{RestoreJob, swap};
use crate::error::{ErrorCode, Exit, Failure, with_failure};
use crate::postgres::connection::{ServerVersion, Target};
use crate::postgres::scratch::{Scratch, ScratchOptions};
use crate::writer::StopSignal;

/// The name of the database in a trial restore. The temporary name begins with it.
const NAME: &str = "trueup_verify";

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
        let target = match self {
            Self::Server(target) => (**target).clone(),
            Self::Scratch(scratch) => {
                let roles = backup.needs.roles();
                for role in roles {
                    scratch.create_role(role).await?;
                }
                let own = scratch.create_database().await?;
                Target::parse(&scratch.url(&own))?
            }
        };
        let mut server = RestoreServer::open(&target, application).await?;
        server.lock_database_name(NAME).await?;
        swap::recover(&mut server, NAME).await?;
        let fit = Compatibility::of(&mut server, &backup, 2).await?;
        let mut restoring = RestoreJob {
            server: &mut server,
            backup: &backup,
            fit: &fit,
            database: NAME,
            tablespace: None,
            analyze: false,
            search_path,
        };
        let (restored, derivation) = restoring.restore_into_new_database(stop, observer).await?;
        server.drop(&restored).await?;
        let restored_on = Some(server.version.to_string());
        server.close().await;
        let note = derivation.note();
        Ok(Verified { restored_on, missing: derivation.missing, note, ..Verified::now(ProofLevel::Restore) })
    }
}

/// What a restore refuses because the backup is damaged is the result of a verification.
fn damaged(error: anyhow::Error) -> anyhow::Error {
    with_failure(error, |failure| match failure.exit {
        Exit::Refused => Failure { exit: Exit::RolledBack, ..failure },
        _ => failure,
    })
}
