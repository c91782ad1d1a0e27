//! `trueup compile`: computes `trueup.lock`, or says whether it is up to date.

pub(super) mod args;
mod report;

use anyhow::Result;
use report::{CompileReport, Compiled};

use crate::error::Exit;
use crate::migrations::Migration;
use crate::model::{self, Lock, Sources};
use crate::project::Settings;
use crate::workflow::deliver::deliver;
use crate::workflow::project_model;
use args::CompileArgs;

/// Runs the command.
///
/// # Errors
/// Exit 2: the project's files. Exit 3: no server to compile in. `--check` answers 1 when the lock is stale.
pub(super) async fn run(settings: &Settings, args: &CompileArgs) -> Result<Exit> {
    let project = &settings.project;
    let sources = Sources::read_of(&project.dir, &project.migrations_dir, project.tool_source())?;
    let outcome = if args.check {
        let lock = Lock::load(&project.lock_path)?;
        let mut stale = project_model::stale(settings, lock.as_ref().map(|lock| &lock.head), &sources);
        if stale.is_empty() {
            stale = down_scripts(settings, lock.as_ref(), &sources);
        }
        Compiled::Checked { stale }
    } else {
        let states = if args.no_cache { None } else { project_model::states_directory() };
        let model::Compilation { lock, replayed } =
            project_model::compile(settings, &sources, states.as_deref()).await?;
        let notes = sources.notes(&project.dir).into_iter().chain(lock.notes()).collect();
        let written = report_of(&lock, replayed, notes);
        lock.save(&project.lock_path)?;
        written
    };
    let exit = if matches!(&outcome, Compiled::Checked { stale } if !stale.is_empty()) {
        Exit::Findings
    } else {
        Exit::Clean
    };
    let file = project.display(&project.lock_path);
    let report = CompileReport { run: settings.run.clone(), exit, file, outcome };
    deliver(&settings.output, &report)?;
    Ok(exit)
}

/// The down scripts that were changed since: what they do is kept in the lock file, too. Nothing else needs that to be
/// up to date.
fn down_scripts(settings: &Settings, lock: Option<&Lock>, sources: &Sources) -> Vec<String> {
    let changed = lock.map(|lock| lock.changed_down_scripts(&sources.migrations)).unwrap_or_default();
    let file = settings.project.display(&settings.project.lock_path);
    let reason = |migration: &Migration| {
        format!("{file} is stale: the down script of {} was changed, added or removed", migration.id())
    };
    changed.into_iter().map(reason).collect()
}

fn report_of(lock: &Lock, replayed: usize, notes: Vec<String>) -> Compiled {
    Compiled::Written {
        notes,
        objects: lock.model.objects.len(),
        migrations: lock.migrations.len(),
        replayed,
        server: lock.head.server.to_string(),
        unmodeled: lock
            .model
            .unmodeled
            .iter()
            .map(|other| format!("{} {}", other.kind, other.object))
            .collect(),
    }
}
