//! Runs the program of a tool in a throwaway database: to list its revisions, and to apply one.

use std::fs::Metadata;
use std::process::Stdio;

use anyhow::Result;
use futures_util::FutureExt as _;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;

use super::child::{in_short, last_lines, not_started};
use super::place;
use crate::backup::ProcessGroup;
use crate::error::{ErrorCode, Failure};
use crate::migrations::tools::{CodeTool, ListedRevision, MigrationTool};
use crate::model::{Running, StepOutcome, ToolSteps};
use crate::postgres::connection::Target;
use crate::project::{MigrationSettings, Settings};
use crate::text::{duration, without_passwords};
use crate::workflow::child_process::until_end;

/// The program of a tool whose migrations are programs.
pub(crate) struct ToolProgram<'s> {
    settings: &'s Settings,
    tool: MigrationTool,
    code: &'static CodeTool,
    /// How many revisions it has to run for one: see [`CodeTool::step`].
    count: usize,
    /// What the revisions have run, where somebody wants to know.
    ran: Option<Vec<RanRevision>>,
}

/// A revision with the statements that it has run and committed in an empty database.
#[derive(Debug, Clone)]
pub(crate) struct RanRevision {
    /// The revision.
    pub(crate) revision: ListedRevision,
    /// The statements, in the order in which they were committed.
    pub(crate) statements: Vec<String>,
}

/// What it printed.
struct Printed {
    stdout: String,
    /// Both outputs, without passwords.
    all: String,
    /// Why it did not do its work.
    failure: Option<String>,
}

impl<'s> ToolProgram<'s> {
    /// The program of the project's tool; `None` where its migrations are no programs.
    pub(crate) fn of(settings: &'s Settings) -> Option<Self> {
        let tool = settings.migrations.tool?;
        Some(Self { settings, tool, code: tool.code()?, count: 1, ran: None })
    }

    /// The same, which keeps what the revisions run.
    pub(crate) fn logging(self) -> Self {
        Self { ran: Some(Vec::new()), ..self }
    }

    /// What the revisions have run.
    pub(crate) fn into_ran(self) -> Vec<RanRevision> {
        self.ran.unwrap_or_default()
    }

    /// The lines that connect to the database and change nothing; the last one prints the list.
    fn listing(&self) -> Vec<Vec<String>> {
        let mut lines = match &self.settings.migrations.own {
            Some(own) if own.status.is_empty() => vec![own.list.clone()],
            Some(own) => vec![own.status.clone(), own.list.clone()],
            None => [self.code.look, self.code.list].map(|words| self.line(words)).to_vec(),
        };
        lines.dedup();
        lines
    }

    /// The line that applies a revision.
    fn step(&self, revision: &str) -> Vec<String> {
        match &self.settings.migrations.own {
            Some(own) => place::of_revision(&own.apply, revision),
            None => self.line(&(self.code.step)(revision, self.count)),
        }
    }

    /// Takes back a revision, which no other applied one comes after. Returns why the tool does not, in its own words.
    ///
    /// # Errors
    /// Exit 4: it cannot be started.
    pub(crate) async fn take_back(&self, url: &str, revision: &ListedRevision) -> Result<Option<String>> {
        let line = match &self.settings.migrations.own {
            Some(own) => place::of_revision(&own.revert, &revision.id),
            None => self.line(&(self.code.step_back)(revision)),
        };
        let printed = self.run(url, &line).await?;
        Ok(printed.failure.map(|why| in_short(&printed.all).unwrap_or(why)))
    }

    /// A line of the tool's program.
    fn line(&self, words: &[impl AsRef<str>]) -> Vec<String> {
        let program = place::program(self.settings, self.tool);
        program.into_iter().chain(words.iter().map(|word| word.as_ref().to_owned())).collect()
    }

    async fn run(&self, url: &str, line: &[String]) -> Result<Printed> {
        place::refuse_missing_directory(self.settings)?;
        let mut command = Command::new(&line[0]);
        command.args(&line[1..]).current_dir(place::working_directory(self.settings));
        command.envs(place::variables(self.settings, self.tool, url, &Target::parse(url)?));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        let mut child =
            command.spawn().map_err(|error| not_started(self.tool, "command", &line[0], error))?;
        let group = ProcessGroup::of(&child);
        let limit = self.settings.migrations.timeout;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let pipes = (child.stdout.take(), child.stderr.take());
        let ended = {
            let reading = async { tokio::join!(read(pipes.0, &mut stdout), read(pipes.1, &mut stderr)) };
            let reading = std::pin::pin!(reading.fuse());
            // A process that it leaves behind may hold the pipes open.
            tokio::time::timeout(limit, until_end(&mut child, reading)).await
        };
        let failure = match ended {
            Ok(status) => {
                group.ended();
                let status = status?;
                (!status.success()).then(|| status.to_string())
            }
            Err(_) => Some(format!("it took longer than {}, and was ended", duration(limit))),
        };
        let stdout = String::from_utf8_lossy(&stdout).into_owned();
        let all = format!("{stdout}{}", String::from_utf8_lossy(&stderr));
        Ok(Printed { stdout, all: without_passwords(&all).into_owned(), failure })
    }

