//! Finds the project directory, and names the files inside it.

use std::path::{Path, PathBuf};

use super::MigrationSettings;
use crate::error::{ErrorCode, Failure};
use crate::migrations::tools::{MigrationTool, ToolSource};
use crate::plain_file::{self, SOURCES};

pub use crate::plain_file::SETTINGS_FILE;

/// The file name of the compiled model.
pub const LOCK_FILE: &str = "trueup.lock";
const SCHEMA_DIR: &str = "schema";
const SEEDS_DIR: &str = "schema/seeds";
const CHECKS_DIR: &str = "checks";
pub(super) const DEFAULT_MIGRATIONS_DIR: &str = "migrations";

/// A project directory. The files and directories in it may not exist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Project {
    /// The name of the project: `[project] name`. A directory is moved and cloned, so its name is none.
    pub name: Option<String>,
    /// The name of the directory. Until projects without a name were marked as such, it was written as theirs.
    folder: Option<String>,
    /// The absolute path of the directory.
    pub dir: PathBuf,
    /// `schema/`: the schema files.
    pub schema_dir: PathBuf,
    /// `schema/seeds/`: reference rows.
    pub seeds_dir: PathBuf,
    /// `checks/`: data checks.
    pub checks_dir: PathBuf,
    /// `migrations/`, or the directory in `[migrations] dir`.
    pub migrations_dir: PathBuf,
    /// The tool that keeps the migrations there; `None` for trueup itself.
    pub tool: Option<MigrationTool>,
    /// The directory in which that tool is run.
    tool_home: PathBuf,
    /// Values that the tool's SQL has in the place of placeholders.
    placeholders: Vec<(String, String)>,
    /// `trueup.lock`
    pub lock_path: PathBuf,
    /// `trueup.toml`
    pub settings_path: PathBuf,
}

impl Project {
    /// Joins the paths inside of `dir`.
    pub fn new(dir: PathBuf, name: Option<String>, migrations_dir: &str) -> Self {
        Self {
            name,
            folder: dir.file_name().map(|name| name.to_string_lossy().into_owned()),
            schema_dir: dir.join(SCHEMA_DIR),
            seeds_dir: dir.join(SEEDS_DIR),
            checks_dir: dir.join(CHECKS_DIR),
            migrations_dir: dir.join(migrations_dir),
            tool: None,
            tool_home: dir.clone(),
            placeholders: Vec::new(),
            lock_path: dir.join(LOCK_FILE),
            settings_path: dir.join(SETTINGS_FILE),
            dir,
        }
    }

    /// The project with the tool that these settings name.
    #[must_use]
    pub fn kept_as(self, migrations: &MigrationSettings) -> Self {
        Self {
            tool: migrations.tool,
            tool_home: self.dir.join(&migrations.working_directory),
            placeholders: migrations.placeholders.clone(),
            ..self
        }
    }

    /// The tool that keeps the migrations, with what it puts into their SQL; `None` for trueup itself.
    pub fn tool_source(&self) -> Option<ToolSource<'_>> {
        self.tool.map(|tool| ToolSource { tool, home: &self.tool_home, placeholders: &self.placeholders })
    }

    /// Refuses folders that lead out of the project by a link.
    ///
    /// # Errors
    /// Exit 2.
    pub(super) fn check_folders(&self) -> Result<(), Failure> {
        let folders = [&self.schema_dir, &self.seeds_dir, &self.migrations_dir, &self.checks_dir];
        folders.into_iter().try_for_each(|folder| plain_file::check_folder(&self.dir, folder))
    }

    /// Whether a database that is marked as this project's, or as that of a project without a name, may be this one's.
    pub fn owns(&self, marked: Option<&str>) -> bool {
        let Some(marked) = marked else { return true };
        self.name.as_deref().or(self.folder.as_deref()) == Some(marked)
    }

    /// The name in a sentence: `project platform`, or `a project without a name`.
    pub fn called(&self) -> String {
        called(self.name.as_deref())
    }

    /// A path as people write it: relative to the project directory when it is inside.
    pub fn display(&self, path: &Path) -> String {
        path.strip_prefix(&self.dir).unwrap_or(path).display().to_string()
    }
}

/// A project's name in a sentence.
pub fn called(name: Option<&str>) -> String {
    name.map_or_else(|| "a project without a name".to_owned(), |name| format!("project {name:?}"))
}

