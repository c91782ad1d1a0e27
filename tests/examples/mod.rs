//! The examples of `examples/`: every command of an example's README is run in order, and prints what the README shows.
//!
//! A test copies the example to a place of its own, with a server of its own, and runs the README there:
//!
//!     let story = Story::of("fastapi-alembic", "platform").with_python(&python).with_scheme("postgresql+psycopg");
//!     story.is_as_told();
//!     assert_eq!(story.value("SELECT count(*) FROM api_keys WHERE user_id IS NULL"), "0");
//!
//! `UPDATE_EXPECTED=1` writes what was printed into the README, and compiles `trueup.lock`. `readme.rs` has the form of a README.

mod readme;

mod django_checklist;
mod ecs_organizations;
mod fastapi_alembic;
mod gym_platform;
mod sqlalchemy_users;

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use similar::TextDiff;
use tempfile::TempDir;

use self::readme::Readme;
use crate::support::cluster::Cluster;
use crate::support::program::Program;
use crate::support::{self, steady::is_identifier};

/// What a README calls the server of the tests.
const ADDRESS: &str = "localhost:5432";

/// An example, its copy, and the server on which its story happens.
pub(crate) struct Story {
    name: &'static str,
    database: &'static str,
    place: TempDir,
    pub(crate) server: Cluster,
    /// Directories of programs, before those of the machine.
    programs: Vec<PathBuf>,
    /// What `DATABASE_URL` begins with.
    scheme: &'static str,
}

impl Story {
    /// A copy of `examples/NAME`, and a server without the database that it is about: the README begins with `createdb`.
    /// Role `app` runs all commands. It can create databases and roles, and is no superuser.
    pub(crate) fn of(name: &'static str, database: &'static str) -> Self {
        let (place, server) = (tempfile::tempdir().unwrap(), Cluster::start(&[]));
        server.psql("ALTER ROLE app CREATEDB CREATEROLE");
        copy(&original(name), &place.path().join(name));
        let bin = place.path().join("bin");
        fs::create_dir(&bin).unwrap();
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_trueup"), bin.join("trueup")).unwrap();
        let programs = vec![bin, server.bin_dir().to_owned()];
        Self { name, database, place, server, programs, scheme: "postgresql" }
    }

    /// With Python and what `scripts/tools` installed beside it: `python`, `alembic`.
    pub(crate) fn with_python(mut self, python: &Path) -> Self {
        self.programs.insert(1, python.parent().unwrap().to_owned());
        self
    }

    /// With a `DATABASE_URL` as SQLAlchemy has it: `postgresql+psycopg`.
    pub(crate) fn with_scheme(mut self, scheme: &'static str) -> Self {
        self.scheme = scheme;
        self
    }

    /// The directory of the copy.
    pub(crate) fn directory(&self) -> PathBuf {
        self.place.path().join(self.name)
    }

    /// The database of the story.
    pub(crate) fn url(&self) -> String {
        self.server.url("app@127.0.0.1", self.database)
    }

    /// The one value that a query returns in the database of the story.
    #[track_caller]
    pub(crate) fn value(&self, sql: &str) -> String {
        let mut rows = support::try_query_at(&self.url(), sql).unwrap();
        assert_eq!(rows.len(), 1, "one row: {sql}");
        rows.remove(0).remove(0).expect("not NULL")
    }

    /// A line of a shell, in the directory of the copy. Both streams are one, as at a terminal.
    fn shell(&self, line: &str) -> Program {
        let line = line.replace(ADDRESS, &format!("127.0.0.1:{}", self.server.port));
        let machine = std::env::var_os("PATH").unwrap_or_default();
        let programs = self.programs.iter().cloned().chain(std::env::split_paths(&machine));
        let path: OsString = std::env::join_paths(programs).unwrap();
        Program::of("sh")
            .args(["-c", &format!("exec 2>&1\n{line}")])
            .current_dir(self.directory())
            .env("PATH", path)
            .env("TRUEUP_PG_BIN", self.server.bin_dir())
            // A fast machine keeps nothing between two compilations; a slow one is not to say how much it has replayed.
            .env("TRUEUP_CACHE", "/dev/null")
            .env("DATABASE_URL", self.url().replacen("postgres", self.scheme, 1))
            .envs([("PGHOST", "127.0.0.1"), ("PGUSER", "app"), ("PGDATABASE", self.database)])
            .env("PGPORT", self.server.port.to_string())
            .envs([("COLUMNS", "100"), ("NO_COLOR", "1")])
            .envs([("PYTHONDONTWRITEBYTECODE", "1"), ("PYTHONUNBUFFERED", "1")])
    }

