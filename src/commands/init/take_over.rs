//! The migrations of another tool become trueup's: converted, and written once they are proved to build the same at every
//! step.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::Result;

use super::args::InitArgs;
use super::down_scripts::{Converted, DownScripts};
use super::found::{self, Found};
use super::programs::LoggedMigrations;
use super::report::InitReport;
use super::settings_file::SettingsFile;
use super::{confirmed_name, save, with_project};
use crate::error::{ErrorCode, Failure};
use crate::findings::Command;
use crate::migrations::Migration;
use crate::migrations::tools::{self, ConvertedFile, MigrationTool, StandIn, ToolMigrations};
use crate::model::{CompiledMigration, Lock, Sources};
use crate::postgres::catalog::Catalog;
use crate::project::Settings;
use crate::text::plural;
use crate::workflow::project_model;

/// Where the migrations go when the tool keeps its own in `migrations`.
const BESIDE: &str = "trueup-migrations";
const USUAL: &str = "migrations";

pub(super) async fn run(settings: &Settings, args: &InitArgs, tool: MigrationTool) -> Result<InitReport> {
    let project = &settings.project;
    if tool == MigrationTool::Command && settings.migrations.own.is_none() {
        let what = "trueup.toml names no migration tool of your own, whose migrations could be taken over; nothing was written";
        return Err(Failure::usage(what)
            .code(ErrorCode::PROJECT_FILE_INVALID)
            .next("say how it is called: [migrations] tool = \"command\", list, apply, revert and applied")
            .into());
    }
    let theirs = directory(settings, args, tool);
    let is_usual =
        theirs.components().filter(|part| *part != Component::CurDir).eq(Path::new(USUAL).components());
    let target = PathBuf::from(if is_usual { BESIDE } else { USUAL });
    refuse_to_overwrite(&project.dir.join(&target))?;
    let own = Found { tool: None, dir: target.clone(), evidence: theirs.display().to_string() };
    let has_settings = project.settings_path.symlink_metadata().is_ok();
    let sql = if tool.is_code() { None } else { Some(read(settings, tool, &theirs)?) };
    let name = if has_settings { String::new() } else { confirmed_name(settings, args, Some(&own))? };

    let (theirs_built, programs) = match sql {
        Some(mut found) => {
            if args.no_down {
                found.migrations.iter_mut().for_each(|migration| migration.down = None);
            }
            let (_, lock) = compiled(settings, &theirs, Some(tool), |failure| failure).await?;
            (lock, LoggedMigrations { found, ..LoggedMigrations::default() })
        }
        None => logged(settings, &theirs, tool).await?,
    };
    let found = &programs.found;
    let holder = tempfile::Builder::new().prefix(".trueup-").tempdir_in(&project.dir);
    let holder = holder.map_err(|error| not_written(&project.dir, &error))?;
    let converted = holder.path().join("converted");
    let history = history_table(tool, found);
    let files = tools::convert(tool, &project.dir.join(&theirs), found)?;
    fs::create_dir(&converted).map_err(|error| not_written(&converted, &error))?;
    write(&converted, files.iter().chain(history.as_ref()))?;
    let temporary = converted.strip_prefix(&project.dir).unwrap_or(&converted).to_path_buf();
    // The files are named where they are going to be.
    let named = |failure: Failure| Failure {
        what: failure.what.replace(&temporary.display().to_string(), &target.display().to_string()),
        ..failure
    };
    let (sources, mut lock) = compiled(settings, &temporary, None, named).await?;
    let converted_ones = &lock.migrations[usize::from(history.is_some())..];
    let differing = differing(&theirs_built, converted_ones, &lock.model);
    let mut unstable = Vec::new();
    if !differing.is_empty() {
        // A time or a random value that is written into a definition is another one every time.
        let (_, again) = compiled(settings, &theirs, Some(tool), |failure| failure).await?;
        let changing = self::differing(&theirs_built, &again.migrations, &again.model);
        if let Some(place) = differing.difference(&changing).next() {
            return Err(refuse(tool, &theirs_built, converted_ones, *place).into());
        }
        unstable.extend(
            differing.iter().filter_map(|place| converted_ones.get(*place)).map(|one| one.id().to_string()),
        );
    }
    let downs = match tool.is_code() && !args.no_down {
        true => {
            let beside = beside(settings, &theirs, tool);
            let converted = Converted { directory: &converted, files: &sources.migrations, lock: &lock };
            DownScripts::write(&beside, &theirs_built.head.settings, &programs, converted).await?
        }
        false => DownScripts::default(),
    };

    let place = project.dir.join(&target);
    fs::create_dir_all(place.parent().unwrap_or(&project.dir))
        .and_then(|()| fs::rename(&converted, &place))
        .map_err(|error| not_written(&place, &error))?;
    let sources = Sources::read(&project.dir, &place)?;
    lock.head.inputs = sources.inputs(&project.dir);
    let mut report = InitReport::new(settings, Some(&own));
    report.init.written.push(format!(
        "{} ({})",
        target.display(),
        plural(sources.migrations.len(), "migration")
    ));
    let converted = &sources.migrations[usize::from(history.is_some())..];
    report.init.notes = notes(tool, &programs, converted);
    report.init.notes.extend(downs.notes(tool));
    report.init.evidence = None;
    if !unstable.is_empty() {
        report.init.notes.push(format!(
            "these build something else every time, because a time or a random value becomes part of a definition: {}",
            unstable.join(", ")
        ));
    }
    let started = with_project(settings, &name, Some(&own));
    if has_settings {
        report.init.notes.push(settings_to_change(settings, tool, &target));
    } else {
        let search_path = &settings.database.search_path;
        SettingsFile { name: &name, found: Some(&own), search_path }.write(&project.settings_path)?;
        report.init.name = Some(name);
        report.init.written.push("trueup.toml".to_owned());
    }
    save(&lock, &started, &mut report)?;
    let mut stop = format!("then stop using {tool}, which would not know of new migrations");
    if !tool.is_code() {
        stop.push_str(&format!(
            "; so that it can take over again: [migrations] also_record_in = \"{tool}\" in trueup.toml"
        ));
    }
    report.init.next = vec![format!("in every database that {tool} has migrated: {}", Command::Adopt), stop];
    Ok(report)
}

