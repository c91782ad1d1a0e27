//! Runs of `trueup upgrade` that are cut: what stays, what the next command says, and that the same command goes on.

mod every_boundary;
mod lost_answers;
mod script_commits;
mod server_gone;
mod signals;
mod statements;
mod taken_over;

use std::fs;

use crate::support::program::Program;
use crate::support::project::{Address, Project, SETTINGS};
use crate::support::{TestDatabase, wait_for};

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

fn upgrade(project: &Project, at: &(impl Address + ?Sized)) -> Program {
    project.trueup(["upgrade", "--yes"], at)
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
    upgrade(project, database).arg("--strict").exit(0);
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
fn applied_once(database: &TestDatabase, migrations: usize) {
    let counts = "SELECT (SELECT count(*) FROM public.refinery_schema_history) || ' '
                      || (SELECT count(DISTINCT version) FROM public.refinery_schema_history) || ' '
                      || (SELECT count(*) FROM trueup.migrations)";
    assert_eq!(database.value(counts), format!("{migrations} {migrations} {migrations}"));
}
