//! What an applied migration makes and `schema/` does not declare.

use std::fs;

use super::{found, project};
use crate::support;

#[test]
fn the_line_to_add_comes_first() {
    let project = project(
        "",
        &[
            ("schema/users.sql", "CREATE TABLE users (id int PRIMARY KEY, name text);\n"),
            ("schema/tags.sql", "CREATE TABLE tags (id int PRIMARY KEY);\n"),
            (
                "migrations/V1__users.sql",
                "CREATE TABLE users (id int PRIMARY KEY, name text);\nCREATE TABLE tags (id int PRIMARY KEY);\n",
            ),
            (
                "migrations/V2__nickname.sql",
                "ALTER TABLE users ADD COLUMN nickname text DEFAULT 'x' NOT NULL;\n\
                 CREATE INDEX users_name_idx ON users (name);\nALTER TABLE users ALTER COLUMN name SET DEFAULT 'y';\n\
                 CREATE TABLE notes (id int PRIMARY KEY, text text);\n",
            ),
        ],
    );
    let database = support::database();
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    let ran = project.trueup(["check", "--format", "json"], &database).exit(1);
    let document = ran.document();
    let mut causes = found(&document);
    causes.sort();
    assert_eq!(
        causes,
        [
            "column.default public.users.name: undeclared",
            "column.unexpected public.users.nickname: undeclared",
            "index.unexpected public.users_name_idx: undeclared",
            "table.unexpected public.notes: undeclared",
        ]
    );
    let advice = |object: &str| {
        let all = document["findings"].as_array().unwrap().iter();
        let one = all.clone().find(|finding| finding["object"] == object).unwrap();
        one["remedy"]["advice"].as_str().unwrap().to_owned()
    };
    assert_eq!(
        advice("public.users.nickname"),
        "add to schema/users.sql: nickname text DEFAULT 'x'::text NOT NULL (in CREATE TABLE public.users); or write a \
         migration that takes it away: V<version>__drop_nickname.sql"
    );
    let index = advice("public.users_name_idx");
    assert!(
        index.starts_with("add to schema/users.sql: CREATE INDEX users_name_idx ON public.users"),
        "{index}"
    );
    let default = advice("public.users.name");
    assert!(
        default.starts_with("add to schema/users.sql: default 'y'::text of column public.users.name;"),
        "{default}"
    );
    let table = advice("public.notes");
    assert!(table.starts_with("add to schema/notes.sql: CREATE TABLE public.notes ("), "{table}");
    let human = project.check(&database).exit(1);
    human.stdout_contains("not declared").lacks("no migration does").lacks("SQL that makes");
    project.check(&database).args(["--fail-on", "undeclared"]).exit(1);
    project.check(&database).args(["--fail-on", "unmigrated,drift"]).exit(0);

    // What the advice says is what makes it clean.
    fs::write(
        project.path().join("schema/users.sql"),
        "CREATE TABLE users (id int PRIMARY KEY, name text DEFAULT 'y', nickname text DEFAULT 'x'::text NOT NULL);\n\
         CREATE INDEX users_name_idx ON users (name);\n",
    )
    .unwrap();
    let line = table.trim_start_matches("add to schema/notes.sql: ").split("; or write").next().unwrap();
    fs::write(project.path().join("schema/notes.sql"), line).unwrap();
    project.trueup(["check"], &database).exit(0);
}

/// What a migration has made and a later one, not applied yet, takes away is pending.
#[test]
fn what_is_taken_away_later_is_pending() {
    let project = project(
        "",
        &[
            ("schema/users.sql", "CREATE TABLE users (id int PRIMARY KEY);\n"),
            ("migrations/V1__users.sql", "CREATE TABLE users (id int PRIMARY KEY, name text);\n"),
            ("migrations/V2__no_name.sql", "ALTER TABLE users DROP COLUMN name;\n"),
        ],
    );
    let database = support::database();
    project.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    let document = project.trueup(["check"], &database).document();
    assert_eq!(found(&document), ["column.unexpected public.users.name: pending"]);
}

/// The file that the advice names is one where somebody would look for the object.
#[test]
fn the_file_to_declare_it_in_is_the_projects_own() {
    let makes = "CREATE SCHEMA app;\nCREATE TABLE app.users (id int PRIMARY KEY);\n";
    let more = "CREATE TABLE app.\"Order Items\" (id int PRIMARY KEY);\nCREATE VIEW app.names AS SELECT id FROM app.users;\n\
                CREATE FUNCTION app.f(a int, b int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT a';\n\
                CREATE TABLE public.other (id int PRIMARY KEY);\nCREATE INDEX users_id ON app.users (id);\n";
    let migrations = [("migrations/V1__users.sql", makes), ("migrations/V2__more.sql", more)];
    let users = "CREATE TABLE app.users (id int PRIMARY KEY);\n";
    let schema = "CREATE SCHEMA app;\n";
    let objects =
        ["app.\"Order Items\"", "app.names", "app.f(integer, integer)", "public.other", "app.users_id"];
    let laid_out = [
        "schema/app/+order%20+items.sql",
        "schema/app/views/names.sql",
        "schema/app/functions/f.sql",
        "schema/public/other.sql",
        "schema/app/users.sql",
    ];
    let by_schema =
        ["schema/app.sql", "schema/app.sql", "schema/app.sql", "schema/other.sql", "schema/users.sql"];
    for (files, expected) in [
        ([("schema/schemas.sql", schema), ("schema/app/users.sql", users)], laid_out),
        ([("schema/app.sql", schema), ("schema/users.sql", users)], by_schema),
    ] {
        let project = project("", &[&files[..], &migrations[..]].concat());
        let database = support::database();
        project.trueup(["upgrade", "--yes"], &database).exit(0);
        let document = project.trueup(["check", "--format", "json"], &database).exit(1).document();
        for (object, file) in objects.iter().zip(expected) {
            let mut findings = document["findings"].as_array().unwrap().iter();
            let one =
                findings.find(|finding| finding["object"] == *object).unwrap_or_else(|| panic!("{object}"));
            let advice = one["remedy"]["advice"].as_str().unwrap();
            assert!(advice.contains(&format!(" {file}")), "{object}: {advice}");
        }
    }
}
