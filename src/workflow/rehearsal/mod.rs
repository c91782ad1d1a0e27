//! A rehearsal: the pending migrations of a database are applied in a throwaway server by the code of an upgrade, reverted by
//! the code of a downgrade, and applied again. Of the database itself is read which migrations it has; nothing is changed there.

mod blocking;
mod estimate;
mod ground;
mod live;
mod marks;
mod outcome;
mod phase;
mod probe;
mod record;
mod rows;
mod statements;

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::Result;

use crate::changes::plan::{Direction, MigrationPlan, Relations, UpgradeGoal};
use crate::error::{ErrorCode, Exit, Failure, with_failure};
use crate::findings::{Change, Finding, Location, Remedy, Severity, Sides};
use crate::model::Footprint;
use crate::model::diagnosis::{Basis, MigrationState};
use crate::postgres::scratch::Scratch;
use crate::postgres::sql::schemas_of_path;
use crate::project::Settings;
use crate::text::plural;
use crate::workflow::plan_steps;
use crate::workflow::project_model::ProjectModel;
use crate::workflow::reports::plan_report::StopReport;
use crate::workflow::reports::target::TargetReport;

pub(crate) use estimate::EstimatedTime;
use estimate::RowCounts;
use ground::Ground;
use live::Live;
pub(crate) use outcome::{BlockingWindow, Rehearsal, RehearsedLock, RehearsedMigration, RehearsedStatement};
use phase::{PhaseOutcome, Way};
pub(crate) use probe::in_words as refused_in_words;
use rows::{ColumnStats, FilledTable, TableShape};
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
    /// How many rows are made in each table that is touched.
    pub(crate) rows: Option<u64>,
    /// Whether other sessions use the tables meanwhile.
    pub(crate) probe: bool,
    /// The file that the record is written to.
    pub(crate) record: Option<PathBuf>,
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
    let prepared = prepare(settings, request).await?;
    let mut rehearsal = Rehearsal::new(settings, &prepared);
    if !prepared.plan.is_empty() {
        started(settings, request, &prepared, &mut rehearsal).await?;
        limit(settings, &mut rehearsal);
    }
    if let Some(path) = &request.record {
        record::write(path, &rehearsal, &prepared.declared.lock)?;
    }
    Ok(rehearsal)
}

/// Rehearses what is pending.
async fn started(
    settings: &Settings,
    request: &RehearsalRequest,
    prepared: &Prepared,
    rehearsal: &mut Rehearsal,
) -> Result<()> {
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
    let done = on(settings, &mut scratch, prepared, rehearsal, request).await;
    let stopped = scratch.stop().await;
    done?;
    stopped
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
    let mut plan = MigrationPlan::upgrade(&declared.lock, &declared.migrations, &state, &goal)?;
    let applied = applied_versions(&declared, &state);
    let catalog = declared.lock.state_after(|version| applied.contains(&version));
    let path = schemas_of_path(&settings.database.search_path);
    plan.look_up(&Relations::of(&catalog, &path));
    let mut live = live;
    if let Some(live) = &mut live {
        live.measure(&touched(&plan), request.rows.is_some()).await?;
    }
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

/// All of it, on a server that is there. Where rows are asked for, it is done without any first: what fails then is not due to
/// the rows that are made, and what the migrations will demand of them is known afterwards.
async fn on(
    settings: &Settings,
    scratch: &mut Scratch,
    prepared: &Prepared,
    rehearsal: &mut Rehearsal,
    request: &RehearsalRequest,
) -> Result<()> {
    let touched = touched(&prepared.plan);
    let versions: BTreeSet<i64> = prepared.plan.steps.iter().map(|step| step.version).collect();
    let back = reversible(prepared, &versions);
    let kept = versions.len() - back.as_ref().map_or(0, |(_, reverted)| reverted.len());
    if kept > 0 {
        let kept = plural(kept, "migration");
        rehearsal.notes.push(format!("not reverted, because a down script is missing: {kept}"));
    }
    let mut pass =
        Pass { settings, prepared, versions, back, probed: Vec::new(), counts: RowCounts::default() };
    let mut ground = pass.ground(scratch).await?;
    rehearsal.notes.append(&mut ground.notes);
    if request.probe && request.rows.is_none() {
        pass.probed = names(&rows::read(&mut ground.session, &touched).await?);
    }
    let later = pass.through(&mut ground, rehearsal, &touched).await?;
    ground.finish().await?;
    let Some(rows) = request.rows.filter(|_| rehearsal.findings.is_empty()) else { return Ok(()) };
    let steps = &prepared.plan.steps;
    let timed = steps.iter().take_while(|step| step.directives.requires_checks.is_empty());
    pass.versions = timed.map(|step| step.version).collect();
    pass.back = reversible(prepared, &pass.versions);
    if let Some(step) = steps.get(pass.versions.len()) {
        rehearsal.notes.push(format!(
            "{} requires data checks, which rows that are made do not pass: from it on, times are without rows",
            step.title
        ));
        if pass.versions.is_empty() {
            return Ok(());
        }
    }
    rehearsal.forget_times(pass.versions.len());
    let mut ground = pass.ground(scratch).await?;
    let mut tables = rows::read(&mut ground.session, &touched).await?;
    tables.iter_mut().for_each(|table| table.demand(&later));
    let none = ColumnStats::new();
    let stats = prepared.live.as_ref().map_or(&none, |live| &live.stats);
    rehearsal.rows = Some(rows);
    rehearsal.filled = rows::fill(&mut ground.session, &tables, rows, stats).await?;
    for table in &mut rehearsal.filled {
        let size = prepared.live.as_ref().and_then(|live| live.sizes.get(&table.table));
        table.real_rows = size.map(|size| size.rows);
    }
    rehearsal.notes.extend(rows::in_words(&rehearsal.filled, rows));
    pass.counts = counts(&rehearsal.filled);
    if request.probe {
        pass.probed = names(&tables);
    }
    pass.through(&mut ground, rehearsal, &BTreeSet::new()).await?;
    ground.finish().await
}

/// One way up, down and up again.
struct Pass<'p> {
    settings: &'p Settings,
    prepared: &'p Prepared,
    /// The versions that are applied.
    versions: BTreeSet<i64>,
    /// How far the down scripts lead, and what they revert.
    back: Option<(i64, BTreeSet<i64>)>,
    /// The tables that other sessions use meanwhile.
    probed: Vec<String>,
    counts: RowCounts,
}

