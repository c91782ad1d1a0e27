//! What upgrade and downgrade have in common: check, plan, confirm, lock, plan again, carry out, check again.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use crate::changes::executor::{self, DefaultLimits, Job, Outcome, StepGuard};
use crate::changes::plan::{Direction, MigrationPlan, collisions};
use crate::cli::WriteArgs;
use crate::error::{ErrorCode, Exit, Failure, with_failure};
use crate::migrations::{Ledger, Migration};
use crate::model::diagnosis::MigrationState;
use crate::output;
use crate::postgres::connection::{Session, Target};
use crate::project::Settings;
use crate::snapshot::{self, DatabaseSnapshot};
use crate::text::plural;
use crate::workflow::backup_policy::{self, BackupOptions, BackupPolicy, PlannedChanges};
use crate::workflow::deliver::{self, deliver};
use crate::workflow::gate::GateDocument;
use crate::workflow::project_model::{self, ProjectModel};
use crate::workflow::reports::plan_report::RecordedBaseline;
use crate::workflow::reports::schema_report::SchemaReport;
use crate::workflow::required_checks::Required;
use crate::workflow::sizes::TooLong;
use crate::workflow::write_command::WriteCommand;
use crate::workflow::{comparison, environment_mark, plan_steps, sizes};
use crate::writer::{StepLimits, StopSignal, Watch, WriteSession, interrupted};

/// What is to be done, and why.
pub(crate) struct PreparedChange {
    pub(crate) snapshot: DatabaseSnapshot,
    pub(crate) state: MigrationState,
    pub(crate) document: SchemaReport,
    pub(crate) plan: MigrationPlan,
    pub(crate) ledger: Ledger,
    /// What is done about a backup; `None` where nothing is to be done.
    pub(crate) policy: Option<BackupPolicy>,
}

impl PreparedChange {
    /// Whether nothing is written at all.
    fn is_idle(&self) -> bool {
        self.plan.is_empty() && self.missing_rows() == 0 && self.squash().is_none()
    }

    /// The baseline that an upgrade records.
    fn squash(&self) -> Option<&RecordedBaseline> {
        self.document.plan.as_ref().and_then(|plan| plan.squash.as_ref())
    }

    /// How many rows the table lacks that is kept in step with the history.
    fn missing_rows(&self) -> usize {
        self.ledger.also.as_ref().map_or(0, |also| also.missing().len())
    }
}

/// What one of the commands adds to it.
pub(crate) trait MigrateCommand {
    /// Confirmation and lock.
    fn write(&self) -> &WriteArgs;

    /// Plans, and refuses what must not be done.
    ///
    /// # Errors
    /// Exit 2 and 4.
    fn prepare(
        &self,
        settings: &Settings,
        target: &Target,
        declared: &ProjectModel,
        snapshot: DatabaseSnapshot,
    ) -> Result<PreparedChange>;

    /// `--no-backup`
    fn no_backup(&self) -> bool;

    /// The document of the gate that has to say READY to the change.
    fn gate(&self) -> Option<&Path> {
        None
    }

    /// Whether its limits of time hold where its statements are run. Those of a script for elsewhere do not.
    fn keeps_limits(&self) -> bool {
        true
    }

    /// How the command ends when it did its work.
    fn exit(&self, plan: &MigrationPlan, document: &SchemaReport) -> Exit;
}

/// Carries a change out.
///
/// # Errors
/// With the exit codes of the contract.
pub(crate) async fn run<C: MigrateCommand>(
    settings: &Settings,
    change: &C,
    mut stop: StopSignal,
) -> Result<Exit> {
    let gate = change.gate().map(GateDocument::read).transpose()?;
    let signal = stop.clone();
    let (mut writing, declared, prepared) = tokio::select! {
        biased;
        ready = ask(settings, change, gate.as_ref(), &signal) => ready?,
        signal = stop.wait() => return Err(interrupted(signal).into()),
    };
    if prepared.is_idle() {
        let exit = print(settings, change, prepared)?;
        writing.writer.close().await;
        return Ok(exit);
    }
    writing.lock().await?;
    // Somebody else may have been faster.
    let prepared =
        if snapshot::unchanged_since(writing.writer.read_session().await?, &prepared.snapshot).await? {
            prepared
        } else {
            let now = prepare(settings, change, gate.as_ref(), &declared, &mut writing).await?;
            if !same_or_less(&prepared.plan, &now.plan) {
                return Err(changed_meanwhile("the plan").into());
            }
            now
        };
    if prepared.is_idle() {
        let exit = print(settings, change, prepared)?;
        writing.writer.close().await;
        return Ok(exit);
    }
    let marking = writing.first_mark();
    let reason = gate.as_ref().and_then(GateDocument::overridden);
    let document = writing
        .recorded(&marking, reason.as_deref(), async |writing| {
            let document = carry_out(settings, change, &declared, prepared, writing).await?;
            Ok((document.exit, document))
        })
        .await?;
    print_document(settings, &document)
}

