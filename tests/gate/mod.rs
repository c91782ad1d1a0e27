//! `trueup gate`: each conclusion of each section on a real server, the verdict over them, and what the verdict is bound to.

mod around;
mod bound;
mod locks;
mod many;
mod outside;
mod page;
mod schema;
mod snapshot;
mod stalled;
mod stories;
mod verdict;

use std::fs;

use serde_json::Value;

use crate::support;
use crate::support::TestDatabase;
use crate::support::program::Program;
use crate::support::project::Project;

/// What the first migration makes.
const BASE: &str =
    "CREATE TABLE users (id bigint PRIMARY KEY, name text);\nCREATE TABLE orders (id bigint);\n";

/// A compiled project of a base and these migrations, which have the versions from 2 on, with these settings beside the usual ones.
fn project(settings: &str, migrations: &[&str]) -> Project {
    let project = Project::of_schema(BASE);
    fs::remove_dir_all(project.path().join("schema")).unwrap();
    fs::create_dir(project.path().join("migrations")).unwrap();
    for (index, sql) in [BASE].iter().chain(migrations).enumerate() {
        fs::write(project.path().join(format!("migrations/V{}__m.sql", index + 1)), sql).unwrap();
    }
    configure(&project, settings);
    project.compile();
    project
}

/// Adds settings to the usual ones.
fn configure(project: &Project, settings: &str) {
    let text = format!("[project]\nname = \"gate\"\n[backup]\nrequired = \"never\"\n{settings}");
    fs::write(project.path().join("trueup.toml"), text).unwrap();
}

/// A database in which the base is applied.
fn at_base(project: &Project) -> TestDatabase {
    let database = support::database();
    project.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    database
}

fn gate(project: &Project, database: &TestDatabase) -> Program {
    project.trueup(["gate"], database).env("COLUMNS", "200")
}

/// The document of a gate that ends with this exit code.
fn document(project: &Project, database: &TestDatabase, args: &[&str], exit: i32) -> Value {
    gate(project, database).args(args).args(["--format", "json"]).exit(exit).document()
}

/// A section of a document.
fn section<'d>(document: &'d Value, name: &str) -> &'d Value {
    let sections = document["sections"].as_array().unwrap();
    sections.iter().find(|section| section["name"] == name).unwrap_or_else(|| panic!("{name}: {document:#}"))
}

/// What a section comes to.
fn conclusion<'d>(document: &'d Value, name: &str) -> &'d str {
    section(document, name)["conclusion"].as_str().unwrap()
}

/// The conclusion of a section of a gate that ends with this exit code, and its document.
fn judged(project: &Project, database: &TestDatabase, name: &str, exit: i32) -> (String, Value) {
    let found = document(project, database, &[], exit);
    (conclusion(&found, name).to_owned(), found)
}

/// The codes of a section's findings.
fn codes(document: &Value, name: &str) -> Vec<String> {
    let findings = section(document, name)["findings"].as_array().unwrap();
    findings.iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
}