impl<'p> Pass<'p> {
    async fn ground<'s>(&self, scratch: &'s mut Scratch) -> Result<Ground<'s>>
    where
        'p: 's,
    {
        let Prepared { declared, live, state, plan, .. } = self.prepared;
        Ground::build(self.settings, scratch, declared, state, plan, live.as_ref()).await
    }

    /// Goes that way, as far as it leads. Returns what these tables look like after the first upgrade.
    async fn through(
        &self,
        ground: &mut Ground<'_>,
        rehearsal: &mut Rehearsal,
        tables: &BTreeSet<String>,
    ) -> Result<Vec<TableShape>> {
        let Prepared { declared, state, plan, .. } = self.prepared;
        let way = Way::Up { versions: &self.versions, marked: true };
        let up = match self.probed.as_slice() {
            [] => phase::run(ground, declared, &way).await?,
            probed => {
                let (up, refused) = phase::run_probed(ground, declared, &way, probed).await?;
                rehearsal.refused = Some(refused);
                up
            }
        };
        rehearsal.add_up(declared, state, &up, ground, &self.counts).await?;
        if !went_well(rehearsal, &up, plan, "rehearse.failed", "applied", self.settings)? {
            return Ok(Vec::new());
        }
        let shapes = rows::read(&mut ground.session, tables).await?;
        let after: BTreeSet<i64> = applied_versions(declared, state).union(&self.versions).copied().collect();
        let compiled = result_is_compiled(rehearsal, ground, declared, &after, "after the upgrade").await?;
        let Some((to, reverted)) = self.back.as_ref().filter(|_| compiled) else { return Ok(shapes) };
        let down = phase::run(ground, declared, &Way::Down { to: *to }).await?;
        rehearsal.add_down(declared, &after, &down, ground, &self.counts).await?;
        if !went_well(rehearsal, &down, &down.plan, "rehearse.down", "reverted", self.settings)? {
            return Ok(shapes);
        }
        let again = phase::run(ground, declared, &Way::Up { versions: reverted, marked: false }).await?;
        rehearsal.add_again(&again);
        if went_well(rehearsal, &again, &again.plan, "rehearse.again", "applied again", self.settings)? {
            result_is_compiled(rehearsal, ground, declared, &after, "after the second upgrade").await?;
        }
        Ok(shapes)
    }
}

fn names(tables: &[TableShape]) -> Vec<String> {
    tables.iter().map(|table| table.name().to_owned()).collect()
}

/// The relations that the migrations do anything to, by their qualified and quoted names.
fn touched(plan: &MigrationPlan) -> BTreeSet<String> {
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

/// The numbers of rows, real and made.
fn counts(filled: &[FilledTable]) -> RowCounts {
    let real = filled.iter().filter_map(|table| Some((table.table.clone(), table.real_rows?)));
    RowCounts {
        real: real.collect(),
        made: filled.iter().map(|table| (table.table.clone(), table.rows)).collect(),
    }
}

/// What keeps others waiting for longer than the project allows is a finding.
fn limit(settings: &Settings, rehearsal: &mut Rehearsal) {
    let Some(limit) = settings.rehearse.max_block else { return };
    for migration in &rehearsal.migrations {
        let Some(window) = &migration.blocks else { continue };
        let longest = window.longest();
        if longest <= limit.as_secs_f64() * 1000.0 {
            continue;
        }
        let may = if window.estimate.is_some() { "may wait" } else { "waited" };
        let what = format!(
            "others {may} {}, and [rehearse] max_block is {}",
            in_words(longest),
            crate::text::duration(limit)
        );
        rehearsal.findings.push(
            Finding::new("rehearse.blocks", Severity::Error, "migration", &migration.title, Change::Different)
                .at(Location::new(&migration.file, window.from_line))
                .sides(Sides::new(what, ""))
                .remedy(Remedy::advice(
                    "trueup lint says what to write instead; or split the migration, so that long work is done without a lock",
                )),
        );
    }
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
        Direction::Up if rehearsal.rows.is_some() => {
            "it can be applied to empty tables; these rows are made: look whether yours have what it needs"
        }
        Direction::Up => "fix the migration before it is applied to a real database",
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
fn reversible(prepared: &Prepared, versions: &BTreeSet<i64>) -> Option<(i64, BTreeSet<i64>)> {
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
    fn new(settings: &Settings, prepared: &Prepared) -> Self {
        let Prepared { declared, live, state, plan, notes } = prepared;
        let last = state.applied.last().map(|index| declared.lock.migrations[*index].id().to_string());
        Self {
            target: live.as_ref().map(|live: &Live| -> TargetReport { live.target.clone() }),
            server: None,
            from: last,
            applied: state.applied.len(),
            rows: None,
            filled: Vec::new(),
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
