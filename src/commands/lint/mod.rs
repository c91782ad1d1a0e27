//! `trueup lint`: what migrations do to a live database, from `trueup.lock`, and from sizes where they are known.

pub(super) mod args;
mod report;
mod since;
mod sizes;

use std::collections::BTreeSet;

use anyhow::Result;

use crate::changes::lint::{LintScope, lint};
use crate::error::{Exit, Failure};
use crate::findings::Summary;
use crate::migrations::Migration;
use crate::model::{Lock, Sources};
use crate::project::Settings;
use crate::workflow::deliver::deliver;
use crate::workflow::{comparison, project_model};
use args::LintArgs;
use report::{LintReport, Silenced};

/// Runs the command.
///
/// # Errors
/// Exit 2: the project's files, or a version that is none of theirs. Exit 3: no server to compile in. As [`sizes::find`].
pub(super) async fn run(settings: &Settings, args: &LintArgs) -> Result<Exit> {
    let project = &settings.project;
    let sources = Sources::read_of(&project.dir, &project.migrations_dir, project.tool_source())?;
    let lock = Lock::load(&project.lock_path)?;
    let stale = project_model::stale(settings, lock.as_ref().map(|lock| &lock.head), &sources);
    let lock = match lock.filter(|_| stale.is_empty()) {
        Some(lock) => lock,
        None => project_model::compile(settings, &sources, None).await?.lock,
    };
    let found = sizes::find(settings, &lock, &sources.migrations).await?;
    let pending = found.as_ref().and_then(|found| found.pending.as_ref());
    let scope = scope(settings, args, &lock, &sources.migrations, pending)?;
    let shown = |migration: &Migration| project.display(&migration.path);
    let mut outcome = lint(&lock, &sources.migrations, &scope, shown)?;
    let sized = sizes::apply(settings, &lock, &sources.migrations, found.as_ref(), &mut outcome);
    let fails = outcome.findings.iter().any(|finding| comparison::fails(settings, finding));
    let report = LintReport {
        run: settings.run.clone(),
        exit: if fails { Exit::Findings } else { Exit::Clean },
        server: lock.head.server.to_string(),
        migrations: scope.count(&lock),
        summary: Summary::of(&outcome.findings),
        findings: outcome.findings,
        unmeasured: outcome.unmeasured,
        programs: outcome.programs,
        sizes: found.map(|found| found.source),
        silenced: sized.silenced.into_iter().map(Silenced::from).collect(),
        unknown_sizes: sized.unknown,
    };
    deliver(&settings.output, &report)?;
    Ok(report.exit)
}

/// Which migrations are judged. `pending` are those of a database that was named.
fn scope(
    settings: &Settings,
    args: &LintArgs,
    lock: &Lock,
    files: &[Migration],
    pending: Option<&BTreeSet<i64>>,
) -> Result<LintScope, Failure> {
    if let Some(reference) = &args.since {
        let known = since::files(&settings.project.dir, &settings.project.migrations_dir, reference)?;
        let new = files.iter().filter(|file| file.path.file_name().is_none_or(|name| !known.contains(name)));
        return Ok(LintScope::Run(new.map(|file| file.version).collect()));
    }
    if args.versions.is_empty() {
        return Ok(pending.map_or(LintScope::Each, |pending| LintScope::Run(pending.clone())));
    }
    let version = |text: &String| {
        let named = lock.migrations.iter().find(|migration| {
            text.trim_start_matches(['V', 'v']) == migration.version.to_string()
                || migration.revision.as_ref().is_some_and(|revision| revision.id == *text)
        });
        named.map(|migration| migration.version).ok_or_else(|| {
            Failure::usage(format!("this project has no migration {text}"))
                .next("trueup status lists those that it has")
        })
    };
    Failure::collect(args.versions.iter().map(version))
        .map(|versions| LintScope::Run(versions.into_iter().collect()))
}
