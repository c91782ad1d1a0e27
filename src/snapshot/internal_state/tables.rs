//! Which of trueup's tables a database has, and which of them may be read.

use super::query::InternalQuery;
use crate::migrations::history::{HistoryTable, InternalTable, TableCandidate};
use crate::migrations::{Migration, checksum};

/// The oids of types (`pg_type.dat`).
const BIGINT: u32 = 20;
const SMALLINT: u32 = 21;
const INTEGER: u32 = 23;
const TEXT: u32 = 25;
const NAME: u32 = 19;
const INET: u32 = 869;
const TIME: u32 = 1184;
const UUID: u32 = 2950;

/// The tables, and the columns that are read of each.
pub(super) const TABLES: [(&str, &[(&str, u32)]); 6] = [
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
            ("ended_at", TIME),
            ("detail", TEXT),
        ],
    ),
    (
        "migrations",
        &[
            ("version", BIGINT),
            ("name", TEXT),
            ("sql", TEXT),
            ("effects", TEXT),
            ("run", TEXT),
            ("applied_at", TIME),
        ],
    ),
    ("seeds", &[("relation", TEXT), ("key", TEXT), ("seeded", TEXT)]),
];

/// Which of trueup's tables exist, and what may be read of them.
#[derive(Debug, Default)]
pub(in crate::snapshot) struct InternalTables(Vec<InternalTable>);

impl InternalTables {
    /// Takes trueup's tables from the relations that have the name of a history or of such a table.
    pub(in crate::snapshot) fn of(found: &[TableCandidate]) -> Self {
        Self(found.iter().filter_map(InternalTable::of).collect())
    }

    fn usable(&self, name: &str) -> bool {
        let columns = TABLES.iter().find(|(table, _)| *table == name).map(|(_, columns)| *columns);
        let table = self.0.iter().find(|table| table.name == name);
        table.zip(columns).is_some_and(|(table, columns)| table.readable && table.is_genuine(columns))
    }

    /// Which tables exist and are not read, and why: for people.
    pub(in crate::snapshot) fn notes(&self) -> Vec<String> {
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

    /// The statements that every snapshot needs.
    pub(in crate::snapshot) fn queries(&self) -> Vec<InternalQuery> {
        let steps = self.usable("steps") && self.usable("migrations");
        [
            (self.usable("mark"), InternalQuery::Mark),
            (self.usable("runs"), InternalQuery::OpenRuns),
            (steps, InternalQuery::Steps),
        ]
        .into_iter()
        .filter_map(|(usable, query)| usable.then_some(query))
        .collect()
    }

    /// Whether the record of seeded rows can be read.
    pub(in crate::snapshot) fn has_seeds(&self) -> bool {
        self.usable("seeds")
    }

    /// Whether there is a record of seeded rows that cannot be read.
    pub(in crate::snapshot) fn hides_seeds(&self) -> bool {
        !self.has_seeds() && self.0.iter().any(|table| table.name == "seeds")
    }

    /// The statement that reads which versions have a recorded text.
    pub(in crate::snapshot) fn texts(&self) -> Option<InternalQuery> {
        self.usable("migrations").then_some(InternalQuery::Texts)
    }

    /// The statement that reads how long statements took before.
    pub(in crate::snapshot) fn earlier(&self) -> Option<InternalQuery> {
        self.usable("steps").then_some(InternalQuery::Earlier)
    }

    /// Whether there are records of steps that cannot be read.
    pub(in crate::snapshot) fn hides_steps(&self) -> bool {
        !self.usable("steps") && self.0.iter().any(|table| table.name == "steps")
    }

    /// The statement that reads what people have recorded for deploys.
    pub(in crate::snapshot) fn attested(&self) -> Option<InternalQuery> {
        self.usable("steps").then_some(InternalQuery::Attested)
    }

    /// The statement that reads what the newest adoption accepted.
    pub(in crate::snapshot) fn accepted(&self) -> Option<InternalQuery> {
        let usable = ["runs", "steps", "migrations"].iter().all(|table| self.usable(table));
        usable.then_some(InternalQuery::Accepted)
    }

    /// The statement that reads the newest backup before a change.
    pub(in crate::snapshot) fn backup(&self) -> Option<InternalQuery> {
        self.usable("steps").then_some(InternalQuery::Backup)
    }

    /// The statement that reads the newest `limit` runs of the audit log.
    pub(in crate::snapshot) fn log(&self, limit: u32) -> Option<InternalQuery> {
        self.usable("runs").then_some(InternalQuery::Runs { limit })
    }

    /// Whether there is an audit log that cannot be read.
    pub(in crate::snapshot) fn hides_runs(&self) -> bool {
        !self.usable("runs") && self.0.iter().any(|table| table.name == "runs")
    }

    /// The statement that reads which runs can be undone. It comes after those that read the runs.
    pub(in crate::snapshot) fn repairs(&self) -> Option<InternalQuery> {
        self.usable("repairs").then_some(InternalQuery::Repairs)
    }

    /// The statement that reads the records of migrations whose history row differs from the project's file: at least
    /// those of [`super::not_as_applied`].
    pub(in crate::snapshot) fn recorded(
        &self,
        migrations: &[Migration],
        history: Option<&HistoryTable>,
    ) -> Option<InternalQuery> {
        let history = history.filter(|_| self.usable("migrations"))?;
        let written =
            |migration: &Migration| (migration.version, checksum::written(migration, history.width));
        Some(InternalQuery::Recorded {
            history: history.path(),
            files: migrations.iter().map(written).collect(),
        })
    }
}