/// The tool's files. What would be another text at every time has none that could be written.
fn read(settings: &Settings, tool: MigrationTool, theirs: &Path) -> Result<ToolMigrations, Failure> {
    let of = Found { tool: Some(tool), dir: theirs.to_path_buf(), evidence: String::new() };
    let project = with_project(settings, "", Some(&of)).project;
    let source = project.tool_source().expect("a tool keeps them");
    let found = tools::read(source, &project.migrations_dir)?;
    let refuse = |place: &StandIn| {
        let StandIn { path, line, name } = place;
        let what = format!(
            "{}: line {line}: placeholder {name}: {tool}'s value differs from run to run, and cannot be written into a migration",
            project.display(path)
        );
        let inner = name.trim_start_matches(|found: char| !found.is_alphabetic());
        let inner = inner.trim_end_matches(|found: char| !found.is_alphabetic());
        Failure::usage(what).code(ErrorCode::MIGRATIONS_PLACEHOLDER).next(tools::set_value(inner))
    };
    Failure::collect(found.stand_ins.iter().map(|place| Err::<(), _>(refuse(place))))?;
    Ok(found)
}

/// Where the tool keeps its migrations, relative to the project.
fn directory(settings: &Settings, args: &InitArgs, tool: MigrationTool) -> PathBuf {
    let migrations = &settings.migrations;
    let set = || (migrations.tool == Some(tool)).then(|| PathBuf::from(&migrations.dir));
    let found = || found::find(&settings.project.dir).filter(|found| found.tool == Some(tool));
    let shown = || found().map(|found| found.dir);
    args.dir.clone().or_else(set).or_else(shown).unwrap_or_else(|| tool.usual_directory().into())
}

