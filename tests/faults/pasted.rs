//! The SQL that `check` prints, pasted as it stands, makes the database as declared.

use crate::site::{Project, expect, said};
use crate::support::{self, TestDatabase};

const HEADING: &str = "SQL that makes the database as declared (read it before you run it):\n";

/// The block of SQL in what a check shows to people.
#[track_caller]
fn block(project: &Project, database: &TestDatabase) -> String {
    let shown = said(&project.check(database.url()).args(["--color", "never"]).output().unwrap());
    let Some((_, after)) = shown.split_once(HEADING) else { panic!("no SQL in: {shown}") };
    let end = after.rfind("\n\nno").unwrap_or_else(|| panic!("no verdict in: {after}"));
    after[..end].to_owned()
}

/// A database as declared, changed by hand, is as declared again once the SQL of its check was pasted.
#[track_caller]
fn mended_by_pasting(schema: &str, by_hand: &str) {
    let project = Project::of_schema(schema);
    project.compile();
    let database = support::database();
    project.build(&database);
    expect(&project.check(database.url()).output().unwrap(), 0, &[]);
    database.exec(by_hand);
    let sql = block(&project, &database);
    database.psql(&sql);
    let again = project.check(database.url()).output().unwrap();
    assert_eq!(again.status.code(), Some(0), "{sql}\n{}", said(&again));
}

#[test]
fn texts_of_several_lines_stay_as_they_are() {
    let schema = "CREATE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql AS $$
BEGIN
    -- twice

    RETURN 2 * n;
END
$$;
CREATE TABLE t (id int, note text DEFAULT E'a\\nb');
COMMENT ON TABLE t IS E'first\\nsecond';
CREATE VIEW v AS SELECT id, E'x\\ny' AS text FROM t;
";
    for by_hand in [
        "DROP FUNCTION twice(int)",
        "CREATE OR REPLACE FUNCTION twice(n int) RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN n; END'",
        "ALTER TABLE t ALTER note SET DEFAULT 'c'",
        "COMMENT ON TABLE t IS NULL",
        "DROP VIEW v",
    ] {
        mended_by_pasting(schema, by_hand);
    }
}

const ORDERS: &str = "
CREATE TABLE orders (id int PRIMARY KEY, tenant int NOT NULL, status text NOT NULL DEFAULT 'new',
    CONSTRAINT orders_status_check CHECK (status <> ''));
CREATE INDEX orders_status ON orders (status);
CREATE POLICY tenant_isolation ON orders USING (tenant = 1);
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER stamp BEFORE UPDATE OF status ON orders FOR EACH ROW EXECUTE FUNCTION stamp();
";

#[test]
fn what_was_renamed_and_changed_is_told_and_mended_in_one_go() {
    for by_hand in [
        "ALTER TABLE orders RENAME TO ordrs; DROP POLICY tenant_isolation ON ordrs;
         ALTER TABLE ordrs DISABLE ROW LEVEL SECURITY; ALTER TABLE ordrs DROP CONSTRAINT orders_status_check",
        "ALTER TABLE orders RENAME status TO state; ALTER TABLE orders ALTER state DROP NOT NULL;
         ALTER TABLE orders ALTER state DROP DEFAULT; DROP TRIGGER stamp ON orders; DROP INDEX orders_status",
    ] {
        mended_by_pasting(ORDERS, by_hand);
    }
}

#[test]
fn an_attribute_of_a_type_is_renamed_back_with_all_that_is_stored_in_it() {
    let schema = "CREATE TYPE address AS (street text, zip text);
CREATE TABLE customers (id int PRIMARY KEY, addr address);
";
    let project = Project::of_schema(schema);
    project.compile();
    let database = support::database();
    project.build(&database);
    database.exec("INSERT INTO customers VALUES (1, ROW('Lane', '1010')); ALTER TYPE address RENAME ATTRIBUTE zip TO code");
    database.psql(&block(&project, &database));
    assert_eq!(database.value("SELECT (addr).zip FROM customers"), "1010");
    expect(&project.check(database.url()).output().unwrap(), 0, &[]);
}
