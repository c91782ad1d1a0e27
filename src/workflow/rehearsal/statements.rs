//! What each statement of a rehearsed migration did and how long it took: from the marks between the statements of a
//! transaction, else from the records of the run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use smol_str::SmolStr;

use super::blocking::{TimedStatement, longest, rounded};
use super::estimate::{RowCounts, estimate};
use super::ground::Ground;
use super::outcome::{Rehearsal, RehearsedLock, RehearsedMigration, RehearsedStatement};
use super::phase::PhaseOutcome;
use super::{applied_versions, marks};
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
        let times = marks::read(&mut ground.session).await?;
        let recorded = recorded(&mut ground.session, &up.run).await?;
        let mut there = there_before(declared, state);
        for (step, migration) in up.plan.steps.iter().zip(&mut self.migrations) {
            let durations = match times.get(&step.version) {
                Some(marks) => marks.windows(2).map(|pair| Some(pair[1] - pair[0])).collect(),
                None => outside(step, &recorded),
            };
            let end = up.committed.get(&step.title).filter(|_| ground.is_local);
            let last = times.get(&step.version).and_then(|marks| marks.last());
            let commit = end.zip(last).map_or(0, |(end, last)| (end - last).max(0));
            let did = |index: usize| {
                let line = step.script.statements[index].line;
                let mut footprints = step.footprints.iter().filter(|footprint| footprint.line == line);
                (footprints.next(), up.outside.get(&(step.version, index)))
            };
            migration.add(step, &durations, commit, did, (&there, counts));
            rename(&mut there, &declared.lock.migrations[step.index].effects);
        }
        took(&mut self.migrations, &up.done, |migration, time| migration.milliseconds = Some(time));
        Ok(())
    }

    /// Adds how long the down scripts took.
    pub(super) fn add_down(&mut self, down: &PhaseOutcome) {
        took(&mut self.migrations, &down.done, |migration, time| migration.down_milliseconds = Some(time));
    }

    /// Adds how long the second upgrade took.
    pub(super) fn add_again(&mut self, again: &PhaseOutcome) {
        took(&mut self.migrations, &again.done, |migration, time| migration.again_milliseconds = Some(time));
    }
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

impl RehearsedMigration {
    fn add<'f>(
        &mut self,
        step: &Step,
        durations: &[Option<i64>],
        commit: i64,
        did: impl Fn(
            usize,
        ) -> (
            Option<&'f Footprint>,
            Option<&'f BTreeMap<crate::postgres::catalog::ObjectId, LockMode>>,
        ),
        (there, counts): (&BTreeSet<SmolStr>, &RowCounts),
    ) {
        let mut timed = Vec::new();
        for (index, statement) in step.script.statements.iter().enumerate() {
            let (footprint, outside) = did(index);
            let told = outside.into_iter().flatten().map(|(id, mode)| (SmolStr::from(id.to_string()), *mode));
            let measured = footprint.map(|footprint| footprint.locks.clone());
            let mut locks: BTreeMap<SmolStr, LockMode> = measured.unwrap_or_else(|| told.collect());
            locks.retain(|relation, _| there.contains(relation));
            let duration = durations.get(index).copied().flatten();
            let milliseconds = duration.map(|micros| rounded(micros as f64 / 1000.0));
            let exact = duration.map_or(0.0, |micros| micros as f64 / 1000.0);
            let of_rows = rows_of(footprint, &locks, statement.outside.is_some());
            let range = estimate(exact, of_rows, counts);
            timed.push(TimedStatement {
                line: statement.line,
                milliseconds: exact,
                estimate: range,
                locks: locks.clone(),
            });
            self.statements.push(RehearsedStatement {
                line: statement.line,
                sql: statement.summary.clone(),
                milliseconds,
                locks: locks.into_iter().map(|(relation, mode)| RehearsedLock::of(relation, mode)).collect(),
                work: footprint.map(|footprint| work(footprint, there)).unwrap_or_default(),
                estimate: range,
            });
        }
        self.blocks = longest(&timed, step.transactional, commit as f64 / 1000.0);
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

/// The names of all objects that are there before the first migration of the rehearsal.
fn there_before(declared: &ProjectModel, state: &MigrationState) -> BTreeSet<SmolStr> {
    let applied = applied_versions(declared, state);
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
