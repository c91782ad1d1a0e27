//! What is known before a rehearsal starts anything: where the database is in the migrations, and what its upgrade would do.

use std::collections::BTreeSet;

use anyhow::Result;

use super::RehearsalRequest;
use super::live::{self, Live};
use super::outcome::{Rehearsal, RehearsedMigration, TimesBasis};
use crate::changes::plan::{MigrationPlan, Relations, UpgradeGoal};
use crate::data::checks::Check;
use crate::error::{ErrorCode, Failure};
use crate::model::Footprint;
use crate::model::diagnosis::{Basis, MigrationState};
use crate::postgres::sql::schemas_of_path;
use crate::project::Settings;
use crate::text::plural;
use crate::workflow::project_model::ProjectModel;
use crate::workflow::reports::plan_report::StopReport;
use crate::workflow::reports::target::TargetReport;
use crate::workflow::{data_checks, plan_steps};

/// What is known before anything is started.
pub(super) struct Prepared {
    pub(super) declared: ProjectModel,
    /// `None` where no database is read.
    pub(super) live: Option<Live>,
    pub(super) state: MigrationState,
    pub(super) plan: MigrationPlan,
    /// The data checks of the project.
    pub(super) checks: Vec<Check>,
    pub(super) notes: Vec<String>,
}

/// Reads where the database stands, and plans its upgrade as `trueup upgrade` does.
///
/// # Errors
/// Exit 2: the project's files, or the arguments. Exit 3: the database cannot be read. Exit 4: what an upgrade would be refused for.
pub(super) async fn prepare(settings: &Settings, request: &RehearsalRequest) -> Result<Prepared> {
    let checks = data_checks::checks(settings, &[])?;
    let mut notes = Vec::new();
    let (declared, live, state) = match (request.from, settings.url()) {
        (None, Some(_)) => {
            let (declared, live, state) = live::read(settings).await?;
            // A backup has what was changed by hand, too.
            if live.by_hand > 0 && request.backup.is_none() {
                notes.push(format!(
                    "the database was changed by hand ({}; trueup check shows it): the rehearsal begins with the schema that \
                     its migrations build, without these changes",
                    plural(live.by_hand, "difference")
                ));
            }
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
    let mut plan = MigrationPlan::upgrade(&declared.lock, &declared.migrations, &state, &goal)?;
    let applied = applied_versions(&declared, &state);
    let catalog = declared.lock.state_after(|version| applied.contains(&version));
    let path = schemas_of_path(&settings.database.search_path);
    plan.look_up(&Relations::of(&catalog, &path));
    let mut live = live;
    if let Some(live) = &mut live {
        live.measure(&touched(&plan), request.rows.is_some()).await?;
    }
    Ok(Prepared { declared, live, state, plan, checks, notes })
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

/// The relations that the migrations do anything to, by their qualified and quoted names.
pub(super) fn touched(plan: &MigrationPlan) -> BTreeSet<String> {
    let mut touched = BTreeSet::new();
    for step in &plan.steps {
        touched.extend(step.held.keys().map(ToString::to_string));
        for Footprint { locks, scans, rewrites, builds, .. } in &step.footprints {
            let names = locks.keys().chain(scans).chain(rewrites).chain(builds);
            touched.extend(names.map(ToString::to_string));
        }
    }
    touched
}

/// The versions that the database has.
pub(super) fn applied_versions(declared: &ProjectModel, state: &MigrationState) -> BTreeSet<i64> {
    state.applied.iter().map(|index| declared.lock.migrations[*index].version).collect()
}

/// How far back the down scripts lead, newest first, with the migrations that they revert.
pub(super) fn reversible(prepared: &Prepared, versions: &BTreeSet<i64>) -> Option<(i64, BTreeSet<i64>)> {
    let Prepared { declared, state, plan, .. } = prepared;
    let newest_applied = state.applied.last().map_or(0, |index| declared.lock.migrations[*index].version);
    let mut reverted = BTreeSet::new();
    let mut to = newest_applied;
    for step in plan.steps.iter().rev().filter(|step| versions.contains(&step.version)) {
        let file = declared.migrations.iter().find(|migration| migration.version == step.version);
        if step.version < newest_applied || file.is_none_or(|file| file.down.is_none()) {
            to = step.version.max(newest_applied);
            break;
        }
        reverted.insert(step.version);
    }
    (!reverted.is_empty()).then_some((to, reverted))
}

impl Rehearsal {
    pub(super) fn new(settings: &Settings, prepared: &Prepared) -> Self {
        let Prepared { declared, live, state, plan, notes, .. } = prepared;
        let last = state.applied.last().map(|index| declared.lock.migrations[*index].id().to_string());
        Self {
            target: live.as_ref().map(|live| -> TargetReport { live.target.clone() }),
            server: None,
            from: last,
            applied: state.applied.len(),
            times: TimesBasis::EmptyTables,
            rows: None,
            filled: Vec::new(),
            backup: None,
            seeds: None,
            checks: Vec::new(),
            refused: None,
            migrations: plan.steps.iter().map(|step| RehearsedMigration::of(settings, step)).collect(),
            next: format!(
                "trueup upgrade{}{}",
                if plan.steps.iter().any(|step| step.contract) { " --contract" } else { "" },
                if live.is_some() { settings.same_database("--database-url") } else { String::new() }
            ),
            stop: plan.stop.as_ref().map(|stop| -> StopReport { plan_steps::stop_report(stop) }),
            findings: Vec::new(),
            notes: notes.clone(),
        }
    }
}
