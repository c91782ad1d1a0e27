//! The files that a lock is compiled from.

use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::error::{ErrorCode, Failure};
use crate::migrations::tools::SqlTool;
use crate::migrations::{self, Migration};
use crate::postgres::sql::{read_file, without_bom};

/// One file, as the lock remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Input {
    /// The path in the project, with `/`.
    pub path: String,
    /// SHA-256 of the text without byte order mark and with LF, in hexadecimal: a checkout does not change it.
    pub sha256: String,
}

impl Input {
    /// Hashes a text.
    pub fn new(path: impl Into<String>, text: &str) -> Self {
        let digest = Sha256::digest(without_bom(text).replace("\r\n", "\n").as_bytes());
        let sha256 = digest.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(hexadecimal).collect();
        Self { path: path.into(), sha256 }
    }
}

fn hexadecimal(nibble: u8) -> char {
    char::from_digit(u32::from(nibble), 16).unwrap_or_default()
}

/// One file of `schema/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaFile {
    /// The path in the project, with `/`: what messages and the lock say.
    pub path: String,
    /// The text as it lies on the disk.
    pub text: String,
}

impl SchemaFile {
    /// The files of `schema/` that can be read: for whoever only looks something up in them. What is wrong with the others
    /// is said when they are compiled.
    pub fn readable(project: &Path) -> Vec<Self> {
        let paths = schema_paths(&project.join("schema")).unwrap_or_default();
        let read =
            |path: PathBuf| Some(Self { path: relative(project, &path), text: read_file(&path).ok()? });
        paths.into_iter().filter_map(read).collect()
    }
}

/// All that a project declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sources {
    /// `schema/*.sql`, sorted by name.
    pub schema: Vec<SchemaFile>,
    /// `migrations/`, sorted by version.
    pub migrations: Vec<Migration>,
}

impl Sources {
    /// Reads the directory of a project, and that of its migrations.
    ///
    /// # Errors
    /// As [`Self::read_of`].
    pub fn read(project: &Path, migrations: &Path) -> Result<Self, Failure> {
        Self::read_of(project, migrations, None)
    }

    /// Reads the directory of a project, and that of its migrations, which another tool may keep.
    ///
    /// # Errors
    /// Exit 2: unreadable files, wrong names (see [`migrations::read_all`]), a project without any of
    /// the two.
    pub fn read_of(project: &Path, migrations: &Path, tool: Option<SqlTool>) -> Result<Self, Failure> {
        let mut schema = Vec::new();
        for path in schema_paths(&project.join("schema"))? {
            schema.push(SchemaFile { path: relative(project, &path), text: read_file(&path)? });
        }
        let migrations = migrations::read_all(migrations, tool)?;
        if schema.is_empty() && migrations.is_empty() {
            let shown = project.display();
            return Err(Failure::usage(format!(
                "{shown}: there is neither schema/*.sql nor migrations/V*__*.sql"
            ))
            .code(ErrorCode::PROJECT_NOT_FOUND)
            .next("declare the schema in schema/, or name the project directory with --project"));
        }
        Ok(Self { schema, migrations })
    }

    /// The files with their hashes, sorted by path.
    pub fn inputs(&self, project: &Path) -> Vec<Input> {
        let schema = self.schema.iter().map(|file| Input::new(&file.path, &file.text));
        let migrations =
            self.migrations.iter().map(|file| Input::new(relative(project, &file.path), &file.sql));
        let mut inputs: Vec<_> = schema.chain(migrations).collect();
        inputs.sort_by(|a, b| a.path.cmp(&b.path));
        inputs
    }
}

/// A path as messages and the lock say it.
pub(super) fn relative(project: &Path, path: &Path) -> String {
    let inner = path.strip_prefix(project).unwrap_or(path);
    inner.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

fn schema_paths(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("{}: {error}", directory.display())).code(ErrorCode::SCHEMA_INVALID)
    };
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut paths = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if schema_paths(&path)?.is_empty() {
                continue;
            }
            return Err(Failure::usage(format!(
                "{}: a directory with SQL files, which are not read",
                path.display()
            ))
            .code(ErrorCode::SCHEMA_INVALID)
            .next("move them into schema/ itself; subdirectories are not read"));
        }
        if name.ends_with(".sql") {
            if path.file_name().is_some_and(|name| name.to_str().is_none()) {
                return Err(Failure::usage(format!("{}: the file's name is not UTF-8", path.display()))
                    .code(ErrorCode::SCHEMA_INVALID));
            }
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checkouts_do_not_change_the_hash() {
        let plain = Input::new("a", "select 1;\nselect 2;\n");
        assert_eq!(plain.sha256.len(), 64);
        assert_eq!(Input::new("a", "\u{feff}select 1;\r\nselect 2;\r\n"), plain);
        assert_ne!(Input::new("a", "select 1;\nselect 3;\n"), plain);
        let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(Input::new("a", "").sha256, empty);
    }

    #[test]
    fn sources_are_sorted_and_complete() {
        let project = tempfile::tempdir().expect("a directory");
        let at = |name: &str| project.path().join(name);
        assert!(
            Sources::read(project.path(), &at("migrations"))
                .expect_err("nothing there")
                .what
                .contains("neither")
        );
        fs::create_dir_all(at("schema/seeds")).expect("made");
        fs::create_dir_all(at("migrations")).expect("made");
        for name in ["schema/b.sql", "schema/a.sql", "schema/notes.txt", "migrations/V1__a.sql"] {
            fs::write(at(name), "select 1;").expect("written");
        }
        let sources = Sources::read(project.path(), &at("migrations")).expect("reads");
        let paths: Vec<_> = sources.inputs(project.path()).into_iter().map(|input| input.path).collect();
        assert_eq!(paths, ["migrations/V1__a.sql", "schema/a.sql", "schema/b.sql"]);
        fs::write(at("schema/seeds/x.sql"), "select 1;").expect("written");
        assert!(
            Sources::read(project.path(), &at("migrations"))
                .expect_err("a directory")
                .what
                .contains("are not read")
        );
    }
}
