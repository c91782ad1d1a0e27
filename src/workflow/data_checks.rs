//! What the commands about data checks share: the checks, how they are run, the limits of repairs, the backup before them.

use std::time::Duration;

use anyhow::Result;

use crate::changes::plan::Affected;
use crate::data::checks::{self, Check, CheckLimits, CheckOptions};
use crate::data::repair::RepairLimits;
use crate::error::Failure;
use crate::postgres::catalog::{Kind, ObjectId, TableUse};
use crate::postgres::connection::{ReadingScope, Session, Target};
use crate::project::Settings;
use crate::snapshot::DatabaseSnapshot;
use crate::workflow::backup_policy::{BackupOptions, BackupPolicy, PlannedChanges};
use crate::workflow::environment_mark;
use crate::workflow::trusted::refuse_untrusted;
use crate::writer::ThrottleLimits;

/// `statement_timeout` of a check's query where the project sets none.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(600);
/// `lock_timeout` of a check's query where the project sets none.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

/// Reads the project's checks: those with these names, or all where no name is given.
///
/// # Errors
/// Exit 2: a file is wrong, with file and line, or there is no check of a name.
pub(crate) fn checks(settings: &Settings, names: &[String]) -> Result<Vec<Check>, Failure> {
    let mut checks = checks::select(checks::read_directory(&settings.project.checks_dir)?, names)?;
    for check in &mut checks {
        check.path = settings.project.display(&check.path).into();
    }
    Ok(checks)
}

/// How checks are run: `sample` rows of each are fetched, over `jobs` connections.
pub(crate) fn options<'o>(
    settings: &'o Settings,
    target: &'o Target,
    application: &'o str,
    sample: usize,
    jobs: u32,
) -> CheckOptions<'o> {
    let database = &settings.database;
    CheckOptions {
        target,
        application,
        set_role: database.set_role.as_deref(),
        search_path: &database.search_path,
        limits: CheckLimits {
            statement_timeout: database.statement_timeout.unwrap_or(STATEMENT_TIMEOUT),
            lock_timeout: database.lock_timeout.unwrap_or(LOCK_TIMEOUT),
            sample,
            jobs: usize::try_from(jobs).unwrap_or(1),
        },
        scope: ReadingScope::Transaction,
    }
}

/// The limits of a repair or an undo.
pub(crate) fn repair_limits(settings: &Settings, max_rate: Option<u64>) -> RepairLimits {
    let repair = &settings.repair;
    RepairLimits {
        batch_duration: repair.batch,
        lock_timeout: repair.lock_timeout,
        max_rate,
        throttle: ThrottleLimits {
            replica_lag: repair.max_replica_lag,
            transaction: repair.max_transaction_age,
        },
        max_pause: repair.pause,
        max_planning: repair.planning,
    }
}

/// Rows that a repair or an undo will change.
#[derive(Debug, Clone)]
pub(crate) struct RowsToChange {
    /// The tables of the rows, qualified and quoted.
    pub(crate) tables: Vec<String>,
    /// The command that undoes the change.
    pub(crate) undo: String,
    /// `--no-backup`
    pub(crate) no_backup: bool,
    /// Whether rows will be changed: not with `--dry-run`.
    pub(crate) write: bool,
}

/// Refuses tables whose rows cannot be changed without running code of a weaker role, and plans the backup before rows of
/// these tables are changed.
///
/// # Errors
/// The same as [`refuse_untrusted`] and [`BackupPolicy::plan`].
pub(crate) async fn plan_backup(
    settings: &Settings,
    changed: RowsToChange,
    snapshot: &DatabaseSnapshot,
    session: &mut Session,
) -> Result<BackupPolicy> {
    refuse_untrusted(session, TableUse::Write, &changed.tables).await?;
    let mark = snapshot.mark();
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
        Some(session),
    )
    .await
}
