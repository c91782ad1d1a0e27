//! The down scripts of migrations that are programs: what the tool runs when it takes each of them back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::programs::{LoggedMigrations, LoggedScript};
use super::take_over::write;
use crate::migrations::Migration;
use crate::migrations::tools::{self, MigrationTool};
use crate::model::{CompiledSettings, Lock, Sources};
use crate::project::Settings;
use crate::workflow::other_tool::downs::{CompiledFiles, run_by_tool, wrong_scripts};

/// What has become of them.
#[derive(Debug, Default)]
pub(super) struct DownScripts {
    /// The migrations that have none, by version, each with the reason.
    without: BTreeMap<i64, (String, String)>,
    /// Those whose script may do more where there are rows, or changes rows.
    with_rows: Vec<String>,
    /// How many there are.
    written: usize,
}

/// The files that were converted, and the directory that has them.
#[derive(Clone, Copy)]
pub(super) struct Converted<'a> {
    pub(super) directory: &'a Path,
    pub(super) files: &'a [Migration],
    pub(super) lock: &'a Lock,
}

impl DownScripts {
    /// Writes them beside the converted files, and removes those that are not proved. `settings` are those of the project
    /// beside the tool, and `compiled` what was compiled of it.
    ///
    /// # Errors
    /// Those of the throwaway server. Exit 2: they cannot be written.
    pub(super) async fn write(
        settings: &Settings,
        compiled: &CompiledSettings,
        programs: &LoggedMigrations,
        converted: Converted<'_>,
    ) -> Result<Self> {
        let Some(tool) = settings.migrations.tool else { return Ok(Self::default()) };
        let Converted { directory, files, lock } = converted;
        let mut downs = Self::default();
        let ran = run_by_tool(settings, compiled, CompiledFiles { files, lock }, &programs.applied).await?;
        let mut found = programs.found.clone();
        let first = files.len() - found.migrations.len();
        let mut with_rows = BTreeSet::new();
        for (place, ran) in ran.into_iter().enumerate() {
            let (file, compiled) = (&files[first + place], &lock.migrations[first + place]);
            let script = LoggedScript::of(&settings.migrations, &ran.statements);
            let does_nothing = script.sql.is_empty()
                && (!compiled.effects.is_empty() || programs.changing_rows.contains(&place));
            let nothing = does_nothing.then(|| format!("{tool} runs nothing for it"));
            if let Some(why) = ran.refused.or(nothing).or(ran.wrong) {
                downs.lacks(file, why);
                continue;
            }
            if script.computes || script.changes_rows {
                with_rows.insert(file.version);
            }
            let sql = match script.sql.is_empty() {
                true => format!(
                    "-- Nothing to do: {tool} runs nothing when it reverts {}.\n",
                    found.migrations[place].revision
                ),
                false => script.sql,
            };
            found.migrations[place].down = Some((PathBuf::new(), sql));
        }
        let scripts = tools::convert(tool, directory, &found)?;
        write(directory, scripts.iter().filter(|file| file.name.ends_with(".down.sql")))?;
        let read = Sources::read(&settings.project.dir, directory)?.migrations;
        let wrong = wrong_scripts(settings, CompiledFiles { files: &read, lock }).await?;
        for file in &read {
            let Some(path) = &file.down else { continue };
            match wrong.get(&file.version) {
                Some(why) => {
                    std::fs::remove_file(path)?;
                    downs.lacks(file, format!("what {tool} ran is not all that it takes: {why}"));
                }
                None => {
                    downs.written += 1;
                    if with_rows.contains(&file.version) {
                        downs.with_rows.push(file.id().to_string());
                    }
                }
            }
        }
        Ok(downs)
    }

    fn lacks(&mut self, file: &Migration, why: String) {
        self.without.insert(file.version, (file.id().to_string(), why));
    }

    /// What is worth knowing of them.
    pub(super) fn notes(&self, tool: MigrationTool) -> Vec<String> {
        let mut notes = Vec::new();
        if self.written > 0 {
            notes.push(format!(
                "each down script is what {tool} ran when it reverted the migration there, and is proved to give the schema \
                 before it back"
            ));
        }
        if !self.with_rows.is_empty() {
            notes.push(format!(
                "down scripts that read or change rows, as they did in an empty database; read them before they run: {}",
                self.with_rows.join(", ")
            ));
        }
        let mut without: Vec<(&str, Vec<&str>)> = Vec::new();
        for (id, why) in self.without.values() {
            match without.iter_mut().find(|(known, _)| known == why) {
                Some((_, ids)) => ids.push(id),
                None => without.push((why, vec![id])),
            }
        }
        notes.extend(without.iter().map(|(why, ids)| format!("no down script: {}: {why}", ids.join(", "))));
        notes
    }
}
