//! `trueup init`: starts a project, beside the tool that migrates the database already or in its place. It overwrites
//! nothing.

pub(super) mod args;
mod down_scripts;
mod found;
mod from_database;
mod programs;
mod report;
mod settings_file;
mod take_over;

use std::path::Path;

use anyhow::Result;

use crate::error::{ErrorCode, Exit, Failure};
use crate::findings::Command;
use crate::migrations::tools::{MigrationTool, ToolSource, flyway_schema};
use crate::model::{Compilation, Lock, Sources};
use crate::output;
use crate::postgres::sql::{identifier, read_file, unified};
use crate::project::{Project, Settings};
use crate::text::joined_lines;
use crate::workflow::comparison;
use crate::workflow::deliver::deliver;
use crate::workflow::project_model::{self, ProjectModel};
use crate::workflow::reports::schema_report::SchemaReport;
use args::{ChosenTool, InitArgs};
use found::Found;
use report::{Init, InitReport};
use settings_file::SettingsFile;

/// Runs the command.
///
/// # Errors
/// Exit 2: the migrations. Exit 3: no server to compile in. Exit 4: not confirmed.
pub(super) async fn run(settings: &Settings, args: &InitArgs) -> Result<Exit> {
    let project = &settings.project;
    if !project.dir.is_dir() {
        let what = format!("the directory {} does not exist", project.dir.display());
        return Err(Failure::usage(what).code(ErrorCode::PROJECT_NOT_FOUND).into());
    }
    let settings = &with_search_path(settings, args)?;
    let report = match args.from {
        Some(tool) => take_over::run(settings, args, tool).await?,
        None if args.from_database => from_database::run(settings, args).await?,
        None if project.settings_path.symlink_metadata().is_ok() => existing(settings, args)?,
        None => start(settings, args).await?,
    };
    let exit = report.exit;
    deliver(&settings.output, &report)?;
    Ok(exit)
}

/// With the schema first in which Flyway's settings say that it works, where the project has no settings yet.
fn with_search_path(settings: &Settings, args: &InitArgs) -> Result<Settings> {
    let mut started = settings.clone();
    let project = &settings.project;
    let tool = args.from.or_else(|| chosen(args, &project.dir)?.tool);
    if tool == Some(MigrationTool::Flyway) && project.settings_path.symlink_metadata().is_err() {
        let source = ToolSource { tool: MigrationTool::Flyway, home: &project.dir, placeholders: &[] };
        if let Some(schema) = flyway_schema(source)? {
            started.database.search_path = format!("{}, public, pg_temp", identifier(&schema));
        }
    }
    Ok(started)
}

/// A project that is there is left as it is.
fn existing(settings: &Settings, args: &InitArgs) -> Result<InitReport> {
    let project = &settings.project;
    let now = read_file(&project.settings_path)?;
    let found = chosen(args, &project.dir);
    let search_path = &settings.database.search_path;
    let wanted = SettingsFile { name: &name(args, project), found: found.as_ref(), search_path }.text();
    let mut report = InitReport::new(settings, found.as_ref());
    report.init.would_change =
        (now != wanted).then(|| unified(("trueup.toml", &now), ("as this run would write it", &wanted)));
    report.init.next = vec![Command::Check.to_string()];
    Ok(report)
}

