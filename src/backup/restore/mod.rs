//! Restores a backup. The stored bytes are verified before anything is changed, the backup is restored into a
//! database of its own and proved equal to what was backed up, and only then it gets its name.
//!
//! A database that is being restored has a name and a comment that say so. Whatever a killed run leaves behind is
//! therefore never taken for a complete database, and the next run drops it. This room never asks; the command shows
//! the plan and confirms it.

mod archive;
mod compatibility;
mod derived;
mod lock;
mod prove;
mod records;
mod requirements;
mod run;
mod server;
mod swap;
mod trial;

use anyhow::Result;

use self::server::{comment_of, comment_on, failed};
use super::progress::{BackupObserver, BackupProgress};
use crate::error::{ErrorCode, Exit, Failure, with_failure};
use crate::postgres::connection::{self, OBSERVED_SESSION, Session, Target, limit_unused, sqlstate};
use crate::postgres::sql::identifier;
use crate::writer::StopSignal;

pub use archive::{VerifiedArchive, written_by};
pub use compatibility::Compatibility;
pub use derived::Derivation;
pub(super) use derived::{cure, note_about, wanted_path};
pub use server::{Database, RestoreServer};
pub use swap::{
    ConnectedSession, check_may_replace, name_for_incomplete, name_for_replaced, recover, sessions, swap,
};
pub(super) use trial::TrialRestore;
pub use trial::{TrialOptions, TrialTarget, restore_into_scratch};

/// A restore on a server.
#[derive(Debug)]
pub struct RestoreJob<'r> {
    /// The server; the lock of the database name is held.
    pub server: &'r mut RestoreServer,
    /// The backup.
    pub backup: &'r VerifiedArchive<'r>,
    /// What can be restored there.
    pub fit: &'r Compatibility,
    /// The name that the restored database will get.
    pub database: &'r str,
    /// The tablespace of the new database; `None` for the default one.
    pub tablespace: Option<&'r str>,
    /// Whether to run ANALYZE.
    pub analyze: bool,
    /// The search_path of the project, for what relies on one.
    pub search_path: &'r str,
}

/// How an archive is restored into a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    /// As a whole; any error ends it.
    Strict { one_transaction: bool },
    /// In parts, see [`derived`].
    InParts,
}

