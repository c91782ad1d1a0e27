//! A rehearsal: the pending migrations of a database are applied in a throwaway server by the code of an upgrade, reverted by
//! the code of a downgrade, and applied again. Of the database itself is read which migrations it has; nothing is changed there.

mod blocking;
mod ground;
mod live;
mod marks;
mod outcome;
mod phase;
mod statements;

use std::collections::BTreeSet;

use anyhow::Result;

use crate::changes::plan::{Direction, MigrationPlan, UpgradeGoal};
use crate::error::{ErrorCode, Exit, Failure, with_failure};
use crate::findings::{Change, Finding, Location, Remedy, Severity, Sides};
use crate::model::diagnosis::{Basis, MigrationState};
use crate::postgres::scratch::Scratch;
use crate::project::Settings;
use crate::text::plural;
use crate::workflow::plan_steps;
use crate::workflow::project_model::ProjectModel;
use crate::workflow::reports::plan_report::StopReport;
use crate::workflow::reports::target::TargetReport;

use ground::Ground;
use live::Live;
pub(crate) use outcome::{BlockingWindow, Rehearsal, RehearsedLock, RehearsedMigration, RehearsedStatement};
use phase::{PhaseOutcome, Way};
pub(crate) use statements::in_words;

/// What is to be rehearsed.
#[derive(Debug, Clone, Default)]
pub(crate) struct RehearsalRequest {
    /// The version that the database is taken to be at; `None` to read that from the database.
    pub(crate) from: Option<i64>,
    /// The last version to apply.
    pub(crate) to: Option<i64>,
    /// Whether contract migrations are applied.
    pub(crate) contract: bool,
    /// Whether versions below an applied one are applied.
    pub(crate) allow_out_of_order: bool,
}

/// What is known before anything is started.
struct Prepared {
    declared: ProjectModel,
    /// `None` where no database is read.
    live: Option<Live>,
    state: MigrationState,
    plan: MigrationPlan,
    notes: Vec<String>,
}

/// Rehearses.
///
/// # Errors
/// Exit 2: the project's files, or the arguments. Exit 3: the database cannot be read, or there is no throwaway server. Exit 4:
/// what an upgrade of the database would be refused for.
pub(crate) async fn rehearse(settings: &Settings, request: &RehearsalRequest) -> Result<Rehearsal> {
    let mut prepared = prepare(settings, request).await?;
    let mut rehearsal = Rehearsal::new(settings, &prepared);
    if prepared.plan.is_empty() {
        return Ok(rehearsal);
    }
    let major = match &prepared.live {
        Some(live) => live.version.major(),
        None => settings.scratch.major.unwrap_or(prepared.declared.lock.head.server.major()),
    };
    let (mut scratch, other) = ground::start(settings, major).await?;
    rehearsal.server = Some(scratch.version().to_string());
    rehearsal.notes.extend(other);
    let measured = prepared.declared.lock.head.server;
    if measured.major() != scratch.version().major() {
        rehearsal
            .notes
            .push(format!("the locks were measured by PostgreSQL {measured}, when the project was compiled"));
    }
    let done = on(settings, &mut scratch, &mut prepared, &mut rehearsal).await;
    let stopped = scratch.stop().await;
    done?;
    stopped?;
    Ok(rehearsal)
}

/// Reads where the database stands, and plans its upgrade as `trueup upgrade` does.
async fn prepare(settings: &Settings, request: &RehearsalRequest) -> Result<Prepared> {
    let mut notes = Vec::new();
    let (declared, live, state) = match (request.from, settings.url()) {
        (None, Some(_)) => {
            let (declared, live, state) = live::read(settings).await?;
            notes.extend(live.notes.iter().cloned());
            (declared, Some(live), state)
        }
        (from, _) => {
            let declared = live::without_database(settings).await?;
            let (state, note) = state_at(&declared, from)?;
            notes.push(note);
            (declared, None, state)
        }
    };
    notes.splice(0..0, declared.notes.iter().cloned());
    let goal = UpgradeGoal {
        to: request.to,
        // No old app version can be running on an empty database.
        contract: request.contract || state.is_new(),
        allow_out_of_order: request.allow_out_of_order,
        checked: true,
    };
    let plan = MigrationPlan::upgrade(&declared.lock, &declared.migrations, &state, &goal)?;
    Ok(Prepared { declared, live, state, plan, notes })
}

