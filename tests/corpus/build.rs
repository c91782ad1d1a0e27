//! The project and the database of a case.

use std::fs;
use std::path::Path;

use tempfile::TempDir;
use trueup::migrations::checksum::{Width, written};
use trueup::migrations::{Migration, read_directory};

use super::repository;
use super::spec::{Case, versions};
use crate::support::TestDatabase;

/// Lays out the project directory.
pub(super) fn project(case: &Case) -> TempDir {
    let project = tempfile::tempdir().expect("a directory");
    let to = project.path();
    match case.spec.project.as_deref() {
        Some("reference") => {
            for folder in ["schema", "schema/seeds", "migrations"] {
                copy_folder(&repository().join(folder), &to.join(folder));
            }
            fs::copy(repository().join("trueup.toml"), to.join("trueup.toml")).expect("trueup.toml");
        }
        Some(other) => panic!("project = {other:?} is unknown"),
        None => {
            for (folder, files) in [("schema", case.schema_files()), ("migrations", case.migration_files())] {
                for file in files {
                    fs::create_dir_all(to.join(folder)).expect("a folder");
                    fs::copy(case.dir.join(&file), to.join(folder).join(&file)).expect("copied");
                }
            }
            fs::write(to.join("trueup.toml"), case.text("trueup.toml").unwrap_or_default()).expect("written");
        }
    }
    project
}

fn copy_folder(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_file() {
            fs::copy(&path, to.join(path.file_name().expect("a name"))).expect("copied");
        }
    }
}

/// Builds the database.
pub(super) fn database(case: &Case, project: &Path, database: &TestDatabase) {
    let spec = &case.spec;
    let schema = case.schema_files();
    if spec.model_in_live.unwrap_or(!schema.is_empty() && case.migration_files().is_empty()) {
        for file in &schema {
            database.exec(&case.text(file).expect("it is there"));
        }
    }
    if spec.apply.is_some() || spec.record.is_some() {
        make_history(database, spec.width);
    }
    for (ranges, run) in [(&spec.apply, true), (&spec.record, false)] {
        if let Some(ranges) = ranges {
            record(case, project, database, ranges, run);
        }
    }
    if spec.own {
        database.exec(include_str!("../../src/writer/schema.sql"));
    }
    if let Some(fixture) = &spec.fixture {
        load_fixture(case, project, database, fixture);
    }
    if let Some(live) = case.text("live.sql") {
        database.exec(&live);
    }
}

/// A fixture's SQL, and the history that its head names: `-- applied: 1..3`.
fn load_fixture(case: &Case, project: &Path, database: &TestDatabase, name: &str) {
    let path = repository().join("tests/fixtures").join(name).with_extension("sql");
    let sql = fs::read_to_string(path).expect("the fixture");
    database.exec(&sql);
    if let Some(applied) = sql.lines().find_map(|line| line.strip_prefix("-- applied: ")) {
        make_history(database, case.spec.width);
        record(case, project, database, applied, false);
    }
}

/// refinery's table, as refinery makes it.
fn make_history(database: &TestDatabase, width: Option<u8>) {
    let version = if width == Some(8) { "INT8" } else { "INT4" };
    database.exec(&format!(
        "CREATE TABLE refinery_schema_history(version {version} PRIMARY KEY, name VARCHAR(255), \
         applied_on VARCHAR(255), checksum VARCHAR(255))"
    ));
}

/// Records versions as refinery does; with `run`, runs them first.
fn record(case: &Case, project: &Path, database: &TestDatabase, ranges: &str, run: bool) {
    let ranges = versions(ranges);
    let migrations = read_directory(&project.join("migrations")).expect("migrations");
    let width = if case.spec.width == Some(8) { Width::Eight } else { Width::Four };
    for migration in migrations.iter().filter(|one| ranges.iter().any(|range| range.contains(&one.version))) {
        if run {
            database.exec(&migration.sql);
        }
        let applied = as_applied(case, migration);
        database.exec(&format!(
            "INSERT INTO refinery_schema_history VALUES ({}, '{}', '2025-02-03T09:30:00Z', '{}')",
            applied.version,
            applied.name,
            written(&applied, width)
        ));
    }
}

/// The migration as it was when it was applied.
fn as_applied(case: &Case, migration: &Migration) -> Migration {
    let mut applied = migration.clone();
    if case.spec.edited.contains(&applied.version) {
        applied.sql.push_str("-- as it was when it was applied\n");
    }
    if let Some(name) = &case.spec.recorded_name {
        applied.name.clone_from(name);
    }
    match case.spec.spelling.as_deref() {
        None => {}
        Some("crlf") => applied.sql = applied.sql.replace('\n', "\r\n"),
        Some("bom") => applied.sql.insert(0, '\u{feff}'),
        Some("no-final-newline") => applied.sql.truncate(applied.sql.trim_end().len()),
        Some(other) => panic!("spelling = {other:?} is unknown"),
    }
    applied
}
