//! The migration that is missing: from what all migrations build to what `schema/` declares.
//!
//! In this order:
//! 1. [`decisions`] finds what only a person can decide: what was renamed, and what rows get in a new column.
//! 2. [`target`] divides the way where rows have to be filled in between, and writes the data checks for that.
//! 3. [`files`] makes files of the plan.
//! 4. [`staging`] is a copy of the project with these files, in which they are proved: they build what is declared, their down
//!    scripts build what was there before, and nothing fails with rows in the tables. The project itself is changed when all
//!    of that is done.

mod checks;
pub(crate) mod decisions;
mod files;
mod staging;
mod target;

use std::path::{Path, PathBuf};

use anyhow::Result;

pub(crate) use self::decisions::DecisionSource;
pub(crate) use self::files::GeneratedFile;
use self::staging::Staging;
use self::target::PlanOptions;
use crate::changes::lint::{LintScope, SMALL, lint};
use crate::changes::schema_plan::retype::RetypedColumns;
use crate::changes::schema_plan::{PlannedMigration, in_one_transaction};
use crate::error::{ErrorCode, Exit, Failure};
use crate::findings::Finding;
use crate::migrations::Migration;
use crate::model::diagnosis::{Decided, between};
use crate::model::{DeclaredBy, Lock, Sources};
use crate::postgres::scratch::Scratch;
use crate::project::Settings;
use crate::workflow::file_set::FileSet;
use crate::workflow::lint::levels;
use crate::workflow::project_model;
use crate::workflow::sizes::RecordedSizes;

/// How often what a plan has left is planned again.
const MOST_ROUNDS: usize = 4;

/// What is to be generated.
pub(crate) struct GenerateRequest<'a> {
    /// The name of the migrations; `None` for one that says what the first step does.
    pub(crate) name: Option<&'a str>,
    /// Where decisions come from.
    pub(crate) decisions: DecisionSource<'a>,
    /// The program and its arguments that a person changes the files with before they are proved.
    pub(crate) editor: Option<&'a [String]>,
    /// How many rows are made in each table for the proof.
    pub(crate) rows: u64,
    /// Whether what goes gets another name first.
    pub(crate) keep_dropped: bool,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Generation {
    /// The plan.
    pub(crate) migrations: Vec<PlannedMigration>,
    /// The files, in order.
    pub(crate) files: Vec<GeneratedFile>,
    /// Why they are not proved; empty where they are.
    pub(crate) refuted: Vec<String>,
    /// What `lint` says of them.
    pub(crate) lint: Vec<Finding>,
    /// What is worth knowing.
    pub(crate) notes: Vec<String>,
}

/// Generates, proves, and writes.
///
/// # Errors
/// Exit 2: the project's files, or a decision that nobody has taken. Exit 3: no server to compile in.
pub(crate) async fn generate(settings: &Settings, wanted: GenerateRequest<'_>) -> Result<Generation> {
    let project = &settings.project;
    let sources = Sources::read_of(&project.dir, &project.migrations_dir, project.tool_source())?;
    let (lock, scratch) = lock_of(settings, &sources).await?;
    let from = lock.state_after(|_| true);
    if between(&lock.head, [&from, &lock.model], Some(&Decided::default()), true).is_empty() {
        return Ok(Generation::default());
    }
    let states = decisions::CatalogPair { head: &lock.head, from: &from, to: &lock.model };
    let (decided, notes) = decisions::take(settings, &sources, states, wanted.decisions).await?;
    let sizes = RecordedSizes::read(&project.dir)?;
    let is_small = |table: &str| settings.lint.is_small(table) || is_recorded_as_small(sizes.as_ref(), table);
    let suffix = format!("_dropped_{}", &files::now_in_digits()[..8]);
    let options =
        PlanOptions { is_small: &is_small, kept_suffix: wanted.keep_dropped.then_some(suffix.as_str()) };
    let way = target::first_part(states, &decided, &options);
    let mut generation = Generation { migrations: way.migrations, notes, ..Generation::default() };
    generation.notes.extend(way.notes);
    let names = files::Names::after(&sources.migrations, wanted.name, &generation.migrations);
    let first = names.first();
    generation.files = names.files(project, &generation.migrations);
    generation.add_checks(way.checks, &project.dir);
    let scratch = match scratch {
        Some(scratch) => scratch,
        None => Scratch::start(&project_model::scratch_options(settings)).await?,
    };
    let mut staging = Staging::of(settings, &sources, scratch)?;
    staging.write(&generation.files)?;
    let is_complete = match &way.retyped {
        Some(retyped) => complete_swap(&mut staging, &mut generation, retyped).await?,
        None => true,
    };
    if let Some(editor) = wanted.editor.filter(|_| is_complete) {
        staging.edit(editor, &mut generation.files)?;
    }
    let proof = Proof { before: &lock, decided: &decided, first, rows: wanted.rows };
    let proved = match is_complete {
        true => prove(settings, &mut staging, &mut generation, proof).await?,
        false => None,
    };
    match proved {
        Some(compiled) => {
            generation.lint = linted(settings, &staging, &compiled, first)?;
            write(settings, &generation.files)?;
            compiled.save(&project.lock_path)?;
        }
        None => {
            for file in &mut generation.files {
                file.path.as_mut_os_string().push(".rejected");
            }
            write(settings, &generation.files)?;
        }
    }
    Ok(generation)
}

