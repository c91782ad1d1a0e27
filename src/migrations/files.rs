//! The files of `migrations/`: `V<version>__<name>.sql`, and `.down.sql` beside it.
//!
//! trueup matches the names by a stricter pattern than refinery, whose pattern is not anchored, reads `V1__it's` as
//! "it", and panics on `|3__x`. What it accepts, refinery reads alike; see [`super::refinery`].

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use smol_str::SmolStr;

use super::names::FileName;
use super::tools::ToolRevision;
use super::{Directives, MigrationId};
use crate::error::{ErrorCode, Failure};
use crate::postgres::sql::{read_file, read_file_in, without_bom};

/// One migration of the project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The version: a number or a timestamp.
    pub version: i64,
    /// The name: the part between `__` and `.sql`.
    pub name: String,
    /// The file.
    pub path: PathBuf,
    /// The text as it is stored, byte order mark and line endings included: checksums need it.
    pub sql: String,
    /// The down script, if there is one.
    pub down: Option<PathBuf>,
    /// The directives in its comments.
    pub directives: Directives,
    /// What another tool calls it, where that keeps it.
    pub revision: Option<ToolRevision>,
    /// The revisions that the tool applies before it, where it keeps more than their order.
    pub parents: Vec<SmolStr>,
}

const PATTERN: &str = "migrations are named V<version>__<name>.sql: a version of digits (at most 9223372036854775807), two \
                 underscores, a name of letters, digits and underscores; for example V3__add_username.sql, \
                 V3__add_username.down.sql";

/// Reads all migrations of a directory, sorted by version. A directory that does not exist has none.
/// Hidden files, and files that are not named `.sql`, are no migrations.
///
/// # Errors
/// Exit 2, with file and line: wrong names, a version twice, a down script without its migration, an empty file,
/// unreadable files (see [`read_file`]), wrong directives. The SQL itself is not looked at.
pub fn read_directory(directory: &Path) -> Result<Vec<Migration>, Failure> {
    let mut scripts: BTreeMap<i64, (FileName, Entry)> = BTreeMap::new();
    let mut downs = Vec::new();
    let mut failures = Vec::new();
    for entry in files_of(directory)? {
        match file_name(&entry) {
            Ok(None) => {}
            Ok(Some(name)) if name.down => downs.push((name, entry.path)),
            Ok(Some(name)) => match scripts.get(&name.version) {
                Some((_, other)) => failures.push(twice(name.version, &other.path, &entry.path)),
                None => {
                    scripts.insert(name.version, (name, entry));
                }
            },
            Err(failure) => failures.push(failure),
        }
    }
    let mut reverted = BTreeSet::new();
    for (name, path) in &downs {
        let up = scripts.get(&name.version).filter(|(migration, _)| migration.name == name.name);
        if up.is_none() || !reverted.insert(name.version) {
            failures.push(nothing_to_revert(name, path));
        }
    }
    let read = read_all(directory, scripts.into_values().collect());
    let found = Failure::collect(failures.into_iter().map(Err).chain([read]))?;
    let mut found: BTreeMap<i64, Migration> =
        found.into_iter().flatten().map(|migration| (migration.version, migration)).collect();
    for (name, path) in downs {
        if let Some(migration) = found.get_mut(&name.version) {
            migration.down = Some(path);
        }
    }
    Ok(found.into_values().collect())
}

fn twice(version: i64, first: &Path, second: &Path) -> Failure {
    Failure::usage(format!("version {version} twice: {} and {}", first.display(), second.display()))
        .code(ErrorCode::MIGRATIONS_INVALID)
        .next("give one of them another version; the one that is applied somewhere keeps its version")
}

fn nothing_to_revert(name: &FileName, path: &Path) -> Failure {
    let shown = path.display();
    let up = MigrationId { version: name.version, name: &name.name, revision: None };
    Failure::usage(format!("{shown}: reverts {up}.sql, which does not exist"))
        .code(ErrorCode::MIGRATIONS_INVALID)
        .next("name it like its migration, with .down.sql, or remove it")
}

/// The number of files from which on several threads read them: most of the time is spent on opening files.
const MANY: usize = 500;
/// The number of threads at most.
const THREADS: usize = 4;