fn refuse_to_overwrite(place: &Path) -> Result<(), Failure> {
    let is_free = match fs::read_dir(place) {
        Ok(mut entries) => entries.next().is_none(),
        Err(_) => place.symlink_metadata().is_err(),
    };
    if is_free {
        return Ok(());
    }
    let what = format!("{} is there already, and is not overwritten; nothing was written", place.display());
    Err(Failure::usage(what).code(ErrorCode::MIGRATIONS_INVALID).next("move it away, or use what is in it"))
}

fn not_written(place: &Path, error: &std::io::Error) -> Failure {
    Failure::usage(format!("{}: cannot be written: {error}", place.display()))
        .code(ErrorCode::MIGRATIONS_INVALID)
}

/// The migration that creates the tool's own history table, where the others name that.
fn history_table(tool: MigrationTool, found: &ToolMigrations) -> Option<ConvertedFile> {
    let sql = tool.history().create;
    let name = sql.split_whitespace().nth(5)?;
    if !found.migrations.iter().any(|migration| migration.up.contains(name)) {
        return None;
    }
    let revisions: Vec<&str> = found.migrations.iter().map(|migration| migration.revision.as_str()).collect();
    let version = tools::number(&revisions).first().map_or(0, |first| first - 1);
    Some(ConvertedFile {
        name: format!("V{version}__history_of_{}.sql", tool.word().replace('-', "_")),
        text: format!("-- Other migrations name the table in which {tool} keeps its history.\n{sql};\n"),
    })
}

/// Writes files into a directory.
///
/// # Errors
/// Exit 2.
pub(super) fn write<'f>(
    directory: &Path,
    files: impl IntoIterator<Item = &'f ConvertedFile>,
) -> Result<(), Failure> {
    let mut files = files.into_iter();
    let written = files.try_for_each(|file| fs::write(directory.join(&file.name), &file.text));
    written.map_err(|error| not_written(directory, &error))
}

/// The settings of the project beside its tool.
fn beside(settings: &Settings, directory: &Path, tool: MigrationTool) -> Settings {
    let of = Found { tool: Some(tool), dir: directory.to_path_buf(), evidence: String::new() };
    with_project(settings, "", Some(&of))
}

/// What the migrations of a directory build.
async fn compiled(
    settings: &Settings,
    directory: &Path,
    tool: Option<MigrationTool>,
    named: impl Fn(Failure) -> Failure,
) -> Result<(Sources, Lock)> {
    let of = Found { tool, dir: directory.to_path_buf(), evidence: String::new() };
    let settings = with_project(settings, "", Some(&of));
    let project = &settings.project;
    let sources = Sources::read_of(&project.dir, &project.migrations_dir, project.tool_source());
    let sources = sources.map_err(&named)?;
    match project_model::compile(&settings, &sources, None).await {
        Ok(compiled) => Ok((sources, compiled.lock)),
        Err(error) => {
            Err(error.downcast::<Failure>().map_or_else(|error| error, |failure| named(failure).into()))
        }
    }
}

/// What the programs of a directory build, and what they run for that.
async fn logged(
    settings: &Settings,
    directory: &Path,
    tool: MigrationTool,
) -> Result<(Lock, LoggedMigrations)> {
    let settings = beside(settings, directory, tool);
    let project = &settings.project;
    let sources = Sources::read_of(&project.dir, &project.migrations_dir, project.tool_source())?;
    let (lock, ran) = project_model::compile_with_log(&settings, &sources).await?;
    Ok((lock, LoggedMigrations::of(&settings.migrations, &project.dir, ran)))
}

/// The places of the migrations that do not build the same in both; the place after the last where the models differ.
fn differing(theirs: &Lock, ours: &[CompiledMigration], model: &Catalog) -> BTreeSet<usize> {
    let pairs = theirs.migrations.iter().zip(ours).enumerate();
    let mut places: BTreeSet<usize> =
        pairs.filter(|(_, (a, b))| a.effects != b.effects).map(|(place, _)| place).collect();
    if theirs.migrations.len() != ours.len() || theirs.model != *model {
        places.insert(theirs.migrations.len());
    }
    places
}

