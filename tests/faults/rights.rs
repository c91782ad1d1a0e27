//! Roles that may see less than everything: the answer is the same, or it is "cannot tell".

use std::fs;

use crate::support;
use crate::support::project::{Project, Site};

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
    let expected = site.check(&site.database).findings();
    assert_eq!(site.check(&url).findings(), expected, "a role without any right sees the same");
    let mut untouched = Vec::new();
    for catalog in TAKEN {
        site.database.exec(&format!("REVOKE SELECT ON pg_catalog.{catalog} FROM PUBLIC"));
        let ran = site.check(&url).run();
        site.database.exec(&format!("GRANT SELECT ON pg_catalog.{catalog} TO PUBLIC"));
        if ran.code() == Some(3) {
            ran.exit(3).says(["this role lacks a right", catalog, "grant the right"]);
        } else {
            // What was not asked for was not needed: all is there.
            assert_eq!(ran.findings(), expected, "{catalog}");
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
    let check =
        |args: &[&str]| project.check(&database.url_as("f29_connect")).args(["--format", "json"]).args(args);
    assert_eq!(check(&[]).findings(), [""; 0]);
    database.exec(
        "ALTER TABLE hidden.t ALTER n DROP DEFAULT; DROP VIEW hidden.v; ALTER SEQUENCE hidden.s INCREMENT 5",
    );
    let found = check(&[]).findings();
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
    let check = || project.check(&database.url_as("f29_blind")).args(["--format", "json"]);
    check().exit(0);
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
        let document = check().case(hide).exit(3).json();
        assert_eq!(document["outcome"], "cannot-tell");
        let coverage = &document["coverage"];
        assert_eq!(
            coverage["invisible"],
            serde_json::json!([{ "object": "public.refinery_schema_history" }]),
            "{hide}"
        );
        assert_eq!(coverage["complete"], false, "{hide}");
        project
            .check(&database.url_as("f29_blind"))
            .run()
            .says("not visible to f29_blind: public.refinery_schema_history")
            .lacks("\nOK: ");
        database.exec(show);
    }
    check().exit(0);
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
    assert_eq!(site.check(&site.database.url_as("f29_standard")).findings(), expected);
    site.database.exec("DROP SCHEMA information_schema CASCADE");
    assert_eq!(site.check(&site.database).findings(), expected);
    site.database.exec("DROP OWNED BY f29_standard; DROP ROLE f29_standard");
}

/// Nobody needs more rights because the project's settings are hidden from the role: files are the caller's.
#[test]
fn f29_an_unreadable_lock_file_is_no_missing_one() {
    let site = Site::with_drift();
    fs::remove_file(site.project.lock()).unwrap();
    fs::create_dir(site.project.lock()).unwrap();
    site.project.check(&site.database).exit(2).says(["trueup.lock", "expected a file"]);
}
