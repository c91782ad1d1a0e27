//! What trueup keeps in a database for itself, schema `trueup`: the environment mark, runs, steps, and what was
//! recorded of applied migrations. It is read with the rest of a look and in the same messages; only where the schema
//! is there is anything asked of it.
//!
//! Whoever owns a database could put something else by these names there: nothing is read from what is not a plain
//! table as trueup makes it. Nothing here judges or writes.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, anyhow};
use serde::Serialize;

use crate::migrations::history::{Applied, Found, HistoryTable, OwnTable};
use crate::migrations::{Migration, checksum};
use crate::postgres::connection::Row;
use crate::writer::{Mark, with_lock_key};

const MARK: &str = include_str!("internal_state/mark.sql");
const OPEN_RUNS: &str = include_str!("internal_state/open_runs.sql");
const STEPS: &str = include_str!("internal_state/steps.sql");
const RECORDED: &str = include_str!("internal_state/recorded.sql");
const TEXTS: &str = "SELECT version FROM trueup.migrations";
const BACKUP: &str = include_str!("internal_state/backup.sql");
const RUNS: &str = include_str!("internal_state/runs.sql");
const REPAIRS: &str = include_str!("internal_state/repairs.sql");
const HOLDER: &str = include_str!("internal_state/holder.sql");

/// Types by oid (`pg_type.dat`).
const BIGINT: u32 = 20;
const SMALLINT: u32 = 21;
const INTEGER: u32 = 23;
const TEXT: u32 = 25;
const NAME: u32 = 19;
const INET: u32 = 869;
const TIME: u32 = 1184;
const UUID: u32 = 2950;

/// The columns that are read, per table.
const TABLES: [(&str, &[(&str, u32)]); 6] = [
    (
        "repairs",
        &[("run", TEXT), ("state", TEXT), ("changed", BIGINT), ("restored", BIGINT), ("kept", BIGINT)],
    ),
    ("mark", &[("layout", INTEGER), ("project", TEXT), ("environment", TEXT), ("id", UUID)]),
    (
        "runs",
        &[
            ("id", TEXT),
            ("command", TEXT),
            ("arguments", TEXT),
            ("version", TEXT),
            ("role", NAME),
            ("os_user", TEXT),
            ("os_host", TEXT),
            ("client_addr", INET),
            ("backend_pid", INTEGER),
            ("started_at", TIME),
            ("ended_at", TIME),
            ("outcome", TEXT),
            ("exit_code", SMALLINT),
            ("message", TEXT),
            ("reason", TEXT),
        ],
    ),
    (
        "steps",
        &[
            ("run", TEXT),
            ("number", INTEGER),
            ("action", TEXT),
            ("version", BIGINT),
            ("name", TEXT),
            ("statement", INTEGER),
            ("text", TEXT),
            ("state", TEXT),
            ("started_at", TIME),
            ("detail", TEXT),
        ],
    ),
    (
        "migrations",
        &[("version", BIGINT), ("name", TEXT), ("sql", TEXT), ("effects", TEXT), ("applied_at", TIME)],
    ),
    ("seeds", &[("relation", TEXT), ("key", TEXT), ("seeded", TEXT)]),
];

/// What trueup keeps in a database.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct InternalState {
    /// The newest backup that a run took before its change, as JSON; only where it was asked for.
    pub backup: Option<String>,
    /// The environment mark.
    pub mark: Option<Mark>,
    /// Runs that have not ended, the newest first.
    pub open_runs: Vec<Run>,
    /// Migrations that broke off, or are being carried out right now, by version: the step that came last.
    pub unfinished: Vec<UnfinishedStep>,
    /// What was recorded of applied migrations that the project lacks, or that are not as they were applied.
    pub recorded: BTreeMap<i64, Recorded>,
    /// The versions whose texts are kept; empty unless it was asked for.
    pub texts: BTreeSet<i64>,
}

