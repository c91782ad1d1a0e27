//! Runs of `trueup upgrade` that are cut: what stays, what the next command says, and that the same command goes on.

mod every_boundary;
mod lost_answers;
mod script_commits;
mod server_gone;
mod signals;
mod statements;
mod taken_over;

use std::fs;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::TestDatabase;
use crate::support::project::{Project, SETTINGS};

/// A project of these migrations, whose model is what they build; compiled.
fn project(migrations: &[(&str, &str)], model: &str, settings: &str) -> Project {
    let project = Project::of_schema(model);
    fs::create_dir(project.path().join("migrations")).unwrap();
    for (name, sql) in migrations {
        fs::write(project.path().join(format!("migrations/{name}.sql")), sql).unwrap();
    }
    project.compile();
    let toml = format!("{SETTINGS}[database]\nconnect_timeout = \"3s\"\n{settings}");
    fs::write(project.path().join("trueup.toml"), toml).unwrap();
    project
}

/// `trueup upgrade --yes`, with nobody at a terminal.
fn upgrade(project: &Project, url: &str) -> Command {
    let mut command = project.command(&["upgrade", "--yes"], url);
    command.stdin(Stdio::null());
    command
}

/// Started, with both streams to be read at the end.
fn start(mut command: Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn pid(child: &Child) -> Pid {
    Pid::from_raw(i32::try_from(child.id()).unwrap())
}

/// Waits for a process that has to end within a bound; its exit code and what it said.
#[track_caller]
fn ends_within(mut child: Child, bound: Duration) -> (Option<i32>, String) {
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if began.elapsed() > bound {
            child.kill().unwrap();
            panic!("it did not end within {bound:?}: {}", said(child));
        }
        std::thread::sleep(Duration::from_millis(10));
    };
    (status.code(), said(child))
}

fn said(child: Child) -> String {
    let mut said = String::new();
    for stream in [&mut child.stdout.unwrap() as &mut dyn std::io::Read, &mut child.stderr.unwrap()] {
        stream.read_to_string(&mut said).unwrap();
    }
    said
}

#[track_caller]
fn wait_for(what: &str, happened: impl Fn() -> bool) {
    let began = Instant::now();
    while !happened() {
        assert!(began.elapsed() < Duration::from_secs(30), "{what} does not happen");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// The working session of a run, as `pg_stat_activity` has it.
const WORKER: &str = "datname = current_database() AND application_name LIKE 'trueup/% upgrade'";

/// Waits until the run is in a statement like this.
#[track_caller]
fn wait_for_statement(database: &TestDatabase, like: &str) {
    let sql = format!(
        "SELECT count(*) FROM pg_stat_activity WHERE {WORKER} AND state = 'active' AND query LIKE '{like}'"
    );
    wait_for(like, || database.value(&sql) != "0");
}

/// Whether there is such a thing: the one value is `t`.
fn holds(database: &TestDatabase, condition: &str) -> bool {
    database.value(&format!("SELECT {condition}")) == "t"
}

/// What goes on with the same command: exit 0, everything applied once, nothing left open, and clean.
#[track_caller]
fn resumes(project: &Project, database: &TestDatabase, migrations: usize) {
    let output = upgrade(project, database.url()).arg("--strict").output().unwrap();
    clean(&output);
    applied_once(database, migrations);
    assert_eq!(
        database.value(
            "SELECT count(*) FROM trueup.steps s WHERE s.state = 'started'
             AND NOT EXISTS (SELECT FROM trueup.steps r WHERE r.action = 'resolve' AND r.version = s.version)"
        ),
        "0"
    );
    assert_eq!(database.value("SELECT count(*) FROM pg_index WHERE NOT indisvalid"), "0");
}

#[track_caller]
fn clean(output: &Output) {
    crate::support::project::expect(output, 0, &[]);
}

#[track_caller]
fn applied_once(database: &TestDatabase, migrations: usize) {
    let counts = "SELECT (SELECT count(*) FROM public.refinery_schema_history) || ' '
                      || (SELECT count(DISTINCT version) FROM public.refinery_schema_history) || ' '
                      || (SELECT count(*) FROM trueup.migrations)";
    assert_eq!(database.value(counts), format!("{migrations} {migrations} {migrations}"));
}

fn send(child: &Child, signal: Signal) {
    kill(pid(child), signal).unwrap();
}
