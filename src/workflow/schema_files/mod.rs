//! Takes the state of a database into the files of `schema/`, and writes the baseline migration.
//!
//! What is written is proved first: the files, loaded in a scratch database, give the catalog of the database, and so does
//! the baseline. What is as in the database stays as it is, however and wherever it is written.

mod change;
mod proof;

use std::path::PathBuf;

use anyhow::Result;
use change::FileChanges;
use serde::Serialize;

use crate::migrations::tools::MigrationTool;
use crate::model::{Lock, Sources};
use crate::postgres::scratch::Scratch;
use crate::project::Settings;
use crate::snapshot::{self, DatabaseSnapshot};
use crate::workflow::comparison::request;
use crate::workflow::environment_mark;
use crate::workflow::project_model::{Needs, compile_on, scratch_options};
use crate::workflow::reports::target::TargetReport;

/// How many objects a message names.
const MOST_SHOWN: usize = 5;

/// What was written.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SchemaFiles {
    /// How many objects of it are declared.
    pub(crate) objects: usize,
    /// The files of `schema/` that were written, as paths in the project.
    pub(crate) written: Vec<String>,
    /// The files of `schema/` that were removed.
    pub(crate) removed: Vec<String>,
    /// How many files of `schema/` stayed as they are.
    pub(crate) unchanged: usize,
    /// What the server says of functions whose bodies it cannot read. They are declared as they are.
    pub(crate) unreadable: Vec<String>,
    /// The baseline migration, where one was written.
    pub(crate) baseline: Option<String>,
    /// Why no baseline was written though one was asked for: the history that the database has.
    #[serde(skip)]
    pub(crate) history: Option<String>,
    /// What the database has and no file declares, in sentences.
    #[serde(skip)]
    pub(crate) left_out: Vec<String>,
    /// Whether `trueup.lock` was written: it is not where the project has other migrations.
    #[serde(skip)]
    pub(crate) lock: bool,
}

/// When a baseline is written: a migration of all that the database has, where the project has no migration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Baseline {
    /// Another tool migrates.
    Never,
    /// Nobody said what migrates: where the database has no history of migrations.
    WithoutHistory,
    /// trueup migrates, whatever other tool did before.
    Always,
}

/// A file that is written with those of the schema.
pub(crate) struct NewFile {
    /// Where it is going to be, in the directory of the project.
    pub(crate) path: PathBuf,
    /// What it says.
    pub(crate) text: String,
}

/// Writes what a database has into `schema/`, a baseline, and the settings of a new project.
///
/// # Errors
/// Exit 2: the project's files; what was to be written does not give the catalog of the database. Exit 3: the database
/// cannot be read, has what trueup does not model, or there is no scratch server. Exit 4: it is marked as another
/// project's, or looks like another application's. Exit 75: its schema kept changing. Nothing is written then.
pub(crate) async fn take_in(
    settings: &Settings,
    baseline: Baseline,
    project_file: Option<NewFile>,
) -> Result<(TargetReport, SchemaFiles)> {
    let target = settings.target()?;
    let project = &settings.project;
    let sources = Sources::read_any(&project.dir, &project.migrations_dir, project.tool_source())?;
    let mut session = target.connect(&settings.application()).await?;
    let mut scratch = Scratch::start(&scratch_options(settings)).await?;
    let work = async {
        let has_migrations = !sources.migrations.is_empty() || !sources.code.is_empty();
        let now = compile_on(settings, &declared(&sources), &mut scratch).await?;
        let needs = Needs { options: now.head.options.clone(), ..Needs::nothing() };
        let snapshot = snapshot::take(&mut session, &request(settings, needs)).await?;
        let mark = snapshot.mark();
        environment_mark::expect(settings, snapshot.mark(), &snapshot.identity.database)?;
        environment_mark::refuse_foreign(settings, mark, &snapshot.identity.database)?;
        proof::refuse_incomplete(settings, &snapshot)?;
        let mut change = FileChanges::of(settings, &sources, &now, &snapshot)?;
        let history = history_instead(settings, baseline, &snapshot).filter(|_| !has_migrations);
        if baseline != Baseline::Never && history.is_none() && !has_migrations {
            change.write_baseline(settings, &now, &snapshot)?;
        }
        let lock = match change.is_empty() {
            true => None,
            false => Some(proof::prove(settings, &mut change, &snapshot, &mut scratch).await?),
        };
        let target = TargetReport::new(settings, &target, &snapshot.identity, mark);
        let left_out = match change.is_empty() {
            true => Vec::new(),
            false => left_out(&now, &snapshot, history.as_deref()),
        };
        Ok::<_, anyhow::Error>((change, lock.filter(|_| !has_migrations), (history, left_out), target))
    };
    let outcome = work.await;
    session.close().await;
    let stopped = scratch.stop().await;
    let (change, lock, (history, left_out), target) = outcome?;
    stopped?;
    let lock = lock.map(|lock| NewFile { path: project.lock_path.clone(), text: lock.to_text() });
    let has_lock = lock.is_some();
    let others: Vec<NewFile> = project_file.into_iter().chain(lock).collect();
    change.files(settings, &others).carry_out()?;
    let files = SchemaFiles {
        objects: change.objects,
        written: change.texts.into_keys().collect(),
        unchanged: change.unchanged,
        removed: change.removed,
        unreadable: change.unreadable,
        baseline: change.baseline.map(|migration| project.display(&migration.path)),
        history,
        left_out,
        lock: has_lock,
    };
    Ok((target, files))
}

