//! Tools whose migrations are programs: only the tool itself knows which there are, and only it can run one.

use std::path::{Path, PathBuf};

use smol_str::SmolStr;

use super::names::words;
use super::{MigrationTool, entries, is_code};
use crate::error::Failure;
use crate::postgres::sql::read_file;

/// A revision, as the tool lists it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedRevision {
    /// The tool's identifier: `8c1d2e3f`, `auth.0001_initial`.
    pub id: SmolStr,
    /// What it is called beside that: letters, digits and underscores.
    pub name: String,
    /// The revisions that are applied before it.
    pub parents: Vec<SmolStr>,
    /// Those of them that it rests on without coming after them (Alembic's `depends_on`).
    pub dependencies: Vec<SmolStr>,
    /// Its file, where the tool says it.
    pub file: Option<PathBuf>,
}

impl MigrationTool {
    /// Whether its migrations are programs, and not SQL.
    pub fn is_code(self) -> bool {
        matches!(self, Self::Alembic | Self::Django)
    }

    /// The tool's program, with the arguments that come before all others; empty for one of SQL files.
    pub fn program(self) -> &'static [&'static str] {
        match self {
            Self::Alembic => &["alembic"],
            Self::Django => &["python", "manage.py"],
            _ => &[],
        }
    }

    /// The arguments with which it connects to the database, and changes nothing.
    pub fn look_arguments(self) -> &'static [&'static str] {
        match self {
            Self::Alembic => &["current"],
            _ => self.list_arguments(),
        }
    }

    /// The arguments with which it lists all its revisions.
    pub fn list_arguments(self) -> &'static [&'static str] {
        match self {
            Self::Alembic => &["history", "--verbose"],
            Self::Django => &["showmigrations", "--plan", "--verbosity", "2", "--no-color"],
            _ => &[],
        }
    }

    /// The arguments with which it applies one revision, all of whose parents are applied.
    pub fn step_arguments(self, revision: &str) -> Vec<String> {
        let words: Vec<&str> = match self {
            Self::Alembic => vec!["upgrade", revision],
            Self::Django => {
                let (app, name) = revision.split_once('.').unwrap_or((revision, ""));
                vec!["migrate", app, name, "--no-input", "--no-color"]
            }
            _ => Vec::new(),
        };
        words.into_iter().map(str::to_owned).collect()
    }

    /// Reads what [`Self::list_arguments`] print: the revisions, parents before their children.
    pub fn read_list(self, printed: &str) -> Vec<ListedRevision> {
        match self {
            Self::Alembic => alembic(printed),
            _ => django(printed),
        }
    }

    /// The files of the migrations below a directory, with their texts: what the lock depends on.
    ///
    /// # Errors
    /// Exit 2: a directory or a file that cannot be read.
    pub fn code_files(self, directory: &Path) -> Result<Vec<(PathBuf, String)>, Failure> {
        let mut found = Vec::new();
        match self {
            Self::Django => of_apps(directory, &mut found)?,
            _ => of_directory(directory, &mut found)?,
        }
        Failure::collect(found.into_iter().map(|path| read_file(&path).map(|text| (path, text))))
    }
}

/// The files of a directory and of those in it.
fn of_directory(directory: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for (name, path) in entries(directory)? {
        if path.is_dir() {
            if name != "__pycache__" {
                of_directory(&path, found)?;
            }
        } else if is_code(&name) {
            found.push(path);
        }
    }
    Ok(())
}

/// The files of all directories `migrations`, but for those of installed packages.
fn of_apps(directory: &Path, found: &mut Vec<PathBuf>) -> Result<(), Failure> {
    for (name, path) in entries(directory)? {
        if !path.is_dir() || path.is_symlink() {
            continue;
        }
        match name.as_str() {
            "migrations" => of_directory(&path, found)?,
            "node_modules" | "site-packages" => {}
            _ if path.join("pyvenv.cfg").is_file() => {}
            _ => of_apps(&path, found)?,
        }
    }
    Ok(())
}

