//! `trueup verify --fix`: plan, confirm, back up, repair in batches, count again.

use std::collections::BTreeMap;

use anyhow::Result;

use super::backing::{self, Backing};
use super::change::changed_meanwhile;
use super::declared::Needs;
use super::deliver::{self, deliver};
use super::writing::{Writing, interrupted};
use super::{data, mark};
use crate::checks::{self, Bound, Check};
use crate::cli::VerifyArgs;
use crate::db::{Session, Target};
use crate::door::{Blocker, Stop};
use crate::error::{Exit, Failure};
use crate::project::Settings;
use crate::repair::{self, FixPreview, Pace, Preview, Repair};
use crate::report::{self, CheckReport, FixReport, RepairStage, VerifyReport};
use crate::survey::{self, Identity, Survey};

/// How often rows that somebody changed meanwhile are planned again.
const PASSES: usize = 2;

/// What would be done, as one look saw it.
struct Proposed {
    survey: Survey,
    /// The checks that have fixes.
    checks: Vec<(Bound, Preview)>,
    /// Runs that broke off before, and how many rows they have changed.
    broke_off: Vec<(String, u64)>,
}

impl Proposed {
    fn rows(&self) -> u64 {
        self.checks.iter().flat_map(|(_, preview)| &preview.fixes).map(|fix| fix.rows).sum()
    }

    /// Takes over what a plan found.
    fn take_over(&mut self, seen: Vec<FixPreview>) {
        let mut seen = seen.into_iter();
        for (bound, preview) in &mut self.checks {
            preview.fixes = seen.by_ref().take(bound.fixes.len()).collect();
        }
    }

    /// The tables that would be changed; those of all fixes before it is known.
    fn tables(&self) -> Vec<String> {
        let unknown = |preview: &Preview| preview.fixes.is_empty();
        let any = |preview: &Preview| preview.fixes.iter().any(|fix| fix.rows > 0);
        let changing = self.checks.iter().filter(|(_, preview)| unknown(preview) || any(preview));
        let mut tables: Vec<String> =
            changing.filter_map(|(bound, _)| bound.table.as_ref()).map(checks::Table::qualified).collect();
        tables.sort();
        tables.dedup();
        tables
    }
}

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract.
pub(super) async fn run(settings: &Settings, args: &VerifyArgs, mut stop: Stop) -> Result<Exit> {
    let all = data::checks(settings, &args.checks)?;
    if args.dry_run {
        return dry_run(settings, args, all).await;
    }
    let seen = stop.clone();
    let (mut writing, proposed) = tokio::select! {
        ready = ask(settings, args, &all, &seen) => ready?,
        signal = stop.wait() => return Err(interrupted(signal).into()),
    };
    let Some(proposed) = proposed else {
        writing.door.close().await;
        return super::verify::run(settings, args).await;
    };
    writing.lock().await?;
    let marking = writing.first_mark();
    let report = writing
        .recorded(&marking, None, async |writing| {
            let report = carry_out(settings, args, &all, proposed, writing).await?;
            Ok((report.exit, report))
        })
        .await?;
    tell(settings, &report)
}

async fn dry_run(settings: &Settings, args: &VerifyArgs, all: Vec<Check>) -> Result<Exit> {
    let target = settings.target()?;
    let mut session = target.connect(&settings.application()).await?;
    let request = super::comparison::request(settings, Needs::nothing());
    let survey = survey::survey(&mut session, &request).await?;
    mark::expect(settings, survey.own.as_ref(), &survey.identity.database)?;
    let identity = survey.identity.clone();
    let checks = propose(settings, args, (&target, true), &all, identity, &mut session).await?;
    let proposed = Proposed { survey, checks, broke_off: Vec::new() };
    let mut report = report(settings, &target, &proposed, Vec::new(), RepairStage::Planned);
    if proposed.rows() > 0 {
        let backing = back(settings, args, false, &proposed, &mut session).await?;
        report.backup_plan = Some(backing.plan);
    }
    session.close().await;
    tell(settings, &report)
}

