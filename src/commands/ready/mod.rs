//! `trueup ready`: whether the database has the schema that this version of the application needs. It writes nothing.

pub(super) mod args;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use args::ReadyArgs;
use tokio::time::Instant;

use crate::error::{ErrorCode, Exit, Failure, code_of, exit_of, with_failure};
use crate::output;
use crate::postgres::connection::Target;
use crate::project::Settings;
use crate::text::{duration, joined_lines};
use crate::workflow::deliver::deliver;
use crate::workflow::readiness::{self, ImageMigrations, ReadyReport};

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract: 2, 3, 4, 75.
pub(super) async fn run(settings: &Settings, args: &ReadyArgs) -> Result<Exit> {
    let target = settings.target()?;
    let of = settings.clone();
    // The files are read while the server answers.
    let image = tokio::task::spawn_blocking(move || ImageMigrations::read(&of).map(Arc::new));
    let image = async { Ok(image.await??) };
    let report = match args.wait {
        None => look(settings, &target, image).await?,
        Some(wait) => waited(settings, &target, &image.await?, wait, args.interval).await?,
    };
    deliver(&settings.output, &report)?;
    Ok(report.exit)
}

/// Looks once.
async fn look(
    settings: &Settings,
    target: &Target,
    image: impl Future<Output = Result<Arc<ImageMigrations>>>,
) -> Result<ReadyReport> {
    let mut session = target.connect(&settings.application()).await?;
    let image = image.await?;
    let report = readiness::look(settings, target, &mut session, &image).await;
    session.close().await;
    report
}

/// Looks until it is ready, or until nothing changes that by itself any more, or the time is over.
async fn waited(
    settings: &Settings,
    target: &Target,
    image: &Arc<ImageMigrations>,
    wait: Duration,
    interval: Duration,
) -> Result<ReadyReport> {
    let deadline = Instant::now() + wait;
    let mut said = String::new();
    loop {
        let left = deadline.saturating_duration_since(Instant::now()).max(Duration::from_millis(100));
        let outcome = look(settings, &target.within(left), async { Ok(Arc::clone(image)) }).await;
        let reason = match &outcome {
            Ok(report) if report.readiness.ready || report.readiness.is_hopeless() => return outcome,
            Ok(report) => report.readiness.sentence(),
            Err(error) if is_final(exit_of(error)) => return outcome,
            Err(error) => joined_lines(&error.to_string()),
        };
        if reason != said && !settings.output.quiet {
            output::err(&format!("waiting: {}\n", output::escape(&reason)));
        }
        said = reason;
        if Instant::now() >= deadline {
            return in_vain(outcome, wait);
        }
        tokio::time::sleep_until(deadline.min(Instant::now() + interval)).await;
    }
}

/// Whether a failure stays what it is, however long one waits.
fn is_final(exit: Exit) -> bool {
    !matches!(exit, Exit::CannotTell | Exit::Busy)
}

/// The outcome when the time is over: exit 75 where the same command may succeed later without anybody correcting anything.
fn in_vain(outcome: Result<ReadyReport>, wait: Duration) -> Result<ReadyReport> {
    let waited = duration(wait);
    match outcome {
        Ok(report) => Ok(ReadyReport { exit: Exit::Busy, waited: Some(waited), ..report }),
        Err(error) => {
            let exit = if is_absent(code_of(&error)) { Exit::Busy } else { exit_of(&error) };
            Err(with_failure(error, |failure| Failure {
                exit,
                code: Some(failure.error_code()),
                what: format!("not ready after {waited}: {}", failure.what),
                ..failure
            }))
        }
    }
}

/// Whether the database is merely not there yet. A password that is wrong stays wrong.
fn is_absent(code: ErrorCode) -> bool {
    [
        ErrorCode::CONNECTION_REFUSED,
        ErrorCode::CONNECTION_TIMEOUT,
        ErrorCode::CONNECTION_UNREACHABLE,
        ErrorCode::CONNECTION_NO_SUCH_DATABASE,
        ErrorCode::CONNECTION_LIMIT,
        ErrorCode::CONNECTION_LOST,
        ErrorCode::SERVER_NOT_READY,
        ErrorCode::SERVER_OUT_OF_RESOURCES,
    ]
    .contains(&code)
}
