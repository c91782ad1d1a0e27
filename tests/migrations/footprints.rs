//! What a plan says of the locks of its migrations, as they were measured when the project was compiled.

use super::project;
use crate::support;

const BASE: &str = "CREATE TABLE users (id bigint, name text);
    CREATE FUNCTION widen(t text) RETURNS void LANGUAGE plpgsql
        AS $$ BEGIN EXECUTE format('ALTER TABLE %I ALTER id TYPE int', t); END $$;\n";

#[test]
fn a_plan_tells_what_code_locks_and_rewrites() {
    let sql = "-- by a function\nSELECT widen('users');\nCREATE INDEX users_name ON users (name);\n";
    let project = project("", &[("migrations/V1__base.sql", BASE), ("migrations/V2__widen.sql", sql)]);
    let database = support::database();
    project.trueup(["compile"], &database).exit(0);
    project.trueup(["upgrade", "--to", "1", "--yes"], &database).exit(0);
    project
        .trueup(["upgrade", "--dry-run"], &database)
        .env("COLUMNS", "200")
        .exit(0)
        .says(["ACCESS EXCLUSIVE public.users", "readers and writers wait while it is rewritten"]);
    let plan = project.trueup(["upgrade", "--dry-run", "--format", "json"], &database).exit(0).document();
    let step = &plan["plan"]["steps"][0];
    assert_eq!(step["locks"][0]["work"], serde_json::json!({"kind": "rewrite", "on": "public.users"}));
    let [widen, index] = step["footprints"].as_array().unwrap().as_slice() else { panic!("{step:#}") };
    assert_eq!(
        widen["statement"],
        serde_json::json!({
            "migration": "2", "file": "migrations/V2__widen.sql", "line": 2, "column": 1,
            "sql": "SELECT widen('users')"
        })
    );
    let lock = serde_json::json!([
        {"relation": "public.users", "mode": "AccessExclusiveLock", "held_from_line": 2}
    ]);
    assert_eq!(widen["footprint"]["locks"], lock);
    assert_eq!(widen["footprint"]["rewrites"][0]["relation"], "public.users");
    assert_eq!(widen["footprint"]["dynamic"], true);
    // The lock is held until the end.
    assert_eq!(index["footprint"]["locks"], lock);
    assert_eq!(index["footprint"]["builds"], serde_json::json!(["public.users"]));
}

/// What is new in the run keeps nobody waiting.
#[test]
fn tables_of_the_same_run_are_left_out() {
    let sql = "ALTER TABLE users ADD COLUMN c int;\n";
    let project = project("", &[("migrations/V1__base.sql", BASE), ("migrations/V2__c.sql", sql)]);
    let database = support::database();
    project.trueup(["compile"], &database).exit(0);
    project
        .trueup(["upgrade", "--dry-run"], &database)
        .exit(0)
        .says("no locks on existing tables")
        .lacks("ACCESS EXCLUSIVE");
}

#[test]
fn a_down_script_is_measured_and_taken_back() {
    let narrow = "ALTER TABLE users ADD COLUMN state text; UPDATE users SET state = 'x';";
    let down = "ALTER TABLE users ALTER id TYPE int;\nALTER TABLE users DROP COLUMN state;";
    let files = [
        ("migrations/V1__base.sql", BASE),
        ("migrations/V2__state.sql", narrow),
        ("migrations/V2__state.down.sql", down),
    ];
    let project = project("", &files);
    let database = support::database();
    project.trueup(["compile"], &database).exit(0).lacks("cannot be run");
    let lock = std::fs::read_to_string(project.lock()).unwrap();
    // The second statement of the line takes no lock that others wait for longer than for the first.
    for line in [
        r#"{"statement":"1:1","locks":{"public.users":"ACCESS EXCLUSIVE"}}"#,
        r#"{"statement":"1:1","locks":{"public.users":"ACCESS EXCLUSIVE"},"scans":["public.users"],"rewrites":["public.users"]}"#,
    ] {
        assert!(lock.lines().any(|other| other == line), "{line}\n{lock}");
    }
    // Nothing of it is left.
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    project.trueup(["check"], &database).exit(0);
    project.trueup(["compile", "--check"], &database).exit(0);
    let plan = project
        .trueup(["downgrade", "--to", "1", "--dry-run", "--format", "json"], &database)
        .exit(0)
        .document();
    let step = &plan["plan"]["steps"][0];
    assert_eq!(step["footprints"][0]["footprint"]["rewrites"][0]["relation"], "public.users", "{step:#}");
    assert_eq!(step["locks"][0]["work"], serde_json::json!({"kind": "rewrite", "on": "public.users"}));
    // What is known is of the text that was compiled. Nothing else needs it.
    std::fs::write(project.path().join(files[2].0), "ALTER TABLE users DROP COLUMN state;").unwrap();
    project.trueup(["check"], &database).exit(0);
    project
        .trueup(["compile", "--check"], &database)
        .exit(1)
        .says("the down script of V2__state was changed");
    let plan = project
        .trueup(["downgrade", "--to", "1", "--dry-run", "--format", "json"], &database)
        .exit(0)
        .document();
    assert_eq!(plan["plan"]["steps"][0]["footprints"], serde_json::Value::Null);
}

#[test]
fn a_down_script_that_the_server_refuses_is_told() {
    let files = [
        ("migrations/V1__base.sql", BASE),
        ("migrations/V2__state.sql", "ALTER TABLE users ADD COLUMN state text;"),
        ("migrations/V2__state.down.sql", "DROP TABLE orders;"),
        ("migrations/V3__more.sql", "CREATE INDEX CONCURRENTLY users_name ON users (name);"),
        ("migrations/V3__more.down.sql", "-- trueup: no-transaction\nDROP INDEX CONCURRENTLY users_name;"),
    ];
    let no_transaction = format!("-- trueup: no-transaction\n{}", files[3].1);
    let project = project("", &files);
    std::fs::write(project.path().join(files[3].0), no_transaction).unwrap();
    let database = support::database();
    let told = "the down script of V2__state cannot be run after it: line 1: table \"orders\" does not exist";
    project.trueup(["compile"], &database).exit(0).says(told).lacks("V3__more");
    let lock = std::fs::read_to_string(project.lock()).unwrap();
    assert!(lock.contains(r#","refused":"line 1: table \"orders\" does not exist"}"#), "{lock}");
    assert!(lock.contains(r#","measured":false}"#), "{lock}");
    // What comes after it is as if it had not been run.
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    project.trueup(["check"], &database).exit(0);
}
