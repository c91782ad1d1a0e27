//! What commands about data checks have in common: which checks, how they are read, how gently rows are changed.

use std::time::Duration;

use anyhow::Result;

use crate::changes::plan::Affected;
use crate::data::checks::{self, Check, CheckLimits, CheckOptions};
use crate::data::repair::RepairLimits;
use crate::error::Failure;
use crate::postgres::catalog::{Kind, ObjectId};
use crate::postgres::connection::{Session, Target};
use crate::project::Settings;
use crate::snapshot::DatabaseSnapshot;
use crate::workflow::backup_policy::{BackupOptions, BackupPolicy, PlannedChanges};
use crate::workflow::environment_mark;
use crate::writer::ThrottleLimits;

/// How long a query of a check may take, where the project does not say it.
const STATEMENT: Duration = Duration::from_secs(600);
/// How long one may wait for a lock.
const LOCK: Duration = Duration::from_secs(5);

/// The project's checks: those named, or all.
///
/// # Errors
/// Exit 2, with file and line.
pub(crate) fn checks(settings: &Settings, wanted: &[String]) -> Result<Vec<Check>, Failure> {
    let mut checks = checks::named(checks::read_directory(&settings.project.checks_dir)?, wanted)?;
    for check in &mut checks {
        check.path = settings.project.display(&check.path).into();
    }
    Ok(checks)
}

/// How checks are read.
pub(crate) fn look<'l>(
    settings: &'l Settings,
    target: &'l Target,
    application: &'l str,
    sample: usize,
    jobs: u32,
) -> CheckOptions<'l> {
    let database = &settings.database;
    CheckOptions {
        target,
        application,
        set_role: database.set_role.as_deref(),
        search_path: &database.search_path,
        limits: CheckLimits {
            statement_timeout: database.statement_timeout.unwrap_or(STATEMENT),
            lock_timeout: database.lock_timeout.unwrap_or(LOCK),
            sample,
            jobs: usize::try_from(jobs).unwrap_or(1),
        },
    }
}

/// How gently rows are changed.
pub(crate) fn pace(settings: &Settings, max_rate: Option<u64>) -> RepairLimits {
    let repair = &settings.repair;
    RepairLimits {
        batch: repair.batch,
        lock_timeout: repair.lock_timeout,
        max_rate,
        throttle: ThrottleLimits {
            replica_lag: repair.max_replica_lag,
            transaction: repair.max_transaction_age,
        },
        patience: repair.pause,
        planning: repair.planning,
    }
}

/// Rows that a repair or an undo will change.
#[derive(Debug, Clone)]
pub(crate) struct RowsToChange {
    /// Their tables, qualified and quoted.
    pub(crate) tables: Vec<String>,
    /// The command that takes the change back.
    pub(crate) undo: String,
    /// `--no-backup`
    pub(crate) no_backup: bool,
    /// Whether rows will be changed: not with `--dry-run`.
    pub(crate) write: bool,
}

/// Plans the backup before rows of these tables are changed.
///
/// # Errors
/// The same as [`BackupPolicy::plan`].
pub(crate) async fn plan_backup(
    settings: &Settings,
    changed: RowsToChange,
    snapshot: &DatabaseSnapshot,
    session: &mut Session,
) -> Result<BackupPolicy> {
    let mark = snapshot.internal.as_ref().and_then(|internal| internal.mark.as_ref());
    let protected = environment_mark::protected(settings, mark).is_some();
    let ids = changed.tables.iter().filter_map(|table| ObjectId::parse(Kind::Table, table));
    let changes = PlannedChanges {
        affected: Affected::by_rows(&snapshot.catalog, ids.collect(), "repairing rows"),
        nothing: None,
        undo: Some(changed.undo),
        only_affected: true,
    };
    BackupPolicy::plan(
        settings,
        BackupOptions { no_backup: changed.no_backup, protected, write: changed.write },
        &changes,
        snapshot,
        session,
    )
    .await
}
