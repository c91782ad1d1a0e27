//! Databases that have the old migrations: all of them, or some.

use super::*;

const HISTORY: &str =
    "SELECT string_agg(concat(version, name), ',' ORDER BY version) FROM refinery_schema_history";

#[test]
fn a_database_that_has_them_all_is_recorded_without_sql() {
    let project = project();
    let database = at(&project, "4");
    database.exec("INSERT INTO plans (code) VALUES ('theirs')");
    squash(&project, "4").exit(0);
    let url = database.url();
    run(&project, url, &["check"])
        .exit(1)
        .says(["pending: V5__name", "trueup upgrade records it"])
        .lacks(["ahead", "modified"]);
    run(&project, url, &["status"])
        .exit(1)
        .says(["V4__baseline", "pending     1: V5__name"])
        .lacks(["ahead", "modified"]);
    let gate = run(&project, url, &["gate", "--format", "json"]).run().document();
    assert_eq!(gate["verdict"], "READY", "{gate:#}");
    run(&project, url, &["upgrade", "--dry-run"]).exit(0).says(["record V4__baseline", "no SQL is run"]);
    run(&project, url, &["ready"]).exit_in(&[0, 1]).lacks("modified");
    assert_eq!(database.value(HISTORY), "1plans,2features,3index,4price");
    let ran = run(&project, url, &["upgrade", "--yes"]).exit(0);
    ran.says(["recorded V4__baseline in the place of 4 migrations", "applied V5__name"]);
    assert_eq!(database.value(HISTORY), "4baseline,5name");
    assert_eq!(
        database
            .value("SELECT string_agg(concat(version, how), ',' ORDER BY version) FROM trueup.migrations"),
        "4squashed,5applied"
    );
    assert_eq!(database.value("SELECT json_array_length(before::json) FROM trueup.steps WHERE action = 'squash' AND before IS NOT NULL"), "4");
    assert_eq!(database.value("SELECT count(*) FROM plans"), "3", "no row is made or lost");
    run(&project, url, &["check"]).exit(0).says("OK: ");
    run(&project, url, &["status"]).exit(0);
    run(&project, url, &["upgrade", "--yes"]).exit(0).says("nothing to do");
    run(&project, url, &["downgrade", "--to", "2", "--yes"])
        .exit(4)
        .says(["below V4__baseline", "their down scripts are gone"]);
}

#[test]
fn nothing_but_the_record_is_a_run_of_its_own() {
    let project = project();
    let database = at(&project, "5");
    squash(&project, "5").exit(0);
    run(&project, database.url(), &["upgrade"])
        .exit(4)
        .says(["record V5__baseline in the place of 5 migrations", "not confirmed"]);
    assert_eq!(database.value(HISTORY), "1plans,2features,3index,4price,5name");
    run(&project, database.url(), &["check"]).exit(0).says("trueup upgrade records it");
    run(&project, database.url(), &["upgrade", "--yes"]).exit(0).says("done: recorded V5__baseline");
    assert_eq!(database.value(HISTORY), "5baseline");
    run(&project, database.url(), &["upgrade", "--yes"]).exit(0).says("nothing to do");
}

#[test]
fn a_script_for_elsewhere_records_it_too() {
    let project = project();
    let database = at(&project, "4");
    squash(&project, "4").exit(0);
    let ran = run(&project, database.url(), &["upgrade", "--sql"]).exit(0);
    database.psql(ran.stdout());
    assert_eq!(database.value(HISTORY), "4baseline,5name");
    run(&project, database.url(), &["check"]).exit(0).says("OK: ");
    run(&project, database.url(), &["upgrade", "--yes"]).exit(0).says("nothing to do");
}

#[test]
fn a_database_that_has_only_some_is_refused() {
    let project = project();
    let database = at(&project, "2");
    squash(&project, "4").exit(0);
    let url = database.url();
    let words = [
        "V4__baseline replaces 4 migrations, of which 2 are not applied: V3__index to V4__price",
        "from before the squash",
    ];
    let document = run(&project, url, &["check", "--format", "json"]).exit(1).document();
    let codes: Vec<&str> =
        document["findings"].as_array().unwrap().iter().map(|one| one["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["history.partly_squashed"]);
    for args in [&["upgrade", "--yes"][..], &["upgrade", "--dry-run"], &["downgrade", "--to", "4", "--yes"]] {
        run(&project, url, args).exit(4).says(words);
    }
    run(&project, url, &["gate"]).exit(1).says("DO NOT DEPLOY");
    run(&project, url, &["status"]).exit(1).says("2 are not applied");
    assert_eq!(database.value(HISTORY), "1plans,2features");
}

#[test]
fn a_migration_that_was_modified_is_not_taken_for_the_one_that_was_squashed() {
    let project = project();
    let database = at(&project, "4");
    database.exec("UPDATE refinery_schema_history SET checksum = '77' WHERE version = 3");
    squash(&project, "4").exit(0);
    run(&project, database.url(), &["upgrade", "--yes"])
        .exit(4)
        .says("V3__index is applied with another text");
    assert_eq!(database.value(HISTORY), "1plans,2features,3index,4price");
}
