//! `trueup undo`: restores the old values of the rows that a run has repaired.

pub(super) mod args;
mod report;

use std::time::Duration;

use anyhow::Result;
use report::{UndoReport, UndoneReport};

use crate::data::checks::{Action, Trigger};
use crate::data::repair::{self, Repair, RepairState, RepairedRun, UndoOutcome};
use crate::error::Exit;
use crate::output;
use crate::postgres::connection::{ReadOnlyTransaction, Session, Target};
use crate::postgres::sql::{literal, set_meaning};
use crate::project::Settings;
use crate::snapshot::{self, DatabaseSnapshot};
use crate::text::{plural, short_id};
use crate::workflow::backup_policy::{self, BackupPolicy};
use crate::workflow::data_checks::RowsToChange;
use crate::workflow::deliver::{self, deliver};
use crate::workflow::project_model::Needs;
use crate::workflow::reports::fix_report::{RepairStage, locked_by, trigger};
use crate::workflow::reports::target::TargetReport;
use crate::workflow::signals::until_stopped;
use crate::workflow::write_command::WriteCommand;
use crate::workflow::{comparison, data_checks, environment_mark};
use crate::writer::{StopSignal, interrupted};
use args::UndoArgs;

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract.
pub(super) async fn run(settings: &Settings, args: &UndoArgs, mut stop: StopSignal) -> Result<Exit> {
    if let (true, None, Some(run)) = (args.dry_run, args.prune, &args.run) {
        return until_stopped(stop, dry_run(settings, args, run)).await;
    }
    let signal = stop.clone();
    let open = async {
        let mut writing = WriteCommand::open(settings, &args.write, &signal).await?;
        let snapshot = writing.take_snapshot_for(Needs::nothing()).await?;
        anyhow::Ok((writing, snapshot))
    };
    let (writing, snapshot) = tokio::select! {
        biased;
        ready = open => ready?,
        signal = stop.wait() => return Err(interrupted(signal).into()),
    };
    match (args.prune, &args.run) {
        (Some(age), _) => prune(settings, args, writing, &snapshot, age).await,
        (None, Some(run)) => undo(settings, args, writing, snapshot, run, stop).await,
        (None, None) => Ok(Exit::Usage),
    }
}

/// What an undo would do, and the report of it.
struct ProposedUndo {
    /// The repairs that have something to restore, the last one first.
    repairs: Vec<Repair>,
    shown: UndoReport,
}

impl ProposedUndo {
    /// Reads it on a session outside of a transaction, or in one that reads.
    async fn read(
        settings: &Settings,
        target: &Target,
        snapshot: &DatabaseSnapshot,
        session: &mut Session,
        run: &str,
    ) -> Result<Self> {
        let RepairedRun { records, repairs } = recorded(settings, session, run).await?;
        let undoes = records.first().map(|record| record.run.clone()).unwrap_or_default();
        let mut shown = report(settings, target, snapshot, &undoes);
        let all = if repairs.is_empty() { "" } else { "part of it was " };
        let mut notes: Vec<String> = records
            .iter()
            .filter_map(|record| record.undone_by.as_ref())
            .map(|by| format!("{all}undone by run {}", short_id(by)))
            .collect();
        notes.dedup();
        shown.notes.extend(notes);
        for repair in &repairs {
            let preview = repair::preview_undo(session, repair).await?;
            shown.repairs.push(repair_report(repair, &preview));
        }
        // An undo that is done has nothing to do until a skipped row has what the repair wrote again.
        let rows: u64 = shown.repairs.iter().map(|repair| repair.restored).sum();
        if rows == 0 && repairs.iter().all(|repair| repair.state == RepairState::Undone) {
            (shown.stage, shown.nothing_to_do) = (RepairStage::Done, true);
        }
        shown.exit = exit(&shown);
        Ok(Self { repairs, shown })
    }

    fn rows(&self) -> u64 {
        self.shown.repairs.iter().map(|repair| repair.restored).sum()
    }

    /// Plans the backup of the tables that are changed.
    async fn plan_backup(
        &self,
        settings: &Settings,
        args: &UndoArgs,
        snapshot: &DatabaseSnapshot,
        session: &mut Session,
    ) -> Result<BackupPolicy> {
        let mut tables: Vec<String> = self.repairs.iter().map(|repair| repair.table.qualified()).collect();
        tables.sort();
        tables.dedup();
        let run = short_id(&self.shown.undoes);
        let changed = RowsToChange {
            tables,
            undo: format!("trueup verify --fix repairs what run {run} had repaired again"),
            no_backup: args.no_backup,
            write: !args.dry_run,
        };
        data_checks::plan_backup(settings, changed, snapshot, session).await
    }
}

