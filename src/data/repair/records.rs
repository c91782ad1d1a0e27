//! What `trueup.repairs` says: which fixes were, and are being, carried out, and how far each is.

use std::time::Duration;

use anyhow::Result;

use super::columns::{named, numbered, of};
use crate::data::checks::{Action, CheckedColumn, CheckedTable};
use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection::{self, FromValue, OwnedRow, Session};
use crate::postgres::sql::{identifier, literal, split_qualified};
use crate::writer::{IdKind, StepLimits, Watch, Work, WriteSession};

/// What has become of a repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepairState {
    /// It is being carried out, or its process is gone.
    Planned,
    /// It came to its end.
    Done,
    /// Its process ended before; what it changed is known.
    BrokeOff,
    /// Its rows were given back; those that were kept can be tried again.
    Undone,
    /// Its before-images are gone.
    Pruned,
}

impl RepairState {
    const ALL: [Self; 5] = [Self::Planned, Self::Done, Self::BrokeOff, Self::Undone, Self::Pruned];

    /// As the record says it.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Done => "done",
            Self::BrokeOff => "broke off",
            Self::Undone => "undone",
            Self::Pruned => "pruned",
        }
    }
}

/// One fix of one run, and its rows.
#[derive(Debug, Clone)]
pub struct Repair {
    /// The run.
    pub run: String,
    /// Its number in the run.
    pub number: u32,
    /// The check.
    pub check: String,
    /// The fix.
    pub fix: String,
    /// What it does to rows.
    pub action: Action,
    /// The table.
    pub table: CheckedTable,
    /// The columns of the key.
    pub key: Vec<CheckedColumn>,
    /// The columns whose values are kept.
    pub columns: Vec<CheckedColumn>,
    pub(super) rows_in: String,
    /// How many rows it is to change.
    pub planned: u64,
    /// The number of the last row.
    pub(super) last: u64,
    /// The number up to which it is done.
    pub(super) done: u64,
    /// How many rows it has changed.
    pub changed: u64,
    /// How many rows were left out, as somebody had changed or locked them.
    pub skipped: u64,
    /// What has become of it.
    pub state: RepairState,
    pub(super) undone: u64,
    /// How many rows were kept when it was taken back, so far.
    pub(super) not_restored: u64,
}

impl Repair {
    /// `api_keys_have_a_user/organization_owner`
    pub fn title(&self) -> String {
        format!("{}/{}", self.check, self.fix)
    }

    /// The table of its rows, qualified.
    pub(super) fn rows_in(&self) -> String {
        format!("trueup.{}", self.rows_in)
    }

    /// The condition that finds its record.
    pub(super) fn record(&self) -> String {
        format!(
            "run OPERATOR(pg_catalog.=) {} AND number OPERATOR(pg_catalog.=) {}",
            literal(&self.run),
            self.number
        )
    }

    /// The condition that a row `t` of the table is the one that a row `p` of the plan is about, whatever its version.
    pub(super) fn same_key(&self) -> String {
        let kept = numbered("p.k", self.key.len());
        let same = self.key.iter().zip(&kept);
        same.map(|(column, kept)| column.equal(&of("t", column), &column.back(kept)))
            .collect::<Vec<_>>()
            .join(" AND ")
    }

    pub(super) fn insert(&self, columns: &[String]) -> String {
        let list = |names: &[String]| {
            let names: Vec<String> = names.iter().map(|name| literal(name)).collect();
            format!("ARRAY[{}]::text[]", names.join(", "))
        };
        let key: Vec<String> = self.key.iter().map(|column| column.name.clone()).collect();
        format!(
            "INSERT INTO trueup.repairs (run, number, check_name, fix, action, relation, relation_oid, key_columns, columns, \
             rows_in, planned, state) VALUES ({}, {}, {}, {}, {}, {}, {}, {}, {}, {}, 0, {})",
            literal(&self.run),
            self.number,
            literal(&self.check),
            literal(&self.fix),
            literal(self.action.word()),
            literal(&self.table.qualified()),
            self.table.oid,
            list(&key),
            list(columns),
            literal(&self.rows_in),
            literal(RepairState::Planned.word())
        )
    }
}