/// The history of migrations that stands in the way of a baseline, in a sentence: they are somewhere else.
fn history_instead(settings: &Settings, baseline: Baseline, snapshot: &DatabaseSnapshot) -> Option<String> {
    const SO: &str = "so no baseline migration is written";
    if baseline == Baseline::Never {
        return None;
    }
    if let Some(rows) = snapshot.history.as_ref().filter(|rows| !rows.is_empty()) {
        let table = snapshot.history_table.as_deref().unwrap_or("the history");
        let project = &settings.project;
        return Some(format!(
            "{table}: {} applied that this project does not have, {SO}: put the files into {}/, or name their \
             directory in trueup.toml: [migrations] dir",
            match rows.len() {
                1 => "1 migration is".to_owned(),
                many => format!("{many} migrations are"),
            },
            project.display(&project.migrations_dir),
        ));
    }
    let other = snapshot.others.iter().find(|other| other.current.is_some() || other.failed.is_some())?;
    (baseline == Baseline::WithoutHistory).then(|| {
        let take_over = MigrationTool::ALL.into_iter().find(|tool| tool.title() == other.tool).map(|tool| {
            format!("to turn its migrations into trueup's: trueup init --from {} --take-over; ", tool.word())
        });
        format!(
            "{}: {} migrates this database, {SO}; {}to migrate with trueup from now on: trueup init --from-database \
             --tool trueup",
            other.table,
            other.tool,
            take_over.unwrap_or_default()
        )
    })
}

/// What is in the database and is declared by no file: histories of tools, which are no part of a schema, and owners and
/// grants. What the reason against a baseline names already is left out.
fn left_out(now: &Lock, snapshot: &DatabaseSnapshot, history: Option<&str>) -> Vec<String> {
    let told = |table: &str| history.is_some_and(|history| history.starts_with(table));
    let others = snapshot.others.iter().filter(|other| !told(&other.table));
    let others =
        others.map(|other| format!("{}: not declared: it is a history of {}", other.table, other.tool));
    let rights = (!now.head.options.privileges).then(|| {
        "owners and grants are not declared; where schema/ declares one of them, the same command declares all".to_owned()
    });
    others.chain(rights).collect()
}

/// The model alone: migrations are looked at only where they are the model.
fn declared(sources: &Sources) -> Sources {
    match sources.schema.is_empty() {
        true => Sources { code: Vec::new(), ..sources.clone() },
        false => Sources { schema: sources.schema.clone(), ..Sources::default() },
    }
}

/// The first of some lines, and how many more there are.
pub(super) fn first_of(lines: &[String]) -> String {
    let mut text: String = lines.iter().take(MOST_SHOWN).map(|line| format!("\n  {line}")).collect();
    if lines.len() > MOST_SHOWN {
        text.push_str(&format!("\n  and {} more", lines.len() - MOST_SHOWN));
    }
    text
}
