//! What each statement of a rehearsed migration did and how long it took: from the marks between the statements of a
//! transaction, else from the records of the run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use smol_str::SmolStr;

use super::blocking::{TimedStatement, longest, rounded};
use super::ground::Ground;
use super::marks::{self, StatementTimes};
use super::outcome::{
    BlockingWindow, EstimatedTime, RefusedTime, Rehearsal, RehearsedLock, RehearsedMigration,
    RehearsedStatement,
};
use super::phase::PhaseOutcome;
use super::prepare::{Prepared, applied_versions};
use super::rows::FilledTable;
use crate::changes::estimate::{EarlierTimes, Estimate, WorkKind, kind_of};
use crate::changes::executor::AppliedStep;
use crate::changes::plan::Step;
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
        prepared: &Prepared,
        up: &PhaseOutcome,
        ground: &mut Ground<'_>,
        counts: &RowCounts,
    ) -> Result<()> {
        let Prepared { declared, state, .. } = prepared;
        let (marks, recorded) = times(ground, up).await?;
        let known =
            Known { marks: &marks, recorded: &recorded, phase: up, is_local: ground.is_local, counts };
        let mut there = names_of(declared, &applied_versions(declared, state));
        for (step, migration) in up.plan.steps.iter().zip(&mut self.migrations) {
            (migration.statements, migration.blocks) = known.measured(step, &there);
            migration.refused = known.refused_by(step);
            rename(&mut there, &declared.lock.migrations[step.index].effects);
        }
        took(&mut self.migrations, &up.done, |migration, time| migration.milliseconds = Some(time));
        if let Some(probes) = &up.probes {
            self.refused = Some(probes.refused.clone());
        }
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
        let spans = self.spans(step);
        let commit = self.commit(step);
        let (mut timed, mut statements) = (Vec::new(), Vec::new());
        for (index, statement) in step.script.statements.iter().enumerate() {
            let at = statement.as_statement().position();
            let footprint = step.footprints.iter().find(|footprint| footprint.at == at);
            let told = self.phase.outside.get(&(step.version, index)).into_iter().flatten();
            let told = told.map(|(id, mode)| (SmolStr::from(id.to_string()), *mode));
            let measured = footprint.map(|footprint| footprint.locks.clone());
            let mut locks: BTreeMap<SmolStr, LockMode> = measured.unwrap_or_else(|| told.collect());
            locks.retain(|relation, _| there.contains(relation));
            let span = spans.get(index).copied().flatten();
            let exact = span.map_or(0.0, |(from, to)| (to - from) as f64 / 1000.0);
            let of_rows = rows_of(footprint, &locks, statement.outside.is_some());
            let kind = kind_of(&statement.as_statement(), footprint);
            let (estimate, corrected) = self.counts.estimate(exact, kind, of_rows).unzip();
            let range = estimate.as_ref().map(EstimatedTime::of);
            // What was locked is locked until the commit.
            let until = if index + 1 == spans.len() { commit } else { 0 };
            timed.push(TimedStatement {
                line: statement.line,
                milliseconds: exact,
                estimate: range,
                locks: locks.clone(),
            });
            statements.push(RehearsedStatement {
                line: statement.line,
                column: statement.column,
                sql: statement.summary.clone(),
                milliseconds: span.map(|_| rounded(exact)),
                locks: locks.into_iter().map(|(relation, mode)| RehearsedLock::of(relation, mode)).collect(),
                work: footprint.map(|footprint| work(footprint, there)).unwrap_or_default(),
                estimate: range,
                basis: estimate.map(|estimate| estimate.basis),
                corrected: corrected.unwrap_or_default(),
                refused: span.map(|(from, to)| self.refused(from, to + until)).unwrap_or_default(),
            });
        }
        let blocks = longest(&timed, step.transactional, commit as f64 / 1000.0);
        (statements, blocks)
    }

    /// When each statement began and ended.
    fn spans(&self, step: &Step) -> Vec<Option<(i64, i64)>> {
        match self.marks.get(&step.version) {
            Some(marks) => marks.windows(2).map(|pair| Some((pair[0], pair[1]))).collect(),
            None => outside(step, self.recorded),
        }
    }

    /// How many microseconds passed from the end of the last statement of a transaction to its commit.
    fn commit(&self, step: &Step) -> i64 {
        let end = self.phase.committed.get(&step.title).filter(|_| self.is_local);
        let last = self.marks.get(&step.version).and_then(|marks| marks.last());
        end.zip(last).map_or(0, |(end, last)| (end - last).max(0))
    }

    /// What other sessions were refused between two moments.
    fn refused(&self, from: i64, to: i64) -> Vec<RefusedTime> {
        self.phase.probes.as_ref().map(|probes| probes.between(from, to)).unwrap_or_default()
    }

    /// What other sessions were refused from the first statement of a migration to its end.
    fn refused_by(&self, step: &Step) -> Vec<RefusedTime> {
        let spans: Vec<(i64, i64)> = self.spans(step).into_iter().flatten().collect();
        let (first, last) = (spans.first().map(|span| span.0), spans.last().map(|span| span.1));
        first.zip(last).map(|(from, to)| self.refused(from, to + self.commit(step))).unwrap_or_default()
    }
}

