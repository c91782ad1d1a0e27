//! `blockers`: who holds locks that pending statements would wait for, and everybody else behind them.

use std::collections::BTreeSet;

use super::super::facts::{GateFacts, PlannedUpgrade};
use super::super::section::{Asking, GateSection, Judge, Judgement, Question, finding};
use super::super::session::failure_of;
use crate::error::Failure;
use crate::findings::{Finding, Location};
use crate::postgres::connection::OwnedRow;
use crate::postgres::lock_mode::LockMode;
use crate::project::{GateLevel, SectionName};
use crate::text::{duration, plural};
use crate::writer::{Blocker, LockInTheWay, WantedLock};

pub(in super::super) const SECTION: GateSection = GateSection {
    name: SectionName::Blockers,
    level: GateLevel::Block,
    help: "Nobody holds a lock for long that a pending statement needs. A transaction older than [gate] max_transaction_age \
           (60s) blocks when it holds a conflicting lock, as do a prepared transaction, an autovacuum that prevents \
           wraparound and a running index build, whatever their age: the statement would wait, and everybody else behind \
           it. Where this role may not see how old a transaction is, there is no answer: GRANT pg_read_all_stats.",
    judge: Judge::Database(Asking { doing: "looking for sessions in the way", questions, judge }),
};

fn questions(facts: &GateFacts<'_>) -> Result<Vec<Question>, Failure> {
    let wanted = wanted(facts.locking()?);
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let (before, sql) = LockInTheWay::question(&wanted, &facts.settings.database.search_path);
    Ok(vec![Question { before, sql }])
}

fn judge(facts: &GateFacts<'_>, answers: &[Vec<OwnedRow>]) -> Result<Judgement, Failure> {
    let upgrade = facts.locking()?;
    let [rows] = answers else { return Ok(Judgement::ready("no pending statement waits for a lock")) };
    let found = LockInTheWay::read(rows, facts.settings.output.verbose).map_err(failure_of)?;
    Ok(told(facts, upgrade, wanted(upgrade).len(), &found))
}

/// The locks of the steps on relations that are there, from the mode on that keeps index builds and autovacuum out. Several
/// steps may want the same one.
fn wanted(upgrade: &PlannedUpgrade) -> Vec<WantedLock> {
    let held = upgrade.plan.steps.iter().filter(|step| !step.record).flat_map(|step| &step.held);
    let strong: BTreeSet<_> = held.filter(|(_, mode)| **mode >= LockMode::ShareUpdateExclusive).collect();
    strong
        .into_iter()
        .map(|(relation, mode)| WantedLock {
            relation: relation.to_string(),
            conflicting: conflicting(*mode).map(LockMode::pg_locks_name).collect(),
        })
        .collect()
}

fn conflicting(mode: LockMode) -> impl Iterator<Item = LockMode> {
    LockMode::ALL.into_iter().filter(move |other| mode.conflicts_with(*other))
}

fn told(facts: &GateFacts<'_>, upgrade: &PlannedUpgrade, wanted: usize, found: &[LockInTheWay]) -> Judgement {
    let limit = facts.settings.gate.max_transaction_age;
    let is_old = |lock: &LockInTheWay| lock.blocker.age.is_some_and(|age| age >= limit);
    let stays = |lock: &LockInTheWay| {
        lock.builds_index || lock.prevents_wraparound || lock.blocker.gid.is_some() || is_old(lock)
    };
    let mut findings: Vec<Finding> = Vec::new();
    let mut hidden: Vec<String> = Vec::new();
    for lock in found {
        if stays(lock) {
            let told = blocker(upgrade, lock);
            // One holder stops many statements: the first of them is told.
            if !findings.iter().any(|known| known.object == told.object) {
                findings.push(told);
            }
        } else if lock.hidden {
            hidden.push(lock.blocker.to_string());
        }
    }
    let what = match findings.as_slice() {
        [] => format!(
            "{} free: nobody is in the way for longer than {}",
            plural(wanted, "lock"),
            duration(limit)
        ),
        [one] => first_in_words(found, &one.object),
        [first, ..] => format!("{}, {} and others", plural(findings.len(), "session"), first.object),
    };
    let judged = Judgement::of_findings(findings, what);
    match hidden.first() {
        None => judged,
        Some(first) => judged
            .incomplete(format!("this role may not see how long {first} has held a lock in the way"))
            .next("GRANT pg_read_all_stats TO the role, or ask as one that has it"),
    }
}

