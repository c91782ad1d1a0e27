//! Restoring a backup: hashed before anything is touched, restored beside what is there, proved equal to what was backed up,
//! and only then given its name.
//!
//! A database that is being restored has a name and a comment that say so: whatever kills a run, what it leaves is never
//! taken for a good one, and the next run drops it. This room asks nobody; the command shows the plan and confirms.

mod fit;
mod needs;
mod prove;
mod run;
mod server;
mod source;
mod swap;
mod trial;

use anyhow::Result;

use self::server::{comment_of, comment_on, failed};
use super::follow::{Follow, Progress};
use crate::error::{Exit, Failure, exit_of};
use crate::postgres::connection::{Session, Target};
use crate::postgres::sql::identifier;
use crate::writer::Stop;

pub use fit::Fit;
pub use server::{Database, Server};
pub use source::{Hashed, written_by};
pub use swap::{Connected, dated, may_replace, mend, sessions, swap};
pub use trial::Place as TrialPlace;
pub(super) use trial::Trial;

/// A restore into a server.
#[derive(Debug)]
pub struct Restoring<'r> {
    /// The server, its lock taken.
    pub server: &'r mut Server,
    /// The backup.
    pub backup: &'r Hashed<'r>,
    /// How it fits.
    pub fit: &'r Fit,
    /// The name of the database that is meant.
    pub database: &'r str,
    /// The tablespace, where it is not the server's own.
    pub tablespace: Option<&'r str>,
    /// Whether the planner is told about the rows.
    pub analyze: bool,
}

impl Restoring<'_> {
    /// Restores into a database of its own, and proves it; returns its name.
    ///
    /// # Errors
    /// Exit 4: it cannot be made. Exit 5: it failed, and was dropped. Exit 6: and could not be dropped.
    pub async fn beside(&mut self, mut stop: Stop, follow: &mut dyn Follow) -> Result<String> {
        let wanted = prove::wanted(self.backup)?;
        let comment =
            format!("{}not complete (backup {})", comment_of(self.database), self.backup.manifest.id);
        let source = &self.backup.manifest.source;
        let name = self.server.create(self.database, source, self.tablespace, &comment).await?;
        let target = self.server.target(&name);
        let done = tokio::select! {
            done = self.fill(&target, &wanted, false, follow) => done,
            signal = stop.wait() => Err(interrupted(signal).into()),
        };
        let Err(error) = done else { return Ok(name) };
        self.server.reconnect_if_lost().await;
        self.server.drop(&name).await?;
        Err(undone(error))
    }

    /// Restores into an empty database, in one transaction.
    ///
    /// # Errors
    /// Exit 5: it failed, and the database is empty. Exit 6: what was restored is not what was backed up.
    pub async fn directly(&mut self, mut stop: Stop, follow: &mut dyn Follow) -> Result<()> {
        let wanted = prove::wanted(self.backup)?;
        let target = self.server.target(self.database);
        let done = tokio::select! {
            done = self.fill(&target, &wanted, true, follow) => done,
            signal = stop.wait() => Err(interrupted(signal).into()),
        };
        let Err(error) = done else { return Ok(()) };
        let left = self.server.objects(self.database).await;
        match left {
            Ok(left) if left.is_empty() => Err(undone(error)),
            _ => Err(Failure::new(
                Exit::Partial,
                format!("{error}; database {:?} keeps what was restored into it", self.database),
            )
            .next("drop what is in it, or the database, before it is used")
            .into()),
        }
    }

    async fn fill(
        &mut self,
        target: &Target,
        wanted: &crate::postgres::catalog::Catalog,
        whole: bool,
        follow: &mut dyn Follow,
    ) -> Result<()> {
        let application = self.server.application().to_owned();
        let partial = self.backup.list.is_some();
        self.prepare(target, &application, partial || prove::has_public(wanted)).await?;
        let in_order = prove::has_nested_partitions(wanted);
        let how = run::How { whole, in_order, ..self.fit.how.clone() };
        run::run(self.backup, target, &application, &how, follow).await?;
        if self.backup.path().is_some() {
            self.backup.again(follow).await?;
        }
        prove::prove(self.backup, wanted, target, &application, follow).await?;
        if self.analyze {
            follow.backup(&Progress { doing: "analyzing", ..Progress::default() });
            let mut session = quiet(target, &application).await?;
            session
                .execute("ANALYZE")
                .await
                .map_err(|error| failed(error, "analyzing the restored database"))?;
            session.close().await;
        }
        Ok(())
    }

    /// What an archive takes for granted, or takes for not there.
    async fn prepare(&self, target: &Target, application: &str, public: bool) -> Result<()> {
        let mut sql = Vec::new();
        if !public {
            // Every new database has it, and no archive says that it was dropped.
            sql.push("DROP SCHEMA IF EXISTS public".to_owned());
        }
        if let super::Scope::Tables(tables) = &self.backup.manifest.scope {
            for table in tables {
                let parts = crate::postgres::sql::split_qualified(table).unwrap_or_default();
                if let [schema, _] = parts.as_slice() {
                    sql.push(format!("CREATE SCHEMA IF NOT EXISTS {}", identifier(schema)));
                }
            }
        }
        if sql.is_empty() {
            return Ok(());
        }
        let mut session = quiet(target, application).await?;
        let done = session.execute(sql.join("; ")).await;
        done.map_err(|error| failed(error, "preparing the new database"))?;
        session.close().await;
        Ok(())
    }
}

/// Gives a restored database its name, where there is none of that name.
///
/// # Errors
/// Exit 5: it failed, and the restored one was dropped.
pub async fn name(server: &mut Server, restored: &str, name: &str) -> Result<()> {
    let rename = format!("ALTER DATABASE {} RENAME TO {}", identifier(restored), identifier(name));
    let sql = format!("BEGIN; {rename}; {}; COMMIT", comment_on(name, None));
    let Err(error) = server.session.execute(sql).await else { return Ok(()) };
    let _ = server.session.execute("ROLLBACK").await;
    server.drop(restored).await?;
    Err(undone(failed(error, &format!("naming the restored database {name:?}"))))
}

/// Drops a restored database that nobody wants.
///
/// # Errors
/// Exit 6: it stays.
pub async fn discard(server: &mut Server, restored: &str) -> Result<()> {
    server.drop(restored).await
}

/// A session without limits.
async fn quiet(target: &Target, application: &str) -> Result<Session> {
    let mut session = target.connect(application).await?;
    session.execute("SET statement_timeout = 0; SET lock_timeout = 0; SET idle_session_timeout = 0").await?;
    Ok(session)
}

fn interrupted(signal: &str) -> Failure {
    Failure::new(Exit::RolledBack, format!("interrupted by {signal}")).next("run the same command again")
}

/// What had been made is gone again.
fn undone(error: anyhow::Error) -> anyhow::Error {
    let exit = match exit_of(&error) {
        Exit::CannotTell | Exit::Busy => Exit::RolledBack,
        exit => exit,
    };
    match error.downcast::<Failure>() {
        Ok(failure) => {
            let what =
                format!("{}; what had been restored was dropped, and nothing was changed", failure.what);
            Failure { exit, what, ..failure }.into()
        }
        Err(error) => error,
    }
}
