//! What a rehearsal found, as plain data for reports.

use serde::{Serialize, Serializer};
use smol_str::SmolStr;

use super::probe::RefusedProbe;
use super::rows::FilledTable;
use crate::changes::plan::Step;
use crate::findings::Finding;
use crate::postgres::lock_mode::LockMode;
use crate::project::Settings;
use crate::workflow::reports::plan_report::StopReport;
use crate::workflow::reports::target::TargetReport;

/// What the times of a rehearsal are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum TimesBasis {
    /// Tables without rows.
    EmptyTables,
    /// Rows that were made: from them the time on real rows is estimated.
    MadeRows,
    /// The rows of a backup: they are measured.
    RealRows,
}

/// The backup whose rows a rehearsal ran on.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RehearsedBackup {
    /// Its identifier.
    pub(crate) id: String,
    /// When it was taken, RFC 3339 in UTC.
    pub(crate) taken_at: String,
    /// How old it was, by the clock of this machine.
    pub(crate) age_seconds: Option<u64>,
    /// The name of the database that was backed up.
    pub(crate) database: String,
    /// Whether that is the database that the migrations are for.
    pub(crate) own: bool,
    /// The newest version that it has.
    pub(crate) version: Option<String>,
    /// How thoroughly it was verified before.
    pub(crate) verified: Option<&'static str>,
    /// The number of rows in all tables.
    pub(crate) rows: u64,
    /// The size of the database that was backed up, in bytes.
    pub(crate) database_bytes: u64,
    /// How much disk was asked for, in bytes.
    pub(crate) disk_bytes: u64,
    /// The migrations that the database has and the backup had not: they were applied before.
    pub(crate) applied_before: Vec<String>,
}

/// The seeds that were applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RehearsedSeeds {
    /// How many rows were inserted.
    pub(crate) inserted: usize,
    /// How many rows were updated.
    pub(crate) updated: usize,
    /// How long that took.
    pub(crate) milliseconds: u64,
}

/// A data check that ran without an error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RehearsedCheck {
    /// Its name.
    pub(crate) check: String,
    /// How long it took.
    pub(crate) milliseconds: u64,
    /// How many real rows it found; `None` where there are no real ones.
    pub(crate) rows: Option<u64>,
    /// How many it found before the migrations; `None` where it could not be run then, or there are no real ones.
    pub(crate) rows_before: Option<u64>,
}

/// A range of time.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub(crate) struct EstimatedTime {
    /// The least, in milliseconds.
    pub(crate) low_milliseconds: f64,
    /// The most, in milliseconds.
    pub(crate) high_milliseconds: f64,
}

/// How long one kind of session was refused at a table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct RefusedTime {
    /// The table, qualified and quoted.
    pub(crate) table: String,
    /// What was tried: `SELECT`, `UPDATE`, `SELECT FOR UPDATE` or `VACUUM`.
    pub(crate) action: &'static str,
    /// For how long, in milliseconds.
    pub(crate) milliseconds: u64,
}

/// A rehearsal.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Rehearsal {
    /// The database that was read; `None` where none was.
    pub(crate) target: Option<TargetReport>,
    /// The version of the throwaway server; `None` where nothing is pending.
    pub(crate) server: Option<String>,
    /// The newest migration that the database has; `None` for an empty one.
    pub(crate) from: Option<String>,
    /// How many migrations it has.
    pub(crate) applied: usize,
    /// What the times are of.
    pub(crate) times: TimesBasis,
    /// How many rows were made in each table; `None` where none were.
    pub(crate) rows: Option<u64>,
    /// The tables that were filled.
    pub(crate) filled: Vec<FilledTable>,
    /// The backup that was restored; `None` where none was.
    pub(crate) backup: Option<RehearsedBackup>,
    /// The rows that the project declares; `None` where it declares none, or they could not be applied.
    pub(crate) seeds: Option<RehearsedSeeds>,
    /// The data checks that ran without an error, after the migrations.
    pub(crate) checks: Vec<RehearsedCheck>,
    /// What other sessions were refused while the migrations ran; `None` where nobody tried.
    pub(crate) refused: Option<Vec<RefusedProbe>>,
    /// The pending migrations, in order.
    pub(crate) migrations: Vec<RehearsedMigration>,
    /// The command that does to the database what was rehearsed.
    #[serde(skip)]
    pub(crate) next: String,
    /// Why the rehearsal ends before the last pending migration.
    pub(crate) stop: Option<StopReport>,
    /// What went wrong.
    #[serde(serialize_with = "with_messages")]
    pub(crate) findings: Vec<Finding>,
    /// What is worth knowing.
    pub(crate) notes: Vec<String>,
}