/// Reads the records of a run, and leaves the session with the project's search_path.
async fn recorded(settings: &Settings, session: &mut Session, run: &str) -> Result<RepairedRun> {
    session.execute("SET search_path = pg_catalog, pg_temp").await?;
    let repaired = repair::repaired_run(session, run).await?;
    let path = literal(&settings.database.search_path);
    session.execute(format!("SELECT pg_catalog.set_config('search_path', {path}, false)")).await?;
    Ok(repaired)
}

/// Shows what an undo would do. It only reads, so it works through a pooler, too.
async fn dry_run(settings: &Settings, args: &UndoArgs, run: &str) -> Result<Exit> {
    let target = settings.target()?;
    let mut session = target.connect(&settings.application()).await?;
    let request = comparison::request(settings, Needs::nothing());
    let snapshot = snapshot::take(&mut session, &request).await?;
    environment_mark::expect(settings, snapshot.mark(), &snapshot.identity.database)?;
    let transaction = ReadOnlyTransaction::repeatable_read()
        .statement_timeout(data_checks::repair_limits(settings, None).max_planning)
        .lock_timeout(request.lock_timeout)
        .row_security_off()
        .settings(&set_meaning("SET LOCAL"))
        .role(request.set_role.as_deref());
    session.execute(transaction.sql()).await?;
    let proposed = ProposedUndo::read(settings, &target, &snapshot, &mut session, run).await?;
    session.execute("ROLLBACK").await?;
    let mut shown = proposed.shown.clone();
    if !shown.nothing_to_do {
        let policy = proposed.plan_backup(settings, args, &snapshot, &mut session).await?;
        shown.backup_plan = Some(policy.plan);
    }
    session.close().await;
    print(settings, &shown)
}

/// Undoes the repairs of a run.
async fn undo(
    settings: &Settings,
    args: &UndoArgs,
    mut writing: WriteCommand<'_>,
    snapshot: DatabaseSnapshot,
    run: &str,
    mut stop: StopSignal,
) -> Result<Exit> {
    let target = writing.target.clone();
    let session = writing.writer.read_session().await?;
    let mut proposed = ProposedUndo::read(settings, &target, &snapshot, session, run).await?;
    if proposed.shown.nothing_to_do {
        writing.writer.close().await;
        return print(settings, &proposed.shown);
    }
    let session = writing.writer.read_session().await?;
    let policy = proposed.plan_backup(settings, args, &snapshot, session).await?;
    proposed.shown.backup_plan = Some(policy.plan.clone());
    if settings.output.interactive || !settings.output.quiet {
        output::err(&output::shown(&proposed.shown.proposal(), deliver::style(&settings.output)));
    }
    let mark = snapshot.mark();
    let what = format!("restore {}", plural(proposed.rows(), "row"));
    tokio::select! {
        biased;
        yes = writing.confirm(&what, mark) => yes?,
        signal = stop.wait() => return Err(interrupted(signal).into()),
    }
    writing.lock().await?;
    // Another run may have undone the repairs before the lock was taken.
    let undoes = proposed.shown.undoes.clone();
    let session = writing.writer.read_session().await?;
    let RepairedRun { repairs, .. } = recorded(settings, session, &undoes).await?;
    if repairs.iter().all(|repair| repair.state == RepairState::Undone) {
        let now = ProposedUndo::read(settings, &target, &snapshot, session, &undoes).await?;
        if now.shown.nothing_to_do {
            writing.writer.close().await;
            return print(settings, &now.shown);
        }
    }
    let marking = writing.first_mark();
    let limits = data_checks::repair_limits(settings, args.max_rate);
    let done = writing
        .recorded(&marking, None, async |writing| {
            let (manifest, backup) = policy.ensure(settings, &snapshot, writing).await?.unzip();
            let mut done = report(settings, &target, &snapshot, &undoes);
            done.stage = RepairStage::Done;
            done.backup = backup;
            done.backup_plan = Some(policy.plan.clone());
            for repair in &repairs {
                let changed_rows = done.repairs.iter().any(|done| done.restored > 0);
                let (writer, watch) = (&mut writing.writer, &mut writing.progress);
                let undone = repair::undo(writer, watch, repair, &limits, changed_rows).await;
                writing.progress.clear();
                match (undone, &manifest) {
                    (Ok(outcome), _) => done.repairs.push(repair_report(repair, &outcome)),
                    (Err(error), Some(manifest)) => {
                        return Err(backup_policy::add_recovery_hints(
                            settings,
                            error,
                            manifest,
                            None,
                            &mut writing.writer,
                        )
                        .await);
                    }
                    (Err(error), None) => return Err(error),
                }
            }
            done.exit = exit(&done);
            Ok((done.exit, done))
        })
        .await?;
    print(settings, &done)
}

