//! The tool's command as a child process: what it is given, and what is kept of it.

use std::process::Stdio;
use std::time::Duration;

use anyhow::Result;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, BufReader};
use tokio::process::Command;
use url::Url;

use crate::backup::ProcessGroup;
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::tools::{DIR, Place, SqlTool, URL};
use crate::output;
use crate::postgres::programs::variable;
use crate::project::Settings;
use crate::text::{duration, one_line, without_passwords};
use crate::workflow::write_command::WriteCommand;

/// How often both connections are used while the tool works.
const AWAKE: Duration = Duration::from_secs(20);
/// How long the tool may take to end when it is told to.
const GRACE: Duration = Duration::from_secs(10);
/// The longest line that is passed on, in characters.
const LONGEST: usize = 500;
/// The longest output that is kept, in bytes: the end of it.
const KEPT: usize = 64 * 1024;

/// The tool's command.
pub(super) struct Child<'a> {
    pub(super) settings: &'a Settings,
    pub(super) tool: SqlTool,
    pub(super) command: &'a [String],
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
        let mut child = spawned.map_err(|error| not_started(self.tool, &self.command[0], error))?;
        let group = ProcessGroup::of(&child);
        let (out, err) = (child.stdout.take(), child.stderr.take());
        let quiet = self.settings.output.quiet;
        let (mut said, mut complained) = (String::new(), String::new());
        let working = async {
            tokio::join!(collect(out, quiet, &mut said), collect(err, quiet, &mut complained));
            child.wait().await
        };
        let limit = self.settings.migrations.timeout;
        let mut stop = writing.writer.stop_signal().clone();
        let ended = tokio::select! {
            ended = tokio::time::timeout(limit, working) => {
                ended.map_err(|_| format!("it took longer than {}, and was ended", duration(limit)))
            }
            signal = stop.wait() => Err(format!("trueup was told to stop by {signal}")),
            error = writing.writer.stay_awake(AWAKE) => Err(format!("the connection was lost: {error}")),
        };
        let failure = match ended {
            Ok(status) => {
                group.ended();
                let status = status?;
                (!status.success()).then(|| status.to_string())
            }
            Err(why) => {
                group.end(GRACE).await;
                Some(why)
            }
        };
        let output = without_passwords(&format!("{said}{complained}")).into_owned();
        let from = output.ceil_char_boundary(output.len().saturating_sub(KEPT));
        Ok(Ended { output: output[from..].to_owned(), failure })
    }

    fn prepared(&self, writing: &WriteCommand<'_>) -> Command {
        let url = self.settings.url().unwrap_or_default();
        let password = Url::parse(url).ok().and_then(|url| url.password().map(str::to_owned));
        let dir = self.settings.project.migrations_dir.display().to_string();
        let target = &writing.target;
        let place = Place {
            url,
            host: target.host(),
            port: target.port(),
            database: target.database(),
            role: target.role(),
            password: password.as_deref(),
            dir: &dir,
        };
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).current_dir(&self.settings.project.dir);
        command.env("DATABASE_URL", url).envs(self.tool.variables(&place));
        if let Some(password) = &password {
            command.env("PGPASSWORD", password);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        command
    }
}

/// Passes lines on to standard error, and keeps them.
async fn collect(from: Option<impl AsyncRead + Unpin>, quiet: bool, kept: &mut String) {
    let Some(from) = from else { return };
    let mut lines = BufReader::new(from).split(b'\n');
    while let Ok(Some(line)) = lines.next_segment().await {
        let line = String::from_utf8_lossy(&line).into_owned();
        if !quiet {
            let shown = output::escape(&one_line(&line, LONGEST)).into_owned();
            output::err(&format!("{}\n", without_passwords(&shown)));
        }
        kept.push_str(&line);
        kept.push('\n');
    }
}

/// The command of the settings, else the tool's usual one.
pub(super) fn arguments(settings: &Settings, tool: SqlTool) -> Vec<String> {
    let url = settings.url().and_then(without_password).unwrap_or_default();
    let dir = settings.project.migrations_dir.display().to_string();
    let fill = |word: &str| word.replace(URL, &url).replace(DIR, &dir);
    match settings.migrations.command.as_slice() {
        [] => tool.apply_arguments().iter().map(|word| fill(word)).collect(),
        chosen => chosen.iter().map(|word| fill(word)).collect(),
    }
}

fn without_password(url: &str) -> Option<String> {
    let mut url = Url::parse(url).ok()?;
    url.set_password(None).ok()?;
    Some(url.to_string())
}

/// Whether there is such a program: a path, or a name that PATH finds.
pub(super) fn is_there(settings: &Settings, program: &str) -> bool {
    if program.contains('/') {
        return settings.project.dir.join(program).is_file();
    }
    let path = variable("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|directory| directory.join(program).is_file())
}

pub(super) fn not_started(tool: SqlTool, program: &str, why: impl std::fmt::Display) -> Failure {
    let what = format!("{program} cannot be started: {why}; nothing was changed");
    Failure::new(Exit::Refused, what)
        .code(ErrorCode::TOOL_FAILED)
        .next(format!("install {tool}, or name its command: [migrations] command in trueup.toml"))
}