/// A migration that was rehearsed.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct RehearsedMigration {
    /// Its version.
    pub(crate) version: String,
    /// Its name.
    pub(crate) name: String,
    /// Version and name.
    #[serde(skip)]
    pub(crate) title: String,
    /// Its file.
    pub(crate) file: String,
    /// Whether it is one transaction.
    pub(crate) transactional: bool,
    /// How long it took; `None` where it was not applied.
    pub(crate) milliseconds: Option<u64>,
    /// How long its down script took; `None` where that was not run.
    pub(crate) down_milliseconds: Option<u64>,
    /// How long it took the second time.
    pub(crate) again_milliseconds: Option<u64>,
    /// Its statements.
    pub(crate) statements: Vec<RehearsedStatement>,
    /// What other sessions were refused while it was applied.
    pub(crate) refused: Vec<RefusedTime>,
    /// The longest time for which others wait; `None` where nobody waits.
    pub(crate) blocks: Option<BlockingWindow>,
    /// The same for its down script.
    pub(crate) down_blocks: Option<BlockingWindow>,
}

/// A statement that was run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RehearsedStatement {
    /// The line that it begins on.
    pub(crate) line: usize,
    /// The column that it begins in.
    pub(crate) column: usize,
    /// Its first line, shortened.
    pub(crate) sql: String,
    /// How long it took; `None` where that is not known.
    pub(crate) milliseconds: Option<f64>,
    /// The locks that it takes on relations that were there before the rehearsal.
    pub(crate) locks: Vec<RehearsedLock>,
    /// The work that takes the longer the more rows there are: `rewrites public.users`.
    pub(crate) work: Vec<String>,
    /// How long it takes on the real rows, as far as that can be told.
    pub(crate) estimate: Option<EstimatedTime>,
    /// What that was estimated from.
    pub(crate) basis: Option<String>,
    /// Whether earlier work in the real database has corrected it.
    #[serde(skip)]
    pub(crate) corrected: bool,
    /// What other sessions were refused while it ran.
    pub(crate) refused: Vec<RefusedTime>,
}

/// A lock on a relation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RehearsedLock {
    /// The relation, qualified and quoted.
    pub(crate) relation: SmolStr,
    /// The mode, as the manual calls it.
    pub(crate) mode: &'static str,
    /// Who waits: `readers and writers`, `writers` or `nobody`.
    pub(crate) blocks: &'static str,
}

/// A time in which others wait.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct BlockingWindow {
    /// The line of the statement with which it begins.
    pub(crate) from_line: usize,
    /// The line of the last statement in it.
    pub(crate) to_line: usize,
    /// How long it is.
    pub(crate) milliseconds: f64,
    /// How long it is on the real rows, as far as that can be told.
    pub(crate) estimate: Option<EstimatedTime>,
    /// What is locked meanwhile.
    pub(crate) locks: Vec<RehearsedLock>,
}

impl BlockingWindow {
    /// The most that it may last, in milliseconds.
    pub(crate) fn longest(&self) -> f64 {
        self.estimate.map_or(self.milliseconds, |estimate| estimate.high_milliseconds)
    }
}

impl RefusedTime {
    /// The table, what was tried, and for how many milliseconds it was refused.
    pub(crate) fn parts(&self) -> (&str, &str, u64) {
        (&self.table, self.action, self.milliseconds)
    }
}

impl RehearsedLock {
    pub(super) fn of(relation: SmolStr, mode: LockMode) -> Self {
        let blocks = match (mode.blocks_readers(), mode.blocks_writers()) {
            (true, _) => "readers and writers",
            (false, true) => "writers",
            (false, false) => "nobody",
        };
        Self { relation, mode: mode.name(), blocks }
    }
}

impl Rehearsal {
    /// Forgets what was measured of the first migrations, to be measured again.
    pub(super) fn forget_times(&mut self, first: usize) {
        for migration in self.migrations.iter_mut().take(first) {
            (migration.milliseconds, migration.down_milliseconds, migration.again_milliseconds) =
                (None, None, None);
            migration.statements.clear();
            migration.refused.clear();
            (migration.blocks, migration.down_blocks) = (None, None);
        }
    }
}

impl RehearsedMigration {
    pub(super) fn of(settings: &Settings, step: &Step) -> Self {
        Self {
            version: step.version.to_string(),
            name: step.name.clone(),
            title: step.title.clone(),
            file: settings.project.display(&step.path),
            transactional: step.transactional,
            milliseconds: None,
            down_milliseconds: None,
            again_milliseconds: None,
            statements: Vec::new(),
            refused: Vec::new(),
            blocks: None,
            down_blocks: None,
        }
    }
}

/// The findings with what they say: it is in none of their other fields.
fn with_messages<S: Serializer>(findings: &[Finding], serializer: S) -> Result<S::Ok, S::Error> {
    #[derive(Serialize)]
    struct Told<'f> {
        #[serde(flatten)]
        finding: &'f Finding,
        message: String,
    }
    let told = findings.iter().map(|finding| Told { finding, message: finding.sentence() });
    serializer.collect_seq(told)
}
