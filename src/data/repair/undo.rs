//! Giving the rows of a repair their old values back, where they still have what the repair wrote.

use std::time::Instant;

use anyhow::Result;

use super::batch::{BatchJob, BatchOps, BatchTotals, FEW, RowRange, batches};
use super::columns::{FORMATS, numbered, of, same_image};
use super::records::{Repair, RepairState};
use super::run::{LeftOut, StoppedRepair};
use super::{RepairLimits, state};
use crate::data::checks::{Action, Trigger};
use crate::error::{Exit, Failure};
use crate::postgres::connection::{self, OwnedRow, RowError};
use crate::postgres::sql::{identifier, literal};
use crate::writer::{Blocker, Event, Watch, WriteSession};

/// How many rows that do not have their old values are listed.
const MOST: usize = 100;

/// What came of taking a repair back, or would.
#[derive(Debug, Clone, Default)]
pub struct UndoOutcome {
    /// Rows that have their old values again.
    pub restored: u64,
    /// Rows that are not as the repair left them.
    pub edited: UnrestoredRows,
    /// Rows that are, and were not given back: others held locks, or the table itself did not take them.
    pub held_back: UnrestoredRows,
    /// Rows that a trigger gave other values than their old ones.
    pub rewritten: UnrestoredRows,
    /// Who held locks.
    pub blockers: Vec<Blocker>,
}

/// Rows that do not have their old values.
#[derive(Debug, Clone, Default)]
pub struct UnrestoredRows {
    /// How many.
    pub rows: u64,
    /// The keys of the first, values as the server prints them.
    pub keys: Vec<Vec<Option<String>>>,
}

/// Takes one back. The same again goes on where it was, and tries once more what was kept before.
///
/// # Errors
/// Exit 5 when nothing of the run stays, 6 when something does.
pub async fn undo(
    writer: &mut WriteSession,
    watch: &mut dyn Watch,
    repair: &Repair,
    pace: &RepairLimits,
    run_changed_rows: bool,
) -> Result<UndoOutcome> {
    let mut totals = BatchTotals::default();
    let (title, begun) = (repair.title(), Instant::now());
    watch.observe(&Event::Begun { doing: "undoing", what: &title, number: 1, of: 1 });
    let again = UndoOps { repair, again: true };
    let first = UndoOps { repair, again: false };
    let skipped_before = RowRange { from: 1, to: repair.undone };
    let jobs = [
        BatchJob { repair, ops: &again, range: skipped_before, total: repair.not_restored, pace },
        BatchJob {
            repair,
            ops: &first,
            range: RowRange { from: repair.undone + 1, to: repair.done },
            total: repair.changed,
            pace,
        },
    ];
    for job in jobs {
        if let Err(error) = batches(writer, watch, job, &mut totals).await {
            // Rows that a trigger rewrote count as skipped, but were changed.
            let skipped = if first.is_rewritten() { totals.skipped } else { 0 };
            let run_changed_rows = run_changed_rows || totals.changed + skipped > 0;
            let (changed, alternative) = (totals.changed, String::new());
            return Err(StoppedRepair { repair, changed, run_changed_rows, alternative }.failure(error));
        }
    }
    watch.observe(&Event::Done { what: &title, took: begun.elapsed() });
    let mut undone = left(writer, repair).await?;
    (undone.restored, undone.blockers) = (totals.changed, totals.blockers);
    let what = format!("the record of taking back {}", repair.title());
    let ended = match undone.held_back.rows {
        0 => format!("state = '{}', undone_by = {}, ", RepairState::Undone.word(), literal(writer.run())),
        // Those are still to be given back.
        _ => String::new(),
    };
    let record = format!(
        "UPDATE trueup.repairs SET {ended}kept = {} WHERE {}",
        undone.edited.rows + undone.rewritten.rows,
        repair.record()
    );
    writer.record(&what, &record, watch).await.map_err(|trouble| trouble.failure(&what, true))?;
    Ok(undone)
}

/// Which rows do not have their old values, when all of them were gone through.
async fn left(writer: &mut WriteSession, repair: &Repair) -> Result<UndoOutcome> {
    let ops = UndoOps { repair, again: true };
    let (given, from) = (ops.can_be_given(), ops.beside_the_table());
    let marked = |mark: char| format!("p.state OPERATOR(pg_catalog.=) '{mark}'");
    // What a trigger made of a row that was deleted is not looked at again.
    let rewritten = match repair.action {
        Action::Update => format!("{} AND {given}", marked(state::REWRITTEN)),
        Action::Delete => marked(state::REWRITTEN),
    };
    let held = format!("{} AND {given}", marked(state::NOT_RESTORED));
    let kept = format!(
        "({} OR {}) AND ({held}) IS NOT TRUE AND ({rewritten}) IS NOT TRUE",
        marked(state::NOT_RESTORED),
        marked(state::REWRITTEN)
    );
    let mut undone = UndoOutcome::default();
    for (left, condition) in
        [(&mut undone.edited, kept), (&mut undone.held_back, held), (&mut undone.rewritten, rewritten)]
    {
        *left = UnrestoredRows::of(writer, repair, &from, &condition).await?;
    }
    Ok(undone)
}

