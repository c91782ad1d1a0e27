//! Names and versions of files.

use std::fs;

use super::{applied, project, write};
use crate::support;

#[test]
fn all_wrong_names_are_told_in_one_run_with_what_to_do() {
    let files =
        ["V1.1__a", "R__views", "U1__a", "V2__b.up", "0003_c"].map(|name| format!("migrations/{name}.sql"));
    let files: Vec<(&str, &str)> = files.iter().map(|name| (name.as_str(), "SELECT 1;\n")).collect();
    let project = project("", &files);
    project.trueup(["compile"], &support::database()).exit(2).says([
        "V1.1__a.sql: not a migration's name: a version is a whole number",
        "R__views.sql: not a migration's name: trueup has no repeatable migrations",
        "rename it V1__a.down.sql",
        "rename it V2__b.sql",
        "rename it V3__c.sql",
    ]);
}

#[test]
fn a_migration_that_was_renumbered_after_it_was_applied_is_known_by_its_text() {
    let first = ("migrations/V1__items.sql", "CREATE TABLE items (id int);\n");
    let tags = "CREATE TABLE tags (id int);\n";
    for (others, rename) in [
        (&[][..], "rename V6__tags.sql so that it has version 5 again"),
        (
            &[("migrations/V5__notes.sql", "CREATE TABLE notes (id int);\n")],
            "rename V6__tags.sql so that it has version 5 again, and give V5__notes a version that is not applied",
        ),
    ] {
        let project = project("", &[first, ("migrations/V5__tags.sql", tags)]);
        let database = support::database();
        project.trueup(["upgrade", "--yes"], &database).exit(0);
        fs::remove_file(project.path().join("migrations/V5__tags.sql")).unwrap();
        write(&project, "migrations/V6__tags.sql", tags);
        for (name, text) in others {
            write(&project, name, text);
        }
        project.trueup(["compile"], &database).exit(0);
        let told = "version 5 was applied with the text that is now V6__tags: the file was renumbered";
        project.trueup(["upgrade", "--yes"], &database).exit(4).says([told, rename]);
        for to in ["0", "1"] {
            let down = project.trueup(["downgrade", "--to", to, "--yes"], &database).case(to).exit(4);
            down.says([told, rename, "no migration is reverted"]);
        }
        project.trueup(["check"], &database).exit(1).says("renumbered");
        project.trueup(["status"], &database).exit(1).says("it was renumbered");
        assert_eq!(applied(&database), "1 5");
        // What is said mends it.
        fs::rename(
            project.path().join("migrations/V6__tags.sql"),
            project.path().join("migrations/V5__tags.sql"),
        )
        .unwrap();
        for (name, text) in others {
            fs::remove_file(project.path().join(name)).unwrap();
            write(&project, "migrations/V7__notes.sql", text);
        }
        project.trueup(["upgrade", "--yes"], &database).exit(0);
        project.trueup(["check"], &database).exit(0);
    }
}
