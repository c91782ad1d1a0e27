//! Builds a scratch database with a tool whose migrations are programs: the tool runs them one after the other, and the
//! catalog is read after each.

use std::pin::Pin;

use anyhow::Result;

use super::super::lock::{CompiledMigration, Effect};
use super::super::progress::CompileProgress;
use super::super::runner::{MOST_ROLES, Runner};
use super::Replayed;
use super::effects::{effects, share};
use crate::error::{ErrorCode, Failure};
use crate::migrations::tools::{ListedRevision, MigrationTool, ToolRevision};
use crate::postgres::catalog::Kind;
use crate::postgres::catalog::reader::ReadOptions;

/// What the tool does meanwhile.
pub type Running<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + 'a>>;

/// A tool that can be run in a database.
pub trait ToolSteps {
    /// The tool.
    fn tool(&self) -> MigrationTool;
    /// Connects to the database of this URL, changes nothing, and lists the tool's revisions, parents before their children.
    fn list<'a>(&'a mut self, url: &'a str) -> Running<'a, Vec<ListedRevision>>;
    /// Applies a revision, all of whose parents are applied.
    fn apply<'a>(&'a mut self, url: &'a str, revision: &'a ListedRevision) -> Running<'a, StepOutcome>;
    /// Whether the same step can be tried once more, after it has not applied its revision, because it ran one of the `done`
    /// revisions before that again.
    fn takes_more(&mut self, done: usize) -> bool;
}

/// How a revision ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepOutcome {
    /// The tool says that it is applied.
    Done,
    /// It failed for lack of this role.
    MissingRole(String),
}

/// Runs all revisions.
///
/// # Errors
/// Exit 2: the tool fails, or works on another database. Exit 4: it cannot be started.
pub(in crate::model) async fn replay_with_tool(
    runner: &mut Runner<'_>,
    steps: &mut dyn ToolSteps,
    options: &mut ReadOptions,
    progress: &mut dyn FnMut(CompileProgress<'_>),
) -> Result<Replayed> {
    // Whether a program grants anything is known when it has run.
    let all = ReadOptions { oids: true, privileges: true, ..options.clone() };
    let tool = steps.tool();
    runner.reset().await?;
    runner.keep_search_path().await?;
    let url = runner.url();
    let connections = runner.connections().await?;
    let revisions = steps.list(&url).await?;
    if !runner.was_connected_to(connections).await? {
        return Err(elsewhere(
            tool,
            &format!(
                "{tool} did not connect to the throwaway database: its own settings name another one; nothing was applied"
            ),
        ));
    }
    let mut before = runner.read(&all).await?;
    let initial = before.catalog.objects.clone();
    let total = revisions.len();
    let mut compiled = Vec::with_capacity(total);
    for (done, revision) in revisions.iter().enumerate() {
        progress(CompileProgress::Migrations { done, total, path: &revision.id });
        run(runner, steps, &url, revision).await?;
        while !runner.has_applied(tool, &revision.id).await? {
            if steps.takes_more(done) {
                run(runner, steps, &url, revision).await?;
                continue;
            }
            return Err(elsewhere(
                tool,
                &format!(
                    "{tool} says that {} is applied, and the throwaway database has no record of it{}: it may have changed \
                 another one, which its own settings name",
                    revision.id,
                    runner.recorded_in()
                ),
            ));
        }
        let mut after = runner.read(&all).await?;
        share(&before.catalog, &mut after.catalog);
        compiled.push(CompiledMigration {
            version: i64::try_from(done + 1).unwrap_or(i64::MAX),
            name: revision.name.clone(),
            revision: Some(ToolRevision { tool, id: revision.id.clone() }),
            parents: revision.parents.clone(),
            file: revision.file.as_ref().map(|file| file.to_string_lossy().into_owned()),
            contract: false,
            effects: effects(&before, &after),
        });
        before = after;
    }
    progress(CompileProgress::Migrations { done: total, total, path: "" });
    if let (MigrationTool::Command, Some(first)) = (tool, revisions.first())
        && !runner.has_applied(tool, &first.id).await?
    {
        return Err(forgotten(&first.id, &runner.recorded_in()));
    }
    let mut replayed = Replayed { initial, migrations: compiled, catalog: before.catalog };
    let grants = |effect: &Effect| effect.id().kind == Kind::Privilege;
    options.privileges |= replayed.migrations.iter().flat_map(|migration| &migration.effects).any(grants);
    if !options.privileges {
        replayed.initial.retain(|object| object.id.kind != Kind::Privilege);
        replayed.catalog.objects.retain(|object| object.id.kind != Kind::Privilege);
    }
    Ok(replayed)
}

async fn run(
    runner: &mut Runner<'_>,
    steps: &mut dyn ToolSteps,
    url: &str,
    revision: &ListedRevision,
) -> Result<()> {
    for _ in 0..MOST_ROLES {
        match steps.apply(url, revision).await? {
            StepOutcome::Done => return Ok(()),
            StepOutcome::MissingRole(role) => runner.make_role(&role).await?,
        }
    }
    let what = format!("{} {}: more than {MOST_ROLES} roles do not exist", steps.tool(), revision.id);
    Err(Failure::usage(what).code(ErrorCode::MIGRATIONS_INVALID).into())
}

/// The project's own tool keeps no row for what it applied before.
fn forgotten(first: &str, place: &str) -> anyhow::Error {
    let what =
        format!("after all migrations {first} has no row{place}: expected one for each that is applied");
    Failure::usage(what)
        .code(ErrorCode::TOOL_FAILED)
        .next("name the table and the column that have them all: [migrations] applied in trueup.toml")
        .into()
}

/// The tool works on another database than it was given.
fn elsewhere(tool: MigrationTool, what: &str) -> anyhow::Error {
    let mut next = "let its settings take the URL from DATABASE_URL, or name the variables that they read: \
                    [migrations.variables] in trueup.toml"
        .to_owned();
    if let Some(own) = tool.code().map(|code| code.elsewhere).filter(|own| !own.is_empty()) {
        next.push_str(&format!("; {own}"));
    }
    Failure::usage(what).code(ErrorCode::TOOL_FAILED).next(next).into()
}
