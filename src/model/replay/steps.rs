//! Builds a scratch database with a tool whose migrations are programs: the tool runs them one after the other, and the
//! catalog is read after each.

use std::collections::BTreeMap;
use std::pin::Pin;

use anyhow::Result;

use super::super::footprint::Footprint;
use super::super::inputs::{Input, SchemaFile};
use super::super::lock::{CompiledDown, CompiledMigration, Effect};
use super::super::progress::CompileProgress;
use super::super::runner::{MOST_ROLES, Runner};
use super::recorder::{Steps, record_all};
use super::saved::SavedStates;
use super::{Keeping, Replayed};
use crate::error::{ErrorCode, Failure};
use crate::migrations::tools::{ListedRevision, MigrationTool, ToolRevision};
use crate::postgres::catalog::Kind;
use crate::postgres::catalog::reader::{CatalogReading, ReadOptions};

/// What the tool does meanwhile.
pub type Running<'a, T> = Pin<Box<dyn Future<Output = Result<T>> + 'a>>;

/// A tool that can be run in a database.
pub trait ToolSteps {
    /// The tool.
    fn tool(&self) -> MigrationTool;
    /// All that its revisions' outcome may depend on beside their files: how it is called, and its variables.
    fn settings(&self) -> String;
    /// Connects to the database of this URL, changes nothing, and lists the tool's revisions, parents before their children.
    fn list<'a>(&'a mut self, url: &'a str) -> Running<'a, Vec<ListedRevision>>;
    /// Whether it is to be told which statements the revisions run.
    fn wants_statements(&self) -> bool {
        false
    }
    /// Takes the statements that a revision has run and committed.
    fn ran(&mut self, _: &ListedRevision, _: Vec<String>) {}
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
    code: &[SchemaFile],
    keeping: Keeping<'_>,
    options: &mut ReadOptions,
    progress: &mut dyn FnMut(CompileProgress<'_>),
) -> Result<Replayed> {
    // Whether a program grants anything is known when it has run.
    let all = ReadOptions { privileges: true, ..options.clone() };
    let tool = steps.tool();
    runner.keep_search_path().await?;
    let url = runner.url();
    let connections = runner.connections().await?;
    let mut revisions = steps.list(&url).await?;
    revisions.iter_mut().for_each(|revision| find_file(revision, code));
    if !runner.was_connected_to(connections).await? {
        return Err(elsewhere(
            tool,
            &format!(
                "{tool} did not connect to the throwaway database: its own settings name another one; nothing was applied"
            ),
        ));
    }
    if steps.wants_statements() && !runner.log_statements().await? {
        let what = format!(
            "what the migrations of {tool} run is read from the log of a throwaway server that trueup has started"
        );
        return Err(Failure::cannot_tell(what)
            .code(ErrorCode::SCRATCH_UNAVAILABLE)
            .next("leave out --scratch-url, where PostgreSQL is installed")
            .into());
    }
    let states = states(keeping, &*steps, &revisions, code, runner, &all);
    let mut running = Revisions { steps, revisions: &revisions };
    let mut replayed = record_all(runner, &mut running, &all, states.as_ref(), progress).await?;
    if let (MigrationTool::Command, Some(first)) = (tool, revisions.first())
        && !runner.has_applied(tool, &first.id).await?
    {
        return Err(forgotten(&first.id, &runner.recorded_in()));
    }
    let grants = |effect: &Effect| effect.id().kind == Kind::Privilege;
    options.privileges |= replayed.migrations.iter().flat_map(|migration| &migration.effects).any(grants);
    if !options.privileges {
        replayed.initial.retain(|object| object.id.kind != Kind::Privilege);
        replayed.catalog.objects.retain(|object| object.id.kind != Kind::Privilege);
    }
    Ok(replayed)
}

/// Finds the file of a revision whose tool does not say it: `shop.0001_initial` of Django is
/// `shop/migrations/0001_initial.py`.
fn find_file(revision: &mut ListedRevision, code: &[SchemaFile]) {
    let Some((app, name)) = revision.id.split_once('.').filter(|_| revision.file.is_none()) else { return };
    let path = format!("{app}/migrations/{name}.py");
    let is_it = |file: &&SchemaFile| {
        file.path.strip_suffix(&path).is_some_and(|before| before.is_empty() || before.ends_with('/'))
    };
    let mut found = code.iter().filter(is_it);
    revision.file = found.next().filter(|_| found.next().is_none()).map(|file| file.path.clone().into());
}

/// The states that were kept of these revisions. Files that are not a revision's own may be used by any of them.
fn states(
    keeping: Keeping<'_>,
    steps: &dyn ToolSteps,
    revisions: &[ListedRevision],
    code: &[SchemaFile],
    runner: &Runner<'_>,
    options: &ReadOptions,
) -> Option<SavedStates> {
    let mut files: BTreeMap<&str, &SchemaFile> = code.iter().map(|file| (file.path.as_str(), file)).collect();
    let steps_of = revisions.iter().map(|revision| {
        let file = revision.file.as_ref().and_then(|path| files.remove(path.to_str()?));
        let text = file.map_or_else(String::new, |file| Input::new(&file.path, &file.text).sha256);
        format!("{revision:?} {text}")
    });
    let steps_of: Vec<String> = steps_of.collect();
    let others = files.values().filter(|file| !file.text.trim().is_empty());
    let others: Vec<Input> = others.map(|file| Input::new(&file.path, &file.text)).collect();
    let others = format!("{}\n{others:?}", steps.settings());
    keeping.states(runner, options, &others, steps_of.into_iter(), true)
}

/// The revisions, which the tool runs.
struct Revisions<'a> {
    steps: &'a mut dyn ToolSteps,
    revisions: &'a [ListedRevision],
}

