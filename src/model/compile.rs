//! Compiles a project: loads its model and replays its migrations.

use std::path::Path;

use anyhow::Result;

use super::default_privileges::DefaultPrivileges;
use super::inputs::{Sources, relative};
use super::load::{SqlScript, load, scripts};
use super::lock::{CompiledSettings, DeclaredBy, Head, Lock};
use super::progress::CompileProgress;
use super::replay::replay;
use super::runner::Runner;
use crate::postgres::catalog::reader::ReadOptions;
use crate::postgres::scratch::Scratch;

/// Compiles a project on a scratch server, in databases of its own that are dropped afterwards.
///
/// # Errors
/// Exit 2: the project's SQL, with file, line and statement. Exit 3: the scratch server.
pub async fn compile(
    project: &Path,
    sources: &Sources,
    settings: &CompiledSettings,
    scratch: &mut Scratch,
    progress: &mut dyn FnMut(CompileProgress<'_>),
) -> Result<Lock> {
    let schema = scripts(&sources.schema)?;
    let paths: Vec<String> = sources.migrations.iter().map(|file| relative(project, &file.path)).collect();
    let mut migrations = Vec::with_capacity(paths.len());
    for (path, migration) in paths.iter().zip(&sources.migrations) {
        migrations.push(SqlScript::new(path, &migration.sql)?);
    }
    let declared_by = if schema.is_empty() { DeclaredBy::Migrations } else { DeclaredBy::Schema };
    let mut options = ReadOptions::default();
    let declaring = if schema.is_empty() { &migrations } else { &schema };
    declaring.iter().for_each(|script| script.declare(&mut options));

    let default_privileges = DefaultPrivileges::of(schema.iter().chain(&migrations));
    let server = scratch.version();
    let mut model = None;
    if declared_by == DeclaredBy::Schema {
        let mut runner = Runner::new(scratch, settings, default_privileges.clone()).await?;
        model = Some(load(&mut runner, &schema, &options, progress).await?);
        runner.finish().await?;
    }
    let mut runner = Runner::new(scratch, settings, default_privileges).await?;
    let replayed = replay(&mut runner, &sources.migrations, &migrations, &options, progress).await?;
    runner.finish().await?;
    Ok(Lock {
        head: Head {
            server,
            declared_by,
            options,
            settings: settings.clone(),
            inputs: sources.inputs(project),
        },
        model: model.unwrap_or(replayed.catalog),
        initial: replayed.initial,
        migrations: replayed.migrations,
    })
}
