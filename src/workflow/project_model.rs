//! What the project declares, for a command that reads a database: `trueup.lock` where it is right, else compiled
//! in memory.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Result;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::data::seeds::{RowFilter, Seeds};
use crate::error::{ErrorCode, Exit, Failure, with_failure};
use crate::migrations::Migration;
use crate::migrations::tools::{MigrationTool, UrlForm};
use crate::model::{
    self, Compilation, CompiledMigration, CompiledProject, CompiledSettings, Head, Lock, LockFile, Sources,
    ToolSteps, UnreadableBody,
};
use crate::postgres::catalog::Catalog;
use crate::postgres::catalog::reader::ReadOptions;
use crate::postgres::connection::{Session, Target};
use crate::postgres::programs::cache_directory;
use crate::postgres::scratch::{Scratch, ScratchOptions};
use crate::project::Settings;
use crate::text::replace_words;
use crate::workflow::deliver::progress;
use crate::workflow::other_tool::steps::{RanRevision, ToolProgram};

/// The compiled model, and the migrations' files.
#[derive(Debug)]
pub(crate) struct ProjectModel {
    /// The compiled model.
    pub(crate) lock: Lock,
    /// What all migrations build; the model where there are none.
    pub(crate) last: Catalog,
    /// The files.
    pub(crate) migrations: Arc<[Migration]>,
    /// The rows that are to be there.
    pub(crate) seeds: Arc<Seeds>,
    /// What is worth saying about where it came from.
    pub(crate) notes: Vec<String>,
    /// Whether the texts of the migrations are known: an applied one that was modified is noticed.
    pub(crate) texts_known: bool,
}

impl ProjectModel {
    /// Works out what follows from the lock alone.
    pub(crate) fn new(
        lock: Lock,
        migrations: Arc<[Migration]>,
        seeds: Arc<Seeds>,
        notes: Vec<String>,
    ) -> Self {
        let last = if lock.migrations.is_empty() { lock.model.clone() } else { lock.state_after(|_| true) };
        Self { lock, last, migrations, seeds, notes, texts_known: true }
    }

    /// The same for a command that seeds do not concern.
    pub(crate) fn without_seeds(self) -> Self {
        Self { seeds: Arc::default(), ..self }
    }
}

/// The project's files while they are read.
pub(crate) struct Reading {
    needs: oneshot::Receiver<Needs>,
    files: Work,
}

/// Where they are read.
enum Work {
    /// A big lock file takes as long as connecting and being answered by a server.
    Thread(JoinHandle<Result<Files>>),
    /// A small one takes less time than making a thread.
    Done(Result<Files>),
}

/// The size of a lock file, in bytes, from which on it is worth a thread: some 500 objects.
const BIG_LOCK: u64 = 128 * 1024;

/// What a reading of the database needs to know of the project.
#[derive(Debug, Clone)]
pub(crate) struct Needs {
    /// What it must take in.
    pub(crate) options: ReadOptions,
    /// The files of the migrations.
    pub(crate) migrations: Arc<[Migration]>,
    /// The rows that are to be there.
    pub(crate) seeds: Arc<Seeds>,
    /// Which of them it is told of.
    pub(crate) seed_rows: RowFilter,
}

/// What was found.
enum Files {
    Fresh(Box<ProjectModel>),
    Stale { sources: Sources, seeds: Arc<Seeds>, reasons: Vec<String> },
}

/// Connects, and reads the project's files beside that; see [`beside`].
///
/// # Errors
/// Those of connecting.
pub(crate) async fn connected(settings: &Settings, target: &Target) -> Result<(Session, Reading)> {
    let application = settings.application();
    beside(settings, target.connect(&application)).await
}

/// Reads the project's files, or begins to, beside what has to be waited for: a connection. A database that cannot be
/// had is said before a model is compiled for it.
///
/// # Errors
/// Those of what is waited for; what is wrong with the files comes with [`Reading::finish`].
pub(crate) async fn beside<T>(
    settings: &Settings,
    connecting: impl Future<Output = Result<T>>,
) -> Result<(T, Reading)> {
    let (sender, needs) = oneshot::channel();
    let size = settings.project.lock_path.metadata().map_or(0, |lock| lock.len());
    let read = async {
        if size < BIG_LOCK {
            // The server has been greeted then, and makes a process for us.
            tokio::task::yield_now().await;
            return Work::Done(files(settings, sender));
        }
        let settings = settings.clone();
        Work::Thread(tokio::task::spawn_blocking(move || files(&settings, sender)))
    };
    // Polled in this order: the server is at work already when the files are read.
    let (connected, files) = tokio::join!(biased; connecting, read);
    Ok((connected?, Reading { needs, files }))
}

