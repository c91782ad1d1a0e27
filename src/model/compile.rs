//! Compiles a project: loads its model and replays its migrations.

use std::path::Path;

use anyhow::Result;

use super::default_privileges::DefaultPrivileges;
use super::inputs::{Sources, relative};
use super::load::{self, UnreadableBody, load, scripts};
use super::lock::{CompiledSettings, DeclaredBy, Head, Lock};
use super::progress::CompileProgress;
use super::recognise::declare;
use super::replay::{Keeping, MigrationScript, Replayed, ToolSteps, replay, replay_with_tool};
use super::runner::Runner;
use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::catalog::Catalog;
use crate::postgres::catalog::reader::ReadOptions;
use crate::postgres::scratch::Scratch;

/// What is compiled.
#[derive(Debug, Clone, Copy)]
pub struct CompiledProject<'p> {
    /// Its directory.
    pub directory: &'p Path,
    /// Its files.
    pub sources: &'p Sources,
    /// The settings that the outcome depends on.
    pub settings: &'p CompiledSettings,
    /// The directory in which states of the replayed database are kept for the next compilation; `None` for none.
    pub states: Option<&'p Path>,
    /// Whether the footprints of the statements are measured, as a lock file has them. A benchmark compiles without.
    pub footprints: bool,
}

/// The outcome.
#[derive(Debug)]
pub struct Compilation {
    /// The compiled project.
    pub lock: Lock,
    /// How many migrations were replayed. What the others do was kept by an earlier compilation.
    pub replayed: usize,
}

