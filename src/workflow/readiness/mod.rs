//! Whether a database has the schema that this version of the application needs, by the history of its migrations alone.
//!
//! Every migration of `trueup.lock` that is no contract one must be applied, with the text that it has here, and finished. A
//! database that is ahead is ready: while a newer version is deployed, this one goes on working. The reading takes ACCESS
//! SHARE locks, waits 100 ms for each at the most, and writes nothing.

mod image;
mod report;

use std::time::Duration;

use anyhow::Result;
use serde::Serialize;

use crate::changes::plan::CONTRACT_NEXT;
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::tools::MigrationTool;
use crate::model::CompiledMigration;
use crate::model::diagnosis::MigrationState;
use crate::postgres::connection::{Session, Target};
use crate::project::Settings;
use crate::snapshot::{self, Request, StatusDetail, StatusSnapshot, StepAction};
use crate::text::plural;
use crate::workflow::comparison;
use crate::workflow::environment_mark;
use crate::workflow::project_model::Needs;
use crate::workflow::reports::schema_report::to_see_all_of;
use crate::workflow::reports::target::{ReportedMigration, TargetReport};

pub(crate) use image::ImageMigrations;
pub(crate) use report::ReadyReport;

/// `lock_timeout` of the reading: whoever holds a lock for longer is changing the very tables that are read.
const LOCK_TIMEOUT: Duration = Duration::from_millis(100);
/// `statement_timeout` of the reading.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(1);
/// The most migrations that a sentence names.
const NAMES: usize = 5;

/// Where a database is on the way to the schema that is needed.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Readiness {
    /// Whether it has arrived.
    pub(crate) ready: bool,
    /// The table of the history; `None` where the database has none.
    pub(crate) table: Option<String>,
    /// How many migrations are needed: all but the contract ones.
    pub(crate) needed: usize,
    /// Those of them that are not applied.
    pub(crate) pending: Vec<ReportedMigration>,
    /// Those that were interrupted, or are running right now; the ones that are being reverted are among them.
    pub(crate) unfinished: Vec<ReportedMigration>,
    /// Those that were applied with another text or name.
    pub(crate) modified: Vec<ReportedMigration>,
    /// The migration in which another tool failed, in its own words.
    pub(crate) failed: Option<String>,
    /// Contract migrations that are not applied: nothing here needs them.
    pub(crate) contract: Vec<ReportedMigration>,
    /// Applied, and not of this version of the application.
    pub(crate) ahead: Vec<ReportedMigration>,
    /// Whether what is ahead hides which migrations are applied; nothing is pending then.
    #[serde(skip)]
    pub(crate) hidden_by_newer: bool,
    /// Whether a run of trueup is at work right now.
    pub(crate) running: bool,
    /// What to run next; empty where nothing is to be done.
    #[serde(skip)]
    pub(crate) next: String,
    /// Whether a modified migration would have been noticed.
    pub(crate) texts_compared: bool,
}

/// Looks at a database, in two round trips.
///
/// # Errors
/// Exit 3 when something cannot be read, 4 when it is not the database of this environment or project, 75 when it was locked
/// for too long.
pub(crate) async fn look(
    settings: &Settings,
    target: &Target,
    session: &mut Session,
    image: &ImageMigrations,
) -> Result<ReadyReport> {
    let snapshot = read(settings, session, image).await?;
    let (mark, identity) = (snapshot.mark(), &snapshot.identity);
    environment_mark::refuse_foreign(settings, mark, &identity.database)?;
    environment_mark::expect(settings, mark, &identity.database)?;
    let readiness = judge(settings, image, &snapshot)?;
    let mut notes = readiness.notes();
    notes.extend(environment_mark::note(settings, target, mark));
    notes.extend(snapshot.notes.iter().cloned());
    Ok(ReadyReport {
        run: settings.run.clone(),
        exit: if readiness.ready { Exit::Clean } else { Exit::Findings },
        target: TargetReport::new(settings, target, identity, mark),
        identity: identity.clone(),
        readiness,
        notes,
        waited: None,
    })
}

