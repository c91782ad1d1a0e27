//! A plan with live sizes: how large what it locks is, how long its statements take, and which of them take longer than they
//! may.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::Result;
use smol_str::SmolStr;

use crate::changes::estimate::{
    EarlierTimes, Estimate, SizesInPlan, StatementEstimate, TimeClass, WorkKind, estimates,
};
use crate::changes::plan::{MigrationPlan, PlannedStatement, Relations, Step};
use crate::error::{ErrorCode, Exit, Failure};
use crate::findings::Location;
use crate::migrations::script::WrittenName;
use crate::model::Footprint;
use crate::postgres::connection::Session;
use crate::postgres::sql::schemas_of_path;
use crate::project::Settings;
use crate::snapshot::{DatabaseSnapshot, Size};
use crate::text::{duration, plural};
use crate::workflow::project_model::ProjectModel;
use crate::workflow::reports::footprint_report::FootprintReport;
use crate::workflow::reports::loss::LossReport;
use crate::workflow::reports::plan_report::{PlanReport, StepReport};

/// A statement of a plan that takes longer than it may, even by the shortest time that is likely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TooLong {
    /// `V7__widen`
    pub(crate) title: String,
    /// Where the statement is.
    pub(crate) location: Location,
    /// What it does: `9.3 GB of public.users are rewritten`.
    work: String,
    kind: WorkKind,
    on: SmolStr,
    estimate: Estimate,
    limit: Duration,
    /// What all statements of its migration take at most.
    all: Duration,
}

/// What is known of a plan when sizes are.
#[derive(Debug, Clone, Default)]
pub(crate) struct MeasuredPlan {
    /// The statements that take longer than they may.
    pub(crate) too_long: Vec<TooLong>,
    /// The sizes of what it locks and works on, by qualified and quoted names.
    pub(crate) sizes: BTreeMap<String, Size>,
}

/// Adds to a plan how large what it locks is, how long its statements take, and what is lost.
///
/// # Errors
/// As [`crate::snapshot::sizes`].
pub(crate) async fn measure(
    settings: &Settings,
    declared: &ProjectModel,
    plan: &MigrationPlan,
    report: &mut PlanReport,
    snapshot: &DatabaseSnapshot,
    session: &mut Session,
) -> Result<MeasuredPlan> {
    let sizes = crate::snapshot::sizes(session, &relations(plan, report)).await?;
    Ok(measured(settings, declared, plan, report, snapshot, sizes))
}

/// The relations whose sizes a plan depends on, qualified and quoted.
pub(crate) fn relations<'p>(plan: &'p MigrationPlan, report: &'p PlanReport) -> BTreeSet<&'p str> {
    let locks = report.steps.iter().flat_map(|step| &step.locks);
    let mut relations: BTreeSet<&str> = locks.map(|lock| lock.relation.as_str()).collect();
    relations.extend(LossReport::tables(&report.lost));
    for Footprint { scans, rewrites, builds, .. } in plan.steps.iter().flat_map(|step| &step.footprints) {
        relations.extend([scans, rewrites, builds].into_iter().flatten().map(SmolStr::as_str));
    }
    relations
}

/// The same as [`measure`], with the sizes of [`relations`].
pub(crate) fn measured(
    settings: &Settings,
    declared: &ProjectModel,
    plan: &MigrationPlan,
    report: &mut PlanReport,
    snapshot: &DatabaseSnapshot,
    sizes: BTreeMap<String, Size>,
) -> MeasuredPlan {
    for lock in report.steps.iter_mut().flat_map(|step| &mut step.locks) {
        let size = sizes.get(&lock.relation);
        (lock.rows, lock.bytes) = (size.map(|size| size.rows), size.map(|size| size.bytes));
    }
    LossReport::measure(&mut report.lost, &sizes);
    let path = schemas_of_path(&settings.database.search_path);
    let live = Relations::of(&snapshot.catalog, &path);
    let find = |written: &WrittenName| Some(SmolStr::from(live.find(written)?.to_string()));
    let internal = snapshot.internal.as_ref();
    let earlier = internal.map(|internal| EarlierTimes::of(&internal.earlier)).unwrap_or_default();
    let mut now = SizesInPlan::new(&sizes).after(earlier);
    let mut too_long = Vec::new();
    for (step, report) in plan.steps.iter().zip(&mut report.steps) {
        if !step.record {
            let statements: Vec<_> =
                step.script.statements.iter().map(PlannedStatement::as_statement).collect();
            let found = estimates(&statements, &step.footprints, step.transactional, &find, &mut now);
            // The limit is that of all of them together.
            let all = found.iter().filter_map(|one| Some(one.estimate.as_ref()?.high));
            let all = all.fold(Duration::ZERO, Duration::saturating_add);
            too_long.extend(found.iter().filter_map(|one| TooLong::of(settings, step, one, all)));
            add(step, report, &found);
        }
        now.apply(&declared.lock.migrations[step.index].effects);
    }
    MeasuredPlan { too_long, sizes }
}