/// The compiled project, from the lock file where that is up to date; else with the server that compiled it.
async fn lock_of(settings: &Settings, sources: &Sources) -> Result<(Lock, Option<Scratch>)> {
    let lock = Lock::load(&settings.project.lock_path)?;
    let stale = project_model::stale(settings, lock.as_ref().map(|lock| &lock.head), sources);
    let (lock, scratch) = match lock.filter(|_| stale.is_empty()) {
        Some(lock) => (lock, None),
        None => {
            let mut scratch = Scratch::start(&project_model::scratch_options(settings)).await?;
            let states = project_model::states_directory();
            let compiled =
                project_model::compile_in(settings, sources, states.as_deref(), &mut scratch).await?;
            (compiled.lock, Some(scratch))
        }
    };
    if lock.head.declared_by == DeclaredBy::Migrations {
        return Err(Failure::usage("schema/ declares nothing: there is nothing to generate a migration from")
            .code(ErrorCode::PROJECT_NOT_FOUND)
            .next("declare the schema in schema/*.sql (trueup init --from-database writes it), or write a migration by hand: trueup generate --empty NAME")
            .into());
    }
    Ok((lock, scratch))
}

/// What is to be proved.
struct Proof<'a> {
    /// The project as it was compiled before.
    before: &'a Lock,
    /// What was decided: what is planned later must not undo it.
    decided: &'a Decided,
    /// The version of the first new migration.
    first: i64,
    rows: u64,
}

/// Proves the files in the copy of the project: `Some` where all holds. A down script that does not hold is left out.
async fn prove(
    settings: &Settings,
    staging: &mut Staging,
    generation: &mut Generation,
    proof: Proof<'_>,
) -> Result<Option<Lock>> {
    let Proof { before, decided, first, rows } = proof;
    let Some(mut compiled) = built(staging, generation).await? else { return Ok(None) };
    for _ in 1..MOST_ROUNDS {
        let states = decisions::CatalogPair {
            head: &compiled.head,
            from: &compiled.state_after(|_| true),
            to: &compiled.model,
        };
        let way = target::way(states, decided);
        if way.migrations.is_empty() {
            break;
        }
        let names = files::Names::after(&staging.migrations()?, Some(&generation.name()), &way.migrations);
        generation.files.extend(names.files(&settings.project, &way.migrations));
        generation.migrations.extend(way.migrations);
        generation.add_checks(way.checks, &settings.project.dir);
        staging.write(&generation.files)?;
        let Some(again) = built(staging, generation).await? else { return Ok(None) };
        compiled = again;
    }
    let last = compiled.state_after(|_| true);
    let left = between(&compiled.head, [&last, &compiled.model], Some(&Decided::default()), true);
    if !left.is_empty() {
        generation.refuted = left
            .into_iter()
            .map(|change| {
                let why = change.why.map(|why| format!(": {why}")).unwrap_or_default();
                format!(
                    "{} {} is not as declared afterwards{why}",
                    change.object.kind.spoken(),
                    change.object
                )
            })
            .collect();
        return Ok(None);
    }
    files::add_down_scripts(before, &compiled, first, generation);
    staging.write(&generation.files)?;
    loop {
        let (lock, rehearsal) = match staging.rehearse(before, rows).await {
            Ok(rehearsed) => rehearsed,
            Err(error) => match error.downcast::<Failure>() {
                // What an upgrade would be refused for is wrong with the files.
                Ok(failure) if failure.exit == Exit::Refused => {
                    generation.refuted.push(failure.what);
                    return Ok(None);
                }
                Ok(failure) => return Err(failure.into()),
                Err(error) => return Err(error),
            },
        };
        let Some(finding) = rehearsal.findings.first() else { return Ok(Some(lock)) };
        let version = finding.object.split("__").next().unwrap_or_default().to_owned();
        let is_down = ["rehearse.down", "rehearse.again"].contains(&finding.code.as_str());
        if is_down && generation.drop_down_script(&version, &one_line(&finding.sentence())) {
            staging.remove_down_script(&version)?;
            continue;
        }
        generation.refuted.extend(rehearsal.findings.iter().map(|finding| one_line(&finding.sentence())));
        return Ok(None);
    }
}