/// Finds the project directory: `asked`, otherwise the nearest directory from `cwd` upwards with a `trueup.toml`,
/// otherwise the nearest one with `schema/` or `migrations/` inside of the repository (`.git`).
///
/// # Errors
/// Exit 2: there is no project directory, or `asked` is none.
pub(super) fn find(asked: Option<&Path>, cwd: &Path) -> Result<PathBuf, Failure> {
    if let Some(asked) = asked {
        let dir = cwd.join(asked);
        let wrong = |what: &str| {
            let said = format!("the project directory {} {what}", asked.display());
            Failure::usage(said)
                .code(ErrorCode::PROJECT_NOT_FOUND)
                .next("give a directory that holds trueup.toml, schema/ or migrations/")
        };
        if !dir.is_dir() {
            return Err(wrong("does not exist, or is not a directory"));
        }
        if !has_settings(&dir) && !has_sources(&dir) {
            return Err(wrong("holds no trueup.toml, no schema/ and no migrations/"));
        }
        return dir.canonicalize().map_err(|error| wrong(&format!("cannot be read: {error}")));
    }
    if cwd.as_os_str().is_empty() {
        return Err(Failure::usage("the working directory does not exist any more, or cannot be entered")
            .code(ErrorCode::PROJECT_NOT_FOUND)
            .next("go to the project's directory, or name it with --project DIR or TRUEUP_PROJECT"));
    }
    let with_settings = cwd.ancestors().find(|dir| has_settings(dir));
    let mut below_root = true;
    let with_sources = || {
        cwd.ancestors()
            .take_while(|dir| std::mem::replace(&mut below_root, !dir.join(".git").exists()))
            .find(|dir| has_sources(dir))
    };
    with_settings.or_else(with_sources).map(Path::to_path_buf).ok_or_else(|| {
        Failure::usage(format!(
            "no project here: no trueup.toml, schema/ or migrations/ in {} or above it",
            cwd.display()
        ))
        .code(ErrorCode::PROJECT_NOT_FOUND)
        .next(
            "go to the project's directory, or name it with --project DIR or TRUEUP_PROJECT; to start one here: trueup init",
        )
    })
}

/// The way from the root of the repository (`.git`) to a directory in it, with a `/` at its end; empty where there is no
/// repository.
pub(super) fn in_repository(dir: &Path) -> String {
    let root = dir.ancestors().find(|above| above.join(".git").exists());
    let inside = root.and_then(|root| dir.strip_prefix(root).ok()).unwrap_or(Path::new(""));
    inside.components().map(|part| format!("{}/", part.as_os_str().to_string_lossy())).collect()
}

fn has_settings(dir: &Path) -> bool {
    // A dangling symbolic link counts as a settings file: reading it reports what is wrong.
    dir.join(SETTINGS_FILE).symlink_metadata().is_ok()
}

fn has_sources(dir: &Path) -> bool {
    SOURCES.iter().any(|name| dir.join(name).is_dir())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn the_nearest_settings_file_wins_over_nearer_sources() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("app/db");
        fs::create_dir_all(inner.join("migrations")).unwrap();
        assert_eq!(find(None, &inner.join("migrations")).unwrap(), inner);
        fs::write(root.path().join(SETTINGS_FILE), "").unwrap();
        assert_eq!(find(None, &inner.join("migrations")).unwrap(), root.path());
    }

    #[test]
    fn sources_above_the_repository_are_somebody_elses() {
        let root = tempfile::tempdir().unwrap();
        let repository = root.path().join("repository");
        fs::create_dir_all(repository.join("src")).unwrap();
        fs::create_dir_all(repository.join(".git")).unwrap();
        fs::create_dir_all(root.path().join("schema")).unwrap();
        let failure = find(None, &repository.join("src")).unwrap_err();
        assert!(failure.what.starts_with("no project here"), "{failure}");
        fs::create_dir_all(repository.join("schema")).unwrap();
        assert_eq!(find(None, &repository.join("src")).unwrap(), repository);
    }

    #[test]
    fn the_name_of_a_directory_is_no_name_of_a_project() {
        let named = |name: Option<&str>, dir: &str| {
            Project::new(PathBuf::from(dir), name.map(str::to_owned), "migrations")
        };
        let shop = named(Some("shop"), "/srv/app");
        assert!(shop.owns(Some("shop")) && shop.owns(None) && !shop.owns(Some("app")));
        let unnamed = named(None, "/srv/app");
        assert_eq!(unnamed.name, None);
        // As it was marked before.
        assert!(unnamed.owns(Some("app")) && unnamed.owns(None) && !unnamed.owns(Some("shop")));
    }

    #[test]
    fn the_way_from_the_repository_is_known() {
        let root = tempfile::tempdir().unwrap();
        let inner = root.path().join("services/db");
        fs::create_dir_all(&inner).unwrap();
        assert_eq!(in_repository(&inner), "");
        // In a work tree and in a submodule it is a file.
        fs::write(root.path().join(".git"), "gitdir: elsewhere").unwrap();
        assert_eq!(in_repository(&inner), "services/db/");
        assert_eq!(in_repository(root.path()), "");
        fs::create_dir(inner.join(".git")).unwrap();
        assert_eq!(in_repository(&inner), "");
    }

    #[test]
    fn a_directory_that_was_asked_for_must_be_a_project() {
        let root = tempfile::tempdir().unwrap();
        let failure = find(Some(Path::new("nowhere")), root.path()).unwrap_err();
        assert!(failure.what.contains("nowhere does not exist"), "{failure}");
        let failure = find(Some(Path::new(".")), root.path()).unwrap_err();
        assert!(failure.what.contains("holds no trueup.toml"), "{failure}");
        fs::create_dir(root.path().join("schema")).unwrap();
        assert_eq!(find(Some(Path::new(".")), root.path()).unwrap(), root.path().canonicalize().unwrap());
    }
}