/// A run that has not ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Run {
    /// Its ULID.
    pub id: String,
    /// The command.
    pub command: String,
    /// By the server's clock, RFC 3339 in UTC.
    pub started_at: String,
    /// The role.
    pub role: String,
    /// Who ran it, where.
    pub os_user: String,
    /// The machine it ran on.
    pub os_host: String,
    /// The backend that held the lock for it.
    pub backend_pid: i32,
    /// Whether that backend holds the lock now. Locks are not seen on a standby.
    pub alive: bool,
    /// Whether no run has begun since.
    pub latest: bool,
    /// How many rows its repairs have changed, where they can be taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoable: Option<u64>,
}

/// The last step of a migration that is not settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct UnfinishedStep {
    /// The run that it was a step of.
    pub run: String,
    /// Its number in the run.
    pub number: i32,
    /// `apply` or `revert`.
    pub action: String,
    /// The migration's version.
    pub version: i64,
    /// The migration's name.
    pub name: String,
    /// Which statement of the script it was, from 1.
    pub statement: Option<i32>,
    /// The statement, at most 10,000 characters of it.
    pub text: Option<String>,
    /// `started`, `failed` or `done`: in the last case the statements after it have not begun.
    pub state: String,
    /// When it began, by the server's clock, RFC 3339 in UTC.
    pub started_at: String,
    /// What the server said.
    pub detail: Option<String>,
}

/// What was recorded of a migration when it was applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its name then.
    pub name: String,
    /// Its text.
    pub sql: String,
    /// Its effects, as lines of `trueup.lock`.
    pub effects: Option<String>,
}

/// A run of the audit log.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LoggedRun {
    /// Its ULID.
    pub id: String,
    /// The command.
    pub command: String,
    /// Its arguments, without secrets.
    pub arguments: String,
    /// trueup's version.
    pub version: String,
    /// The role.
    pub role: String,
    /// Who ran it.
    pub os_user: String,
    /// The machine it ran on.
    pub os_host: String,
    /// The address that the server saw.
    pub client_addr: Option<String>,
    /// By the server's clock, RFC 3339 in UTC.
    pub started_at: String,
    /// `None`: it runs, or broke off.
    pub ended_at: Option<String>,
    /// How it ended.
    pub outcome: Option<String>,
    /// With which exit code.
    pub exit_code: Option<i16>,
    /// What it said.
    pub message: Option<String>,
    /// The reason that somebody gave.
    pub reason: Option<String>,
    /// How many rows its repairs have changed, where they can be taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undoable: Option<u64>,
}

/// Who holds trueup's lock. What the role may not see of another session is `None`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Holder {
    /// The backend.
    pub pid: i32,
    /// Its role.
    pub role: Option<String>,
    /// Its `application_name`.
    pub application: Option<String>,
    /// The client's address; `None` through a socket, too.
    pub client_addr: Option<String>,
    /// When the session began, RFC 3339 in UTC.
    pub since: Option<String>,
    /// `active`, `idle`, `idle in transaction`, ...
    pub state: Option<String>,
    /// Its present query, or the last one.
    pub query: Option<String>,
}

impl UnfinishedStep {
    /// `V3__add_username`.
    pub fn label(&self) -> String {
        format!("V{}__{}", self.version, self.name)
    }
}

impl InternalState {
    /// The run of this ULID when it goes on right now.
    pub fn running(&self, run: &str) -> Option<&Run> {
        self.open_runs.iter().find(|open| open.id == run && open.alive)
    }
}

/// Which of trueup's tables are there, and what may be read of them.
#[derive(Debug, Default)]
pub(super) struct InternalTables(Vec<OwnTable>);

impl InternalTables {
    /// Takes over those of what was found.
    pub(super) fn of(found: &[Found]) -> Self {
        Self(found.iter().filter_map(OwnTable::of).collect())
    }

