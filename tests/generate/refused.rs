//! What is not proved, and what cannot be generated.

use std::fs;

use super::{files, generate, project, text};
use crate::support;
use crate::support::project::Project;

#[test]
fn what_is_not_proved_is_no_migration() {
    // 'x' is no number: rows that are there already cannot have it.
    let project = project(
        "CREATE TABLE t (id bigint PRIMARY KEY);",
        "-- trueup: backfill public.t.n = 'x'\nCREATE TABLE t (id bigint PRIMARY KEY, n int NOT NULL);",
    );
    generate(&project).args(["wrong"]).exit(1).says(["not proved", "invalid input syntax for type integer"]);
    assert_eq!(
        files(&project, "migrations"),
        ["V1__base.sql", "V2__wrong.sql.rejected", "V3__wrong_contract.sql.rejected"]
    );
    // The project is what it was.
    support::trueup(["compile"]).current_dir(project.path()).exit(0);
}

#[test]
fn a_project_without_a_schema_has_nothing_to_generate_from() {
    let project = project("CREATE TABLE t ();", "");
    fs::remove_dir_all(project.path().join("schema")).unwrap();
    generate(&project).exit(2).says(["schema/ declares nothing", "init --from-database"]);
}

#[test]
fn a_migration_to_be_filled_by_hand_is_written_as_asked() {
    let project = Project::of_schema("CREATE TABLE t (id bigint PRIMARY KEY);");
    generate(&project).args(["first"]).exit(0);
    let first = files(&project, "migrations");
    assert!(first[0].starts_with("V20") && first[1].ends_with("__first.sql"), "{first:?}");
    generate(&project).args(["--empty", "Import prices; it's \"new\""]).exit(0).says("to be filled");
    let all = files(&project, "migrations");
    assert!(all.iter().any(|name| name.ends_with("__import_prices_it_s_new.sql")), "{all:?}");
    generate(&project).args(["--empty"]).exit(2);
}

#[test]
fn versions_go_on_as_the_projects_do() {
    let project = project(
        "CREATE TABLE t (id bigint PRIMARY KEY);",
        "CREATE TABLE t (id bigint PRIMARY KEY); CREATE TABLE n ();",
    );
    fs::rename(
        project.path().join("migrations/V1__base.sql"),
        project.path().join("migrations/V29990101000000__base.sql"),
    )
    .unwrap();
    generate(&project).args(["n"]).exit(0);
    assert_eq!(text(&project, "migrations/V29990101000001__n.sql").trim(), "CREATE TABLE public.n ();");
}

#[test]
fn a_directory_that_cannot_be_written_to_is_told_before_anything_is() {
    let project = project("CREATE TABLE t (id bigint PRIMARY KEY);", "CREATE TABLE n ();");
    fs::remove_dir_all(project.path().join("checks")).ok();
    fs::write(project.path().join("migrations/V2__x.sql"), "CREATE TABLE").unwrap();
    generate(&project).exit(2).says("V2__x.sql");
    assert_eq!(files(&project, "migrations"), ["V1__base.sql", "V2__x.sql"]);
}

#[test]
fn migrations_that_another_tool_keeps_are_not_written() {
    let project = project("CREATE TABLE t ();", "CREATE TABLE t (); CREATE TABLE n ();");
    let settings = project.path().join("trueup.toml");
    fs::write(
        &settings,
        format!("{}[migrations]\ntool = \"flyway\"\n", fs::read_to_string(&settings).unwrap()),
    )
    .unwrap();
    generate(&project).exit(2).says(["flyway", "trueup check"]);
}

#[test]
fn json_has_the_plan_and_the_files() {
    let project =
        project("CREATE TABLE t (id bigint PRIMARY KEY);", "CREATE TABLE t (id bigint PRIMARY KEY, a int);");
    let document = generate(&project).args(["a", "--format", "json"]).exit(0).document();
    let generated = &document["generated"];
    assert_eq!(generated["files"], serde_json::json!(["migrations/V2__a.down.sql", "migrations/V2__a.sql"]));
    assert_eq!(generated["migrations"][0]["steps"][0]["object"], "public.t.a");
    assert_eq!(generated["not_proved"], serde_json::json!([]));
}
