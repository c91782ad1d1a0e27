//! `trueup adopt`: find the version that a database is at, prove it, record it. Nothing but records is written.

pub(super) mod args;

use std::collections::BTreeSet;
use std::time::Instant;

use anyhow::Result;

use crate::changes::executor::{self, Adopt, AppliedStep};
use crate::changes::plan::{Adoption, Direction, LiveDatabase};
use crate::error::{ErrorCode, Exit, Failure};
use crate::findings::{Finding, Summary};
use crate::migrations::{Ledger, Migration};
use crate::model::Effect;
use crate::model::diagnosis::{Basis, MigrationState};
use crate::output::{self, ErrorReport, FailureReport};
use crate::postgres::catalog::{Catalog, ObjectId};
use crate::postgres::connection::{Session, Target};
use crate::project::{Patterns, Settings};
use crate::snapshot::{self, DatabaseSnapshot};
use crate::workflow::comparison::{self, Comparison};
use crate::workflow::deliver::{deliver, failure_target, failure_width, style};
use crate::workflow::migrate::changed_meanwhile;
use crate::workflow::other_tool;
use crate::workflow::plan_steps;
use crate::workflow::project_model::{self, ProjectModel};
use crate::workflow::reports::adoption::AdoptionReport;
use crate::workflow::reports::plan_report::{FileAction, PlanDirection, PlanReport, StepReport};
use crate::workflow::reports::schema_report::SchemaReport;
use crate::workflow::write_command::{WriteCommand, refuse_unclear};
use crate::writer::{StepLimits, StopSignal, interrupted};
use args::AdoptArgs;

/// What is to be recorded, and why.
struct Prepared {
    snapshot: DatabaseSnapshot,
    document: SchemaReport,
    /// The versions to be recorded.
    versions: BTreeSet<i64>,
    /// The history that gets rows; `None` when it has them.
    ledger: Option<Ledger>,
    /// Nothing to do: what there is to record is recorded.
    settled: bool,
    /// What the step's record says.
    detail: String,
    /// What the database has of every object that differs from the version.
    accepted: Vec<Effect>,
    /// Why it must not be recorded, where the findings are the reason.
    refused: Option<Failure>,
}

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract.
pub(super) async fn run(settings: &Settings, args: &AdoptArgs, mut stop: StopSignal) -> Result<Exit> {
    other_tool::refuse_to_migrate(settings)?;
    if args.dry_run {
        return tokio::select! {
            biased;
            shown = show(settings, args) => shown,
            signal = stop.wait() => Err(interrupted(signal).into()),
        };
    }
    let seen = stop.clone();
    let (mut writing, declared, prepared) = tokio::select! {
        biased;
        ready = ask(settings, args, &seen) => ready?,
        signal = stop.wait() => return Err(interrupted(signal).into()),
    };
    if prepared.settled || prepared.refused.is_some() {
        writing.writer.close().await;
        return print_report(settings, prepared);
    }
    writing.lock().await?;
    // Somebody else may have been faster, or at work on the schema.
    let shown = prepared;
    let snapshot = read_database(settings, writing.writer.read_session().await?, &declared).await?;
    writing.check_environment(snapshot.mark())?;
    let prepared = prepare(settings, args, &writing.target, &declared, snapshot)?;
    if prepared.settled || prepared.refused.is_some() {
        writing.writer.close().await;
        return print_report(settings, prepared);
    }
    if prepared.versions != shown.versions
        || prepared.detail != shown.detail
        || prepared.accepted != shown.accepted
    {
        return Err(changed_meanwhile("it").into());
    }
    let marking = writing.first_mark();
    let document = writing
        .recorded(&marking, None, async |writing| {
            let document = carry_out(settings, args, &declared, prepared, writing).await?;
            Ok((document.exit, document))
        })
        .await?;
    deliver(&settings.output, &document)?;
    Ok(document.exit)
}