/// Plans from one read-only snapshot, as `check` takes it.
///
/// # Errors
/// As [`run`]. Exit 4 also: a statement would take longer than it may.
pub(crate) async fn preview<C: MigrateCommand>(
    settings: &Settings,
    change: &C,
) -> Result<(ProjectModel, PreparedChange)> {
    let target = settings.target()?;
    let (mut session, reading) = project_model::connected(settings, &target).await?;
    let declared = reading.finish(settings).await?;
    let snapshot = comparison::take_snapshot_on(settings, &mut session, &declared).await?;
    let mut prepared = change.prepare(settings, &target, &declared, snapshot)?;
    expect(change.gate().map(GateDocument::read).transpose()?.as_ref(), &declared, &prepared)?;
    shorten(settings, &target, &declared.migrations, &mut prepared).await?;
    let too_long = measure(settings, &declared, &mut prepared, &mut session).await?;
    if change.keeps_limits() {
        sizes::refuse_too_long(&too_long)?;
    }
    let mark = prepared.snapshot.mark();
    let protected = environment_mark::protected(settings, mark).is_some();
    plan_backup(settings, change, protected, false, &mut prepared, &mut session).await?;
    session.close().await;
    Ok((declared, prepared))
}

/// What is shown is not what would be done.
pub(crate) fn changed_meanwhile(what: &str) -> Failure {
    Failure::new(
        Exit::Refused,
        format!("the database has changed since {what} was shown; nothing was changed by this run"),
    )
    .code(ErrorCode::SCHEMA_CHANGED_SINCE_SHOWN)
    .next("run the same command again and look at what it shows now")
}

/// Everything up to the operator's yes.
async fn ask<'s, C: MigrateCommand>(
    settings: &'s Settings,
    change: &'s C,
    gate: Option<&GateDocument>,
    stop: &StopSignal,
) -> Result<(WriteCommand<'s>, ProjectModel, PreparedChange)> {
    let args = change.write();
    let (mut writing, reading) =
        project_model::beside(settings, WriteCommand::open(settings, args, stop)).await?;
    let declared = reading.finish(settings).await?;
    let prepared = prepare(settings, change, gate, &declared, &mut writing).await?;
    if !prepared.is_idle() {
        writing.check_rights(&prepared.ledger, prepared.plan.direction).await?;
        if !settings.output.quiet
            && (settings.output.interactive || !args.yes)
            && let Some(plan) = &prepared.document.plan
        {
            let shown = plan.proposal(&prepared.document);
            output::err(&output::shown(&shown, deliver::style(&settings.output)));
        }
        let verb = match prepared.plan.direction {
            Direction::Up => "apply",
            Direction::Down => "revert",
        };
        let what = match prepared.plan.steps.len() {
            0 if let Some(squash) = prepared.squash() => format!("record {}", squash.in_words()),
            0 => format!("add {} to the table of the other tool", plural(prepared.missing_rows(), "row")),
            1 => format!("{verb} 1 migration"),
            count => format!("{verb} {count} migrations"),
        };
        let mark = prepared.snapshot.mark();
        writing.confirm(&what, mark).await?;
    }
    Ok((writing, declared, prepared))
}

/// Reads the database and plans, with the sizes of the tables that are locked.
async fn prepare<C: MigrateCommand>(
    settings: &Settings,
    change: &C,
    gate: Option<&GateDocument>,
    declared: &ProjectModel,
    writing: &mut WriteCommand<'_>,
) -> Result<PreparedChange> {
    let snapshot = writing.take_snapshot(declared).await?;
    let mut prepared = change.prepare(settings, &writing.target, declared, snapshot)?;
    expect(gate, declared, &prepared)?;
    shorten(settings, &writing.target, &declared.migrations, &mut prepared).await?;
    let session = writing.writer.read_session().await?;
    sizes::refuse_too_long(&measure(settings, declared, &mut prepared, session).await?)?;
    let mark = prepared.snapshot.mark();
    let protected = environment_mark::protected(settings, mark).is_some();
    plan_backup(settings, change, protected, true, &mut prepared, writing.writer.read_session().await?)
        .await?;
    Ok(prepared)
}

