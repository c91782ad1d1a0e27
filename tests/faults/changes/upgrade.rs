//! What `upgrade` says it does beside applying: recording what is there, refusing drift, stopping, giving up in time.

use super::{applied, project};
use crate::support;

const TABLE: (&str, &str) = ("V1__items.sql", "CREATE TABLE items (id int PRIMARY KEY, name text);\n");
const NOTE: (&str, &str) = ("V2__note.sql", "ALTER TABLE items ADD COLUMN note text;\n");

#[test]
fn what_was_done_by_hand_is_refused_and_recorded_when_that_is_asked_for() {
    let project = project("", &[TABLE, NOTE, ("V3__tags.sql", "CREATE TABLE tags (id int);\n")]);
    let database = support::database();
    project.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    database.exec("ALTER TABLE items ADD COLUMN note text");
    let refused = ["column public.items.note", "already done by hand", "trueup upgrade --record-satisfied"];
    project.trueup(["upgrade", "--yes"], &database).exit(4).says(refused);
    assert_eq!(applied(&database), "1");
    project
        .trueup(["upgrade", "--yes", "--record-satisfied"], &database)
        .exit(0)
        .says("applied 2 migrations");
    let how = "SELECT string_agg(how, ' ' ORDER BY version) FROM trueup.migrations";
    assert_eq!(
        (applied(&database), database.value(how)),
        ("1 2 3".into(), "applied recorded applied".into())
    );
    project.trueup(["check"], &database).exit(0);
}

#[test]
fn what_is_there_by_half_is_not_recorded() {
    let both = (
        "V2__both.sql",
        "ALTER TABLE items ADD COLUMN note text;\nALTER TABLE items ADD COLUMN more text;\n",
    );
    let project = project("", &[TABLE, both]);
    let database = support::database();
    project.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    database.exec("ALTER TABLE items ADD COLUMN note text");
    project.trueup(["upgrade", "--yes", "--record-satisfied"], &database).exit(4).says("public.items.note");
    assert_eq!(applied(&database), "1");
}

#[test]
fn drift_in_the_way_is_refused_and_drift_elsewhere_is_told() {
    let changed = ("V2__name.sql", "ALTER TABLE items ALTER COLUMN name TYPE varchar(40);\n");
    let project = project("", &[TABLE, ("V3__tags.sql", "CREATE TABLE tags (id int);\n"), changed]);
    let database = support::database();
    project.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    database.exec("ALTER TABLE items ALTER COLUMN name SET NOT NULL");
    project
        .trueup(["upgrade", "--yes"], &database)
        .exit(4)
        .says(["column public.items.name", "nothing was changed"]);
    database.exec("ALTER TABLE items ALTER COLUMN name DROP NOT NULL; CREATE TABLE by_hand (id int)");
    project.trueup(["upgrade", "--yes"], &database).exit(0).says("1 more difference");
    project.trueup(["upgrade", "--yes", "--strict"], &database).exit(1).says("nothing to do");
}

#[test]
fn drift_in_a_table_that_a_migration_renames_is_refused() {
    let renames =
        ("V2__things.sql", "ALTER TABLE items RENAME TO things;\nALTER TABLE things ADD note text;\n");
    let project = project("", &[TABLE, renames]);
    let database = support::database();
    project.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    project.trueup(["check", "--fail-on", "drift"], &database).exit(0);
    database.exec("ALTER TABLE items ALTER COLUMN name SET NOT NULL");
    project.trueup(["check", "--fail-on", "drift"], &database).exit(1).says("public.things.name");
    project
        .trueup(["upgrade", "--yes"], &database)
        .exit(4)
        .says(["column public.things.name", "nothing was changed"]);
    assert_eq!(applied(&database), "1");
    database.exec("ALTER TABLE items ALTER COLUMN name DROP NOT NULL");
    project.trueup(["upgrade", "--yes"], &database).exit(0).says("applied 1 migration");
    project.trueup(["check"], &database).exit(0);
}

