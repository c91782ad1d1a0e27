//! `trueup seed`: the reference rows that a project declares, made so; what somebody else has made of them is left alone.

pub(super) mod args;
mod build_report;
mod errors;
mod report;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use anyhow::Result;
use build_report::{build, print, script};
use errors::{not_made, refused, rewritten};
use report::SeedStage;

use crate::changes::plan::Affected;
use crate::data::seeds::{self, Answer, Question, RowPlan, Rows, Seeds, Table, TablePlan};
use crate::error::{Exit, Failure};
use crate::output;
use crate::postgres::catalog::reader::ReadOptions;
use crate::postgres::connection::{self, Session};
use crate::project::Settings;
use crate::snapshot::{self, Asked, DatabaseSnapshot};
use crate::workflow::backup_policy::{BackupPolicy, Changes, Wanted};
use crate::workflow::deliver;
use crate::workflow::migrate::{changed_meanwhile, defaults};
use crate::workflow::project_model::Needs;
use crate::workflow::write_command::{WriteCommand, interrupted};
use crate::workflow::{comparison, environment_mark};
use crate::writer::{StepError, Stop, Work};
use args::SeedArgs;

/// How often it is begun anew when rows change between the look and the work.
const ROUNDS: usize = 3;
/// The number of the work's row among the steps of a run: after the backup's.
const STEP: usize = 1;
/// The name of the work, in messages.
const WHAT: &str = "the seeds";

/// What a look at the database says.
struct Judged {
    snapshot: DatabaseSnapshot,
    /// The tables, in the order of their foreign keys.
    tables: Vec<Planned>,
    /// Whether constraints have to wait for the end of the transaction.
    deferred: bool,
}

/// One table.
struct Planned {
    id: crate::postgres::catalog::ObjectId,
    question: Question,
    answers: Vec<Answer>,
    /// What the database gives its columns.
    defaults: BTreeMap<String, String>,
    plan: TablePlan,
}

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract.
pub(super) async fn run(settings: &Settings, args: &SeedArgs, mut stop: Stop) -> Result<Exit> {
    let seeds = Arc::new(Seeds::read(&settings.project.seeds_dir)?);
    if args.check || args.sql || args.dry_run {
        return look(settings, args, &seeds).await;
    }
    let seen = stop.clone();
    let (mut writing, shown) = tokio::select! {
        ready = ask(settings, args, &seeds, &seen) => ready?,
        signal = stop.wait() => return Err(interrupted(signal).into()),
    };
    if shown.is_empty() {
        return nothing(settings, args, writing, &shown).await;
    }
    writing.lock().await?;
    // Somebody else may have been faster.
    let judged = match snapshot::unchanged_since(writing.writer.reading().await?, &shown.snapshot).await? {
        true => shown,
        false => {
            let now =
                judge(settings, args, writing.look_for(needs(&seeds, Rows::Unrecorded)).await?, &seeds)?;
            if !now.is_part_of(&shown) {
                return Err(changed_meanwhile("the plan").into());
            }
            now
        }
    };
    if judged.is_empty() {
        return nothing(settings, args, writing, &judged).await;
    }
    let backing = back(settings, args, true, &judged, writing.writer.reading().await?).await?;
    let marking = writing.first_mark();
    let report = writing
        .recorded(&marking, None, async |writing| {
            let backup = backing.before(settings, &judged.snapshot, writing).await?;
            let done = carry_out(settings, args, &seeds, judged, writing).await?;
            let mut report = build(settings, args, &writing.target, &done, SeedStage::Done);
            report.backup_plan = Some(backing.plan.clone());
            report.backup = backup.map(|(_, told)| told);
            // What counts is what is there now.
            let now = judge(
                settings,
                args,
                writing.look_for(needs(&seeds, Rows::Unrecorded)).await.map_err(unchecked)?,
                &seeds,
            )
            .map_err(unchecked)?;
            if !now.changes_nothing() {
                report.exit = Exit::Findings;
                report.notes.push("rows have changed since: trueup seed --check".to_owned());
            }
            Ok((report.exit, report))
        })
        .await?;
    print(settings, &report)
}

/// What a look has to know.
fn needs(seeds: &Arc<Seeds>, seed_rows: Rows) -> Needs {
    Needs { options: ReadOptions::default(), migrations: Arc::default(), seeds: Arc::clone(seeds), seed_rows }
}