impl RestoreJob<'_> {
    /// Restores into a new database with a temporary name, and proves it. Returns that name, and what is missing of what is
    /// derived from the rows.
    ///
    /// # Errors
    /// Exit 4: the database cannot be created. Exit 5: the restore failed, and the database was dropped. Exit 6: it
    /// failed, and the database could not be dropped, or another run has taken the lock.
    pub async fn restore_into_new_database(
        &mut self,
        mut stop: StopSignal,
        observer: &mut dyn BackupObserver,
    ) -> Result<(String, Derivation)> {
        let expected = prove::expected_catalog(self.backup)?;
        let comment =
            format!("{}not complete (backup {})", comment_of(self.database), self.backup.manifest.id);
        let source = &self.backup.manifest.source;
        let mut manner = Manner::Strict { one_transaction: false };
        loop {
            let name = self.server.create(self.database, source, self.tablespace, &comment).await?;
            let target = self.server.target(&name);
            let done = tokio::select! {
                done = self.fill(&target, &expected, manner, observer) => done,
                signal = stop.wait() => Err(interrupted(signal).into()),
            };
            let error = match done {
                Ok(derivation) => return Ok((name, derivation)),
                Err(error) => error,
            };
            self.server.drop_failed(&name).await?;
            if manner == Manner::InParts || !derived::may_help(&error) {
                return Err(after_dropping(error));
            }
            manner = Manner::InParts;
        }
    }

    /// Restores into an empty database, in one transaction where that succeeds. Returns what is missing of what is derived
    /// from the rows.
    ///
    /// # Errors
    /// Exit 5: the restore failed, and the database is empty. Exit 6: what was restored is not what was backed up.
    pub async fn restore_into_empty_database(
        &mut self,
        mut stop: StopSignal,
        observer: &mut dyn BackupObserver,
    ) -> Result<Derivation> {
        let expected = prove::expected_catalog(self.backup)?;
        let target = self.server.target(self.database);
        let mut manner = Manner::Strict { one_transaction: true };
        let (error, left) = loop {
            let done = tokio::select! {
                done = self.fill(&target, &expected, manner, observer) => done,
                signal = stop.wait() => Err(interrupted(signal).into()),
            };
            let error = match done {
                Ok(derivation) => return Ok(derivation),
                Err(error) => error,
            };
            let left = self.server.objects(self.database).await;
            let is_empty = left.as_ref().is_ok_and(Vec::is_empty);
            if manner == Manner::InParts || !is_empty || !derived::may_help(&error) {
                break (error, left);
            }
            manner = Manner::InParts;
        };
        match left {
            Ok(left) if left.is_empty() => Err(after_dropping(error)),
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
        expected: &crate::postgres::catalog::Catalog,
        manner: Manner,
        observer: &mut dyn BackupObserver,
    ) -> Result<Derivation> {
        let application = self.server.application().to_owned();
        let partial = self.backup.list.is_some();
        self.prepare(target, &application, partial || prove::has_public(expected)).await?;
        let in_order = prove::has_nested_partitions(expected);
        // An error ends a transaction, and a setting that the server does not know is one.
        let whole =
            manner == Manner::Strict { one_transaction: true } && self.fit.how.unknown_settings.is_empty();
        let how = run::RestoreOptions { whole, in_order, ..self.fit.how.clone() };
        let mut derivation = Derivation::default();
        if manner == Manner::InParts {
            let place = (target, application.as_str());
            let wanted = (self.search_path, self.analyze);
            derivation = derived::restore(self.backup, place, &how, wanted, observer).await?;
        } else {
            run::run(self.backup, target, &application, &how, observer).await?;
        }
        derivation.missing.extend(self.give_to_roles(target, &application, manner).await?);
        if !partial {
            records::follow_tables(self.backup, target, &application).await?;
        }
        if self.backup.path().is_some() {
            self.backup.verify_again(observer).await?;
        }
        prove::prove(self.backup, expected, (target, &application), &mut derivation, observer).await?;
        if self.analyze && manner != Manner::InParts {
            observer.progress(&BackupProgress { doing: "analyzing", ..BackupProgress::default() });
            let mut session = session_without_timeouts(target, &application).await?;
            session
                .execute("ANALYZE")
                .await
                .map_err(|error| failed(error, "analyzing the restored database"))?;
            session.close().await;
        }
        Ok(derivation)
    }

    /// Gives objects to their owners and grants privileges, where some roles of the backup are missing and `pg_restore`
    /// has left out all of them. Returns the statements about objects that a restore in parts has left out.
    async fn give_to_roles(&self, target: &Target, application: &str, manner: Manner) -> Result<Vec<String>> {
        let statements: Vec<&str> =
            self.fit.ownership.iter().chain(&self.fit.privileges).map(String::as_str).collect();
        if statements.is_empty() {
            return Ok(Vec::new());
        }
        let doing = |error| failed(error, "giving the restored objects to their roles");
        let mut session = session_without_timeouts(target, application).await?;
        session.execute("SET search_path = ''").await.map_err(doing)?;
        // The statements of one message are one transaction.
        let Err(error) = session.execute(statements.join("; ")).await else {
            session.close().await;
            return Ok(Vec::new());
        };
        if manner != Manner::InParts || not_there(&error).is_none() {
            return Err(doing(error));
        }
        let mut left_out = Vec::new();
        for statement in statements {
            if let Err(error) = session.execute(statement).await {
                let why = not_there(&error).ok_or_else(|| doing(error))?;
                left_out.push(format!("{statement}: {why}"));
            }
        }
        session.close().await;
        Ok(left_out)
    }

    /// Creates the schemas that an archive of some tables expects; drops the schema `public` when the backup has
    /// none.
    async fn prepare(&self, target: &Target, application: &str, public: bool) -> Result<()> {
        let mut sql = Vec::new();
        if !public {
            // Every new database has it, and an archive does not say that it was dropped.
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
        let mut session = session_without_timeouts(target, application).await?;
        let done = session.execute(sql.join("; ")).await;
        done.map_err(|error| failed(error, "preparing the new database"))?;
        session.close().await;
        Ok(())
    }
}

/// Renames a restored database; no database has the new name.
///
/// # Errors
/// Exit 5: renaming failed, and the restored database was dropped.
pub async fn rename_restored(server: &mut RestoreServer, restored: &str, name: &str) -> Result<()> {
    let rename = format!("ALTER DATABASE {} RENAME TO {}", identifier(restored), identifier(name));
    let sql = format!("BEGIN; {rename}; {}; COMMIT", comment_on(name, None));
    let Err(error) = server.session.execute(sql).await else { return Ok(()) };
    let _ = server.session.execute("ROLLBACK").await;
    server.drop(restored).await?;
    Err(after_dropping(failed(error, &format!("naming the restored database {name:?}"))))
}

/// Drops a restored database that was not confirmed.
///
/// # Errors
/// Exit 6: the database could not be dropped.
pub async fn discard(server: &mut RestoreServer, restored: &str) -> Result<()> {
    server.drop(restored).await
}

/// A session in which a statement may take as long as it takes.
async fn session_without_timeouts(target: &Target, application: &str) -> Result<Session> {
    let mut session = target.connect(application).await?;
    let settings = format!("SET statement_timeout = 0; SET lock_timeout = 0; {}", limit_unused());
    session.execute(format!("{settings}; {OBSERVED_SESSION}")).await?;
    Ok(session)
}

/// What the server said of a statement that names an object which is not there.
fn not_there(error: &anyhow::Error) -> Option<String> {
    let said = connection::describe(connection::server_error(error)?);
    let is_missing = matches!(
        said.sqlstate.as_deref(),
        Some(
            sqlstate::UNDEFINED_TABLE
                | sqlstate::UNDEFINED_COLUMN
                | sqlstate::UNDEFINED_FUNCTION
                | sqlstate::UNDEFINED_OBJECT
                | sqlstate::INVALID_SCHEMA_NAME
        )
    );
    is_missing.then(|| said.text())
}

fn interrupted(signal: &str) -> Failure {
    Failure::new(Exit::RolledBack, format!("interrupted by {signal}"))
        .code(ErrorCode::RUN_INTERRUPTED)
        .next("run the same command again")
}

/// The error of a restore after its database was dropped.
fn after_dropping(error: anyhow::Error) -> anyhow::Error {
    with_failure(error, |failure| {
        let exit = match failure.exit {
            Exit::CannotTell | Exit::Busy => Exit::RolledBack,
            exit => exit,
        };
        let what = format!("{}; what had been restored was dropped, and nothing was changed", failure.what);
        Failure { exit, what, ..failure }
    })
}