/// A database that nobody reads, at a version, with what is to be said of that.
fn state_at(declared: &ProjectModel, from: Option<i64>) -> Result<(MigrationState, String), Failure> {
    let migrations = &declared.lock.migrations;
    let applied = match from {
        Some(0) => 0,
        Some(version) => {
            let found = migrations.iter().position(|migration| migration.version == version);
            found.map(|index| index + 1).ok_or_else(|| {
                Failure::usage(format!("--from {version}: this project has no such migration"))
                    .code(ErrorCode::MIGRATION_UNKNOWN)
                    .next("name the version of a file in migrations/; 0 is an empty database")
            })?
        }
        None => migrations.len().saturating_sub(1),
    };
    let at = match applied.checked_sub(1).map(|last| migrations[last].id()) {
        Some(id) => format!("at {id}"),
        None => "empty".to_owned(),
    };
    let why = match from {
        Some(_) => "",
        None => " (no --database-url, --env or --from: all but the newest migration)",
    };
    let note = format!("no database was read: the rehearsal begins with one that is {at}{why}");
    Ok((MigrationState::first(applied, migrations.len(), Basis::History), note))
}

/// All of it, on a server that is there.
async fn on(
    settings: &Settings,
    scratch: &mut Scratch,
    prepared: &mut Prepared,
    rehearsal: &mut Rehearsal,
) -> Result<()> {
    let Prepared { declared, live, state, plan, .. } = prepared;
    let mut ground = Ground::build(settings, scratch, declared, state, plan, live.as_ref()).await?;
    rehearsal.notes.append(&mut ground.notes);
    let versions: BTreeSet<i64> = plan.steps.iter().map(|step| step.version).collect();
    let up = phase::run(&ground, declared, &Way::Up { versions: &versions, marked: true }).await?;
    rehearsal.add_up(declared, state, &up, &mut ground).await?;
    if !went_well(rehearsal, &up, plan, "rehearse.failed", "applied", settings)? {
        return Ok(());
    }
    let after: BTreeSet<i64> = applied_versions(declared, state).union(&versions).copied().collect();
    if !result_is_compiled(rehearsal, &mut ground, declared, &after, "after the upgrade").await? {
        return Ok(());
    }
    let Some((to, reverted)) = reversible(declared, state, plan, rehearsal) else { return Ok(()) };
    let down = phase::run(&ground, declared, &Way::Down { to }).await?;
    rehearsal.add_down(&down);
    if !went_well(rehearsal, &down, &down.plan, "rehearse.down", "reverted", settings)? {
        return Ok(());
    }
    let again = phase::run(&ground, declared, &Way::Up { versions: &reverted, marked: false }).await?;
    rehearsal.add_again(&again);
    if went_well(rehearsal, &again, &again.plan, "rehearse.again", "applied again", settings)? {
        result_is_compiled(rehearsal, &mut ground, declared, &after, "after the second upgrade").await?;
    }
    ground.finish().await
}

/// The versions that the database has.
fn applied_versions(declared: &ProjectModel, state: &MigrationState) -> BTreeSet<i64> {
    state.applied.iter().map(|index| declared.lock.migrations[*index].version).collect()
}

