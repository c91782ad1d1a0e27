//! What each statement of a rehearsed migration did and how long it took: from the marks between the statements of a
//! transaction, else from the records of the run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use smol_str::SmolStr;

use super::applied_versions;
use super::blocking::{TimedStatement, longest, rounded};
use super::estimate::{RowCounts, estimate};
use super::ground::Ground;
use super::marks::{self, StatementTimes};
use super::outcome::{BlockingWindow, Rehearsal, RehearsedLock, RehearsedMigration, RehearsedStatement};
use super::phase::PhaseOutcome;
use crate::changes::executor::AppliedStep;
use crate::changes::plan::Step;
use crate::model::diagnosis::MigrationState;
use crate::model::{Effect, Footprint};
use crate::postgres::connection::Session;
use crate::postgres::lock_mode::LockMode;
use crate::postgres::sql::literal;
use crate::workflow::project_model::ProjectModel;

/// When statements outside of a transaction began and ended, in microseconds, by version and number.
type RecordedTimes = BTreeMap<(i64, usize), (i64, i64)>;

/// What is known of the run and of the database that it was in.
struct Known<'k> {
    marks: &'k StatementTimes,
    recorded: &'k RecordedTimes,
    phase: &'k PhaseOutcome,
    /// Whether the server's clock is this machine's.
    is_local: bool,
    counts: &'k RowCounts,
}

impl Rehearsal {
    /// Adds what the first upgrade did.
    ///
    /// # Errors
    /// The throwaway server's.
    pub(super) async fn add_up(
        &mut self,
        declared: &ProjectModel,
        state: &MigrationState,
        up: &PhaseOutcome,
        ground: &mut Ground<'_>,
        counts: &RowCounts,
    ) -> Result<()> {
        let (marks, recorded) = times(ground, up).await?;
        let known =
            Known { marks: &marks, recorded: &recorded, phase: up, is_local: ground.is_local, counts };
        let mut there = names_of(declared, &applied_versions(declared, state));
        for (step, migration) in up.plan.steps.iter().zip(&mut self.migrations) {
            (migration.statements, migration.blocks) = known.measured(step, &there);
            rename(&mut there, &declared.lock.migrations[step.index].effects);
        }
        took(&mut self.migrations, &up.done, |migration, time| migration.milliseconds = Some(time));
        Ok(())
    }

    /// Adds what the down scripts did. What the migrations themselves have made is in use by then.
    ///
    /// # Errors
    /// The throwaway server's.
    pub(super) async fn add_down(
        &mut self,
        declared: &ProjectModel,
        applied: &BTreeSet<i64>,
        down: &PhaseOutcome,
        ground: &mut Ground<'_>,
        counts: &RowCounts,
    ) -> Result<()> {
        let (marks, recorded) = times(ground, down).await?;
        let known =
            Known { marks: &marks, recorded: &recorded, phase: down, is_local: ground.is_local, counts };
        let there = names_of(declared, applied);
        for step in &down.plan.steps {
            let version = step.version.to_string();
            if let Some(migration) = self.migrations.iter_mut().find(|migration| migration.version == version)
            {
                migration.down_blocks = known.measured(step, &there).1;
            }
        }
        took(&mut self.migrations, &down.done, |migration, time| migration.down_milliseconds = Some(time));
        Ok(())
    }

    /// Adds how long the second upgrade took.
    pub(super) fn add_again(&mut self, again: &PhaseOutcome) {
        took(&mut self.migrations, &again.done, |migration, time| migration.again_milliseconds = Some(time));
    }
}

async fn times(ground: &mut Ground<'_>, phase: &PhaseOutcome) -> Result<(StatementTimes, RecordedTimes)> {
    let marks = marks::read(&mut ground.session).await?;
    ground.session.execute(marks::CLEAR).await?;
    Ok((marks, recorded(&mut ground.session, &phase.run).await?))
}

fn took(
    migrations: &mut [RehearsedMigration],
    done: &[AppliedStep],
    set: impl Fn(&mut RehearsedMigration, u64),
) {
    for step in done {
        if let Some(migration) = migrations.iter_mut().find(|migration| migration.version == step.version) {
            set(migration, step.milliseconds);
        }
    }
}

