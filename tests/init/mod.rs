//! `trueup init`: the first hour of a project, beside another tool or in its place.

mod from_database;
mod start;
mod taken_over;

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::support::program::Program;
use crate::support::{self, TestDatabase};

/// An application's directory with these files.
fn application(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), files);
    directory
}

fn write(directory: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = directory.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

/// trueup in that directory, with a database if one is given.
fn trueup(directory: &TempDir, args: &[&str], database: Option<&TestDatabase>) -> Program {
    let program =
        support::trueup(args).current_dir(directory.path()).env("TRUEUP_PG_BIN", &support::server().bin_dir);
    match database {
        Some(database) => program.env("DATABASE_URL", database.url()),
        None => program.env_remove("DATABASE_URL"),
    }
}

fn read(directory: &TempDir, name: &str) -> String {
    fs::read_to_string(directory.path().join(name)).unwrap()
}
