//! The files that a lock is compiled from.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::error::{ErrorCode, Failure};
use crate::migrations::tools::{ProjectMigrations, ToolSource};
use crate::migrations::{self, Migration};
use crate::postgres::sql::{read_file, without_bom};
use crate::text::hexadecimal;

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
        Self { path: path.into(), sha256: sha256(without_bom(text).replace("\r\n", "\n").as_bytes()) }
    }
}

/// What stands among the files for the values that were put into them.
const PLACEHOLDERS: &str = "the set of placeholder values";

/// The SHA-256 of some bytes, in hexadecimal.
pub(super) fn sha256(bytes: &[u8]) -> String {
    hexadecimal(&Sha256::digest(bytes))
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
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sources {
    /// The SQL files of `schema/` and of the directories in it, sorted by path.
    pub schema: Vec<SchemaFile>,
    /// `migrations/`, sorted by version.
    pub migrations: Vec<Migration>,
    /// The files of migrations that are programs, in any order.
    pub code: Vec<SchemaFile>,
    /// The values that were put into the migrations in the place of placeholders, by their names.
    pub placeholders: BTreeMap<String, String>,
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
    pub fn read_of(project: &Path, migrations: &Path, tool: Option<ToolSource<'_>>) -> Result<Self, Failure> {
        let sources = Self::read_any(project, migrations, tool)?;
        if sources.is_empty() {
            let shown = project.display();
            return Err(Failure::usage(format!(
                "{shown}: there is neither an SQL file in schema/ nor migrations/V*__*.sql"
            ))
            .code(ErrorCode::PROJECT_NOT_FOUND)
            .next("declare the schema in schema/, or name the project directory with --project"));
        }
        Ok(sources)
    }

    /// As [`Self::read_of`], of a project that need not have anything yet.
    ///
    /// # Errors
    /// Exit 2: unreadable files, wrong names.
    pub fn read_any(
        project: &Path,
        migrations: &Path,
        tool: Option<ToolSource<'_>>,
    ) -> Result<Self, Failure> {
        let mut schema = Vec::new();
        for path in schema_paths(&project.join("schema"))? {
            schema.push(SchemaFile { path: relative(project, &path), text: read_file(&path)? });
        }
        let code = match tool.and_then(|source| source.tool.code()) {
            Some(code) => code.files_with_texts(migrations)?,
            None => Vec::new(),
        };
        let code = code.into_iter().map(|(path, text)| SchemaFile { path: relative(project, &path), text });
        let ProjectMigrations { migrations, placeholders } = migrations::read_all(migrations, tool)?;
        Ok(Self { schema, migrations, code: code.collect(), placeholders })
    }

    /// Whether there is nothing to compile.
    pub fn is_empty(&self) -> bool {
        self.schema.is_empty() && self.migrations.is_empty() && self.code.is_empty()
    }

    /// The files with their hashes, sorted by path.
    pub fn inputs(&self, project: &Path) -> Vec<Input> {
        let schema = self.schema.iter().chain(&self.code).map(|file| Input::new(&file.path, &file.text));
        let migrations =
            self.migrations.iter().map(|file| Input::new(relative(project, &file.path), &file.sql));
        let values: String =
            self.placeholders.iter().map(|(name, value)| format!("{name}={value}\n")).collect();
        let values = (!values.is_empty()).then(|| Input::new(PLACEHOLDERS, &values));
        let mut inputs: Vec<_> = schema.chain(migrations).chain(values).collect();
        inputs.sort_by(|a, b| a.path.cmp(&b.path));
        inputs
    }
}

/// A path as messages and the lock say it.
pub(super) fn relative(project: &Path, path: &Path) -> String {
    let inner = path.strip_prefix(project).unwrap_or(path);
    inner.components().map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>().join("/")
}

/// The SQL files of `schema/` and of the directories in it, by path. What begins with a dot is left out.
fn schema_paths(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let mut paths = Vec::new();
    let mut directories = vec![directory.to_owned()];
    while let Some(directory) = directories.pop() {
        for path in entries(&directory)? {
            match entry_kind(&path)? {
                EntryKind::Directory => directories.push(path),
                EntryKind::Sql => paths.push(path),
                EntryKind::Other => {}
            }
        }
    }
    // The directory of the seeds holds rows, which are read elsewhere.
    let seeds = directory.join(SEEDS);
    let failures = paths.iter().map(|path| match path {
        path if path.starts_with(&seeds) => Err(invalid(path, "an SQL file, which is not read here")
            .next("move it into another directory of schema/; schema/seeds/ holds rows, as TOML and CSV")),
        path if path.to_str().is_none() => Err(invalid(path, "the file's name is not UTF-8")),
        _ => Ok(()),
    });
    Failure::collect(failures)?;
    paths.sort();
    Ok(paths)
}

/// The directory of `schema/` that holds rows.
const SEEDS: &str = "seeds";

enum EntryKind {
    Directory,
    Sql,
    Other,
}

/// What a path of `schema/` is. A link to a directory is not followed: it may lead out of the project, or in a circle. One
/// to a file is judged when the file is opened.
///
/// # Errors
/// Exit 2: a link to a directory that has SQL files, or directories, which may have some.
fn entry_kind(path: &Path) -> Result<EntryKind, Failure> {
    let is_sql = path.extension().is_some_and(|extension| extension == "sql");
    if !path.is_dir() {
        return Ok(if is_sql { EntryKind::Sql } else { EntryKind::Other });
    }
    if !path.is_symlink() {
        return Ok(EntryKind::Directory);
    }
    let may_have_sql = entries(path)?
        .iter()
        .any(|path| path.extension().is_some_and(|extension| extension == "sql") || path.is_dir());
    match may_have_sql {
        true => Err(invalid(
            path,
            "a symbolic link to a directory, which is not followed: its SQL files would not be read",
        )
        .next("put the directory itself in the place of the link")),
        false => Ok(EntryKind::Other),
    }
}

/// The paths in a directory; none where there is no directory.
fn entries(directory: &Path) -> Result<Vec<PathBuf>, Failure> {
    let unreadable = |error: std::io::Error| invalid(directory, &error.to_string());
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let paths = entries.map(|entry| entry.map(|entry| entry.path()).map_err(unreadable));
    let paths: Vec<PathBuf> = paths.collect::<Result<_, _>>()?;
    let is_hidden =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
    Ok(paths.into_iter().filter(|path| !is_hidden(path)).collect())
}

fn invalid(path: &Path, what: &str) -> Failure {
    Failure::usage(format!("{}: {what}", path.display())).code(ErrorCode::SCHEMA_INVALID)
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
        let failure = Sources::read(project.path(), &at("migrations")).expect_err("SQL among seeds");
        assert!(failure.what.contains("not read here") && failure.next.contains("TOML"), "{failure}");
    }

    #[test]
    fn directories_are_read_and_links_to_them_are_not() {
        let root = tempfile::tempdir().expect("a directory");
        let at = |name: &str| root.path().join(name);
        for directory in
            ["project/schema/app/views", "project/schema/.git", "project/shared", "outside", "empty"]
        {
            fs::create_dir_all(at(directory)).expect("made");
        }
        let inside = ["schema/b.sql", "schema/app/a.sql", "schema/app/views/v.sql", "schema/.git/x.sql"];
        for name in
            inside.map(|name| format!("project/{name}")).iter().map(String::as_str).chain(["outside/o.sql"])
        {
            fs::write(at(name), "select 1;").expect("written");
        }
        let project = at("project");
        let read = || Sources::read(&project, &project.join("migrations"));
        let paths: Vec<String> = read().expect("reads").schema.into_iter().map(|file| file.path).collect();
        assert_eq!(paths, ["schema/app/a.sql", "schema/app/views/v.sql", "schema/b.sql"]);
        // Neither a circle nor a directory without SQL stops anything.
        std::os::unix::fs::symlink(at("empty"), at("project/schema/empty")).expect("linked");
        assert_eq!(read().expect("reads").schema.len(), 3);
        fs::create_dir_all(at("nested/inner")).expect("made");
        fs::write(at("nested/inner/n.sql"), "select 1;").expect("written");
        for goal in [at("outside"), at("project/schema/app"), at("nested")] {
            let link = at("project/schema/app/link");
            std::os::unix::fs::symlink(&goal, &link).expect("linked");
            let failure = read().expect_err("a link");
            assert!(failure.what.contains("symbolic link to a directory"), "{failure}");
            fs::remove_file(&link).expect("removed");
        }
    }
}
