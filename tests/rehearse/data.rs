//! The seeds and the data checks of the project, after the migrations of a rehearsal.

use std::fs;

use serde_json::Value;

use super::{codes, document, project, rehearse};
use crate::support;
use crate::support::project::Project;

/// Writes `checks/NAME.sql`.
fn check(site: &Project, name: &str, query: &str) {
    let directory = site.path().join("checks");
    fs::create_dir_all(&directory).unwrap();
    let text = format!("-- title: {name}\n-- severity: error\n-- find:\n{query};\n");
    fs::write(directory.join(format!("{name}.sql")), text).unwrap();
}

/// Writes `schema/seeds/users.toml`, and compiles.
fn seed(site: &Project, rows: &str) {
    fs::create_dir_all(site.path().join("schema/seeds")).unwrap();
    let text = format!("table = \"users\"\nkey = [\"id\"]\n{rows}");
    fs::write(site.path().join("schema/seeds/users.toml"), text).unwrap();
}

#[test]
fn seeds_are_applied_and_checks_run_after_the_migrations() {
    let site = project(&["ALTER TABLE users ADD COLUMN kind text NOT NULL DEFAULT 'person';"]);
    seed(&site, "[[rows]]\nid = 1\nname = \"root\"\nkind = \"system\"\n");
    check(&site, "kinds", "SELECT id FROM users WHERE kind NOT IN ('person', 'system')");
    check(&site, "names", "SELECT id FROM users WHERE name IS NULL");
    let ran = rehearse(&site).exit(0);
    ran.says(["seeds: 1 row inserted, 0 updated, in", "2 data checks ran without an error"]);
    let found = document(rehearse(&site));
    assert_eq!((&found["seeds"]["inserted"], &found["seeds"]["updated"]), (&Value::from(1), &Value::from(0)));
    let checks = found["checks"].as_array().unwrap();
    assert_eq!((checks.len(), &checks[0]["check"]), (2, &Value::from("kinds")));
    assert!(checks.iter().all(|check| check["rows"].is_null() && check["milliseconds"].is_u64()));
    // What a check finds among made rows is nothing.
    check(&site, "names", "SELECT id FROM users");
    let made = document(rehearse(&site).args(["--rows", "50"]));
    assert_eq!((codes(&made), made["checks"].as_array().unwrap().len()), (Vec::<String>::new(), 2));
}

#[test]
fn a_check_that_the_migrations_break_is_a_finding_at_its_file() {
    let site = project(&["ALTER TABLE users RENAME COLUMN name TO title;", "CREATE TABLE t (id int);"]);
    check(&site, "names", "SELECT id FROM users WHERE name IS NULL");
    let ran = rehearse(&site).exit(1);
    ran.says(["rehearse.check: names", "after the migrations: ", "column \"name\" does not exist"]);
    let found = document(rehearse(&site));
    assert_eq!(codes(&found), ["rehearse.check"]);
    let place = &found["findings"][0]["location"];
    assert_eq!((&place["file"], &place["line"]), (&Value::from("checks/names.sql"), &Value::from(4)));
    // A check need not fit an earlier version.
    rehearse(&site).args(["--to", "2"]).exit(0).says([
        "note: check names failed, which may be no fault, as not all migrations are part of this rehearsal",
    ]);
}

#[test]
fn a_seed_that_does_not_fit_is_a_finding_at_its_file() {
    let site = project(&["ALTER TABLE users ADD CHECK (name <> 'root');"]);
    seed(&site, "[[rows]]\nid = 1\nname = \"a\"\n\n[[rows]]\nid = 2\nname = \"root\"\n");
    let ran = rehearse(&site).exit(1);
    ran.says(["rehearse.seeds: schema/seeds", "users_name_check"]);
    let found = document(rehearse(&site));
    assert_eq!(codes(&found), ["rehearse.seeds"]);
    assert_eq!(found["findings"][0]["location"]["file"], "schema/seeds/users.toml");
    seed(&site, "[[rows]]\nid = 1\nnickname = \"a\"\n");
    rehearse(&site).exit(1).says(["rehearse.seeds", "nickname"]);
}

#[test]
fn what_a_check_finds_among_real_rows_is_reported_and_more_than_before_is_a_finding() {
    let site = project(&["UPDATE users SET name = NULL WHERE id > 98;"]);
    check(&site, "names", "SELECT id FROM users WHERE name IS NULL");
    check(&site, "ids", "SELECT id FROM users WHERE id > 97");
    let database = support::database();
    site.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    database.exec("INSERT INTO users SELECT g, 'x' FROM generate_series(1, 100) g");
    database.exec("INSERT INTO users VALUES (0, NULL)");
    site.trueup(["backup"], &database).exit(0);
    let ran = site.trueup(["rehearse", "--from-backup"], &database).exit(1);
    ran.says([
        "names finds 3 rows, 1 before the migrations",
        "ids finds 3 rows, 3 before the migrations",
        "rehearse.check: names",
        "it finds 3 rows after the migrations, 1 before them",
    ]);
    let found = document(site.trueup(["rehearse", "--from-backup"], &database));
    assert_eq!(codes(&found), ["rehearse.check"]);
    assert_eq!(
        (&found["checks"][1]["rows"], &found["checks"][1]["rows_before"]),
        (&Value::from(3), &Value::from(1))
    );
}

#[test]
fn what_fails_on_empty_tables_is_not_excused_with_made_rows() {
    let site = project(&["ALTER TABLE users ADD COLUMN a int;"]);
    check(&site, "names", "SELECT id FROM users WHERE nothing IS NULL");
    let ran = rehearse(&site).args(["--rows", "10"]).exit(1);
    ran.says("rehearse.check: names").lacks("may be no fault");
    let found = document(rehearse(&site).args(["--rows", "10"]));
    assert_eq!(codes(&found), ["rehearse.check"]);
}
