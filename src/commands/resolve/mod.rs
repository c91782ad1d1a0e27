//! `trueup resolve`: a person's decision about a migration, where the catalog cannot tell.

pub(super) mod args;

use anyhow::Result;

use crate::changes::executor::{self, Resolve, StatedOutcome};
use crate::changes::plan::{Resolution, ResolveCase, Resolved};
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::Ledger;
use crate::migrations::MigrationId;
use crate::model::diagnosis::MigrationState;
use crate::model::{self, Effect};
use crate::output;
use crate::postgres::catalog::{Catalog, reader};
use crate::postgres::connection::Session;
use crate::project::Settings;
use crate::snapshot::DatabaseSnapshot;
use crate::workflow::comparison::{self, Comparison};
use crate::workflow::deliver::{self, deliver};
use crate::workflow::migrate::{changed_meanwhile, defaults};
use crate::workflow::other_tool;
use crate::workflow::plan_steps;
use crate::workflow::project_model::{self, ProjectModel};
use crate::workflow::reports::decision::{DecisionReport, Subject};
use crate::workflow::reports::target::{ReportedMigration, TargetReport};
use crate::workflow::write_command::{WriteCommand, refuse_unclear};
use crate::writer::{StopSignal, interrupted};
use args::{Decision, ResolveArgs};

/// What a look at the database says about the decision.
struct Judged {
    snapshot: DatabaseSnapshot,
    state: MigrationState,
    target: TargetReport,
    ledger: Ledger,
    resolution: Resolution,
}

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract.
pub(super) async fn run(settings: &Settings, args: &ResolveArgs, mut stop: StopSignal) -> Result<Exit> {
    other_tool::refuse_to_migrate(settings)?;
    if args.reason.trim().is_empty() {
        return Err(Failure::usage("--reason is empty: it is what the audit log keeps").into());
    }
    let seen = stop.clone();
    let (mut writing, declared, evaluated) = tokio::select! {
        biased;
        ready = ask(settings, args, &seen) => ready?,
        signal = stop.wait() => return Err(interrupted(signal).into()),
    };
    let resolved = match &evaluated.resolution {
        Resolution::Record(resolved) => resolved.clone(),
        Resolution::Nothing(_) => {
            writing.writer.close().await;
            return print_report(settings, &report(settings, args, &declared, &evaluated));
        }
    };
    writing.lock().await?;
    let evaluated = evaluate(settings, args, &declared, &mut writing).await?;
    if evaluated.resolution != Resolution::Record(resolved.clone()) {
        return Err(changed_meanwhile("what it is about").into());
    }
    let marking = writing.first_mark();
    let report = writing
        .recorded(&marking, Some(&args.reason), async |writing| {
            record(settings, args, &declared, &evaluated, &resolved, writing).await?;
            Ok((Exit::Clean, report(settings, args, &declared, &evaluated)))
        })
        .await?;
    print_report(settings, &report)
}

/// Everything up to the operator's yes.
async fn ask<'s>(
    settings: &'s Settings,
    args: &'s ResolveArgs,
    stop: &StopSignal,
) -> Result<(WriteCommand<'s>, ProjectModel, Judged)> {
    let (mut writing, reading) =
        project_model::beside(settings, WriteCommand::open(settings, &args.write, stop)).await?;
    let declared = reading.finish(settings).await?.without_seeds();
    let evaluated = evaluate(settings, args, &declared, &mut writing).await?;
    if let Resolution::Record(resolved) = &evaluated.resolution {
        let proposed = report(settings, args, &declared, &evaluated);
        if settings.output.interactive || !settings.output.quiet {
            output::err(&output::shown(&proposed.proposal(), deliver::style(&settings.output)));
        }
        let what = format!("resolve {} as {}", resolved.title, verdict(args).word());
        let mark = evaluated.snapshot.mark();
        writing.confirm(&what, mark).await?;
    }
    Ok((writing, declared, evaluated))
}

/// Looks, and holds the decision against it.
async fn evaluate(
    settings: &Settings,
    args: &ResolveArgs,
    declared: &ProjectModel,
    writing: &mut WriteCommand<'_>,
) -> Result<Judged> {
    let snapshot = writing.take_snapshot(declared).await?;
    let Comparison { document, state } = comparison::compare(settings, &writing.target, declared, &snapshot)?;
    refuse_unclear(settings, &snapshot)?;
    comparison::refuse_other(settings, &document)?;
    let resolution = decide(args, declared, &snapshot, &state, &snapshot.catalog)?;
    let ledger = plan_steps::ledger(settings, &snapshot, &declared.migrations)?;
    if let (Decision::Applied, Resolution::Record(_)) = (args.decision, &resolution) {
        plan_steps::refuse_missing_schema(settings, &ledger, None)?;
    }
    Ok(Judged { snapshot, state, target: document.target, ledger, resolution })
}

