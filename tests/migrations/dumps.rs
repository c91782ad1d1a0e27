//! Dumps as migrations and as schema: of pg_dump, of Rails; names that are too long, extensions that are assumed.

use super::{applied, project, write};
use crate::support;

/// What pg_dump of a newer major with the latest minor writes around what there is.
fn dump(body: &str) -> String {
    format!(
        "--\n-- PostgreSQL database dump\n--\n\n\\restrict aB'1\n\nSET statement_timeout = 0;\nSET lock_timeout = 0;\n\
         SET idle_in_transaction_session_timeout = 0;\nSET transaction_timeout = 0;\nSET client_encoding = 'UTF8';\n\
         SET standard_conforming_strings = on;\nSELECT pg_catalog.set_config('search_path', '', false);\n\
         SET check_function_bodies = false;\nSET xmloption = content;\nSET client_min_messages = warning;\n\
         SET row_security = off;\n\nSET default_tablespace = '';\n\nSET default_table_access_method = heap;\n\n\
         {body}\n\\unrestrict aB'1\n\n"
    )
}

const TABLE: &str =
    "CREATE TABLE public.t (\n    id integer NOT NULL,\n    name text DEFAULT 'it''s'::text\n);\n";

#[test]
fn a_dump_of_a_newer_major_is_the_first_migration() {
    let text = dump(TABLE);
    let files = [
        ("migrations/V1__dump.sql", text.as_str()),
        ("migrations/V2__more.sql", "ALTER TABLE t ADD x int;\n"),
    ];
    let project = project("", &files);
    let (database, pasted) = (support::database(), support::database());
    project.trueup(["compile"], &database).exit(0);
    project.trueup(["upgrade", "--yes"], &database).exit(0).says("applied 2 migrations");
    project.trueup(["check"], &database).exit(0);
    let script = project.trueup(["upgrade", "--sql"], &pasted).exit(0);
    pasted.psql(script.stdout());
    project.trueup(["check"], &pasted).exit(0);
    // The same text as schema.
    write(
        &project,
        "schema/dump.sql",
        &dump(
            "CREATE TABLE public.t (\n    id integer NOT NULL,\n    name text DEFAULT 'it''s'::text,\n    x integer\n);\n",
        ),
    );
    project.trueup(["compile"], &database).exit(0);
    project.trueup(["check"], &database).exit(0);
}

#[test]
fn what_is_wrong_in_a_dump_is_told_with_its_place() {
    let text = dump("CREATE TABLE public.t (id no_such_type);");
    let project = project("", &[("migrations/V1__dump.sql", text.as_str())]);
    let line = text.lines().position(|line| line.contains("no_such_type")).unwrap() + 1;
    let words = format!("V1__dump.sql: line {line}: type \"no_such_type\" does not exist");
    project.trueup(["compile"], &support::database()).exit(2).says(&words).lacks("aborted");
}

#[test]
fn the_dump_of_rails_is_a_schema() {
    let structure = "SET statement_timeout = 0;\nSET lock_timeout = 0;\n\
        SELECT pg_catalog.set_config('search_path', '', false);\n\
        CREATE TABLE public.ar_internal_metadata (key character varying NOT NULL PRIMARY KEY, value character varying);\n\
        CREATE TABLE public.schema_migrations (version character varying NOT NULL PRIMARY KEY);\n\
        CREATE TABLE public.users (id bigint PRIMARY KEY);\n\nSET search_path TO \"$user\", public;\n\n\
        INSERT INTO \"schema_migrations\" (version) VALUES\n('20260102030405'),\n('20260102030406');\n";
    let project = project("", &[("schema/structure.sql", structure)]);
    let database = support::database();
    let noted = "schema/structure.sql: line 10: rows of the migration history schema_migrations";
    project.trueup(["compile"], &database).exit(0).says(noted);
    database.exec(structure);
    project.trueup(["check"], &database).exit(0);
    write(&project, "schema/rows.sql", "INSERT INTO users VALUES (1);\nUPDATE users SET id = 2;\n");
    let all =
        ["schema/rows.sql: line 1: INSERT changes rows", "schema/rows.sql: line 2: UPDATE changes rows"];
    project.trueup(["compile"], &database).exit(2).says(all);
}

