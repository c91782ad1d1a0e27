//! What commands about data checks have in common: which checks, how they are read, how gently rows are changed.

use std::time::Duration;

use anyhow::Result;

use crate::changes::plan::Affected;
use crate::cli::VerifyArgs;
use crate::data::checks::{self, Check, Found, Limits, Look, Severity};
use crate::data::repair::Pace;
use crate::error::{Exit, Failure};
use crate::output::{self, CheckReport};
use crate::postgres::catalog::{Kind, ObjectId};
use crate::postgres::connection::{Session, Target};
use crate::project::Settings;
use crate::snapshot::{DatabaseSnapshot, Identity};
use crate::workflow::backup_policy::{BackupPolicy, Changes, Wanted};
use crate::workflow::environment_mark;
use crate::writer::{Mark, ThrottleLimits};

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
) -> Look<'l> {
    let database = &settings.database;
    Look {
        target,
        application,
        set_role: database.set_role.as_deref(),
        search_path: &database.search_path,
        limits: Limits {
            statement_timeout: database.statement_timeout.unwrap_or(STATEMENT),
            lock_timeout: database.lock_timeout.unwrap_or(LOCK),
            sample,
            jobs: usize::try_from(jobs).unwrap_or(1),
        },
    }
}

/// How many rows of a fix are shown where nobody says it, and of a check at a terminal: what they hold of people does not
/// go into a pipeline's log unasked.
const SAMPLE: usize = 5;

/// How many rows of a check are shown.
pub(crate) fn rows_of_check(settings: &Settings, args: &VerifyArgs) -> usize {
    args.sample.unwrap_or(if settings.output.terminal { SAMPLE } else { 0 })
}

/// How many rows of a fix are shown.
pub(crate) fn rows_of_fix(args: &VerifyArgs) -> usize {
    args.sample.unwrap_or(SAMPLE)
}

/// How gently rows are changed.
pub(crate) fn pace(settings: &Settings, max_rate: Option<u64>) -> Pace {
    let repair = &settings.repair;
    Pace {
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

/// The database, for a report.
pub(crate) fn target(
    settings: &Settings,
    target: &Target,
    identity: &Identity,
    mark: Option<&Mark>,
) -> output::Target {
    output::Target {
        host: target.host().to_owned(),
        port: target.port(),
        database: identity.database.clone(),
        role: identity.role.clone(),
        server_version: identity.server_version.clone(),
        system_identifier: identity.system_identifier.clone(),
        environment: environment_mark::environment(settings, mark),
        project: settings.project.name.clone(),
    }
}

/// What a check found, for a report.
pub(crate) fn check_report(found: Found) -> CheckReport {
    let Found { check: bound, rows, sample, took } = found;
    let (rows, unknown) = match rows {
        Ok(rows) => (Some(rows), None),
        Err(why) => (None, Some(why)),
    };
    let check = bound.check;
    CheckReport {
        name: check.name,
        file: check.path.display().to_string(),
        title: check.title,
        severity: check.severity,
        table: bound.table.map(|table| table.qualified()),
        rows,
        unknown,
        obstacles: bound.obstacles,
        columns: sample.columns,
        sample: sample.rows,
        fixes: check.fixes.into_iter().map(|fix| fix.name).collect(),
        left: Vec::new(),
        milliseconds: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
    }
}

/// How a command ends that has counted: what cannot be told is never clean.
pub(crate) fn exit(checks: &[CheckReport]) -> Exit {
    if checks.iter().any(|check| check.rows.is_none()) {
        return Exit::CannotTell;
    }
    let fails =
        |check: &CheckReport| check.severity > Severity::Info && check.rows.is_some_and(|rows| rows > 0);
    if checks.iter().any(fails) { Exit::Findings } else { Exit::Clean }
}

/// What is done about a backup before rows of these tables are changed: of these tables.
///
/// # Errors
/// As [`Backing::decide`].
pub(crate) async fn back(
    settings: &Settings,
    (no_backup, write): (bool, bool),
    (tables, undo): (Vec<String>, String),
    snapshot: &DatabaseSnapshot,
    session: &mut Session,
) -> Result<BackupPolicy> {
    let mark = snapshot.internal.as_ref().and_then(|internal| internal.mark.as_ref());
    let protected = environment_mark::protected(settings, mark).is_some();
    let ids = tables.iter().filter_map(|table| ObjectId::parse(Kind::Table, table));
    let changes = Changes {
        affected: Affected::by_rows(&snapshot.catalog, ids.collect(), "repairing rows"),
        nothing: None,
        undo: Some(undo),
        only_affected: true,
    };
    BackupPolicy::decide(settings, Wanted { no_backup, protected, write }, &changes, snapshot, session).await
}
