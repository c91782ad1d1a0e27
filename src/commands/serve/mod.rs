//! `trueup serve`: probes, metrics and a page over HTTP, from what is read of the database every few seconds. It writes nothing.

pub(super) mod args;

use anyhow::Result;
use args::ServeArgs;

use crate::error::{Exit, Failure};
use crate::output::{self, Format};
use crate::project::{OutputSettings, Settings};
use crate::workflow::monitoring::{Observer, http};
use crate::writer::StopSignal;

/// Serves until a signal comes.
///
/// # Errors
/// Exit 2: usage or project files, or an address that cannot be listened on. Exit 4: not the database of the environment.
/// Exit 75: somebody else listens there.
pub(super) async fn run(settings: &Settings, args: &ServeArgs, mut stop: StopSignal) -> Result<Exit> {
    refuse_reports(&settings.output)?;
    args.check()?;
    let mut observer = Observer::new(settings, args.pace())?;
    let listener = http::listen(args.listen).await?;
    if !settings.output.quiet {
        let address = listener.local_addr()?;
        let open =
            if address.ip().is_loopback() { "" } else { ": anyone who can reach this address gets answers" };
        output::err(&format!("listening on http://{address}{open}\n"));
    }
    let serving = tokio::spawn(http::serve(listener, observer.shared()));
    tokio::select! {
        biased;
        _ = stop.wait() => {}
        () = observer.run() => {}
    }
    serving.abort();
    observer.close().await;
    Ok(Exit::Clean)
}

/// There is no end at which a report could be written.
fn refuse_reports(output: &OutputSettings) -> Result<(), Failure> {
    if output.format == Format::Human && output.files.is_empty() {
        return Ok(());
    }
    Err(Failure::usage("`trueup serve` writes no report: it answers over HTTP").next(
        "leave --format and --output out; for files: trueup check --format prometheus --output FILE.prom",
    ))
}
