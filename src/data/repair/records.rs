//! The records of repairs in `trueup.repairs`: which fixes were carried out, and how far each of them got.

use std::time::Duration;

use anyhow::Result;

use super::columns::{FORMATS, named, numbered, of};
use crate::data::checks::{Action, CheckedColumn, CheckedTable};
use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection::{self, FromValue, OwnedRow, Session};
use crate::postgres::sql::{identifier, literal, split_qualified};
use crate::text::short_id;
use crate::writer::{IdKind, StepLimits, Watch, Work, WriteSession};

/// The state of a repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RepairState {
    /// It is being carried out, or its process died.
    Planned,
    /// All of its rows were gone through.
    Done,
    /// Its process died before the last row. What it changed is recorded.
    Interrupted,
    /// It was undone. Rows that were not restored can be tried again.
    Undone,
    /// Its old values were removed.
    Pruned,
}

impl RepairState {
    const ALL: [Self; 5] = [Self::Planned, Self::Done, Self::Interrupted, Self::Undone, Self::Pruned];

    /// The word for it in the record.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Done => "done",
            Self::Interrupted => "broke off",
            Self::Undone => "undone",
            Self::Pruned => "pruned",
        }
    }
}

/// One fix that a run carries out, and where its plan is.
#[derive(Debug, Clone)]
pub struct Repair {
    /// The ULID of the run.
    pub run: String,
    /// The number of the repair in the run, from 1.
    pub number: u32,
    /// The name of the check.
    pub check: String,
    /// The name of the fix.
    pub fix: String,
    /// What the fix does to rows.
    pub action: Action,
    /// The table whose rows are changed.
    pub table: CheckedTable,
    /// The columns of the key.
    pub key: Vec<CheckedColumn>,
    /// The columns whose old values are recorded.
    pub columns: Vec<CheckedColumn>,
    /// The name of the plan's table in schema trueup.
    pub(super) plan_table: String,
    /// How many rows it is to change.
    pub planned: u64,
    /// The number of the plan's last row that is to be changed.
    pub(super) last_row: u64,
    /// The number of the plan's last row that the repair has gone through.
    pub(super) done_to: u64,
    /// How many rows it has changed.
    pub changed: u64,
    /// How many rows it has skipped, because other sessions had changed or locked them.
    pub skipped: u64,
    /// The state of the repair.
    pub state: RepairState,
    /// The number of the plan's last row that an undo has gone through.
    pub(super) undone_to: u64,
    /// How many rows the undo has not restored so far.
    pub(super) not_restored: u64,
}

impl Repair {
    /// The name of the repair in messages: `api_keys_have_a_user/organization_owner`.
    pub fn title(&self) -> String {
        format!("{}/{}", self.check, self.fix)
    }

    /// The table of its plan, qualified.
    pub(super) fn plan(&self) -> String {
        format!("trueup.{}", self.plan_table)
    }

    /// The condition that finds its record in `trueup.repairs`.
    pub(super) fn is_recorded(&self) -> String {
        format!(
            "run OPERATOR(pg_catalog.=) {} AND number OPERATOR(pg_catalog.=) {}",
            literal(&self.run),
            self.number
        )
    }

    /// The condition that a row `t` of the table has the key of a row `p` of the plan, whatever its version.
    pub(super) fn same_key(&self) -> String {
        let recorded = numbered("p.k", self.key.len());
        let same = self.key.iter().zip(&recorded);
        same.map(|(column, recorded)| column.equal(&of("t", column), &column.restored(recorded)))
            .collect::<Vec<_>>()
            .join(" AND ")
    }

    /// The key of a row `p` of the plan as texts that are shown: SQL expressions.
    pub(super) fn shown_key(&self) -> Vec<String> {
        let keys = numbered("p.k", self.key.len());
        keys.iter().map(|key| format!("pg_catalog.left(({key})::pg_catalog.text, 200)")).collect()
    }