/// Everything up to the operator's yes. `None`: there is nothing to do.
///
/// What would be done is looked at only where somebody is asked; who said yes is shown the plan that is carried out.
async fn ask<'s>(
    settings: &'s Settings,
    args: &'s VerifyArgs,
    all: &[Check],
    stop: &Stop,
) -> Result<(Writing<'s>, Option<Proposed>)> {
    let mut writing = Writing::open(settings, &args.write, stop).await?;
    let survey = writing.look_for(Needs::nothing()).await?;
    let target = writing.target.clone();
    let mark = survey.own.as_ref().and_then(|own| own.mark.clone());
    let protected = mark::protected(settings, mark.as_ref()).is_some();
    let asks = !args.write.yes || protected && settings.output.interactive;
    let session = writing.door.reading().await?;
    let checks = propose(settings, args, (&target, asks), all, survey.identity.clone(), session).await?;
    let mut proposed = Proposed { survey, checks, broke_off: Vec::new() };
    refuse(&proposed)?;
    if proposed.checks.is_empty() || asks && proposed.rows() == 0 {
        return Ok((writing, None));
    }
    let session = writing.door.reading().await?;
    // Whether one can be had, before anything is written.
    let backing = back(settings, args, true, &proposed, session).await?;
    proposed.broke_off = repair::latest(&mut writing.door).await?;
    for (run, rows) in &proposed.broke_off {
        report::err(&format!("run {run} broke off after {rows} rows; what is left is planned anew\n"));
    }
    if asks && (settings.output.interactive || !settings.output.quiet) {
        show(settings, &target, &proposed, &backing);
    }
    let what = match proposed.rows() {
        0 => "repair what the fixes propose".to_owned(),
        1 => "repair 1 row".to_owned(),
        rows => format!("repair {rows} rows"),
    };
    writing.confirm(&what, mark.as_ref()).await?;
    Ok((writing, Some(proposed)))
}

/// Shows the plan on standard error.
fn show(settings: &Settings, target: &Target, proposed: &Proposed, backing: &Backing) {
    let mut shown = report(settings, target, proposed, Vec::new(), RepairStage::Planned);
    shown.backup_plan = Some(backing.plan.clone());
    report::err(&shown.proposal(deliver::style(&settings.output)));
}

/// Decides about a backup of the tables that are changed.
async fn back(
    settings: &Settings,
    args: &VerifyArgs,
    write: bool,
    proposed: &Proposed,
    session: &mut Session,
) -> Result<Backing> {
    let tables = (proposed.tables(), undoing(settings));
    data::back(settings, (args.no_backup, write), tables, &proposed.survey, session).await
}

/// Holds the checks that have fixes against the database, and looks what these would do, where `rows` says so.
async fn propose(
    settings: &Settings,
    args: &VerifyArgs,
    (target, rows): (&Target, bool),
    all: &[Check],
    identity: Identity,
    session: &mut Session,
) -> Result<Vec<(Bound, Preview)>> {
    let application = settings.application();
    let look = data::look(settings, target, &application, args.sample, args.jobs);
    let with_fixes = all.iter().filter(|check| !check.fixes.is_empty()).cloned().collect();
    let bound = checks::begin(session, with_fixes, &look).await?;
    let mut checks = Vec::new();
    for bound in bound {
        if let Some(obstacle) = bound.obstacles.first() {
            let name = &bound.check.name;
            let role = crate::sql::identifier(&identity.role).into_owned();
            return Err(Failure::cannot_tell(format!(
                "check {name}: {}; nothing was changed",
                obstacle.told()
            ))
            .next(obstacle.remedy(&role))
            .into());
        }
        let preview = match rows {
            true => repair::preview(session, &bound, args.sample).await?,
            false => Preview::default(),
        };
        checks.push((bound, preview));
    }
    session.execute("COMMIT").await?;
    Ok(checks)
}

/// What must not be done.
fn refuse(proposed: &Proposed) -> Result<(), Failure> {
    for (bound, preview) in &proposed.checks {
        for (fix, seen) in bound.check.fixes.iter().zip(&preview.fixes) {
            let title = format!("{}/{}", bound.check.name, fix.name);
            if let Some(most) = fix.at_most.filter(|most| seen.rows > *most) {
                return Err(repair::too_many_rows(title, seen.rows, most));
            }
            if let Some((key, rows)) = &seen.cascade {
                return Err(Failure::new(
                    Exit::Refused,
                    format!(
                        "fix {title} would delete {rows} rows that others refer to, and foreign key {key} would change those; \
                         nothing was changed"
                    ),
                )
                .next("leave these rows out of the fix, or say in a fix of its own what becomes of those that refer to them"));
            }
        }
    }
    Ok(())
}

/// The command that takes this run's repairs back.
fn undoing(settings: &Settings) -> String {
    format!("trueup undo {}", settings.run)
}

/// What became of a check's fixes.
#[derive(Debug, Clone, Default)]
struct Became {
    /// Rows of the last pass that were changed or locked by others.
    skipped: u64,
    blockers: Vec<Blocker>,
}

