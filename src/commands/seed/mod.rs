//! `trueup seed`: inserts and updates the reference rows that a project declares. Manual edits are kept.

pub(super) mod args;
mod build_report;
mod report;
mod undeclared;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::Result;
use build_report::{build, print, script};
use report::SeedStage;

use crate::changes::plan::Affected;
use crate::data::seeds::{self, RowFilter, Seeds, TablePlan};
use crate::error::{Exit, Failure, with_failure};
use crate::output;
use crate::postgres::catalog::TableUse;
use crate::postgres::connection::{self, Session};
use crate::project::Settings;
use crate::snapshot::{self, Request, SequenceScope};
use crate::text::plural;
use crate::workflow::backup_policy::{BackupOptions, BackupPolicy, PlannedChanges};
use crate::workflow::deliver;
use crate::workflow::migrate::changed_meanwhile;
use crate::workflow::seeding::{self, ComparedSeeds, SeedPlan};
use crate::workflow::signals::until_stopped;
use crate::workflow::trusted::refuse_untrusted;
use crate::workflow::write_command::WriteCommand;
use crate::workflow::{comparison, environment_mark};
use crate::writer::{StopSignal, interrupted};
use args::SeedArgs;

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract.
pub(super) async fn run(settings: &Settings, args: &SeedArgs, mut stop: StopSignal) -> Result<Exit> {
    let seeds = Arc::new(Seeds::read(&settings.project.seeds_dir)?);
    if args.check || args.sql || args.dry_run {
        return until_stopped(stop, show_plan(settings, args, &seeds)).await;
    }
    let signal = stop.clone();
    let (mut writing, shown) = tokio::select! {
        biased;
        ready = ask(settings, args, &seeds, &signal) => ready?,
        signal = stop.wait() => return Err(interrupted(signal).into()),
    };
    if shown.is_empty() {
        return report_nothing_to_do(settings, args, writing, &shown).await;
    }
    writing.lock().await?;
    let undeclared = shown.undeclared.clone();
    // Another session may have changed rows before the lock was taken.
    let mut seed_plan =
        match snapshot::unchanged_since(writing.writer.read_session().await?, &shown.snapshot).await? {
            true => shown,
            false => {
                let now = seeding::plan(settings, &seeds, args.overwrite, &mut writing).await?;
                if !now.is_part_of(&shown) {
                    return Err(changed_meanwhile("the plan").into());
                }
                now
            }
        };
    seed_plan.undeclared.clone_from(&undeclared);
    if seed_plan.is_empty() {
        return report_nothing_to_do(settings, args, writing, &seed_plan).await;
    }
    let policy = plan_backup(settings, args, true, &seed_plan, writing.writer.read_session().await?).await?;
    let marking = writing.first_mark();
    let report = writing
        .recorded(&marking, None, async |writing| {
            let backup = policy.ensure(settings, &seed_plan.snapshot, writing).await?;
            let mut done = seeding::carry_out(settings, &seeds, args.overwrite, seed_plan, writing).await?;
            done.undeclared = undeclared;
            let mut report = build(settings, args, &writing.target, &done, SeedStage::Done);
            report.backup_plan = Some(policy.plan.clone());
            report.backup = backup.map(|(_, summary)| summary);
            // The exit code depends on what the database has now.
            let now = seeding::plan(settings, &seeds, args.overwrite, writing).await.map_err(unchecked)?;
            if !now.changes_nothing() {
                report.exit = Exit::Findings;
                report.notes.push("rows have changed since: trueup seed --check".to_owned());
            }
            Ok((report.exit, report))
        })
        .await?;
    print(settings, &report)
}

/// Runs `--check`, `--sql` and `--dry-run`, which read and never write.
async fn show_plan(settings: &Settings, args: &SeedArgs, seeds: &Arc<Seeds>) -> Result<Exit> {
    if args.sql {
        deliver::only_statements(&settings.output)?;
    }
    let target = settings.target()?;
    let mut session = target.connect(&settings.application()).await?;
    let rows = match (args.sql, args.check) {
        (true, _) => RowFilter::All,
        (_, true) => RowFilter::Differing,
        _ => RowFilter::Unrecorded,
    };
    let sequences = if args.check { SequenceScope::All } else { SequenceScope::None };
    let request = Request { sequences, ..comparison::request(settings, seeding::needs(seeds, rows)) };
    let snapshot = snapshot::take(&mut session, &request).await?;
    environment_mark::expect(settings, snapshot.mark(), &snapshot.identity.database)?;
    let compared = ComparedSeeds::new(settings, snapshot, seeds, args.overwrite)?;
    let mut seed_plan = compared.ordered(settings, &mut session, args.sql).await?;
    if args.sql {
        session.close().await;
        deliver::statements(&settings.output, &script(settings, &seed_plan))?;
        return Ok(Exit::Clean);
    }
    seed_plan.undeclared = undeclared::read(settings, &mut session, &seed_plan).await?;
    let stage = if args.check { SeedStage::Checked } else { SeedStage::Planned };
    let mut report = build(settings, args, &target, &seed_plan, stage);
    if args.dry_run && !seed_plan.is_empty() {
        report.backup_plan = Some(plan_backup(settings, args, false, &seed_plan, &mut session).await?.plan);
    }
    session.close().await;
    print(settings, &report)
}

