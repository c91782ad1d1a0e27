//! Carrying a plan out: batch by batch, each row only while it is the version that was planned.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::batch::{Done, FEW, Rows, batches};
use super::columns::{FORMATS, numbered, of, same_image};
use super::records::{Repair, State};
use super::{Pace, state};
use crate::data::checks::Action;
use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::sql::identifier;
use crate::writer::{Blocker, Event, StepError, Watch, WriteSession};

/// What came of a repair.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows that were changed.
    pub changed: u64,
    /// Rows that somebody changed, deleted or held a lock on meanwhile: they are as they were.
    pub skipped: u64,
    /// Who held locks.
    pub blockers: Vec<Blocker>,
    /// How many batches there were.
    pub batches: u64,
    /// The batch that took longest.
    pub longest: Duration,
}

/// Carries one out. `kept` says whether something of this run stays, whatever comes.
///
/// # Errors
/// Exit 5 when nothing of the run stays, 6 when something does: the same command goes on.
pub async fn repair(
    writer: &mut WriteSession,
    watch: &mut dyn Watch,
    repair: &Repair,
    pace: &Pace,
    kept: bool,
) -> Result<Tally> {
    let mut done = Done::default();
    let (title, begun) = (repair.title(), Instant::now());
    watch.observe(&Event::Begun { doing: "repairing", what: &title, number: 1, of: 1 });
    let went = batches(
        writer,
        watch,
        repair,
        &Changing(repair),
        (1, repair.last, repair.planned),
        (pace, &mut done),
    )
    .await;
    if let Err(trouble) = went {
        let undo = format!("; trueup undo {} takes back what was done", repair.run);
        return Err(broken(trouble, repair, (kept || done.changed > 0, done.changed), &undo));
    }
    watch.observe(&Event::Done { what: &title, took: begun.elapsed() });
    let what = format!("the record of {}", repair.title());
    let record =
        format!("UPDATE trueup.repairs SET state = '{}' WHERE {}", State::Done.word(), repair.record());
    writer.note(&what, &record, watch).await.map_err(|trouble| trouble.failure(&what, true))?;
    let Done { changed, skipped, blockers, longest, batches } = done;
    Ok(Tally { changed, skipped, blockers, batches, longest })
}

/// What the operator hears of a repair that stopped, when it had `changed` rows. `kept` says whether something of the run
/// stays, `otherwise` what there is to do besides going on.
pub(super) fn broken(
    trouble: StepError,
    repair: &Repair,
    (kept, changed): (bool, u64),
    otherwise: &str,
) -> anyhow::Error {
    let title = repair.title();
    let so_far = match changed {
        0 if !kept => "no row was changed".to_owned(),
        0 => "none of its rows is done; what this run did before is recorded".to_owned(),
        changed => format!("{changed} rows of it are done and recorded"),
    };
    let exit = if kept { Exit::Partial } else { Exit::RolledBack };
    let next = match &trouble {
        _ if !kept => "run the same command again: it goes on where it was".to_owned(),
        // The same rows would be refused again.
        StepError::Refused { .. } => {
            format!("mend what the server says, then the same command: it goes on{otherwise}")
        }
        _ => format!("run the same command again: it goes on{otherwise}"),
    };
    match trouble {
        StepError::Stopped(signal) => {
            Failure::new(exit, format!("interrupted by {signal} in {title}: {so_far}"))
                .code(ErrorCode::RUN_INTERRUPTED)
                .next(next)
                .into()
        }
        StepError::TookTooLong(limit) => Failure::new(
            exit,
            format!("{title}: one row took longer than {}; {so_far}", crate::writer::seconds(limit)),
        )
        .code(ErrorCode::RUN_TOO_LONG)
        .next("look at what triggers and foreign keys of the table do to one row")
        .into(),
        StepError::NoLock { waited, outside_the_queue: true, .. } => Failure::new(
            if kept { Exit::Partial } else { Exit::Busy },
            format!("{title}: paused for {} altogether, which is as long as it waits; {so_far}", crate::writer::seconds(waited)),
        )
        .next("run the same command again when the server has less to do; [repair] says how long it waits, and for what")
        .into(),
        other => match other.failure(&title, kept).downcast::<Failure>() {
            Ok(failure) => {
                let next = if failure.exit == Exit::Unknown || !kept { failure.next } else { next };
                Failure { what: format!("{}; {so_far}", failure.what), next, ..failure }.into()
            }
            Err(error) => error,
        },
    }
}

/// The statements of a repair's batches.
struct Changing<'r>(&'r Repair);

impl Changing<'_> {
    /// The row of the table that a row of the plan is about, while it is the version that was planned.
    fn same_version(&self, alias: &str) -> String {
        let key: Vec<String> = self
            .0
            .key
            .iter()
            .zip(numbered("p.k", self.0.key.len()))
            .map(|(column, kept)| column.equal(&of(alias, column), &column.back(&kept)))
            .collect();
        format!(
            "{alias}.ctid OPERATOR(pg_catalog.=) p.tid AND {alias}.tableoid OPERATOR(pg_catalog.=) p.part \
             AND {alias}.xmin OPERATOR(pg_catalog.=) p.x AND {}",
            key.join(" AND ")
        )
    }

    /// Whether a trigger may write other values than it was given.
    fn is_rewritten(&self) -> bool {
        self.0.table.triggers.iter().any(|trigger| trigger.before && trigger.row && trigger.update)
    }
}