/// `alembic history --verbose`: an entry for each, the newest first (`Script.log_entry` of alembic/script/base.py).
fn alembic(printed: &str) -> Vec<ListedRevision> {
    let mut found: Vec<ListedRevision> = Vec::new();
    for line in printed.lines() {
        if let Some(rest) = line.strip_prefix("Rev: ") {
            let id = rest.split_whitespace().next().unwrap_or_default().into();
            found.push(ListedRevision { id, ..ListedRevision::default() });
            continue;
        }
        let Some(revision) = found.last_mut() else { continue };
        let parents = ["Parent: ", "Merges: ", "Also depends on: "];
        if let Some(rest) = parents.iter().find_map(|label| line.strip_prefix(label)) {
            let named = rest.split(',').map(str::trim).filter(|parent| *parent != "<base>");
            let named: Vec<SmolStr> = named.map(SmolStr::from).collect();
            if line.starts_with("Also") {
                revision.dependencies.extend(named.iter().cloned());
            }
            revision.parents.extend(named);
        } else if let Some(path) = line.strip_prefix("Path: ") {
            revision.file = Some(path.into());
        } else if revision.name.is_empty() && line.starts_with("    ") && !line.trim().is_empty() {
            revision.name = words(line.trim());
        }
    }
    found.reverse();
    found
}

/// `manage.py showmigrations --plan --verbosity 2`: `[ ]  app.name ... (parents)`, in the order in which they are run.
fn django(printed: &str) -> Vec<ListedRevision> {
    let lines = printed.lines().filter_map(|line| {
        let line = line.strip_prefix("[ ]").or_else(|| line.strip_prefix("[X]"))?.trim();
        let (id, parents) = line.split_once(" ... (").unwrap_or((line, ""));
        let parents = parents.trim_end_matches(')').split(", ").filter(|parent| !parent.is_empty());
        let name = id.split_once('.').map_or(id, |(_, name)| name);
        Some(ListedRevision {
            id: id.into(),
            name: words(name.trim_start_matches(|found: char| found.is_ascii_digit())),
            parents: parents.map(SmolStr::from).collect(),
            dependencies: Vec::new(),
            file: None,
        })
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(found: &[ListedRevision]) -> Vec<String> {
        found.iter().map(|one| format!("{} {} {}", one.id, one.name, one.parents.join("+"))).collect()
    }

    #[test]
    fn alembic_lists_the_newest_first() {
        let printed = "Rev: c3 (head) (mergepoint)\nMerges: b1, b2\nPath: /p/versions/c3_both.py\n\n    both\n\n    Revision ID: c3\n\n\
                       Rev: b2\nParent: a1\nAlso depends on: b1\nPath: /p/versions/b2.py\n\n    \n\n\
                       Rev: b1\nParent: a1\nBranch names: left\nPath: /p/versions/b1.py\n\n    left: one\n\n\
                       Rev: a1 (branchpoint)\nParent: <base>\nBranches into: b1, b2\nPath: /p/versions/a1.py\n\n    Parent: x\n";
        let found = MigrationTool::Alembic.read_list(printed);
        assert_eq!(shown(&found), ["a1 Parent__x ", "b1 left__one a1", "b2  a1+b1", "c3 both b1+b2"]);
        assert_eq!(found[2].dependencies, ["b1"]);
        assert_eq!(found[0].file.as_deref(), Some(Path::new("/p/versions/a1.py")));
    }

    #[test]
    fn django_lists_its_plan() {
        let printed = "[ ]  contenttypes.0001_initial\n[ ]  auth.0001_initial ... (contenttypes.0001_initial)\n\
                       [X]  api.0023_add_user_id ... (api.0022_keys, auth.0001_initial)\nSystem check identified no issues\n";
        assert_eq!(
            shown(&MigrationTool::Django.read_list(printed)),
            [
                "contenttypes.0001_initial initial ",
                "auth.0001_initial initial contenttypes.0001_initial",
                "api.0023_add_user_id add_user_id api.0022_keys+auth.0001_initial"
            ]
        );
        assert_eq!(MigrationTool::Django.step_arguments("api.0023_a")[..3], ["migrate", "api", "0023_a"]);
    }

    #[test]
    fn the_files_of_installed_packages_are_none_of_the_project() {
        let project = tempfile::tempdir().expect("a directory");
        for name in [
            "api/migrations/0001_initial.py",
            "api/migrations/__pycache__/0001_initial.py",
            "api/models.py",
            "env/lib/auth/migrations/0001_initial.py",
            "env/pyvenv.cfg",
            "node_modules/a/migrations/a.js",
        ] {
            let path = project.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("made");
            std::fs::write(path, "x").expect("written");
        }
        let found = MigrationTool::Django.code_files(project.path()).expect("reads");
        assert_eq!(found.len(), 1);
        assert!(found[0].0.ends_with("api/migrations/0001_initial.py"));
    }
}
