//! What a down script does. It is run right after its migration, in a transaction that is rolled back.

use std::path::Path;

use anyhow::Result;

use super::super::inputs::Input;
use super::super::lock::{CompiledDown, DownOutcome, Lock};
use super::super::runner::Runner;
use super::{Ending, LONG, Watched, refuse_cluster, transaction};
use crate::error::Failure;
use crate::migrations::script::Examination;
use crate::migrations::{Directives, Migration};
use crate::postgres::catalog::reader::CatalogReading;
use crate::postgres::sql::{Statement, read_file};

/// The down script of a migration.
#[derive(Debug)]
pub(in crate::model) struct DownScript {
    /// How messages name the file.
    path: String,
    sql: String,
    directives: Result<Directives, Failure>,
}

impl DownScript {
    /// Reads that of a migration; `None` where it has none, or one that cannot be read: `downgrade` says that.
    pub(in crate::model) fn of(migration: &Migration, shown: impl FnOnce(&Path) -> String) -> Option<Self> {
        let path = migration.down.as_ref()?;
        let sql = read_file(path).ok()?;
        let directives = Directives::read(path, &sql);
        Some(Self { path: shown(path), sql, directives })
    }

    /// What the outcome depends on.
    pub(in crate::model) fn sha256(&self) -> String {
        Input::new("", &self.sql).sha256
    }

    /// Runs it, takes back what it did, and returns what that was. The database is as `after` the migration.
    pub(super) async fn measure(
        &self,
        runner: &mut Runner<'_>,
        after: &CatalogReading,
    ) -> Result<CompiledDown> {
        let outcome = self.run(runner, after).await?;
        Ok(CompiledDown { sha256: self.sha256(), outcome })
    }

    async fn run(&self, runner: &mut Runner<'_>, after: &CatalogReading) -> Result<DownOutcome> {
        let directives = match &self.directives {
            Ok(directives) => directives,
            Err(failure) => return Ok(self.refused(failure)),
        };
        let examined = Examination::of(self.path.as_ref(), &self.sql, directives);
        let statements: Vec<Statement<'_>> =
            examined.statements.iter().map(|examined| examined.statement).collect();
        let known = examined.refused.into_iter().next();
        let known = known
            .or_else(|| statements.iter().find_map(|statement| refuse_cluster(&self.path, statement).err()));
        if let Some(failure) = known {
            return Ok(self.refused(&failure));
        }
        if directives.no_transaction || statements.len() > LONG {
            return Ok(DownOutcome::Unmeasured);
        }
        let kept = runner.assumptions();
        let mut watched = Watched::of(after);
        let failed = transaction(runner, &self.path, &statements, &mut watched, Ending::Rollback).await;
        runner.reset().await?;
        runner.assume_again(kept);
        Ok(match failed? {
            Some((index, error)) => self.refused(&error.in_statement(&self.path, &statements[index])),
            None => DownOutcome::Measured(watched.footprints),
        })
    }

    /// The first line of a failure, without the file.
    fn refused(&self, failure: &Failure) -> DownOutcome {
        let what = failure.what.lines().next().unwrap_or_default();
        DownOutcome::Refused(what.strip_prefix(&format!("{}: ", self.path)).unwrap_or(what).to_owned())
    }
}

impl Lock {
    /// The files of down scripts that were changed, added or removed since these migrations were compiled.
    pub fn changed_down_scripts<'m>(&self, files: &'m [Migration]) -> Vec<&'m Migration> {
        let changed = |file: &&Migration| {
            let compiled = self.migrations.binary_search_by_key(&file.version, |compiled| compiled.version);
            let compiled = compiled.ok().and_then(|index| self.migrations[index].down.as_ref());
            let now = DownScript::of(file, |path| path.display().to_string()).map(|down| down.sha256());
            compiled.map(|compiled| &compiled.sha256) != now.as_ref()
        };
        files.iter().filter(changed).collect()
    }
}
