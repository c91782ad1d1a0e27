//! `commands`: the project's own commands, run without a shell. Their exit code counts; the end of what they print is shown
//! without secrets.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use tokio::process::Command;

use super::super::facts::GateFacts;
use super::super::section::{GateSection, Judge, Judgement, Judging, finding};
use crate::backup::ProcessGroup;
use crate::postgres::connection::Target;
use crate::project::{GateCommand, GateLevel, KnownSecrets, SectionName};
use crate::text::{duration, one_line, plural};
use crate::workflow::child_process::{ChildOutput, DRAIN, until_end};

pub(in super::super) const SECTION: GateSection = GateSection {
    name: SectionName::Commands,
    level: GateLevel::Block,
    help: "The project's own commands succeed: name, command = [\"curl\", \"--fail\", \"https://...\"] and timeout below \
           [[gate.command]]. They run at the same time in the directory of the project, without a shell, and must change nothing. \
           Another exit code than 0 stops the deploy, and so does a command that is not done within its timeout (10s). It is \
           killed then, with the processes that it has started. What cannot be started, or did not end before the deadline of \
           the gate, is no answer.",
    judge: Judge::Elsewhere(judge),
};

/// How long a command may take to end when it is told to.
const GRACE: Duration = Duration::from_millis(500);
/// How much earlier than the gate's own deadline a command is ended, so that this can still be said.
const MARGIN: Duration = Duration::from_secs(2);
/// How many lines of output are shown, and how much of each, in characters.
const LINES: usize = 10;
const LONGEST: usize = 200;

fn judge<'a>(facts: &'a GateFacts<'_>) -> Judging<'a> {
    Box::pin(async move {
        let commands = &facts.settings.gate.around.commands;
        if commands.is_empty() {
            return Ok(Judgement::off("trueup.toml has no [[gate.command]]"));
        }
        let deadline = facts.deadline.remaining().saturating_sub(MARGIN);
        // The password may have come from a file.
        let secrets = facts.settings.secrets.and(facts.target.as_ref().ok().and_then(Target::password));
        let project = &facts.settings.project.dir;
        Ok(told(join_all(commands.iter().map(|command| run(project, &secrets, command, deadline))).await))
    })
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Succeeded,
    /// With another exit code, or by a signal.
    Failed,
    /// It took longer than its own limit.
    TimedOut,
    /// It took longer than the gate has.
    Missed,
    NotStarted,
}

/// A command that was run.
struct RanCommand<'c> {
    command: &'c GateCommand,
    end: End,
    /// How it ended, in words: `exit code 22 after 120 ms`.
    how: String,
    /// The last lines of what it printed, without secrets.
    printed: Vec<String>,
}

async fn run<'c>(
    project: &Path,
    secrets: &KnownSecrets,
    command: &'c GateCommand,
    deadline: Duration,
) -> RanCommand<'c> {
    let begun = Instant::now();
    let mut process = Command::new(&command.command[0]);
    process.args(&command.command[1..]).current_dir(project);
    process.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let mut child = match process.spawn() {
        Ok(child) => child,
        Err(error) => {
            let how = format!("{} cannot be started: {error}", command.command[0]);
            return RanCommand { command, end: End::NotStarted, how, printed: Vec::new() };
        }
    };
    // Dropped, for whatever reason, it kills what is left.
    let group = ProcessGroup::of(&child);
    let said = ChildOutput::new(false);
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let ended = {
        let reading = async { tokio::join!(said.read(stdout), said.read(stderr)) };
        let mut reading = std::pin::pin!(reading.fuse());
        let limit = command.timeout.min(deadline);
        let ended = tokio::time::timeout(limit, until_end(&mut child, reading.as_mut())).await;
        if ended.is_err() {
            group.end(&mut child, GRACE).await;
            let _ = tokio::time::timeout(DRAIN, reading).await;
        }
        ended
    };
    let time = duration(begun.elapsed());
    let (end, how) = match ended {
        Ok(Ok(status)) if status.success() => (End::Succeeded, format!("exit code 0 after {time}")),
        Ok(Ok(status)) => {
            let how = status.code().map_or_else(|| status.to_string(), |code| format!("exit code {code}"));
            (End::Failed, format!("{how} after {time}"))
        }
        Ok(Err(error)) => (End::NotStarted, error.to_string()),
        Err(_) if command.timeout <= deadline => {
            (End::TimedOut, format!("not done within {}, and ended", duration(command.timeout)))
        }
        Err(_) => (End::Missed, "not done within the gate's deadline, and ended".to_owned()),
    };
    RanCommand { command, end, how, printed: last_lines(&secrets.redact(&said.end())) }
}

fn last_lines(output: &str) -> Vec<String> {
    let lines: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(LINES)..].iter().map(|line| one_line(line, LONGEST)).collect()
}

fn told(ran: Vec<RanCommand<'_>>) -> Judgement {
    let (mut findings, mut words, mut unknown, mut lines) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for RanCommand { command, end, how, printed } in &ran {
        let what = format!("{}: {how}", command.name);
        lines.push(what.clone());
        let code = match end {
            End::Succeeded => continue,
            End::Failed => Some("failed"),
            End::TimedOut => Some("timeout"),
            End::Missed | End::NotStarted => None,
        };
        lines.extend(printed.iter().map(|line| format!("  {line}")));
        match code {
            Some(code) => {
                let next = format!("run it by itself: {}", shown(&command.command));
                findings.push(finding(SectionName::Commands, code, &command.name, how, &next));
                words.push(what);
            }
            None => unknown.push(what),
        }
    }
    let judgement = if findings.is_empty() {
        Judgement::ready(format!("{} succeeded", plural(ran.len(), "command")))
    } else {
        Judgement::of_findings(findings, words.join("; "))
    };
    let judgement = judgement.lines(lines);
    if unknown.is_empty() { judgement } else { judgement.incomplete(unknown.join("; ")) }
}

/// A command as it can be pasted into a shell.
fn shown(words: &[String]) -> String {
    shlex::try_join(words.iter().map(String::as_str)).unwrap_or_else(|_| words.join(" "))
}