async fn carry_out(
    settings: &Settings,
    args: &VerifyArgs,
    all: &[Check],
    mut proposed: Proposed,
    writing: &mut Writing<'_>,
) -> Result<VerifyReport> {
    let pace = data::pace(settings, args.max_rate);
    let shown =
        (!proposed.checks.iter().all(|(_, preview)| preview.fixes.is_empty())).then(|| proposed.rows());
    let mut number = 0;
    let everything: Vec<&Bound> = proposed.checks.iter().map(|(bound, _)| bound).collect();
    let (door, watch) = (&mut writing.door, &mut writing.progress);
    let plan = repair::plan(door, watch, &everything, (&mut number, args.sample), &[], &pace).await?;
    proposed.take_over(plan.seen);
    if let Err(failure) = refuse(&proposed).and_then(|()| grown(shown, proposed.rows())) {
        repair::discard(door, watch, plan.repairs, &pace).await?;
        return Err(failure.into());
    }
    let mut fixes = fix_reports(&proposed);
    let mut backed = None;
    let mut became: BTreeMap<String, Became> = BTreeMap::new();
    if !plan.repairs.is_empty() {
        let backing = back(settings, args, true, &proposed, door.reading().await?).await?;
        if shown.is_none() && settings.output.interactive && !settings.output.quiet {
            show(settings, &writing.target, &proposed, &backing);
        }
        let (manifest, backup) = backing.before(settings, &proposed.survey, writing).await?.unzip();
        let mut work = Repairing { writing, pace, fixes: &mut fixes, became: &mut became, kept: false };
        let done = work.passes(&proposed, plan.repairs, (number, args.sample)).await;
        writing.progress.clear();
        if let Err(failure) = done {
            return Err(match manifest {
                Some(manifest) => {
                    let undo = undoing(settings);
                    backing::last_resort(failure, &manifest, Some(&undo), &mut writing.door).await
                }
                None => failure,
            });
        }
        backed = Some((backing.plan, backup));
    }
    let mut checks = recount(settings, args, &writing.target, all).await.map_err(uncounted)?;
    explain(settings, args, &mut checks, all, &proposed, &became, writing).await.map_err(uncounted)?;
    let mut report = report(settings, &writing.target, &proposed, checks, RepairStage::Done);
    report.fixes = fixes.into_iter().filter(|fix| fix.rows + fix.changed + fix.ambiguous > 0).collect();
    if let Some((plan, backup)) = backed {
        (report.backup_plan, report.backup) = (Some(plan), backup);
    }
    Ok(report)
}

/// The work, and what came of it so far.
struct Repairing<'r, 'w> {
    writing: &'r mut Writing<'w>,
    pace: Pace,
    fixes: &'r mut [FixReport],
    became: &'r mut BTreeMap<String, Became>,
    /// Whether something of this run stays, whatever comes.
    kept: bool,
}

impl Repairing<'_, '_> {
    /// Carries the plan out; and once more what others changed meanwhile, and nothing else: a row that is repaired is not
    /// handed to another fix, nor to the same again.
    async fn passes(
        &mut self,
        proposed: &Proposed,
        mut repairs: Vec<Repair>,
        (mut number, sample): (u32, usize),
    ) -> Result<()> {
        for pass in 1..=PASSES {
            for check in self.became.values_mut() {
                *check = Became::default();
            }
            let mut skipped = Vec::new();
            for repair in repairs {
                if self.one(&repair).await? > 0 {
                    skipped.push(repair);
                }
            }
            let again = |bound: &Bound| {
                let oid = bound.table.as_ref().map(|table| table.oid);
                skipped.iter().any(|repair| Some(repair.table.oid) == oid)
            };
            let checks: Vec<&Bound> =
                proposed.checks.iter().map(|(bound, _)| bound).filter(|bound| again(bound)).collect();
            if checks.is_empty() || pass == PASSES {
                break;
            }
            let (door, watch) = (&mut self.writing.door, &mut self.writing.progress);
            let plan = repair::plan(door, watch, &checks, (&mut number, sample), &skipped, &self.pace).await;
            repairs = plan.map_err(|error| partial(error, self.kept))?.repairs;
        }
        Ok(())
    }