#[test]
fn a_data_check_that_has_to_pass_first_stops_the_plan() {
    let after = (
        "V2__required.sql",
        "-- trueup: requires-check no_orphans\nALTER TABLE items ADD COLUMN note text;\n",
    );
    let project = project("", &[TABLE, after]);
    let database = support::database();
    let words = ["migrations/V2__required.sql: line 1: requires-check: there is no check \"no_orphans\""];
    project.trueup(["upgrade", "--yes"], &database).exit(2).says(words);
    let checks = project.path().join("checks");
    std::fs::create_dir(&checks).unwrap();
    let check = "-- title: Every item has a name\n-- find:\nSELECT id FROM items WHERE name IS NULL;\n";
    std::fs::write(checks.join("no_orphans.sql"), check).unwrap();

    project.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    database.exec("INSERT INTO items VALUES (1, NULL), (2, NULL), (3, 'three')");
    let stops =
        ["stopped before V2__required: data check no_orphans finds 2 rows", "next: trueup verify no_orphans"];
    project.trueup(["upgrade", "--yes", "--dry-run"], &database).exit(1).says(stops);
    project.trueup(["upgrade", "--yes"], &database).exit(1).says(stops);
    assert_eq!(applied(&database), "1");
    // A script that is run elsewhere runs no check there.
    project.trueup(["upgrade", "--sql"], &database).exit(0).says("no_orphans has to pass first");
    database.exec("UPDATE items SET name = 'x'");
    project.trueup(["upgrade", "--yes"], &database).exit(0).says("applied V2__required");
    assert_eq!(applied(&database), "1 2");
}

/// The check's table comes with a migration of the same plan, and so does a row that is wrong.
#[test]
fn a_data_check_is_run_right_before_the_migration_that_requires_it() {
    let filled = (
        "V1__items.sql",
        "CREATE TABLE items (id int PRIMARY KEY, name text);\nINSERT INTO items VALUES (1, NULL);\n",
    );
    let after = (
        "V2__required.sql",
        "-- trueup: requires-check no_orphans\nALTER TABLE items ADD COLUMN note text;\n",
    );
    for (first, code, versions, end) in [
        (TABLE, 0, "1 2", ";\n"),
        (filled, 1, "1", ";\n"),
        (TABLE, 0, "1 2", ""),
        (filled, 1, "1", " -- at the end"),
    ] {
        let project = project("", &[first, after]);
        std::fs::create_dir(project.path().join("checks")).unwrap();
        let check = "-- title: Every item has a name\n-- find:\nSELECT id FROM items WHERE name IS NULL";
        std::fs::write(project.path().join("checks/no_orphans.sql"), format!("{check}{end}")).unwrap();
        let database = support::database();
        let words: &[&str] = if code == 0 { &["applied 2 migrations"] } else { &["no_orphans finds 1 row"] };
        project.trueup(["upgrade", "--yes"], &database).exit(code).says(words);
        assert_eq!(applied(&database), versions);
    }
}

#[test]
fn a_migration_that_takes_too_long_is_cancelled_and_rolled_back() {
    // Compiling runs it, too: on a throwaway server the table is empty, and nothing is slept.
    let slow = "-- trueup: max-duration 1s\nCREATE TABLE slow (id int);\nSELECT pg_sleep(30) FROM items;\n";
    let project = project("", &[TABLE, ("V2__slow.sql", slow)]);
    let database = support::database();
    project.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    database.exec("INSERT INTO items VALUES (1, 'one')");
    let began = std::time::Instant::now();
    project
        .trueup(["upgrade", "--yes"], &database)
        .exit(5)
        .says(["V2__slow took longer than 1.0 s", "max-duration 10min"]);
    assert!(began.elapsed() < std::time::Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(applied(&database), "1");
    assert_eq!(database.value("SELECT to_regclass('public.slow') IS NULL"), "t");
}

#[test]
fn the_script_for_a_query_editor_does_what_the_command_does() {
    let project = project("", &[TABLE, NOTE, ("V3__tags.sql", "-- trueup: contract\nDROP TABLE items;\n")]);
    // On an empty database no old app version is running.
    let new = support::database();
    new.psql(project.trueup(["upgrade", "--sql"], &new).exit(0).lacks("--contract").stdout());
    assert_eq!(applied(&new), "1 2 3");
    project.trueup(["check"], &new).exit(0);
    let database = support::database();
    project.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    let printed = project.trueup(["upgrade", "--sql"], &database).exit(0);
    let script = printed.stdout_contains("Next: when no old app version is running any more");
    database.psql(script.stdout());
    assert_eq!(applied(&database), "1 2");
    let next = "next: when no old app version is running any more: trueup upgrade --contract";
    project.trueup(["status"], &database).exit(1).says(["not up to date: 1 pending", next]);
    // Its rows are refinery's: the command goes on where the script ended.
    project.trueup(["upgrade", "--yes", "--contract"], &database).exit(0).says("applied 1 migration");
    project.trueup(["check"], &database).exit(0);
}

/// Who is asked, or refused for want of an answer, sees which database it is about.
#[test]
fn the_target_is_shown_before_it_is_asked_for() {
    let project = project("", &[TABLE, NOTE]);
    let database = support::database();
    let target = format!("database {} on ", database.name());
    project
        .trueup(["upgrade"], &database)
        .exit(4)
        .says(&target)
        .says(["pending: V1__items, V2__note", "not confirmed"]);
}