impl Rows for Changing<'_> {
    fn statements(&self, from: u64, to: u64, around: bool) -> String {
        let Repair { table, columns, action, .. } = self.0;
        let (plan, name) = (self.0.rows_in(), table.qualified());
        let range = |alias: &str| {
            format!(
                "{alias}.n OPERATOR(pg_catalog.>=) {from} AND {alias}.n OPERATOR(pg_catalog.<=) {to} AND {alias}.state IS NULL"
            )
        };
        let mut before = format!("{FEW};\n{FORMATS};\n");
        let skip = if around { " SKIP LOCKED" } else { "" };
        // Where other rows may be changed with these, they are locked first, and what refers to them is looked at in a
        // statement of its own: what came while it waited for the lock is seen there.
        if self.0.sets_off() {
            before.push_str(&format!(
                "SELECT pg_catalog.count(*) FROM (SELECT FROM {plan} AS p JOIN {name} AS t ON {} WHERE {} FOR UPDATE OF t{skip}) AS \
                 locked;\n",
                self.same_version("t"),
                range("p")
            ));
        }
        // What others have locked is left out of the rows that are looked for.
        let free = format!(
            "(SELECT p.* FROM {plan} AS p JOIN {name} AS l ON {} WHERE {} FOR UPDATE OF l{skip})",
            self.same_version("l"),
            range("p")
        );
        let source = if around { free } else { plan.clone() };
        let new = numbered("p.w", columns.len());
        let changed = match action {
            Action::Update => {
                let sets: Vec<String> = columns
                    .iter()
                    .zip(&new)
                    .map(|(column, kept)| format!("{} = {}", identifier(&column.name), column.back(kept)))
                    .collect();
                let written: Vec<String> = columns
                    .iter()
                    .zip(1..)
                    .map(|(column, number)| format!(", {} AS c{number}", column.kept(&of("t", column))))
                    .collect();
                let written = if self.is_rewritten() { written.concat() } else { String::new() };
                format!(
                    "UPDATE {name} AS t SET {} FROM {source} AS p WHERE {} AND {}{} RETURNING p.n{written}",
                    sets.join(", "),
                    self.same_version("t"),
                    range("p"),
                    self.0.alone()
                )
            }
            Action::Delete => format!(
                "DELETE FROM {name} AS t USING {source} AS p WHERE {} AND {}{} RETURNING p.n",
                self.same_version("t"),
                range("p"),
                self.0.alone()
            ),
        };
        let rewritten = if *action == Action::Update && self.is_rewritten() {
            let (kept, found) = (numbered("p.w", columns.len()), numbered("c.c", columns.len()));
            let sets: Vec<String> =
                (1..=columns.len()).map(|number| format!("w{number} = c.c{number}")).collect();
            format!(
                ", rewritten AS (UPDATE {plan} AS p SET {} FROM changed AS c WHERE p.n OPERATOR(pg_catalog.=) c.n AND NOT {})",
                sets.join(", "),
                same_image(&kept, &found)
            )
        } else {
            String::new()
        };
        format!(
            "{before}WITH changed AS ({changed}){rewritten}, \
             missed AS (UPDATE {plan} AS p SET state = '{}' WHERE {} AND p.n NOT IN (SELECT n FROM changed) RETURNING 1), \
             counted AS (UPDATE trueup.repairs AS r SET done = {to}, \
             changed = r.changed OPERATOR(pg_catalog.+) (SELECT pg_catalog.count(*) FROM changed), \
             skipped = r.skipped OPERATOR(pg_catalog.+) (SELECT pg_catalog.count(*) FROM missed) WHERE {}) \
             SELECT (SELECT pg_catalog.count(*) FROM changed) AS changed, (SELECT pg_catalog.count(*) FROM missed) AS skipped",
            state::SKIPPED,
            range("p"),
            self.0.record(),
        )
    }

    fn refer_to_each_other(&self) -> bool {
        self.0.action == Action::Delete && self.0.table.refers_to_itself
    }

    fn leave_out(&self, from: u64, to: u64) -> String {
        left_out(self.0, (from, to), state::LOCKED, ("done", "skipped"))
    }
}

/// The statement that marks rows as left out. It answers with two numbers, as batches do.
pub(super) fn left_out(
    repair: &Repair,
    (from, to): (u64, u64),
    mark: char,
    (progress, count): (&str, &str),
) -> String {
    format!(
        "WITH missed AS (UPDATE {} AS p SET state = '{mark}' WHERE p.n OPERATOR(pg_catalog.>=) {from} \
         AND p.n OPERATOR(pg_catalog.<=) {to} AND p.state IS NULL RETURNING 1), \
         counted AS (UPDATE trueup.repairs AS r SET {progress} = {to}, \
         {count} = r.{count} OPERATOR(pg_catalog.+) (SELECT pg_catalog.count(*) FROM missed) WHERE {}) \
         SELECT 0 AS changed, (SELECT pg_catalog.count(*) FROM missed) AS skipped",
        repair.rows_in(),
        repair.record()
    )
}
