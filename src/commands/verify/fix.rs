//! `trueup verify --fix`: plans, asks, backs up, repairs in batches, and runs the checks again.

use std::collections::BTreeMap;

use anyhow::Result;

use super::args::VerifyArgs;
use super::proposal::{
    ProposalRequest, Proposed, ProposedCheck, fix_reports, plan_backup, propose, refuse, refuse_growth,
    report, undo_command,
};
use super::report::VerifyReport;
use super::{rows_of_check, rows_of_fix};
use crate::data::checks::{self, Action, Check, Trigger, ValidatedCheck};
use crate::data::repair::{self, InterruptedRun, Plan, PlanRequest, Repair, RepairLimits};
use crate::error::{Exit, Failure, with_failure};
use crate::output;
use crate::postgres::connection::Target;
use crate::project::Settings;
use crate::snapshot;
use crate::text::short_id;
use crate::workflow::backup_policy::{self, BackupPolicy};
use crate::workflow::deliver::{self, deliver};
use crate::workflow::project_model::Needs;
use crate::workflow::reports::data_check::{DataCheckReport, data_check_report};
use crate::workflow::reports::fix_report::{FixReport, RepairStage, locked_by};
use crate::workflow::signals::until_stopped;
use crate::workflow::write_command::WriteCommand;
use crate::workflow::{comparison, data_checks, environment_mark};
use crate::writer::{Blocker, StopSignal, interrupted};

/// How often rows are planned and repaired. Every further pass is about the rows that other sessions changed meanwhile.
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
    let checks = data_checks::checks(settings, &args.checks)?;
    if args.dry_run {
        return until_stopped(stop, dry_run(settings, args, checks)).await;
    }
    let signal = stop.clone();
    let (mut writing, proposed) = tokio::select! {
        biased;
        ready = ask(settings, args, &checks, &signal) => ready?,
        signal = stop.wait() => return Err(interrupted(signal).into()),
    };
    let Some(mut proposed) = proposed else {
        writing.writer.close().await;
        return super::run(settings, args).await;
    };
    writing.lock().await?;
    // No other run is repairing while this one holds the lock: a repair that is not done was interrupted.
    proposed.interrupted = repair::interrupted_runs(&mut writing.writer).await?;
    for InterruptedRun { run, rows } in &proposed.interrupted {
        let run = short_id(run);
        output::err(&format!("run {run} was interrupted after {rows} rows; the rest is planned again\n"));
    }
    let marking = writing.first_mark();
    let report = writing
        .recorded(&marking, None, async |writing| {
            let report = carry_out(settings, args, &checks, proposed, writing).await?;
            Ok((report.exit, report))
        })
        .await?;
    print(settings, &report)
}

async fn dry_run(settings: &Settings, args: &VerifyArgs, checks: Vec<Check>) -> Result<Exit> {
    let target = settings.target()?;
    let mut session = target.connect(&settings.application()).await?;
    let request = comparison::request(settings, Needs::nothing());
    let snapshot = snapshot::take(&mut session, &request).await?;
    environment_mark::expect(settings, snapshot.mark(), &snapshot.identity.database)?;
    let role = &snapshot.identity.role;
    let request = ProposalRequest { settings, args, target: &target, checks: &checks, role, previews: true };
    let checks = propose(request, &mut session).await?;
    let proposed = Proposed { snapshot, asked: args.checks.clone(), checks, interrupted: Vec::new() };
    let mut report = report(settings, &target, &proposed, Vec::new(), RepairStage::Planned);
    if let Err(failure) = refuse(settings, &proposed) {
        report.notes.push(format!("it would be refused: {}", failure.what));
        report.refused = Some(failure.next);
    }
    if proposed.rows() > 0 {
        let policy = plan_backup(settings, args, false, &proposed, &mut session).await?;
        report.backup_plan = Some(policy.plan);
    }
    session.close().await;
    print(settings, &report)
}

