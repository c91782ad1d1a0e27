//! Roles that may see less than everything: the answer is the same, or it is "cannot tell".

use std::fs;

use crate::support;
use crate::support::project::{Project, Site, expect, findings, said};

/// What is taken from everybody, one at a time. Two databases of one server have catalogs of their own.
const TAKEN: &[&str] = &[
    "pg_attrdef",
    "pg_attribute",
    "pg_class",
    "pg_constraint",
    "pg_depend",
    "pg_description",
    "pg_enum",
    "pg_event_trigger",
    "pg_index",
    "pg_namespace",
    "pg_policy",
    "pg_proc",
    "pg_rewrite",
    "pg_sequence",
    "pg_statistic_ext",
    "pg_trigger",
    "pg_type",
    "pg_inherits",
    "pg_extension",
    "pg_collation",
    "pg_range",
    "pg_partitioned_table",
    "pg_operator",
    "pg_publication",
];

/// A database in which every kind of object occurs, so that every catalog is needed.
fn every_kind(site: &Site) {
    site.database.exec(
        "CREATE SEQUENCE public.numbers; CREATE TYPE public.span AS RANGE (SUBTYPE = integer);
         CREATE COLLATION public.mine FROM \"C\"; CREATE TABLE public.parts (id int) PARTITION BY LIST (id);
         CREATE TABLE public.part PARTITION OF public.parts FOR VALUES IN (1);
         CREATE STATISTICS public.both ON id, email FROM users; CREATE POLICY p ON users;
         CREATE RULE nothing AS ON DELETE TO public.users DO ALSO NOTHING",
    );
}

#[test]
fn f29_a_role_that_sees_too_little_cannot_tell() {
    let site = Site::with_drift();
    every_kind(&site);
    site.database.exec("CREATE ROLE f29_little LOGIN; GRANT SELECT ON refinery_schema_history TO f29_little");
    let url = site.database.url_as("f29_little");
    let expected = findings(&site.check_output(site.database.url()));
    assert_eq!(findings(&site.check_output(&url)), expected, "a role without any right sees the same");
    let mut untouched = Vec::new();
    for catalog in TAKEN {
        site.database.exec(&format!("REVOKE SELECT ON pg_catalog.{catalog} FROM PUBLIC"));
        let output = site.check_output(&url);
        site.database.exec(&format!("GRANT SELECT ON pg_catalog.{catalog} TO PUBLIC"));
        if output.status.code() == Some(3) {
            expect(&output, 3, &["this role lacks a right", catalog, "grant the right"]);
        } else {
            // What was not asked for was not needed: all is there.
            assert_eq!(findings(&output), expected, "{catalog}");
            untouched.push(*catalog);
        }
    }
    site.database.exec("DROP OWNED BY f29_little; DROP ROLE f29_little");
    assert!(untouched.len() <= 2, "not needed: {untouched:?}");
}

/// No schema, no table, no function, and connecting only because everybody may: the catalog is the same for all.
#[test]
fn f29_a_role_with_nothing_but_connect_sees_the_whole_catalog() {
    let project = Project::of_schema(
        "CREATE SCHEMA hidden; CREATE TABLE hidden.t (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n numeric \
         DEFAULT 7 CHECK (n > 0)); CREATE VIEW hidden.v AS SELECT id FROM hidden.t; CREATE SEQUENCE hidden.s; \
         CREATE FUNCTION hidden.f() RETURNS int LANGUAGE sql AS 'SELECT 1'; CREATE INDEX ON hidden.t (n) WHERE n > 1;",
    );
    project.compile();
    let database = support::database();
    project.build(&database);
    let name = database.name();
    database.exec(&format!(
        "REVOKE ALL ON DATABASE {name} FROM PUBLIC; REVOKE ALL ON SCHEMA hidden, public FROM PUBLIC;
         REVOKE ALL ON FUNCTION hidden.f FROM PUBLIC;
         CREATE ROLE f29_connect LOGIN; GRANT CONNECT ON DATABASE {name} TO f29_connect"
    ));
    let check = |args: &[&str]| {
        project
            .check_command(&database.url_as("f29_connect"))
            .args(["--format", "json"])
            .args(args)
            .output()
            .unwrap()
    };
    assert_eq!(findings(&check(&[])), [""; 0]);
    database.exec(
        "ALTER TABLE hidden.t ALTER n DROP DEFAULT; DROP VIEW hidden.v; ALTER SEQUENCE hidden.s INCREMENT 5",
    );
    let found = findings(&check(&[]));
    assert_eq!(found.len(), 3, "{found:#?}");
    database.exec("DROP OWNED BY f29_connect; DROP ROLE f29_connect");
}