impl UnrestoredRows {
    /// The rows of a plan for which a condition holds.
    async fn of(writer: &mut WriteSession, repair: &Repair, from: &str, condition: &str) -> Result<Self> {
        let sql = format!(
            "{FORMATS}; SELECT {}, pg_catalog.count(*) OVER () AS rows FROM {from} WHERE {condition} ORDER BY p.n LIMIT {MOST}",
            shown(repair)
        );
        // With the project's search_path, where the `=` of its types is.
        let session = writer.read_session().await?;
        let failed = |error| connection::server_failure(error, "looking which rows are kept");
        let rows = session.query(sql).await.map_err(failed)?;
        Self::read(rows).map_err(|error| failed(error.into()))
    }

    /// Reads rows of keys, each of which has the number of all of them as its last column. No row is none.
    fn read(rows: Vec<OwnedRow>) -> Result<Self, RowError> {
        let count = rows.first().map(|row| row.get("rows")).transpose()?;
        let keys = rows.into_iter().map(|row| {
            let mut key = row.into_values();
            key.pop();
            key
        });
        Ok(Self { rows: count.unwrap_or(0), keys: keys.collect() })
    }
}

/// What taking it back would do now.
///
/// # Errors
/// Exit 4 when the table would not take the old values; the server's, in words.
pub async fn would_undo(writer: &mut WriteSession, repair: &Repair) -> Result<UndoOutcome> {
    let ops = UndoOps { repair, again: true };
    let (given, from) = (ops.can_be_given(), ops.beside_the_table());
    let open = format!(
        "(p.state IS NULL AND p.n OPERATOR(pg_catalog.>) {} AND p.n OPERATOR(pg_catalog.<=) {} OR {})",
        repair.undone,
        repair.done,
        ops.open("p")
    );
    let old = repair.columns.iter().zip(numbered("p.o", repair.columns.len()));
    let required: Vec<_> = old.filter(|(column, _)| column.required).collect();
    let nulls = required.iter().map(|(_, old)| format!("({given}) AND {old} IS NULL"));
    let counts: Vec<String> = std::iter::once(given.clone())
        .chain(nulls)
        .map(|condition| format!("pg_catalog.count(*) FILTER (WHERE {condition})"))
        .collect();
    let sql = format!("{FORMATS}; SELECT {} FROM {from} WHERE {open}", counts.join(", "));
    let session = writer.read_session().await?;
    let failed = |error| connection::server_failure(error, "reading what would be restored");
    let row = session.query_one(sql).await.map_err(failed)?;
    let number = |column: usize| row.at::<u64>(column).map_err(|error| failed(error.into()));
    for (place, (column, _)) in required.iter().enumerate() {
        if let rows @ 1.. = number(1 + place)? {
            return Err(not_null(repair, &column.name, rows).into());
        }
    }
    let edited =
        UnrestoredRows::of(writer, repair, &from, &format!("{open} AND ({given}) IS NOT TRUE")).await?;
    let mut undone = UndoOutcome { restored: number(0)?, edited, ..UndoOutcome::default() };
    if repair.action == Action::Delete {
        let rewritten = format!("p.state OPERATOR(pg_catalog.=) '{}'", state::REWRITTEN);
        undone.rewritten = UnrestoredRows::of(writer, repair, &from, &rewritten).await?;
    }
    Ok(undone)
}

fn not_null(repair: &Repair, column: &str, rows: u64) -> Failure {
    let (column, table) = (identifier(column), repair.table.qualified());
    let those = if rows == 1 { "1 row".to_owned() } else { format!("{rows} rows") };
    let what = format!(
        "run {} cannot be undone: column {column} of {table} is NOT NULL now, and would get NULL back in {those}; \
         nothing was changed",
        repair.run
    );
    Failure::new(Exit::Refused, what).next(format!(
        "trueup downgrade takes back the migration that made it so, or: ALTER TABLE {table} ALTER COLUMN {column} DROP \
         NOT NULL; then the same command again"
    ))
}

