//! One process, measured: the time it takes and the most memory it has.
//!
//! The kernel tells the peak memory of all children that a process has waited for together (getrusage(2),
//! RUSAGE_CHILDREN), so each measurement is a process of its own: this program with [`FLAG`] before the command.

use std::ffi::OsString;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use nix::sys::resource::{UsageWho, getrusage};

/// What makes this program measure the command that follows, and print microseconds and kilobytes.
pub(crate) const FLAG: &str = "--measure-one-process";

/// What one process cost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) time: Duration,
    /// Peak resident memory, in kilobytes.
    pub(crate) memory: u64,
}

/// Measures one command, whose output is thrown away and which must succeed.
pub(crate) fn measure(command: &Command) -> Result<Cost> {
    let mut measurer = Command::new(std::env::current_exe()?);
    measurer.arg(FLAG).arg(command.get_program()).args(command.get_args());
    measurer.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let output = measurer.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{command:?}: {}", output.status);
    let text = String::from_utf8(output.stdout)?;
    let (time, memory) = text.trim().split_once(' ').context("two numbers")?;
    Ok(Cost { time: Duration::from_micros(time.parse()?), memory: memory.parse()? })
}

/// The other side of [`measure`].
pub(crate) fn measure_one_process(mut args: impl Iterator<Item = OsString>) -> Result<ExitStatus> {
    let mut command = Command::new(args.next().context("a command")?);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null());
    let begin = Instant::now();
    let status = command.status().with_context(|| format!("{command:?}"))?;
    let time = begin.elapsed();
    println!("{} {}", time.as_micros(), getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss());
    Ok(status)
}

/// Measures two commands so many times, one after the other and again, after each has run once for the caches.
pub(crate) fn pairs(ours: &Command, reference: &Command, rounds: usize) -> Result<[Cost; 2]> {
    measure(ours)?;
    measure(reference)?;
    alternating(rounds, |_| Ok(()), [ours, reference])
}

/// Measures two commands so many times, one after the other and again. Before each one `prepare` is told which it is.
pub(crate) fn alternating(
    rounds: usize,
    mut prepare: impl FnMut(usize) -> Result<()>,
    commands: [&Command; 2],
) -> Result<[Cost; 2]> {
    let mut costs = [Vec::new(), Vec::new()];
    for _ in 0..rounds {
        for (which, command) in commands.into_iter().enumerate() {
            prepare(which)?;
            costs[which].push(measure(command)?);
        }
    }
    Ok(costs.map(|costs| median(&costs)))
}

fn median(costs: &[Cost]) -> Cost {
    fn middle<T: Ord + Copy>(mut values: Vec<T>) -> T {
        values.sort_unstable();
        values[values.len() / 2]
    }
    Cost {
        time: middle(costs.iter().map(|cost| cost.time).collect()),
        memory: middle(costs.iter().map(|cost| cost.memory).collect()),
    }
}