    /// The statements that return the keys of the plan's rows for which a condition holds, as `refused_key`.
    pub(super) fn keys_as_json(&self, condition: &str) -> String {
        format!(
            "{FORMATS};\nSELECT pg_catalog.to_jsonb(ARRAY[{}])::pg_catalog.text AS refused_key FROM {} AS p \
             WHERE {condition} ORDER BY p.n",
            self.shown_key().join(", "),
            self.plan()
        )
    }

    /// The statement that records the repair.
    pub(super) fn insert(&self) -> String {
        let list = |columns: &[CheckedColumn]| {
            let names: Vec<String> = columns.iter().map(|column| literal(&column.name)).collect();
            format!("ARRAY[{}]::text[]", names.join(", "))
        };
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
            list(&self.key),
            list(&self.columns),
            literal(&self.plan_table),
            literal(RepairState::Planned.word())
        )
    }
}

/// A row of `trueup.repairs`, without its table.
#[derive(Debug, Clone)]
pub struct RepairRecord {
    /// The ULID of the run.
    pub run: String,
    /// The ULID of the run that undid the repair.
    pub undone_by: Option<String>,
    /// The state of the repair.
    pub state: RepairState,
    /// When the repair was planned, RFC 3339 in UTC.
    pub planned_at: String,
    number: u32,
    check: String,
    fix: String,
    action: Action,
    relation: String,
    relation_oid: u32,
    key: Vec<String>,
    columns: Vec<String>,
    plan_table: String,
    planned: u64,
    done_to: u64,
    changed: u64,
    skipped: u64,
    undone_to: u64,
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
            plan_table: row.get("rows_in")?,
            planned: row.get("planned")?,
            done_to: row.get("done")?,
            changed: row.get("changed")?,
            skipped: row.get("skipped")?,
            undone_to: row.get("undone")?,
            not_restored: row.get("kept")?,
        })
    }

    /// Whether an undo has nothing left to restore, whatever happens to the rows.
    fn is_undone(&self) -> bool {
        match self.state {
            RepairState::Undone => self.not_restored == 0,
            RepairState::Pruned => true,
            RepairState::Planned | RepairState::Done | RepairState::Interrupted => false,
        }
    }

    /// The failure of an undo that is not possible any more (exit 4).
    fn cannot_be_undone(&self, why: &str) -> Failure {
        let what = format!("run {} cannot be undone: {why}; nothing was changed", short_id(&self.run));
        Failure::new(Exit::Refused, what).next(format!("its old values are in trueup.{}", self.plan_table))
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

/// The query for the records for which a condition holds, the newest first.
fn records(condition: &str) -> String {
    format!("{SELECT} WHERE {condition} ORDER BY r.planned_at DESC, number DESC")
}

/// Reads records on the control connection. A database without such a table has none.
async fn read_records(writer: &mut WriteSession, condition: &str) -> Result<Vec<RepairRecord>> {
    if writer.mark().await?.is_none_or(|mark| mark.layout < 2) {
        return Ok(Vec::new());
    }
    let failed = |error| connection::server_failure(error, READING);
    let rows = writer.query_control(&records(condition)).await.map_err(failed)?;
    rows.iter().map(RepairRecord::of).collect::<Result<_>>().map_err(failed)
}

/// Reads all records on a session whose search_path is `pg_catalog, pg_temp`.
async fn read_all_records(session: &mut Session) -> Result<Vec<RepairRecord>> {
    let failed = |error| connection::server_failure(error, READING);
    let exists = "SELECT to_regclass('trueup.repairs') IS NOT NULL AS exists";
    if !session.scalar::<bool>(exists).await.map_err(failed)? {
        return Ok(Vec::new());
    }
    let rows = session.query(records("true")).await.map_err(failed)?;
    rows.iter().map(RepairRecord::of).collect::<Result<_>>().map_err(failed)
}

const READING: &str = "reading what was repaired";

/// A run that repaired rows.
#[derive(Debug)]
pub struct RepairedRun {
    /// The records of all its repairs, the last one first.
    pub records: Vec<RepairRecord>,
    /// The repairs that can be undone, the last one first, which is the order in which they are undone.
    pub repairs: Vec<Repair>,
}

/// Reads the repairs of a run, on a session whose search_path is `pg_catalog, pg_temp`. `run` may be abbreviated, see
/// [`IdKind::complete`].
///
/// # Errors
/// Exit 2: `run` is empty. Exit 4: `run` is too short, there is no such run, or a table or column that it changed was
/// dropped, renamed or changed since.
pub async fn repaired_run(session: &mut Session, run: &str) -> Result<RepairedRun> {
    let refuse = |what: String| {
        Failure::new(Exit::Refused, what)
            .code(ErrorCode::REPAIR_NOT_FOUND)
            .next("trueup status --runs lists the runs")
    };
    let all = read_all_records(session).await?;
    let Some(run) = IdKind::Run.complete(run, all.iter().map(|record| record.run.clone()))? else {
        let what = format!("run {} repaired nothing in this database that could be undone", short_id(run));
        return Err(refuse(what).into());
    };
    let records: Vec<RepairRecord> = all.into_iter().filter(|record| record.run == run).collect();
    if records.iter().any(|record| record.state == RepairState::Pruned && record.undone_by.is_none()) {
        let what = format!(
            "run {} cannot be undone: its old values were removed by trueup undo --prune; nothing was changed",
            short_id(&run)
        );
        return Err(Failure::new(Exit::Refused, what)
            .next("a backup of that time has them: trueup backup list")
            .into());
    }
    let mut repairs = Vec::new();
    for record in &records {
        if !record.is_undone() {
            repairs.push(repair_of(session, record).await?);
        }
    }
    Ok(RepairedRun { records, repairs })
}

/// The repair of a record, with its table as it is now.
///
/// # Errors
/// Exit 4: the table or a column was dropped, renamed or changed since.
async fn repair_of(session: &mut Session, record: &RepairRecord) -> Result<Repair> {
    let table = CheckedTable::read(session, &record.relation_oid.to_string()).await?;
    let Some(table) = table.filter(|table| table.qualified() == record.relation) else {
        let name = split_qualified(&record.relation).unwrap_or_default().join(".");
        let why = format!("table {name} was dropped, created again or renamed since");
        return Err(record.cannot_be_undone(&why).into());
    };
    let columns_of = |names: &[String]| {
        named(&table, names).ok_or_else(|| {
            let missing = names.iter().filter(|name| table.column(name).is_none());
            let missing: Vec<_> = missing.map(|name| identifier(name)).collect();
            let table = table.qualified();
            record
                .cannot_be_undone(&format!("columns of {table} are gone or renamed: {}", missing.join(", ")))
        })
    };
    let (key, columns) = (columns_of(&record.key)?, columns_of(&record.columns)?);
    if let Some(column) = column_of_another_type(session, record, &key, &columns).await? {
        let (name, table, now) = (identifier(&column.name), table.qualified(), &column.type_name);
        let why = format!("column {name} of {table} is of another type now, {now}");
        return Err(record.cannot_be_undone(&why).into());
    }
    Ok(Repair {
        run: record.run.clone(),
        number: record.number,
        check: record.check.clone(),
        fix: record.fix.clone(),
        action: record.action,
        key,
        columns,
        table,
        plan_table: record.plan_table.clone(),
        planned: record.planned,
        last_row: 0,
        done_to: record.done_to,
        changed: record.changed,
        skipped: record.skipped,
        state: record.state,
        undone_to: record.undone_to,
        not_restored: record.not_restored,
    })
}

/// A column of a table, and the column of a plan that records its values.
struct RecordedColumn<'r> {
    column: &'r CheckedColumn,
    name: String,
    /// Whether the types of the two must be the same. Otherwise they must be of one category.
    same_type: bool,
}

