//! Faults that a command which writes meets when others are there, too: other runs, readers, dumps, poolers, settings,
//! servers that take no writes. Always the real binary.

mod blocked;
mod clock;
mod failover;
mod history;
mod many;
mod migration_files;
mod placed;
mod pooled;
mod role;
mod trojans;

use std::fs;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::other::Other;
use crate::support::project::{Project, SETTINGS};
use crate::support::{self, TestDatabase};

/// A table with some rows, and one that changes it under the strongest lock.
const TABLE: &str = "CREATE TABLE public.items (id int PRIMARY KEY, name text);\n\
    INSERT INTO public.items SELECT n, 'item ' || n FROM generate_series(1, 100) AS n;\n";
const CHANGE: &str = "ALTER TABLE public.items ADD COLUMN note text;\n";

/// A compiled project of these migrations, by file name; `settings` are added to trueup.toml. Its model is what the
/// migrations come to.
fn project(settings: &str, migrations: &[(&str, &str)]) -> Project {
    let project = uncompiled(settings, migrations);
    project.compile();
    project
}

/// The same without a lock file.
fn uncompiled(settings: &str, migrations: &[(&str, &str)]) -> Project {
    let model: String = migrations
        .iter()
        .flat_map(|(_, sql)| sql.lines())
        .filter(|line| !line.starts_with("--") && !line.starts_with("INSERT"))
        .map(|line| format!("{}\n", line.replace(" CONCURRENTLY", "")))
        .collect();
    let project = Project::of_schema(&model);
    fs::create_dir(project.path().join("migrations")).unwrap();
    for (name, sql) in migrations {
        fs::write(project.path().join("migrations").join(name), sql).unwrap();
    }
    fs::write(project.path().join("trueup.toml"), format!("{SETTINGS}{settings}")).unwrap();
    project
}

/// Limits short enough for a test to wait for them.
const SHORT: &str = "[migrations]\nlock_timeout = \"1s\"\nlock_budget = \"5s\"\n";

/// `trueup upgrade --yes`, where no PostgreSQL binaries can be found: trueup.lock is all there is.
fn upgrade(project: &Project, url: &str) -> Command {
    let mut command = project.command(&["upgrade", "--yes"], url);
    let nothing = project.path().join("nothing");
    fs::create_dir_all(&nothing).unwrap();
    command.env("PATH", &nothing).env("TRUEUP_PG_BIN", &nothing);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// What must not have come into being where a command refused before it changed anything.
#[track_caller]
fn untouched(database: &TestDatabase) {
    // The server may notice a little later than we that a client has gone.
    let locks = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    wait_for("end of the lock", || database.value(locks) == "0");
    let left = database.query(
        "SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
         WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
         UNION ALL SELECT nspname FROM pg_namespace WHERE nspname = 'trueup'",
    );
    assert_eq!(left, Vec::<support::Row>::new());
}

/// The history's versions and names, in order.
fn applied(database: &TestDatabase) -> Vec<String> {
    // Without an operator: there are tests in which these are trojans.
    let rows = database.query("SELECT version, name FROM public.refinery_schema_history ORDER BY version");
    rows.into_iter().map(|row| row.into_iter().flatten().collect::<Vec<_>>().join(" ")).collect()
}

#[track_caller]
fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < Duration::from_secs(30), "no {what} after 30 s");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn signal(pid: u32, signal: Signal) {
    kill(Pid::from_raw(i32::try_from(pid).unwrap()), signal).unwrap();
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