/// Whether all steps of a phase are done. What a migration is refused or fails for is a finding.
fn went_well(
    rehearsal: &mut Rehearsal,
    phase: &PhaseOutcome,
    plan: &MigrationPlan,
    code: &str,
    done: &str,
    settings: &Settings,
) -> Result<bool> {
    let Some(failure) = &phase.failure else { return Ok(true) };
    if !matches!(failure.exit, Exit::RolledBack | Exit::Partial | Exit::Refused | Exit::Usage) {
        return Err(with_failure(failure.clone().into(), |failure| Failure {
            what: format!("the rehearsal was not finished: {}", failure.what),
            next: "only the throwaway server was touched; run the same command again".to_owned(),
            ..failure
        }));
    }
    let step = plan.steps.get(phase.done.len());
    let title = step.map(|step| step.title.clone()).unwrap_or_default();
    let place = step.map(|step| settings.project.display(&step.path)).unwrap_or_default();
    let what = format!("cannot be {done}: {}", failure.what);
    let advice = match plan.direction {
        Direction::Up => {
            "fix the migration, or the data that it needs, before it is applied to a real database"
        }
        Direction::Down => "fix the down script",
    };
    rehearsal.findings.push(
        Finding::new(code, Severity::Error, "migration", title, Change::Different)
            .at(Location::new(place, 1))
            .sides(Sides::new(what, ""))
            .remedy(Remedy::advice(advice)),
    );
    Ok(false)
}

/// Whether the catalog is the compiled one. What differs is a finding.
async fn result_is_compiled(
    rehearsal: &mut Rehearsal,
    ground: &mut Ground<'_>,
    declared: &ProjectModel,
    applied: &BTreeSet<i64>,
    when: &str,
) -> Result<bool> {
    let wrong = ground.differences(declared, applied).await?;
    for (object, kind, what) in &wrong {
        let what = format!("{when}: {what}");
        rehearsal.findings.push(
            Finding::new("rehearse.result", Severity::Error, kind, object, Change::Different)
                .at(Location::new(crate::findings::LOCK_FILE, 1))
                .sides(Sides::new(what, ""))
                .remedy(Remedy::advice(
                    "the migrations do another thing than when they were compiled: look for what depends on rows, on the \
                     time or on settings; then: trueup compile",
                )),
        );
    }
    Ok(wrong.is_empty())
}

/// How far back the down scripts lead, newest first, with the migrations that they revert.
fn reversible(
    declared: &ProjectModel,
    state: &MigrationState,
    plan: &MigrationPlan,
    rehearsal: &mut Rehearsal,
) -> Option<(i64, BTreeSet<i64>)> {
    let newest_applied = state.applied.last().map_or(0, |index| declared.lock.migrations[*index].version);
    let mut reverted = BTreeSet::new();
    let mut to = newest_applied;
    for step in plan.steps.iter().rev() {
        let file = declared.migrations.iter().find(|migration| migration.version == step.version);
        if step.version < newest_applied || file.is_none_or(|file| file.down.is_none()) {
            to = step.version.max(newest_applied);
            break;
        }
        reverted.insert(step.version);
    }
    let kept = plan.steps.len() - reverted.len();
    if kept > 0 {
        rehearsal
            .notes
            .push(format!("{} not reverted: there is no down script for all", plural(kept, "migration")));
    }
    (!reverted.is_empty()).then_some((to, reverted))
}

impl Rehearsal {
    fn new(settings: &Settings, prepared: &Prepared) -> Self {
        let Prepared { declared, live, state, plan, notes } = prepared;
        let last = state.applied.last().map(|index| declared.lock.migrations[*index].id().to_string());
        Self {
            target: live.as_ref().map(|live: &Live| -> TargetReport { live.target.clone() }),
            server: None,
            from: last,
            applied: state.applied.len(),
            migrations: plan.steps.iter().map(|step| RehearsedMigration::of(settings, step)).collect(),
            stop: plan.stop.as_ref().map(|stop| -> StopReport { plan_steps::stop_report(stop) }),
            findings: Vec::new(),
            notes: notes.clone(),
        }
    }
}
