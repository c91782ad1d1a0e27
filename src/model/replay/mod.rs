//! Replays the migrations in a scratch database, one after the other, and reads the catalog after each.
//!
//! A migration runs as when it is applied: as one transaction, or, marked `no-transaction`, every statement in a clean
//! session and a transaction of its own, except those that cannot run in one. Where that is refused, the statements run
//! one by one all the same: the migrations that come after it are to be judged in the same run.

mod down;
mod effects;
mod recorder;
mod reload;
mod saved;
mod steps;
mod trial;

use std::path::Path;
use std::sync::Arc;

use anyhow::Result;

use super::default_privileges::DefaultPrivileges;
use super::footprint::{Footprint, FootprintWatch, is_relation};
use super::inputs::Input;
use super::lock::{CompiledDown, CompiledMigration, CompiledSettings, DeclaredBy, Head};
use super::progress::CompileProgress;
use super::recognise::{Class, classify};
use super::runner::{MOST_ROLES, Runner};
use super::server_error::StatementError;
use crate::error::{ErrorCode, Failure};
use crate::migrations::Migration;
use crate::migrations::script::{Examination, ExaminedStatement, border_advice};
use crate::postgres::catalog::reader::{CatalogReading, ReadOptions};
use crate::postgres::catalog::{Catalog, Object};
use crate::postgres::connection::sqlstate;
use crate::postgres::sql::Statement;
use recorder::{Steps, record_all};
use saved::SavedStates;

pub(super) use down::DownScript;
pub(super) use steps::replay_with_tool;
pub use steps::{Running, StepOutcome, ToolSteps};
pub use trial::TrialDatabase;

/// The result of a replay.
pub(super) struct Replayed {
    /// The objects of a new database, before the first migration.
    pub(super) initial: Vec<Arc<Object>>,
    /// The migrations with their effects.
    pub(super) migrations: Vec<CompiledMigration>,
    /// How many of them were replayed: the effects of the others were kept by an earlier compilation.
    pub(super) replayed: usize,
    /// The catalog after the last.
    pub(super) catalog: Catalog,
}

/// Where states are kept between compilations.
#[derive(Clone, Copy)]
pub(super) struct Keeping<'k> {
    /// The directory; `None` where nothing is to be kept.
    pub(super) directory: Option<&'k Path>,
    /// What the outcome depends on beside the server, the options and the migrations.
    pub(super) settings: &'k CompiledSettings,
    pub(super) default_privileges: &'k DefaultPrivileges,
    /// Whether footprints are measured. A state without them is not kept.
    pub(super) footprints: bool,
}

impl Keeping<'_> {
    /// The states of migrations; `any` as of [`SavedStates::new`]. Stand-ins for extensions are nothing that can be
    /// restored.
    fn states(
        self,
        runner: &Runner<'_>,
        options: &ReadOptions,
        others: &str,
        steps: impl Iterator<Item = String>,
        any: bool,
    ) -> Option<SavedStates> {
        let Self { directory, settings, default_privileges, footprints } = self;
        let usable = footprints && settings.assume_extensions.is_empty() && runner.keeps_states();
        let directory = directory.filter(|_| usable)?;
        let head = Head {
            server: runner.server(),
            declared_by: DeclaredBy::Migrations,
            options: options.clone(),
            settings: settings.clone(),
            inputs: Vec::new(),
        };
        let others = format!("{others}\n{default_privileges:?}");
        Some(SavedStates::new(directory, head, &others, steps, any))
    }
}

/// A migration with its statements.
pub(super) struct MigrationScript<'f> {
    pub(super) path: &'f str,
    pub(super) migration: &'f Migration,
    pub(super) examined: Examination<'f>,
    /// The script that reverts it.
    pub(super) down: Option<DownScript>,
}

impl<'f> MigrationScript<'f> {
    /// Examines a migration.
    pub(super) fn new(path: &'f str, migration: &'f Migration) -> Self {
        let examined = Examination::of(path.as_ref(), &migration.sql, &migration.directives);
        Self { path, migration, examined, down: None }
    }

    /// With the script that reverts it. `shown` is how messages name a file.
    pub(super) fn with_down(self, shown: impl FnOnce(&Path) -> String) -> Self {
        Self { down: DownScript::of(self.migration, shown), ..self }
    }
}