/// `--check`, `--sql` and `--dry-run`: one read-only look.
async fn look(settings: &Settings, args: &SeedArgs, seeds: &Arc<Seeds>) -> Result<Exit> {
    if args.sql {
        deliver::only_statements(&settings.output)?;
    }
    let target = settings.target()?;
    let mut session = target.connect(&settings.application()).await?;
    let rows = match (args.sql, args.check) {
        (true, _) => Rows::All,
        (_, true) => Rows::Odd,
        _ => Rows::Unrecorded,
    };
    let request = comparison::request(settings, needs(seeds, rows));
    let snapshot = snapshot::take(&mut session, &request).await?;
    environment_mark::expect(settings, snapshot.internal.as_ref(), &snapshot.identity.database)?;
    let judged = judge(settings, args, snapshot, seeds)?;
    if args.sql {
        session.close().await;
        deliver::statements(&settings.output, &script(settings, &judged))?;
        return Ok(Exit::Clean);
    }
    let stage = if args.check { SeedStage::Checked } else { SeedStage::Planned };
    let mut report = build(settings, args, &target, &judged, stage);
    if args.dry_run && !judged.is_empty() {
        report.backup_plan = Some(back(settings, args, false, &judged, &mut session).await?.plan);
    }
    session.close().await;
    print(settings, &report)
}

/// Everything up to the operator's yes.
async fn ask<'s>(
    settings: &'s Settings,
    args: &'s SeedArgs,
    seeds: &Arc<Seeds>,
    stop: &Stop,
) -> Result<(WriteCommand<'s>, Judged)> {
    let mut writing = WriteCommand::open(settings, &args.write, stop).await?;
    let judged = judge(settings, args, writing.look_for(needs(seeds, Rows::Unrecorded)).await?, seeds)?;
    if !judged.is_empty() {
        may(settings, &judged, writing.writer.reading().await?).await?;
        let mut proposed = build(settings, args, &writing.target, &judged, SeedStage::Planned);
        let backing = back(settings, args, true, &judged, writing.writer.reading().await?).await?;
        proposed.backup_plan = Some(backing.plan);
        if !settings.output.quiet && (!args.write.yes || settings.output.interactive) {
            output::err(&output::shown(&proposed.proposal(), deliver::style(&settings.output)));
        }
        let (made, changed) = (judged.count(TablePlan::inserts), judged.count(TablePlan::updates));
        let what = match (made, changed) {
            (0, 0) => "record rows as seeded".to_owned(),
            (made, changed) => format!("make {}, change {changed}", rows(made)),
        };
        let mark = judged.snapshot.internal.as_ref().and_then(|internal| internal.mark.as_ref());
        writing.confirm(&what, mark).await?;
    }
    Ok((writing, judged))
}

fn rows(count: usize) -> String {
    if count == 1 { "1 row".to_owned() } else { format!("{count} rows") }
}

/// Holds what was found against what is declared.
fn judge(
    settings: &Settings,
    args: &SeedArgs,
    mut snapshot: DatabaseSnapshot,
    seeds: &Seeds,
) -> Result<Judged> {
    let unseen = snapshot.seeded.unseen.iter().map(|unseen| match unseen.why {
        Some(why) => format!("{} ({})", unseen.table, why.in_words()),
        None => unseen.table.clone(),
    });
    let unseen: Vec<String> = unseen.collect();
    if !unseen.is_empty() {
        return Err(Failure::cannot_tell(format!(
            "this role does not see all rows of {}; nothing was changed",
            unseen.join(", ")
        ))
        .next("grant SELECT on it, or work as its owner or a role with BYPASSRLS: [database] set_role")
        .into());
    }
    // They may be large: none is there twice.
    let mut asked: BTreeMap<usize, Asked> =
        snapshot.seeded.asked.drain(..).map(|asked| (asked.seed, asked)).collect();
    let mut tables: Vec<Planned> = Vec::new();
    for (number, seed) in seeds.tables.iter().enumerate() {
        let Table { id } = Table::of(seed, &snapshot.catalog, &settings.database.search_path)?;
        if let Some(other) = tables.iter().find(|other| other.id == id) {
            let what = format!("table: the rows of {id} are declared in {}, too", other.question.seed.file);
            return Err(seed.wrong(seed.table.1, what).next("put all rows of a table into one file").into());
        }
        let Some(Asked { question, answers, .. }) = asked.remove(&number) else { continue };
        let defaults = seeds::defaults(&question.columns, &snapshot.catalog);
        let plan = seeds::plan(&question, &answers, &defaults, args.overwrite)?;
        tables.push(Planned { id, question, answers, defaults, plan });
    }
    let columns: Vec<_> = tables.iter().map(|table| &table.question.columns).collect();
    let (order, deferred) = seeds::order(&columns, &snapshot.catalog).map_err(|circle| {
        Failure::usage(format!("the foreign keys of {} go round in a circle", circle.join(", ")))
            .next("make one of them deferrable: ALTER TABLE ... ALTER CONSTRAINT ... DEFERRABLE")
    })?;
    let mut tables: Vec<Option<Planned>> = tables.into_iter().map(Some).collect();
    let tables = order.into_iter().filter_map(|place| tables[place].take()).collect();
    Ok(Judged { snapshot, tables, deferred })
}

