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
        revision: None,
        parents: Vec::new(),
    }
}

fn finding(kind: &'static str, object: &str) -> Finding {
    Finding::new("code", Severity::Error, kind, object, Change::Different)
}

fn cause(kind: CauseKind, migration: &str) -> Cause {
    Cause { kind, migration: Some(migration.to_owned()), detail: String::new() }
}

fn located(finding: &Finding, migrations: &[Migration]) -> Option<String> {
    let schema = schema_files();
    let declarations = Declarations::new(&schema, migrations, Path::new("/project"), "public, pg_temp");
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
fn names_without_a_schema_go_where_the_search_path_says() {
    let files = [SchemaFile { path: "schema/x.sql".to_owned(), text: "CREATE TABLE t (id int);".to_owned() }];
    for (search_path, object) in [
        ("public, pg_temp", "public.t"),
        ("\"App\", public", "\"App\".t"),
        ("\"$user\", app", "app.t"),
        ("\"$user\"", "public.t"),
        ("", "public.t"),
        ("'", "public.t"),
    ] {
        let declarations = Declarations::new(&files, &[], Path::new("/project"), search_path);
        let place = declarations.locate(&finding("table", object));
        assert_eq!(place, Some(Location::new("schema/x.sql", 1)), "{search_path}");
    }
}

#[test]
fn a_migration_is_found_by_its_name_or_by_the_cause() {
    let migrations = [
        migration(1, "a", "CREATE TABLE old (\n  id int);"),
        migration(2, "b", "SELECT 1;\n\nALTER TABLE old\n  ALTER id SET NOT NULL;\nDROP TABLE older;"),
    ];
    let place = |finding: &Finding| located(finding, &migrations);
    assert_eq!(place(&finding("migration", "V2__b")).unwrap(), "migrations/V2__b.sql:1");
    for other in ["V3__c", "V2__c", "V2", "2"] {
        assert_eq!(place(&finding("migration", other)), None, "{other}");
    }
    let cause = |migration: &str| cause(CauseKind::Pending, migration);
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

/// Where only the lock file is there, everything has the place of the lock file.
#[test]
fn without_any_file_nothing_is_found() {
    let declarations = Declarations::new(&[], &[], Path::new("/project"), "public");
    for found in [
        finding("table", "public.users"),
        finding("migration", "V1__a"),
        finding("column", "public.users.id").cause(cause(CauseKind::Pending, "1")),
        finding("privilege", "public.users TO r"),
        finding("unknown", ""),
    ] {
        assert_eq!(declarations.locate(&found), None, "{}", found.kind);
    }
}

/// `schema/` declares it, too: what the migration is going to do is what the finding is about.
#[test]
fn what_a_migration_will_do_is_there_and_what_was_changed_by_hand_is_where_it_is_declared() {
    let migrations = [
        migration(1, "a", "CREATE TABLE users (id bigint, email text);"),
        migration(
            2,
            "b",
            "SELECT 'users', 'born';\nALTER TABLE organizations ADD born date;\n\nALTER TABLE users\n  ADD born date;\n\
             INSERT INTO users\n  (id)\nVALUES (1);\nUPDATE users SET nick = email;",
        ),
    ];
    let place = |kind, object: &str, cause_kind| {
        let finding = finding(kind, object).cause(cause(cause_kind, "2"));
        located(&finding, &migrations).unwrap()
    };
    assert_eq!(place("column", "public.users.born", CauseKind::Pending), "migrations/V2__b.sql:5");
    assert_eq!(place("column", "public.users.born", CauseKind::Unfinished), "migrations/V2__b.sql:5");
    assert_eq!(place("column", "public.users.nick", CauseKind::Pending), "migrations/V2__b.sql:9");
    assert_eq!(place("column", "public.users.id", CauseKind::Pending), "migrations/V2__b.sql:7");
    assert_eq!(place("check", "public.users.positive", CauseKind::Pending), "migrations/V2__b.sql:1");
    assert_eq!(place("column", "public.users.born", CauseKind::Drift), "schema/b.sql:15");
    assert_eq!(place("column", "public.users.born", CauseKind::Unmigrated), "schema/b.sql:15");
    let newer = finding("column", "public.users.born").cause(cause(CauseKind::Ahead, "9"));
    assert_eq!(located(&newer, &migrations).unwrap(), "schema/b.sql:15");
}

#[test]
fn of_the_statements_of_a_migration_the_one_about_the_object_counts() {
    let sql = "ALTER TABLE users DROP COLUMN legacy;\nCOMMENT ON COLUMN users.email IS 'legacy';\n\
               UPDATE legacy SET email = users.email FROM users;\nDROP TABLE IF EXISTS public.legacy;\n\
               ALTER TABLE users ALTER email TYPE text;\nCREATE INDEX i ON users (email);\nCOMMENT ON INDEX i IS 'x';";
    let migrations = [migration(1, "a", sql)];
    let place = |code: &str, kind, object: &str| {
        let mut finding = finding(kind, object).cause(cause(CauseKind::Pending, "1"));
        finding.code = code.to_owned();
        located(&finding, &migrations).unwrap()
    };
    assert_eq!(place("table.unexpected", "table", "public.legacy"), "migrations/V1__a.sql:4");
    assert_eq!(place("column.unexpected", "column", "public.users.legacy"), "migrations/V1__a.sql:1");
    assert_eq!(place("column.comment", "column", "public.users.email"), "migrations/V1__a.sql:2");
    assert_eq!(place("column.type", "column", "public.users.email"), "migrations/V1__a.sql:5");
    assert_eq!(place("index.missing", "index", "public.i"), "migrations/V1__a.sql:6");
    assert_eq!(place("index.comment", "index", "public.i"), "migrations/V1__a.sql:7");
}

#[test]
fn default_privileges_are_where_schema_and_kind_are_named() {
    let text = "ALTER DEFAULT PRIVILEGES IN SCHEMA app GRANT SELECT ON SEQUENCES TO r;\n\
                ALTER DEFAULT PRIVILEGES FOR ROLE x IN SCHEMA app GRANT SELECT ON TABLES TO r;";
    let files = [SchemaFile { path: "schema/x.sql".to_owned(), text: text.to_owned() }];
    let declarations = Declarations::new(&files, &[], Path::new("/project"), "public");
    let place = |object| declarations.locate(&finding("privilege", object)).map(|place| place.line);
    assert_eq!(place("default_privileges FOR ROLE x IN SCHEMA app ON TABLES TO r"), Some(2));
    assert_eq!(place("default_privileges FOR ROLE x ON SEQUENCES TO r"), Some(1));
    assert_eq!(place("default_privileges FOR ROLE x IN SCHEMA app ON FUNCTIONS TO r"), None);
}

#[test]
fn a_privilege_is_where_its_own_migration_grants_it() {
    let migrations = [
        migration(1, "a", "CREATE TABLE t (id int);\nGRANT SELECT ON t TO reporting;"),
        migration(2, "b", "SELECT 1;\nGRANT INSERT ON t TO \"Reporting\";"),
        migration(3, "c", "GRANT SELECT ON t TO other;"),
    ];
    let privilege = finding("privilege", "public.t TO reporting");
    assert_eq!(located(&privilege, &migrations).unwrap(), "migrations/V2__b.sql:2");
    let first = privilege.cause(cause(CauseKind::Pending, "1"));
    assert_eq!(located(&first, &migrations).unwrap(), "migrations/V1__a.sql:2");
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
        let declarations = Declarations::new(&files, &[], Path::new("/project"), "public, pg_temp");
        assert_eq!(declarations.locate(&finding("table", "public.nothing")), None, "{text}");
    }
}