    fn failed(&self, what: &str, why: &str, printed: &str) -> Failure {
        let tool = self.tool;
        let said = last_lines(printed);
        Failure::usage(format!("{tool}: {what} in a throwaway database failed ({why}){said}"))
            .code(ErrorCode::TOOL_FAILED)
            .next(format!(
                "run it by hand in an empty database; trueup gives {tool} the variables DATABASE_URL and PGHOST, PGPORT, PGUSER, \
                 PGDATABASE, and those of [migrations.variables] in trueup.toml"
            ))
    }
}

impl ToolSteps for ToolProgram<'_> {
    fn tool(&self) -> MigrationTool {
        self.tool
    }

    fn wants_statements(&self) -> bool {
        self.ran.is_some()
    }

    fn ran(&mut self, revision: &ListedRevision, statements: Vec<String>) {
        self.ran.get_or_insert_default().push(RanRevision { revision: revision.clone(), statements });
    }

    fn settings(&self) -> String {
        let MigrationSettings { driver, variables, working_directory, own, .. } = &self.settings.migrations;
        let program = place::program(self.settings, self.tool);
        let own_words = own.iter().flat_map(|own| own.list.iter().chain(&own.apply));
        // Another version of a program that lies here may do something else.
        let files = program.iter().chain(own_words).map(|word| {
            let file = place::working_directory(self.settings).join(word).metadata().ok();
            file.filter(Metadata::is_file).map(|file| (file.len(), file.modified().ok()))
        });
        let files: Vec<_> = files.collect();
        format!("{program:?} {files:?} {working_directory:?} {driver:?} {variables:?} {own:?}")
    }

    fn list<'a>(&'a mut self, url: &'a str) -> Running<'a, Vec<ListedRevision>> {
        Box::pin(async move {
            let (mut stdout, lines) = (String::new(), self.listing());
            for line in &lines {
                let printed = self.run(url, line).await?;
                if let Some(why) = printed.failure {
                    return Err(self.failed("its list of migrations", &why, &printed.all).into());
                }
                stdout = printed.stdout;
            }
            let command = place::shown(lines.last().map_or(&[], Vec::as_slice));
            let mut revisions = (self.code.read_list)(&stdout).map_err(|why| no_list(&command, &why))?;
            for revision in &mut revisions {
                let file =
                    revision.file.take().map(|file| place::working_directory(self.settings).join(file));
                let within = |file: &std::path::PathBuf| {
                    let real = file.canonicalize().ok()?;
                    Some(
                        real.strip_prefix(self.settings.project.dir.canonicalize().ok()?).ok()?.to_path_buf(),
                    )
                };
                revision.file = file.as_ref().and_then(within);
            }
            Ok(revisions)
        })
    }

    fn takes_more(&mut self, done: usize) -> bool {
        let more = self.code.runs_some_again && self.count <= done;
        self.count += usize::from(more);
        more
    }

    fn apply<'a>(&'a mut self, url: &'a str, revision: &'a ListedRevision) -> Running<'a, StepOutcome> {
        Box::pin(async move {
            let printed = self.run(url, &self.step(&revision.id)).await?;
            let Some(why) = printed.failure else { return Ok(StepOutcome::Done) };
            match missing_role(&printed.all) {
                Some(role) => Ok(StepOutcome::MissingRole(role)),
                None => {
                    let named = revision.file.as_ref().map(|file| format!(" ({})", file.display()));
                    let what = format!("{}{}", revision.id, named.unwrap_or_default());
                    Err(self.failed(&what, &why, &printed.all).into())
                }
            }
        })
    }
}

/// Reads a pipe to its end. What was read stays where nobody waits for that any more.
async fn read(from: Option<impl AsyncRead + Unpin>, into: &mut Vec<u8>) {
    if let Some(mut from) = from {
        let _ = from.read_to_end(into).await;
    }
}

/// What the tool printed is no list of revisions.
fn no_list(command: &str, why: &str) -> Failure {
    Failure::usage(format!("`{command}` prints no list of migrations: {why}; nothing was applied"))
        .code(ErrorCode::TOOL_FAILED)
        .next("let it print on stdout, a line for each: identifier, then, after a tab each, the name and the parents, with commas")
}

/// The role of the server's message `role "app" does not exist`.
fn missing_role(printed: &str) -> Option<String> {
    let (before, _) = printed.rsplit_once("\" does not exist")?;
    let (before, name) = before.rsplit_once('"')?;
    (before.ends_with("role ") && !name.is_empty() && !name.contains('\n')).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_message_names_the_role() {
        assert_eq!(
            missing_role("x\nERROR: role \"app user\" does not exist\nDETAIL"),
            Some("app user".into())
        );
        assert_eq!(missing_role("relation \"app\" does not exist"), None);
        assert_eq!(missing_role("all is well"), None);
    }
}
