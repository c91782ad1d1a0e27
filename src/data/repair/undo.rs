//! Undoes a repair: restores the old values of the rows that still have what the repair wrote.

use std::time::Instant;

use anyhow::Result;

use super::batch::{
    BatchJob, BatchOps, BatchTotals, FEW_ROWS, LinkEnd, RefusedRows, RowRange, WhyLeftOut, batches,
};
use super::columns::{FORMATS, numbered, of, same_image};
use super::records::{Repair, RepairState};
use super::run::{LeaveOut, StoppedRepair};
use super::{RepairLimits, state};
use crate::data::checks::{Action, Trigger};
use crate::error::{Exit, Failure};
use crate::postgres::connection::{self, OwnedRow, RowError, Session};
use crate::postgres::sql::{identifier, literal};
use crate::text::short_id;
use crate::writer::{Blocker, Event, Watch, WriteSession};

/// The largest number of rows without their old values that are listed.
const MAX_LISTED: usize = 100;

/// What an undo has done, or would do.
#[derive(Debug, Clone, Default)]
pub struct UndoOutcome {
    /// How many rows have their old values again.
    pub restored: u64,
    /// The rows that were edited since the repair. They are skipped.
    pub edited: UnrestoredRows,
    /// The rows that still have what the repair wrote, and were not restored: other sessions held locks on them, or the
    /// table refused the old values.
    pub held_back: UnrestoredRows,
    /// The rows that a trigger gave other values than their old ones.
    pub rewritten: UnrestoredRows,
    /// The sessions that held locks.
    pub blockers: Vec<Blocker>,
    /// The rows among [`UndoOutcome::held_back`] that the server refused to write.
    pub refused: RefusedRows,
}

/// Rows that do not have their old values.
#[derive(Debug, Clone, Default)]
pub struct UnrestoredRows {
    /// How many rows there are.
    pub rows: u64,
    /// The keys of the first rows, at most 100. Values are texts as the server prints them; `None` for NULL.
    pub keys: Vec<Vec<Option<String>>>,
}

/// Undoes a repair in batches. An undo that was interrupted continues, and rows that an earlier undo did not restore are
/// tried again. `run_changed_rows` says whether this run has already changed rows.
///
/// # Errors
/// Exit 5 when the run has changed no row, 6 when it has: the same command continues.
pub async fn undo(
    writer: &mut WriteSession,
    watch: &mut dyn Watch,
    repair: &Repair,
    limits: &RepairLimits,
    run_changed_rows: bool,
) -> Result<UndoOutcome> {
    let mut totals = BatchTotals::default();
    let (title, begun) = (repair.title(), Instant::now());
    watch.observe(&Event::Begun { doing: "undoing", what: &title, number: 1, of: 1 });
    let retry = UndoOps { repair, retry: true };
    let first = UndoOps { repair, retry: false };
    let skipped_before = RowRange { from: 1, to: repair.undone_to };
    let jobs = [
        BatchJob { repair, ops: &retry, range: skipped_before, total: repair.not_restored, limits },
        BatchJob {
            repair,
            ops: &first,
            range: RowRange { from: repair.undone_to + 1, to: repair.done_to },
            total: repair.changed,
            limits,
        },
    ];
    for job in jobs {
        if let Err(error) = batches(writer, watch, job, &mut totals).await {
            // Rows that a trigger rewrote count as skipped, but were changed.
            let skipped = if first.may_be_rewritten() { totals.skipped } else { 0 };
            let run_changed_rows = run_changed_rows || totals.changed + skipped > 0;
            let (changed, alternative) = (totals.changed, String::new());
            return Err(StoppedRepair { repair, changed, run_changed_rows, alternative }.failure(error));
        }
    }
    watch.observe(&Event::Done { what: &title, took: begun.elapsed() });
    let mut outcome = unrestored(writer, repair).await?;
    (outcome.restored, outcome.blockers) = (totals.changed, totals.blockers);
    outcome.refused = totals.refused;
    let what = format!("the record of undoing {}", repair.title());
    let ended = match outcome.held_back.rows {
        0 => format!("state = '{}', undone_by = {}, ", RepairState::Undone.word(), literal(writer.run())),
        // The same command tries to restore these rows again.
        _ => String::new(),
    };
    let record = format!(
        "UPDATE trueup.repairs SET {ended}kept = {} WHERE {}",
        outcome.edited.rows + outcome.rewritten.rows,
        repair.is_recorded()
    );
    writer.record(&what, &record, watch).await.map_err(|error| error.failure(&what, true))?;
    Ok(outcome)
}

