//! Which project a database belongs to: a directory's name is none of a project's.

use std::fs;
use std::path::{Path, PathBuf};

use super::project;
use crate::support::program::Program;
use crate::support::project::Project;
use crate::support::{self, TestDatabase};

const FILES: &[(&str, &str)] = &[
    ("migrations/V1__items.sql", "CREATE TABLE items (id int PRIMARY KEY);\n"),
    ("migrations/V2__note.sql", "ALTER TABLE items ADD COLUMN note text;\n"),
];
const UNNAMED: &str = "[backup]\nrequired = \"never\"\n[environments.staging]\n";

/// A project without a name, in a directory of this name.
fn unnamed(root: &Path, directory: &str) -> PathBuf {
    let project = project("", FILES);
    let to = root.join(directory);
    copy(project.path(), &to);
    fs::write(to.join("trueup.toml"), UNNAMED).unwrap();
    to
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

fn trueup(directory: &Path, database: &TestDatabase, args: &[&str]) -> Program {
    support::trueup(args).current_dir(directory).env("DATABASE_URL", database.url())
}

fn marked(database: &TestDatabase) -> String {
    database.value("SELECT project FROM trueup.mark")
}

#[test]
fn a_project_without_a_name_may_be_moved() {
    let (root, database) = (tempfile::tempdir().unwrap(), support::database());
    let first = unnamed(root.path(), "shop");
    trueup(&first, &database, &["upgrade", "--yes", "--to", "1"]).exit(0);
    assert_eq!(marked(&database), "", "no name was invented");
    let moved = root.path().join("elsewhere");
    fs::rename(&first, &moved).unwrap();
    trueup(&moved, &database, &["upgrade", "--yes"]).exit(0).says("V2__note");
    trueup(&moved, &database, &["status"]).exit(0).lacks("marked as project").says("project not named");
    let document = trueup(&moved, &database, &["check"]).document();
    assert!(document["target"]["project"].is_null(), "{document:#}");
    trueup(&moved, &database, &["environment", "set", "staging", "--yes"]).exit(0);
    trueup(&moved, &database, &["environment", "set", "staging", "--yes"]).exit(0).says("nothing to do");
    // It is given a name: the next command that writes says so in the database, and another project is refused.
    fs::write(moved.join("trueup.toml"), format!("[project]\nname = \"shop\"\n{UNNAMED}")).unwrap();
    trueup(&moved, &database, &["downgrade", "--to", "2", "--yes"]).exit(0);
    trueup(&moved, &database, &["environment", "set", "staging", "--yes"]).exit(0);
    assert_eq!(marked(&database), "shop");
    trueup(&unnamed(root.path(), "other"), &database, &["upgrade", "--yes"]).exit(4);
}

/// Marks that were made when a directory's name was taken for the project's.
#[test]
fn the_mark_of_a_directory_is_kept_and_the_remedy_of_another_one_works() {
    let (root, database) = (tempfile::tempdir().unwrap(), support::database());
    let first = unnamed(root.path(), "shop");
    trueup(&first, &database, &["upgrade", "--yes", "--to", "1"]).exit(0);
    database.exec("UPDATE trueup.mark SET project = 'shop'");
    trueup(&first, &database, &["upgrade", "--yes", "--dry-run"]).exit(0);
    let cloned = unnamed(root.path(), "a-clone");
    let remedy = "name = \"shop\" under [project] in trueup.toml";
    for args in [&["upgrade", "--yes"][..], &["environment", "set", "staging", "--yes"]] {
        trueup(&cloned, &database, args).exit(4).says(["project \"shop\"", remedy, "target: database"]);
    }
    trueup(&cloned, &database, &["check"]).exit(1).says("marked as project \"shop\"'s");
    fs::write(cloned.join("trueup.toml"), format!("[project]\nname = \"shop\"\n{UNNAMED}")).unwrap();
    trueup(&cloned, &database, &["upgrade", "--yes"]).exit(0).says("V2__note");
    assert_eq!(marked(&database), "shop");
}

#[test]
fn a_project_that_was_renamed_is_told_its_old_name() {
    let (project, database) = (project("", FILES), support::database());
    project.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    let rename = |project: &Project, name: &str| {
        let toml = format!("[project]\nname = \"{name}\"\n[backup]\nrequired = \"never\"\n");
        fs::write(project.path().join("trueup.toml"), toml).unwrap();
    };
    rename(&project, "renamed");
    project.trueup(["upgrade", "--yes"], &database).exit(4).says([
        "project \"faults\"",
        "project \"renamed\"",
        "name = \"faults\" under [project]",
    ]);
    rename(&project, "faults");
    project.trueup(["upgrade", "--yes"], &database).exit(0);
}
