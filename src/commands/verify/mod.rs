//! `trueup verify`: the data checks, in one snapshot that writes nothing; with `--fix`, see [`fix`].

pub(super) mod fix;
mod proposal;

use std::time::Instant;

use anyhow::Result;

use crate::cli::VerifyArgs;
use crate::data::checks;
use crate::error::Exit;
use crate::output::VerifyReport;
use crate::project::Settings;
use crate::snapshot;
use crate::workflow::deliver::deliver;
use crate::workflow::project_model::Needs;
use crate::workflow::{comparison, data_checks, environment_mark};

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract: 2, 3, 4, 75.
pub(super) async fn run(settings: &Settings, args: &VerifyArgs) -> Result<Exit> {
    let all = data_checks::checks(settings, &args.checks)?;
    let target = settings.target()?;
    let application = settings.application();
    let mut session = target.connect(&application).await?;
    let request = comparison::request(settings, Needs::nothing());
    let standing = snapshot::take_status(&mut session, &request, None).await?;
    environment_mark::expect(settings, standing.internal.as_ref(), &standing.identity.database)?;
    let look = data_checks::look(
        settings,
        &target,
        &application,
        data_checks::rows_of_check(settings, args),
        args.jobs,
    );
    let begun = Instant::now();
    let found = checks::look(&mut session, all, look).await?;
    let took = begun.elapsed();
    session.close().await;
    let checks: Vec<_> = found.into_iter().map(data_checks::check_report).collect();
    let mark = standing.internal.as_ref().and_then(|internal| internal.mark.as_ref());
    let report = VerifyReport {
        run: settings.run.clone(),
        exit: data_checks::exit(&checks),
        target: data_checks::target(settings, &target, &standing.identity, mark),
        summary: VerifyReport::summary_of(&checks),
        checks,
        milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        asked: args.checks.clone(),
        stage: None,
        fixes: Vec::new(),
        backup_plan: None,
        backup: None,
        notes: environment_mark::note(settings, &target, mark).into_iter().collect(),
        refused: None,
    };
    deliver(&settings.output, |format, style| report.render(format, style))?;
    Ok(report.exit)
}
