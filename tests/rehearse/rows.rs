//! Made rows where they are hard to make, or where something was found without them.

use super::{codes, document, project, rehearse};

#[test]
fn partitioned_tables_get_rows_in_a_partition() {
    let base = "CREATE TYPE kind AS ENUM ('new', 'done');
        CREATE TABLE events (id bigint GENERATED ALWAYS AS IDENTITY, at timestamptz NOT NULL, kind kind NOT NULL, what text,
          PRIMARY KEY (id, at, kind)) PARTITION BY RANGE (at);
        CREATE TABLE events_2026 PARTITION OF events FOR VALUES FROM ('2026-11-30') TO ('2026-12-01') PARTITION BY LIST (kind);
        CREATE TABLE events_2026_done PARTITION OF events_2026 FOR VALUES IN ('done');
        CREATE TABLE events_2026_new PARTITION OF events_2026 FOR VALUES IN ('new');
        CREATE TABLE events_other PARTITION OF events DEFAULT;";
    let site = project(&[base, "ALTER TABLE events ALTER COLUMN what TYPE varchar(2000) USING what || 'x';"]);
    let ran = crate::support::trueup(["rehearse", "--rows", "3000"]).current_dir(site.path());
    let found = document(ran);
    assert_eq!(codes(&found), Vec::<String>::new());
    let filled = found["filled"].as_array().unwrap();
    let rows = |name: &str| {
        let table = filled.iter().find(|table| table["table"] == name).unwrap();
        assert!(table["failed"].is_null(), "{filled:?}");
        table["rows"].as_u64().unwrap()
    };
    assert_eq!((rows("public.events"), rows("public.events_2026_new")), (3000, 3000));
    assert_eq!(rows("public.events_2026_done"), 0);
    // No more than some of the partitions are named.
    crate::support::trueup(["rehearse"])
        .current_dir(site.path())
        .env("COLUMNS", "200")
        .exit(0)
        .says(["ACCESS EXCLUSIVE on public.events: readers and writers wait", "and 2 more"]);
}

#[test]
fn a_down_script_that_fails_does_not_keep_rows_away() {
    let site = project(&["ALTER TABLE users ADD COLUMN a int;\n-- down\nSELECT 1;"]);
    let found = document(rehearse(&site).args(["--rows", "10"]));
    assert_eq!((codes(&found), &found["times"]), (vec!["rehearse.down".to_owned()], &"made_rows".into()));
    let failing = project(&["GRANT SELECT ON users TO somebody_else;"]);
    let database = crate::support::database();
    failing.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    failing
        .trueup(["rehearse", "--rows", "10"], &database)
        .exit(1)
        .says("no rows were made: the findings come first")
        .lacks("--rows 100000");
}

#[test]
fn a_table_that_is_gone_is_refused_no_more() {
    let site = project(&[
        "DROP TABLE orders;\nSELECT pg_sleep(0.3);",
        "SELECT pg_sleep(0.3);\nCREATE TABLE t (id int);",
    ]);
    let found = document(rehearse(&site).args(["--probe"]));
    let refused = |migration: usize| {
        let refused = found["migrations"][migration]["refused"].as_array().unwrap().iter();
        refused.map(|one| one["milliseconds"].as_u64().unwrap()).max().unwrap_or_default()
    };
    assert!(refused(0) >= 200, "{found:#}");
    // As long as a probe may wait that began before.
    assert!(refused(1) <= 60, "{found:#}");
}
