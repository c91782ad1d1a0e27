//! SIGINT, SIGTERM and SIGHUP: the command is dropped where it stands, with everything that it made for itself.
//!
//! Commands that read have nothing to finish, and answer "cannot tell".

use std::future::Future;

use anyhow::Result;
use nix::sys::signal::Signal;
use tokio::signal::unix::{SignalKind, signal};

use crate::error::Failure;
use crate::scratch;

/// The signals, by which somebody asks for an end.
const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// Does the work until it is done or a signal comes.
///
/// # Errors
/// The work's; exit 3 when it was interrupted, with what had to be left on a scratch server that somebody gave.
pub(super) async fn unless_interrupted<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let interrupted = {
        // In a block of its own: dropping the work is what cleans up after it.
        let mut work = std::pin::pin!(work);
        tokio::select! {
            biased;
            outcome = &mut work => return outcome,
            signal = any_signal() => signal?,
        }
    };
    let failure = Failure::cannot_tell(format!("interrupted by {interrupted}"));
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