fn files(settings: &Settings, sender: oneshot::Sender<Needs>) -> Result<Files> {
    let project = &settings.project;
    let sources = Sources::read_of(&project.dir, &project.migrations_dir, project.tool_source())?;
    let seeds = Arc::new(Seeds::read(&project.seeds_dir)?);
    let file = LockFile::open(&project.lock_path)?;
    let reasons = stale(settings, file.as_ref().map(LockFile::head), &sources);
    match file {
        Some(file) if reasons.is_empty() => {
            let options = file.head().options.clone();
            let tell = |migrations: &Arc<[Migration]>| {
                // Nobody listens when the command has failed meanwhile.
                let _ = sender.send(Needs {
                    options,
                    migrations: Arc::clone(migrations),
                    seeds: Arc::clone(&seeds),
                    seed_rows: RowFilter::Differing,
                });
            };
            let (lock, migrations) = if runs_programs(settings) {
                let lock = file.read()?;
                let migrations = migrations_of(&lock, sources);
                tell(&migrations);
                (lock, migrations)
            } else {
                // The database is read while the rest of the lock is.
                let migrations: Arc<[Migration]> = sources.migrations.into();
                tell(&migrations);
                (file.read()?, migrations)
            };
            let lock = with_history(settings, lock);
            Ok(Files::Fresh(Box::new(ProjectModel::new(lock, migrations, seeds, Vec::new()))))
        }
        _ => Ok(Files::Stale { sources, seeds, reasons }),
    }
}

/// Whether the migrations are programs of another tool: they are listed in the lock.
fn runs_programs(settings: &Settings) -> bool {
    settings.migrations.tool.is_some_and(MigrationTool::is_code)
}

/// The migrations of a compiled project: its files, or the programs that are listed in the lock.
pub(crate) fn migrations_of(lock: &Lock, sources: Sources) -> Arc<[Migration]> {
    match lock.head.settings.tool.filter(|tool| tool.is_code()) {
        Some(_) => lock.migrations.iter().map(CompiledMigration::of_program).collect(),
        None => sources.migrations.into(),
    }
}

/// The migrations that are programs, from the lock alone.
///
/// # Errors
/// Exit 3: there is no lock.
pub(crate) fn listed_programs(settings: &Settings) -> Result<Option<Arc<[Migration]>>> {
    if !runs_programs(settings) {
        return Ok(None);
    }
    let path = &settings.project.lock_path;
    let missing = || not_compiled(settings, &format!("{} is missing", settings.project.display(path)));
    let lock = Lock::load(path)?.ok_or_else(missing)?;
    Ok(Some(lock.migrations.iter().map(CompiledMigration::of_program).collect()))
}

/// The tool is run when somebody asks for it: its programs are the project's own, and may do anything.
fn not_compiled(settings: &Settings, why: &str) -> Failure {
    let tool = settings.migrations.tool.map_or("", MigrationTool::title);
    Failure::cannot_tell(format!("{why}; only `trueup compile` runs the migrations of {tool}"))
        .code(ErrorCode::LOCK_FILE_INVALID)
        .next("trueup compile, where the application and PostgreSQL are installed; commit trueup.lock")
}

/// The lock file does not say which history table the project chose: that changes nothing of the model.
fn with_history(settings: &Settings, mut lock: Lock) -> Lock {
    lock.head.options.history.clone_from(&settings.migrations.history);
    lock
}

impl Needs {
    /// Of a command that asks of the database nothing but where it stands.
    pub(crate) fn nothing() -> Self {
        Self {
            options: ReadOptions::default(),
            migrations: Arc::default(),
            seeds: Arc::default(),
            seed_rows: RowFilter::Differing,
        }
    }
}

impl ProjectModel {
    /// What a reading of the database needs to know of it.
    pub(crate) fn needs(&self) -> Needs {
        Needs {
            options: self.lock.head.options.clone(),
            migrations: Arc::clone(&self.migrations),
            seeds: Arc::clone(&self.seeds),
            seed_rows: RowFilter::Differing,
        }
    }
}