/// Reads what decides about readiness, in two round trips.
///
/// # Errors
/// Exit 3 when something cannot be read, 75 when it was locked for too long.
pub(crate) async fn read(
    settings: &Settings,
    session: &mut Session,
    image: &ImageMigrations,
) -> Result<StatusSnapshot> {
    let needs = Needs { migrations: image.files.clone(), ..Needs::nothing() };
    let request = Request {
        lock_timeout: LOCK_TIMEOUT,
        statement_timeout: STATEMENT_TIMEOUT,
        ..comparison::request(settings, needs)
    };
    snapshot::take_status(session, &request, StatusDetail::Brief).await
}

/// The migrations that are not applied, in the order of their versions; contract migrations are among them.
///
/// # Errors
/// As [`judge`].
pub(crate) fn unapplied(
    image: &ImageMigrations,
    snapshot: &StatusSnapshot,
) -> Result<Vec<ReportedMigration>, Failure> {
    let state = state(image, snapshot)?;
    let mut missing: Vec<usize> = state.skipped.iter().chain(&state.pending).copied().collect();
    missing.sort_unstable();
    Ok(missing.into_iter().map(|index| ReportedMigration::of(image.compiled[index].id())).collect())
}

/// The history beside the migrations.
fn state(image: &ImageMigrations, snapshot: &StatusSnapshot) -> Result<MigrationState, Failure> {
    let role = &snapshot.identity.role;
    if !snapshot.invisible.is_empty() {
        let hidden = snapshot.invisible.join(", ");
        return Err(Failure::cannot_tell(format!("{hidden} cannot be read by {role}"))
            .code(ErrorCode::HISTORY_HIDDEN)
            .next(to_see_all_of(&snapshot.invisible, role)));
    }
    if let Some(table) = &snapshot.malformed_history {
        let what = format!("{table} is not a history of migrations as its tool creates it");
        return Err(Failure::cannot_tell(what).code(ErrorCode::HISTORY_MALFORMED).next("trueup check"));
    }
    let rows = snapshot.history.as_deref().unwrap_or_default();
    Ok(MigrationState::from_history(&image.compiled, rows, &image.unchanged(rows)))
}

/// Judges what was read.
///
/// # Errors
/// Exit 3: the history is hidden from this role, or is no history.
fn judge(
    settings: &Settings,
    image: &ImageMigrations,
    snapshot: &StatusSnapshot,
) -> Result<Readiness, Failure> {
    let state = state(image, snapshot)?;
    let steps = snapshot.internal.as_ref().map(|internal| &internal.unfinished[..]).unwrap_or_default();
    let is_unfinished = |migration: &CompiledMigration| {
        migration.revision.is_none() && steps.iter().any(|step| step.version == migration.version)
    };
    let is_needed = |migration: &&CompiledMigration| !migration.contract;
    let named = |migration: &CompiledMigration| ReportedMigration::of(migration.id());
    let hidden_by_newer =
        !state.ahead.is_empty() && settings.migrations.tool.is_some_and(MigrationTool::records_newest_alone);
    let mut missing: Vec<usize> = state.skipped.iter().chain(&state.pending).copied().collect();
    missing.sort_unstable();
    if hidden_by_newer {
        missing.clear();
    }
    let missing: Vec<&CompiledMigration> = missing.iter().map(|index| &image.compiled[*index]).collect();
    let of_state = |indices: &[usize]| -> Vec<ReportedMigration> {
        indices.iter().map(|index| &image.compiled[*index]).filter(is_needed).map(named).collect()
    };
    let needed = image.compiled.iter().filter(is_needed);
    let own = snapshot.others.iter().find(|other| {
        settings.migrations.tool.is_some_and(|tool| tool.title() == other.tool) && other.failed.is_some()
    });
    let mut readiness = Readiness {
        ready: false,
        table: snapshot.history_table.clone(),
        needed: needed.clone().count(),
        pending: missing
            .iter()
            .copied()
            .filter(is_needed)
            .filter(|migration| !is_unfinished(migration))
            .map(named)
            .collect(),
        unfinished: needed.filter(|migration| is_unfinished(migration)).map(named).collect(),
        modified: of_state(&state.edited),
        failed: own.and_then(|own| own.failed.clone()),
        contract: missing.iter().copied().filter(|one| one.contract).map(named).collect(),
        ahead: state.ahead.iter().map(|row| ReportedMigration::of(row.id())).collect(),
        hidden_by_newer,
        running: snapshot.internal.iter().any(|internal| internal.open_runs.iter().any(|run| run.alive)),
        next: String::new(),
        texts_compared: image.texts_known,
    };
    readiness.ready = readiness.pending.is_empty()
        && readiness.unfinished.is_empty()
        && readiness.modified.is_empty()
        && readiness.failed.is_none();
    if !readiness.ready {
        let reverts = steps.iter().any(|step| step.action == StepAction::Revert);
        let is_behind_contract = missing.first().is_some_and(|first| first.contract);
        readiness.next = match () {
            () if !readiness.modified.is_empty() => "trueup check, which shows what was modified".to_owned(),
            () if readiness.failed.is_some() => own.map(|own| own.repair.to_owned()).unwrap_or_default(),
            () if readiness.running => "wait until the run has ended: trueup ready --wait 5m".to_owned(),
            () if reverts && !readiness.unfinished.is_empty() => {
                "run the same `trueup downgrade --to VERSION` again".to_owned()
            }
            () if readiness.table.is_none() && !snapshot.others.is_empty() => "trueup adopt".to_owned(),
            () if is_behind_contract => CONTRACT_NEXT.to_owned(),
            () => match settings.migrations.tool {
                Some(tool) => tool.apply_command().unwrap_or("trueup upgrade").to_owned(),
                None => "trueup upgrade".to_owned(),
            },
        };
    }
    Ok(readiness)
}