impl EstimatedTime {
    fn of(estimate: &Estimate) -> Self {
        let milliseconds = |time: Duration| time.as_secs_f64() * 1000.0;
        Self { low_milliseconds: milliseconds(estimate.low), high_milliseconds: milliseconds(estimate.high) }
    }
}

/// The numbers of rows of tables, real and made.
#[derive(Debug, Clone, Default)]
pub(super) struct RowCounts {
    /// Of the real database, as far as they are known.
    real: BTreeMap<String, u64>,
    /// Of the throwaway one.
    made: BTreeMap<String, u64>,
    /// How long work took in the real database before.
    earlier: EarlierTimes,
}

impl RowCounts {
    pub(super) fn of(filled: &[FilledTable], earlier: EarlierTimes) -> Self {
        let real = filled.iter().filter_map(|table| Some((table.table.clone(), table.real_rows?)));
        Self {
            real: real.collect(),
            made: filled.iter().map(|table| (table.table.clone(), table.rows)).collect(),
            earlier,
        }
    }

    /// The time of a statement on the real rows that does work of this kind to all rows of these relations, and whether earlier
    /// work corrects it; `None` where their real number is not known of any of them.
    fn estimate<'r>(
        &self,
        milliseconds: f64,
        kind: Option<WorkKind>,
        relations: impl IntoIterator<Item = &'r str>,
    ) -> Option<(Estimate, bool)> {
        let counts = |relation: &str| {
            let made = self.made.get(relation).filter(|made| **made > 0)?;
            Some((*made, *self.real.get(relation)?))
        };
        let ratio = |(made, real): &(u64, u64)| *real as f64 / *made as f64;
        let counted = relations.into_iter().filter_map(counts);
        let (made, real) = counted.max_by(|one, other| ratio(one).total_cmp(&ratio(other)))?;
        let scaled = Estimate::scaled(Duration::from_secs_f64(milliseconds / 1000.0), made, real)?;
        Some(match kind {
            Some(kind) => self.earlier.correct(kind, real, scaled),
            None => (scaled, false),
        })
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

/// When each statement of a migration that is no transaction began and ended. One that runs in a transaction of its own is taken
/// to begin at the end of the one before.
fn outside(step: &Step, recorded: &RecordedTimes) -> Vec<Option<(i64, i64)>> {
    let mut before: Option<i64> = None;
    let statements = step.script.statements.iter().enumerate();
    let each = statements.map(|(index, statement)| {
        let (started, ended) = *recorded.get(&(step.version, index + 1))?;
        let from = if statement.outside.is_some() { Some(started) } else { before };
        before = Some(ended);
        from.map(|from| (from, ended))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_grows_with_the_rows() {
        let counts = RowCounts {
            real: [("a".to_owned(), 40_000), ("small".to_owned(), 10), ("b".to_owned(), 7)].into(),
            made: [("a".to_owned(), 10_000), ("small".to_owned(), 10_000)].into(),
            earlier: EarlierTimes::default(),
        };
        let range = |relations: &[&str]| {
            let found = EstimatedTime::of(&counts.estimate(100.0, None, relations.iter().copied())?.0);
            Some((found.low_milliseconds, found.high_milliseconds))
        };
        assert_eq!(range(&["a", "small"]), Some((200.0, 1200.0)));
        assert_eq!(range(&["small"]), Some((0.05, 300.0)));
        assert_eq!(range(&["b"]), None);
        assert_eq!(range(&[]), None);
    }
}