impl Reading {
    /// What a reading of the database needs to know; `None` when the lock does not say it.
    pub(crate) async fn needs(&mut self) -> Option<Needs> {
        (&mut self.needs).await.ok()
    }

    /// What the project declares: from the lock, or compiled in memory when that is missing or stale.
    ///
    /// # Errors
    /// Exit 2 when the project's files are wrong, 3 when `trueup.lock` is missing or stale and no scratch server can
    /// be had.
    pub(crate) async fn finish(self, settings: &Settings) -> Result<ProjectModel> {
        let files = match self.files {
            Work::Thread(thread) => thread.await?,
            Work::Done(files) => files,
        };
        let (sources, seeds, reasons) = match files? {
            Files::Fresh(declared) => return Ok(*declared),
            Files::Stale { sources, seeds, reasons } => (sources, seeds, reasons),
        };
        let why = reasons.join("; ");
        if runs_programs(settings) {
            return Err(not_compiled(settings, &why).into());
        }
        let compiled = compile(settings, &sources, states_directory().as_deref()).await;
        let lock = with_history(settings, compiled.map_err(|error| unavailable(error, &why))?.lock);
        let mut notes =
            vec![format!("{why}: the schema was compiled in memory; run `trueup compile` to save it")];
        notes.extend(sources.notes(&settings.project.dir));
        Ok(ProjectModel::new(lock, sources.migrations.into(), seeds, notes))
    }
}

/// What the lock alone declares, for a command that may run where the files are not: without reference rows. The texts of
/// the migrations may be missing.
///
/// # Errors
/// Exit 2: the lock is missing or wrong.
pub(crate) fn of_lock(
    settings: &Settings,
    migrations: Arc<[Migration]>,
    texts_known: bool,
) -> Result<ProjectModel> {
    let path = &settings.project.lock_path;
    let missing = || {
        Failure::usage(format!("{} is missing", settings.project.display(path)))
            .code(ErrorCode::LOCK_FILE_INVALID)
            .next("run `trueup compile`")
    };
    let lock = with_history(settings, Lock::load(path)?.ok_or_else(missing)?);
    Ok(ProjectModel { texts_known, ..ProjectModel::new(lock, migrations, Arc::default(), Vec::new()) })
}

/// Why the lock is out of date; empty when it is not. One that does not exist is.
pub(crate) fn stale(settings: &Settings, head: Option<&Head>, sources: &Sources) -> Vec<String> {
    let project = &settings.project;
    let file = project.display(&project.lock_path);
    let reasons = match head {
        Some(head) => head.stale(&sources.inputs(&project.dir), &compile_settings(settings)),
        None => return vec![format!("{file} is missing")],
    };
    reasons.into_iter().map(|reason| format!("{file} is stale: {reason}")).collect()
}

/// Where states of replayed databases are kept between compilations; `None` where this account has no place for caches.
pub(crate) fn states_directory() -> Option<PathBuf> {
    cache_directory().map(|cache| cache.join("states"))
}

/// Compiles in memory, on a scratch server of its own. `states` is the directory of kept states, see
/// [`CompiledProject::states`].
///
/// # Errors
/// Exit 2: the project's SQL. Exit 3: no scratch server can be had.
pub(crate) async fn compile(
    settings: &Settings,
    sources: &Sources,
    states: Option<&Path>,
) -> Result<Compilation> {
    let mut scratch = Scratch::start(&scratch_options(settings)).await?;
    let compiled = compile_in(settings, sources, states, &mut scratch).await;
    let stopped = scratch.stop().await;
    let compiled = compiled?;
    stopped?;
    Ok(compiled)
}

/// Compiles in memory, on a scratch server that the caller has, with progress at a terminal. All migrations are replayed.
///
/// # Errors
/// As [`model::compile`].
pub(crate) async fn compile_on(
    settings: &Settings,
    sources: &Sources,
    scratch: &mut Scratch,
) -> Result<Lock> {
    Ok(compile_in(settings, sources, None, scratch).await?.lock)
}

