//! A throwaway database that has the first so many migrations of a project. What takes the last of them back can be tried in a
//! copy of it.

use std::path::Path;

use anyhow::Result;

use super::super::default_privileges::DefaultPrivileges;
use super::super::lock::{CompiledSettings, Head};
use super::super::outcome::StatementOutcome;
use super::super::runner::Runner;
use super::{MigrationScript, Watched, run};
use crate::error::Failure;
use crate::migrations::Migration;
use crate::migrations::tools::MigrationTool;
use crate::postgres::catalog::Catalog;
use crate::postgres::catalog::reader::{CatalogReading, ReadOptions};
use crate::postgres::connection::ServerVersion;
use crate::postgres::scratch::Scratch;

/// A throwaway database.
pub struct TrialDatabase<'s> {
    runner: Runner<'s>,
    options: ReadOptions,
}

impl<'s> TrialDatabase<'s> {
    /// A new one for these migrations, which are compiled with these settings and read as this lock was.
    ///
    /// # Errors
    /// The server's.
    pub async fn new(
        scratch: &'s mut Scratch,
        settings: &'s CompiledSettings,
        head: &Head,
        migrations: &[Migration],
    ) -> Result<Self> {
        let scripts: Vec<_> = migrations.iter().map(|file| MigrationScript::new("", file)).collect();
        let statements = scripts.iter().flat_map(|script| &script.examined.statements);
        let privileges = DefaultPrivileges::of(statements.map(|examined| &examined.statement));
        let options = ReadOptions { history: settings.applied.clone(), ..head.options.clone() };
        let mut runner = Runner::new(scratch, settings, privileges).await?;
        runner.keep_search_path().await?;
        Ok(Self { runner, options })
    }

    /// Does something in a copy of the database, which stays as it is.
    ///
    /// # Errors
    /// The server's, and those of what is done.
    pub async fn in_copy<T>(&mut self, work: impl AsyncFnOnce(&mut Self) -> Result<T>) -> Result<T> {
        let original = self.runner.enter_copy().await?;
        let assumed = self.runner.assumed.clone();
        let done = work(self).await;
        self.runner.assumed = assumed;
        self.runner.leave_copy(original).await?;
        done
    }

    /// Runs a script of a migration. Returns why it is refused.
    ///
    /// # Errors
    /// A lost connection.
    pub async fn run(&mut self, path: &Path, migration: &Migration) -> Result<Option<Failure>> {
        let path = path.display().to_string();
        let script = MigrationScript::new(&path, migration);
        let mut refused = script.examined.refused.first().cloned();
        if refused.is_none() {
            self.runner.reset().await?;
            // Nothing is measured here.
            let nothing = CatalogReading::default();
            let mut watched = Watched::of(&nothing);
            let ran = run(&mut self.runner, &script, &mut watched, |failure| refused = Some(failure)).await;
            if let Err(error) = ran {
                refused = Some(error.downcast()?);
            }
        }
        self.runner.reset().await?;
        Ok(refused)
    }

    /// Runs a statement that the server may refuse.
    ///
    /// # Errors
    /// A lost connection.
    pub async fn execute(&mut self, sql: &str) -> Result<()> {
        let _ = StatementOutcome::of(self.runner.session.execute(sql).await)?;
        Ok(())
    }

    /// Reads the catalog.
    ///
    /// # Errors
    /// The server's.
    pub async fn read(&mut self) -> Result<Catalog> {
        Ok(self.runner.read(&self.options).await?.catalog)
    }

    /// The version of the server.
    pub fn server(&self) -> ServerVersion {
        self.runner.server()
    }

    /// The URL, for a program beside trueup.
    pub fn url(&self) -> String {
        self.runner.url()
    }

    /// Whether a tool has recorded a revision.
    ///
    /// # Errors
    /// The server's.
    pub async fn has_applied(&mut self, tool: MigrationTool, revision: &str) -> Result<bool> {
        self.runner.has_applied(tool, revision).await
    }

    /// Lets programs that connect to the database log what they run there. Returns where the log ends now.
    ///
    /// # Errors
    /// The server's.
    pub async fn log_statements(&mut self) -> Result<u64> {
        self.runner.log_statements().await?;
        Ok(self.runner.log_end())
    }

    /// What was logged since, and committed.
    ///
    /// # Errors
    /// The log cannot be read.
    pub fn statements_since(&self, from: u64) -> Result<Vec<String>> {
        self.runner.statements_since(from)
    }

    /// Drops the database.
    ///
    /// # Errors
    /// The server's.
    pub async fn finish(self) -> Result<()> {
        self.runner.finish().await
    }
}
