//! Squashing: older migrations become one baseline, which is proved to build the same in a throwaway server.
//!
//! The baseline has the version of the newest of them, so that what comes after it stays as it is. It says which migrations it
//! replaces (`crate::migrations::fold`): a database that has them all is recorded by the next upgrade, without running SQL.

mod outside;
mod rows;

use std::path::PathBuf;

use anyhow::Result;

use self::rows::DatabaseRows;
use crate::error::{ErrorCode, Exit, Failure};
use crate::migrations::{Directives, Migration, SquashedMigration};
use crate::model::declare;
use crate::model::diff;
use crate::model::{CompiledSettings, Head, Lock, Sources, TrialDatabase};
use crate::postgres::catalog::{Attribute, Catalog};
use crate::postgres::connection::Target;
use crate::postgres::scratch::Scratch;
use crate::postgres::sql::{Part, Statement, split};
use crate::project::Settings;
use crate::text::plural;
use crate::workflow::file_set::FileSet;
use crate::workflow::schema_files::first_of;
use crate::workflow::{git, project_model};

/// What was, or would be, written.
#[derive(Debug)]
pub(crate) struct Squash {
    /// The baseline's file.
    pub(crate) baseline: PathBuf,
    /// The titles of the migrations that it replaces.
    pub(crate) replaced: Vec<String>,
    /// Their files, down scripts among them.
    pub(crate) removed: Vec<PathBuf>,
    /// How many objects it creates.
    pub(crate) objects: usize,
    /// The tables that it inserts rows into, and how many.
    pub(crate) tables: Vec<String>,
    pub(crate) rows: usize,
    /// What is worth knowing.
    pub(crate) notes: Vec<String>,
}

/// What is asked for.
pub(crate) struct SquashRequest<'a> {
    /// The newest version that becomes part of the baseline.
    pub(crate) to: i64,
    pub(crate) name: &'a str,
    /// Whether the files are written.
    pub(crate) write: bool,
}

/// Writes the baseline, proves it, and removes what it replaces.
///
/// # Errors
/// Exit 1: it cannot be written as one migration, or does not build the same. Exit 2: the arguments, the project's files. Exit 3:
/// no throwaway server. Exit 4: files that are removed are nowhere else. Nothing is written then.
pub(crate) async fn squash(settings: &Settings, request: &SquashRequest<'_>) -> Result<Squash> {
    refuse_tool(settings)?;
    let project = &settings.project;
    let sources = Sources::read_of(&project.dir, &project.migrations_dir, project.tool_source())?;
    let squashed = up_to(&sources.migrations, request.to)?;
    let removed: Vec<PathBuf> =
        squashed.iter().flat_map(|one| [Some(one.path.clone()), one.down.clone()]).flatten().collect();
    if request.write {
        refuse_uncommitted(settings, &removed)?;
    }
    outside::refuse(settings, squashed)?;
    let mut scratch = Scratch::start(&project_model::scratch_options(settings)).await?;
    let work = prove(settings, request, &sources, squashed, &mut scratch).await;
    let stopped = scratch.stop().await;
    let Proved { baseline, lock, objects, rows } = work?;
    stopped?;
    let mut removed = removed;
    removed.retain(|path| *path != baseline.path);
    if request.write {
        let texts = vec![(baseline.path.clone(), baseline.sql.as_str())];
        FileSet { project: &project.dir, texts, removed: removed.clone() }.carry_out()?;
        lock.save(&project.lock_path)?;
    }
    Ok(Squash {
        replaced: squashed.iter().map(|one| one.id().to_string()).collect(),
        notes: notes(squashed),
        removed,
        objects,
        tables: rows.tables().map(str::to_owned).collect(),
        rows: rows.count(),
        baseline: baseline.path,
    })
}

/// Only migrations of trueup are squashed here.
fn refuse_tool(settings: &Settings) -> Result<(), Failure> {
    let kept = settings
        .migrations
        .tool
        .map(|tool| (tool, "keeps the migrations of this project", "squash them with it"));
    let also = settings.migrations.also_record_in.map(|tool| {
        let next = "remove also_record_in from trueup.toml when that tool is used no more";
        (tool, "has its table kept in step with the history, and knows no baseline", next)
    });
    let Some((tool, why, next)) = kept.or(also) else { return Ok(()) };
    Err(Failure::usage(format!("{tool} {why}: trueup squash is for migrations of trueup alone"))
        .code(ErrorCode::USAGE_ARGUMENTS)
        .next(next))
}

