//! A backup proved by restoring it: into a throwaway server, or into a database of its own on a server that somebody named.
//! What was made for it is dropped.

use anyhow::Result;

use super::super::client::Programs;
use super::super::follow::Follow;
use super::super::manifest::{Level, Manifest, Verified};
use super::super::store::Store;
use super::fit::Fit;
use super::server::Server;
use super::source::{Hashed, major_of};
use super::{Restoring, swap};
use crate::error::{Exit, Failure, exit_of};
use crate::postgres::connection::{ServerVersion, Target};
use crate::postgres::scratch::{Scratch, ScratchOptions};
use crate::writer::Stop;

/// What the database is called that a backup is tried in, before what says that it is being restored.
const NAME: &str = "trueup_verify";

/// Where a backup is tried.
#[derive(Debug, Clone)]
pub enum Place {
    /// In a throwaway server.
    Scratch(ScratchOptions),
    /// In a database of its own of this server.
    Server(Box<Target>),
}

/// What there is to try a backup in.
#[derive(Debug)]
pub(in crate::backup) enum Trial {
    Scratch(Box<Scratch>),
    Server(Box<Target>),
}

impl Trial {
    /// Starts the throwaway server: of the major that was backed up, else of a newer one.
    ///
    /// # Errors
    /// Exit 3: there is none.
    pub(in crate::backup) async fn open(place: &Place, server_version: &str) -> Result<Self> {
        let source =
            major_of(server_version).unwrap_or(ServerVersion(ServerVersion::SUPPORTED.start() * 10_000));
        let options = match place {
            Place::Server(target) => return Ok(Self::Server(target.clone())),
            Place::Scratch(options) => options,
        };
        let wanted = options.major.filter(|major| *major > source.major());
        let majors = source.major()..=*ServerVersion::SUPPORTED.end();
        // A server that was given, or a directory, is of the major that it is.
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
            .next("install PostgreSQL's server here, or name a server: trueup backup verify --level restore --into URL")
            .into())
    }

    /// Restores into it, and drops what was made.
    ///
    /// # Errors
    /// Exit 5: the backup is not what the manifest says. Exit 3: it could not be tried.
    pub(in crate::backup) async fn run(
        mut self,
        store: &Store,
        manifest: &Manifest,
        programs: &Programs,
        application: &str,
        stop: Stop,
        follow: &mut dyn Follow,
    ) -> Result<Verified> {
        let done = self.restore(store, manifest, programs, application, stop, follow).await;
        if let Self::Scratch(scratch) = self {
            let stopped = scratch.stop().await;
            if done.is_ok() {
                stopped?;
            }
        }
        done?;
        Ok(Verified::now(Level::Restore))
    }

    async fn restore(
        &mut self,
        store: &Store,
        manifest: &Manifest,
        programs: &Programs,
        application: &str,
        stop: Stop,
        follow: &mut dyn Follow,
    ) -> Result<()> {
        let backup = Hashed::read(store, manifest, programs, follow).await.map_err(damaged)?;
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
        let mut server = Server::open(&target, application).await?;
        server.claim(NAME).await?;
        swap::mend(&mut server, NAME).await?;
        let fit = Fit::of(&mut server, &backup, 2).await?;
        let mut restoring = Restoring {
            server: &mut server,
            backup: &backup,
            fit: &fit,
            database: NAME,
            tablespace: None,
            analyze: false,
        };
        let restored = restoring.beside(stop, follow).await?;
        server.drop(&restored).await?;
        server.close().await;
        Ok(())
    }
}

/// Refused for a restore, and found out by a proof.
fn damaged(error: anyhow::Error) -> anyhow::Error {
    let refused = exit_of(&error) == Exit::Refused;
    match error.downcast::<Failure>() {
        Ok(failure) if refused => Failure { exit: Exit::RolledBack, ..failure }.into(),
        Ok(failure) => failure.into(),
        Err(error) => error,
    }
}