/// Reads the files, in their order.
fn read_all(directory: &Path, scripts: Vec<(FileName, Entry)>) -> Result<Vec<Migration>, Failure> {
    let open = File::open(directory).ok();
    let open = open.as_ref();
    let read = |(name, entry): (FileName, Entry)| {
        let sql = match open {
            Some(directory) if entry.is_file() => read_file_in(directory, &entry.path),
            _ => read_file(&entry.path),
        }?;
        migration(entry.path, name, sql)
    };
    if scripts.len() < MANY {
        return Failure::collect(scripts.into_iter().map(read));
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from).clamp(1, THREADS);
    let share = scripts.len().div_ceil(threads);
    let mut shares: Vec<Vec<_>> = Vec::with_capacity(threads);
    let mut scripts = scripts.into_iter().peekable();
    while scripts.peek().is_some() {
        shares.push(scripts.by_ref().take(share).collect());
    }
    let outcomes: Vec<Result<Vec<Migration>, Failure>> = std::thread::scope(|scope| {
        let begin = |share: Vec<(FileName, Entry)>| {
            let all = move || Failure::collect(share.into_iter().map(read));
            std::thread::Builder::new().spawn_scoped(scope, all)
        };
        let readers: Vec<_> = shares.into_iter().map(begin).collect();
        readers
            .into_iter()
            .map(|reader| {
                let reader = reader.map_err(|error| no_thread(&error))?;
                reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    });
    Ok(Failure::collect(outcomes)?.into_iter().flatten().collect())
}

/// This machine lets no further thread start (exit 3).
fn no_thread(error: &io::Error) -> Failure {
    Failure::cannot_tell(format!("reading the migrations: no thread can be started: {error}"))
        .code(ErrorCode::MACHINE_RESOURCES)
        .next("raise the limit of processes (ulimit -u), then run the same command again")
}

/// An entry of a directory.
struct Entry {
    path: PathBuf,
    /// The type that the directory entry has; `None` for a symbolic link, which must be followed to know.
    kind: Option<fs::FileType>,
}

impl Entry {
    fn is_dir(&self) -> bool {
        self.kind.map_or_else(|| self.path.is_dir(), |kind| kind.is_dir())
    }

    /// Whether it is known to be a regular file.
    fn is_file(&self) -> bool {
        self.kind.is_some_and(|kind| kind.is_file())
    }
}

fn files_of(directory: &Path) -> Result<Vec<Entry>, Failure> {
    let unreadable = |error: std::io::Error| {
        Failure::usage(format!("{}: {error}", directory.display())).code(ErrorCode::MIGRATIONS_INVALID)
    };
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.map_err(unreadable)?;
        let kind = entry.file_type().ok().filter(|kind| !kind.is_symlink());
        found.push(Entry { path: entry.path(), kind });
    }
    // They are compared as bytes: comparing paths parses them every time.
    found.sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
    Ok(found)
}

/// `None` for files that are no migrations.
fn file_name(entry: &Entry) -> Result<Option<FileName>, Failure> {
    let path = &entry.path;
    let lossy = path.file_name().unwrap_or_default().to_string_lossy();
    if lossy.starts_with('.') {
        return Ok(None);
    }
    let refuse = |what: &str| {
        Failure::usage(format!("{}: {what}", path.display()))
            .code(ErrorCode::MIGRATIONS_INVALID)
            .next(PATTERN)
    };
    if entry.is_dir() {
        // refinery would look into it.
        let holds_sql =
            files_of(path)?.iter().any(|inner| inner.path.extension().is_some_and(|found| found == "sql"));
        return if holds_sql {
            Err(refuse("a directory of scripts; all migrations are in one directory"))
        } else {
            Ok(None)
        };
    }
    // What stands in the place of what is not UTF-8 is in no name.
    FileName::read(&lossy).map_err(|what| refuse(&what))
}

fn migration(path: PathBuf, name: FileName, sql: String) -> Result<Migration, Failure> {
    if without_bom(&sql).trim().is_empty() {
        return Err(Failure::usage(format!("{}: line 1: the file is empty; expected SQL", path.display()))
            .code(ErrorCode::MIGRATIONS_INVALID)
            .next(
                "write the migration, or remove the file; a migration without statements needs a comment",
            ));
    }
    let directives = Directives::read(&path, &sql)?;
    if let Some(left) = directives.leaves.first() {
        return Err(Failure::usage(format!(
            "{}: `leaves {left}` has a meaning in a down script only",
            path.display()
        ))
        .code(ErrorCode::MIGRATIONS_INVALID)
        .next("put the directive into the .down.sql beside it"));
    }
    let FileName { version, name, .. } = name;
    Ok(Migration { version, name, path, sql, down: None, directives, revision: None, parents: Vec::new() })
}

impl Migration {
    /// Its version and its name.
    pub fn id(&self) -> MigrationId<'_> {
        MigrationId { version: self.version, name: &self.name, revision: self.revision.as_ref() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Exit;

    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().expect("a directory");
        for (name, text) in files {
            fs::write(directory.path().join(name), text).expect("written");
        }
        directory
    }

    #[test]
    fn sorted_by_number_with_their_down_scripts() {
        let directory = directory(&[
            ("V10__ten.sql", "select 10;"),
            ("V2__two.sql", "-- trueup: contract\nselect 2;"),
            ("V2__two.down.sql", "select -2;"),
            ("V20260102030405__stamp_é.sql", "-- nothing to do\n"),
            ("README.md", "words"),
            (".V3__swap.sql.swp", ""),
        ]);
        let migrations = read_directory(directory.path()).expect("reads");
        let found: Vec<_> = migrations.iter().map(|found| (found.version, found.name.as_str())).collect();
        assert_eq!(found, [(2, "two"), (10, "ten"), (20_260_102_030_405, "stamp_é")]);
        assert!(migrations[0].down.as_ref().is_some_and(|down| down.ends_with("V2__two.down.sql")));
        assert!(migrations[0].directives.contract && !migrations[1].directives.contract);
        assert_eq!(migrations[0].id().to_string(), "V2__two");
        assert!(read_directory(&directory.path().join("absent")).expect("reads").is_empty());
    }

    #[test]
    fn f38_wrong_files_are_named() {
        for (files, words) in [
            (&[("V1__a.sql", "select 1;"), ("V01__b.sql", "select 1;")][..], "version 1 twice"),
            (&[("V1__a.sql", "select 1;"), ("V1__b.sql", "select 1;")], "version 1 twice"),
            (&[("V1__a.sql", "\u{feff} \n")], "line 1: the file is empty"),
            (&[("V1_a.sql", "select 1;")], "not a migration's name"),
            (&[("1__a.sql", "select 1;")], "not a migration's name"),
            (&[("V1__.sql", "select 1;")], "not a migration's name"),
            (&[("V1__it's.sql", "select 1;")], "not a migration's name"),
            (&[("V1.2__a.sql", "select 1;")], "not a migration's name"),
            (&[("|3__x.sql", "select 1;")], "not a migration's name"),
            (&[("U1__a.sql", "select 1;")], "not a migration's name"),
            (&[("V1__a.SQL", "select 1;")], "not a migration's name"),
            (&[("V9223372036854775808__a.sql", "select 1;")], "not a migration's name"),
            (&[("V1__a.rs", "fn main() {}")], "written in Rust"),
            (&[("V1__a.sql", "select 1;"), ("V1__b.down.sql", "select 1;")], "reverts V1__b.sql"),
        ] {
            let failure = read_directory(directory(files).path()).expect_err(words);
            assert!(failure.what.contains(words), "{}", failure.what);
            assert_eq!(failure.exit, Exit::Usage);
        }
    }

    #[test]
    fn all_wrong_files_are_told_at_once() {
        let directory = directory(&[
            ("V1.1__a.sql", "select 1;"),
            ("R__views.sql", "select 1;"),
            ("U1__a.sql", "select 1;"),
            ("V2__b.up.sql", "select 1;"),
            ("V3__empty.sql", ""),
            ("V4__c.sql", "-- trueup: nonsense\nselect 1;"),
            ("V5__d.down.sql", "select 1;"),
        ]);
        let failure = read_directory(directory.path()).expect_err("wrong");
        assert_eq!(failure.what.lines().count(), 7, "{}", failure.what);
        for words in [
            "V1.1__a.sql",
            "R__views.sql",
            "V1__a.down.sql",
            "rename it V2__b.sql",
            "V3__empty",
            "nonsense",
            "V5__d",
        ] {
            assert!(failure.what.contains(words), "{words}: {}", failure.what);
        }
        assert_eq!(failure.next.matches("migrations are named").count(), 1, "{}", failure.next);
    }

    #[test]
    fn f38_unreadable_files_are_named() {
        let directory = directory(&[]);
        std::os::unix::fs::symlink("gone.sql", directory.path().join("V1__a.sql")).expect("linked");
        let failure = read_directory(directory.path()).expect_err("dangling");
        assert!(failure.what.contains("V1__a.sql: a symbolic link to gone.sql"), "{}", failure.what);
        fs::remove_file(directory.path().join("V1__a.sql")).expect("removed");
        fs::create_dir(directory.path().join("more")).expect("made");
        fs::write(directory.path().join("more/V1__a.sql"), "select 1;").expect("written");
        let failure = read_directory(directory.path()).expect_err("a directory");
        assert!(failure.what.contains("a directory of scripts"), "{}", failure.what);
    }
}
