//! `trueup doctor`: each examination on a real server, everything broken, and that no secret is shown.

mod broken;
mod bundle;
mod page;
mod rights;
mod secrets;
mod server;
mod store;
mod tls;

use std::fs;

use serde_json::Value;

use crate::support;
use crate::support::TestDatabase;
use crate::support::program::Program;
use crate::support::project::{Address, Project};

/// A compiled project with these settings, and a database that it was built in.
fn site(settings: &str) -> (Project, TestDatabase) {
    let project = Project::of_schema("CREATE TABLE users (id bigint PRIMARY KEY, name text);\n");
    configure(&project, settings);
    project.compile();
    let database = support::database();
    project.build(&database);
    (project, database)
}

/// Adds settings to the usual ones.
fn configure(project: &Project, settings: &str) {
    fs::write(project.path().join("trueup.toml"), format!("[project]\nname = \"doctor\"\n{settings}"))
        .unwrap();
}

fn doctor(project: &Project, at: &(impl Address + ?Sized)) -> Program {
    project.trueup(["doctor"], at).env("COLUMNS", "160")
}

fn document(program: Program, exit: i32) -> Value {
    program.args(["--format", "json"]).exit(exit).document()
}

/// An examination of a document.
fn examination<'d>(document: &'d Value, name: &str) -> &'d Value {
    let all = document["examinations"].as_array().unwrap();
    all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name}: {document:#}"))
}

/// What an examination comes to: `ok`, or `fail: connection.refused`.
fn result(document: &Value, name: &str) -> String {
    let found = examination(document, name);
    let problems = found["problems"].as_array();
    let codes: Vec<&str> =
        problems.into_iter().flatten().map(|problem| problem["code"].as_str().unwrap()).collect();
    let result = found["result"].as_str().unwrap();
    if codes.is_empty() { result.to_owned() } else { format!("{result}: {}", codes.join(", ")) }
}

/// Expects what examinations come to.
#[track_caller]
fn expect(document: &Value, wanted: &[(&str, &str)]) {
    for (name, wanted) in wanted {
        assert_eq!(result(document, name), *wanted, "{name}: {:#}", examination(document, name));
    }
}

/// Where a setting came from.
fn origin<'d>(document: &'d Value, name: &str) -> &'d str {
    let all = document["settings"].as_array().unwrap();
    let found = all.iter().find(|one| one["name"] == name).unwrap_or_else(|| panic!("{name}: {document:#}"));
    found["origin"].as_str().unwrap()
}

/// What an examination says in its row.
fn what<'d>(document: &'d Value, name: &str) -> &'d str {
    examination(document, name)["what"].as_str().unwrap()
}
