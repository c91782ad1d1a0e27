//! `trueup lint`: what migrations do to a live database, from `trueup.lock`, and from sizes where they are known.

pub(super) mod args;
mod choice;
mod fix;
mod fixed;
mod locks;
mod report;
mod since;
mod sizes;
mod statements;

use anyhow::Result;

use crate::changes::lint::lint;
use crate::error::Exit;
use crate::findings::Summary;
use crate::migrations::Migration;
use crate::model::{Lock, Sources};
use crate::project::Settings;
use crate::workflow::deliver::deliver;
use crate::workflow::lint::levels;
use crate::workflow::{comparison, project_model};
use args::LintArgs;
use choice::choose;
use locks::ReportedLock;
use report::{LintFindings, LintReport, Silenced};

/// Runs the command.
///
/// # Errors
/// Exit 2: the project's files, or a version that is none of theirs. Exit 3: no server to compile in. Exit 4: --fix is not
/// confirmed or not proved. As [`sizes::find`].
pub(super) async fn run(settings: &Settings, args: &LintArgs) -> Result<Exit> {
    let project = &settings.project;
    let levels = levels(settings)?;
    let sources = Sources::read_of(&project.dir, &project.migrations_dir, project.tool_source())?;
    let lock = Lock::load(&project.lock_path)?;
    let stale = project_model::stale(settings, lock.as_ref().map(|lock| &lock.head), &sources);
    let lock = match lock.filter(|_| stale.is_empty()) {
        Some(lock) => lock,
        None => project_model::compile(settings, &sources, None).await?.lock,
    };
    let found = sizes::find(settings, &lock, &sources.migrations).await?;
    let pending = found.as_ref().and_then(|found| found.pending.as_ref());
    let choice = choose(settings, args, &lock, &sources.migrations, pending)?;
    let shown = |migration: &Migration| project.display(&migration.path);
    let mut outcome = lint(&lock, &sources.migrations, &choice.scope, |_| true, shown)?;
    let sized = sizes::apply(settings, &lock, &sources.migrations, found.as_ref(), &mut outcome);
    outcome.set_levels(&levels);
    if args.fix {
        let asked =
            fix::AskedFix { yes: args.yes, lock: &lock, choice: &choice, findings: &outcome.findings };
        return fix::run(settings, &sources, &asked).await;
    }
    let statements = statements::of(&outcome.findings, &lock, &sources.migrations, shown);
    let fails = outcome.findings.iter().any(|finding| comparison::fails(settings, finding));
    let report = LintReport {
        run: settings.run.clone(),
        exit: if fails { Exit::Findings } else { Exit::Clean },
        server: lock.head.server.to_string(),
        migrations: choice.scope.count(&lock),
        why: choice.why,
        since: choice.since,
        summary: Summary::of(&outcome.findings),
        findings: LintFindings { findings: outcome.findings, statements },
        locks: outcome.brief_locks.into_iter().map(ReportedLock::from).collect(),
        unmeasured: outcome.unmeasured,
        programs: outcome.programs,
        sizes: found.map(|found| found.source),
        silenced: sized.silenced.into_iter().map(Silenced::from).collect(),
        unknown_sizes: sized.unknown,
    };
    deliver(&settings.output, &report)?;
    Ok(report.exit)
}
