//! What a migration may be, and what is said of one that may not: the same when it is compiled and when it is applied.
//! Always the real binary.

mod borders;
mod down;
mod dumps;
mod footprints;
mod foreign;
mod limits;
mod numbers;

use std::fs;

use crate::support::TestDatabase;
use crate::support::project::{Project, SETTINGS};

/// A project of these files, by their paths, without a lock file; `settings` are added to trueup.toml.
fn project(settings: &str, files: &[(&str, &str)]) -> Project {
    let project = Project::of_schema("");
    fs::remove_dir_all(project.path().join("schema")).unwrap();
    for (name, sql) in files {
        write(&project, name, sql);
    }
    fs::write(project.path().join("trueup.toml"), format!("{SETTINGS}{settings}")).unwrap();
    project
}

fn write(project: &Project, name: &str, sql: &str) {
    let path = project.path().join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, sql).unwrap();
}

/// The history's versions, in order; empty where there is no history.
fn applied(database: &TestDatabase) -> String {
    if database.value("SELECT to_regclass('public.refinery_schema_history') IS NULL") == "t" {
        return String::new();
    }
    database.value(
        "SELECT coalesce(string_agg(version::text, ' ' ORDER BY version), '') FROM public.refinery_schema_history",
    )
}
