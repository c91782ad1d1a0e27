//! The golden cases of `check`: each folder of `tests/cases/check/` is a project, a way to build a database, and
//! the document that `trueup check` prints about the two.
//!
//! A folder holds:
//!
//! - `schema.sql`, or `schema-<n>.sql`: become `schema/`
//! - `V<version>__<name>.sql`: become `migrations/`
//! - `trueup.toml`
//! - `case.toml`: see [`Spec`]
//! - `live.sql`: what was done to the database by hand; its first line says what is expected
//! - `expected.json`: the document without what changes from run to run; and `expected.txt`: the human output
//! - `expected.across_16.json` and `.txt`: what is expected instead where one server is older than 16 and the other is
//!   not: they print views differently, so a view that differs there has the cause `unknown`
//! - `expected.since_17.json`: what is expected instead where the database's server is 17 or newer, which have the
//!   privilege MAINTAIN
//!
//! The database is built in this order: the model, the applied migrations with their history, the fixture,
//! `live.sql`.

mod build;
mod expect;
mod fix;
mod spec;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

pub(crate) use spec::Case;

use crate::support::TestServer;

/// How many cases run at a time.
const THREADS: usize = 4;

/// Where the databases are, and where the model is compiled: often the same server.
#[derive(Clone)]
pub(crate) struct Servers {
    pub(crate) live: Arc<TestServer>,
    pub(crate) compile: Arc<TestServer>,
}

/// What became of the corpus.
#[derive(Default)]
pub(crate) struct Report {
    /// Cases that are as expected.
    pub(crate) passed: Vec<String>,
    /// Cases that these servers cannot run, and why.
    pub(crate) skipped: Vec<(String, String)>,
    /// Cases that are not as expected, and how.
    pub(crate) failed: Vec<(String, String)>,
}

impl Report {
    /// Fails the test with every difference of every failed case.
    pub(crate) fn assert_passed(&self) {
        for (name, why) in &self.skipped {
            eprintln!("skipped {name}: {why}");
        }
        let told: Vec<_> = self.failed.iter().map(|(name, why)| format!("== {name}\n{why}")).collect();
        assert!(
            self.failed.is_empty(),
            "{} of {} cases are not as expected; UPDATE_EXPECTED=1 accepts what `check` has found\n\n{}",
            self.failed.len(),
            self.failed.len() + self.passed.len(),
            told.join("\n")
        );
    }
}

/// `tests/cases/check`.
pub(crate) fn directory() -> PathBuf {
    repository().join("tests/cases/check")
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every case whose name contains `filter`, by name.
pub(crate) fn cases(filter: &str) -> Vec<Case> {
    let mut names: Vec<_> = std::fs::read_dir(directory())
        .expect("tests/cases/check")
        .map(|entry| entry.expect("an entry").file_name().into_string().expect("a name in UTF-8"))
        .filter(|name| name.contains(filter))
        .collect();
    names.sort();
    names.iter().map(|name| Case::read(&directory().join(name))).collect()
}

/// Runs cases, some at a time. With `update`, what was found becomes what is expected.
pub(crate) fn run(cases: &[Case], servers: &Servers, update: bool) -> Report {
    each(cases, servers, &|case, servers| run_one(case, servers, update))
}

/// Lets `check --fix` repair the databases of cases, some at a time.
pub(crate) fn fix(cases: &[Case], servers: &Servers) -> Report {
    each(cases, servers, &fix::run)
}

fn each(
    cases: &[Case],
    servers: &Servers,
    work: &(dyn Fn(&Case, &Servers) -> Result<(), String> + Sync),
) -> Report {
    let next = AtomicUsize::new(0);
    let report = Mutex::new(Report::default());
    let worker = || {
        while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
            let name = case.name.clone();
            let outcome = match case.unfit(servers) {
                Some(why) => Err(why),
                // A case that cannot be built must not hide the others.
                None => Ok(catch_unwind(AssertUnwindSafe(|| work(case, servers)))
                    .unwrap_or_else(|panic| Err(said(panic.as_ref())))),
            };
            let mut report = report.lock().expect("no panic");
            match outcome {
                Ok(Ok(())) => report.passed.push(name),
                Ok(Err(why)) => report.failed.push((name, why)),
                Err(why) => report.skipped.push((name, why)),
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(worker);
        }
    });
    let mut report = report.into_inner().expect("no panic");
    report.failed.sort();
    report.skipped.sort();
    report
}

fn run_one(case: &Case, servers: &Servers, update: bool) -> Result<(), String> {
    let project = build::project(case);
    let database = servers.live.database();
    build::database(case, project.path(), &database);
    let scratch = servers.compile.database();
    let found = expect::run(case, project.path(), &database, &scratch);
    if update {
        found.write(case);
        return Ok(());
    }
    found.compare(case)
}

fn said(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
}