/// Everything up to the operator's yes.
async fn ask<'s>(
    settings: &'s Settings,
    args: &'s AdoptArgs,
    stop: &StopSignal,
) -> Result<(WriteCommand<'s>, ProjectModel, Prepared)> {
    let (mut writing, reading) =
        project_model::beside(settings, WriteCommand::open(settings, &args.write, stop)).await?;
    let declared = reading.finish(settings).await?.without_seeds();
    let snapshot = read_database(settings, writing.writer.read_session().await?, &declared).await?;
    writing.check_environment(snapshot.mark())?;
    let prepared = prepare(settings, args, &writing.target, &declared, snapshot)?;
    if prepared.settled || prepared.refused.is_some() {
        return Ok((writing, declared, prepared));
    }
    if let Some(ledger) = &prepared.ledger {
        writing.check_rights(ledger, Direction::Up).await?;
    }
    if !settings.output.quiet
        && (settings.output.interactive || !args.write.yes)
        && let (Some(adoption), Some(plan)) = (&prepared.document.adoption, &prepared.document.plan)
    {
        let shown = adoption.proposal(&prepared.document, plan);
        output::err(&output::shown(&shown, style(&settings.output)));
    }
    let count = prepared.versions.len();
    let migrations = if count == 1 { "1 migration".to_owned() } else { format!("{count} migrations") };
    let what = match prepared.ledger {
        Some(_) => format!("record {migrations} as applied"),
        None => format!("take over refinery's history, keeping the texts of {migrations},"),
    };
    let mark = prepared.snapshot.mark();
    writing.confirm(&what, mark).await?;
    Ok((writing, declared, prepared))
}

/// Looks at the database, and at which texts are kept there.
async fn read_database(
    settings: &Settings,
    session: &mut Session,
    declared: &ProjectModel,
) -> Result<DatabaseSnapshot> {
    let mut request = comparison::request(settings, declared.needs());
    request.texts = true;
    snapshot::take(session, &request).await
}

/// `--dry-run`: one read-only look, as `check` takes it.
async fn show(settings: &Settings, args: &AdoptArgs) -> Result<Exit> {
    let target = settings.target()?;
    let (mut session, reading) = project_model::connected(settings, &target).await?;
    let declared = reading.finish(settings).await?.without_seeds();
    let snapshot = read_database(settings, &mut session, &declared).await;
    session.close().await;
    print_report(settings, prepare(settings, args, &target, &declared, snapshot?)?)
}

/// Tells what was found: nothing was changed.
fn print_report(settings: &Settings, prepared: Prepared) -> Result<Exit> {
    let exit = prepared.refused.as_ref().map_or(Exit::Clean, |failure| failure.exit);
    let document = prepared.document.ending(exit);
    deliver(&settings.output, &document)?;
    if let Some(failure) = prepared.refused {
        let failure = FailureReport::new(Some(settings.command), &settings.run, &failure.into())
            .about(failure_target(settings));
        let width = failure_width(&settings.output);
        output::err(&output::failure_text(&failure, settings.output.verbose, width));
    }
    Ok(exit)
}

/// Judges, and refuses what must not be recorded.
fn prepare(
    settings: &Settings,
    args: &AdoptArgs,
    target: &Target,
    declared: &ProjectModel,
    snapshot: DatabaseSnapshot,
) -> Result<Prepared> {
    let Comparison { document, state } = comparison::compare(settings, target, declared, &snapshot)?;
    refuse_unclear(settings, &snapshot)?;
    refuse_unfinished(&snapshot)?;
    refuse_failed(&snapshot)?;
    comparison::refuse_other(settings, &document)?;
    if snapshot.history.as_ref().is_some_and(|rows| !rows.is_empty()) {
        return take_over(settings, args, declared, snapshot, document, &state);
    }
    let says = |code: &str| document.findings.iter().any(|finding| finding.code == code);
    let migrates = state.basis != Basis::ModelOnly;
    if migrates && (state.basis == Basis::History && state.applied.is_empty() || says("database.empty")) {
        let what = "this database is empty: there is nothing to adopt; nothing was changed";
        return Err(Failure::new(Exit::Refused, what)
            .next("look at the target: if it is the right one, trueup upgrade builds it")
            .into());
    }
    find(settings, args, declared, snapshot, document)
}