/// Refuses what the gate has not said READY to.
fn expect(
    gate: Option<&GateDocument>,
    declared: &ProjectModel,
    prepared: &PreparedChange,
) -> Result<(), Failure> {
    let Some(gate) = gate else { return Ok(()) };
    gate.expect(&declared.lock, &prepared.state, &prepared.snapshot.identity)
}

/// Adds the sizes of what is locked to the plan; see [`sizes::measure`].
async fn measure(
    settings: &Settings,
    declared: &ProjectModel,
    prepared: &mut PreparedChange,
    session: &mut Session,
) -> Result<Vec<TooLong>> {
    let PreparedChange { plan, document, snapshot, .. } = prepared;
    let Some(report) = &mut document.plan else { return Ok(Vec::new()) };
    let measured = sizes::measure(settings, declared, plan, report, snapshot, session).await?;
    Ok(measured.too_long)
}

/// Ends the plan before its first step where the data checks that this requires do not pass.
async fn shorten(
    settings: &Settings,
    target: &Target,
    migrations: &[Migration],
    prepared: &mut PreparedChange,
) -> Result<()> {
    Required::by(settings, target, &prepared.plan, migrations)?.shorten(&mut prepared.plan).await?;
    if let (true, Some(plan)) = (prepared.plan.steps.is_empty(), &mut prepared.document.plan) {
        plan.steps.clear();
        plan.stop = prepared.plan.stop.as_ref().map(plan_steps::stop_report);
    }
    Ok(())
}

/// Plans the backup before the change, and puts it into the plan.
async fn plan_backup<C: MigrateCommand>(
    settings: &Settings,
    change: &C,
    protected: bool,
    write: bool,
    prepared: &mut PreparedChange,
    session: &mut Session,
) -> Result<()> {
    if prepared.plan.is_empty() {
        return Ok(());
    }
    let wanted = BackupOptions { no_backup: change.no_backup(), protected, write };
    let changes = PlannedChanges::of_plan(&prepared.plan, &prepared.snapshot);
    let policy = BackupPolicy::plan(settings, wanted, &changes, &prepared.snapshot, Some(session)).await?;
    if let Some(plan) = &mut prepared.document.plan {
        plan.backup = Some(policy.plan.clone());
    }
    prepared.policy = Some(policy);
    Ok(())
}

/// Refuses to build on what somebody changed by hand. `instead` says what else could be done.
///
/// # Errors
/// Exit 4.
pub(crate) fn refuse_drift(
    plan: &MigrationPlan,
    document: &SchemaReport,
    declared: &ProjectModel,
    instead: Option<String>,
) -> Result<(), Failure> {
    const MOST: usize = 10;
    let in_the_way = collisions(plan, &document.findings, &declared.lock);
    if in_the_way.is_empty() {
        return Ok(());
    }
    let mut what =
        "the plan changes objects that are not as the applied migrations left them; nothing was changed"
            .to_owned();
    for finding in in_the_way.iter().take(MOST) {
        let detail = finding.cause.as_ref().map(|cause| cause.detail.as_str()).unwrap_or_default();
        what.push_str(&format!("\n{} {}: {detail}", finding.kind_label(), finding.object));
    }
    if in_the_way.len() > MOST {
        what.push_str(&format!("\nand {} more", in_the_way.len() - MOST));
    }
    let next = instead.unwrap_or_else(|| "trueup check shows it, and how to repair it".to_owned());
    Err(Failure::new(Exit::Refused, what).code(ErrorCode::SCHEMA_DRIFT).next(next))
}

/// Whether what is to be done now is what was shown, or the rest of it.
fn same_or_less(shown: &MigrationPlan, now: &MigrationPlan) -> bool {
    let rest = shown.steps.len().checked_sub(now.steps.len());
    rest.is_some_and(|done| {
        shown.steps[done..]
            .iter()
            .zip(&now.steps)
            .all(|(shown, now)| shown.version == now.version && shown.record == now.record)
    })
}