impl Steps for Revisions<'_> {
    fn total(&self) -> usize {
        self.revisions.len()
    }

    fn path(&self, index: usize) -> &str {
        &self.revisions[index].id
    }

    async fn prepare(&mut self, _: &mut Runner<'_>) -> Result<()> {
        // The tool makes its history table itself.
        Ok(())
    }

    /// What the statements of a program do is not measured: they run in its own session.
    async fn run(
        &mut self,
        runner: &mut Runner<'_>,
        index: usize,
        _: &CatalogReading,
    ) -> Result<Option<Vec<Footprint>>> {
        let (tool, revision) = (self.steps.tool(), &self.revisions[index]);
        let logged = runner.log_end();
        self.apply(runner, revision).await?;
        while !runner.has_applied(tool, &revision.id).await? {
            if self.steps.takes_more(index) {
                self.apply(runner, revision).await?;
                continue;
            }
            return Err(elsewhere(
                tool,
                &format!(
                    "{tool} says that {} is applied, and the throwaway database has no record of it{}: it may have \
                     changed another one, which its own settings name",
                    revision.id,
                    runner.recorded_in()
                ),
            ));
        }
        if self.steps.wants_statements() {
            self.steps.ran(revision, runner.statements_since(logged)?);
        }
        Ok(Some(Vec::new()))
    }

    /// The tool reverts its revisions itself.
    async fn measure_down(
        &mut self,
        _: &mut Runner<'_>,
        _: usize,
        _: &CatalogReading,
    ) -> Result<Option<CompiledDown>> {
        Ok(None)
    }

    fn migration(&self, index: usize) -> CompiledMigration {
        let revision = &self.revisions[index];
        CompiledMigration {
            version: i64::try_from(index + 1).unwrap_or(i64::MAX),
            name: revision.name.clone(),
            revision: Some(ToolRevision { tool: self.steps.tool(), id: revision.id.clone() }),
            parents: revision.parents.clone(),
            dependencies: revision.dependencies.clone(),
            file: revision.file.as_ref().map(|file| file.to_string_lossy().into_owned()),
            contract: false,
            footprints: Vec::new(),
            down: None,
            effects: Vec::new(),
        }
    }
}

impl Revisions<'_> {
    async fn apply(&mut self, runner: &mut Runner<'_>, revision: &ListedRevision) -> Result<()> {
        let url = runner.url();
        for _ in 0..MOST_ROLES {
            match self.steps.apply(&url, revision).await? {
                StepOutcome::Done => return Ok(()),
                StepOutcome::MissingRole(role) => runner.make_role(&role).await?,
            }
        }
        let what =
            format!("{} {}: more than {MOST_ROLES} roles do not exist", self.steps.tool(), revision.id);
        Err(Failure::usage(what).code(ErrorCode::MIGRATIONS_INVALID).into())
    }
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
