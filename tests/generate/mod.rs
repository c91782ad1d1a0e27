//! `trueup generate`: the migrations from what `migrations/` builds to what `schema/` declares.

mod issues;
mod locks;
mod page;
mod questions;
mod recipes;
mod refused;
mod reports;
mod types;

use std::fs;

use crate::support::program::Program;
use crate::support::project::Project;
use crate::support::{self, TestDatabase};

/// A project with a first migration, and a schema that declares something else.
fn project(before: &str, declared: &str) -> Project {
    let project = Project::of_schema(declared);
    fs::create_dir(project.path().join("migrations")).unwrap();
    fs::write(project.path().join("migrations/V1__base.sql"), before).unwrap();
    project
}

fn generate(project: &Project) -> Program {
    support::trueup(["generate"]).current_dir(project.path()).env("TRUEUP_PG_BIN", &support::server().bin_dir)
}

/// The names of the files in a directory of the project, in order.
fn files(project: &Project, directory: &str) -> Vec<String> {
    let entries = fs::read_dir(project.path().join(directory)).into_iter().flatten();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

fn text(project: &Project, file: &str) -> String {
    fs::read_to_string(project.path().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The statements of a migration, without comments and empty lines.
fn statements(project: &Project, file: &str) -> Vec<String> {
    let text = text(project, file);
    text.lines().filter(|line| !line.is_empty() && !line.starts_with("--")).map(str::to_owned).collect()
}

/// A database with the first migration.
fn at_first(project: &Project) -> TestDatabase {
    let database = support::database();
    upgrade(project, &database).args(["--to", "1"]).exit(0);
    database
}

fn upgrade(project: &Project, database: &TestDatabase) -> Program {
    project.trueup(["upgrade", "--yes"], database.url()).env("TRUEUP_PG_BIN", &support::server().bin_dir)
}

/// A database with rows after the first migration, to which the others are applied: all is as declared then.
fn upgraded(project: &Project, rows: &str) -> Result<TestDatabase, String> {
    project.trueup(["compile"], "").env("TRUEUP_PG_BIN", &support::server().bin_dir).exit(0);
    let database = at_first(project);
    database.try_query(rows).map_err(|why| format!("{why:#}"))?;
    let mut upgraded = upgrade(project, &database).args(["--contract"]).run();
    if upgraded.stdout().contains("next: trueup verify --fix") {
        project.trueup(["verify", "--fix", "--yes"], database.url()).exit(0);
        upgraded = upgrade(project, &database).args(["--contract"]).run();
    }
    if upgraded.code() != Some(0) {
        return Err(upgraded.shown());
    }
    let check = project.check(database.url()).run();
    if check.code() == Some(0) { Ok(database) } else { Err(check.shown()) }
}