/// A migration that broke off is no history to be guessed at.
fn refuse_unfinished(snapshot: &DatabaseSnapshot) -> Result<(), Failure> {
    match snapshot.internal.as_ref().and_then(|internal| internal.unfinished.first()) {
        None => Ok(()),
        Some(step) => Err(Failure::new(
            Exit::Refused,
            format!(
                "{} was interrupted in this database: it has to be finished first; nothing was changed",
                step.label()
            ),
        )
        .code(ErrorCode::HISTORY_INTERRUPTED)
        .next("trueup status shows how far it came")),
    }
}

/// What another tool has begun and not finished is no version of anything.
fn refuse_failed(snapshot: &DatabaseSnapshot) -> Result<(), Failure> {
    let failed = snapshot.others.iter().find_map(|other| Some((other, other.failed.as_deref()?)));
    let Some((other, failed)) = failed else { return Ok(()) };
    let what = format!(
        "{}'s history {} says that {failed} failed or was interrupted: it may be done in part; nothing was changed",
        other.tool, other.table
    );
    Err(Failure::new(Exit::Refused, what)
        .code(ErrorCode::HISTORY_INTERRUPTED)
        .next(format!("{}; then: trueup adopt", other.repair)))
}

/// A database without a history: the version that its catalog is closest to, or that was stated.
fn find(
    settings: &Settings,
    args: &AdoptArgs,
    declared: &ProjectModel,
    snapshot: DatabaseSnapshot,
    mut document: SchemaReport,
) -> Result<Prepared> {
    let lock = &declared.lock;
    let adoption = evaluate(settings, declared, &snapshot, &snapshot.catalog, args.version)?;
    let accept = Patterns::new(args.accept_drift.iter().cloned());
    let accepted = adoption.differences.iter().filter(|finding| accepts(&accept, finding));
    let accepted: Vec<String> = accepted.map(one_line_of).collect();
    let ledger = plan_steps::ledger(settings, &snapshot, &declared.migrations)?;
    let refused = refuse_differences(declared, &adoption, &accept)
        .or_else(|| adoption.unambiguous(lock).err())
        .or_else(|| plan_steps::refuse_missing_schema(settings, &ledger, None).err());
    let applied = &lock.migrations[..adoption.applied];
    let versions: BTreeSet<i64> = applied.iter().map(|migration| migration.version).collect();
    let last = &lock.migrations[adoption.applied - 1];
    let rows_alone: Vec<String> = applied
        .iter()
        .filter(|migration| migration.effects.is_empty())
        .map(|migration| format!("V{}__{}", migration.version, migration.name))
        .collect();
    if refused.is_none() {
        document.notes.push(match rows_alone.as_slice() {
            [] => "only the schema was verified; data changes of these migrations are assumed".to_owned(),
            names => format!(
                "only the schema was verified; {} changes data only and is assumed to be done",
                names.join(", ")
            ),
        });
    }
    let mut detail = format!("V{}__{}", last.version, last.name);
    if args.version.is_some() {
        detail.push_str(", as stated");
    }
    for other in &snapshot.others {
        let current = other.current.as_deref().unwrap_or("no version that can be told");
        detail.push_str(&format!("; {} ({}) at {current}", other.tool, other.table));
    }
    if !accepted.is_empty() {
        detail.push_str(&format!("; accepted: {}", accepted.join(", ")));
    }
    if refused.is_none() {
        document.notes.extend(settings_of_others(settings, &snapshot));
    }
    document.adoption = Some(AdoptionReport {
        version: last.version.to_string(),
        name: last.name.clone(),
        migrations: adoption.applied,
        of: lock.migrations.len(),
        stated: args.version.is_some(),
        has_history: false,
        differences: adoption.differences.len(),
        accepted,
        rows_alone,
    });
    document.plan = Some(plan(settings, declared, &versions));
    document.summary = Summary::of(&adoption.differences);
    document.findings = adoption.differences;
    document.error = refused.as_ref().map(ErrorReport::from);
    Ok(Prepared {
        snapshot,
        document,
        versions,
        ledger: Some(ledger),
        settled: false,
        detail,
        accepted: adoption.objects,
        refused,
    })
}

/// What to change in the settings of the tools whose histories are here: to them the project's history is a table that
/// nobody declared, and some drop such tables.
fn settings_of_others(settings: &Settings, snapshot: &DatabaseSnapshot) -> Vec<String> {
    let history = plan_steps::history_place(settings);
    let others = snapshot.others.iter();
    others.map(|other| format!("{} and {history}: {}", other.tool, other.settings_for(&history))).collect()
}

