//! One incident: the reference project as it is committed, a database, and the transcript of what is done to it.

use std::cell::RefCell;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use similar::TextDiff;
use tempfile::TempDir;
use trueup::migrations::checksum::{Width, written};
use trueup::migrations::read_directory;

use crate::support::steady::{steady, unwrapped};
use crate::support::{self, TestDatabase};

/// An incident that is being told.
pub(crate) struct Incident {
    name: &'static str,
    project: TempDir,
    pub(crate) database: TestDatabase,
    /// Names of this run, and the words that stand for them.
    words: RefCell<Vec<(String, &'static str)>>,
    transcript: RefCell<String>,
}

impl Incident {
    /// The project of the code that is running, and an empty database.
    pub(crate) fn new(name: &'static str) -> Self {
        let project = tempfile::tempdir().unwrap();
        for folder in ["schema", "schema/seeds", "migrations", "checks"] {
            copy_folder(&repository().join(folder), &project.path().join(folder));
        }
        for file in ["trueup.toml", "trueup.lock"] {
            fs::copy(repository().join(file), project.path().join(file)).unwrap();
        }
        let database = support::database();
        let words = RefCell::new(vec![
            (project.path().to_str().unwrap().to_owned(), "PROJECT"),
            (database.socket_dir().to_str().unwrap().to_owned(), "SOCKET"),
            (database.name().to_owned(), "DATABASE"),
            (database.server.version.to_string(), "VERSION"),
        ]);
        Self { name, project, database, words, transcript: RefCell::default() }
    }

    /// The legacy database: a file of `tests/fixtures/`, with the history that its head names (`-- applied: 1..3`).
    pub(crate) fn legacy(name: &'static str, fixture: &str) -> Self {
        let incident = Self::new(name);
        let sql = fs::read_to_string(repository().join("tests/fixtures").join(fixture)).unwrap();
        incident.database.exec(&sql);
        if let Some(applied) = sql.lines().find_map(|line| line.strip_prefix("-- applied: ")) {
            let (_, last) = applied.split_once("..").unwrap();
            incident.record(last.parse().unwrap(), false);
        }
        incident
    }

    /// The history up to a version, as refinery writes it; with `run`, the migrations are run, too.
    pub(crate) fn record(&self, last: i64, run: bool) {
        self.database.exec(
            "CREATE TABLE refinery_schema_history(version INT4 PRIMARY KEY, name VARCHAR(255), \
             applied_on VARCHAR(255), checksum VARCHAR(255))",
        );
        let migrations = read_directory(&self.project.path().join("migrations")).unwrap();
        for migration in migrations.iter().filter(|migration| migration.version <= last) {
            if run {
                self.database.exec(&migration.sql);
            }
            self.database.exec(&format!(
                "INSERT INTO refinery_schema_history VALUES ({}, '{}', '2025-02-03T09:30:00Z', '{}')",
                migration.version,
                migration.name,
                written(migration, Width::Four)
            ));
        }
    }

    /// Adds to `trueup.toml`.
    pub(crate) fn settings(&self, text: &str) {
        let path = self.project.path().join("trueup.toml");
        let before = fs::read_to_string(&path).unwrap();
        fs::write(path, format!("{before}\n{text}")).unwrap();
    }

    /// A name of this run that the transcript has another word for.
    pub(crate) fn call(&self, name: &str, word: &'static str) {
        self.words.borrow_mut().push((name.to_owned(), word));
    }

    /// What an operator types. Returns what is shown.
    #[track_caller]
    pub(crate) fn types(&self, line: &str, code: i32) -> String {
        self.types_at(self.database.url(), line, code)
    }