/// A row of `trueup.repairs`, without the table that it is about.
#[derive(Debug, Clone)]
pub struct RepairRecord {
    /// The run.
    pub run: String,
    /// The run that undid it.
    pub undone_by: Option<String>,
    /// What has become of it.
    pub state: RepairState,
    /// When it was planned, RFC 3339 in UTC.
    pub planned_at: String,
    number: u32,
    check: String,
    fix: String,
    action: Action,
    relation: String,
    relation_oid: u32,
    key: Vec<String>,
    columns: Vec<String>,
    rows_in: String,
    planned: u64,
    done: u64,
    changed: u64,
    skipped: u64,
    undone: u64,
    not_restored: u64,
}

impl RepairRecord {
    fn of(row: &OwnedRow) -> Result<Self> {
        let names = |column: &str| -> Result<Vec<String>> { Ok(serde_json::from_str(row.get(column)?)?) };
        Ok(Self {
            run: row.get("run")?,
            undone_by: row.get("undone_by")?,
            state: row.get("state")?,
            planned_at: row.get("planned_at")?,
            number: row.get("number")?,
            check: row.get("check_name")?,
            fix: row.get("fix")?,
            action: row.get("action")?,
            relation: row.get("relation")?,
            relation_oid: row.get("relation_oid")?,
            key: names("key_columns")?,
            columns: names("columns")?,
            rows_in: row.get("rows_in")?,
            planned: row.get("planned")?,
            done: row.get("done")?,
            changed: row.get("changed")?,
            skipped: row.get("skipped")?,
            undone: row.get("undone")?,
            not_restored: row.get("kept")?,
        })
    }

    /// Whether no row can be restored any more, whatever becomes of the rows.
    fn is_undone(&self) -> bool {
        match self.state {
            RepairState::Undone => self.not_restored == 0,
            RepairState::Pruned => true,
            RepairState::Planned | RepairState::Done | RepairState::BrokeOff => false,
        }
    }
}

impl FromValue<'_> for RepairState {
    const EXPECTED: &'static str = "a state of a repair";

    fn from_text(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == text)
    }
}

impl FromValue<'_> for Action {
    const EXPECTED: &'static str = "update or delete";

    fn from_text(text: &str) -> Option<Self> {
        [Self::Update, Self::Delete].into_iter().find(|action| action.word() == text)
    }
}

const SELECT: &str = "SELECT run, number, check_name, fix, action, relation, relation_oid, \
    array_to_json(key_columns) AS key_columns, array_to_json(columns) AS columns, rows_in, planned, done, changed, \
    skipped, state, undone, undone_by, \
    to_char(r.planned_at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') AS planned_at, kept \
    FROM trueup.repairs AS r";

async fn recorded(writer: &mut WriteSession, condition: &str) -> Result<Vec<RepairRecord>> {
    if writer.mark().await?.is_none_or(|mark| mark.layout < 2) {
        return Ok(Vec::new());
    }
    let failed = |error| connection::server_failure(error, "reading what was repaired");
    let sql = format!("{SELECT} WHERE {condition} ORDER BY r.planned_at DESC, number DESC");
    let rows = writer.query_control(&sql).await.map_err(failed)?;
    rows.iter().map(RepairRecord::of).collect::<Result<_>>().map_err(failed)
}

/// A run that repaired rows.
#[derive(Debug)]
pub struct RepairedRun {
    /// The records of all its repairs, the last one first.
    pub records: Vec<RepairRecord>,
    /// The repairs that can be undone, the last one first, which is the order in which they are undone.
    pub repairs: Vec<Repair>,
}