/// Plans the changes, shows them and asks for confirmation.
async fn ask<'s>(
    settings: &'s Settings,
    args: &'s SeedArgs,
    seeds: &Arc<Seeds>,
    stop: &StopSignal,
) -> Result<(WriteCommand<'s>, SeedPlan)> {
    let mut writing = WriteCommand::open(settings, &args.write, stop).await?;
    let mut seed_plan = seeding::plan(settings, seeds, args.overwrite, &mut writing).await?;
    seed_plan.undeclared =
        undeclared::read(settings, writing.writer.read_session().await?, &seed_plan).await?;
    if !seed_plan.is_empty() {
        check_rights(settings, &seed_plan, writing.writer.read_session().await?).await?;
        let mut proposed = build(settings, args, &writing.target, &seed_plan, SeedStage::Planned);
        let policy =
            plan_backup(settings, args, true, &seed_plan, writing.writer.read_session().await?).await?;
        proposed.backup_plan = Some(policy.plan);
        if !settings.output.quiet && (!args.write.yes || settings.output.interactive) {
            output::err(&output::shown(&proposed.proposal(), deliver::style(&settings.output)));
        }
        let (inserted, changed) = (seed_plan.count(TablePlan::inserts), seed_plan.count(TablePlan::updates));
        let recorded = seed_plan.tables.iter().any(|table| !table.plan.is_empty());
        let what = match (inserted, changed) {
            (0, 0) if !recorded => "remove the records of dropped tables".to_owned(),
            (0, 0) => "record rows as seeded".to_owned(),
            (inserted, changed) => format!("insert {}, update {changed}", plural(inserted, "row")),
        };
        let mark = seed_plan.snapshot.mark();
        writing.confirm(&what, mark).await?;
    }
    Ok((writing, seed_plan))
}

/// Refuses changes that the role lacks the privileges for, before anything is written.
///
/// # Errors
/// Exit 4, with the privileges. Exit 3: the query fails.
async fn check_rights(settings: &Settings, seed_plan: &SeedPlan, session: &mut Session) -> Result<()> {
    let Some(query) = seeds::missing_rights_query(&seed_plan.seeds()) else { return Ok(()) };
    let role = settings.database.set_role.as_ref();
    let role = role.map(|role| format!("SET LOCAL ROLE {};", crate::postgres::sql::identifier(role)));
    let sql = format!("BEGIN READ ONLY; {} {query}; COMMIT", role.unwrap_or_default());
    let failed = |error| connection::server_failure(error, "asking for rights");
    let mut lacking: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for row in session.query(sql).await.map_err(failed)? {
        let text = |column: &str| row.get::<String>(column).map_err(|error| failed(error.into()));
        let columns = lacking.entry((text("path")?, text("privilege")?)).or_default();
        let column: Option<&str> = row.get("name").map_err(|error| failed(error.into()))?;
        columns.extend(column.map(|column| crate::postgres::sql::identifier(column).into_owned()));
    }
    if lacking.is_empty() {
        return Ok(());
    }
    let rights = lacking.iter().map(|((relation, right), columns)| match columns.as_slice() {
        [] => format!("{right} ON SEQUENCE {relation}"),
        columns => format!("{right} ({}) ON {relation}", columns.join(", ")),
    });
    let rights: Vec<String> = rights.collect();
    let role = &seed_plan.snapshot.identity.role;
    let what = format!("role {role} lacks rights: {}; nothing was changed", rights.join("; "));
    let to = crate::postgres::sql::identifier(role);
    let grants: Vec<String> = rights.iter().map(|right| format!("GRANT {right} TO {to}")).collect();
    let next = format!("{}; or work as the tables' owner: {}", grants.join("; "), settings.role_setting());
    Err(Failure::new(Exit::Refused, what).next(next).into())
}

/// Refuses tables that cannot be changed without running code of a weaker role, and plans the backup before the changes.
async fn plan_backup(
    settings: &Settings,
    args: &SeedArgs,
    write: bool,
    seed_plan: &SeedPlan,
    session: &mut Session,
) -> Result<BackupPolicy> {
    let changed = seed_plan.tables.iter().filter(|table| !table.plan.changes_nothing());
    let changed: BTreeSet<_> = changed.map(|table| table.id.clone()).collect();
    let names: Vec<String> = changed.iter().map(ToString::to_string).collect();
    refuse_untrusted(session, TableUse::Write, &names).await?;
    let read = seed_plan.lookups.tables();
    if !read.is_empty() {
        refuse_untrusted(session, TableUse::Read, &read).await?;
    }
    let changes = PlannedChanges {
        nothing: changed.is_empty().then_some("no row is changed"),
        affected: Affected::by_rows(&seed_plan.snapshot.catalog, changed, "seeds"),
        undo: None,
        only_affected: false,
    };
    let mark = seed_plan.snapshot.mark();
    let protected = environment_mark::protected(settings, mark).is_some();
    let options = BackupOptions { no_backup: args.no_backup, protected, write };
    BackupPolicy::plan(settings, options, &changes, &seed_plan.snapshot, Some(session)).await
}

/// The failure of the check after the rows were written.
fn unchecked(error: anyhow::Error) -> anyhow::Error {
    with_failure(error, |failure| {
        let what =
            format!("the rows are written and recorded; the check afterwards failed: {}", failure.what);
        Failure { what, next: "trueup seed --check".to_owned(), ..failure }
    })
}

/// Reports that there is nothing to write, and closes the connections.
async fn report_nothing_to_do(
    settings: &Settings,
    args: &SeedArgs,
    writing: WriteCommand<'_>,
    seed_plan: &SeedPlan,
) -> Result<Exit> {
    let report = build(settings, args, &writing.target, seed_plan, SeedStage::Done);
    writing.writer.close().await;
    print(settings, &report)
}