/// Reads which rows do not have their old values, after the undo has gone through all of them.
async fn unrestored(writer: &mut WriteSession, repair: &Repair) -> Result<UndoOutcome> {
    let ops = UndoOps { repair, retry: true };
    let (restorable, from) = (ops.is_restorable(), ops.plan_with_table());
    let marked = |mark: char| format!("p.state OPERATOR(pg_catalog.=) '{mark}'");
    // A deleted row that was inserted again is not compared once more.
    let rewritten = match repair.action {
        Action::Update => format!("{} AND {restorable}", marked(state::REWRITTEN)),
        Action::Delete => marked(state::REWRITTEN),
    };
    let held_back = format!("{} AND {restorable}", marked(state::NOT_RESTORED));
    let edited = format!(
        "({} OR {}) AND ({held_back}) IS NOT TRUE AND ({rewritten}) IS NOT TRUE",
        marked(state::NOT_RESTORED),
        marked(state::REWRITTEN)
    );
    // The `=` of user-defined types is found by the project's search_path.
    let session = writer.read_session().await?;
    Ok(UndoOutcome {
        edited: UnrestoredRows::read(session, repair, &from, &edited).await?,
        held_back: UnrestoredRows::read(session, repair, &from, &held_back).await?,
        rewritten: UnrestoredRows::read(session, repair, &from, &rewritten).await?,
        ..UndoOutcome::default()
    })
}

impl UnrestoredRows {
    /// Reads the rows of a plan for which a condition holds.
    async fn read(session: &mut Session, repair: &Repair, from: &str, condition: &str) -> Result<Self> {
        let sql = format!(
            "{FORMATS}; SELECT {}, pg_catalog.count(*) OVER () AS rows FROM {from} WHERE {condition} ORDER BY p.n \
             LIMIT {MAX_LISTED}",
            repair.shown_key().join(", ")
        );
        let failed = |error| connection::server_failure(error, "reading which rows were not restored");
        let rows = session.query(sql).await.map_err(failed)?;
        Self::of(rows).map_err(|error| failed(error.into()))
    }

    /// Reads rows of keys. The last column of each is the number of all rows. Where there is no row, the number is 0.
    fn of(rows: Vec<OwnedRow>) -> Result<Self, RowError> {
        let count = rows.first().map(|row| row.get("rows")).transpose()?;
        let keys = rows.into_iter().map(|row| {
            let mut key = row.into_values();
            key.pop();
            key
        });
        Ok(Self { rows: count.unwrap_or(0), keys: keys.collect() })
    }
}

/// Reads what an undo would do now, on a session whose search_path is the project's. Nothing is written. How far an undo has
/// got is read with the rows: another one may be at work.
///
/// # Errors
/// Exit 4: a column is NOT NULL now, and an old value is NULL. Those of the server, in words.
pub async fn preview_undo(session: &mut Session, repair: &Repair) -> Result<UndoOutcome> {
    let ops = UndoOps { repair, retry: true };
    let (restorable, from) = (ops.is_restorable(), ops.plan_with_table());
    let now =
        |column: &str| format!("(SELECT r.{column} FROM trueup.repairs AS r WHERE {})", repair.is_recorded());
    let to_restore = format!(
        "(p.state IS NULL AND p.n OPERATOR(pg_catalog.>) {} AND p.n OPERATOR(pg_catalog.<=) {} OR {})",
        now("undone"),
        now("done"),
        ops.is_to_be_restored("p")
    );
    let old = repair.columns.iter().zip(numbered("p.o", repair.columns.len()));
    let required: Vec<_> = old.filter(|(column, _)| column.required).collect();
    let mut counts = vec![format!("pg_catalog.count(*) FILTER (WHERE {restorable}) AS restorable")];
    counts.extend(required.iter().zip(1..).map(|((_, old), number)| {
        format!("pg_catalog.count(*) FILTER (WHERE ({restorable}) AND {old} IS NULL) AS null{number}")
    }));
    let sql = format!("{FORMATS}; SELECT {} FROM {from} WHERE {to_restore}", counts.join(", "));
    let failed = |error| connection::server_failure(error, "reading what would be restored");
    let row = session.query_one(sql).await.map_err(failed)?;
    let count = |column: &str| row.get::<u64>(column).map_err(|error| failed(error.into()));
    for ((column, _), number) in required.iter().zip(1..) {
        if let rows @ 1.. = count(&format!("null{number}"))? {
            return Err(not_null(repair, &column.name, rows).into());
        }
    }
    let edited = format!("{to_restore} AND ({restorable}) IS NOT TRUE");
    let edited = UnrestoredRows::read(session, repair, &from, &edited).await?;
    let mut outcome = UndoOutcome { restored: count("restorable")?, edited, ..UndoOutcome::default() };
    if repair.action == Action::Delete {
        let rewritten = format!("p.state OPERATOR(pg_catalog.=) '{}'", state::REWRITTEN);
        outcome.rewritten = UnrestoredRows::read(session, repair, &from, &rewritten).await?;
    }
    Ok(outcome)
}

