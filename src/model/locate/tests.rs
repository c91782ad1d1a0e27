//! Tests of the index over schema files and migrations.

use std::path::PathBuf;

use super::*;
use crate::findings::{Cause, CauseKind, Severity};
use crate::migrations::Directives;

const SCHEMA: &str = "\
-- Everything.
CREATE SCHEMA app;
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE TABLE users (
    id bigserial PRIMARY KEY,
    \"say \"\"hi\"\"\" text,
    email text NOT NULL UNIQUE CHECK (email <> 'a, constraint b'),
    amount numeric(10, 2) CONSTRAINT positive CHECK (amount > 0),
    exclude boolean,
    CONSTRAINT users_long
        CHECK (length(email) < 100)
);
ALTER TABLE ONLY users
    ADD CONSTRAINT users_self FOREIGN KEY (id) REFERENCES users (id),
    ADD COLUMN born date,
    ADD nick text CONSTRAINT nick_short CHECK (length(nick) < 9);
CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS by_nick ON public.users (nick);
CREATE INDEX ON app.orders USING btree (user_id, state);
CREATE TABLE IF NOT EXISTS app.orders (user_id bigint,
    state app.state);
CREATE TYPE app.state AS ENUM ('open');
CREATE OR REPLACE FUNCTION total(a integer) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION total(a integer, b text DEFAULT 'x, y') RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION total(a text) RETURNS integer LANGUAGE sql AS 'SELECT 1';
CREATE TRIGGER touch BEFORE UPDATE OF email ON users FOR EACH ROW EXECUTE FUNCTION f();
CREATE POLICY own ON \"app\".orders USING (true);
CREATE RULE quiet AS ON INSERT TO users DO NOTHING;
CREATE EVENT TRIGGER no_drop ON sql_drop EXECUTE FUNCTION f();
CREATE MATERIALIZED VIEW sizes AS SELECT 1;
CREATE STATISTICS app.both ON user_id, state FROM app.orders;
GRANT SELECT ON users TO reporting;
SET search_path = app, public;
CREATE TEMP TABLE notes (id int);
CREATE TABLE part PARTITION OF notes FOR VALUES FROM (1) TO (2);
";

fn schema_files() -> Vec<SchemaFile> {
    let file = |path: &str, text: &str| SchemaFile { path: path.to_owned(), text: text.to_owned() };
    vec![file("schema/a.sql", "\u{feff}\nCREATE VIEW first AS SELECT 1;"), file("schema/b.sql", SCHEMA)]
}

fn migration(version: i64, name: &str, sql: &str) -> Migration {
    Migration {
        version,
        name: name.to_owned(),
        path: PathBuf::from(format!("/project/migrations/V{version}__{name}.sql")),
        sql: sql.to_owned(),
        down: None,
        directives: Directives::default(),
    }
}

fn finding(kind: &'static str, object: &str) -> Finding {
    Finding::new("code", Severity::Error, kind, object, Change::Different)
}

fn located(finding: &Finding, migrations: &[Migration]) -> Option<String> {
    let schema = schema_files();
    let declarations = Declarations::new(&schema, migrations, Path::new("/project"));
    declarations.locate(finding).map(|location| location.to_string())
}

#[test]
fn declared_objects_are_where_schema_creates_them() {
    for (kind, object, line) in [
        ("schema", "app", 2),
        ("extension", "hstore", 3),
        ("table", "public.users", 4),
        ("column", "public.users.\"say \"\"hi\"\"\"", 6),
        ("column", "public.users.email", 7),
        ("check", "public.users.positive", 8),
        ("column", "public.users.exclude", 9),
        ("check", "public.users.users_long", 10),
        ("foreign_key", "public.users.users_self", 14),
        ("column", "public.users.born", 15),
        ("column", "public.users.nick", 16),
        ("check", "public.users.nick_short", 16),
        ("index", "public.by_nick", 17),
        ("index", "app.orders_user_id_state_idx", 18),
        ("table", "app.orders", 19),
        ("column", "app.orders.state", 20),
        ("enum", "app.state", 21),
        ("trigger", "public.users.touch", 25),
        ("policy", "app.orders.own", 26),
        ("rule", "public.users.quiet", 27),
        ("event_trigger", "no_drop", 28),
        ("materialized_view", "public.sizes", 29),
        ("statistics", "app.both", 30),
        ("privilege", "public.users TO reporting", 31),
        ("column", "app.notes.id", 33),
        ("table", "app.part", 34),
    ] {
        let place = located(&finding(kind, object), &[]);
        assert_eq!(place, Some(format!("schema/b.sql:{line}")), "{kind} {object}");
    }
    assert_eq!(located(&finding("view", "public.first"), &[]).unwrap(), "schema/a.sql:2");
}