/// The migrations up to a version.
fn up_to(migrations: &[Migration], to: i64) -> Result<&[Migration], Failure> {
    let Some(place) = migrations.iter().position(|migration| migration.version == to) else {
        let known: Vec<String> = migrations.iter().map(|one| one.version.to_string()).collect();
        let (first, last) =
            (known.first().cloned().unwrap_or_default(), known.last().cloned().unwrap_or_default());
        return Err(Failure::usage(format!("--to {to}: no such version; the project has {first} to {last}"))
            .code(ErrorCode::MIGRATION_UNKNOWN)
            .next("name the version of a file in migrations/"));
    };
    match place {
        0 => Err(Failure::usage(format!(
            "--to {to}: this is the first migration, and there is nothing to squash"
        ))
        .code(ErrorCode::USAGE_ARGUMENTS)
        .next("name a later version")),
        _ => Ok(&migrations[..=place]),
    }
}

/// Refuses to remove files that no commit has.
fn refuse_uncommitted(settings: &Settings, files: &[PathBuf]) -> Result<(), Failure> {
    let next = "commit them first: git keeps what is removed from migrations/";
    let refuse =
        |what: String| Err(Failure::new(Exit::Refused, what).code(ErrorCode::SQUASH_NOT_POSSIBLE).next(next));
    match git::uncommitted(&settings.project.dir, files) {
        Ok(changed) if changed.is_empty() => Ok(()),
        Ok(changed) => refuse(format!(
            "{} that would be removed {} not as a commit has them:{}\nnothing was written",
            plural(changed.len(), "file"),
            if changed.len() == 1 { "is" } else { "are" },
            first_of(&changed)
        )),
        Err(why) => refuse(format!(
            "the migrations that would be removed may be nowhere else ({why}); nothing was written"
        )),
    }
}

/// What was proved.
struct Proved {
    baseline: Migration,
    /// The project as it will be.
    lock: Lock,
    objects: usize,
    rows: DatabaseRows,
}

/// Builds the old migrations twice and the baseline once, and compares.
async fn prove(
    settings: &Settings,
    request: &SquashRequest<'_>,
    sources: &Sources,
    squashed: &[Migration],
    scratch: &mut Scratch,
) -> Result<Proved> {
    let before = project_model::compile_on(settings, sources, scratch).await?;
    let head = &before.head;
    let (old, mut rows) = build(settings, scratch, head, squashed).await?;
    refuse_unmodeled(&old)?;
    // What the clock or chance makes is another value the second time.
    let (_, again) = build(settings, scratch, head, squashed).await?;
    rows.leave_out_changing(&again)?;
    let baseline = baseline(settings, request, squashed, &before, (&old, &rows))?;
    let (new, built) = build(settings, scratch, head, std::slice::from_ref(&baseline)).await?;
    let mut differing = deviations(&new, &old);
    differing.extend(rows.deviations(&built));
    refuse_other(&baseline, &differing)?;
    let rest = sources.migrations.iter().filter(|one| one.version > request.to);
    let migrations = std::iter::once(baseline.clone()).chain(rest.cloned()).collect();
    let after = Sources { migrations, ..sources.clone() };
    let lock = project_model::compile_on(settings, &after, scratch).await?;
    let last = deviations(&lock.state_after(|_| true), &before.state_after(|_| true));
    refuse_other(&baseline, &last)?;
    let objects = declare_count(&old, &before);
    Ok(Proved { baseline, lock, objects, rows })
}

/// How many objects the baseline makes.
fn declare_count(built: &Catalog, before: &Lock) -> usize {
    built.objects.len().saturating_sub(before.initial.len())
}

/// Runs migrations in a database of their own: its schema, and its rows.
async fn build(
    settings: &Settings,
    scratch: &mut Scratch,
    head: &Head,
    migrations: &[Migration],
) -> Result<(Catalog, DatabaseRows)> {
    let compiled: &CompiledSettings = &head.settings;
    let mut trial = TrialDatabase::new(scratch, compiled, head, migrations).await?;
    for migration in migrations {
        if let Some(failure) = trial.run(&migration.path, migration).await? {
            return Err(failure.into());
        }
        // A trial leaves out the positions of sequences, which are no schema.
        for statement in split(&migration.sql).unwrap_or_default().iter().filter(|one| sets_sequence(one)) {
            trial.execute(statement.text).await?;
        }
    }
    let catalog = trial.read().await?;
    let mut session = Target::parse(&trial.url())?.connect(&settings.application()).await?;
    let rows = DatabaseRows::read(&mut session).await;
    session.close().await;
    trial.finish().await?;
    Ok((catalog, rows?))
}