impl Readiness {
    /// Whether nothing changes that by itself: waiting is of no use.
    pub(crate) fn is_hopeless(&self) -> bool {
        !self.modified.is_empty()
    }

    /// What is missing, in one sentence; that nothing is, where it is ready.
    pub(crate) fn sentence(&self) -> String {
        let needed = self.needed;
        if self.ready {
            return match needed {
                _ if self.hidden_by_newer => {
                    format!("the database has a newer version: {}", names(&self.ahead))
                }
                0 => "trueup.lock has contract migrations alone: none is needed".to_owned(),
                1 => "the migration of trueup.lock is applied".to_owned(),
                _ => format!("all {needed} migrations that trueup.lock needs are applied"),
            };
        }
        let mut parts = Vec::new();
        if !self.pending.is_empty() && self.table.is_none() {
            parts.push(format!(
                "the database has no history of migrations, and {} needed",
                are(needed, "migration")
            ));
        } else if !self.pending.is_empty() {
            let count = self.pending.len();
            let verb = if count == 1 { "is" } else { "are" };
            parts.push(format!(
                "{count} of {} {verb} not applied: {}",
                plural(needed, "migration"),
                names(&self.pending)
            ));
        }
        if !self.unfinished.is_empty() {
            let how = if self.running { "running" } else { "interrupted" };
            parts.push(format!("{how}: {}", names(&self.unfinished)));
        }
        if !self.modified.is_empty() {
            parts.push(format!("modified after apply: {}", names(&self.modified)));
        }
        parts.extend(self.failed.as_ref().map(|failed| format!("failed: {failed}")));
        parts.join("; ")
    }

    /// What is worth saying besides.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.hidden_by_newer {
            notes.push(format!(
                "trueup.lock does not have {}, so which of its own migrations are applied is not known; trueup check compares \
                 the schema",
                names(&self.ahead)
            ));
        } else if !self.ahead.is_empty() {
            notes.push(format!(
                "the database is ahead of trueup.lock by {}: {}",
                plural(self.ahead.len(), "migration"),
                names(&self.ahead)
            ));
        }
        if self.ready && !self.contract.is_empty() {
            notes.push(format!("not applied, and not needed: {} (contract)", names(&self.contract)));
        }
        if !self.texts_compared {
            notes.push(
                "migrations/ is not here: whether an applied migration was modified is not known".to_owned(),
            );
        }
        notes
    }
}

/// `1 migration is`, `2 migrations are`
fn are(count: usize, noun: &str) -> String {
    format!("{} {}", plural(count, noun), if count == 1 { "is" } else { "are" })
}

/// `V7__a, V8__b`
fn names(migrations: &[ReportedMigration]) -> String {
    let mut shown: Vec<String> = migrations.iter().take(NAMES).map(ReportedMigration::label).collect();
    if migrations.len() > NAMES {
        shown.push(format!("{} more", migrations.len() - NAMES));
    }
    shown.join(", ")
}