impl Known<'_> {
    /// The statements of a step, and the longest time for which others wait. `there` are the relations that others use.
    fn measured(
        &self,
        step: &Step,
        there: &BTreeSet<SmolStr>,
    ) -> (Vec<RehearsedStatement>, Option<BlockingWindow>) {
        let marks = self.marks.get(&step.version);
        let durations = match marks {
            Some(marks) => marks.windows(2).map(|pair| Some(pair[1] - pair[0])).collect(),
            None => outside(step, self.recorded),
        };
        let end = self.phase.committed.get(&step.title).filter(|_| self.is_local);
        let commit =
            end.zip(marks.and_then(|marks| marks.last())).map_or(0, |(end, last)| (end - last).max(0));
        let (mut timed, mut statements) = (Vec::new(), Vec::new());
        for (index, statement) in step.script.statements.iter().enumerate() {
            let at = statement.as_statement().position();
            let footprint = step.footprints.iter().find(|footprint| footprint.at == at);
            let told = self.phase.outside.get(&(step.version, index)).into_iter().flatten();
            let told = told.map(|(id, mode)| (SmolStr::from(id.to_string()), *mode));
            let measured = footprint.map(|footprint| footprint.locks.clone());
            let mut locks: BTreeMap<SmolStr, LockMode> = measured.unwrap_or_else(|| told.collect());
            locks.retain(|relation, _| there.contains(relation));
            let duration = durations.get(index).copied().flatten();
            let exact = duration.map_or(0.0, |micros| micros as f64 / 1000.0);
            let of_rows = rows_of(footprint, &locks, statement.outside.is_some());
            let range = estimate(exact, of_rows, self.counts);
            timed.push(TimedStatement {
                line: statement.line,
                milliseconds: exact,
                estimate: range,
                locks: locks.clone(),
            });
            statements.push(RehearsedStatement {
                line: statement.line,
                sql: statement.summary.clone(),
                milliseconds: duration.map(|_| rounded(exact)),
                locks: locks.into_iter().map(|(relation, mode)| RehearsedLock::of(relation, mode)).collect(),
                work: footprint.map(|footprint| work(footprint, there)).unwrap_or_default(),
                estimate: range,
            });
        }
        let blocks = longest(&timed, step.transactional, commit as f64 / 1000.0);
        (statements, blocks)
    }
}

/// The relations whose number of rows decides how long a statement takes: those that it works on as a whole, and those whose
/// rows it changes. What runs outside of a transaction was not measured; it works on what it locks.
fn rows_of<'f>(
    footprint: Option<&'f Footprint>,
    locks: &'f BTreeMap<SmolStr, LockMode>,
    outside: bool,
) -> Vec<&'f str> {
    let whole = footprint.into_iter().flat_map(|footprint| {
        let Footprint { scans, rewrites, builds, .. } = footprint;
        scans.iter().chain(rewrites).chain(builds)
    });
    let changed =
        locks.iter().filter(|(_, mode)| **mode == LockMode::RowExclusive || outside && footprint.is_none());
    whole.chain(changed.map(|(relation, _)| relation)).map(SmolStr::as_str).collect()
}

/// What takes the longer the more rows there are, in words.
fn work(footprint: &Footprint, there: &BTreeSet<SmolStr>) -> Vec<String> {
    let Footprint { scans, rewrites, builds, drops, .. } = footprint;
    let each = [
        ("rewrites", rewrites),
        ("builds an index on", builds),
        ("reads all rows of", scans),
        ("drops", drops),
    ];
    let mut words = Vec::new();
    let mut named: BTreeSet<&SmolStr> = BTreeSet::new();
    for (verb, relations) in each {
        // What rewrites a table, or builds an index on it, reads it as well.
        for relation in relations.iter().filter(|relation| there.contains(*relation)) {
            if named.insert(relation) {
                words.push(format!("{verb} {relation}"));
            }
        }
    }
    words
}

/// The names of all objects that are there when these migrations are applied.
fn names_of(declared: &ProjectModel, applied: &BTreeSet<i64>) -> BTreeSet<SmolStr> {
    let catalog = declared.lock.state_after(|version| applied.contains(&version));
    catalog.objects.iter().map(|object| object.id.to_string().into()).collect()
}

/// Adds the names that relations have after a migration.
fn rename(there: &mut BTreeSet<SmolStr>, effects: &[Effect]) {
    for effect in effects {
        if let Effect::Renamed { from, to } = effect
            && there.contains(from.to_string().as_str())
        {
            there.insert(to.to_string().into());
        }
    }
}

/// How long each statement of a migration took that is no transaction. One that runs in a transaction of its own took the
/// time since the end of the one before.
fn outside(step: &Step, recorded: &RecordedTimes) -> Vec<Option<i64>> {
    let mut before: Option<i64> = None;
    let statements = step.script.statements.iter().enumerate();
    let each = statements.map(|(index, statement)| {
        let (started, ended) = *recorded.get(&(step.version, index + 1))?;
        let from = if statement.outside.is_some() { Some(started) } else { before };
        before = Some(ended);
        from.map(|from| ended - from)
    });
    each.collect()
}

async fn recorded(session: &mut Session, run: &str) -> Result<RecordedTimes> {
    let sql = format!(
        "SELECT version, statement, (extract(epoch FROM started_at) * 1000000)::int8 AS started, \
         (extract(epoch FROM ended_at) * 1000000)::int8 AS ended FROM trueup.steps \
         WHERE run = {} AND statement IS NOT NULL AND ended_at IS NOT NULL",
        literal(run)
    );
    let mut times = RecordedTimes::new();
    session
        .message(sql, |_, row| {
            times.insert(
                (row.get("version")?, row.get("statement")?),
                (row.get("started")?, row.get("ended")?),
            );
            Ok(())
        })
        .await?;
    Ok(times)
}

/// Milliseconds for people: `under 1 ms`.
pub(crate) fn in_words(milliseconds: f64) -> String {
    match milliseconds {
        few if few < 1.0 => "under 1 ms".to_owned(),
        some => crate::text::duration(Duration::from_secs_f64(some / 1000.0)),
    }
}
