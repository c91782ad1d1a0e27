//! The tool's command as a child process: it is stopped when it takes too long, and the end of its output is kept.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Result;
use futures_util::FutureExt as _;
use tokio::process::{self, Command};

use super::place;
use crate::backup::ProcessGroup;
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::tools::MigrationTool;
use crate::project::Settings;
use crate::text::{duration, one_line};
use crate::workflow::child_process::{ChildOutput, DRAIN, until_end};
use crate::workflow::write_command::WriteCommand;

/// How long the tool may take to end when it is told to.
const GRACE: Duration = Duration::from_secs(10);
/// The longest line that says why a tool failed, in characters.
const IN_SHORT: usize = 200;

/// The tool's command.
pub(super) struct Child<'a> {
    pub(super) settings: &'a Settings,
    pub(super) tool: MigrationTool,
    pub(super) command: &'a [String],
    /// The setting that names another one.
    pub(super) setting: &'static str,
}

/// How it ended.
pub(super) struct Ended {
    pub(super) output: String,
    /// Why it did not do its work.
    pub(super) failure: Option<String>,
}

impl Child<'_> {
    /// Runs it to its end, until it takes too long, or until trueup is told to stop. What it prints is passed on.
    ///
    /// # Errors
    /// Exit 4: it cannot be started.
    pub(super) async fn run(&self, writing: &mut WriteCommand<'_>) -> Result<Ended> {
        let spawned = self.prepared(writing).spawn();
        let mut child =
            spawned.map_err(|error| not_started(self.tool, self.setting, &self.command[0], error))?;
        let group = ProcessGroup::of(&child);
        let said = ChildOutput::new(!self.settings.output.quiet);
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let reading = async { tokio::join!(said.read(stdout), said.read(stderr)) };
        let failure = self.watched(&mut child, group, reading, writing).await?;
        Ok(Ended { output: said.end(), failure })
    }

    /// Waits for the end of the process, not for that of its output.
    async fn watched(
        &self,
        child: &mut process::Child,
        group: ProcessGroup,
        reading: impl Future,
        writing: &mut WriteCommand<'_>,
    ) -> Result<Option<String>> {
        let limit = self.settings.migrations.timeout;
        let mut stop = writing.writer.stop_signal().clone();
        // It may end before the process does, and is asked again then.
        let mut reading = std::pin::pin!(reading.fuse());
        let ended = tokio::select! {
            // What has ended by itself is not stopped.
            biased;
            ended = until_end(child, reading.as_mut()) => Ok(ended?),
            signal = stop.wait() => Err(format!("trueup was told to stop by {signal}")),
            error = writing.writer.lost() => Err(format!("the connection was lost: {error}")),
            () = tokio::time::sleep(limit) => {
                Err(format!("it took longer than {}, and was ended", duration(limit)))
            }
        };
        Ok(match ended {
            Ok(status) => {
                group.ended();
                (!status.success()).then(|| status.to_string())
            }
            Err(why) => {
                let ending = group.end(child, GRACE);
                let _ = tokio::join!(ending, tokio::time::timeout(DRAIN, reading));
                Some(why)
            }
        })
    }

    fn prepared(&self, writing: &WriteCommand<'_>) -> Command {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).current_dir(place::working_directory(self.settings));
        let url = self.settings.url().unwrap_or_default();
        command.envs(place::variables(self.settings, self.tool, url, &writing.target));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        command
    }
}

/// The end of what the tool has said, under the message.
pub(super) fn last_lines(output: &str) -> String {
    let last: Vec<&str> = said(output).rev().take(10).collect();
    last.into_iter().rev().map(|line| format!("\n  {line}")).collect()
}

/// The lines with words. Python underlines parts of a line; Ruby and Java write the calls that led to an error below it.
fn said(output: &str) -> impl DoubleEndedIterator<Item = &str> {
    output.lines().filter(|line| {
        let text = line.trim().trim_matches(['^', '~']);
        let is_call = line.starts_with('\t') && (text.starts_with("from ") || text.starts_with("at "));
        !text.is_empty() && !is_call
    })
}

/// Why a tool does not revert a migration, in one line of what it printed: the last one that says so, else the last one that
/// names an error.
pub(super) fn in_short(output: &str) -> Option<String> {
    const REASONS: [&[&str]; 4] = [
        &["rreversible", "not automatically reversible", "mpossible"],
        &["rror: ", "xception: "],
        &["rror", "xception"],
        &[""],
    ];
    let has = |line: &str, words: &[&str]| words.iter().any(|word| line.contains(word));
    let line = REASONS.iter().find_map(|words| said(output).rfind(|line| has(line, words)));
    line.map(|line| one_line(line, IN_SHORT))
}

/// `setting` is the one that names another command, where the tool's migrations are files of SQL.
pub(super) fn not_started(
    tool: MigrationTool,
    setting: &str,
    program: &str,
    why: impl std::fmt::Display,
) -> Failure {
    let what = format!("{program} cannot be started: {why}; nothing was changed");
    let setting = tool.code().map_or(setting, |code| code.setting);
    Failure::new(Exit::Refused, what)
        .code(ErrorCode::TOOL_FAILED)
        .next(format!("install {tool}, or say how it is called: [migrations] {setting} in trueup.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_says_why_nothing_is_reverted() {
        for (output, expected) in [
            (
                "Traceback\n    raise IrreversibleError(\ndjango.db.migrations.exceptions.IrreversibleError: x is not reversible\n",
                "django.db.migrations.exceptions.IrreversibleError: x is not reversible",
            ),
            (
                "a.rb:1:in `x': An error has occurred (StandardError)\n\nThis uses execute, which is not automatically reversible.\n\
                 1. Define #up and #down.\n\tfrom b.rb:2\nc.rb:3:in `require': cannot load such file (LoadError)\n",
                "This uses execute, which is not automatically reversible.",
            ),
            (
                "sqlalchemy.exc.ProgrammingError: (psycopg) no table\n[SQL: DROP]\n(Background on this error at: https://x)\n",
                "sqlalchemy.exc.ProgrammingError: (psycopg) no table",
            ),
            (
                "Unexpected error running Liquibase: no rollback\n\nFor more information, please use a flag\n",
                "Unexpected error running Liquibase: no rollback",
            ),
            ("reverting\nit cannot be\n", "it cannot be"),
        ] {
            assert_eq!(in_short(output).as_deref(), Some(expected));
        }
        assert_eq!(in_short("\n"), None);
    }
}
