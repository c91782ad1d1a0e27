//! SIGINT, SIGTERM and SIGHUP: the command is dropped where it stands, with everything that it made for itself.
//!
//! Commands that read have nothing to finish, and answer "cannot tell". Commands that write see the signal themselves,
//! and have a while to roll back or finish what they have begun.

use std::future::Future;
use std::time::Duration;

use anyhow::Result;
use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::scratch;
use crate::writer::Stop;

/// The signals, by which somebody asks for an end.
const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// How long a command that writes may take to roll back or finish what it has begun.
const BOUND: Duration = Duration::from_secs(20);

/// A view of the signals for a command that writes.
pub(crate) fn stop() -> Stop {
    let (ask, stop) = Stop::channel();
    tokio::spawn(async move {
        if let Ok(signal) = any_signal().await {
            let _ = ask.send(Some(signal.as_str()));
        }
        // Whoever looks later sees it, too.
        ask.closed().await;
    });
    stop
}

/// Does work that sees the signals itself, and rolls back or finishes what it has begun.
///
/// # Errors
/// The work's; exit 6 when it did not end within a bound after a signal.
pub(crate) async fn winding_down<T>(mut stop: Stop, work: impl Future<Output = Result<T>>) -> Result<T> {
    let bound = async {
        let signal = stop.wait().await;
        tokio::time::sleep(BOUND).await;
        signal
    };
    tokio::select! {
        biased;
        outcome = work => outcome,
        signal = bound => Err(Failure::new(
            Exit::Partial,
            format!(
                "interrupted by {signal}: what was begun did not end within {} s; the server rolls it back when it \
                 notices that nobody is there",
                BOUND.as_secs()
            ),
        )
        .code(ErrorCode::RUN_INTERRUPTED)
        .next("trueup status; the same command goes on where it was")
        .into()),
    }
}

/// Does the work until it is done or a signal comes.
///
/// # Errors
/// The work's; exit 3 when it was interrupted, with what had to be left on a scratch server that somebody gave.
pub(crate) async fn unless_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let interrupted = {
        // In a block of its own: dropping the work is what cleans up after it.
        let mut work = std::pin::pin!(work);
        tokio::select! {
            biased;
            outcome = &mut work => return outcome,
            signal = async {
                // The work greets a server before: that takes its time to answer.
                tokio::task::yield_now().await;
                any_signal().await
            } => signal?,
        }
    };
    let failure =
        Failure::cannot_tell(format!("interrupted by {interrupted}")).code(ErrorCode::RUN_INTERRUPTED);
    let left = scratch::left_behind();
    Err(match left.as_slice() {
        [] => failure.next("nothing was left behind: run the same command again"),
        left => failure.next(format!(
            "the scratch server keeps what could not be removed; run there: {};",
            left.join("; ")
        )),
    }
    .into())
}

async fn any_signal() -> Result<Signal> {
    let ignored = ignored();
    let (heard, mut hears) = tokio::sync::mpsc::channel(SIGNALS.len());
    for each in SIGNALS {
        if ignored & (1 << (each as u32 - 1)) != 0 {
            continue;
        }
        let mut arrives = signal(SignalKind::from_raw(each as i32))?;
        let heard = heard.clone();
        tokio::spawn(async move {
            if arrives.recv().await.is_some() {
                // Nobody listens when the work was done first.
                let _ = heard.send(each).await;
            }
        });
    }
    match hears.recv().await {
        Some(signal) => Ok(signal),
        // All are ignored.
        None => std::future::pending().await,
    }
}

/// The mask of signals that whoever started this process wants it to ignore: `nohup` SIGHUP, a shell SIGINT for what
/// runs in the background. Where there is no /proc, none.
fn ignored() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}