/// The failure about old values that are NULL, in a column that is NOT NULL now (exit 4).
fn not_null(repair: &Repair, column: &str, rows: u64) -> Failure {
    let (column, table) = (identifier(column), repair.table.qualified());
    let those = if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
    let what = format!(
        "run {} cannot be undone: column {column} of {table} is NOT NULL now, and would get NULL back in {those}; \
         nothing was changed",
        short_id(&repair.run)
    );
    Failure::new(Exit::Refused, what).next(format!(
        "trueup downgrade takes back the migration that made it so, or: ALTER TABLE {table} ALTER COLUMN {column} DROP \
         NOT NULL; then the same command again"
    ))
}

/// The statements of an undo's batches.
struct UndoOps<'r> {
    repair: &'r Repair,
    /// Whether the batches are about the rows that were not restored before. These rows may have what the repair wrote again.
    retry: bool,
}

impl UndoOps<'_> {
    /// The condition that a row `t` still has what the repair wrote.
    fn is_as_written(&self) -> String {
        let columns = &self.repair.columns;
        let now: Vec<String> = columns.iter().map(|column| column.recorded(&of("t", column))).collect();
        same_image(&now, &numbered("p.w", columns.len()))
    }

    /// The rows `p` of the plan for FROM, each with the row `t` of the table that has its key, if there is one.
    fn plan_with_table(&self) -> String {
        let Repair { table, .. } = self.repair;
        format!(
            "{} AS p LEFT JOIN {} AS t ON {}",
            self.repair.plan(),
            table.qualified(),
            self.repair.same_key()
        )
    }

    /// The condition that a row of [`Self::plan_with_table`] can be restored: nobody has edited it since the repair.
    fn is_restorable(&self) -> String {
        match self.repair.action {
            Action::Update => {
                format!("t.tableoid IS NOT NULL AND {}{}", self.is_as_written(), self.repair.no_cascade())
            }
            Action::Delete => format!("t.tableoid IS NULL{}", self.no_unique_value_is_taken()),
        }
    }

    /// The condition that no other row has a unique value of a row that was deleted. It is empty or begins with AND.
    fn no_unique_value_is_taken(&self) -> String {
        let Repair { table, columns, .. } = self.repair;
        let unique = table.keys.iter().filter(|key| key.valid && key.whole);
        let conditions = unique.filter_map(|key| {
            let names = key.columns.as_deref().unwrap_or_default();
            let same = names.iter().map(|name| {
                let position = columns.iter().position(|column| column.name == *name)?;
                let column = &columns[position];
                Some(column.equal(&of("u", column), &column.restored(&format!("p.o{}", position + 1))))
            });
            let same: Option<Vec<String>> = same.collect();
            same.filter(|same| !same.is_empty()).map(|same| {
                format!(
                    " AND NOT EXISTS (SELECT FROM {} AS u WHERE {})",
                    table.qualified(),
                    same.join(" AND ")
                )
            })
        });
        conditions.collect()
    }

    /// The condition that a row of the plan has a mark with which it is to be restored.
    fn is_to_be_restored(&self, alias: &str) -> String {
        if !self.retry {
            return format!("{alias}.state IS NULL");
        }
        let marks = match self.repair.action {
            Action::Update => format!("{},{}", state::NOT_RESTORED, state::REWRITTEN),
            Action::Delete => state::NOT_RESTORED.to_string(),
        };
        format!("{alias}.state OPERATOR(pg_catalog.=) ANY ('{{{marks}}}'::pg_catalog.\"char\"[])")
    }

    /// The condition that a row of the plan is in a range and is to be restored.
    fn is_in(&self, alias: &str, RowRange { from, to }: RowRange) -> String {
        format!(
            "{alias}.n OPERATOR(pg_catalog.>=) {from} AND {alias}.n OPERATOR(pg_catalog.<=) {to} AND {}",
            self.is_to_be_restored(alias)
        )
    }

    /// Whether a trigger may change the values that are written.
    fn may_be_rewritten(&self) -> bool {
        let fires = |trigger: &&Trigger| match self.repair.action {
            Action::Update => trigger.update,
            Action::Delete => trigger.insert,
        };
        self.repair.table.triggers.iter().filter(fires).any(|trigger| trigger.before && trigger.row)
    }

    /// The values that the table has now, for RETURNING: `, c1, ...`. It is empty where no trigger may change them.
    fn written_values(&self) -> String {
        if !self.may_be_rewritten() {
            return String::new();
        }
        let columns = self.repair.columns.iter().zip(1..);
        columns
            .map(|(column, number)| format!(", {} AS c{number}", column.recorded(&of("t", column))))
            .collect()
    }

    /// The statement that locks the rows for which a condition holds. It is needed where a foreign key may change further
    /// rows: the next statement sees the referring rows that were committed while this one waited for the locks.
    fn lock_rows(&self, condition: &str, skip_locked: bool) -> String {
        if self.repair.action == Action::Delete || !self.repair.may_cascade() {
            return String::new();
        }
        format!(
            "SELECT pg_catalog.count(*) FROM (SELECT FROM {} AS p JOIN {} AS t ON {} WHERE {condition} FOR UPDATE OF t{}) \
             AS locked;\n",
            self.repair.plan(),
            self.repair.table.qualified(),
            self.repair.same_key(),
            if skip_locked { " SKIP LOCKED" } else { "" }
        )
    }

    /// The common table expressions that restore the rows of a range: `back` writes them, and `given` has the numbers of the
    /// rows that were restored, with [`Self::written_values`].
    fn restore_rows(&self, rows: RowRange, skip_locked: bool) -> String {
        let Repair { table, columns, key, action, .. } = self.repair;
        let (plan, name, range) = (self.repair.plan(), table.qualified(), self.is_in("p", rows));
        let names: Vec<String> = columns.iter().map(|column| identifier(&column.name).into_owned()).collect();
        let old = columns.iter().zip(numbered("p.o", columns.len()));
        let old: Vec<String> = old.map(|(column, recorded)| column.restored(&recorded)).collect();
        match action {
            Action::Update => {
                let sets: Vec<String> =
                    names.iter().zip(&old).map(|(name, value)| format!("{name} = {value}")).collect();
                let source = if skip_locked {
                    format!(
                        "(SELECT p.* FROM {plan} AS p JOIN {name} AS t ON {} WHERE {range} FOR UPDATE OF t SKIP LOCKED)",
                        self.repair.same_key()
                    )
                } else {
                    plan
                };
                format!(
                    "back AS (UPDATE {name} AS t SET {} FROM {source} AS p WHERE {} AND {range} AND {}{} RETURNING p.n{}), \
                     given AS (SELECT * FROM back)",
                    sets.join(", "),
                    self.repair.same_key(),
                    self.is_as_written(),
                    self.repair.no_cascade(),
                    self.written_values()
                )
            }
            Action::Delete => {
                let keys = key.iter().zip(1..);
                let returned: Vec<String> = keys
                    .clone()
                    .map(|(column, number)| format!("{} AS k{number}", of("t", column)))
                    .collect();
                let same = keys.map(|(column, number)| {
                    column.equal(&format!("b.k{number}"), &column.restored(&format!("p.k{number}")))
                });
                let written = if self.may_be_rewritten() {
                    numbered(", b.c", columns.len()).concat()
                } else {
                    String::new()
                };
                format!(
                    "back AS (INSERT INTO {name} AS t ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {plan} AS p WHERE {range} \
                     ON CONFLICT DO NOTHING RETURNING {}{}), \
                     given AS (SELECT p.n{written} FROM {plan} AS p JOIN back AS b ON {} WHERE {range})",
                    names.join(", "),
                    old.join(", "),
                    returned.join(", "),
                    self.written_values(),
                    same.collect::<Vec<_>>().join(" AND ")
                )
            }
        }
    }

    /// The common table expression `marked`, which marks restored rows: a trigger rewrote them, or an earlier mark does not
    /// hold any more.
    fn mark_restored(&self) -> String {
        let Repair { columns, action, .. } = self.repair;
        let (old, written) = (numbered("p.o", columns.len()), numbered("g.c", columns.len()));
        let differs = match self.may_be_rewritten() {
            true => format!("NOT {}", same_image(&old, &written)),
            false => "false".to_owned(),
        };
        // From now on the row counts as edited when it does not have what the trigger wrote.
        let sets = match (self.may_be_rewritten(), action) {
            (true, Action::Update) => {
                (1..=columns.len()).map(|number| format!(", w{number} = g.c{number}")).collect()
            }
            _ => String::new(),
        };
        let among = if self.retry { String::new() } else { format!(" AND {differs}") };
        format!(
            "marked AS (UPDATE {} AS p SET state = CASE WHEN {differs} THEN '{}'::pg_catalog.\"char\" END{sets} \
             FROM given AS g WHERE p.n OPERATOR(pg_catalog.=) g.n{among} RETURNING p.state)",
            self.repair.plan(),
            state::REWRITTEN,
        )
    }
}

