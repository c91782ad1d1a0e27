//! What a database has becomes what the project declares.

use anyhow::Result;

use super::args::InitArgs;
use super::report::InitReport;
use super::settings_file::SettingsFile;
use super::{chosen, confirmed_name, found, with_project};
use crate::findings::Command;
use crate::project::Settings;
use crate::workflow::schema_files;

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
    let is_own = started.project.tool.is_none() && of_code.is_none();
    let (target, schema) = schema_files::take_in(&started, is_own).await?;
    let mut report = InitReport::new(&started, found.as_ref());
    let init = &mut report.init;
    if let Some(name) = name {
        SettingsFile { name: &name, found: found.as_ref() }.write(&project.settings_path)?;
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
    if let Some((tool, file)) = of_code {
        init.notes.push(format!("{file}: {tool} migrates, so no baseline migration is written"));
    }
    let unreadable = schema.unreadable.iter();
    init.notes.extend(unreadable.map(|why| format!("declared as it is, though it cannot run: {why}")));
    init.next.push(Command::Check.to_string());
    (report.target, report.schema) = (Some(target), Some(schema));
    Ok(report)
}