/// Holds the catalog of a database against the versions.
fn evaluate(
    settings: &Settings,
    declared: &ProjectModel,
    snapshot: &DatabaseSnapshot,
    catalog: &Catalog,
    stated: Option<i64>,
) -> Result<Adoption, Failure> {
    let in_scope = |id: &ObjectId| comparison::in_scope(settings, id);
    let ignored = |id: &ObjectId| comparison::named(&settings.database.ignore, id);
    let found = LiveDatabase {
        database: &snapshot.identity.database,
        server: snapshot.version,
        catalog,
        others: &snapshot.others,
        in_scope: &in_scope,
        ignored: &ignored,
    };
    Adoption::evaluate(&declared.lock, &declared.migrations, &found, stated)
}

/// Refuses a catalog that differs from the version's in what nobody accepted.
fn refuse_differences(declared: &ProjectModel, adoption: &Adoption, accept: &Patterns) -> Option<Failure> {
    let left: Vec<&Finding> =
        adoption.differences.iter().filter(|finding| !accepts(accept, finding)).collect();
    let last = &declared.lock.migrations[adoption.applied - 1];
    let differs = match left.as_slice() {
        [] => return None,
        [one] => format!("{} {} differs", one.kind.replace('_', " "), one.object),
        some => format!("{} objects differ", some.len()),
    };
    let first = left.first().map_or("", |finding| finding.object.as_str());
    let what = format!(
        "this database does not match V{}__{}: {differs}; nothing was recorded",
        last.version, last.name
    );
    let next = format!(
        "run the SQL that repairs it; or accept what should stay: --accept-drift '{}'; or name another version: \
         --version V",
        first.replace('\'', "'\\''")
    );
    Some(Failure::new(Exit::Refused, what).code(ErrorCode::SCHEMA_DRIFT).next(next))
}

/// Patterns match whole names, with SQL's quotes or without.
fn accepts(patterns: &Patterns, finding: &Finding) -> bool {
    patterns.matches(&finding.object) || patterns.matches(&finding.object.replace('"', ""))
}

/// `column public.users.email`.
fn one_line_of(finding: &Finding) -> String {
    format!("{} {}", finding.kind.replace('_', " "), finding.object)
}

/// refinery's own history: it stays as it is, and what trueup keeps beside it is taken from the files.
fn take_over(
    settings: &Settings,
    args: &AdoptArgs,
    declared: &ProjectModel,
    snapshot: DatabaseSnapshot,
    mut document: SchemaReport,
    state: &MigrationState,
) -> Result<Prepared> {
    let lock = &declared.lock;
    let applied: Vec<_> = state.applied.iter().map(|index| &lock.migrations[*index]).collect();
    if !state.edited.is_empty() {
        let names: Vec<String> = state
            .edited
            .iter()
            .map(|index| format!("V{}__{}", lock.migrations[*index].version, lock.migrations[*index].name))
            .collect();
        let what = format!(
            "this database has refinery's history, and its rows differ from the files: {}; nothing was changed",
            names.join(", ")
        );
        return Err(Failure::new(Exit::Refused, what)
            .code(ErrorCode::HISTORY_EDITED)
            .next("trueup check tells how; restore the files as they were applied")
            .into());
    }
    let current = applied.last().map(|migration| migration.version);
    let Some(last) = applied.last() else {
        let what = "this database has refinery's history, and not one of its migrations is this project's; nothing was \
                    changed";
        return Err(Failure::new(Exit::Refused, what)
            .code(ErrorCode::HISTORY_AHEAD)
            .next(format!("look at {}, the URL that this database was reached by", settings.url_source()))
            .into());
    };
    if let (Some(stated), Some(current)) = (args.version.filter(|stated| Some(*stated) != current), current) {
        let what = format!("--version {stated}: refinery's history is at V{current}; nothing was changed");
        return Err(Failure::new(Exit::Refused, what)
            .next("trueup upgrade and trueup downgrade change it")
            .into());
    }
    let internal = snapshot.internal.as_ref();
    let kept = |version: &i64| internal.is_some_and(|internal| internal.texts.contains(version));
    let versions: BTreeSet<i64> =
        applied.iter().map(|migration| migration.version).filter(|version| !kept(version)).collect();
    let settled = versions.is_empty() && internal.is_some_and(|internal| internal.mark.is_some());
    document.adoption = Some(AdoptionReport {
        version: last.version.to_string(),
        name: last.name.clone(),
        migrations: applied.len(),
        of: lock.migrations.len(),
        stated: false,
        has_history: true,
        differences: 0,
        accepted: Vec::new(),
        rows_alone: Vec::new(),
    });
    document.plan = Some(plan(settings, declared, &versions));
    let table = snapshot.history_table.as_deref().unwrap_or_default();
    let detail = format!("V{}__{}; refinery ({table})", last.version, last.name);
    let (accepted, refused) = (Vec::new(), None);
    Ok(Prepared { snapshot, document, versions, ledger: None, settled, detail, accepted, refused })
}