/// The repairs of a run. `run` may be abbreviated, see [`IdKind::complete`].
///
/// # Errors
/// Exit 2: `run` is empty. Exit 4: it is too short, there is no such run, or its table is not what it was.
pub async fn find(writer: &mut WriteSession, run: &str) -> Result<RepairedRun> {
    let refuse = |what: String| {
        Failure::new(Exit::Refused, what)
            .code(ErrorCode::REPAIR_NOT_FOUND)
            .next("trueup status --runs lists the runs")
    };
    let all = recorded(writer, "true").await?;
    let Some(run) = IdKind::Run.complete(run, all.iter().map(|one| one.run.clone()))? else {
        let what = format!("run {run} repaired nothing in this database that could be undone");
        return Err(refuse(what).into());
    };
    let records: Vec<RepairRecord> = all.into_iter().filter(|one| one.run == run).collect();
    if records.iter().any(|one| one.state == RepairState::Pruned && one.undone_by.is_none()) {
        let what = format!(
            "run {run} cannot be undone: its old values were removed by trueup undo --prune; nothing was changed"
        );
        return Err(Failure::new(Exit::Refused, what)
            .next("a backup of that time has them: trueup backup list")
            .into());
    }
    let mut repairs = Vec::new();
    for record in &records {
        if !record.is_undone() {
            repairs.push(repair(writer, record).await?);
        }
    }
    Ok(RepairedRun { records, repairs })
}

async fn repair(writer: &mut WriteSession, record: &RepairRecord) -> Result<Repair> {
    let session = writer.read_session().await?;
    session.execute("SET search_path = pg_catalog, pg_temp").await?;
    let table = CheckedTable::of(session, &record.relation_oid.to_string()).await?;
    let gone = |what: String| {
        Failure::new(
            Exit::Refused,
            format!("run {} cannot be undone: {what}; nothing was changed", record.run),
        )
        .next(format!("its old values are in trueup.{}", record.rows_in))
    };
    let Some(table) = table.filter(|table| table.qualified() == record.relation) else {
        let parts = split_qualified(&record.relation).unwrap_or_default().join(".");
        return Err(gone(format!("table {parts} was dropped, created again or renamed since")).into());
    };
    let columns = |names: &[String]| {
        let lacks = names.iter().filter(|name| table.column(name).is_none());
        let lacks: Vec<_> = lacks.map(|name| identifier(name)).collect();
        let (of, lacks) = (table.qualified(), lacks.join(", "));
        named(&table, names).ok_or_else(|| gone(format!("columns of {of} are gone or renamed: {lacks}")))
    };
    let (key, set) = (columns(&record.key)?, columns(&record.columns)?);
    if let Some(column) = differing(session, record, &key, &set).await? {
        let (name, now) = (identifier(&column.name), &column.type_name);
        return Err(
            gone(format!("column {name} of {} is of another type now, {now}", table.qualified())).into()
        );
    }
    Ok(Repair {
        run: record.run.clone(),
        number: record.number,
        check: record.check.clone(),
        fix: record.fix.clone(),
        action: record.action,
        key,
        columns: set,
        table,
        rows_in: record.rows_in.clone(),
        planned: record.planned,
        last: 0,
        done: record.done,
        changed: record.changed,
        skipped: record.skipped,
        state: record.state,
        undone: record.undone,
        not_restored: record.not_restored,
    })
}

/// The first column whose type is another than that of the values kept of it, so that these cannot be held against it. Of a
/// key, and of rows that are inserted again, types of one category do.
async fn differing(
    session: &mut Session,
    record: &RepairRecord,
    key: &[CheckedColumn],
    columns: &[CheckedColumn],
) -> Result<Option<CheckedColumn>> {
    let exactly = record.action == Action::Update;
    let kept = key.iter().zip(numbered("k", key.len())).map(|kept| (kept, false));
    let kept: Vec<_> =
        kept.chain(columns.iter().zip(numbered("o", columns.len())).map(|kept| (kept, exactly))).collect();
    let now = kept.iter().zip(0..).map(|(((column, name), exactly), place)| {
        let now = literal(column.kept_type());
        format!("({place}, '{name}', to_regtype({now}), {exactly})")
    });
    let sql = format!(
        "SELECT min(v.place) AS place FROM (VALUES {}) AS v (place, name, now, exactly) \
         JOIN pg_class AS c ON c.relnamespace = to_regnamespace('trueup') AND c.relname = {} \
         JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = v.name \
         JOIN pg_type AS k ON k.oid = a.atttypid JOIN pg_type AS n ON n.oid = v.now \
         WHERE CASE WHEN v.exactly THEN k.oid <> n.oid ELSE k.typcategory <> n.typcategory END",
        now.collect::<Vec<_>>().join(", "),
        literal(&record.rows_in)
    );
    let place: Option<usize> = session.scalar(sql).await?;
    Ok(place.and_then(|place| kept.get(place)).map(|((column, _), _)| (*column).clone()))
}