/// Compiles in memory a project whose migrations are programs, and reads from the server's log what they run.
///
/// # Errors
/// As [`compile`]. Exit 3 also on a given server.
pub(crate) async fn compile_with_log(
    settings: &Settings,
    sources: &Sources,
) -> Result<(Lock, Vec<RanRevision>)> {
    let mut scratch = Scratch::start(&scratch_options(settings)).await?;
    let mut program = ToolProgram::of(settings).map(ToolProgram::logging);
    let compiled = compile_with(settings, sources, None, &mut scratch, program.as_mut()).await;
    let stopped = scratch.stop().await;
    let lock = compiled?.lock;
    stopped?;
    Ok((lock, program.map(ToolProgram::into_ran).unwrap_or_default()))
}

/// Compiles in memory, on a scratch server that the caller has. `states` as for [`compile`].
///
/// # Errors
/// As [`model::compile`].
pub(crate) async fn compile_in(
    settings: &Settings,
    sources: &Sources,
    states: Option<&Path>,
    scratch: &mut Scratch,
) -> Result<Compilation> {
    let mut program = ToolProgram::of(settings).filter(|_| !sources.code.is_empty());
    compile_with(settings, sources, states, scratch, program.as_mut()).await
}

async fn compile_with(
    settings: &Settings,
    sources: &Sources,
    states: Option<&Path>,
    scratch: &mut Scratch,
    program: Option<&mut ToolProgram<'_>>,
) -> Result<Compilation> {
    let mut shown = progress(&settings.output);
    let mut show = |progress: model::CompileProgress<'_>| match progress {
        model::CompileProgress::Schema { done, total } => shown.counted("loading schema/", done, total),
        model::CompileProgress::Migrations { done, total, path } => shown.counted(path, done, total),
    };
    let steps = program.map(|program| program as &mut dyn ToolSteps);
    let compiled_settings = compile_settings(settings);
    let project = CompiledProject {
        directory: &settings.project.dir,
        sources,
        settings: &compiled_settings,
        states,
        footprints: true,
    };
    let compiled = model::compile(project, scratch, steps, &mut show).await;
    compiled.map_err(|error| match error.downcast::<Failure>() {
        Ok(failure) => without_values(failure, &sources.placeholders).into(),
        Err(error) => error,
    })
}

/// A failure that names placeholders in the place of their values, which may be secrets.
fn without_values(failure: Failure, placeholders: &BTreeMap<String, String>) -> Failure {
    // A digit is no secret, and would be the number of a line.
    let hide = |text: String| {
        let long = placeholders.iter().filter(|(_, value)| value.len() > 2);
        long.fold(text, |text, (name, value)| replace_words(&text, value, &format!("${{{name}}}")))
    };
    Failure { what: hide(failure.what), next: hide(failure.next), ..failure }
}

/// The functions of `schema/` whose bodies a scratch server cannot read.
///
/// # Errors
/// As [`model::unreadable_bodies`].
pub(crate) async fn unreadable_bodies(
    settings: &Settings,
    sources: &Sources,
    scratch: &mut Scratch,
) -> Result<Vec<UnreadableBody>> {
    model::unreadable_bodies(sources, &compile_settings(settings), scratch).await
}

/// No scratch server: what the command was about comes first.
fn unavailable(error: anyhow::Error, why: &str) -> anyhow::Error {
    with_failure(error, |failure| match failure.exit {
        Exit::CannotTell => {
            let what = format!("{why}, and it cannot be compiled here: {}", failure.what);
            let next = format!(
                "commit the trueup.lock that `trueup compile` writes where PostgreSQL is installed\n{}",
                failure.next
            );
            Failure { what, next, ..failure }
        }
        _ => failure,
    })
}

/// What the lock file depends on beside the files.
fn compile_settings(settings: &Settings) -> CompiledSettings {
    let mut assume_extensions = settings.assume_extensions.clone();
    assume_extensions.sort();
    assume_extensions.dedup();
    CompiledSettings {
        search_path: settings.database.search_path.clone(),
        assume_extensions,
        server_major: settings.scratch.major,
        tool: settings.migrations.tool,
        applied: settings.migrations.own.as_ref().map(|own| own.applied.clone()),
    }
}

/// Where the scratch server comes from.
pub(crate) fn scratch_options(settings: &Settings) -> ScratchOptions {
    let tool = settings.migrations.tool.and_then(MigrationTool::code);
    ScratchOptions {
        url: settings.scratch.url.as_ref().map(|url| url.reveal().to_owned()),
        bin_dir: settings.scratch.bin_dir.clone(),
        major: settings.scratch.major,
        loopback: tool.is_some_and(|code| code.url == UrlForm::Network),
        rows: None,
    }
}
