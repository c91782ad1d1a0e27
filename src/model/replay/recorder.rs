//! What a replay has found so far: the catalog as the last migration left it, and the effects of each. It begins with a state
//! that an earlier compilation has kept, where there is one, and keeps states for the next.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::super::lock::{CompiledMigration, Lock};
use super::super::progress::CompileProgress;
use super::super::runner::Runner;
use super::Replayed;
use super::effects::{effects, share};
use super::reload::Reload;
use super::saved::{SavedState, SavedStates};
use crate::postgres::catalog::reader::{CatalogReading, ReadOptions};
use crate::postgres::catalog::{Catalog, Kind, Object, ObjectId};

/// How long a replay takes at least that is worth keeping what it built: pg_dump takes a fraction of that.
const WORTH_KEEPING: Duration = Duration::from_secs(2);
/// How often the state is kept meanwhile: a replay that fails, or is interrupted, begins there the next time.
const BETWEEN: Duration = Duration::from_secs(15);

struct Recorder<'s> {
    states: Option<&'s SavedStates>,
    options: ReadOptions,
    initial: Vec<Arc<Object>>,
    migrations: Vec<CompiledMigration>,
    before: CatalogReading,
    reload: Reload,
    /// How many migrations need not be replayed.
    kept: usize,
    started: Instant,
    /// Since when nothing was kept.
    since: Instant,
}