/// Whether sizes that were recorded say that a table has few rows.
fn is_recorded_as_small(sizes: Option<&RecordedSizes>, table: &str) -> bool {
    let size = sizes.and_then(|sizes| sizes.relations.get(table)?.as_ref());
    size.is_some_and(|size| size.rows < SMALL)
}

/// Adds to the swap of columns what reads them and follows in the same transaction. It is planned from what the server has after
/// the swap's own statements. `false` where the server refuses a statement.
async fn complete_swap(
    staging: &mut Staging,
    generation: &mut Generation,
    retyped: &RetypedColumns,
) -> Result<bool> {
    let Some(compiled) = built(staging, generation).await? else { return Ok(false) };
    let state = compiled.state_after(|_| true);
    let [first, last] = retyped.finished(&state);
    let (head, nothing) = (&compiled.head, Decided::default());
    let mut steps = in_one_transaction(head, &state, &first, &nothing).0;
    steps.extend(in_one_transaction(head, &first, &last, &nothing).0);
    // The values of the first column are in the second one, and those of a materialized view are computed again.
    for step in
        steps.iter_mut().filter(|step| retyped.is_first(&step.object) || last.get(&step.object).is_some())
    {
        step.hazards.clear();
    }
    let Some(swap) = generation.migrations.last_mut() else { return Ok(true) };
    swap.steps.extend(steps);
    let text = files::up(swap);
    if let Some(file) = generation.files.iter_mut().rfind(|file| file.is_migration()) {
        file.text = text;
    }
    staging.write(&generation.files)?;
    Ok(true)
}

/// Compiles the copy. `None` where the server refuses a statement.
async fn built(staging: &mut Staging, generation: &mut Generation) -> Result<Option<Lock>> {
    match staging.compile().await {
        Ok(lock) => Ok(Some(lock)),
        Err(error) => match error.downcast::<Failure>() {
            Ok(failure) if failure.exit == Exit::Usage => {
                generation.refuted.push(failure.what);
                Ok(None)
            }
            Ok(failure) => Err(failure.into()),
            Err(error) => Err(error),
        },
    }
}

/// A message of several lines as a part of a sentence.
fn one_line(text: &str) -> String {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join("; ")
}

/// What `lint` says of the new migrations.
fn linted(settings: &Settings, staging: &Staging, lock: &Lock, first: i64) -> Result<Vec<Finding>> {
    let migrations = staging.migrations()?;
    let new = migrations.iter().map(|migration| migration.version).filter(|version| *version >= first);
    let shown = |migration: &Migration| staging.display(&migration.path);
    let mut outcome = lint(lock, &migrations, &LintScope::Run(new.collect()), |_| true, shown)?;
    outcome.set_levels(&levels(settings)?);
    Ok(outcome.findings)
}

fn write(settings: &Settings, files: &[GeneratedFile]) -> Result<()> {
    let texts: Vec<(PathBuf, &str)> =
        files.iter().map(|file| (settings.project.dir.join(&file.path), file.text.as_str())).collect();
    Ok(FileSet { project: &settings.project.dir, texts, removed: Vec::new() }.carry_out()?)
}

/// Writes the files of a migration that a person is to fill.
///
/// # Errors
/// Exit 2: they cannot be written.
pub(crate) fn empty(settings: &Settings, name: &str) -> Result<Vec<GeneratedFile>> {
    let project = &settings.project;
    let sources = Sources::read_any(&project.dir, &project.migrations_dir, project.tool_source())?;
    let names = files::Names::after(&sources.migrations, Some(name), &[]);
    let files = names.empty(project);
    write(settings, &files)?;
    Ok(files)
}

impl Generation {
    /// The name of the first migration, without its version.
    fn name(&self) -> String {
        let first = self.files.iter().find_map(|file| file.path.file_name());
        let name = first.map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let name = name.split_once("__").map_or("", |(_, name)| name);
        name.trim_end_matches(".sql").to_owned()
    }

    /// Adds data checks. One that the project has already stays as it is: a person may have changed it.
    fn add_checks(&mut self, checks: Vec<GeneratedFile>, project: &Path) {
        self.files.extend(checks.into_iter().filter(|check| !project.join(&check.path).exists()));
    }

    /// Leaves out the down script of a version: whether there was one.
    fn drop_down_script(&mut self, version: &str, why: &str) -> bool {
        let is_it = |file: &GeneratedFile| file.is_down && file.version_text() == version;
        let Some(number) = self.files.iter().position(is_it) else { return false };
        self.files.remove(number);
        self.notes.push(format!("{version} has no down script: {why}"));
        true
    }
}