/// A new project. Nothing is written unless its files can be read and compiled, or what they need is said in trueup.toml.
async fn start(settings: &Settings, args: &InitArgs) -> Result<InitReport> {
    let project = &settings.project;
    let found = chosen(args, &project.dir);
    let name = confirmed_name(settings, args, found.as_ref())?;
    let started = with_project(settings, &name, found.as_ref());
    let mut report = InitReport::new(settings, found.as_ref());
    report.init.name = Some(name.clone());
    let write_settings = |report: &mut InitReport| {
        report.init.written.push("trueup.toml".to_owned());
        let search_path = &settings.database.search_path;
        SettingsFile { name: &name, found: found.as_ref(), search_path }.write(&project.settings_path)
    };
    let from = &started.project;
    let unfinished = |mut report: InitReport, failure: Failure| {
        write_settings(&mut report)?;
        report.exit = failure.exit;
        let why = match failure.code {
            Some(ErrorCode::TOOL_FAILED) => in_short(&failure.what),
            _ => joined_lines(&failure.what),
        };
        report.init.notes.push(format!("trueup.lock is not written: {why}"));
        report.init.next = vec![format!("{}; then: {}", failure.next.replace('\n', "; "), Command::Compile)];
        Ok(report)
    };
    let sources = match Sources::read_any(&from.dir, &from.migrations_dir, from.tool_source()) {
        Err(failure) if failure.code == Some(ErrorCode::MIGRATIONS_PLACEHOLDER) => {
            return unfinished(report, failure);
        }
        read => read.map_err(nothing_written)?,
    };
    if sources.is_empty() {
        write_settings(&mut report)?;
        report.init.next = vec![format!(
            "declare the schema in schema/, or write the first migration, {}/V1__baseline.sql; then: {}",
            started.migrations.dir,
            Command::Compile
        )];
        return Ok(report);
    }
    let states = project_model::states_directory();
    match project_model::compile(&started, &sources, states.as_deref()).await {
        Ok(Compilation { lock, .. }) => {
            write_settings(&mut report)?;
            save(&lock, &started, &mut report)?;
            report.init.notes.extend(sources.notes(&project.dir).into_iter().chain(lock.notes()));
            check(&started, lock, sources, &mut report).await?;
        }
        Err(error) => match error.downcast::<Failure>() {
            Ok(failure)
                if matches!(failure.code, Some(ErrorCode::SCRATCH_UNAVAILABLE | ErrorCode::TOOL_FAILED)) =>
            {
                return unfinished(report, failure);
            }
            Ok(failure) => return Err(nothing_written(failure).into()),
            Err(error) => return Err(error),
        },
    }
    Ok(report)
}

/// The first and the last line of what a tool has said.
fn in_short(what: &str) -> String {
    match (what.lines().next(), what.lines().next_back()) {
        (Some(first), Some(last)) if first != last => format!("{first}: {}", last.trim()),
        _ => what.to_owned(),
    }
}

/// What is wrong with the files is told before anything is written.
fn nothing_written(failure: Failure) -> Failure {
    let next = "nothing was written; correct the files, then run the same command again";
    let next = if failure.next.is_empty() { next.to_owned() } else { format!("{}\n{next}", failure.next) };
    Failure { what: shortened(&failure.what), next: shortened(&next), ..failure }
}

/// A text of many lines without those that say the same of other files: the first ones and the last one.
fn shortened(text: &str) -> String {
    const FIRST: usize = 10;
    let lines: Vec<&str> = text.lines().collect();
    match lines.split_last() {
        Some((last, others)) if others.len() > FIRST => {
            let more = format!("... and {} more", others.len() - FIRST);
            [&others[..FIRST], &[more.as_str(), *last]].concat().join("\n")
        }
        _ => text.to_owned(),
    }
}

fn save(lock: &Lock, settings: &Settings, report: &mut InitReport) -> Result<(), Failure> {
    lock.save(&settings.project.lock_path)?;
    report.init.migrations = Some(lock.migrations.len());
    report.init.written.push("trueup.lock".to_owned());
    Ok(())
}

/// Compares the database with the project, where one is given.
async fn check(settings: &Settings, lock: Lock, sources: Sources, report: &mut InitReport) -> Result<()> {
    if settings.asked_target().is_none() {
        let has_env = settings.project.dir.join(".env").is_file();
        let variable = settings.url_source();
        report.init.next = vec![match has_env {
            true => {
                format!("set {variable}; if .env has it: set -a; . ./.env; set +a; then: {}", Command::Check)
            }
            false => format!("set {variable}=postgres://ROLE@HOST/DATABASE, then: {}", Command::Check),
        }];
        return Ok(());
    }
    match compared(settings, lock, sources).await.map_err(anyhow::Error::downcast::<Failure>) {
        Ok(found) => {
            report.exit = found.exit;
            report.check = Some(found);
        }
        Err(Ok(failure)) => {
            report.exit = failure.exit;
            report.init.notes.push(format!("the database was not checked: {}", joined_lines(&failure.what)));
            report.init.next = vec![failure.next, Command::Check.to_string()];
        }
        Err(Err(error)) => return Err(error),
    }
    Ok(())
}

