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
            "migration": "2", "file": "migrations/V2__widen.sql", "line": 2, "sql": "SELECT widen('users')"
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
