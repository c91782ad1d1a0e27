//! `trueup verify --fix`: plan, confirm, back up, repair in batches, count again.

use std::collections::BTreeMap;

use anyhow::Result;

use super::args::VerifyArgs;
use super::proposal::{
    ProposalRequest, Proposed, ProposedCheck, back, fix_reports, grown, propose, refuse, report, undoing,
};
use super::report::{DataCheckReport, VerifyReport, data_check_report};
use super::{rows_of_check, rows_of_fix};
use crate::data::checks::{self, Check, ValidatedCheck};
use crate::data::repair::{self, InterruptedRun, Plan, PlanRequest, Repair, RepairLimits};
use crate::error::{Exit, Failure};
use crate::output;
use crate::postgres::connection::Target;
use crate::project::Settings;
use crate::snapshot;
use crate::workflow::backup_policy::{self, BackupPolicy};
use crate::workflow::deliver::{self, deliver};
use crate::workflow::project_model::Needs;
use crate::workflow::reports::fix_report::{FixReport, RepairStage, locked_by};
use crate::workflow::write_command::{WriteCommand, interrupted};
use crate::workflow::{data_checks, environment_mark};
use crate::writer::{Blocker, StopSignal};

/// How often rows that somebody changed meanwhile are planned again.
const PASSES: usize = 2;

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract.
pub(in crate::commands) async fn run(
    settings: &Settings,
    args: &VerifyArgs,
    mut stop: StopSignal,
) -> Result<Exit> {
    let all = data_checks::checks(settings, &args.checks)?;
    if args.dry_run {
        return dry_run(settings, args, all).await;
    }
    let seen = stop.clone();
    let (mut writing, proposed) = tokio::select! {
        biased;
        ready = ask(settings, args, &all, &seen) => ready?,
        signal = stop.wait() => return Err(interrupted(signal).into()),
    };
    let Some(mut proposed) = proposed else {
        writing.writer.close().await;
        return super::run(settings, args).await;
    };
    writing.lock().await?;
    // Nobody else repairs now: what is begun and not at its end never comes there.
    proposed.interrupted = repair::latest(&mut writing.writer).await?;
    for InterruptedRun { run, rows } in &proposed.interrupted {
        output::err(&format!("run {run} was interrupted after {rows} rows; the rest is planned again\n"));
    }
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
    let request = crate::workflow::comparison::request(settings, Needs::nothing());
    let snapshot = snapshot::take(&mut session, &request).await?;
    environment_mark::expect(settings, snapshot.internal.as_ref(), &snapshot.identity.database)?;
    let role = &snapshot.identity.role;
    let request = ProposalRequest { settings, args, target: &target, checks: &all, role, previews: true };
    let checks = propose(request, &mut session).await?;
    let proposed = Proposed { snapshot, asked: args.checks.clone(), checks, interrupted: Vec::new() };
    let mut report = report(settings, &target, &proposed, Vec::new(), RepairStage::Planned);
    if let Err(failure) = refuse(&proposed) {
        report.notes.push(format!("it would be refused: {}", failure.what));
        report.refused = Some(failure.next);
    }
    if proposed.rows() > 0 {
        let policy = back(settings, args, false, &proposed, &mut session).await?;
        report.backup_plan = Some(policy.plan);
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
    stop: &StopSignal,
) -> Result<(WriteCommand<'s>, Option<Proposed>)> {
    let mut writing = WriteCommand::open(settings, &args.write, stop).await?;
    let snapshot = writing.take_snapshot_for(Needs::nothing()).await?;
    let target = writing.target.clone();
    let mark = snapshot.internal.as_ref().and_then(|internal| internal.mark.clone());
    let protected = environment_mark::protected(settings, mark.as_ref()).is_some();
    let asks = !args.write.yes || protected && settings.output.interactive;
    let session = writing.writer.read_session().await?;
    let role = &snapshot.identity.role;
    let request = ProposalRequest { settings, args, target: &target, checks: all, role, previews: asks };
    let checks = propose(request, session).await?;
    let proposed = Proposed { snapshot, asked: args.checks.clone(), checks, interrupted: Vec::new() };
    refuse(&proposed)?;
    if proposed.checks.is_empty() || asks && proposed.rows() == 0 {
        return Ok((writing, None));
    }
    let session = writing.writer.read_session().await?;
    // Whether one can be had, before anything is written.
    let policy = back(settings, args, true, &proposed, session).await?;
    if asks && (settings.output.interactive || !settings.output.quiet) {
        show(settings, &target, &proposed, &policy);
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
fn show(settings: &Settings, target: &Target, proposed: &Proposed, policy: &BackupPolicy) {
    let mut shown = report(settings, target, proposed, Vec::new(), RepairStage::Planned);
    shown.backup_plan = Some(policy.plan.clone());
    output::err(&output::shown(&shown.proposal(), deliver::style(&settings.output)));
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
    writing: &mut WriteCommand<'_>,
) -> Result<VerifyReport> {
    let pace = data_checks::pace(settings, args.max_rate);
    let previewed = proposed.checks.iter().any(|one| !one.preview.fixes.is_empty());
    let shown = previewed.then(|| proposed.rows());
    let everything: Vec<&ValidatedCheck> = proposed.checks.iter().map(|one| &one.check).collect();
    let (writer, watch) = (&mut writing.writer, &mut writing.progress);
    let request = PlanRequest {
        checks: &everything,
        last_number: 0,
        sample: rows_of_fix(args),
        earlier: &[],
        pace: &pace,
    };
    let mut plan = repair::plan(writer, watch, request).await?;
    proposed.take_over(std::mem::take(&mut plan.previews));
    if let Err(failure) = refuse(&proposed).and_then(|()| grown(shown, proposed.rows())) {
        repair::discard(writer, watch, plan.repairs, &pace).await?;
        return Err(failure.into());
    }
    let mut fixes = fix_reports(&proposed);
    let mut backed = None;
    let mut became: BTreeMap<String, Became> = BTreeMap::new();
    if !plan.repairs.is_empty() {
        let policy = back(settings, args, true, &proposed, writer.read_session().await?).await?;
        if shown.is_none() && settings.output.interactive && !settings.output.quiet {
            show(settings, &writing.target, &proposed, &policy);
        }
        let (manifest, backup) = policy.ensure(settings, &proposed.snapshot, writing).await?.unzip();
        let mut work = Repairing { writing, pace, fixes: &mut fixes, became: &mut became, kept: false };
        let done = work.passes(&proposed, plan).await;
        writing.progress.clear();
        if let Err(failure) = done {
            return Err(match manifest {
                Some(manifest) => {
                    let undo = undoing(settings);
                    backup_policy::add_recovery_hints(failure, &manifest, Some(&undo), &mut writing.writer)
                        .await
                }
                None => failure,
            });
        }
        backed = Some((policy.plan, backup));
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
    writing: &'r mut WriteCommand<'w>,
    pace: RepairLimits,
    fixes: &'r mut [FixReport],
    became: &'r mut BTreeMap<String, Became>,
    /// Whether something of this run stays, whatever comes.
    kept: bool,
}

impl Repairing<'_, '_> {
    /// Carries the plan out; and once more what others changed meanwhile, and nothing else: a row that is repaired is not
    /// handed to another fix, nor to the same again.
    async fn passes(&mut self, proposed: &Proposed, mut plan: Plan) -> Result<()> {
        for pass in 1..=PASSES {
            for check in self.became.values_mut() {
                *check = Became::default();
            }
            let mut skipped = Vec::new();
            for repair in plan.repairs {
                if self.one(&repair).await? > 0 {
                    skipped.push(repair);
                }
            }
            let again = |bound: &ValidatedCheck| {
                let oid = bound.table.as_ref().map(|table| table.oid);
                skipped.iter().any(|repair| Some(repair.table.oid) == oid)
            };
            let checks: Vec<&ValidatedCheck> =
                proposed.checks.iter().map(|one| &one.check).filter(|bound| again(bound)).collect();
            if checks.is_empty() || pass == PASSES {
                break;
            }
            let (writer, watch) = (&mut self.writing.writer, &mut self.writing.progress);
            let request = PlanRequest {
                checks: &checks,
                last_number: plan.last_number,
                sample: 0,
                earlier: &skipped,
                pace: &self.pace,
            };
            let again = repair::plan(writer, watch, request).await;
            plan = again.map_err(|error| partial(error, self.kept))?;
        }
        Ok(())
    }

    /// Carries one repair out. How many rows it left out.
    async fn one(&mut self, repair: &Repair) -> Result<u64> {
        let (writer, watch) = (&mut self.writing.writer, &mut self.writing.progress);
        let tally = repair::repair(writer, watch, repair, &self.pace, self.kept).await?;
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
    checks: &mut [DataCheckReport],
    all: &[Check],
    proposed: &Proposed,
    became: &BTreeMap<String, Became>,
    writing: &mut WriteCommand<'_>,
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
    let (target, role) = (&writing.target, &proposed.snapshot.identity.role);
    let request = ProposalRequest { settings, args, target, checks: &left, role, previews: true };
    let now = propose(request, &mut session).await?;
    session.close().await;
    for now in &now {
        let name = &now.check.check.name;
        if let Some(check) = checks.iter_mut().find(|check| check.name == *name) {
            check.left = reasons(check, now, became.get(name), fixes_of(&now.check, proposed));
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

/// How many fixes of a plan may change rows of a check's table.
fn fixes_of(bound: &ValidatedCheck, proposed: &Proposed) -> usize {
    let oid = |bound: &ValidatedCheck| bound.table.as_ref().map(|table| table.oid);
    let same = proposed.checks.iter().filter(|other| oid(&other.check) == oid(bound));
    same.map(|other| other.check.fixes.len()).sum()
}

/// What besides other sessions may keep rows of a table from being repaired.
fn also_held_by(bound: &ValidatedCheck) -> &'static str {
    let Some(table) = &bound.table else { return "" };
    let deletes = bound.fixes.iter().any(|fix| fix.fix.action == checks::Action::Delete);
    let fires = |trigger: &checks::Trigger| if deletes { trigger.delete } else { trigger.update };
    let triggers = table.triggers.iter().any(|trigger| trigger.before && trigger.row && fires(trigger));
    let refers = bound.fixes.iter().any(|fix| {
        let sets: Vec<_> = fix.sets.iter().filter_map(|name| table.column(name).cloned()).collect();
        table.set_off(fix.fix.action, &sets).next().is_some()
    });
    match (triggers, refers) {
        (false, false) => "",
        (true, false) => ", or that a trigger held back",
        (false, true) => ", or that others refer to since",
        (true, true) => ", or that a trigger held back, or others refer to since",
    }
}

/// Why rows are left in a check, by what its fixes propose now. Its table's rows may be changed by so many `fixes`.
fn reasons(
    check: &DataCheckReport,
    now: &ProposedCheck,
    became: Option<&Became>,
    fixes: usize,
) -> Vec<String> {
    let ProposedCheck { check: bound, preview: now } = now;
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
            blockers => format!("; locked by {}", locked_by(blockers)),
        };
        let also = also_held_by(bound);
        left.push(format!("{skipped} that others changed or held locked each time{also}{locked}"));
    }
    if proposed > skipped {
        // One run hands a row to one fix.
        let why = match fixes {
            0 | 1 => "came since the plan was made: the producer is still active",
            _ => {
                "another fix proposes something for, or that came since the plan was made: the same command again \
                 repairs them"
            }
        };
        left.push(format!("{} that {why}", proposed - skipped));
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
) -> Result<Vec<DataCheckReport>> {
    let application = settings.application();
    let mut session = target.connect(&application).await?;
    let look = data_checks::look(settings, target, &application, rows_of_check(settings, args), args.jobs);
    let found = checks::look(&mut session, all.to_vec(), look).await?;
    session.close().await;
    Ok(found.into_iter().map(data_check_report).collect())
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

fn tell(settings: &Settings, report: &VerifyReport) -> Result<Exit> {
    deliver(&settings.output, report)?;
    Ok(report.exit)
}