impl BatchOps for UndoOps<'_> {
    fn statements(&self, rows: RowRange, skip_locked: bool) -> String {
        let (range, to) = (self.is_in("p", rows), rows.to);
        // A trigger may have given an inserted row another key. Then more rows were written than are found by their keys.
        let mark = format!(
            "CASE WHEN (SELECT pg_catalog.count(*) FROM back) OPERATOR(pg_catalog.>) (SELECT pg_catalog.count(*) FROM given) \
             THEN '{}'::pg_catalog.\"char\" ELSE '{}'::pg_catalog.\"char\" END",
            state::REWRITTEN,
            state::NOT_RESTORED
        );
        let restored = "(SELECT pg_catalog.count(*) FROM given) OPERATOR(pg_catalog.-) (SELECT pg_catalog.count(*) FROM marked \
            WHERE state IS NOT NULL)";
        let skipped = "(SELECT pg_catalog.count(*) FROM missed) OPERATOR(pg_catalog.+) (SELECT pg_catalog.count(*) FROM marked \
            WHERE state IS NOT NULL)";
        let progress = match self.retry {
            true => String::new(),
            false => format!(", undone = {to}, kept = r.kept OPERATOR(pg_catalog.+) ({skipped})"),
        };
        format!(
            "{FEW_ROWS};\n{FORMATS};\n{}WITH {}, {}, \
             missed AS (UPDATE {} AS p SET state = {mark} WHERE {range} AND p.n NOT IN (SELECT n FROM given) RETURNING 1), \
             counted AS (UPDATE trueup.repairs AS r SET \
             restored = r.restored OPERATOR(pg_catalog.+) ({restored}){progress} WHERE {}) \
             SELECT {restored} AS changed, {skipped} AS skipped",
            self.lock_rows(&range, skip_locked),
            self.restore_rows(rows, skip_locked),
            self.mark_restored(),
            self.repair.plan(),
            self.repair.is_recorded()
        )
    }

    fn refer_to_each_other(&self) -> bool {
        self.repair.action == Action::Delete && !self.repair.table.own_keys.is_empty()
    }

    fn keys(&self, range: RowRange) -> String {
        self.repair.keys_as_json(&self.is_in("p", range))
    }

    fn links(&self, range: RowRange) -> String {
        self.repair.links(&|alias| self.is_in(alias, range))
    }

    fn comes_first(&self) -> LinkEnd {
        LinkEnd::Referenced
    }

    fn leave_out(&self, range: RowRange, _: WhyLeftOut) -> String {
        match self.retry {
            false => {
                let how = LeaveOut { mark: state::NOT_RESTORED, progress: "undone", count: "kept" };
                how.statement(self.repair, range)
            }
            // These rows have their mark already.
            true => format!(
                "SELECT 0 AS changed, pg_catalog.count(*) AS skipped FROM {} AS p WHERE {}",
                self.repair.plan(),
                self.is_in("p", range)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_whose_number_cannot_be_read_are_not_none() {
        let row = |count| OwnedRow::of(&[("k1", Some("7")), ("rows", count)]);
        let left = UnrestoredRows::of(vec![row(Some("3")), row(Some("3"))]).unwrap();
        assert_eq!((left.rows, left.keys.len(), &left.keys[0]), (3, 2, &vec![Some("7".to_owned())]));
        assert_eq!(UnrestoredRows::of(Vec::new()).unwrap().rows, 0);
        assert!(UnrestoredRows::of(vec![row(Some("three"))]).is_err());
        assert!(UnrestoredRows::of(vec![row(None)]).is_err());
    }
}