/// Runs the migrations. Those that are refused for the way in which they would be run are told in `refused`, each with
/// its index.
///
/// # Errors
/// Exit 2: what the server refuses otherwise, with file, line and statement.
pub(super) async fn replay(
    runner: &mut Runner<'_>,
    scripts: &[MigrationScript<'_>],
    keeping: Keeping<'_>,
    options: &ReadOptions,
    refused: &mut Vec<(usize, Failure)>,
    progress: &mut dyn FnMut(CompileProgress<'_>),
) -> Result<Replayed> {
    let steps = scripts.iter().map(|script| {
        let MigrationScript { path, migration, down, .. } = script;
        let down = down.as_ref().map(DownScript::sha256);
        format!("{:?} {:?} {down:?}", Input::new(*path, &migration.sql), migration.revision)
    });
    let states = keeping.states(runner, options, "", steps, false);
    let history = keeping.settings.tool.map(|tool| tool.history().create);
    let mut scripts =
        Scripts { scripts, history, known: refused.len(), refused, footprints: keeping.footprints };
    record_all(runner, &mut scripts, options, states.as_ref(), progress).await
}

/// The files of migrations, which the session runs.
struct Scripts<'a, 'f> {
    scripts: &'a [MigrationScript<'f>],
    /// Creates the history table of the tool that keeps them.
    history: Option<&'static str>,
    refused: &'a mut Vec<(usize, Failure)>,
    /// How many were refused before any was run.
    known: usize,
    /// Whether footprints are measured.
    footprints: bool,
}

impl Steps for Scripts<'_, '_> {
    fn total(&self) -> usize {
        self.scripts.len()
    }

    fn path(&self, index: usize) -> &str {
        self.scripts[index].path
    }

    async fn prepare(&mut self, runner: &mut Runner<'_>) -> Result<()> {
        self.refused.truncate(self.known);
        runner.reset().await?;
        match self.history {
            Some(sql) if runner.has_current_schema().await? => runner.session.execute(sql).await,
            _ => Ok(()),
        }
    }

    async fn run(
        &mut self,
        runner: &mut Runner<'_>,
        index: usize,
        before: &CatalogReading,
    ) -> Result<Option<Vec<Footprint>>> {
        let script = &self.scripts[index];
        // What comes after one that is not whole may need it; its own faults are told.
        if !script.examined.whole {
            return Ok(None);
        }
        let mut watched = Watched { measured: self.footprints, ..Watched::of(before) };
        run(runner, script, &mut watched, |failure| self.refused.push((index, failure))).await?;
        runner.reset().await?;
        Ok(Some(watched.footprints))
    }

    async fn measure_down(
        &mut self,
        runner: &mut Runner<'_>,
        index: usize,
        after: &CatalogReading,
    ) -> Result<Option<CompiledDown>> {
        match &self.scripts[index].down {
            Some(down) if self.footprints => down.measure(runner, after).await.map(Some),
            _ => Ok(None),
        }
    }

    fn migration(&self, index: usize) -> CompiledMigration {
        let migration = self.scripts[index].migration;
        CompiledMigration {
            version: migration.version,
            name: migration.name.clone(),
            revision: migration.revision.clone(),
            parents: Vec::new(),
            dependencies: Vec::new(),
            file: None,
            contract: migration.directives.contract,
            footprints: Vec::new(),
            down: None,
            effects: Vec::new(),
        }
    }
}

/// What the transactions of one migration have done to the relations that were there before it.
struct Watched<'r> {
    before: &'r CatalogReading,
    /// Whether it is asked for.
    measured: bool,
    footprints: Vec<Footprint>,
}

impl<'r> Watched<'r> {
    fn of(before: &'r CatalogReading) -> Self {
        Self { before, measured: true, footprints: Vec::new() }
    }

    /// Whether there is anything to watch.
    fn anything(&self) -> bool {
        self.measured && self.before.catalog.objects.iter().any(|object| is_relation(object.id.kind))
    }

    /// A transaction has ended well.
    fn ended(&mut self, watch: Option<FootprintWatch>) {
        self.footprints.extend(watch.into_iter().flat_map(|watch| watch.footprints(self.before)));
    }
}

/// Runs one migration. Why it would be refused when it is applied goes to `refuse`, where its statements are fine
/// otherwise.
async fn run(
    runner: &mut Runner<'_>,
    script: &MigrationScript<'_>,
    watched: &mut Watched<'_>,
    refuse: impl FnOnce(Failure),
) -> Result<()> {
    let MigrationScript { path, migration, examined, .. } = script;
    let statements: Vec<_> = examined.statements.iter().map(|examined| examined.statement).collect();
    statements.iter().try_for_each(|statement| refuse_cluster(path, statement))?;
    // How it would run is told already, or makes no difference.
    if !examined.refused.is_empty() || is_long_and_plain(&statements) {
        return one_by_one(runner, path, &statements).await;
    }
    if migration.directives.no_transaction {
        return each_alone(runner, path, &examined.statements, watched).await;
    }
    let Some((index, error)) = transaction(runner, path, &statements, watched, Ending::Commit).await? else {
        return Ok(());
    };
    let failure = error.in_statement(path, &statements[index]);
    let Some(advice) = border_advice(&error.code, error.is_in_code()) else {
        return Err(failure.code(ErrorCode::MIGRATIONS_INVALID).into());
    };
    refuse(failure.code(ErrorCode::MIGRATION_UNSUPPORTED).next(advice));
    one_by_one(runner, path, &statements).await
}