/// Plans, shows the proposal and asks for confirmation. `None`: there is nothing to do.
///
/// The fixes are previewed only where somebody is asked. With `--yes`, the plan that is carried out is shown instead.
async fn ask<'s>(
    settings: &'s Settings,
    args: &'s VerifyArgs,
    checks: &[Check],
    stop: &StopSignal,
) -> Result<(WriteCommand<'s>, Option<Proposed>)> {
    let mut writing = WriteCommand::open(settings, &args.write, stop).await?;
    let snapshot = writing.take_snapshot_for(Needs::nothing()).await?;
    let target = writing.target.clone();
    let mark = snapshot.mark().cloned();
    let protected = environment_mark::protected(settings, mark.as_ref()).is_some();
    let asks = !args.write.yes || protected && settings.output.interactive;
    let session = writing.writer.read_session().await?;
    let role = &snapshot.identity.role;
    let request = ProposalRequest { settings, args, target: &target, checks, role, previews: asks };
    let checks = propose(request, session).await?;
    let proposed = Proposed { snapshot, asked: args.checks.clone(), checks, interrupted: Vec::new() };
    refuse(settings, &proposed)?;
    if proposed.checks.is_empty() || asks && proposed.rows() == 0 {
        return Ok((writing, None));
    }
    let session = writing.writer.read_session().await?;
    // Refuses here, before anything is written, if no backup can be taken.
    let policy = plan_backup(settings, args, true, &proposed, session).await?;
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

/// Plans the fixes, repairs the rows and runs the checks again.
async fn carry_out(
    settings: &Settings,
    args: &VerifyArgs,
    checks: &[Check],
    mut proposed: Proposed,
    writing: &mut WriteCommand<'_>,
) -> Result<VerifyReport> {
    let limits = data_checks::repair_limits(settings, args.max_rate);
    let previewed = proposed.checks.iter().any(|one| !one.preview.fixes.is_empty());
    let confirmed = previewed.then(|| proposed.rows());
    let all: Vec<&ValidatedCheck> = proposed.checks.iter().map(|one| &one.check).collect();
    let (writer, watch) = (&mut writing.writer, &mut writing.progress);
    let sample = rows_of_fix(args);
    let request = PlanRequest { checks: &all, last_number: 0, sample, earlier: &[], limits: &limits };
    let mut plan = repair::plan(writer, watch, request).await?;
    proposed.replace_previews(std::mem::take(&mut plan.previews));
    if let Err(failure) = refuse(settings, &proposed).and_then(|()| refuse_growth(confirmed, proposed.rows()))
    {
        repair::discard(writer, watch, plan.repairs, &limits).await?;
        return Err(failure.into());
    }
    let mut fixes = fix_reports(&proposed);
    let mut backed_up = None;
    let mut outcomes: BTreeMap<String, CheckOutcome> = BTreeMap::new();
    if !plan.repairs.is_empty() {
        let policy = plan_backup(settings, args, true, &proposed, writer.read_session().await?).await?;
        if confirmed.is_none() && settings.output.interactive && !settings.output.quiet {
            show(settings, &writing.target, &proposed, &policy);
        }
        let (manifest, backup) = policy.ensure(settings, &proposed.snapshot, writing).await?.unzip();
        let mut passes =
            RepairPasses { writing, limits, fixes: &mut fixes, outcomes: &mut outcomes, changed_rows: false };
        let repaired = passes.run(&proposed, plan).await;
        writing.progress.clear();
        if let Err(failure) = repaired {
            return Err(match manifest {
                Some(manifest) => {
                    let undo = undo_command(settings);
                    backup_policy::add_recovery_hints(
                        settings,
                        failure,
                        &manifest,
                        Some(&undo),
                        &mut writing.writer,
                    )
                    .await
                }
                None => failure,
            });
        }
        backed_up = Some((policy.plan, backup));
    }
    let again = run_again(settings, args, &writing.target, checks);
    let mut reports = writing.writer.while_connected(again).await.map_err(not_run_again)?;
    explain(settings, args, &mut reports, checks, &proposed, &outcomes, writing)
        .await
        .map_err(not_run_again)?;
    let mut report = report(settings, &writing.target, &proposed, reports, RepairStage::Done);
    if report.exit == Exit::Clean && fixes.iter().any(|fix| fix.refused > 0) {
        report.exit = Exit::Findings;
    }
    report.fixes = fixes.into_iter().filter(|fix| fix.rows + fix.changed + fix.ambiguous > 0).collect();
    if let Some((plan, backup)) = backed_up {
        (report.backup_plan, report.backup) = (Some(plan), backup);
    }
    Ok(report)
}

/// What the repairs of a check have done in the last pass.
#[derive(Debug, Clone, Default)]
struct CheckOutcome {
    /// How many rows they skipped, because other sessions had changed or locked them.
    skipped: u64,
    /// How many rows the server refused to change, in all passes.
    refused: u64,
    /// The sessions that held locks on skipped rows.
    blockers: Vec<Blocker>,
}

/// The passes of a repair, and what they have done so far.
struct RepairPasses<'r, 'w> {
    writing: &'r mut WriteCommand<'w>,
    limits: RepairLimits,
    /// The reports of the fixes, which count the changed rows.
    fixes: &'r mut [FixReport],
    /// What the last pass has done, by the name of the check.
    outcomes: &'r mut BTreeMap<String, CheckOutcome>,
    /// Whether this run has changed rows, which stay changed whatever happens.
    changed_rows: bool,
}

impl RepairPasses<'_, '_> {
    /// Carries out a plan. Then plans and repairs the rows that other sessions changed meanwhile, and no others: a row that
    /// this run has repaired is given neither to another fix nor to the same fix again.
    async fn run(&mut self, proposed: &Proposed, mut plan: Plan) -> Result<()> {
        for pass in 1..=PASSES {
            for outcome in self.outcomes.values_mut() {
                *outcome = CheckOutcome { refused: outcome.refused, ..CheckOutcome::default() };
            }
            let mut skipped = Vec::new();
            for repair in plan.repairs {
                if self.repair(&repair).await? > 0 {
                    skipped.push(repair);
                }
            }
            let has_skipped = |check: &ValidatedCheck| {
                let oid = check.table.as_ref().map(|table| table.oid);
                skipped.iter().any(|repair| Some(repair.table.oid) == oid)
            };
            let checks: Vec<&ValidatedCheck> =
                proposed.checks.iter().map(|one| &one.check).filter(|check| has_skipped(check)).collect();
            if checks.is_empty() || pass == PASSES {
                break;
            }
            let (writer, watch) = (&mut self.writing.writer, &mut self.writing.progress);
            let request = PlanRequest {
                checks: &checks,
                last_number: plan.last_number,
                sample: 0,
                earlier: &skipped,
                limits: &self.limits,
            };
            let planned = repair::plan(writer, watch, request).await;
            plan = planned.map_err(|error| partial(error, self.changed_rows))?;
        }
        Ok(())
    }

    /// Carries out one repair. Returns how many rows it skipped.
    async fn repair(&mut self, repair: &Repair) -> Result<u64> {
        let (writer, watch) = (&mut self.writing.writer, &mut self.writing.progress);
        let outcome = repair::repair(writer, watch, repair, &self.limits, self.changed_rows).await?;
        self.changed_rows |= outcome.changed > 0;
        let of_check = self.outcomes.entry(repair.check.clone()).or_default();
        of_check.skipped += outcome.skipped;
        of_check.refused += outcome.refused.rows;
        if !outcome.blockers.is_empty() {
            of_check.blockers = outcome.blockers;
        }
        let is_it = |fix: &&mut FixReport| fix.check == repair.check && fix.fix == repair.fix;
        if let Some(fix) = self.fixes.iter_mut().find(is_it) {
            fix.changed += outcome.changed;
            fix.skipped = outcome.skipped;
            fix.refused += outcome.refused.rows;
            fix.refused_rows.extend(outcome.refused.named);
            fix.batches += outcome.batches;
            let longest = u64::try_from(outcome.longest.as_millis()).unwrap_or(u64::MAX);
            fix.longest_batch_milliseconds = fix.longest_batch_milliseconds.max(longest);
        }
        Ok(outcome.skipped)
    }
}

/// Explains in the reports why rows are still wrong, from what the fixes propose now.
async fn explain(
    settings: &Settings,
    args: &VerifyArgs,
    reports: &mut [DataCheckReport],
    checks: &[Check],
    proposed: &Proposed,
    outcomes: &BTreeMap<String, CheckOutcome>,
    writing: &mut WriteCommand<'_>,
) -> Result<()> {
    let fails = |check: &Check| {
        reports.iter().any(|report| report.name == check.name && report.rows.is_some_and(|rows| rows > 0))
    };
    let failing: Vec<Check> =
        checks.iter().filter(|check| !check.fixes.is_empty() && fails(check)).cloned().collect();
    if failing.is_empty() {
        return Ok(());
    }
    let mut session = writing.target.connect(&settings.application()).await?;
    let (target, role) = (&writing.target, &proposed.snapshot.identity.role);
    let request = ProposalRequest { settings, args, target, checks: &failing, role, previews: true };
    let now = propose(request, &mut session).await?;
    session.close().await;
    for now in &now {
        let name = &now.check.check.name;
        if let Some(report) = reports.iter_mut().find(|report| report.name == *name) {
            report.left = reasons(report, now, outcomes.get(name), fixes_of_table(&now.check, proposed));
        }
    }
    Ok(())
}

/// The failure of planning again. It stopped part-way if the run has changed rows before.
fn partial(error: anyhow::Error, changed_rows: bool) -> anyhow::Error {
    with_failure(error, |failure| match failure.exit {
        Exit::RolledBack if changed_rows => Failure { exit: Exit::Partial, ..failure },
        _ => failure,
    })
}

/// How many fixes of a plan may change rows of a check's table.
fn fixes_of_table(check: &ValidatedCheck, proposed: &Proposed) -> usize {
    let oid = |check: &ValidatedCheck| check.table.as_ref().map(|table| table.oid);
    let same = proposed.checks.iter().filter(|other| oid(&other.check) == oid(check));
    same.map(|other| other.check.fixes.len()).sum()
}

/// What besides other sessions may have prevented the repair of rows of a table, as the end of a clause.
fn other_causes(check: &ValidatedCheck) -> &'static str {
    let Some(table) = &check.table else { return "" };
    let deletes = check.fixes.iter().any(|fix| fix.fix.action == Action::Delete);
    let fires = |trigger: &Trigger| if deletes { trigger.delete } else { trigger.update };
    let triggers = table.triggers.iter().any(|trigger| trigger.before && trigger.row && fires(trigger));
    let cascades = check.fixes.iter().any(|fix| {
        let sets: Vec<_> = fix.sets.iter().filter_map(|name| table.column(name).cloned()).collect();
        table.cascading_keys(fix.fix.action, &sets).next().is_some()
    });
    match (triggers, cascades) {
        (false, false) => "",
        (true, false) => ", or that a trigger held back",
        (false, true) => ", or that others refer to since",
        (true, true) => ", or that a trigger held back, or others refer to since",
    }
}