/// Compiles a project on a scratch server, in databases of its own that are dropped afterwards.
///
/// # Errors
/// Exit 2: the project's SQL, with file, line and statement: everything that a migration must not contain, in all of
/// them, and the first statement that the server refuses. Exit 3: the scratch server.
pub async fn compile(
    project: CompiledProject<'_>,
    scratch: &mut Scratch,
    steps: Option<&mut dyn ToolSteps>,
    progress: &mut dyn FnMut(CompileProgress<'_>),
) -> Result<Compilation> {
    let CompiledProject { directory, sources, settings, .. } = project;
    let paths: Vec<String> = sources.migrations.iter().map(|file| relative(directory, &file.path)).collect();
    let migrations: Vec<MigrationScript<'_>> = paths
        .iter()
        .zip(&sources.migrations)
        .map(|(path, file)| MigrationScript::new(path, file).with_down(|path| relative(directory, path)))
        .collect();
    let refused = migrations.iter().enumerate().flat_map(|(index, script)| {
        script.examined.refused.iter().map(move |failure| (index, failure.clone()))
    });
    let mut refused: Vec<(usize, Failure)> = refused.collect();
    let replaying = match steps {
        Some(steps) => Replaying::Tool(steps),
        None => Replaying::Files { migrations: &migrations, refused: &mut refused },
    };
    let built = build(&project, scratch, replaying, progress).await;
    // Another tool applies them in its own way: only what cannot be read is wrong.
    refused.retain(|(_, failure)| {
        settings.tool.is_none() || failure.code != Some(ErrorCode::MIGRATION_UNSUPPORTED)
    });
    // In the order of the files; what the server refused comes last.
    refused.sort_by_key(|(index, _)| *index);
    let mut failures = refused.into_iter().map(|(_, failure)| failure);
    let Some(first) = failures.next() else {
        let head = |options, declared_by| Head {
            server: scratch.version(),
            declared_by,
            options,
            settings: settings.clone(),
            inputs: sources.inputs(directory),
        };
        return built.map(|built| built.compiled(head));
    };
    let last = built.err().map(anyhow::Error::downcast::<Failure>).transpose()?;
    Err(Failure { exit: Exit::Usage, ..first.and(failures.chain(last)) }.into())
}

/// The functions of `schema/` whose bodies the server cannot read, though everything else is there.
///
/// # Errors
/// Exit 2: what the server refuses otherwise. Exit 3: the scratch server.
pub async fn unreadable_bodies(
    sources: &Sources,
    settings: &CompiledSettings,
    scratch: &mut Scratch,
) -> Result<Vec<UnreadableBody>> {
    let schema = scripts(&sources.schema)?;
    let statements = schema.iter().flat_map(|script| &script.statements);
    let mut runner = Runner::new(scratch, settings, DefaultPrivileges::of(statements)).await?;
    let unreadable = load::unreadable_bodies(&mut runner, &schema).await;
    runner.finish().await?;
    unreadable
}

/// What the throwaway databases gave.
struct Built {
    declared_by: DeclaredBy,
    options: ReadOptions,
    /// What `schema/` declares; `None` where there is none.
    model: Option<Catalog>,
    replayed: Replayed,
}

impl Built {
    fn compiled(self, head: impl FnOnce(ReadOptions, DeclaredBy) -> Head) -> Compilation {
        let Self { declared_by, options, model, replayed } = self;
        let lock = Lock {
            head: head(options, declared_by),
            model: model.unwrap_or(replayed.catalog),
            initial: replayed.initial,
            migrations: replayed.migrations,
        };
        Compilation { lock, replayed: replayed.replayed }
    }
}

/// What runs the migrations.
enum Replaying<'a, 'f> {
    /// The session, from their files. What is refused for the way in which it would be run is told in `refused`.
    Files { migrations: &'a [MigrationScript<'f>], refused: &'a mut Vec<(usize, Failure)> },
    /// The tool that keeps them.
    Tool(&'a mut dyn ToolSteps),
}

impl<'f> Replaying<'_, 'f> {
    fn scripts(&self) -> &[MigrationScript<'f>] {
        match self {
            Self::Files { migrations, .. } => migrations,
            Self::Tool(_) => &[],
        }
    }
}

async fn build(
    project: &CompiledProject<'_>,
    scratch: &mut Scratch,
    replaying: Replaying<'_, '_>,
    progress: &mut dyn FnMut(CompileProgress<'_>),
) -> Result<Built> {
    let CompiledProject { sources, settings, states, footprints, .. } = *project;
    let schema = scripts(&sources.schema)?;
    let declared_by = if schema.is_empty() { DeclaredBy::Migrations } else { DeclaredBy::Schema };
    let mut options = ReadOptions { history: settings.applied.clone(), ..ReadOptions::default() };
    match declared_by {
        DeclaredBy::Schema => schema.iter().for_each(|script| script.declare(&mut options)),
        DeclaredBy::Migrations => {
            let statements = replaying.scripts().iter().flat_map(|script| &script.examined.statements);
            statements.for_each(|examined| declare(&examined.statement, &mut options));
        }
    }
    let declared = schema.iter().flat_map(|script| &script.statements);
    let migrated = replaying.scripts().iter().flat_map(|script| &script.examined.statements);
    let default_privileges =
        DefaultPrivileges::of(declared.chain(migrated.map(|examined| &examined.statement)));
    let mut model = None;
    if declared_by == DeclaredBy::Schema {
        let mut runner = Runner::new(scratch, settings, default_privileges.clone()).await?;
        model = Some(load(&mut runner, &schema, &options, progress).await?);
        runner.finish().await?;
    }
    let mut runner = Runner::new(scratch, settings, default_privileges.clone()).await?;
    let keeping =
        Keeping { directory: states, settings, default_privileges: &default_privileges, footprints };
    let replayed = match replaying {
        Replaying::Tool(tool) => {
            replay_with_tool(&mut runner, tool, &sources.code, keeping, &mut options, progress).await?
        }
        Replaying::Files { migrations, refused } => {
            replay(&mut runner, migrations, keeping, &options, refused, progress).await?
        }
    };
    runner.finish().await?;
    Ok(Built { declared_by, options, model, replayed })
}
