//! SIGINT, SIGTERM and SIGHUP.
//!
//! A signal ends a command that only reads at once: its future is dropped, which removes what it made for itself, its running
//! statements are cancelled, and the command ends with "cannot tell" (3). A command that writes receives the signal and has 20 seconds to roll back or finish
//! the step that it has begun.

use std::future::Future;
use std::time::Duration;

use anyhow::Result;
use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::Receiver;

use crate::error::{ErrorCode, Exit, Failure, with_failure};
use crate::postgres::connection::{self, EndedStatements};
use crate::postgres::scratch;
use crate::writer::{StopSignal, interrupted};

/// The signals that ask a command to end.
const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// How long a command that writes may take to roll back or finish the step that it has begun.
const BOUND: Duration = Duration::from_secs(20);

/// Listens for the signals on behalf of a command that writes.
pub(crate) fn stop() -> StopSignal {
    let (ask, stop) = StopSignal::channel();
    // From here on no signal ends the process.
    let heard = listen();
    tokio::spawn(async move {
        if let Ok(heard) = heard {
            let _ = ask.send(Some(first(heard).await.as_str()));
        }
        // The value stays readable for those who look at it later.
        ask.closed().await;
    });
    stop
}

/// Runs work that receives the signals itself, and bounds how long it may take after one.
///
/// # Errors
/// Those of the work; exit 6 when it did not end within the bound.
pub(crate) async fn winding_down<T>(
    mut stop: StopSignal,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    let asked = stop.clone();
    let bound = async {
        let signal = stop.wait().await;
        tokio::time::sleep(BOUND).await;
        signal
    };
    let outcome = tokio::select! {
        biased;
        outcome = work => outcome,
        signal = bound => Err(Failure::new(
            Exit::Partial,
            format!(
                "interrupted by {signal}: the step in work did not end within {} s; the server rolls it back when it \
                 notices that the connection is gone",
                BOUND.as_secs()
            ),
        )
        .code(ErrorCode::RUN_INTERRUPTED)
        .next("trueup status; then run the same command to continue")
        .into()),
    };
    if asked.asked().is_none() {
        return outcome;
    }
    // A statement that nobody waits for any more is cancelled.
    match (outcome, still_running(&connection::end_abandoned().await)) {
        (Err(error), Some(running)) => Err(with_failure(error, |failure| Failure {
            next: format!("{}\n{running}", failure.next),
            ..failure
        })),
        (outcome, _) => outcome,
    }
}

/// Runs work until it is done or a signal comes.
///
/// # Errors
/// Those of the work; exit 3 when it was interrupted, with the statements that remove what it had to leave on a given
/// scratch server.
pub(crate) async fn unless_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let interrupted = {
        // The block drops the work, which cleans up after it.
        let mut work = std::pin::pin!(work);
        tokio::select! {
            biased;
            outcome = &mut work => return outcome,
            signal = async {
                // The work first sends its request to a server, which takes a while to answer.
                tokio::task::yield_now().await;
                any_signal().await
            } => signal?,
        }
    };
    let statements = connection::end_abandoned().await;
    let failure =
        Failure::cannot_tell(format!("interrupted by {interrupted}")).code(ErrorCode::RUN_INTERRUPTED);
    let left = scratch::left_behind();
    Err(match (left.as_slice(), still_running(&statements)) {
        ([], None) if statements.ended > 0 => failure.next(
            "the running statement was cancelled, and nothing was left behind: run the same command again",
        ),
        ([], None) => failure.next("nothing was left behind: run the same command again"),
        ([], Some(running)) => failure.next(running),
        (left, running) => {
            let scratch = format!(
                "the scratch server keeps what could not be removed; run there: {};",
                left.join("; ")
            );
            failure.next([Some(scratch), running].into_iter().flatten().collect::<Vec<_>>().join("\n"))
        }
    }
    .into())
}

/// Runs the part of a command that only reads, until a signal comes.
///
/// # Errors
/// Those of the work; exit 4 when a signal came first.
pub(crate) async fn until_stopped<T>(
    mut stop: StopSignal,
    work: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        biased;
        outcome = work => outcome,
        signal = stop.wait() => Err(interrupted(signal).into()),
    }
}

/// What is said about statements that could not be cancelled.
fn still_running(statements: &EndedStatements) -> Option<String> {
    let processes: Vec<String> = statements.running.iter().map(ToString::to_string).collect();
    if processes.is_empty() {
        return (statements.unknown > 0).then(|| {
            "a statement may still run on the server: it ends when the server notices the closed connection (on Linux \
             within a second). Run the same command again"
                .to_owned()
        });
    }
    let ends: Vec<String> = processes.iter().map(|pid| format!("pg_terminate_backend({pid})")).collect();
    Some(format!(
        "these statements may still run on the server: backend {}. They end when the server notices the closed connection. \
         To end them now: SELECT {};",
        processes.join(", "),
        ends.join(", ")
    ))
}

async fn any_signal() -> Result<Signal> {
    Ok(first(listen()?).await)
}

/// Begins to listen for the signals that this process does not ignore.
fn listen() -> Result<Receiver<Signal>> {
    let ignored = ignored();
    let (heard, hears) = tokio::sync::mpsc::channel(SIGNALS.len());
    for each in SIGNALS {
        if ignored & (1 << (each as u32 - 1)) != 0 {
            continue;
        }
        let mut arrives = signal(SignalKind::from_raw(each as i32))?;
        let heard = heard.clone();
        tokio::spawn(async move {
            if arrives.recv().await.is_some() {
                // The receiver is gone when the work was done first.
                let _ = heard.send(each).await;
            }
        });
    }
    Ok(hears)
}

/// The first signal that comes.
async fn first(mut heard: Receiver<Signal>) -> Signal {
    match heard.recv().await {
        Some(signal) => signal,
        // All signals are ignored.
        None => std::future::pending().await,
    }
}

/// The mask of signals that this process was started to ignore: `nohup` does that with SIGHUP, a shell with SIGINT for what
/// runs in the background. It is empty where there is no /proc.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