    /// What a line of the README prints, with the names that the README has for those of this run, and its exit code where it
    /// is another than 0.
    fn prints(&self, line: &str) -> String {
        let ran = self.shell(line).start().ends_within(Duration::from_secs(60));
        let port = self.server.port.to_string();
        let said = ran
            .said()
            .replace(&format!("127.0.0.1:{port}"), ADDRESS)
            .replace("127.0.0.1", "localhost")
            .replace(&port, "5432")
            .replace(self.place.path().to_str().unwrap(), "/srv");
        let lines: Vec<&str> = said.trim_end().trim_start_matches('\n').lines().map(str::trim_end).collect();
        let said = lines.join("\n");
        match ran.code() {
            Some(0) => said,
            Some(code) if said.is_empty() => format!("[exit {code}]"),
            Some(code) => format!("{said}\n[exit {code}]"),
            None => panic!("{}", ran.shown()),
        }
    }

    /// Runs the README, and holds what its commands print against what it shows.
    #[track_caller]
    pub(crate) fn is_as_told(&self) {
        let update = std::env::var_os("UPDATE_EXPECTED").is_some();
        self.has_its_lock(update);
        let path = original(self.name).join("README.md");
        let told = Readme::parse(&fs::read_to_string(&path).unwrap());
        let found = self.happens(&told);
        let (expected, printed) = (told.steady(), found.steady());
        if expected == printed {
            return;
        }
        if update {
            fs::write(path, found.text()).unwrap();
            return;
        }
        let diff = TextDiff::from_lines(expected.as_str(), &printed);
        panic!(
            "examples/{}/README.md: UPDATE_EXPECTED=1 accepts what was printed\n{}",
            self.name,
            diff.unified_diff().context_radius(4).header("README.md", "printed")
        );
    }

    /// The README as it would be after this run. An identifier that is typed is the one of this run in the place of the
    /// README's, in the order in which they are printed; one that was not printed is the last of them.
    fn happens(&self, told: &Readme) -> Readme {
        let (mut names, mut ours) = (Vec::new(), Vec::new());
        told.map_commands(|command| {
            let mut line = command.line.clone();
            for name in identifiers(&command.line) {
                let at = names.iter().position(|known| *known == name);
                let own: Option<&String> = at.and_then(|at| ours.get(at)).or(ours.last());
                line = line.replace(&name, own.unwrap_or(&name));
            }
            let output = self.prints(&line);
            for (list, text) in [(&mut names, &command.output), (&mut ours, &output)] {
                for identifier in identifiers(text) {
                    if !list.contains(&identifier) {
                        list.push(identifier);
                    }
                }
            }
            readme::Command { line, output }
        })
    }

    /// `trueup.lock` is what the project's files make.
    #[track_caller]
    fn has_its_lock(&self, update: bool) {
        if update {
            self.shell("trueup compile").exit(0);
            fs::copy(self.directory().join("trueup.lock"), original(self.name).join("trueup.lock")).unwrap();
        }
        self.shell("trueup compile --check").exit(0);
    }
}

/// The identifiers of runs and backups in a text.
fn identifiers(text: &str) -> Vec<String> {
    let words = text.split(|between: char| !between.is_ascii_alphanumeric());
    words.filter(|word| word.starts_with('0') && is_identifier(word)).map(str::to_owned).collect()
}

fn original(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

/// Copies what is committed, and not what somebody's own run has left (`examples/.gitignore`).
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let copied = to.join(path.file_name().unwrap());
        if ["backups", ".venv", "__pycache__"].iter().any(|left| path.ends_with(left)) {
            continue;
        }
        if path.is_dir() {
            copy(&path, &copied);
        } else {
            fs::copy(&path, &copied).unwrap();
        }
    }
}