/// The exit code of an undo: rows that do not have their old values are findings.
fn exit(report: &UndoReport) -> Exit {
    if report.repairs.iter().any(UndoneReport::has_unrestored) { Exit::Findings } else { Exit::Clean }
}

/// Removes the recorded old values of repairs that are older than `age`.
async fn prune(
    settings: &Settings,
    args: &UndoArgs,
    mut writing: WriteCommand<'_>,
    snapshot: &DatabaseSnapshot,
    age: Duration,
) -> Result<Exit> {
    let mut shown = report(settings, &writing.target, snapshot, "");
    let runs = {
        let WriteCommand { writer, progress, .. } = &mut writing;
        repair::prune(writer, progress, age, true).await?
    };
    let nothing = runs.is_empty();
    shown.pruned = Some(runs);
    if nothing || args.dry_run {
        writing.writer.close().await;
        return print(settings, &shown);
    }
    if settings.output.interactive || !settings.output.quiet {
        output::err(&output::shown(&shown.proposal(), deliver::style(&settings.output)));
    }
    let mark = snapshot.mark();
    writing.confirm("remove these old values", mark).await?;
    writing.lock().await?;
    let marking = writing.first_mark();
    let runs = writing
        .recorded(&marking, None, async |WriteCommand { writer, progress, .. }| {
            Ok((Exit::Clean, repair::prune(writer, progress, age, false).await?))
        })
        .await?;
    (shown.pruned, shown.stage) = (Some(runs), RepairStage::Done);
    print(settings, &shown)
}

fn report(settings: &Settings, target: &Target, snapshot: &DatabaseSnapshot, undoes: &str) -> UndoReport {
    let mark = snapshot.mark();
    UndoReport {
        run: settings.run.clone(),
        exit: Exit::Clean,
        target: TargetReport::new(settings, target, &snapshot.identity, mark),
        undoes: undoes.to_owned(),
        stage: RepairStage::Planned,
        nothing_to_do: false,
        repairs: Vec::new(),
        pruned: None,
        backup_plan: None,
        backup: None,
        notes: environment_mark::note(settings, target, mark).into_iter().collect(),
    }
}

fn repair_report(repair: &Repair, outcome: &UndoOutcome) -> UndoneReport {
    let fires = |trigger: &&Trigger| match repair.action {
        Action::Update => trigger.update,
        Action::Delete => trigger.insert,
    };
    let triggers = repair.table.triggers.iter().filter(fires);
    let fires_before = triggers.clone().any(|trigger| trigger.before);
    UndoneReport {
        check: repair.check.clone(),
        fix: repair.fix.clone(),
        action: repair.action,
        table: repair.table.qualified(),
        key: repair.key.iter().map(|column| column.name.clone()).collect(),
        columns: repair.columns.iter().map(|column| column.name.clone()).collect(),
        restored: outcome.restored,
        kept: outcome.edited.rows,
        kept_rows: outcome.edited.keys.clone(),
        held: outcome.held_back.rows,
        held_rows: outcome.held_back.keys.clone(),
        locked_by: locked_by(&outcome.blockers),
        refused: outcome.refused.rows,
        refused_rows: outcome.refused.named.clone(),
        rewritten: outcome.rewritten.rows,
        rewritten_rows: outcome.rewritten.keys.clone(),
        trigger_may_prevent: fires_before,
        triggers: triggers.map(trigger).collect(),
    }
}

fn print(settings: &Settings, report: &UndoReport) -> Result<Exit> {
    deliver(&settings.output, report)?;
    Ok(report.exit)
}