/// A run that ended before its repairs did. What it changed stays, and can be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterruptedRun {
    /// The run's ULID.
    pub run: String,
    /// How many rows it has changed.
    pub rows: u64,
}

/// The runs that were interrupted after they had changed rows, the last one first. The lock must be held: otherwise one of
/// them may still be running.
///
/// # Errors
/// The connection's.
pub async fn latest(writer: &mut WriteSession) -> Result<Vec<InterruptedRun>> {
    let records =
        recorded(writer, &format!("state = {} AND changed > 0", literal(RepairState::Planned.word())))
            .await?;
    let mut runs: Vec<InterruptedRun> = Vec::new();
    for record in records {
        match runs.iter_mut().find(|run| run.run == record.run) {
            Some(run) => run.rows += record.changed,
            None => runs.push(InterruptedRun { run: record.run, rows: record.changed }),
        }
    }
    Ok(runs)
}

/// Removes the before-images of repairs that are older; with `dry_run` only tells. Returns the runs.
///
/// # Errors
/// The door's.
pub async fn prune(
    writer: &mut WriteSession,
    watch: &mut dyn Watch,
    older: Duration,
    dry_run: bool,
) -> Result<Vec<String>> {
    let condition = format!(
        "state NOT IN ('{}', '{}') AND planned_at < clock_timestamp() - interval '{} s'",
        RepairState::Planned.word(),
        RepairState::Pruned.word(),
        older.as_secs()
    );
    let old = recorded(writer, &condition).await?;
    let mut runs: Vec<String> = old.iter().map(|one| one.run.clone()).collect();
    runs.dedup();
    if dry_run || old.is_empty() {
        return Ok(runs);
    }
    let mut records = Vec::new();
    for one in &old {
        records.push(format!("DROP TABLE IF EXISTS trueup.{}", identifier(&one.rows_in)));
        records.push(format!(
            "UPDATE trueup.repairs SET state = '{}' WHERE run = {} AND number = {}",
            RepairState::Pruned.word(),
            literal(&one.run),
            one.number
        ));
    }
    let what = "removing before-images";
    let limits = StepLimits {
        lock_timeout: Duration::from_secs(5),
        lock_budget: Duration::from_secs(30),
        max_duration: Duration::from_secs(60),
    };
    let records = records.join(";\n");
    writer
        .transaction(&Work::records(what, &records, limits), watch)
        .await
        .map_err(|trouble| trouble.failure(what, false))?;
    Ok(runs)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(column: &str, value: Option<&str>) -> OwnedRow {
        let mut columns = [
            ("run", Some("01JRUN")),
            ("number", Some("1")),
            ("check_name", Some("keys_have_a_user")),
            ("fix", Some("owner")),
            ("action", Some("update")),
            ("relation", Some("public.keys")),
            ("relation_oid", Some("16400")),
            ("key_columns", Some("[\"id\"]")),
            ("columns", Some("[\"user_id\"]")),
            ("rows_in", Some("repair_01jrun_1")),
            ("planned", Some("3")),
            ("done", Some("3")),
            ("changed", Some("2")),
            ("skipped", Some("1")),
            ("state", Some("done")),
            ("undone", Some("0")),
            ("undone_by", None),
            ("planned_at", Some("2026-01-01T00:00:00Z")),
            ("kept", Some("0")),
        ];
        columns.iter_mut().filter(|(name, _)| *name == column).for_each(|(_, old)| *old = value);
        OwnedRow::of(&columns)
    }

    #[test]
    fn a_record_that_cannot_be_read_is_an_error() {
        let record = RepairRecord::of(&row("", None)).unwrap();
        assert_eq!((record.changed, record.action, record.state), (2, Action::Update, RepairState::Done));
        for (column, value) in [
            ("changed", Some("two")),
            ("changed", None),
            ("kept", Some("-1")),
            ("action", Some("truncate")),
            ("state", Some("half done")),
            ("key_columns", Some("{id}")),
        ] {
            assert!(RepairRecord::of(&row(column, value)).is_err(), "{column}: {value:?}");
        }
    }
}