impl Judged {
    fn count(&self, of: impl Fn(&TablePlan) -> usize) -> usize {
        self.tables.iter().map(|table| of(&table.plan)).sum()
    }

    fn is_empty(&self) -> bool {
        self.tables.iter().all(|table| table.plan.is_empty())
    }

    fn changes_nothing(&self) -> bool {
        self.tables.iter().all(|table| table.plan.changes_nothing())
    }

    fn is_part_of(&self, shown: &Self) -> bool {
        self.tables.iter().all(|table| {
            let known = shown.tables.iter().find(|known| known.id == table.id);
            known.is_some_and(|known| table.plan.is_part_of(&known.plan))
        })
    }

    fn pairs(&self) -> Vec<(&Question, &TablePlan)> {
        self.tables.iter().map(|table| (&table.question, &table.plan)).collect()
    }
}

/// Refuses what this role has no right to, before anything is touched.
///
/// # Errors
/// Exit 4, with the rights; the server's and the connection's.
async fn may(settings: &Settings, judged: &Judged, session: &mut Session) -> Result<()> {
    let Some(question) = seeds::rights(&judged.pairs()) else { return Ok(()) };
    let role = settings.database.set_role.as_ref();
    let role = role.map(|role| format!("SET LOCAL ROLE {};", crate::postgres::sql::identifier(role)));
    let sql = format!("BEGIN READ ONLY; {} {question}; COMMIT", role.unwrap_or_default());
    let rows =
        session.rows(sql).await.map_err(|error| connection::server_failure(error, "asking for rights"))?;
    let mut lacking: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
    for row in rows {
        if let [Some(table), Some(right), Some(column)] = row.as_slice() {
            let column = crate::postgres::sql::identifier(column).into_owned();
            lacking.entry((table.clone(), right.clone())).or_default().push(column);
        }
    }
    if lacking.is_empty() {
        return Ok(());
    }
    let told = lacking
        .iter()
        .map(|((table, right), columns)| format!("{right} ({}) ON {table}", columns.join(", ")));
    let told: Vec<String> = told.collect();
    let role = &judged.snapshot.identity.role;
    let what = format!("role {role} lacks rights: {}; nothing was changed", told.join("; "));
    let to = crate::postgres::sql::identifier(role);
    let grants: Vec<String> = told.iter().map(|right| format!("GRANT {right} TO {to}")).collect();
    let next = format!("{}; or work as the tables' owner: [database] set_role", grants.join("; "));
    Err(Failure::new(Exit::Refused, what).next(next).into())
}

/// Decides about a backup.
async fn back(
    settings: &Settings,
    args: &SeedArgs,
    write: bool,
    judged: &Judged,
    session: &mut Session,
) -> Result<BackupPolicy> {
    let changed = judged.tables.iter().filter(|table| !table.plan.changes_nothing());
    let changed: BTreeSet<_> = changed.map(|table| table.id.clone()).collect();
    let changes = Changes {
        nothing: changed.is_empty().then_some("no row is changed"),
        affected: Affected::by_rows(&judged.snapshot.catalog, changed, "seeds"),
        undo: None,
        only_affected: false,
    };
    let mark = judged.snapshot.internal.as_ref().and_then(|internal| internal.mark.as_ref());
    let protected = environment_mark::protected(settings, mark).is_some();
    let wanted = Wanted { no_backup: args.no_backup, protected, write };
    BackupPolicy::decide(settings, wanted, &changes, &judged.snapshot, session).await
}