    fn usable(&self, name: &str) -> bool {
        let columns = TABLES.iter().find(|(table, _)| *table == name).map(|(_, columns)| *columns);
        let table = self.0.iter().find(|table| table.name == name);
        table.zip(columns).is_some_and(|(table, columns)| table.readable && table.is_genuine(columns))
    }

    /// What is there and was not read, and why: for people.
    pub(super) fn notes(&self) -> Vec<String> {
        let named = |tables: Vec<&str>| tables.join(", trueup.");
        let (mut hidden, mut strange) = (Vec::new(), Vec::new());
        for (name, columns) in TABLES {
            match self.0.iter().find(|table| table.name == name) {
                Some(table) if !table.is_genuine(columns) => strange.push(name),
                Some(table) if !table.readable => hidden.push(name),
                _ => {}
            }
        }
        let mut notes = Vec::new();
        if !hidden.is_empty() {
            notes.push(format!(
                "this role may not read trueup.{}: what trueup recorded there is not taken into account",
                named(hidden)
            ));
        }
        if !strange.is_empty() {
            notes.push(format!("not as trueup makes it, and therefore not read: trueup.{}", named(strange)));
        }
        notes
    }

    /// The statements of what is always asked.
    pub(super) fn queries(&self) -> Vec<Query> {
        let steps = self.usable("steps") && self.usable("migrations");
        [(self.usable("mark"), Query::Mark), (self.usable("runs"), Query::OpenRuns), (steps, Query::Steps)]
            .into_iter()
            .filter_map(|(usable, query)| usable.then_some(query))
            .collect()
    }

    /// Whether it can be asked what was seeded.
    pub(super) fn has_seeds(&self) -> bool {
        self.usable("seeds")
    }

    /// Whether there is something that says what was seeded, and it cannot be asked.
    pub(super) fn hides_seeds(&self) -> bool {
        !self.has_seeds() && self.0.iter().any(|table| table.name == "seeds")
    }

    /// The statement of the versions whose texts are kept.
    pub(super) fn texts(&self) -> Option<Query> {
        self.usable("migrations").then_some(Query::Texts)
    }

    /// The statement of the newest backup before a change.
    pub(super) fn backup(&self) -> Option<Query> {
        self.usable("steps").then_some(Query::Backup)
    }

    /// The statement of the audit log's newest rows.
    pub(super) fn log(&self, limit: u32) -> Option<Query> {
        self.usable("runs").then_some(Query::Runs { limit })
    }

    /// Whether there is an audit log that is not read.
    pub(super) fn hides_runs(&self) -> bool {
        !self.usable("runs") && self.0.iter().any(|table| table.name == "runs")
    }

    /// The statement of which runs can be taken back, after those of the runs.
    pub(super) fn repairs(&self) -> Option<Query> {
        self.usable("repairs").then_some(Query::Repairs)
    }

    /// The statement of the migrations that the history has otherwise than the project's files: at least those that
    /// [`not_as_applied`] counts.
    pub(super) fn recorded(&self, migrations: &[Migration], history: Option<&HistoryTable>) -> Option<Query> {
        let history = history.filter(|_| self.usable("migrations"))?;
        let written =
            |migration: &Migration| (migration.version, checksum::written(migration, history.width));
        Some(Query::Recorded { history: history.path(), files: migrations.iter().map(written).collect() })
    }
}

/// The versions that were applied and that the project lacks, or whose recorded checksum is not that of the file.
pub(super) fn not_as_applied(migrations: &[Migration], applied: &[Applied]) -> BTreeSet<i64> {
    let known: BTreeMap<i64, &Migration> =
        migrations.iter().map(|migration| (migration.version, migration)).collect();
    let wanted = applied.iter().filter(|row| {
        !known.get(&row.version).is_some_and(|migration| {
            row.checksum.is_some_and(|recorded| checksum::accepts(migration, recorded))
        })
    });
    wanted.map(|row| row.version).collect()
}