/// Does the work, and checks again.
async fn carry_out<C: MigrateCommand>(
    settings: &Settings,
    change: &C,
    declared: &ProjectModel,
    mut prepared: PreparedChange,
    writing: &mut WriteCommand<'_>,
) -> Result<SchemaReport> {
    let plan_report = prepared.document.plan.clone();
    prepared.plan.name_paths_from(&settings.project.dir);
    let manifest = match &prepared.policy {
        Some(policy) => policy.ensure(settings, &prepared.snapshot, writing).await?,
        None => None,
    };
    let backup = manifest.as_ref().map(|(_, summary)| summary.clone());
    let required = Required::by(settings, &writing.target, &prepared.plan, &declared.migrations)?;
    let notes = plan_steps::notes_on_tool(&prepared.ledger, &prepared.plan, &declared.migrations);
    let applied = std::mem::take(&mut prepared.state.applied);
    let execution = Execution {
        plan: &prepared.plan,
        ledger: prepared.ledger,
        applied,
        guard: &required,
        recorded_steps: 0,
    };
    let (writer, watch) = (&mut writing.writer, &mut writing.progress);
    let outcome = execution.run(settings, declared, &prepared.snapshot, writer, watch).await;
    // What a required data check keeps from being applied is a finding; the rest of the plan is done.
    let unmet = required.unmet();
    if let Some(failure) = outcome.failure.filter(|_| unmet.is_none()) {
        return Err(match manifest {
            Some((manifest, _)) => {
                let undo = PlannedChanges::of_plan(&prepared.plan, &prepared.snapshot).undo;
                backup_policy::add_recovery_hints(
                    settings,
                    failure,
                    &manifest,
                    undo.as_deref(),
                    &mut writing.writer,
                )
                .await
            }
            None => failure,
        });
    }
    let snapshot = writing.take_snapshot(declared).await.map_err(unchecked)?;
    let comparison = comparison::compare(settings, &writing.target, declared, &snapshot);
    let mut document = comparison.map_err(unchecked)?.document;
    document.plan = plan_report;
    if let Some(squash) = document.plan.as_mut().and_then(|plan| plan.squash.as_mut()) {
        squash.recorded = true;
    }
    if let Some((version, unmet)) = unmet {
        prepared.plan.stop_before(version, unmet);
        let stop = prepared.plan.stop.as_ref().map(plan_steps::stop_report);
        document.plan.iter_mut().for_each(|plan| plan.stop = stop.clone());
    }
    document.notes.extend(notes);
    document.backup = backup;
    document.applied = outcome.done;
    let exit = change.exit(&prepared.plan, &document);
    Ok(document.ending(exit))
}

/// A plan that is carried out as it is: everything was asked, locked and backed up before.
pub(crate) struct Execution<'e> {
    /// The plan.
    pub(crate) plan: &'e MigrationPlan,
    /// The history that it is recorded in.
    pub(crate) ledger: Ledger,
    /// The migrations that are applied before its first step, as indexes into the lock's migrations.
    pub(crate) applied: BTreeSet<usize>,
    /// What runs the data checks that migrations require.
    pub(crate) guard: &'e dyn StepGuard,
    /// The number of the last step that the run has recorded already, beside the backup.
    pub(crate) recorded_steps: i32,
}

impl Execution<'_> {
    /// Carries the plan out, in a run that has been started. `snapshot` is the database as it was planned for.
    pub(crate) async fn run(
        self,
        settings: &Settings,
        declared: &ProjectModel,
        snapshot: &DatabaseSnapshot,
        writer: &mut WriteSession,
        watch: &mut dyn Watch,
    ) -> Outcome {
        let job = Job {
            writer,
            watch,
            ledger: self.ledger,
            steps: &self.plan.steps,
            migrations: &declared.migrations,
            lock: &declared.lock,
            applied: self.applied,
            texts: snapshot.internal.as_ref().map(|internal| internal.texts.clone()).unwrap_or_default(),
            limits: defaults(settings),
            version: snapshot.version,
            options: &declared.lock.head.options,
            guard: self.guard,
            recorded_steps: self.recorded_steps,
        };
        match self.plan.direction {
            Direction::Up => executor::upgrade(job).await,
            Direction::Down => executor::downgrade(job).await,
        }
    }
}

/// The failure of the check after the work was done.
fn unchecked(error: anyhow::Error) -> anyhow::Error {
    with_failure(error, |failure| {
        let what =
            format!("all of the plan is done and recorded; the check afterwards failed: {}", failure.what);
        Failure { what, next: "trueup check".to_owned(), ..failure }
    })
}

/// How long things may take where a migration does not say it.
pub(crate) fn defaults(settings: &Settings) -> DefaultLimits {
    let migrations = &settings.migrations;
    DefaultLimits {
        transaction: StepLimits {
            lock_timeout: migrations.lock_timeout,
            lock_budget: migrations.lock_budget,
            max_duration: migrations.max_duration,
        },
        outside_lock_budget: migrations.outside_lock_budget,
    }
}

/// Prints a plan that is not carried out.
pub(crate) fn print<C: MigrateCommand>(
    settings: &Settings,
    change: &C,
    prepared: PreparedChange,
) -> Result<Exit> {
    let exit = change.exit(&prepared.plan, &prepared.document);
    print_document(settings, &prepared.document.ending(exit))
}

fn print_document(settings: &Settings, document: &SchemaReport) -> Result<Exit> {
    deliver(&settings.output, document)?;
    Ok(document.exit)
}
