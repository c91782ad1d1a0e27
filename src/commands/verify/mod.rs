//! `trueup verify`: runs the data checks in one read-only snapshot. With `--fix`, see [`fix`].

pub(super) mod args;
pub(super) mod fix;
mod proposal;
mod report;

use std::time::Instant;

use anyhow::Result;

use crate::data::checks;
use crate::error::Exit;
use crate::project::Settings;
use crate::snapshot::{self, StatusDetail};
use crate::workflow::deliver::deliver;
use crate::workflow::project_model::Needs;
use crate::workflow::reports::data_check;
use crate::workflow::reports::target::TargetReport;
use crate::workflow::{comparison, data_checks, environment_mark};
use args::VerifyArgs;
use report::VerifyReport;

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract: 2, 3, 4, 75.
pub(super) async fn run(settings: &Settings, args: &VerifyArgs) -> Result<Exit> {
    let checks = data_checks::checks(settings, &args.checks)?;
    let target = settings.target()?;
    let application = settings.application();
    let mut session = target.connect(&application).await?;
    let request = comparison::request(settings, Needs::nothing());
    let status = snapshot::take_status(&mut session, &request, StatusDetail::Brief).await?;
    environment_mark::expect(settings, status.mark(), &status.identity.database)?;
    let sample = rows_of_check(settings, args);
    let options = data_checks::options(settings, &target, &application, sample, args.jobs);
    let begun = Instant::now();
    let results = checks::run(&mut session, checks, options).await?;
    let took = begun.elapsed();
    session.close().await;
    let checks: Vec<_> = results.into_iter().map(data_check::data_check_report).collect();
    let mark = status.mark();
    let findings = data_check::findings(&checks);
    let report = VerifyReport {
        run: settings.run.clone(),
        exit: report::exit(&checks),
        role_setting: settings.role_setting(),
        target: TargetReport::new(settings, &target, &status.identity, mark),
        summary: data_check::summary(&findings),
        findings,
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
    deliver(&settings.output, &report)?;
    Ok(report.exit)
}

/// How many rows of a fix are shown where `--sample` is not given.
const SAMPLE: usize = 5;

/// How many rows of a check are shown. Without `--sample` they are shown only at a terminal, because rows may hold personal
/// data, which must not get into the log of a pipeline.
pub(super) fn rows_of_check(settings: &Settings, args: &VerifyArgs) -> usize {
    args.sample.unwrap_or(if settings.output.terminal { SAMPLE } else { 0 })
}

/// How many rows of a fix are shown.
pub(super) fn rows_of_fix(args: &VerifyArgs) -> usize {
    args.sample.unwrap_or(SAMPLE)
}