    /// Carries one repair out. How many rows it left out.
    async fn one(&mut self, repair: &Repair) -> Result<u64> {
        let (door, watch) = (&mut self.writing.door, &mut self.writing.progress);
        let tally = repair::repair(door, watch, repair, &self.pace, self.kept).await?;
        self.kept |= tally.changed > 0;
        let check = self.became.entry(repair.check.clone()).or_default();
        check.skipped += tally.skipped;
        if !tally.blockers.is_empty() {
            check.blockers = tally.blockers;
        }
        let is_it = |fix: &&mut FixReport| fix.check == repair.check && fix.fix == repair.fix;
        if let Some(fix) = self.fixes.iter_mut().find(is_it) {
            fix.changed += tally.changed;
            fix.skipped = tally.skipped;
            fix.batches += tally.batches;
            let longest = u64::try_from(tally.longest.as_millis()).unwrap_or(u64::MAX);
            fix.longest_batch_milliseconds = fix.longest_batch_milliseconds.max(longest);
        }
        Ok(tally.skipped)
    }
}

/// Says why rows are left, by what the fixes propose now.
async fn explain(
    settings: &Settings,
    args: &VerifyArgs,
    checks: &mut [CheckReport],
    all: &[Check],
    proposed: &Proposed,
    became: &BTreeMap<String, Became>,
    writing: &mut Writing<'_>,
) -> Result<()> {
    let wrong = |check: &Check| {
        checks.iter().any(|counted| counted.name == check.name && counted.rows.is_some_and(|rows| rows > 0))
    };
    let left: Vec<Check> =
        all.iter().filter(|check| !check.fixes.is_empty() && wrong(check)).cloned().collect();
    if left.is_empty() {
        return Ok(());
    }
    let mut session = writing.target.connect(&settings.application()).await?;
    let target = (&writing.target, true);
    let now = propose(settings, args, target, &left, proposed.survey.identity.clone(), &mut session).await?;
    session.close().await;
    for (bound, preview) in &now {
        let name = &bound.check.name;
        if let Some(check) = checks.iter_mut().find(|check| check.name == *name) {
            check.left = reasons(check, preview, became.get(name));
        }
    }
    Ok(())
}

/// What failed after something was changed stopped part-way.
fn partial(error: anyhow::Error, kept: bool) -> anyhow::Error {
    match error.downcast::<Failure>() {
        Ok(failure) if kept && failure.exit == Exit::RolledBack => {
            Failure { exit: Exit::Partial, ..failure }.into()
        }
        Ok(failure) => failure.into(),
        Err(error) => error,
    }
}

/// Much more than was confirmed is not done.
fn grown(shown: Option<u64>, now: u64) -> Result<(), Failure> {
    match shown.filter(|shown| now > shown + (shown / 10).max(100)) {
        Some(shown) => {
            Err(changed_meanwhile(&format!("the plan was shown, which had {shown} rows and has {now} now,")))
        }
        None => Ok(()),
    }
}

/// Why rows are left in a check, by what its fixes propose now.
fn reasons(check: &CheckReport, now: &Preview, became: Option<&Became>) -> Vec<String> {
    let Some(rows) = check.rows.filter(|rows| *rows > 0) else { return Vec::new() };
    let ambiguous: u64 = now.fixes.iter().map(|fix| fix.ambiguous).sum();
    let proposed: u64 = now.fixes.iter().map(|fix| fix.rows).sum();
    let Became { skipped, blockers } = became.cloned().unwrap_or_default();
    let skipped = skipped.min(proposed);
    let mut left = Vec::new();
    if now.left > 0 {
        left.push(format!("{} that no fix proposes anything for", now.left));
    }
    if ambiguous > 0 {
        left.push(format!("{ambiguous} that a fix has several answers for"));
    }
    if skipped > 0 {
        let locked = match blockers.as_slice() {
            [] => String::new(),
            blockers => format!("; locked by {}", report::locked_by(blockers)),
        };
        left.push(format!("{skipped} that others changed or held locked each time{locked}"));
    }
    if proposed > skipped {
        left.push(format!(
            "{} that came since the plan was made: the producer is still active",
            proposed - skipped
        ));
    }
    let remain = if rows == 1 { "1 row remains".to_owned() } else { format!("{rows} rows remain") };
    vec![if left.is_empty() { remain } else { format!("{remain}: {}", left.join("; ")) }]
}

/// Counts all rows that are wrong, in a snapshot of now, on connections of its own.
async fn recount(
    settings: &Settings,
    args: &VerifyArgs,
    target: &Target,
    all: &[Check],
) -> Result<Vec<CheckReport>> {
    let application = settings.application();
    let mut session = target.connect(&application).await?;
    let look = data::look(settings, target, &application, args.sample, args.jobs);
    let found = checks::look(&mut session, all.to_vec(), look).await?;
    session.close().await;
    Ok(found.into_iter().map(data::check_report).collect())
}