/// One statement about what trueup keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Query {
    Mark,
    OpenRuns,
    Steps,
    /// `files`: versions and checksums of the project's files, as a history has them.
    Recorded {
        history: String,
        files: Vec<(i64, u64)>,
    },
    Texts,
    Backup,
    Runs {
        limit: u32,
    },
    Repairs,
    Holder,
}

impl Query {
    pub(super) fn sql(&self) -> String {
        match self {
            Self::Mark => MARK.to_owned(),
            Self::OpenRuns => with_lock_key(OPEN_RUNS),
            Self::Steps => STEPS.to_owned(),
            Self::Recorded { history, files } => {
                let files = files.iter().map(|(version, checksum)| format!("{version}:{checksum}"));
                let files = files.collect::<Vec<_>>().join(",");
                RECORDED.replace("{files}", &format!("{{{files}}}")).replace("{history}", history)
            }
            Self::Texts => TEXTS.to_owned(),
            Self::Backup => BACKUP.to_owned(),
            Self::Runs { limit } => RUNS.replace("{limit}", &limit.to_string()),
            Self::Repairs => REPAIRS.to_owned(),
            Self::Holder => with_lock_key(HOLDER),
        }
    }
}

/// What the statements answer, row by row.
#[derive(Debug, Default)]
pub(super) struct Answers {
    internal: InternalState,
    log: Vec<LoggedRun>,
    holder: Option<Holder>,
}

impl Answers {
    /// Takes over a row of a statement.
    pub(super) fn row(&mut self, query: &Query, row: &Row<'_>) -> Result<()> {
        match query {
            Query::Mark => self.internal.mark = Some(mark(row)?),
            Query::OpenRuns => self.internal.open_runs.push(open_run(row)?),
            Query::Steps => self.internal.unfinished.push(step(row)?),
            Query::Recorded { .. } => {
                let (version, recorded) = recorded(row)?;
                self.internal.recorded.insert(version, recorded);
            }
            Query::Backup => self.internal.backup = optional(row, 0),
            Query::Texts => drop(self.internal.texts.insert(number(row, 0)?)),
            Query::Runs { .. } => self.log.push(logged_run(row)?),
            Query::Repairs => {
                let (run, rows) = (text(row, 0), number(row, 1)?);
                if let Some(logged) = self.log.iter_mut().find(|logged| logged.id == run) {
                    logged.undoable = Some(rows);
                }
                if let Some(open) = self.internal.open_runs.iter_mut().find(|open| open.id == run) {
                    open.undoable = Some(rows);
                }
            }
            Query::Holder => self.holder = Some(holder(row)?),
        }
        Ok(())
    }

    /// What it comes to, beside the history: a migration that the history has was applied, whatever its steps say.
    pub(super) fn finish(self, applied: &[Applied]) -> (InternalState, Vec<LoggedRun>, Option<Holder>) {
        let Self { mut internal, log, holder } = self;
        let applied: BTreeSet<i64> = applied.iter().map(|row| row.version).collect();
        internal.unfinished.retain(|step| applied.contains(&step.version) == (step.action == "revert"));
        (internal, log, holder)
    }
}

fn mark(row: &Row<'_>) -> Result<Mark> {
    Ok(Mark {
        layout: number(row, 0)?,
        project: text(row, 1),
        environment: optional(row, 2),
        id: text(row, 3),
    })
}

fn open_run(row: &Row<'_>) -> Result<Run> {
    Ok(Run {
        id: text(row, 0),
        command: text(row, 1),
        started_at: text(row, 2),
        role: text(row, 3),
        os_user: text(row, 4),
        os_host: text(row, 5),
        backend_pid: number(row, 6)?,
        alive: row.text(7) == Some("t"),
        latest: row.text(8) == Some("t"),
        undoable: None,
    })
}

