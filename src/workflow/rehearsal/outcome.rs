//! What a rehearsal found, as plain data for reports.

use serde::Serialize;
use smol_str::SmolStr;

use super::estimate::EstimatedTime;
use super::probe::RefusedProbe;
use super::rows::FilledTable;
use crate::changes::plan::Step;
use crate::findings::Finding;
use crate::postgres::lock_mode::LockMode;
use crate::project::Settings;
use crate::workflow::reports::plan_report::StopReport;
use crate::workflow::reports::target::TargetReport;

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
    /// How many rows were made in each table; `None` where none were.
    pub(crate) rows: Option<u64>,
    /// The tables that were filled.
    pub(crate) filled: Vec<FilledTable>,
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
            blocks: None,
            down_blocks: None,
        }
    }
}