/// The work is done, and counting again failed.
fn uncounted(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<Failure>() {
        Ok(failure) => {
            let what = format!("the repair is done and recorded; counting again failed: {}", failure.what);
            Failure { what, next: "trueup verify".to_owned(), ..failure }.into()
        }
        Err(error) => error,
    }
}

fn report(
    settings: &Settings,
    target: &Target,
    proposed: &Proposed,
    checks: Vec<CheckReport>,
    stage: RepairStage,
) -> VerifyReport {
    let mark = proposed.survey.own.as_ref().and_then(|own| own.mark.as_ref());
    let checks = match stage {
        RepairStage::Done => checks,
        RepairStage::Planned => proposed.checks.iter().map(planned).collect(),
    };
    let exit = data::exit(&checks);
    let broke_off = proposed.broke_off.iter().map(|(run, rows)| {
        format!("run {run} broke off before, after {rows} rows: trueup undo {run} takes those back")
    });
    VerifyReport {
        run: settings.run.clone(),
        exit,
        target: data::target(settings, target, &proposed.survey.identity, mark),
        summary: VerifyReport::summary_of(&checks),
        checks,
        stage: Some(stage),
        fixes: fix_reports(proposed).into_iter().filter(|fix| fix.rows + fix.ambiguous > 0).collect(),
        backup_plan: None,
        backup: None,
        notes: mark::note(settings, target, mark).into_iter().chain(broke_off).collect(),
    }
}

/// A check before its repair.
fn planned((bound, preview): &(Bound, Preview)) -> CheckReport {
    let check = bound.check.clone();
    let left = match preview.left {
        0 => Vec::new(),
        left => vec![format!(
            "{left} of {} wrong rows are left: no fix proposes anything for them",
            preview.found
        )],
    };
    CheckReport {
        name: check.name,
        file: check.path.display().to_string(),
        title: check.title,
        severity: check.severity,
        table: bound.table.as_ref().map(checks::Table::qualified),
        rows: Some(preview.found),
        unknown: None,
        obstacles: Vec::new(),
        columns: Vec::new(),
        sample: Vec::new(),
        fixes: check.fixes.into_iter().map(|fix| fix.name).collect(),
        left,
        milliseconds: 0,
    }
}

fn fix_reports(proposed: &Proposed) -> Vec<FixReport> {
    let of = |(bound, preview): &(Bound, Preview)| -> Vec<FixReport> {
        let fixes = bound.fixes.iter().zip(&preview.fixes);
        fixes.filter_map(|(fix, seen)| fix_report(bound, &fix.fix, &fix.sets, seen)).collect()
    };
    proposed.checks.iter().flat_map(of).collect()
}

fn fix_report(bound: &Bound, fix: &checks::Fix, sets: &[String], seen: &FixPreview) -> Option<FixReport> {
    let table = bound.table.as_ref()?;
    let deletes = fix.action == checks::Action::Delete;
    let fires = |trigger: &&checks::Trigger| match deletes {
        true => trigger.delete,
        false => {
            let columns = trigger.columns.as_deref().unwrap_or_default();
            trigger.update && (columns.is_empty() || columns.iter().any(|column| sets.contains(column)))
        }
    };
    // Of a row that is deleted no more is shown than of one that is wrong.
    let shown = |name: &str| bound.check.shown().iter().any(|column| column.name == name);
    let columns: Vec<String> = match deletes {
        true => {
            let kept = table.columns.iter().filter(|column| !column.generated);
            kept.map(|column| column.name.clone()).collect()
        }
        false => sets.to_vec(),
    };
    let mut sample = seen.sample.clone();
    for change in sample.iter_mut().filter(|_| deletes) {
        let named = columns.iter().zip(std::mem::take(&mut change.before));
        change.before = named.filter(|(name, _)| shown(name)).map(|(_, value)| value).collect();
    }
    let columns = columns.into_iter().filter(|name| !deletes || shown(name)).collect();
    Some(FixReport {
        check: bound.check.name.clone(),
        fix: fix.name.clone(),
        description: fix.description.clone(),
        action: fix.action,
        table: table.qualified(),
        key: bound.check.key.iter().map(|key| key.name.clone()).collect(),
        columns,
        rows: seen.rows,
        ambiguous: seen.ambiguous,
        sample,
        candidates: seen.candidates.clone(),
        triggers: table.triggers.iter().filter(fires).map(report::trigger).collect(),
        changed: 0,
        skipped: 0,
        batches: 0,
        longest_batch_milliseconds: 0,
    })
}

fn tell(settings: &Settings, report: &VerifyReport) -> Result<Exit> {
    deliver(&settings.output, |format, style| report.render(format, style))?;
    Ok(report.exit)
}
