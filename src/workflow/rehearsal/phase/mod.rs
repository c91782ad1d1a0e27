//! One way through the migrations of a rehearsal: up by the code of an upgrade, down by that of a downgrade.

mod filled;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;

use self::filled::FilledRows;
use super::ground::{CONFIRMED, Ground};
use super::probe::Probes;
use super::{marks, probe};
use crate::changes::executor::{AppliedStep, StepGuard};
use crate::changes::plan::{MigrationPlan, Relations, UpgradeGoal};
use crate::error::{Exit, Failure};
use crate::postgres::catalog::ObjectId;
use crate::postgres::lock_mode::LockMode;
use crate::postgres::sql::schemas_of_path;
use crate::project::Settings;
use crate::workflow::comparison::{self, Comparison};
use crate::workflow::migrate::Execution;
use crate::workflow::plan_steps;
use crate::workflow::project_model::ProjectModel;
use crate::workflow::required_checks::Required;
use crate::workflow::write_command::WriteCommand;
use crate::writer::{Event, StopSignal, Watch};

/// Which migrations, and in which direction.
pub(super) enum Way<'w> {
    /// These are applied; `marked`, when their statements are to be timed, as those of down scripts are.
    Up { versions: &'w BTreeSet<i64>, marked: bool },
    /// All above this version are reverted.
    Down { to: i64 },
}

/// What became of it.
pub(super) struct PhaseOutcome {
    /// The plan, without marks.
    pub(super) plan: MigrationPlan,
    /// The steps that are done.
    pub(super) done: Vec<AppliedStep>,
    /// Why the next one is not.
    pub(super) failure: Option<Failure>,
    /// The locks that the text of each statement outside of a transaction tells, by version and index.
    pub(super) outside: BTreeMap<(i64, usize), BTreeMap<ObjectId, LockMode>>,
    /// When each migration was committed, in microseconds since 1970 by this machine's clock.
    pub(super) committed: BTreeMap<String, i64>,
    /// The run in the audit log.
    pub(super) run: String,
    /// What other sessions were refused meanwhile; `None` where nobody tried.
    pub(super) probes: Option<Probes>,
}

/// Notes when each step is done.
#[derive(Default)]
struct Commits(BTreeMap<String, i64>);

impl Watch for Commits {
    fn observe(&mut self, event: &Event<'_>) {
        if let Event::Done { what, .. } = event {
            let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
            self.0.insert((*what).to_owned(), i64::try_from(now).unwrap_or(i64::MAX));
        }
    }
}

/// Carries it out, while other sessions use these tables.
///
/// # Errors
/// What keeps it from being begun.
pub(super) async fn run(
    ground: &Ground<'_>,
    declared: &ProjectModel,
    way: &Way<'_>,
    probed: &[String],
) -> Result<PhaseOutcome> {
    let mut settings = ground.settings.clone();
    settings.run = ulid::Ulid::generate().to_string();
    let work = carry_out(&settings, declared, way, ground.has_real_rows());
    if probed.is_empty() {
        return work.await;
    }
    let url = ground.settings.url().unwrap_or_default();
    let (mut outcome, probes) = probe::during(url, "trueup rehearse (probe)", probed, work).await?;
    outcome.probes = Some(probes);
    Ok(outcome)
}

async fn carry_out(
    settings: &Settings,
    declared: &ProjectModel,
    way: &Way<'_>,
    real_rows: bool,
) -> Result<PhaseOutcome> {
    let stop = StopSignal::channel().1;
    let mut writing = WriteCommand::open(settings, &CONFIRMED, &stop).await?;
    let snapshot = writing.take_snapshot(declared).await?;
    let Comparison { state, .. } = comparison::compare(settings, &writing.target, declared, &snapshot)?;
    let (lock, migrations) = (&declared.lock, &declared.migrations);
    let mut plan = match way {
        Way::Up { versions, .. } => {
            let goal = UpgradeGoal { to: None, contract: true, allow_out_of_order: true, checked: true };
            let mut plan = MigrationPlan::upgrade(lock, migrations, &state, &goal)?;
            plan.steps.retain(|step| versions.contains(&step.version));
            plan
        }
        Way::Down { to } => MigrationPlan::downgrade(lock, migrations, &state, *to)?,
    };
    let path = schemas_of_path(&settings.database.search_path);
    let relations = Relations::of(&snapshot.catalog, &path);
    plan.look_up(&relations);
    let outside = plan.steps.iter().flat_map(|step| {
        let statements = step.script.statements.iter().enumerate();
        let outside = statements.filter(|(_, statement)| statement.outside.is_some());
        outside.map(|(index, statement)| ((step.version, index), relations.held(&statement.locks)))
    });
    let outside = outside.collect();
    let shown = plan.clone();
    plan.name_paths_from(&settings.project.dir);
    if !matches!(way, Way::Up { marked: false, .. }) {
        plan.steps.iter_mut().filter(|step| step.transactional).for_each(marks::add);
    }
    let ledger = plan_steps::ledger(settings, &snapshot, migrations)?;
    writing.lock().await?;
    let marking = writing.first_mark();
    let mut commits = Commits::default();
    let target = writing.target.clone();
    let required = Required::by(settings, &target, &plan, migrations)?;
    let filled = FilledRows { settings, target: &target };
    let guard: &dyn StepGuard = if real_rows { &required } else { &filled };
    let outcome = writing
        .recorded(&marking, None, async |writing| {
            let execution =
                Execution { plan: &plan, ledger, applied: state.applied, guard, recorded_steps: 0 };
            let outcome =
                execution.run(settings, declared, &snapshot, &mut writing.writer, &mut commits).await;
            Ok((Exit::Clean, outcome))
        })
        .await?;
    let failure = outcome.failure.map(anyhow::Error::downcast::<Failure>).transpose()?;
    Ok(PhaseOutcome {
        plan: shown,
        done: outcome.done,
        outside,
        failure,
        committed: commits.0,
        probes: None,
        run: settings.run.clone(),
    })
}