fn refuse_cluster(path: &str, statement: &Statement<'_>) -> Result<(), Failure> {
    let Class::Cluster(thing) = classify(statement) else { return Ok(()) };
    let (line, summary) = (statement.line, statement.summary());
    Err(Failure::usage(format!(
        "{path}: line {line}: creates or changes {thing}; a migration changes one database\n  statement: {summary}"
    ))
    .code(ErrorCode::MIGRATIONS_INVALID))
}

/// The number of statements from which on a migration is long.
const LONG: usize = 2_000;

/// Whether a migration is long, so that its statements are not measured, and has nothing but DDL that means the same outside
/// of a transaction. In one
/// transaction every statement that takes more than a few locks costs the server a walk over all that are held
/// (`LockReassignCurrentOwner`): quadratic time.
pub fn is_long_and_plain(statements: &[Statement<'_>]) -> bool {
    statements.len() >= LONG
        && statements.iter().all(|statement| match classify(statement) {
            Class::SetValue | Class::Role | Class::Setting => true,
            // A label that ALTER TYPE ... ADD VALUE adds can be used when it is committed.
            _ if statement.starts_with(&["alter", "type"]) => !statement.words().any(|word| word == "value"),
            _ => {
                let ddl = ["create", "alter", "comment", "drop", "grant", "revoke"];
                let local = |word: &str| matches!(word, "temp" | "temporary" | "pg_temp");
                statement.words().next().is_some_and(|word| ddl.iter().any(|verb| word == *verb))
                    && !statement.words().any(|word| local(word.as_ref()))
            }
        })
}

/// How a transaction ends that nothing has refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ending {
    Commit,
    Rollback,
}

/// Runs a script as one transaction, in a session that is as [`Runner::reset`] leaves it. Returns the error of the statement that the server refuses, with the statement's
/// index; `None` when the transaction is committed.
async fn transaction(
    runner: &mut Runner<'_>,
    path: &str,
    statements: &[Statement<'_>],
    watched: &mut Watched<'_>,
    ending: Ending,
) -> Result<Option<(usize, StatementError)>> {
    let assumed = runner.assumed.clone();
    let mut roles = 0;
    loop {
        let Some((index, error)) = attempt(runner, path, statements, watched, ending).await? else {
            return Ok(None);
        };
        // The stand-ins of the transaction are gone with it.
        runner.assumed = assumed.clone();
        // It starts again at the first statement: a savepoint before every statement would cost the server
        // quadratic time.
        if roles == MOST_ROLES || !runner.make_missing_role(&error).await? {
            return Ok(Some((index, error)));
        }
        roles += 1;
        runner.reset().await?;
    }
}

async fn attempt(
    runner: &mut Runner<'_>,
    path: &str,
    statements: &[Statement<'_>],
    watched: &mut Watched<'_>,
    ending: Ending,
) -> Result<Option<(usize, StatementError)>> {
    let mut watch = runner.begin(watched.anything()).await?;
    for (index, statement) in statements.iter().enumerate() {
        if let Some(error) = runner.run_assuming(path, statement).await? {
            return Ok(Some((index, error)));
        }
        if let Some(watch) = &mut watch {
            watch.look(&mut runner.session, statement).await?;
        }
    }
    let last = statements.len().saturating_sub(1);
    let refused = match ending {
        Ending::Commit => runner.commit().await?.refusal(),
        // Whoever measures resets the session in any case.
        Ending::Rollback => None,
    };
    if refused.is_none() {
        watched.ended(watch);
    }
    Ok(refused.map(|error| (last, error)))
}

/// Runs the statements of a migration marked `no-transaction`: nothing of one but what it commits is there for the next.
async fn each_alone(
    runner: &mut Runner<'_>,
    path: &str,
    statements: &[ExaminedStatement<'_>],
    watched: &mut Watched<'_>,
) -> Result<()> {
    for ExaminedStatement { statement, outside, .. } in statements {
        let alone = std::slice::from_ref(statement);
        runner.reset().await?;
        if outside.is_some() && watched.anything() {
            let (refused, footprints) = runner.run_outside(path, statement, watched.before).await?;
            watched.footprints.extend(footprints);
            if let Some(error) = refused {
                return Err(error.in_statement(path, statement).code(ErrorCode::MIGRATIONS_INVALID).into());
            }
        } else if outside.is_some() {
            one_by_one(runner, path, alone).await?;
        } else if let Some((_, error)) = transaction(runner, path, alone, watched, Ending::Commit).await? {
            return Err(error.in_statement(path, statement).code(ErrorCode::MIGRATIONS_INVALID).into());
        }
    }
    Ok(())
}

/// Runs statements in one session, outside of a transaction. What only means something in one is passed over.
async fn one_by_one(runner: &mut Runner<'_>, path: &str, statements: &[Statement<'_>]) -> Result<()> {
    runner.reset().await?;
    for statement in statements {
        match runner.run_assuming(path, statement).await? {
            Some(error) if error.code != sqlstate::NO_ACTIVE_SQL_TRANSACTION => {
                return Err(error.in_statement(path, statement).code(ErrorCode::MIGRATIONS_INVALID).into());
            }
            _ => {}
        }
    }
    Ok(())
}
