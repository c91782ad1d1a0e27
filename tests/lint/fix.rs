//! `trueup lint --fix`: what is written, what it comes to, and what is refused.

use tempfile::TempDir;

use super::{compile, project, trueup};
use crate::support;
use crate::support::program::Program;

fn fix(project: &TempDir, args: &[&str]) -> Program {
    let args: Vec<&str> = ["lint", "--fix"].into_iter().chain(args.iter().copied()).collect();
    trueup(project, &args).env("TRUEUP_PG_BIN", &support::server().bin_dir)
}

fn text(project: &TempDir, name: &str) -> String {
    std::fs::read_to_string(project.path().join("migrations").join(name)).unwrap()
}

/// The names of the migrations.
fn names(project: &TempDir) -> Vec<String> {
    let entries = std::fs::read_dir(project.path().join("migrations")).unwrap();
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn what_makes_others_wait_is_written_so_that_nobody_does() {
    let project = project(&[
        "ALTER TABLE users ADD COLUMN mail text;\n\n-- For the list.\nCREATE INDEX users_name ON users (name);\n",
        "CREATE UNIQUE INDEX orders_id ON orders (id);",
        "ALTER TABLE users ADD CONSTRAINT users_name CHECK (name <> '');",
        "ALTER TABLE users ALTER COLUMN name SET NOT NULL;\nALTER TABLE users ALTER name SET DEFAULT 'x';",
        "-- trueup: contract\nALTER TABLE users ADD CONSTRAINT users_mail UNIQUE (mail);\nSELECT 1;",
        "ALTER TABLE users ALTER id SET NOT NULL, ADD CHECK (id > 0);",
    ]);
    let versions = ["2", "3", "4", "5", "6", "7"];
    // Nobody can be asked: what would be written is shown, and nothing is.
    fix(&project, &versions).exit(4).says([
        "11 files would be written",
        "-CREATE INDEX users_name ON users (name);",
        "+-- V8__users_name.sql builds the index.",
        "no terminal to ask at; nothing was written",
    ]);
    assert_eq!(names(&project).len(), 7);
    fix(&project, &[&versions[..], &["--yes"]].concat()).exit(1).says([
        "not fixed: migrations/V7__m.sql:1:1: only CREATE INDEX",
        "new: migrations/V8__users_name.sql",
        "written: 11 files, proved to make the same schema",
        "trueup compile",
    ]);
    assert_eq!(
        text(&project, "V2__m.sql"),
        "ALTER TABLE users ADD COLUMN mail text;\n\n-- For the list.\n-- V8__users_name.sql builds the index.\n"
    );
    assert_eq!(
        text(&project, "V8__users_name.sql"),
        "-- Taken out of V2__m.sql: nobody waits while it is built.\n-- trueup: no-transaction\n\
         CREATE INDEX CONCURRENTLY users_name ON users (name);\n"
    );
    assert_eq!(
        text(&project, "V3__m.sql"),
        "-- trueup: no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY orders_id ON orders (id);"
    );
    assert_eq!(
        text(&project, "V5__m.sql"),
        "ALTER TABLE users ADD CONSTRAINT users_name_is_set CHECK (name IS NOT NULL) NOT VALID;\nALTER TABLE users ALTER name SET DEFAULT 'x';"
    );
    assert!(
        text(&project, "V12__index_users_mail.sql")
            .contains("-- trueup: contract\n-- trueup: no-transaction\n")
    );
    compile(&project);
    trueup(&project, &["lint", "2", "3", "4", "5", "6", "8", "9", "10", "11", "12", "13"])
        .exit(0)
        .lacks(["blocks.index", "blocks.scan"]);
}

#[test]
fn what_comes_to_something_else_is_not_written() {
    // The second statement needs the index of the first.
    let project = project(&[
        "CREATE UNIQUE INDEX orders_id ON orders (id);\nINSERT INTO orders VALUES (1) ON CONFLICT (id) DO NOTHING;",
        "ALTER TABLE users ADD CONSTRAINT users_name CHECK (name <> '');",
    ]);
    let before = text(&project, "V2__m.sql");
    fix(&project, &["2", "--yes"])
        .exit(4)
        .says(["does not make the same schema; nothing was written", "ON CONFLICT"]);
    assert_eq!((names(&project).len(), text(&project, "V2__m.sql")), (3, before));
    // Somebody has looked at this statement as it is.
    let allowed = "-- trueup: allow fails.name_length: agreed\nALTER TABLE users ADD CONSTRAINT users_name CHECK (name <> '');";
    std::fs::write(project.path().join("migrations/V3__m.sql"), allowed).unwrap();
    fix(&project, &["3", "--yes"])
        .exit(1)
        .says(["V3__m.sql:2:1: an allow stands above it", "nothing to write"]);
    // What is released cannot be known.
    fix(&project, &["--yes"]).exit(2).says(["which migrations are released", "--since REF"]);
    std::fs::write(
        project.path().join("migrations/V3__m.down.sql"),
        "ALTER TABLE users DROP CONSTRAINT users_name;",
    )
    .unwrap();
    fix(&project, &["3", "--yes"])
        .exit(1)
        .says(["not fixed: migrations/V3__m.sql:2:1: it has a down script", "nothing to write"]);
    assert_eq!(names(&project).len(), 4);
}
