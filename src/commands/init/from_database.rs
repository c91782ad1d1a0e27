//! What a database has becomes what the project declares.

use anyhow::Result;

use super::args::{ChosenTool, InitArgs};
use super::report::InitReport;
use super::settings_file::SettingsFile;
use super::{chosen, confirmed_name, found, with_project};
use crate::findings::Command;
use crate::project::Settings;
use crate::text::joined_lines;
use crate::workflow::schema_files::{self, Baseline, NewFile};

pub(super) async fn run(settings: &Settings, args: &InitArgs) -> Result<InitReport> {
    let project = &settings.project;
    let has_settings = project.settings_path.symlink_metadata().is_ok();
    // An existing project says itself what migrates.
    let found = if has_settings { None } else { chosen(args, &project.dir) };
    let name = if has_settings { None } else { Some(confirmed_name(settings, args, found.as_ref())?) };
    let started = match &name {
        Some(name) => with_project(settings, name, found.as_ref()),
        None => settings.clone(),
    };
    let of_code = found::of_code(&project.dir);
    let baseline = match (args.tool, started.project.tool) {
        (Some(ChosenTool(None)), None) => Baseline::Always,
        (_, None) if of_code.is_none() => Baseline::WithoutHistory,
        _ => Baseline::Never,
    };
    let project_file = name.as_ref().map(|name| NewFile {
        path: project.settings_path.clone(),
        text: SettingsFile { name, found: found.as_ref(), search_path: &settings.database.search_path }
            .text(),
    });
    let (target, schema) = schema_files::take_in(&started, baseline, project_file).await?;
    let mut report = InitReport::new(&started, found.as_ref());
    let init = &mut report.init;
    if let Some(name) = name {
        init.name = Some(name);
        init.written.push("trueup.toml".to_owned());
    }
    init.written.extend(schema.baseline.clone());
    if schema.lock {
        init.written.push("trueup.lock".to_owned());
    } else if !schema.written.is_empty() || !schema.removed.is_empty() {
        init.next.push(Command::Compile.to_string());
    }
    if schema.baseline.is_some() {
        init.migrations = Some(1);
        init.next.push(Command::Adopt.to_string());
    }
    init.notes.extend(schema.history.clone());
    init.notes.extend(schema.left_out.clone());
    if let Some((tool, file)) = of_code.filter(|_| baseline == Baseline::Never) {
        init.notes.push(format!("{file}: {tool} migrates, so no baseline migration is written"));
    }
    let unreadable = schema.unreadable.iter();
    init.notes.extend(
        unreadable.map(|why| format!("declared as it is, though it cannot run: {}", joined_lines(why))),
    );
    init.next.push(Command::Check.to_string());
    (report.target, report.schema) = (Some(target), Some(schema));
    Ok(report)
}
