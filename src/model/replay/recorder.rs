//! What a replay has found so far: the catalog as the last migration left it, and the effects of each. It begins with a state
//! that an earlier compilation has kept, where there is one, and keeps states for the next.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::super::footprint::Footprint;
use super::super::lock::{CompiledDown, CompiledMigration, Effect, Lock};
use super::super::progress::CompileProgress;
use super::super::runner::Runner;
use super::Replayed;
use super::effects::{are_apart, effects, share};
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
    /// What is known of the migrations that are recorded.
    recorded: Vec<Option<Recorded>>,
    before: CatalogReading,
    reload: Reload,
    replayed: usize,
    started: Instant,
    /// Since when nothing was kept.
    since: Instant,
}

/// What one migration does.
#[derive(Clone)]
struct Recorded {
    footprints: Vec<Footprint>,
    down: Option<CompiledDown>,
    effects: Vec<Effect>,
}

/// Migrations that can be run one after the other.
pub(super) trait Steps {
    /// How many they are.
    fn total(&self) -> usize;
    /// What one of them is called in messages: its file.
    fn path(&self, index: usize) -> &str;
    /// Makes a new database ready for the first.
    async fn prepare(&mut self, runner: &mut Runner<'_>) -> Result<()>;
    /// Runs one, and returns what its statements did to the relations that were there `before`. `None` where neither it nor
    /// those after it can be run.
    async fn run(
        &mut self,
        runner: &mut Runner<'_>,
        index: usize,
        before: &CatalogReading,
    ) -> Result<Option<Vec<Footprint>>>;
    /// Runs its down script, where it has one, and takes back what that did. The database is as `after` the migration.
    async fn measure_down(
        &mut self,
        runner: &mut Runner<'_>,
        index: usize,
        after: &CatalogReading,
    ) -> Result<Option<CompiledDown>>;
    /// One of them without its effects.
    fn migration(&self, index: usize) -> CompiledMigration;
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
    let mut recorder = Recorder::new(options, states, steps.total());
    if recorder.resume(runner).await? {
        if recorder.go_on(runner, steps, progress).await? && recorder.adds_up(steps) {
            return recorder.finish(runner, steps).await;
        }
        runner.start_again().await?;
        recorder = Recorder::new(options, states, steps.total());
    }
    steps.prepare(runner).await?;
    recorder.begin(runner).await?;
    recorder.go_on(runner, steps, progress).await?;
    recorder.finish(runner, steps).await
}

impl<'s> Recorder<'s> {
    fn new(options: &ReadOptions, states: Option<&'s SavedStates>, total: usize) -> Self {
        Self {
            states,
            options: ReadOptions { oids: true, ..options.clone() },
            initial: Vec::new(),
            recorded: vec![None; total],
            before: CatalogReading::default(),
            reload: Reload::default(),
            replayed: 0,
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
        let new: Vec<usize> = (0..total).filter(|index| self.recorded[*index].is_none()).collect();
        for (done, index) in new.iter().copied().enumerate() {
            progress(CompileProgress::Migrations {
                done: total - new.len() + done,
                total,
                path: steps.path(index),
            });
            self.before(runner, steps, done + 1 == new.len()).await?;
            let Some(footprints) = steps.run(runner, index, &self.before).await? else { break };
            let mut after = runner.read(&self.options).await?;
            if !self.reload.undo(&mut after) {
                return Ok(false);
            }
            share(&self.before.catalog, &mut after.catalog);
            let effects = effects(&self.before, &after);
            // Those that the tool would have run after it must not have had to do with the same objects.
            let later = self.recorded[index..].iter().flatten().flat_map(|recorded| &recorded.effects);
            if !are_apart(&effects, later) {
                return Ok(false);
            }
            let down = steps.measure_down(runner, index, &after).await?;
            self.recorded[index] = Some(Recorded { footprints, down, effects });
            self.replayed += 1;
            self.before = after;
        }
        progress(CompileProgress::Migrations { done: total, total, path: "" });
        Ok(true)
    }

    /// Keeps the state before a migration runs, where that is worth it. The state before the last one is: that is the
    /// one which somebody writes.
    async fn before(&mut self, runner: &mut Runner<'_>, steps: &impl Steps, is_last: bool) -> Result<()> {
        let worth = if is_last { WORTH_KEEPING } else { BETWEEN };
        if self.since.elapsed() >= worth { self.keep(runner, steps).await } else { Ok(()) }
    }

    /// The migrations that are recorded, with their effects.
    fn migrations(&self, steps: &impl Steps) -> Vec<CompiledMigration> {
        let recorded =
            self.recorded.iter().enumerate().filter_map(|(index, recorded)| Some((index, recorded.clone()?)));
        let migration = |(index, Recorded { footprints, down, effects })| CompiledMigration {
            footprints,
            down,
            effects,
            ..steps.migration(index)
        };
        recorded.map(migration).collect()
    }

    /// Whether the effects lead to the catalog that is there.
    fn adds_up(&self, steps: &impl Steps) -> bool {
        let Some(lock) = self.lock(steps) else { return true };
        lock.state_after(|_| true).objects == self.before.catalog.objects
    }

    fn lock(&self, steps: &impl Steps) -> Option<Lock> {
        Some(Lock {
            head: self.states?.head().clone(),
            model: Catalog::default(),
            initial: self.initial.clone(),
            migrations: self.migrations(steps),
        })
    }

    /// The outcome.
    async fn finish(mut self, runner: &mut Runner<'_>, steps: &impl Steps) -> Result<Replayed> {
        // Whoever adds a migration replays that one.
        if self.started.elapsed() >= WORTH_KEEPING {
            self.keep(runner, steps).await?;
        }
        let migrations = self.migrations(steps);
        let Self { initial, before, replayed, .. } = self;
        Ok(Replayed { replayed, initial, migrations, catalog: before.catalog })
    }

    /// Restores the best state that was kept. `false` when there is none, or it is not what it was: the database is new then.
    async fn resume(&mut self, runner: &mut Runner<'_>) -> Result<bool> {
        let Some(states) = self.states else { return Ok(false) };
        let Some(SavedState { steps, lock, columns, dump }) = states.best() else { return Ok(false) };
        let saved = lock.state_after(|_| true);
        if runner.restore(&dump, &saved).await? {
            let mut reading = runner.read(&self.options).await?;
            let tables = runner.tables().await?;
            let reload = Reload::of(&saved, &reading, &columns, &tables);
            if let Some(reload) = reload.filter(|reload| reload.undo(&mut reading)) {
                share(&saved, &mut reading.catalog);
                self.initial = lock.initial;
                for (step, migration) in steps.into_iter().zip(lock.migrations) {
                    let CompiledMigration { footprints, down, effects, .. } = migration;
                    self.recorded[step] = Some(Recorded { footprints, down, effects });
                }
                (self.before, self.reload) = (reading, reload);
                return Ok(true);
            }
        }
        states.forget(&steps);
        runner.start_again().await?;
        Ok(false)
    }

    async fn keep(&mut self, runner: &mut Runner<'_>, steps: &impl Steps) -> Result<()> {
        let (Some(states), Some(lock)) = (self.states, self.lock(steps)) else { return Ok(()) };
        runner.reset().await?;
        if let Some(dump) = runner.dump().await? {
            let columns = self.dropped_columns(&runner.tables().await?);
            let steps = (0..self.recorded.len()).filter(|step| self.recorded[*step].is_some()).collect();
            states.keep(&SavedState { steps, lock, columns, dump });
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
