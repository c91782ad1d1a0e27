//! How long the statements of a plan take, beside the locks, and what is refused because it takes longer than it may.

use serde_json::json;

use super::{make_large, project};
use crate::support;

const WIDEN: &str = "ALTER TABLE orders ADD COLUMN c int;\nALTER TABLE users ALTER COLUMN id TYPE int;\n";

#[test]
fn a_plan_says_who_waits_for_how_long() {
    let database = support::database();
    let project = project(&database, "[migrations]\nmax_duration = \"5h\"\n", &[WIDEN]);
    make_large(&database, "users");
    project.trueup(["upgrade", "--dry-run"], &database).env("COLUMNS", "200").exit(0).says([
        "V2:2 locks out readers and writers of public.orders, public.users while 8.7 GB of public.users are rewritten: ",
        " min",
    ]);
    let plan = project.trueup(["upgrade", "--dry-run", "--format", "json"], &database).exit(0).document();
    let step = &plan["plan"]["steps"][0];
    let footprints = step["footprints"].as_array().unwrap();
    assert_eq!(footprints[0]["estimate"], json!(null), "{step:#}");
    let estimate = &footprints[1]["estimate"];
    assert_eq!((&estimate["blocks"], &estimate["class"]), (&json!("reads and writes"), &json!("minutes")));
    let (low, high) = (estimate["low_s"].as_u64().unwrap(), estimate["high_s"].as_u64().unwrap());
    assert!(10 < low && low < high && high < 3600, "{estimate}");
    assert!(
        estimate["basis"].as_str().unwrap().starts_with("40000000 rows, 8.7 GB and 1.9 GB of indexes, at ")
    );
    // The first lock is held until the end.
    for lock in step["locks"].as_array().unwrap() {
        assert_eq!(&lock["estimate"], estimate, "{lock}");
    }
}

#[test]
fn what_takes_longer_than_it_may_is_refused_before_anything_starts() {
    let database = support::database();
    let first = "CREATE TABLE new (id int);\n";
    let project = project(&database, "", &[first, WIDEN]);
    make_large(&database, "users");
    for args in [["upgrade", "--yes"], ["upgrade", "--dry-run"]] {
        project.trueup(args, &database).exit(4).says([
            "migrations/V3__m.sql:2 would take longer than its migration may: 8.7 GB of public.users are rewritten, ",
            "40000000 rows",
            "the limit is 30 s; nothing was changed",
            "-- trueup: max-duration ",
            "ANALYZE public.users",
        ]);
    }
    let failed = project.trueup(["upgrade", "--yes", "--format", "json"], &database).exit(4).document();
    assert_eq!(failed["error"]["code"], "migration.too_long");
    assert_eq!(database.value("SELECT to_regclass('public.new') IS NULL"), "t");
    assert_eq!(database.value("SELECT max(version) FROM refinery_schema_history"), "1");
    // What comes before it may be applied, and a script for elsewhere has no limits of ours.
    project.trueup(["upgrade", "--to", "2", "--dry-run"], &database).exit(0);
    project.trueup(["upgrade", "--sql"], &database).exit(0).says("ALTER COLUMN id TYPE int");
    // The table is empty in truth: the directive lets it be tried.
    let file = project.path().join("migrations/V3__m.sql");
    std::fs::write(&file, format!("-- trueup: max-duration 2h\n{WIDEN}")).unwrap();
    project.trueup(["compile"], &database).exit(0);
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    assert_eq!(database.value("SELECT max(version) FROM refinery_schema_history"), "3");
}

/// Each takes long at most, or may take no time.
#[test]
fn what_may_be_quick_is_not_refused() {
    for (sql, words) in [
        ("UPDATE users SET name = 'x' WHERE id = 1;", ""),
        ("DELETE FROM users;", ""),
        ("CREATE INDEX ON users (name) WHERE id < 0;", "locks out writers of public.users"),
        ("-- trueup: no-transaction\nCREATE INDEX CONCURRENTLY users_name ON users (name);", ""),
        ("DO $$ BEGIN EXECUTE 'ALTER TABLE users ALTER id TYPE int'; END $$;", "up to "),
        ("TRUNCATE users;\nALTER TABLE users ALTER id TYPE int;", "up to "),
        ("ALTER TABLE users ADD CHECK (id > 0) NOT VALID;", ""),
        ("ALTER TABLE users ADD COLUMN c int DEFAULT 3;", ""),
        ("ALTER TABLE orders ADD FOREIGN KEY (user_id) REFERENCES users;", ""),
        ("ALTER TABLE orders ALTER COLUMN id TYPE int;", ""),
    ] {
        let database = support::database();
        let project = project(&database, "[migrations]\nmax_duration = \"1ms\"\n", &[sql]);
        make_large(&database, "users");
        let ran = project.trueup(["upgrade", "--dry-run"], &database).env("COLUMNS", "200").case(sql).exit(0);
        ran.says(words).lacks("would take longer");
    }
    // The same limit, and rows that are certainly all touched.
    for sql in [
        "UPDATE users SET name = 'x';",
        "CREATE INDEX ON users (name);",
        "ALTER TABLE users ADD CHECK (id > 0);",
        "ALTER TABLE users ADD COLUMN c float8 DEFAULT random();",
    ] {
        let database = support::database();
        let project = project(&database, "[migrations]\nmax_duration = \"1ms\"\n", &[sql]);
        make_large(&database, "users");
        project
            .trueup(["upgrade", "--dry-run"], &database)
            .case(sql)
            .exit(4)
            .says("V2__m.sql:1 would take longer");
        // Nobody knows how many rows there are.
        database.exec("UPDATE pg_class SET reltuples = -1 WHERE oid = 'users'::regclass");
        project.trueup(["upgrade", "--dry-run"], &database).case(sql).exit(0);
    }
}

/// Another table has the name by then.
#[test]
fn a_table_that_takes_the_place_of_a_large_one_is_not_taken_for_it() {
    let database = support::database();
    let replaced = "-- trueup: contract\nDROP TABLE users;\nCREATE TABLE users (id bigint);\n";
    let widened = "ALTER TABLE users ALTER id TYPE int;\n";
    let project = project(&database, "", &[replaced, widened]);
    make_large(&database, "users");
    project.trueup(["upgrade", "--dry-run", "--contract"], &database).exit(0).lacks("locks out");
}

/// A partitioned table has no rows of its own, and may have more partitions than the one that was compiled.
#[test]
fn a_partitioned_table_is_as_large_as_its_live_partitions() {
    let database = support::database();
    let parted = "CREATE TABLE p (id bigint) PARTITION BY RANGE (id);\nCREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9);\n";
    let project = project(&database, "", &[parted, "CREATE INDEX ON p (id);\n"]);
    project.trueup(["upgrade", "--to", "2", "--yes"], &database).exit(0);
    database.exec("CREATE TABLE p2 PARTITION OF p FOR VALUES FROM (9) TO (19); ANALYZE p1");
    make_large(&database, "p2");
    project
        .trueup(["upgrade", "--dry-run"], &database)
        .env("COLUMNS", "200")
        .exit(0)
        .says("an index on public.p (8.7 GB) is built");
}