/// Why rows of a check are still wrong, from what its fixes propose `now`. `fixes` is the number of fixes that may change rows
/// of its table.
fn reasons(
    report: &DataCheckReport,
    now: &ProposedCheck,
    outcome: Option<&CheckOutcome>,
    fixes: usize,
) -> Vec<String> {
    let ProposedCheck { check, preview } = now;
    let Some(rows) = report.rows.filter(|rows| *rows > 0) else { return Vec::new() };
    let ambiguous: u64 = preview.fixes.iter().map(|fix| fix.ambiguous).sum();
    let proposed: u64 = preview.fixes.iter().map(|fix| fix.rows).sum();
    let CheckOutcome { skipped, refused, blockers } = outcome.cloned().unwrap_or_default();
    let refused = refused.min(proposed);
    let skipped = skipped.min(proposed - refused);
    let mut reasons = Vec::new();
    if preview.left > 0 {
        reasons.push(format!("{} that no fix proposes anything for", preview.left));
    }
    if ambiguous > 0 {
        reasons.push(format!("{ambiguous} that a fix has several answers for"));
    }
    if skipped > 0 {
        let locked = match blockers.as_slice() {
            [] => String::new(),
            blockers => format!("; locked by {}", locked_by(blockers)),
        };
        let others = other_causes(check);
        reasons.push(format!("{skipped} that others changed or held locked each time{others}{locked}"));
    }
    if refused > 0 {
        reasons
            .push(format!("{refused} that the server refuses to change: the errors are listed with the fix"));
    }
    if proposed > skipped + refused {
        // A run repairs a row with one fix only.
        let why = match fixes {
            0 | 1 => "came since the plan was made: the producer is still active",
            _ => {
                "another fix proposes something for, or that came since the plan was made: the same command again \
                 repairs them"
            }
        };
        reasons.push(format!("{} that {why}", proposed - skipped - refused));
    }
    let remain = if rows == 1 { "1 row remains".to_owned() } else { format!("{rows} rows remain") };
    vec![if reasons.is_empty() { remain } else { format!("{remain}: {}", reasons.join("; ")) }]
}

/// Runs all checks in a new snapshot, on connections of their own.
async fn run_again(
    settings: &Settings,
    args: &VerifyArgs,
    target: &Target,
    checks: &[Check],
) -> Result<Vec<DataCheckReport>> {
    let application = settings.application();
    let mut session = target.connect(&application).await?;
    let sample = rows_of_check(settings, args);
    let options = data_checks::options(settings, target, &application, sample, args.jobs);
    let results = checks::run(&mut session, checks.to_vec(), options).await?;
    session.close().await;
    Ok(results.into_iter().map(data_check_report).collect())
}

/// The failure of running the checks again, after the repair.
fn not_run_again(error: anyhow::Error) -> anyhow::Error {
    with_failure(error, |failure| {
        let what = format!("the repair is done and recorded; counting again failed: {}", failure.what);
        Failure { what, next: "trueup verify".to_owned(), ..failure }
    })
}

fn print(settings: &Settings, report: &VerifyReport) -> Result<Exit> {
    deliver(&settings.output, report)?;
    Ok(report.exit)
}
