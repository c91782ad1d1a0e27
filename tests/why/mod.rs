//! `trueup why`: what the error of an application means for a database.

mod drivers;
mod page;
mod rows;
mod schema;
mod server;
mod text;
mod touch;

use std::fs;
use std::path::Path;

use crate::support::program::Program;
use crate::support::project::{Address, Project};
use crate::support::{self, TestDatabase};

/// The reference project, compiled: its migrations end with V8.
fn reference() -> Project {
    let project = Project::reference();
    fs::copy(Path::new(env!("CARGO_MANIFEST_DIR")).join("trueup.lock"), project.lock()).unwrap();
    project
}

/// The reference project, and a database in which all of it is applied.
fn site() -> (Project, TestDatabase) {
    let (project, database) = (reference(), support::database());
    project.build(&database);
    (project, database)
}

/// The reference project, and a database that is behind it.
fn behind(version: &str) -> (Project, TestDatabase) {
    let (project, database) = (reference(), support::database());
    project.trueup(["upgrade", "--yes", "--to", version], &database).exit(0);
    (project, database)
}

/// `trueup why TEXT`, where no PostgreSQL programs can be found.
fn why(project: &Project, at: &(impl Address + ?Sized), text: &str) -> Program {
    project.without_postgres(["why"], at).arg(text)
}

/// The same for the role of an application.
fn why_as(project: &Project, at: &(impl Address + ?Sized), role: &str, text: &str) -> Program {
    project.without_postgres(["why", "--role", role], at).arg(text)
}

/// The name of a role that no other test has.
fn role_of(database: &TestDatabase, name: &str) -> String {
    let role = format!("{name}_{}", database.name());
    database.exec(&format!("CREATE ROLE {role} LOGIN"));
    role
}