fn refuse(tool: MigrationTool, theirs: &Lock, ours: &[CompiledMigration], place: usize) -> Failure {
    let what = match (theirs.migrations.get(place), ours.get(place)) {
        (Some(a), Some(b)) => format!("{} does not build what {} builds", b.id(), a.id()),
        _ => format!("the converted migrations do not build what those of {tool} build"),
    };
    Failure::usage(format!("{what}; nothing was written"))
        .code(ErrorCode::MIGRATIONS_INVALID)
        .next(format!("keep {tool}, and work beside it: trueup init --tool {tool}"))
}

/// What is to be changed in a file of settings that is there.
fn settings_to_change(settings: &Settings, tool: MigrationTool, target: &Path) -> String {
    let others = match (tool.is_code(), settings.migrations.placeholders.is_empty()) {
        (true, _) => " and all that says how it is called",
        (false, true) => "",
        (false, false) => " and `placeholders`",
    };
    let own = settings.migrations.own.as_ref().filter(|_| tool == MigrationTool::Command);
    let ignore = own.map(|own| {
        let table = own.applied.table.to_string();
        format!("; its own table is no part of the schema: under [database], ignore = [{table:?}]")
    });
    format!(
        "trueup.toml is not changed: under [migrations], remove `tool`{others}, and set dir = {:?}{}",
        target.display().to_string(),
        ignore.unwrap_or_default()
    )
}

/// What is worth knowing of the conversion.
fn notes(tool: MigrationTool, programs: &LoggedMigrations, converted: &[Migration]) -> Vec<String> {
    if tool.is_code() {
        return notes_of_programs(tool, programs, converted);
    }
    let found = &programs.found;
    let mut notes = Vec::new();
    let renumbered = found.migrations.iter().zip(converted).filter(|(theirs, ours)| {
        let digits = theirs.revision.chars().take_while(char::is_ascii_digit).collect::<String>();
        digits.parse() != Ok(ours.version)
    });
    let renumbered: Vec<String> =
        renumbered.map(|(theirs, ours)| format!("{} is {}", theirs.revision, ours.id())).collect();
    if !renumbered.is_empty() {
        notes.push(format!("got another version: {}", renumbered.join(", ")));
    }
    let repeatable: Vec<&str> =
        found.migrations.iter().filter(|one| one.is_repeatable).map(|one| one.name.as_str()).collect();
    if !repeatable.is_empty() {
        notes.push(format!(
            "repeatable in {tool}, and placed last as migrations that run once: {}",
            repeatable.join(", ")
        ));
    }
    let is_replaced = |path: &PathBuf| found.replaced_in.contains(path);
    let replaced = found.migrations.iter().zip(converted).filter(|(theirs, _)| {
        is_replaced(&theirs.path) || theirs.down.as_ref().is_some_and(|(path, _)| is_replaced(path))
    });
    let replaced: Vec<String> = replaced.map(|(_, ours)| ours.id().to_string()).collect();
    if !replaced.is_empty() {
        notes.push(format!(
            "the values of placeholders are written in their place, and are the same in every database: {}",
            replaced.join(", ")
        ));
    }
    notes
}

/// What is worth knowing of programs whose statements were logged.
fn notes_of_programs(
    tool: MigrationTool,
    programs: &LoggedMigrations,
    converted: &[Migration],
) -> Vec<String> {
    let mut notes = vec![format!("each migration is what {tool} ran in an empty database")];
    let listed = |places: &BTreeSet<usize>| {
        let one = |place: &usize| Some(converted.get(*place)?.id().to_string());
        places.iter().filter_map(one).collect::<Vec<_>>().join(", ")
    };
    if !programs.computing.is_empty() {
        notes.push(format!(
            "programs that read or compute rows; what they would do where there are rows is not carried: {}",
            listed(&programs.computing)
        ));
    }
    if !programs.changing_rows.is_empty() {
        let changing = listed(&programs.changing_rows);
        notes.push(format!(
            "they change rows, as they did in an empty database; read them before they run: {changing}"
        ));
    }
    notes
}