/// Whether a statement is `SELECT setval(...)`.
fn sets_sequence(statement: &Statement<'_>) -> bool {
    let words: Vec<Part<'_>> = statement.parts().take(4).collect();
    let is =
        |place: usize, wanted: &str| matches!(words.get(place), Some(Part::Word(word)) if word == wanted);
    is(0, "select") && (is(1, "setval") || is(1, "pg_catalog") && is(3, "setval"))
}

/// The baseline: what it replaces, the schema, the rows.
fn baseline(
    settings: &Settings,
    request: &SquashRequest<'_>,
    squashed: &[Migration],
    before: &Lock,
    (built, rows): (&Catalog, &DatabaseRows),
) -> Result<Migration> {
    let project = &settings.project;
    let path = project.migrations_dir.join(format!("V{}__{}.sql", request.to, request.name));
    let replaces: Vec<String> =
        squashed.iter().map(|one| format!("-- trueup: squashes {}", SquashedMigration::of(one))).collect();
    let schema = declare::baseline(built, &before.initial).unwrap_or_default();
    let rows = rows.statements()?;
    let rows = if rows.is_empty() { String::new() } else { format!("\n{}\n", rows.join("\n\n")) };
    let titles = [squashed.first(), squashed.last()]
        .map(|one| one.map(|one| one.id().to_string()).unwrap_or_default());
    let sql = format!(
        "-- Written by `trueup squash`: {} to {} as one migration, for new databases. A database that has them all is not changed: the\n\
         -- next `trueup upgrade` records this one in their place, by the checksums below. Do not edit it.\n{}\n\n{schema}{rows}",
        titles[0],
        titles[1],
        replaces.join("\n")
    );
    let directives = Directives::read(&path, &sql)?;
    Ok(Migration {
        version: request.to,
        name: request.name.to_owned(),
        path,
        sql,
        down: None,
        directives,
        revision: None,
        parents: Vec::new(),
    })
}

/// What trueup does not model, no baseline makes.
fn refuse_unmodeled(built: &Catalog) -> Result<(), Failure> {
    let unmodeled: Vec<String> =
        built.unmodeled.iter().map(|other| format!("{} {}", other.kind, other.object)).collect();
    if unmodeled.is_empty() {
        return Ok(());
    }
    let what = format!(
        "the migrations make objects that trueup does not model, and a baseline would not make them:{}\nnothing was written",
        first_of(&unmodeled)
    );
    Err(Failure::new(Exit::Findings, what)
        .code(ErrorCode::SQUASH_NOT_POSSIBLE)
        .next("squash the migrations below the one that makes them: trueup squash --to VERSION"))
}

/// What `is` has otherwise than `wanted`, in words.
fn deviations(is: &Catalog, wanted: &Catalog) -> Vec<String> {
    let gone = wanted.objects.iter().filter(|object| is.get(&object.id).is_none());
    let ids = is.objects.iter().chain(gone).map(|object| &object.id);
    ids.filter_map(|id| diff::deviation(id, is.get(id), wanted.get(id), Attribute::is_compared)).collect()
}

/// Refuses a baseline that does not build the same.
fn refuse_other(baseline: &Migration, differing: &[String]) -> Result<(), Failure> {
    if differing.is_empty() {
        return Ok(());
    }
    let what = format!(
        "{} would not build what these migrations build:{}\nnothing was written",
        baseline.id(),
        first_of(differing)
    );
    Err(Failure::new(Exit::Findings, what)
        .code(ErrorCode::SQUASH_NOT_POSSIBLE)
        .next("squash the migrations below the one that makes it: trueup squash --to VERSION; and please report this"))
}

/// What is gone with the migrations.
fn notes(squashed: &[Migration]) -> Vec<String> {
    let mut notes = Vec::new();
    let count = |holds: fn(&Migration) -> bool| squashed.iter().filter(|one| holds(one)).count();
    let downs = count(|one| one.down.is_some());
    if downs > 0 {
        let downs = plural(downs, "down script");
        notes.push(format!("removed with them: {downs}; there is no downgrade below the baseline"));
    }
    let contract = count(|one| one.directives.contract);
    if contract > 0 {
        notes.push(format!(
            "{} in it: the baseline is for new databases, which no old app version uses",
            plural(contract, "contract migration")
        ));
    }
    let mut checks: Vec<&str> =
        squashed.iter().flat_map(|one| &one.directives.requires_checks).map(String::as_str).collect();
    checks.sort_unstable();
    checks.dedup();
    if !checks.is_empty() {
        notes.push(format!("no migration requires these data checks any more: {}", checks.join(", ")));
    }
    notes
}