fn step(row: &Row<'_>) -> Result<UnfinishedStep> {
    Ok(UnfinishedStep {
        run: text(row, 0),
        number: number(row, 1)?,
        action: text(row, 2),
        version: number(row, 3)?,
        name: text(row, 4),
        statement: row.text(5).map(str::parse).transpose()?,
        text: optional(row, 6),
        state: text(row, 7),
        started_at: text(row, 8),
        detail: optional(row, 9),
    })
}

fn recorded(row: &Row<'_>) -> Result<(i64, Recorded)> {
    let recorded = Recorded { name: text(row, 1), sql: text(row, 2), effects: optional(row, 3) };
    Ok((number(row, 0)?, recorded))
}

fn logged_run(row: &Row<'_>) -> Result<LoggedRun> {
    Ok(LoggedRun {
        id: text(row, 0),
        command: text(row, 1),
        arguments: text(row, 2),
        version: text(row, 3),
        role: text(row, 4),
        os_user: text(row, 5),
        os_host: text(row, 6),
        client_addr: optional(row, 7),
        started_at: text(row, 8),
        ended_at: optional(row, 9),
        outcome: optional(row, 10),
        exit_code: row.text(11).map(str::parse).transpose()?,
        message: optional(row, 12),
        reason: optional(row, 13),
        undoable: None,
    })
}

fn holder(row: &Row<'_>) -> Result<Holder> {
    Ok(Holder {
        pid: number(row, 0)?,
        role: optional(row, 1),
        application: optional(row, 2).filter(|name| !name.is_empty()),
        client_addr: optional(row, 3),
        since: optional(row, 4),
        state: optional(row, 5),
        query: optional(row, 6).filter(|query| !query.is_empty() && query != "<insufficient privilege>"),
    })
}

fn text(row: &Row<'_>, column: usize) -> String {
    row.text(column).unwrap_or_default().to_owned()
}

fn optional(row: &Row<'_>, column: usize) -> Option<String> {
    row.text(column).map(str::to_owned)
}

fn number<N: std::str::FromStr>(row: &Row<'_>, column: usize) -> Result<N> {
    let text = row.text(column).unwrap_or_default();
    text.parse().map_err(|_| anyhow!("a table of schema trueup has {text:?} in place of a number"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_statements_that_look_for_histories_and_own_tables_know_them_all() {
        let probe = crate::migrations::history::PROBE;
        let relations = include_str!("../postgres/catalog/reader/sql/relations.sql");
        let tables = TABLES.iter().map(|(name, _)| *name);
        for name in tables.chain(crate::migrations::history::tables()) {
            for sql in [probe, relations] {
                assert!(sql.contains(&format!("'{name}'")), "{name}: {sql}");
            }
        }
    }

    #[test]
    fn the_lock_is_asked_for_by_its_halves() {
        assert_eq!(crate::writer::ADVISORY_LOCK, 8_390_876_182_742_073_344);
        let sql = Query::Holder.sql();
        assert!(sql.contains("classid = '1953653102' AND l.objid = '1923121152'"), "{sql}");
        assert!(!sql.contains('{'), "{sql}");
    }

    #[test]
    fn a_migration_in_the_history_is_unfinished_only_when_it_is_taken_back() {
        let step = |action: &str, version| UnfinishedStep {
            run: "01J".into(),
            number: 1,
            action: action.into(),
            version,
            name: "a".into(),
            statement: None,
            text: None,
            state: "started".into(),
            started_at: String::new(),
            detail: None,
        };
        let unfinished = vec![step("apply", 1), step("apply", 2), step("revert", 1), step("revert", 2)];
        let answers = Answers {
            internal: InternalState { unfinished, ..InternalState::default() },
            ..Answers::default()
        };
        let row = Applied { version: 1, name: "a".into(), applied_on: String::new(), checksum: None };
        let (internal, ..) = answers.finish(&[row]);
        let left: Vec<_> =
            internal.unfinished.iter().map(|step| (step.action.as_str(), step.version)).collect();
        assert_eq!(left, [("apply", 2), ("revert", 1)]);
    }
}