/// Migrations that can be run one after the other.
pub(super) trait Steps {
    /// How many they are.
    fn total(&self) -> usize;
    /// What one of them is called in messages: its file.
    fn path(&self, index: usize) -> &str;
    /// Makes a new database ready for the first.
    async fn prepare(&mut self, runner: &mut Runner<'_>) -> Result<()>;
    /// Runs one; its effects are not determined here. `None` where neither it nor those after it can be run.
    async fn run(&mut self, runner: &mut Runner<'_>, index: usize) -> Result<Option<CompiledMigration>>;
}

/// Runs the migrations and records what each does, from the newest state that was kept.
///
/// # Errors
/// Those of running them.
pub(super) async fn record_all(
    runner: &mut Runner<'_>,
    steps: &mut impl Steps,
    options: &ReadOptions,
    states: Option<&SavedStates>,
    progress: &mut dyn FnMut(CompileProgress<'_>),
) -> Result<Replayed> {
    let mut recorder = Recorder::new(options, states);
    if recorder.resume(runner).await? {
        if recorder.go_on(runner, steps, progress).await? {
            return recorder.finish(runner).await;
        }
        runner.start_again().await?;
        recorder = Recorder::new(options, states);
    }
    steps.prepare(runner).await?;
    recorder.begin(runner).await?;
    recorder.go_on(runner, steps, progress).await?;
    recorder.finish(runner).await
}

impl<'s> Recorder<'s> {
    fn new(options: &ReadOptions, states: Option<&'s SavedStates>) -> Self {
        Self {
            states,
            options: ReadOptions { oids: true, ..options.clone() },
            initial: Vec::new(),
            migrations: Vec::new(),
            before: CatalogReading::default(),
            reload: Reload::default(),
            kept: 0,
            started: Instant::now(),
            since: Instant::now(),
        }
    }

    /// Begins in a new database.
    async fn begin(&mut self, runner: &mut Runner<'_>) -> Result<()> {
        self.before = runner.read(&self.options).await?;
        self.initial.clone_from(&self.before.catalog.objects);
        Ok(())
    }

    /// Runs the migrations that are not recorded. `false` where their effects can only be known by a replay of all.
    async fn go_on(
        &mut self,
        runner: &mut Runner<'_>,
        steps: &mut impl Steps,
        progress: &mut dyn FnMut(CompileProgress<'_>),
    ) -> Result<bool> {
        (self.started, self.since) = (Instant::now(), Instant::now());
        let total = steps.total();
        for done in self.migrations.len()..total {
            progress(CompileProgress::Migrations { done, total, path: steps.path(done) });
            self.before(runner, done + 1 == total).await?;
            let Some(migration) = steps.run(runner, done).await? else { break };
            if !self.record(runner, migration).await? {
                return Ok(false);
            }
        }
        progress(CompileProgress::Migrations { done: total, total, path: "" });
        Ok(true)
    }

    /// Keeps the state before a migration runs, where that is worth it. The state before the last one is: that is the
    /// one which somebody writes.
    async fn before(&mut self, runner: &mut Runner<'_>, is_last: bool) -> Result<()> {
        let worth = if is_last { WORTH_KEEPING } else { BETWEEN };
        if self.since.elapsed() >= worth { self.keep(runner).await } else { Ok(()) }
    }

    /// Takes in what a migration has done. Its effects are determined here. `false` where they would not be known but for a
    /// replay of all migrations.
    async fn record(&mut self, runner: &mut Runner<'_>, mut migration: CompiledMigration) -> Result<bool> {
        let mut after = runner.read(&self.options).await?;
        if !self.reload.undo(&mut after) {
            return Ok(false);
        }
        share(&self.before.catalog, &mut after.catalog);
        migration.effects = effects(&self.before, &after);
        self.migrations.push(migration);
        self.before = after;
        Ok(true)
    }

    /// The outcome.
    async fn finish(mut self, runner: &mut Runner<'_>) -> Result<Replayed> {
        // Whoever adds a migration replays that one.
        if self.started.elapsed() >= WORTH_KEEPING {
            self.keep(runner).await?;
        }
        let Self { initial, migrations, before, kept, .. } = self;
        Ok(Replayed { replayed: migrations.len() - kept, initial, migrations, catalog: before.catalog })
    }

    /// Restores the newest state that was kept. `false` when there is none, or it is not what it was: the database is new then.
    async fn resume(&mut self, runner: &mut Runner<'_>) -> Result<bool> {
        let Some(states) = self.states else { return Ok(false) };
        let Some(SavedState { lock, columns, dump }) = states.newest() else { return Ok(false) };
        let saved = lock.state_after(|_| true);
        if runner.restore(&dump, &saved).await? {
            let mut reading = runner.read(&self.options).await?;
            let tables = runner.tables().await?;
            let reload = Reload::of(&saved, &reading, &columns, &tables);
            if let Some(reload) = reload.filter(|reload| reload.undo(&mut reading)) {
                share(&saved, &mut reading.catalog);
                self.kept = lock.migrations.len();
                (self.initial, self.migrations) = (lock.initial, lock.migrations);
                (self.before, self.reload) = (reading, reload);
                return Ok(true);
            }
        }
        states.forget(lock.migrations.len());
        runner.start_again().await?;
        Ok(false)
    }

    async fn keep(&mut self, runner: &mut Runner<'_>) -> Result<()> {
        let Some(states) = self.states else { return Ok(()) };
        runner.reset().await?;
        if let Some(dump) = runner.dump().await? {
            let lock = Lock {
                head: states.head().clone(),
                model: Catalog::default(),
                initial: self.initial.clone(),
                migrations: self.migrations.clone(),
            };
            let columns = self.dropped_columns(&runner.tables().await?);
            states.keep(&SavedState { lock, columns, dump });
        }
        self.since = Instant::now();
        Ok(())
    }

    /// How many columns each table has had, where it has fewer now.
    fn dropped_columns(&self, tables: &[(ObjectId, i64)]) -> BTreeMap<String, i64> {
        let mut present: HashMap<(&str, &str), i64> = HashMap::new();
        for ObjectId { kind, schema, relation, .. } in
            self.before.catalog.objects.iter().map(|object| &object.id)
        {
            if let (Kind::Column, Some(schema), Some(relation)) = (kind, schema, relation) {
                *present.entry((schema, relation)).or_default() += 1;
            }
        }
        let had = |(table, last): &(ObjectId, i64)| {
            let more = self.before.oids.get(table).map_or(0, |at| self.reload.more_columns(at.oid));
            let present = present.get(&(table.schema.as_deref()?, table.name.as_str())).copied().unwrap_or(0);
            (last + more > present).then(|| (table.to_string(), last + more))
        };
        tables.iter().filter_map(had).collect()
    }
}
