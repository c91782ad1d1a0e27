//! A copy of the project in which files are proved before the project itself has them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result};
use tempfile::TempDir;

use super::files::GeneratedFile;
use crate::cli::Secret;
use crate::error::{ErrorCode, Failure};
use crate::migrations::{self, Migration};
use crate::model::{Lock, Sources};
use crate::postgres::scratch::Scratch;
use crate::project::{Project, Settings};
use crate::workflow::project_model;
use crate::workflow::rehearsal::{self, Rehearsal, RehearsalRequest};

/// The copy. It is removed with this.
pub(super) struct Staging {
    directory: TempDir,
    settings: Settings,
    /// The server that it is compiled on; it stops when this is dropped.
    scratch: Scratch,
}

impl Staging {
    /// Copies what a project is compiled from, and its data checks.
    pub(super) fn of(settings: &Settings, sources: &Sources, scratch: Scratch) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("trueup-generate-").tempdir()?;
        let real = &settings.project;
        let migrations_dir = real.migrations_dir.strip_prefix(&real.dir).unwrap_or(Path::new("migrations"));
        let project =
            Project::new(directory.path().to_owned(), real.name.clone(), &migrations_dir.to_string_lossy());
        let put = |path: &str, text: &str| write(&directory.path().join(path), text);
        for file in &sources.schema {
            put(&file.path, &file.text)?;
        }
        for migration in &sources.migrations {
            let down = migration.down.iter();
            for path in [&migration.path].into_iter().chain(down) {
                let name = path.file_name().context("a file has a name")?;
                let copy = project.migrations_dir.join(name);
                fs::create_dir_all(&project.migrations_dir)?;
                fs::copy(path, &copy).with_context(|| path.display().to_string())?;
            }
        }
        let flat = [(&real.checks_dir, &project.checks_dir), (&real.seeds_dir, &project.seeds_dir)];
        for (from, to) in flat.into_iter().filter(|(from, _)| from.is_dir()) {
            copy_files(from, to)?;
        }
        if real.settings_path.exists() {
            fs::copy(&real.settings_path, &project.settings_path)?;
        }
        let mut copied = settings.clone();
        copied.project = project;
        // The rehearsal makes its databases on the server that is there.
        copied.scratch.url = Some(Secret::new(scratch.server_url()));
        Ok(Self { directory, settings: copied, scratch })
    }

    /// Writes files; those that are there already are replaced.
    pub(super) fn write(&self, files: &[GeneratedFile]) -> Result<()> {
        files.iter().try_for_each(|file| write(&self.directory.path().join(&file.path), &file.text))
    }

    pub(super) fn display(&self, path: &Path) -> String {
        self.settings.project.display(path)
    }

    /// The migrations of the copy.
    pub(super) fn migrations(&self) -> Result<Vec<Migration>, Failure> {
        migrations::read_directory(&self.settings.project.migrations_dir)
    }

    /// Compiles the copy, and keeps the lock file there.
    pub(super) async fn compile(&mut self) -> Result<Lock> {
        let project = &self.settings.project;
        let sources = Sources::read_of(&project.dir, &project.migrations_dir, None)?;
        let states = project_model::states_directory();
        let compiled =
            project_model::compile_in(&self.settings, &sources, states.as_deref(), &mut self.scratch).await;
        let lock = compiled?.lock;
        lock.save(&project.lock_path)?;
        Ok(lock)
    }

    /// Applies the new migrations to a database that has all others, takes them back, and applies them again. The copy is compiled
    /// before, with its down scripts.
    pub(super) async fn rehearse(&mut self, before: &Lock, rows: u64) -> Result<(Lock, Rehearsal)> {
        let lock = self.compile().await?;
        let request = RehearsalRequest {
            from: Some(before.migrations.last().map_or(0, |migration| migration.version)),
            contract: true,
            rows: (rows > 0).then_some(rows),
            ..RehearsalRequest::default()
        };
        Ok((lock, rehearsal::rehearse(&self.settings, &request).await?))
    }

    /// Removes the down script of a version.
    pub(super) fn remove_down_script(&self, version: &str) -> Result<()> {
        let migrations = self.migrations()?;
        let found = migrations.iter().find(|migration| format!("V{}", migration.version) == version);
        match found.and_then(|migration| migration.down.as_ref()) {
            Some(path) => Ok(fs::remove_file(path)?),
            None => Ok(()),
        }
    }

    /// Opens the files in a person's editor, and takes what that leaves.
    ///
    /// # Errors
    /// Exit 2: the editor cannot be run, or fails.
    pub(super) fn edit(&self, editor: &[String], files: &mut [GeneratedFile]) -> Result<()> {
        let Some((program, arguments)) = editor.split_first() else { return Ok(()) };
        let places: Vec<PathBuf> = files.iter().map(|file| self.directory.path().join(&file.path)).collect();
        let ended = Command::new(program).args(arguments).args(&places).status();
        let refused = |why: String| {
            Failure::usage(format!("{program}: {why}; nothing was written"))
                .code(ErrorCode::USAGE_ARGUMENTS)
                .next("set VISUAL or EDITOR to a program that ends with 0, or leave out --edit")
        };
        let status = ended.map_err(|error| refused(error.to_string()))?;
        if !status.success() {
            return Err(refused(status.to_string()).into());
        }
        for (file, place) in files.iter_mut().zip(&places) {
            file.text = fs::read_to_string(place)?;
        }
        Ok(())
    }
}

fn write(path: &Path, text: &str) -> Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(path, text).with_context(|| path.display().to_string())
}

/// The files of a directory, without those of the directories in it.
fn copy_files(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}