/// The migrations that are recorded, as a plan.
fn plan(settings: &Settings, declared: &ProjectModel, versions: &BTreeSet<i64>) -> PlanReport {
    let migrations = declared.migrations.iter().filter(|migration| versions.contains(&migration.version));
    let step = |migration: &Migration| StepReport {
        version: migration.version.to_string(),
        name: migration.name.clone(),
        file: settings.project.display(&migration.path),
        contract: migration.directives.contract,
        transactional: true,
        action: FileAction::Record,
        requires_checks: Vec::new(),
        statements: Vec::new(),
        locks: Vec::new(),
        footprints: Vec::new(),
        waiting: Vec::new(),
    };
    PlanReport {
        direction: PlanDirection::Adopt,
        steps: migrations.map(step).collect(),
        lost: Vec::new(),
        squash: None,
        backup: None,
        stop: None,
        ahead: Vec::new(),
    }
}

/// Records, and checks.
async fn carry_out(
    settings: &Settings,
    args: &AdoptArgs,
    declared: &ProjectModel,
    prepared: Prepared,
    writing: &mut WriteCommand<'_>,
) -> Result<SchemaReport> {
    let begun = Instant::now();
    let Prepared { snapshot, document, versions, ledger, detail, accepted, .. } = prepared;
    let notes = ledger.is_some().then(|| settings_of_others(settings, &snapshot));
    let migrations: Vec<&Migration> =
        declared.migrations.iter().filter(|migration| versions.contains(&migration.version)).collect();
    let proves = ledger.is_some();
    let accept = Patterns::new(args.accept_drift.iter().cloned());
    let stated = document.adoption.as_ref().and_then(|adoption| adoption.version.parse().ok());
    let prove = |catalog: Catalog| {
        if !proves {
            return Ok(());
        }
        let adoption = evaluate(settings, declared, &snapshot, &catalog, stated)?;
        match refuse_differences(declared, &adoption, &accept) {
            None if adoption.objects == accepted => Ok(()),
            None => Err(changed_meanwhile("it").into()),
            Some(failure) => Err(failure.into()),
        }
    };
    let limits = StepLimits {
        lock_timeout: settings.migrations.lock_timeout,
        lock_budget: settings.migrations.lock_budget,
        max_duration: settings.migrations.max_duration,
    };
    let adopt = Adopt {
        writer: &mut writing.writer,
        watch: &mut writing.progress,
        lock: &declared.lock,
        migrations: &migrations,
        ledger: ledger.as_ref(),
        detail: &detail,
        accepted: &accepted,
        limits,
        version: snapshot.version,
        options: &declared.lock.head.options,
    };
    executor::adopt(adopt, prove).await?;
    let milliseconds = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    let snapshot = read_database(settings, writing.writer.read_session().await?, declared).await?;
    let mut after = comparison::compare(settings, &writing.target, declared, &snapshot)?.document;
    after.notes.extend(notes.into_iter().flatten());
    after.plan = document.plan;
    after.adoption = document.adoption;
    after.applied = migrations
        .iter()
        .map(|migration| AppliedStep {
            version: migration.version.to_string(),
            name: migration.name.clone(),
            milliseconds,
        })
        .collect();
    Ok(after.ending(Exit::Clean))
}