/// `pid 4711 (report, idle in transaction for 12 s) holds ACCESS SHARE on public.users`
fn first_in_words(found: &[LockInTheWay], object: &str) -> String {
    let Some(lock) = found.iter().find(|lock| object_of(lock) == object) else { return object.to_owned() };
    let blocker = Blocker { query: None, role: None, host: None, ..lock.blocker.clone() };
    format!("{blocker} holds {} on {}", mode_of(lock), lock.relation)
}

/// What tells a holder of locks from others.
fn object_of(lock: &LockInTheWay) -> String {
    match (&lock.blocker.gid, lock.blocker.pid) {
        (Some(gid), _) => gid.clone(),
        (None, pid) => pid.map_or_else(|| "a session".to_owned(), |pid| format!("pid {pid}")),
    }
}

/// The mode as the manual calls it.
fn mode_of(lock: &LockInTheWay) -> String {
    LockMode::from_pg_locks(&lock.mode).map_or_else(|| lock.mode.clone(), |held| held.name().to_owned())
}

fn blocker(upgrade: &PlannedUpgrade, lock: &LockInTheWay) -> Finding {
    let LockInTheWay { blocker, relation, mode, .. } = lock;
    let (code, end) = match (&blocker.gid, blocker.pid) {
        (Some(gid), _) => {
            let gid = gid.replace('\'', "''");
            (
                "prepared",
                format!("whoever prepared it ends it: COMMIT PREPARED '{gid}' or ROLLBACK PREPARED '{gid}'"),
            )
        }
        (None, _) if lock.builds_index => ("index_build", "wait until the index is built".to_owned()),
        (None, _) if lock.prevents_wraparound => {
            ("autovacuum", "wait until it is done: it prevents wraparound of transaction ids".to_owned())
        }
        (None, Some(pid)) => (
            "transaction",
            format!(
                "wait, or end it where that is known to be harmless: SELECT pg_terminate_backend({pid});"
            ),
        ),
        (None, None) => ("transaction", "wait until it ends".to_owned()),
    };
    let held = LockMode::from_pg_locks(mode);
    let (object, mode) = (object_of(lock), mode_of(lock));
    let (statement, place) = stopped(upgrade, relation, held);
    let what = format!("{blocker} holds {mode} on {relation}: {statement} would wait for it");
    let finding = finding(SectionName::Blockers, code, &object, &what, &end);
    match place {
        Some(place) => finding.at(place),
        None => finding,
    }
}

/// The first statement that would wait for a lock of this mode on this relation.
fn stopped(upgrade: &PlannedUpgrade, relation: &str, held: Option<LockMode>) -> (String, Option<Location>) {
    let waits = |mode: LockMode| held.is_none_or(|held| mode.conflicts_with(held));
    for (step, report) in upgrade.plan.steps.iter().zip(&upgrade.report.steps) {
        let locks = step.held.iter().any(|(locked, mode)| locked.to_string() == relation && waits(*mode));
        if !locks {
            continue;
        }
        let statement = report.footprints.iter().find(|footprint| {
            let locks = &footprint.footprint.locks;
            locks.iter().any(|lock| {
                lock.relation == relation && LockMode::from_pg_locks(lock.mode).is_some_and(waits)
            })
        });
        let Some(place) = statement.map(|found| &found.statement) else { return (step.title.clone(), None) };
        let location = Location::new(place.file.clone(), place.line).at_column(place.column);
        return (format!("V{}:{} {}", place.migration, place.line, place.sql), Some(location));
    }
    ("a pending statement".to_owned(), None)
}