/// Adds the estimates of its statements to the report of a step.
fn add(step: &Step, report: &mut StepReport, found: &[StatementEstimate]) {
    for one in found {
        let Some(estimate) = &one.estimate else { continue };
        let of_line = |report: &&mut FootprintReport| {
            (report.statement.line, report.statement.column) == (one.at.line, one.at.column)
        };
        match report.footprints.iter_mut().find(of_line) {
            Some(footprint) => footprint.estimate = Some(estimate.reported(one.blocks())),
            // It takes no lock that its transaction does not have, and works on rows alone.
            None => report.footprints.extend(of_rows(step, report, one)),
        }
        report.waiting.extend(sentence(step, one, estimate));
    }
    report.footprints.sort_by_key(|footprint| (footprint.statement.line, footprint.statement.column));
    for lock in &mut report.locks {
        let under: Vec<&StatementEstimate> =
            found.iter().filter(|one| one.blocked.contains_key(lock.relation.as_str())).collect();
        let Some(blocks) = under.iter().map(|one| one.blocks_at(&lock.relation)).next_back() else {
            continue;
        };
        let times: Option<Vec<Estimate>> = under.iter().map(|one| one.estimate.clone()).collect();
        let together = |times: Vec<Estimate>| match step.transactional {
            true => times.into_iter().reduce(Estimate::and),
            false => times.into_iter().max_by_key(|time| time.high),
        };
        lock.estimate = times.and_then(together).map(|time| time.reported(blocks));
    }
}

/// The report of a statement that changes rows and has no footprint.
fn of_rows(step: &Step, report: &StepReport, one: &StatementEstimate) -> Option<FootprintReport> {
    let statement =
        step.script.statements.iter().find(|statement| statement.as_statement().position() == one.at)?;
    let held = one.blocked.clone();
    let mut made = FootprintReport::of_rows(&report.version, &report.file, &statement.as_statement(), held);
    made.estimate = one.estimate.as_ref().map(|estimate| estimate.reported(one.blocks()));
    Some(made)
}

/// `V7:12 locks out readers and writers of public.users while 9.3 GB of it are rewritten: 2 to 6 min`. `None` where nobody
/// waits for longer than a moment.
fn sentence(step: &Step, one: &StatementEstimate, estimate: &Estimate) -> Option<String> {
    const NAMED: usize = 3;
    let strongest = one.blocked.values().map(|lock| lock.mode).max()?;
    if estimate.class() == TimeClass::Instant {
        return None;
    }
    let who = if strongest.blocks_readers() { "readers and writers" } else { "writers" };
    let same: Vec<&SmolStr> =
        one.blocked.iter().filter(|(_, lock)| lock.mode == strongest).map(|(name, _)| name).collect();
    let mut names: Vec<String> = same.iter().take(NAMED).map(ToString::to_string).collect();
    if same.len() > NAMED {
        names.push(plural(same.len() - NAMED, "more relation"));
    }
    let (version, line, names) = (step.version, one.at.line, names.join(", "));
    let known = same.first().filter(|_| same.len() == 1).map(|name| name.as_str());
    let work = one.heaviest().in_words(known);
    Some(format!("V{version}:{line} locks out {who} of {names} while {work}: {}", estimate.range()))
}

impl TooLong {
    fn of(settings: &Settings, step: &Step, one: &StatementEstimate, all: Duration) -> Option<Self> {
        // What runs outside of a transaction may take as long as it does.
        let mut statements = step.script.statements.iter();
        let is_it = |statement: &PlannedStatement| statement.as_statement().position() == one.at;
        if statements.any(|statement| is_it(statement) && statement.outside.is_some()) {
            return None;
        }
        let limit = step.directives.max_duration.unwrap_or(settings.migrations.max_duration);
        let estimate = one.estimate.clone().filter(|estimate| !limit.is_zero() && estimate.low > limit)?;
        let most = one.heaviest();
        Some(Self {
            title: step.title.clone(),
            location: Location::new(settings.project.display(&step.path), one.at.line),
            work: most.in_words(None),
            kind: most.kind,
            on: most.on.clone(),
            estimate,
            limit,
            all,
        })
    }

    /// Which statement takes how long, and how long it may take.
    pub(crate) fn in_words(&self) -> String {
        let Self { location, work, estimate, limit, .. } = self;
        format!(
            "{location} would take longer than its migration may: {work}, {} ({}); the limit is {}",
            estimate.range(),
            estimate.basis,
            duration(*limit)
        )
    }

    /// What to do about it.
    pub(crate) fn failure(&self) -> Failure {
        let Self { on, all, .. } = self;
        let what = format!("{}; nothing was changed", self.in_words());
        // The longest time that is likely, in whole minutes.
        let minutes = all.as_secs().div_ceil(60).max(1);
        let instead = match self.kind {
            WorkKind::Index | WorkKind::SlowIndex => {
                "build the index CONCURRENTLY, in a migration of its own that is marked -- trueup: no-transaction"
            }
            WorkKind::Update => "change the rows in batches (trueup verify --fix)",
            WorkKind::Read => "add the constraint NOT VALID, and VALIDATE it in a migration of its own",
            WorkKind::Rewrite => {
                "make a new column beside the old one, and fill it in batches (trueup verify --fix)"
            }
        };
        Failure::new(Exit::Refused, what).code(ErrorCode::MIGRATION_TOO_LONG).next(format!(
            "{instead}; or give it time, with the line `-- trueup: max-duration {minutes}min` at the top of the file; \
             if {on} is not that large any more: ANALYZE {on}"
        ))
    }
}

/// Refuses to begin what would be cancelled before it is done.
///
/// # Errors
/// Exit 4, where there is any.
pub(crate) fn refuse_too_long(found: &[TooLong]) -> Result<(), Failure> {
    let mut failures = found.iter().map(TooLong::failure);
    failures.next().map_or(Ok(()), |first| Err(first.and(failures)))
}