/// The key of a plan's row, for people.
fn shown(repair: &Repair) -> String {
    let keys = numbered("p.k", repair.key.len());
    keys.iter()
        .map(|key| format!("pg_catalog.left(({key})::pg_catalog.text, 200)"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The statements of the batches.
struct UndoOps<'r> {
    repair: &'r Repair,
    /// Whether it is about the rows that were kept before: those may be as the repair left them again, or still.
    again: bool,
}

impl UndoOps<'_> {
    /// Whether a row still has what the repair wrote.
    fn as_written(&self) -> String {
        let columns = &self.repair.columns;
        let now: Vec<String> = columns.iter().map(|column| column.kept(&of("t", column))).collect();
        same_image(&now, &numbered("p.w", columns.len()))
    }

    /// The rows of the plan, each with the one of its key in the table, if there is one.
    fn beside_the_table(&self) -> String {
        let Repair { table, .. } = self.repair;
        format!(
            "{} AS p LEFT JOIN {} AS t ON {}",
            self.repair.rows_in(),
            table.qualified(),
            self.repair.same_key()
        )
    }

    /// Whether a row of [`Self::beside_the_table`] can be given back: it is as the repair left it.
    fn can_be_given(&self) -> String {
        match self.repair.action {
            Action::Update => {
                format!("t.tableoid IS NOT NULL AND {}{}", self.as_written(), self.repair.alone())
            }
            Action::Delete => format!("t.tableoid IS NULL{}", self.free()),
        }
    }

    /// What else of a row that was deleted is unique, and was not taken by another since.
    fn free(&self) -> String {
        let Repair { table, columns, .. } = self.repair;
        let unique = table.keys.iter().filter(|key| key.valid && key.whole);
        let taken = unique.filter_map(|key| {
            let names = key.columns.as_deref().unwrap_or_default();
            let same = names.iter().map(|name| {
                let place = columns.iter().position(|column| column.name == *name)?;
                let column = &columns[place];
                Some(column.equal(&of("u", column), &column.back(&format!("p.o{}", place + 1))))
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
        taken.collect()
    }

    /// Whether a row of the plan is one to be given back, as it is marked.
    fn open(&self, alias: &str) -> String {
        if !self.again {
            return format!("{alias}.state IS NULL");
        }
        let kept = match self.repair.action {
            Action::Update => format!("{},{}", state::NOT_RESTORED, state::REWRITTEN),
            Action::Delete => state::NOT_RESTORED.to_string(),
        };
        format!("{alias}.state OPERATOR(pg_catalog.=) ANY ('{{{kept}}}'::pg_catalog.\"char\"[])")
    }

    fn range(&self, alias: &str, RowRange { from, to }: RowRange) -> String {
        format!(
            "{alias}.n OPERATOR(pg_catalog.>=) {from} AND {alias}.n OPERATOR(pg_catalog.<=) {to} AND {}",
            self.open(alias)
        )
    }

    /// Whether a trigger may write other values than it was given.
    fn is_rewritten(&self) -> bool {
        let fires = |trigger: &&Trigger| match self.repair.action {
            Action::Update => trigger.update,
            Action::Delete => trigger.insert,
        };
        self.repair.table.triggers.iter().filter(fires).any(|trigger| trigger.before && trigger.row)
    }

    /// What the table has now, as `, c1, ...`, where a trigger may have written it.
    fn found(&self) -> String {
        if !self.is_rewritten() {
            return String::new();
        }
        let columns = self.repair.columns.iter().zip(1..);
        columns.map(|(column, number)| format!(", {} AS c{number}", column.kept(&of("t", column)))).collect()
    }

    /// Where other rows may be changed with those of a range, they are locked first: what came to refer to them meanwhile is
    /// seen by the next statement.
    fn locking(&self, range: &str, skip_locked: bool) -> String {
        if self.repair.action == Action::Delete || !self.repair.sets_off() {
            return String::new();
        }
        format!(
            "SELECT pg_catalog.count(*) FROM (SELECT FROM {} AS p JOIN {} AS t ON {} WHERE {range} FOR UPDATE OF t{}) AS locked;\n",
            self.repair.rows_in(),
            self.repair.table.qualified(),
            self.repair.same_key(),
            if skip_locked { " SKIP LOCKED" } else { "" }
        )
    }

    /// The statement that gives the rows of a range their old values, as `back`; and `given`, the numbers of those that
    /// have come back, with what they have now.
    fn restoring(&self, rows: RowRange, skip_locked: bool) -> String {
        let Repair { table, columns, key, action, .. } = self.repair;
        let (plan, name, range) = (self.repair.rows_in(), table.qualified(), self.range("p", rows));
        let names: Vec<String> = columns.iter().map(|column| identifier(&column.name).into_owned()).collect();
        let old = columns.iter().zip(numbered("p.o", columns.len()));
        let old: Vec<String> = old.map(|(column, kept)| column.back(&kept)).collect();
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
                    self.as_written(),
                    self.repair.alone(),
                    self.found()
                )
            }
            Action::Delete => {
                let keys = key.iter().zip(1..);
                let returned: Vec<String> = keys
                    .clone()
                    .map(|(column, number)| format!("{} AS k{number}", of("t", column)))
                    .collect();
                let same = keys.map(|(column, number)| {
                    column.equal(&format!("b.k{number}"), &column.back(&format!("p.k{number}")))
                });
                let found = if self.is_rewritten() {
                    numbered(", b.c", columns.len()).concat()
                } else {
                    String::new()
                };
                format!(
                    "back AS (INSERT INTO {name} AS t ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM {plan} AS p WHERE {range} \
                     ON CONFLICT DO NOTHING RETURNING {}{}), \
                     given AS (SELECT p.n{found} FROM {plan} AS p JOIN back AS b ON {} WHERE {range})",
                    names.join(", "),
                    old.join(", "),
                    returned.join(", "),
                    self.found(),
                    same.collect::<Vec<_>>().join(" AND ")
                )
            }
        }
    }

    /// The statement that marks rows that have come back: those that a trigger rewrote, and that others were kept before.
    fn marking(&self) -> String {
        let Repair { columns, action, .. } = self.repair;
        let (old, found) = (numbered("p.o", columns.len()), numbered("g.c", columns.len()));
        let differs = match self.is_rewritten() {
            true => format!("NOT {}", same_image(&old, &found)),
            false => "false".to_owned(),
        };
        // What the trigger wrote is what the row has as long as nobody edits it.
        let written = match (self.is_rewritten(), action) {
            (true, Action::Update) => {
                (1..=columns.len()).map(|number| format!(", w{number} = g.c{number}")).collect()
            }
            _ => String::new(),
        };
        let among = if self.again { String::new() } else { format!(" AND {differs}") };
        format!(
            "marked AS (UPDATE {} AS p SET state = CASE WHEN {differs} THEN '{}'::pg_catalog.\"char\" END{written} \
             FROM given AS g WHERE p.n OPERATOR(pg_catalog.=) g.n{among} RETURNING p.state)",
            self.repair.rows_in(),
            state::REWRITTEN,
        )
    }
}

impl BatchOps for UndoOps<'_> {
    fn statements(&self, rows: RowRange, skip_locked: bool) -> String {
        let (range, to) = (self.range("p", rows), rows.to);
        // A row that came back under another key is one of those that did not come under theirs.
        let mark = format!(
            "CASE WHEN (SELECT pg_catalog.count(*) FROM back) OPERATOR(pg_catalog.>) (SELECT pg_catalog.count(*) FROM given) \
             THEN '{}'::pg_catalog.\"char\" ELSE '{}'::pg_catalog.\"char\" END",
            state::REWRITTEN,
            state::NOT_RESTORED
        );
        let restored = "(SELECT pg_catalog.count(*) FROM given) OPERATOR(pg_catalog.-) (SELECT pg_catalog.count(*) FROM marked \
            WHERE state IS NOT NULL)";
        let kept = "(SELECT pg_catalog.count(*) FROM missed) OPERATOR(pg_catalog.+) (SELECT pg_catalog.count(*) FROM marked \
            WHERE state IS NOT NULL)";
        let progress = match self.again {
            true => String::new(),
            false => format!(", undone = {to}, kept = r.kept OPERATOR(pg_catalog.+) ({kept})"),
        };
        format!(
            "{FEW};\n{FORMATS};\n{}WITH {}, {}, \
             missed AS (UPDATE {} AS p SET state = {mark} WHERE {range} AND p.n NOT IN (SELECT n FROM given) RETURNING 1), \
             counted AS (UPDATE trueup.repairs AS r SET \
             restored = r.restored OPERATOR(pg_catalog.+) ({restored}){progress} WHERE {}) SELECT {restored} AS changed, {kept} AS skipped",
            self.locking(&range, skip_locked),
            self.restoring(rows, skip_locked),
            self.marking(),
            self.repair.rows_in(),
            self.repair.record()
        )
    }

    fn refer_to_each_other(&self) -> bool {
        self.repair.action == Action::Delete && self.repair.table.refers_to_itself
    }

    fn leave_out(&self, range: RowRange) -> String {
        match self.again {
            false => {
                let how = LeftOut { mark: state::NOT_RESTORED, progress: "undone", count: "kept" };
                how.statement(self.repair, range)
            }
            // They are marked already.
            true => format!(
                "SELECT 0 AS changed, pg_catalog.count(*) AS skipped FROM {} AS p WHERE {}",
                self.repair.rows_in(),
                self.range("p", range)
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
        let left = UnrestoredRows::read(vec![row(Some("3")), row(Some("3"))]).unwrap();
        assert_eq!((left.rows, left.keys.len(), &left.keys[0]), (3, 2, &vec![Some("7".to_owned())]));
        assert_eq!(UnrestoredRows::read(Vec::new()).unwrap().rows, 0);
        assert!(UnrestoredRows::read(vec![row(Some("three"))]).is_err());
        assert!(UnrestoredRows::read(vec![row(None)]).is_err());
    }
}