/// The first column whose type was changed since the plan was made, so that recorded values cannot be compared with it. For
/// the columns of a key, and for rows that are inserted again, a type of the same category is enough.
async fn column_of_another_type(
    session: &mut Session,
    record: &RepairRecord,
    key: &[CheckedColumn],
    columns: &[CheckedColumn],
) -> Result<Option<CheckedColumn>> {
    let keys = key.iter().zip(numbered("k", key.len()));
    let keys = keys.map(|(column, name)| RecordedColumn { column, name, same_type: false });
    let same_type = record.action == Action::Update;
    let old = columns.iter().zip(numbered("o", columns.len()));
    let old = old.map(|(column, name)| RecordedColumn { column, name, same_type });
    let recorded: Vec<RecordedColumn<'_>> = keys.chain(old).collect();
    let values = recorded.iter().enumerate().map(|(position, RecordedColumn { column, name, same_type })| {
        let now = literal(column.recorded_type());
        format!("({position}, '{name}', to_regtype({now}), {same_type})")
    });
    let sql = format!(
        "SELECT min(v.position) AS position FROM (VALUES {}) AS v (position, name, now, same_type) \
         JOIN pg_class AS c ON c.relnamespace = to_regnamespace('trueup') AND c.relname = {} \
         JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attname = v.name \
         JOIN pg_type AS k ON k.oid = a.atttypid JOIN pg_type AS n ON n.oid = v.now \
         WHERE CASE WHEN v.same_type THEN k.oid <> n.oid ELSE k.typcategory <> n.typcategory END",
        values.collect::<Vec<_>>().join(", "),
        literal(&record.plan_table)
    );
    let position: Option<usize> = session.scalar(sql).await?;
    Ok(position.and_then(|position| recorded.get(position)).map(|recorded| recorded.column.clone()))
}