fn decide(
    args: &ResolveArgs,
    declared: &ProjectModel,
    snapshot: &DatabaseSnapshot,
    state: &MigrationState,
    live: &Catalog,
) -> Result<Resolution, Failure> {
    let case = ResolveCase {
        lock: &declared.lock,
        migrations: &declared.migrations,
        state,
        live,
        server: snapshot.version,
        version: args.version,
    };
    let internal = snapshot.internal.as_ref();
    match args.decision {
        Decision::Applied => case.applied(),
        Decision::NotApplied => {
            let mut unfinished = internal.iter().flat_map(|internal| &internal.unfinished);
            case.not_applied(unfinished.any(|step| step.version == args.version))
        }
        Decision::AcceptEdit => {
            let recorded =
                internal.and_then(|internal| internal.recorded.get(&args.version)?.effects.as_deref());
            // What another version of trueup wrote in its own way is as good as not recorded.
            let recorded: Option<Vec<Effect>> =
                recorded.and_then(|effects| model::effects_from_text(effects).ok());
            case.accept_edit(recorded.as_deref())
        }
    }
}

/// Records it, and looks once more in the same transaction.
async fn record(
    settings: &Settings,
    args: &ResolveArgs,
    declared: &ProjectModel,
    evaluated: &Judged,
    resolved: &Resolved,
    writing: &mut WriteCommand<'_>,
) -> Result<()> {
    let version = args.version;
    let migration = declared.migrations.iter().find(|migration| migration.version == version);
    let migration = migration.ok_or_else(|| {
        Failure::usage(format!("trueup.lock has {}, and migrations/ does not", resolved.title))
            .code(ErrorCode::LOCK_FILE_STALE)
            .next("trueup compile")
    })?;
    let job = Resolve {
        writer: &mut writing.writer,
        watch: &mut writing.progress,
        ledger: &evaluated.ledger,
        migration,
        lock: &declared.lock,
        verdict: verdict(args),
        reason: &args.reason,
        limits: defaults(settings).transaction,
    };
    let (server, options) = (evaluated.snapshot.version, &declared.lock.head.options);
    executor::resolve(job, async |session: &mut Session| {
        let live = reader::read_inside(session, server, options).await?.catalog;
        decide(args, declared, &evaluated.snapshot, &evaluated.state, &live)?;
        Ok(())
    })
    .await
}

fn verdict(args: &ResolveArgs) -> StatedOutcome {
    match args.decision {
        Decision::Applied => StatedOutcome::Applied,
        Decision::NotApplied => StatedOutcome::NotApplied,
        Decision::AcceptEdit => StatedOutcome::AcceptEdit,
    }
}

/// What is, or will be, recorded.
fn report(
    settings: &Settings,
    args: &ResolveArgs,
    declared: &ProjectModel,
    evaluated: &Judged,
) -> DecisionReport {
    let compiled = declared.lock.migrations.iter().find(|compiled| compiled.version == args.version);
    let name = compiled.map(|compiled| compiled.name.as_str()).unwrap_or_default();
    let name = ReportedMigration::of(MigrationId { version: args.version, name, revision: None });
    let table = &evaluated.ledger.table;
    let mut report = DecisionReport {
        run: settings.run.clone(),
        command: settings.command,
        exit: Exit::Clean,
        target: evaluated.target.clone(),
        subject: Subject::Migration { name, decision: verdict(args).word(), reason: args.reason.clone() },
        notes: Vec::new(),
        diff: None,
        records: Vec::new(),
        verdict: String::new(),
        next: None,
    };
    match &evaluated.resolution {
        Resolution::Nothing(why) => report.verdict = format!("nothing to do: {why}"),
        Resolution::Record(resolved) => {
            report.notes.clone_from(&resolved.notes);
            report.diff.clone_from(&resolved.diff);
            let title = &resolved.title;
            report.records = match args.decision {
                Decision::Applied => vec![
                    format!("{table}: {title}, with the checksum of its file"),
                    "its text and what it does; statements of it that were begun are settled".to_owned(),
                ],
                Decision::NotApplied => vec![
                    format!("{table}: no row of {title} any more"),
                    "statements of it that were begun are settled: it runs from its first statement"
                        .to_owned(),
                ],
                Decision::AcceptEdit => vec![
                    format!("{table}: the checksum of {title} as the file is now"),
                    "its text as the file is now; the text that was applied stays in the audit log"
                        .to_owned(),
                ],
            };
            report.records.push(format!("audit log: {}, because: {}", verdict(args).word(), args.reason));
            report.verdict = match args.decision {
                Decision::Applied => format!("done: {title} is recorded as applied"),
                Decision::NotApplied => format!("done: {title} is recorded as not applied"),
                Decision::AcceptEdit => format!("done: the file of {title} is recorded as what was applied"),
            };
            report.next = Some(match args.decision {
                Decision::NotApplied => "trueup upgrade".to_owned(),
                _ => "trueup check".to_owned(),
            });
        }
    }
    report
}

fn print_report(settings: &Settings, report: &DecisionReport) -> Result<Exit> {
    deliver(&settings.output, report)?;
    Ok(report.exit)
}