    /// As [`Self::types`], with another `DATABASE_URL`.
    #[track_caller]
    pub(crate) fn types_at(&self, url: &str, line: &str, code: i32) -> String {
        assert!(line.starts_with("trueup "), "{line}");
        let trueup = support::trueup(line.split(' ').skip(1)).current_dir(self.project.path());
        let ran = trueup.env("DATABASE_URL", url).env("COLUMNS", "120").env("NO_COLOR", "1").exit(code);
        // In the order in which it is seen: the plan and the progress, then the report.
        let said = format!("{}{}", ran.stderr(), ran.stdout());
        self.tell(&format!("$ {line}\n\n{}\n[exit {code}]", said.trim()));
        said
    }

    /// SQL that the operator runs by hand.
    #[track_caller]
    pub(crate) fn by_hand(&self, sql: &str) {
        self.database.exec(sql);
        self.tell(&format!("by hand: {}", on_one_line(sql)));
    }

    /// The application's statement fails, with this error.
    #[track_caller]
    pub(crate) fn fails(&self, url: &str, sql: &str, error: &str) {
        let why = match support::try_query_at(url, sql) {
            Ok(rows) => panic!("{}: it works: {sql}\n{rows:?}", self.name),
            Err(why) => format!("{why:#}"),
        };
        assert!(why.contains(error), "{}: {why}", self.name);
        self.tell(&format!("application: {}\n  ERROR: {error}", on_one_line(sql)));
    }

    /// The application's statement works. Its rows, as text.
    #[track_caller]
    pub(crate) fn works(&self, url: &str, sql: &str) -> Vec<String> {
        let rows = match support::try_query_at(url, sql) {
            Ok(rows) => rows,
            Err(why) => panic!("{}: {why:#}\n{sql}", self.name),
        };
        let line = |row: &support::Row| {
            let values = row.iter().map(|value| value.as_deref().unwrap_or("NULL"));
            values.collect::<Vec<_>>().join(" | ")
        };
        let lines: Vec<String> = rows.iter().map(line).collect();
        let shown: String = lines.iter().fold(String::new(), |mut shown, line| {
            let _ = write!(shown, "\n  {line}");
            shown
        });
        self.tell(&format!("application: {}{shown}\n  ({} rows)", on_one_line(sql), lines.len()));
        lines
    }

    fn tell(&self, text: &str) {
        let mut transcript = self.transcript.borrow_mut();
        for line in unwrapped(text).lines() {
            let mut line = line.trim_end().to_owned();
            // A table stays one.
            let in_a_table = line.starts_with('│');
            for (name, word) in self.words.borrow().iter() {
                let width = if in_a_table { name.len() } else { 0 };
                line = line.replace(name, &format!("{word:<width$}"));
            }
            transcript.push_str(&steady(&line));
            transcript.push('\n');
        }
        transcript.push('\n');
    }

    /// Holds the transcript against the one that is kept.
    #[track_caller]
    pub(crate) fn is_as_told(&self) {
        let path = repository().join("tests/incidents").join(self.name).with_extension("txt");
        let found = self.transcript.borrow();
        let found = format!("{}\n", found.trim_end());
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            fs::write(path, found).unwrap();
            return;
        }
        let expected = fs::read_to_string(&path).unwrap_or_default();
        let diff = TextDiff::from_lines(expected.as_str(), &found);
        assert!(
            expected == found,
            "{}: UPDATE_EXPECTED=1 accepts what was found\n{}",
            self.name,
            diff.unified_diff().context_radius(4).header("expected", "found")
        );
    }
}

fn on_one_line(sql: &str) -> String {
    sql.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
        }
    }
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The identifier after these words in what was shown.
#[track_caller]
pub(crate) fn identifier_after(said: &str, words: &str) -> String {
    let Some((_, after)) = said.split_once(words) else { panic!("no {words:?} in: {said}") };
    after.split_whitespace().next().unwrap().to_owned()
}

/// The SQL that a check shows to be run.
#[track_caller]
pub(crate) fn sql_shown(said: &str) -> String {
    let words = "SQL that makes the database as declared (read it before you run it):\n";
    let Some((_, after)) = said.split_once(words) else { panic!("no SQL in: {said}") };
    after.lines().take_while(|line| !line.is_empty()).collect::<Vec<_>>().join("\n")
}