async fn compared(settings: &Settings, lock: Lock, sources: Sources) -> Result<SchemaReport> {
    let target = settings.target()?;
    let session = target.connect(&settings.application()).await?;
    let migrations = project_model::migrations_of(&lock, sources);
    let declared = ProjectModel::new(lock, migrations, Default::default(), Vec::new()).without_seeds();
    let snapshot = comparison::take_snapshot(settings, session, declared.needs()).await?;
    Ok(comparison::compare(settings, &target, &declared, &snapshot)?.document)
}

/// The tool that the arguments name, else the one that the files show.
fn chosen(args: &InitArgs, project: &Path) -> Option<Found> {
    let found = found::find(project);
    let mut chosen = match args.tool {
        None => found,
        Some(ChosenTool(tool)) => found.filter(|found| found.tool == tool).or_else(|| {
            let dir = tool.map_or("migrations", MigrationTool::usual_directory);
            Some(Found { tool, dir: dir.into(), evidence: "--tool".to_owned() })
        }),
    };
    if let Some(dir) = &args.dir {
        match &mut chosen {
            Some(chosen) => chosen.dir.clone_from(dir),
            None => chosen = Some(found::in_directory(project, dir)),
        }
    }
    chosen
}

/// The name that is proposed: that of the directory.
fn name(args: &InitArgs, project: &Project) -> String {
    let folder = project.dir.file_name().map(|name| name.to_string_lossy().into_owned());
    args.name.clone().or(folder).unwrap_or_else(|| "project".to_owned())
}

/// Asks for the name at a terminal.
///
/// # Errors
/// Exit 2: no name. Exit 4: no terminal and no `--yes`; the answer is no.
fn confirmed_name(settings: &Settings, args: &InitArgs, found: Option<&Found>) -> Result<String, Failure> {
    let name = asked_name(settings, args, found)?;
    if name.trim().is_empty() || name.contains(char::is_control) {
        let what = format!("{name:?} is no name for a project; nothing was written");
        return Err(Failure::usage(what).next("give one word, such as the application's: --name NAME"));
    }
    Ok(name)
}

fn asked_name(settings: &Settings, args: &InitArgs, found: Option<&Found>) -> Result<String, Failure> {
    let proposed = name(args, &settings.project);
    if args.yes {
        return Ok(proposed);
    }
    let refuse = |what: &str, next: &str| {
        Failure::new(Exit::Refused, what).code(ErrorCode::CONFIRMATION_MISSING).next(next)
    };
    if !settings.output.interactive {
        return Err(refuse(
            "there is no terminal to ask at; nothing was written",
            "add --yes, and --name NAME",
        ));
    }
    let ended = |_| refuse("no answer; nothing was written", "run the same command again");
    let name = match &args.name {
        Some(name) => name.clone(),
        None => {
            let question = format!("Name of the project, which its databases are marked with [{proposed}]");
            let answer = output::read_text(&question).map_err(ended)?;
            if answer.is_empty() { proposed } else { answer }
        }
    };
    let of = found.map_or_else(String::new, |found| {
        let tool = found.tool.map_or("trueup", MigrationTool::title);
        format!(" for the migrations of {tool} in {}", found.dir.display())
    });
    match output::confirm(&format!("Write trueup.toml and trueup.lock{of}?")).map_err(ended)? {
        true => Ok(name),
        false => Err(refuse("not confirmed; nothing was written", "run the same command again")),
    }
}

/// The settings of the project that is started.
fn with_project(settings: &Settings, name: &str, found: Option<&Found>) -> Settings {
    let mut started = settings.clone();
    if let Some(found) = found {
        started.migrations.tool = found.tool;
        started.migrations.dir = found.dir.display().to_string();
        if found.tool != Some(MigrationTool::Command) {
            started.migrations.own = None;
        }
    }
    started.project =
        Project::new(settings.project.dir.clone(), Some(name.to_owned()), &started.migrations.dir)
            .kept_as(&started.migrations);
    started
}

impl InitReport {
    fn new(settings: &Settings, found: Option<&Found>) -> Self {
        Self {
            run: settings.run.clone(),
            exit: Exit::Clean,
            init: Init {
                directory: settings.project.dir.display().to_string(),
                name: None,
                tool: found.and_then(|found| found.tool).map(MigrationTool::word),
                evidence: found.map(|found| found.evidence.clone()),
                written: Vec::new(),
                migrations: None,
                notes: Vec::new(),
                next: Vec::new(),
                would_change: None,
            },
            target: None,
            schema: None,
            check: None,
        }
    }
}
