//! Takes the state of a database into the files of `schema/`, and writes the baseline migration.
//!
//! What is written is proved first: the files, loaded in a scratch database, give the catalog of the database, and so does
//! the baseline. Files whose objects are as in the database stay as they are, however they are written.

mod change;
mod proof;

use anyhow::Result;
use change::FileChanges;
use serde::Serialize;

use crate::model::Sources;
use crate::postgres::scratch::Scratch;
use crate::project::Settings;
use crate::snapshot;
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
    /// Whether `trueup.lock` was written: it is not where the project has other migrations.
    #[serde(skip)]
    pub(crate) lock: bool,
}

/// Writes what a database has into `schema/`; `baseline` asks for a migration of all of it, where the project has none.
///
/// # Errors
/// Exit 2: the project's files; what was to be written does not give the catalog of the database. Exit 3: the database
/// cannot be read, has what trueup does not model, or there is no scratch server. Exit 4: it is marked as another
/// project's, or looks like another application's. Exit 75: its schema kept changing. Nothing is written then.
pub(crate) async fn take_in(settings: &Settings, baseline: bool) -> Result<(TargetReport, SchemaFiles)> {
    let target = settings.target()?;
    let project = &settings.project;
    let sources = Sources::read_any(&project.dir, &project.migrations_dir, project.tool)?;
    let mut session = target.connect(&settings.application()).await?;
    let mut scratch = Scratch::start(&scratch_options(settings)).await?;
    let work = async {
        let has_migrations = !sources.migrations.is_empty() || !sources.code.is_empty();
        let now = compile_on(settings, &declared(&sources), &mut scratch).await?;
        let needs = Needs { options: now.head.options.clone(), ..Needs::nothing() };
        let snapshot = snapshot::take(&mut session, &request(settings, needs)).await?;
        let mark = snapshot.internal.as_ref().and_then(|internal| internal.mark.as_ref());
        environment_mark::expect(settings, snapshot.internal.as_ref(), &snapshot.identity.database)?;
        environment_mark::refuse_foreign(settings, mark, &snapshot.identity.database)?;
        proof::refuse_incomplete(settings, &snapshot)?;
        let mut change = FileChanges::of(settings, &sources.schema, &now, &snapshot)?;
        if baseline && !has_migrations {
            change.write_baseline(settings, &now, &snapshot)?;
        }
        let lock = match change.is_empty() {
            true => None,
            false => Some(proof::prove(settings, &mut change, &snapshot, &mut scratch).await?),
        };
        let target = TargetReport::new(settings, &target, &snapshot.identity, mark);
        Ok::<_, anyhow::Error>((change, lock.filter(|_| !has_migrations), target))
    };
    let outcome = work.await;
    session.close().await;
    let stopped = scratch.stop().await;
    let (change, lock, target) = outcome?;
    stopped?;
    change.carry_out(settings)?;
    if let Some(lock) = &lock {
        lock.save(&project.lock_path)?;
    }
    let files = SchemaFiles {
        objects: change.objects,
        written: change.texts.into_keys().collect(),
        unchanged: change.unchanged,
        removed: change.removed,
        unreadable: change.unreadable,
        baseline: change.baseline.map(|migration| project.display(&migration.path)),
        lock: lock.is_some(),
    };
    Ok((target, files))
}

/// The model alone: migrations are looked at only where they are the model.
fn declared(sources: &Sources) -> Sources {
    match sources.schema.is_empty() {
        true => Sources { code: Vec::new(), ..sources.clone() },
        false => Sources { schema: sources.schema.clone(), migrations: Vec::new(), code: Vec::new() },
    }
}

/// The first of some lines, and how many more there are.
fn first_of(lines: &[String]) -> String {
    let mut text: String = lines.iter().take(MOST_SHOWN).map(|line| format!("\n  {line}")).collect();
    if lines.len() > MOST_SHOWN {
        text.push_str(&format!("\n  and {} more", lines.len() - MOST_SHOWN));
    }
    text
}