#[test]
fn a_schema_that_is_dropped_before_it_is_made_holds_what_is_made_in_it() {
    for (drop, name) in
        [("DROP SCHEMA IF EXISTS app CASCADE", "app"), ("DROP SCHEMA public CASCADE", "public")]
    {
        let second = format!("{drop};\nCREATE SCHEMA {name};\nCREATE TABLE {name}.b (id int);\n");
        let first = format!("CREATE TABLE {name}.a (id int);\n");
        let project = project("", &[("schema/a.sql", &first), ("schema/b.sql", &second)]);
        let database = support::database();
        project.trueup(["compile"], &database).case(drop).exit(0);
        database.exec(&format!(
            "CREATE SCHEMA IF NOT EXISTS {name}; CREATE TABLE {name}.a (id int); CREATE TABLE {name}.b (id int)"
        ));
        project.trueup(["check"], &database).case(drop).exit(0);
    }
}

#[test]
fn names_that_are_too_long_are_truncated_with_a_warning() {
    let long = "a".repeat(70);
    let create = format!("CREATE TABLE {long} (id int);\n");
    let index = format!("-- trueup: no-transaction\nCREATE INDEX CONCURRENTLY i{long} ON {long} (id);\n");
    let files = [
        ("schema/a.sql", format!("{create}CREATE INDEX i{long} ON {long} (id);\n")),
        ("migrations/V1__a.sql", create.clone()),
        ("migrations/V2__i.sql", index),
    ];
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (*name, text.as_str())).collect();
    let project = project("", &files);
    let database = support::database();
    project.trueup(["compile"], &database).exit(0).says([
        "schema/a.sql: line 1: the name",
        "migrations/V1__a.sql: line 1: the name",
        "has 70 bytes: PostgreSQL truncates it to",
    ]);
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    project.trueup(["check"], &database).exit(0);
    assert_eq!(applied(&database), "1 2");
}

/// A stand-in changes nothing about how a migration runs.
#[test]
fn migrations_run_in_transactions_where_extensions_are_assumed() {
    let first = "CREATE EXTENSION no_such_postgis;\n\
        CREATE TEMPORARY TABLE old (at geometry(Point, 4326)) ON COMMIT DROP;\nINSERT INTO old DEFAULT VALUES;\n\
        CREATE TABLE places (at geometry(Point, 4326), CHECK (at && 'POINT(0 0)'));\n\
        CREATE INDEX ON places USING gist (at);\nINSERT INTO places SELECT at FROM old;\n\
        GRANT SELECT ON places TO assumed_reader;\n";
    let second =
        "LOCK TABLE places;\nSET LOCAL search_path = public;\nALTER TABLE places ADD around geography;\n";
    let files = [("migrations/V1__places.sql", first), ("migrations/V2__locked.sql", second)];
    let settings = "[compile]\nassume_extensions = [\"no_such_postgis\"]\n";
    let assuming = project(settings, &files);
    assuming.trueup(["compile"], &support::database()).exit(0);
    let used = "CREATE TYPE st AS ENUM ('a');\nCREATE TABLE t (s st);\n";
    let value = "ALTER TYPE st ADD VALUE 'b';\nCREATE TABLE u (at geometry, s st DEFAULT 'b');\n";
    let files = [files[0], ("migrations/V2__st.sql", used), ("migrations/V3__b.sql", value)];
    let words = ["V3__b.sql: line 2: unsafe use of new value", "-- trueup: no-transaction"];
    project(settings, &files).trueup(["compile"], &support::database()).exit(2).says(words);
}

#[test]
fn what_pg_dump_writes_is_applied_as_it_stands() {
    let rich = "CREATE SCHEMA app;\nCREATE TYPE app.mood AS ENUM ('sad', 'ok');\n\
        CREATE TABLE app.users (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, mood app.mood DEFAULT 'ok', \
        name text, shout text GENERATED ALWAYS AS (upper(name) || '; ') STORED);\nCOMMENT ON TABLE app.users IS 'people; all of them';\n\
        CREATE TABLE app.keys (id serial PRIMARY KEY, user_id bigint REFERENCES app.users);\n\
        CREATE VIEW app.sad AS SELECT id FROM app.users WHERE mood = 'sad';\n\
        CREATE FUNCTION app.count_of(who bigint) RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC \
        SELECT count(*) FROM app.keys WHERE user_id = who; SELECT 1::bigint; END;\n\
        CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;\n\
        CREATE TRIGGER touch BEFORE UPDATE ON app.keys FOR EACH ROW EXECUTE FUNCTION app.touch();\n";
    let (origin, database) = (support::database(), support::database());
    origin.exec(rich);
    let dump = origin.server.program("pg_dump").args(["--schema-only", "-d", origin.url()]).exit(0);
    let project =
        project("", &[("migrations/V1__dump.sql", dump.stdout()), ("schema/dump.sql", dump.stdout())]);
    project.trueup(["compile"], &database).exit(0);
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    for same in [&database, &origin] {
        project.trueup(["check", "--fail-on", "drift"], same).exit(0);
    }
    project.trueup(["check"], &database).exit(0);
}