#[test]
fn f29_a_history_that_is_not_readable_is_never_clean() {
    let project = Project::reference();
    project.compile();
    let database = support::database();
    project.build(&database);
    database.exec("CREATE ROLE f29_blind LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO f29_blind");
    let check =
        || project.check_command(&database.url_as("f29_blind")).args(["--format", "json"]).output().unwrap();
    expect(&check(), 0, &[]);
    for (hide, show) in [
        (
            "REVOKE SELECT ON refinery_schema_history FROM f29_blind",
            "GRANT SELECT ON refinery_schema_history TO f29_blind",
        ),
        (
            "ALTER TABLE refinery_schema_history ENABLE ROW LEVEL SECURITY",
            "ALTER TABLE refinery_schema_history DISABLE ROW LEVEL SECURITY",
        ),
        ("REVOKE USAGE ON SCHEMA public FROM PUBLIC", "GRANT USAGE ON SCHEMA public TO PUBLIC"),
    ] {
        database.exec(hide);
        let output = check();
        assert_eq!(output.status.code(), Some(3), "{hide}: {}", said(&output));
        let document = support::json(&output);
        assert_eq!(document["outcome"], "cannot-tell");
        let coverage = &document["coverage"];
        assert_eq!(
            coverage["invisible"],
            serde_json::json!([{ "object": "public.refinery_schema_history" }]),
            "{hide}"
        );
        assert_eq!(coverage["complete"], false, "{hide}");
        let human = said(&project.check_command(&database.url_as("f29_blind")).output().unwrap());
        assert!(human.contains("not visible to f29_blind: public.refinery_schema_history"), "{human}");
        assert!(!human.contains("\nOK: "), "{human}");
        database.exec(show);
    }
    expect(&check(), 0, &[]);
    database.exec("DROP OWNED BY f29_blind; DROP ROLE f29_blind");
}

/// information_schema shows each role what it has rights to, and passes the rest over without a word.
#[test]
fn f29_information_schema_is_never_used() {
    let site = Site::with_drift();
    let expected = site.findings();
    site.database.exec(
        "CREATE ROLE f29_standard LOGIN; GRANT SELECT ON refinery_schema_history TO f29_standard;
         REVOKE ALL ON SCHEMA information_schema FROM PUBLIC",
    );
    assert_eq!(findings(&site.check_output(&site.database.url_as("f29_standard"))), expected);
    site.database.exec("DROP SCHEMA information_schema CASCADE");
    assert_eq!(findings(&site.check_output(site.database.url())), expected);
    site.database.exec("DROP OWNED BY f29_standard; DROP ROLE f29_standard");
}

/// Nobody needs more rights because the project's settings are hidden from the role: files are the caller's.
#[test]
fn f29_an_unreadable_lock_file_is_no_missing_one() {
    let site = Site::with_drift();
    fs::remove_file(site.project.lock()).unwrap();
    fs::create_dir(site.project.lock()).unwrap();
    let output = site.project.check_command(site.database.url()).output().unwrap();
    expect(&output, 2, &["trueup.lock", "expected a file"]);
}