/// Rows are not as they were looked at.
#[derive(Debug)]
struct Moved;

impl fmt::Display for Moved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("rows have changed since they were looked at")
    }
}

impl std::error::Error for Moved {}

/// Does the work in one transaction, with its records; what was done. When rows changed since they were looked at, it is
/// rolled back and planned again.
async fn carry_out(
    settings: &Settings,
    args: &SeedArgs,
    seeds: &Arc<Seeds>,
    shown: Judged,
    writing: &mut WriteCommand<'_>,
) -> Result<Judged> {
    let mut judged = shown;
    for round in 1..=ROUNDS {
        match attempt(settings, args, &judged, round == ROUNDS, writing).await {
            Ok(()) => return Ok(judged),
            Err(StepError::Disproved(error)) if error.is::<Moved>() => {}
            Err(StepError::Refused { said, done }) => return Err(refused(&judged, &said, done).into()),
            Err(trouble) => return Err(trouble.failure(WHAT, false)),
        }
        let now = judge(settings, args, writing.look_for(needs(seeds, Rows::Unrecorded)).await?, seeds)?;
        if !now.is_part_of(&judged) {
            let Failure { what, next, .. } = changed_meanwhile("the plan");
            return Err(Failure::new(Exit::RolledBack, what).next(next).into());
        }
        judged = now;
    }
    let what =
        format!("rows changed each of the {ROUNDS} times between the look at them and the work; rolled back");
    Err(Failure::new(Exit::Busy, what).next("run the same command again").into())
}

async fn attempt(
    settings: &Settings,
    args: &SeedArgs,
    judged: &Judged,
    is_last: bool,
    writing: &mut WriteCommand<'_>,
) -> Result<(), StepError> {
    let pairs = judged.pairs();
    let script = seeds::script(&pairs, judged.deferred);
    let detail = serde_json::json!({
        "made": judged.count(TablePlan::inserts),
        "changed": judged.count(TablePlan::updates),
        "tables": judged.tables.iter().map(|table| table.id.to_string()).collect::<Vec<_>>(),
    });
    let mut records = vec![writing.writer.step_record(STEP, "seed", None, Some(&detail.to_string()))];
    records.extend(seeds::records(&pairs, writing.writer.run()));
    let records = records.join(";\n");
    let work = Work { script: &script, ..Work::records(WHAT, &records, defaults(settings).transaction) };
    let questions: Vec<&Question> = pairs.iter().map(|(question, _)| *question).collect();
    writing
        .writer
        .proved_transaction(&work, &mut writing.progress, async |session| {
            let (answers, internal) = snapshot::ask_inside(session, &questions).await?;
            for (Planned { question, defaults, plan: shown, .. }, answers) in
                judged.tables.iter().zip(&answers)
            {
                let left = seeds::plan(question, answers, defaults, args.overwrite)?;
                let is_known = |row: &RowPlan| {
                    let is_same = |known: &RowPlan| known.left_alone().eq(row.left_alone());
                    shown.rows.iter().any(|known| known.key == row.key && is_same(known))
                };
                let is_odd = |row: &&RowPlan| {
                    row.missing
                        || row.record.is_some()
                        || !row.changes.is_empty()
                        || row.left_alone().next().is_some() && !is_known(row)
                };
                if let Some(row) = left.rows.iter().find(is_odd) {
                    if row.missing {
                        not_made(session, question, row, &judged.snapshot.catalog, is_last).await?;
                    }
                    return Err(match row.xmin.as_ref() == Some(&internal) {
                        true => rewritten(question, row).into(),
                        false => Moved.into(),
                    });
                }
            }
            Ok(())
        })
        .await
}

/// The work is done, and the look afterwards failed.
fn unchecked(error: anyhow::Error) -> anyhow::Error {
    match error.downcast::<Failure>() {
        Ok(failure) => {
            let what =
                format!("the rows are made and recorded; the look afterwards failed: {}", failure.what);
            Failure { what, next: "trueup seed --check".to_owned(), ..failure }.into()
        }
        Err(error) => error,
    }
}

async fn nothing(
    settings: &Settings,
    args: &SeedArgs,
    writing: WriteCommand<'_>,
    judged: &Judged,
) -> Result<Exit> {
    let report = build(settings, args, &writing.target, judged, SeedStage::Done);
    writing.writer.close().await;
    print(settings, &report)
}