#[test]
fn what_postgresql_names_is_at_the_column_it_comes_from() {
    let place = |kind, object| located(&finding(kind, object), &[]).unwrap();
    assert_eq!(place("unique", "public.users.users_email_key"), "schema/b.sql:7");
    assert_eq!(place("sequence", "public.users_id_seq"), "schema/b.sql:5");
    assert_eq!(place("primary_key", "public.users.users_pkey"), "schema/b.sql:4");
}

#[test]
fn of_several_functions_the_arguments_decide() {
    let place = |object| located(&finding("function", object), &[]).unwrap();
    assert_eq!(place("public.total(integer)"), "schema/b.sql:22");
    assert_eq!(place("public.total(integer, text)"), "schema/b.sql:23");
    assert_eq!(place("public.total(text)"), "schema/b.sql:24");
}

#[test]
fn what_is_not_declared_is_at_its_table_or_nowhere() {
    let mut column = finding("column", "public.users.legacy");
    column.change = Change::Unexpected;
    assert_eq!(located(&column, &[]).unwrap(), "schema/b.sql:4");
    assert_eq!(located(&finding("table", "public.nothing"), &[]), None);
    assert_eq!(located(&finding("database", "DATABASE"), &[]), None);
    assert_eq!(located(&finding("index", "not a name"), &[]), None);
}

#[test]
fn a_migration_is_found_by_its_name_or_by_the_cause() {
    let migrations = [
        migration(1, "a", "CREATE TABLE old (\n  id int);"),
        migration(2, "b", "SELECT 1;\n\nALTER TABLE old\n  ALTER id SET NOT NULL;\nDROP TABLE older;"),
    ];
    let place = |finding: &Finding| located(finding, &migrations);
    assert_eq!(place(&finding("migration", "V2__b")).unwrap(), "migrations/V2__b.sql:1");
    assert_eq!(place(&finding("migration", "V3__c")), None);
    let cause = |migration: &str| Cause {
        kind: CauseKind::Pending,
        migration: Some(migration.to_owned()),
        detail: String::new(),
    };
    let altered = finding("column", "public.old.id").cause(cause("2"));
    assert_eq!(place(&altered).unwrap(), "migrations/V2__b.sql:4");
    let dropped = finding("table", "public.older").cause(cause("2"));
    assert_eq!(place(&dropped).unwrap(), "migrations/V2__b.sql:5");
    let unnamed = finding("table", "public.else").cause(cause("2"));
    assert_eq!(place(&unnamed).unwrap(), "migrations/V2__b.sql:1");
    assert_eq!(place(&finding("column", "public.old.id")).unwrap(), "migrations/V1__a.sql:2");
    let mut left = finding("table", "public.old");
    left.change = Change::Unexpected;
    assert_eq!(place(&left), None);
}

#[test]
fn statements_that_cannot_be_read_declare_nothing() {
    let texts = [
        "CREATE",
        "CREATE TABLE",
        "CREATE TABLE x (",
        "CREATE INDEX ON",
        "ALTER TABLE x ADD",
        "SET search_path",
    ];
    for text in texts.into_iter().chain([
        "CREATE FUNCTION f(a",
        "CREATE TABLE t (a,,b int)",
        "ALTER TABLE x RENAME a TO",
    ]) {
        let files = [SchemaFile { path: "schema/x.sql".to_owned(), text: text.to_owned() }];
        let declarations = Declarations::new(&files, &[], Path::new("/project"));
        assert_eq!(declarations.locate(&finding("table", "public.nothing")), None, "{text}");
    }
}