/// A run whose process died before its repairs were done. What it changed stays, and can be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InterruptedRun {
    /// The ULID of the run.
    pub run: String,
    /// How many rows the run has changed.
    pub rows: u64,
}

/// The runs that were interrupted after they had changed rows, the last one first. The lock must be held: otherwise one of
/// them may still be running.
///
/// # Errors
/// Those of the server and the connection.
pub async fn interrupted_runs(writer: &mut WriteSession) -> Result<Vec<InterruptedRun>> {
    let condition = format!("state = {} AND changed > 0", literal(RepairState::Planned.word()));
    let mut runs: Vec<InterruptedRun> = Vec::new();
    for record in read_records(writer, &condition).await? {
        match runs.iter_mut().find(|run| run.run == record.run) {
            Some(run) => run.rows += record.changed,
            None => runs.push(InterruptedRun { run: record.run, rows: record.changed }),
        }
    }
    Ok(runs)
}

/// Removes the recorded old values of repairs that were planned longer ago than `age`, and returns their runs. With `dry_run`
/// it only returns the runs.
///
/// # Errors
/// Those of [`WriteSession::transaction`].
pub async fn prune(
    writer: &mut WriteSession,
    watch: &mut dyn Watch,
    age: Duration,
    dry_run: bool,
) -> Result<Vec<String>> {
    let condition = format!(
        "state NOT IN ('{}', '{}') AND planned_at < clock_timestamp() - interval '{} s'",
        RepairState::Planned.word(),
        RepairState::Pruned.word(),
        age.as_secs()
    );
    let old = read_records(writer, &condition).await?;
    let mut runs: Vec<String> = old.iter().map(|record| record.run.clone()).collect();
    runs.dedup();
    if dry_run || old.is_empty() {
        return Ok(runs);
    }
    let mut records = Vec::new();
    for record in &old {
        records.push(format!("DROP TABLE IF EXISTS trueup.{}", identifier(&record.plan_table)));
        records.push(format!(
            "UPDATE trueup.repairs SET state = '{}' WHERE run = {} AND number = {}",
            RepairState::Pruned.word(),
            literal(&record.run),
            record.number
        ));
    }
    let what = "removing old values";
    let limits = StepLimits {
        lock_timeout: Duration::from_secs(5),
        lock_budget: Duration::from_secs(30),
        max_duration: Duration::from_secs(60),
    };
    let records = records.join(";\n");
    let work = Work::records(what, &records, limits);
    writer.transaction(&work, watch).await.map_err(|error| error.failure(what, false))?;
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
