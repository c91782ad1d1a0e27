//! Compiling projects on a real server: what the lock says about them, and what is said about wrong ones.

mod footprints;
mod order;
mod states;

use std::path::Path;

use tempfile::TempDir;
use trueup::error::{Exit, Failure, exit_of};
use trueup::model::{CompiledProject, CompiledSettings, DeclaredBy, Effect, Lock, Sources, compile};
use trueup::postgres::catalog::reader::{ReadOptions, read};
use trueup::postgres::catalog::{Attribute, Catalog, Kind, ObjectId};
use trueup::postgres::connection::Target;
use trueup::postgres::scratch::{Scratch, ScratchOptions};

use crate::support::program::{Program, Ran};
use crate::support::{self, TestDatabase};

/// A directory with these files.
fn project(files: &[(&str, &str)]) -> TempDir {
    let project = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = project.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    project
}

fn settings() -> CompiledSettings {
    CompiledSettings { search_path: "public, pg_temp".into(), ..CompiledSettings::default() }
}

async fn try_compile(project: &Path, settings: &CompiledSettings) -> anyhow::Result<Lock> {
    let options = ScratchOptions {
        bin_dir: std::env::var_os("TRUEUP_PG_BIN").map(Into::into),
        major: std::env::var("TRUEUP_TEST_MAJOR").ok().map(|text| text.parse().unwrap()),
        ..ScratchOptions::default()
    };
    let sources = Sources::read(project, &project.join("migrations"))?;
    let mut scratch = Scratch::start(&options).await?;
    let project =
        CompiledProject { directory: project, sources: &sources, settings, states: None, footprints: true };
    let outcome = compile(project, &mut scratch, None, &mut |_| {}).await;
    scratch.stop().await?;
    Ok(outcome?.lock)
}

/// Compiles, and holds what every lock must: it reads back, and the effects add up to what the migrations built.
async fn compiled(files: &[(&str, &str)]) -> Lock {
    let project = project(files);
    let lock = match try_compile(project.path(), &settings()).await {
        Ok(lock) => lock,
        Err(error) => panic!("{error:#}"),
    };
    let text = lock.to_text();
    assert_eq!(Lock::from_reader(text.as_bytes(), Path::new("trueup.lock")).unwrap(), lock);
    lock
}

async fn refused(files: &[(&str, &str)]) -> Failure {
    let project = project(files);
    let error = try_compile(project.path(), &settings()).await.expect_err("refused");
    assert_eq!(exit_of(&error), Exit::Usage, "{error:#}");
    error.downcast::<Failure>().unwrap()
}

fn names(catalog: &Catalog) -> Vec<String> {
    catalog.objects.iter().map(|object| format!("{} {}", object.id.kind, object.id)).collect()
}

fn told(effects: &[Effect]) -> Vec<String> {
    effects
        .iter()
        .map(|effect| match effect {
            Effect::Created(object) => format!("created {} {}", object.id.kind, object.id),
            Effect::Changed { after, attributes } => {
                let words: Vec<_> = attributes.iter().map(|attribute| attribute.word()).collect();
                format!("changed {} {}: {}", after.id.kind, after.id, words.join(", "))
            }
            Effect::Renamed { from, to } => format!("renamed {} {from} to {to}", from.kind),
            Effect::Dropped(id) => format!("dropped {} {id}", id.kind),
        })
        .collect()
}

const RICH: &str = r#"
CREATE SCHEMA app;
CREATE TYPE app.mood AS ENUM ('sad', 'ok', 'happy');
CREATE DOMAIN app.email AS text CHECK (VALUE ~ '@');
CREATE TABLE app.users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email app.email NOT NULL UNIQUE,
    mood app.mood DEFAULT 'ok',
    shout text GENERATED ALWAYS AS (upper(email::text)) STORED
);
COMMENT ON TABLE app.users IS 'people; all of them';
CREATE TABLE app.keys (id serial PRIMARY KEY, user_id bigint REFERENCES app.users ON DELETE CASCADE, at timestamptz DEFAULT now());
CREATE INDEX keys_at ON app.keys (at DESC) WHERE user_id IS NOT NULL;
CREATE VIEW app.happy AS SELECT u.id, k.at FROM app.users u JOIN app.keys k ON k.user_id = u.id WHERE mood = 'happy';
CREATE FUNCTION app.count_of(who bigint) RETURNS bigint LANGUAGE sql STABLE BEGIN ATOMIC SELECT count(*) FROM app.keys WHERE user_id = who; SELECT 1::bigint; END;
CREATE FUNCTION app.touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.at := now(); RETURN NEW; END $$;
CREATE TRIGGER touch BEFORE UPDATE ON app.keys FOR EACH ROW EXECUTE FUNCTION app.touch();
CREATE TABLE events (id int, region text NOT NULL) PARTITION BY LIST (region);
CREATE TABLE events_eu PARTITION OF events FOR VALUES IN ('eu');
ALTER TABLE app.users ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON app.users USING (id > 0);
"#;

/// What `pg_dump` says of a schema.
fn dump_of(database: &TestDatabase, args: &[&str]) -> Ran {
    let dump = database.server.program("pg_dump").arg("--schema-only").args(args);
    dump.args(["-d", database.url()]).exit(0)
}

#[tokio::test]
async fn a_dump_is_the_ddl_that_it_was_made_from() {
    let database = support::database();
    database.exec(RICH);
    let dump = dump_of(&database, &["--no-owner"]).stdout_contains("set_config('search_path', '', false)");
    // What newer ones write.
    let dump = dump.stdout();
    let dump = format!(
        "\\restrict aB1\nSET transaction_timeout = 0;\nSET no_such_setting = 0;\n{dump}\n\\unrestrict aB1\n"
    );
    let plain = compiled(&[("schema/all.sql", RICH)]).await;
    let dumped = compiled(&[("schema/dump.sql", &dump)]).await;
    assert_eq!(dumped.model, plain.model);
    assert!(plain.model.objects.len() > 30, "{:?}", names(&plain.model));
    let mut session = Target::parse(database.url()).unwrap().connect("test").await.unwrap();
    let live = read(&mut session, database.server.version, &ReadOptions::default()).await.unwrap();
    session.close().await;
    assert_eq!(live.catalog, plain.model);
}

#[tokio::test]
async fn a_dump_with_owners_and_privileges() {
    let database = support::database();
    database.exec(
        "DO $$ BEGIN CREATE ROLE compile_app; EXCEPTION WHEN duplicate_object THEN NULL; END $$; \
         CREATE TABLE t (id int); ALTER TABLE t OWNER TO compile_app; GRANT SELECT ON t TO PUBLIC; \
         ALTER SCHEMA public OWNER TO compile_app; REVOKE ALL ON SCHEMA public FROM PUBLIC",
    );
    let dump = dump_of(&database, &[]).stdout_contains(["OWNER TO compile_app", "GRANT SELECT"]);
    let lock = compiled(&[("schema/dump.sql", dump.stdout())]).await;
    assert!(lock.head.options.owners && lock.head.options.privileges);
    let table = lock.model.get(&ObjectId::in_schema(Kind::Table, "public", "t")).unwrap();
    assert!(table.is(Attribute::Owner, "compile_app"));
    assert!(names(&lock.model).iter().any(|name| name.starts_with("privilege public.t")));
}

/// An event trigger belongs to a superuser; where something lies is no part of a model.
#[tokio::test]
async fn a_dump_with_an_event_trigger_and_a_tablespace() {
    let database = support::database();
    database.exec(
        "DO $$ BEGIN CREATE ROLE compile_root SUPERUSER; EXCEPTION WHEN duplicate_object THEN NULL; END $$; \
         CREATE TABLE t (id int); \
         CREATE FUNCTION noted() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; \
         CREATE EVENT TRIGGER noted ON ddl_command_end EXECUTE FUNCTION noted(); \
         ALTER EVENT TRIGGER noted OWNER TO compile_root",
    );
    let dump = dump_of(&database, &[]).stdout_contains("OWNER TO compile_root");
    let elsewhere = dump.stdout().replace("SET default_tablespace = '';", "SET default_tablespace = fast;");
    assert_ne!(elsewhere, dump.stdout());
    let lock = compiled(&[("schema/dump.sql", &elsewhere)]).await;
    assert!(names(&lock.model).contains(&"event_trigger noted".to_owned()), "{:?}", names(&lock.model));
}

#[tokio::test]
async fn order_means_nothing() {
    let statements: Vec<&str> =
        RICH.split(";\n").map(str::trim).filter(|statement| !statement.is_empty()).collect();
    let plain = compiled(&[("schema/all.sql", RICH)]).await;
    let mut backwards = statements.clone();
    backwards.reverse();
    let reversed = compiled(&[("schema/all.sql", &(backwards.join(";\n") + ";"))]).await;
    assert_eq!(reversed.model, plain.model);
    let files: Vec<(String, String)> = statements
        .iter()
        .enumerate()
        .map(|(number, text)| (format!("schema/{:02}.sql", (number * 7) % 31), format!("{text};\n")))
        .collect();
    let files: Vec<(&str, &str)> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    assert_eq!(compiled(&files).await.model, plain.model);
}

#[tokio::test]
async fn settings_hold_for_their_file_also_when_a_statement_is_tried_again() {
    let lock = compiled(&[
        (
            "schema/a.sql",
            "SET search_path = one; CREATE TABLE a (id other.later); SET search_path = two; CREATE TABLE a (id later_too); \
             SET search_path = one, public; CREATE TABLE first (id int);",
        ),
        ("schema/b.sql", "CREATE TABLE b (id int); CREATE SCHEMA one; CREATE SCHEMA two; CREATE SCHEMA other;"),
        ("schema/c.sql", "CREATE DOMAIN other.later AS int; CREATE DOMAIN two.later_too AS int;"),
    ])
    .await;
    let tables: Vec<_> = names(&lock.model).into_iter().filter(|name| name.starts_with("table")).collect();
    assert_eq!(tables, ["table one.a", "table one.first", "table public.b", "table two.a"]);
}

#[tokio::test]
async fn errors_name_file_line_and_statement() {
    for (text, words) in [
        (
            "CREATE TABLE a (id int);\n\nCREATE TABLE b (\n  id int,\n  x nonsense\n);\n",
            &[
                "schema/a.sql: line 5: type \"nonsense\" does not exist",
                "statement: CREATE TABLE b ( ... (line 3)",
            ][..],
        ),
        ("\nCREATE TABEL a (id int);", &["schema/a.sql: line 2: syntax error at or near \"TABEL\""]),
        ("CREATE TABLE a (id int);\nCREATE TABLE a (id int);", &["line 2: relation \"a\" already exists"]),
        (
            "CREATE VIEW v AS SELECT missing();",
            &["line 1: function missing() does not exist", "hint: No function"],
        ),
        (
            "CREATE TABLE a (id int CHECK (id > 'x'));\nCREATE VIEW v AS SELECT id FROM a;",
            &["schema/a.sql: line 1: invalid input syntax"],
        ),
        ("CREATE DATABASE x;", &["line 1: creates or changes a database", "statement: CREATE DATABASE x"]),
        ("CREATE TABLE a (id int);\nINSERT INTO a VALUES (1);", &["line 2: INSERT changes rows"]),
        ("CREATE ROLE a;", &["line 1: creates or changes a role"]),
        ("\\connect x\n", &["line 1: `\\connect` is a psql command"]),
        ("select 'x", &["line 1: a string starts here"]),
        ("CREATE EXTENSION no_such_extension;", &["schema/a.sql: line 1: the scratch server (PostgreSQL"]),
    ] {
        let failure = refused(&[("schema/a.sql", text)]).await;
        for word in words {
            assert!(failure.what.contains(word), "{word}\n{}", failure.what);
        }
        assert!(!failure.what.contains("at line"), "{}", failure.what);
    }
    let failure = refused(&[("schema/a.sql", "CREATE EXTENSION no_such_extension;")]).await;
    assert!(failure.next.contains("--scratch-url"), "{}", failure.next);
    assert!(failure.next.contains("assume_extensions = [\"no_such_extension\"]"), "{}", failure.next);
    let failure = refused(&[("schema/a.sql", "INSERT INTO a VALUES (1);")]).await;
    assert!(failure.next.contains("schema/seeds"), "{}", failure.next);
    let failure =
        refused(&[("migrations/V1__a.sql", "CREATE TABLE a (id int);\nALTER TABLE b ADD c int;")]).await;
    assert!(
        failure.what.contains("migrations/V1__a.sql: line 2: relation \"b\" does not exist"),
        "{}",
        failure.what
    );
}

#[tokio::test]
async fn roles_need_not_exist() {
    let lock = compiled(&[
        (
            "schema/a.sql",
            "CREATE TABLE a (id int); GRANT SELECT ON a TO \"Report ing\", other; \
             CREATE POLICY p ON a TO third USING (true); SET ROLE fourth; RESET ROLE;",
        ),
        ("migrations/V1__a.sql", "CREATE ROLE other; CREATE TABLE a (id int); GRANT SELECT ON a TO fifth;"),
    ])
    .await;
    // Who owns an object has all privileges on it: owners are read with them.
    assert!(lock.head.options.privileges && lock.head.options.owners);
    let policy = lock.model.get(&ObjectId::under(Kind::Policy, "public", "a", "p")).unwrap();
    assert_eq!(policy.get(Attribute::Roles), Some("third"));
}

#[tokio::test]
async fn extensions_that_are_assumed_leave_what_the_real_ones_would() {
    let assuming = CompiledSettings {
        assume_extensions: vec!["no_such_extension".into(), "vector_like".into()],
        ..settings()
    };
    let ddl = "CREATE EXTENSION no_such_extension WITH SCHEMA public VERSION '1.6';
        CREATE EXTENSION IF NOT EXISTS vector_like;
        COMMENT ON EXTENSION vector_like IS 'vectors';
        CREATE TABLE a (
            id uuid PRIMARY KEY DEFAULT uuid_generate_v4(),
            email foo_text NOT NULL UNIQUE,
            at vec(1536),
            many public.foo_text[],
            token text DEFAULT make_token(12, 'x'),
            n int CHECK (score(n) > 0.5)
        );
        CREATE INDEX a_at ON a (at);
        CREATE TRIGGER moved BEFORE UPDATE ON a FOR EACH ROW EXECUTE FUNCTION moddate('at');";
    for files in [[("schema/a.sql", ddl)], [("migrations/V1__a.sql", ddl)]] {
        let project = project(&files);
        let lock = match try_compile(project.path(), &assuming).await {
            Ok(lock) => lock,
            Err(error) => panic!("{error:#}"),
        };
        let all = names(&lock.model);
        assert!(lock.model.unmodeled.is_empty(), "{:?}", lock.model.unmodeled);
        assert!(all.contains(&"extension no_such_extension".to_owned()), "{all:?}");
        assert!(
            !all.iter().any(|name| name.contains("foo_text") || name.contains("uuid_generate")),
            "{all:?}"
        );
        let extension = lock.model.get(&ObjectId::bare(Kind::Extension, "no_such_extension")).unwrap();
        assert_eq!(extension.get(Attribute::Version), Some("1.6"));
        let column = |name: &str, attribute| {
            let id = ObjectId::under(Kind::Column, "public", "a", name);
            lock.model.get(&id).unwrap().get(attribute).map(str::to_owned)
        };
        assert_eq!(column("email", Attribute::Type).as_deref(), Some("public.foo_text"));
        assert_eq!(column("at", Attribute::Type).as_deref(), Some("public.vec(1536)"));
        assert_eq!(column("many", Attribute::Type).as_deref(), Some("public.foo_text[]"));
        assert_eq!(column("id", Attribute::Default).as_deref(), Some("public.uuid_generate_v4()"));
        assert_eq!(column("token", Attribute::Default).as_deref(), Some("public.make_token(12, 'x'::text)"));
    }
}

/// What people write of PostGIS, pgvector and pg_trgm, under names that no server has: an extension that is installed
/// is not assumed.
const PLACES: &str = r#"
CREATE EXTENSION no_such_postgis;
CREATE EXTENSION no_such_vector;
CREATE EXTENSION no_such_trigrams;
CREATE DOMAIN spot AS public.geometry(POINTZ, 4326);
CREATE TABLE places (
    id bigint PRIMARY KEY,
    name text,
    at geometry(Point, 4326) NOT NULL DEFAULT ST_SetSRID(ST_MakePoint(0, 0), 4326),
    around public.geography ( polygon ),
    "any" geometry,
    shapes geometry(geometry, 3857)[],
    bare public.geometry,
    embedding vector(1536) DEFAULT '[0, 0]',
    half halfvec(768),
    lon double precision GENERATED ALWAYS AS (st_x(at)) STORED,
    CHECK (st_srid(at) = 4326 AND at && at),
    EXCLUDE USING gist (bare WITH &&)
);
ALTER TABLE places ALTER COLUMN bare TYPE geometry(MultiPolygon,4326) USING bare::geometry(MultiPolygon,4326);
CREATE INDEX at_gist ON places USING gist (at);
CREATE INDEX at_named ON places USING gist (at gist_geometry_ops_2d);
CREATE INDEX at_brin ON places USING brin (at brin_geometry_inclusion_ops_2d);
CREATE INDEX at_spgist ON places USING spgist (at);
CREATE INDEX at_btree ON places (at);
CREATE INDEX shape ON places USING gist ((any_of("any")::geometry(Point,4326)));
CREATE INDEX name_gin ON places USING gin (name gin_trgm_ops);
CREATE INDEX name_gist ON places USING gist (name public.gist_trgm_ops);
CREATE INDEX near ON places USING hnsw (embedding vector_cosine_ops) WITH (m = 16, ef_construction = 64);
CREATE INDEX nearer ON places USING ivfflat (embedding vector_l2_ops) WITH (lists = 100) WHERE id > 0;
CREATE FUNCTION f(g geometry(Point, 4326), v vector(3)) RETURNS geometry LANGUAGE plpgsql
    AS 'DECLARE found geometry(Point, 4326); BEGIN RETURN found; END';
CREATE VIEW close AS SELECT id, at::geometry(Point, 3857) AS p, st_astext(at) AS t, embedding <-> '[1, 2]' AS d
    FROM places WHERE name % 'abc' AND ST_DWithin(at::geography, around, 10);
"#;

#[tokio::test]
async fn what_schemas_write_of_extensions_that_are_assumed() {
    let assuming = CompiledSettings {
        assume_extensions: ["no_such_postgis", "no_such_vector", "no_such_trigrams"]
            .map(str::to_owned)
            .to_vec(),
        ..settings()
    };
    for files in [[("schema/a.sql", PLACES)], [("migrations/V1__a.sql", PLACES)]] {
        let project = project(&files);
        let lock = match try_compile(project.path(), &assuming).await {
            Ok(lock) => lock,
            Err(error) => panic!("{error:#}"),
        };
        assert!(lock.model.unmodeled.is_empty(), "{:?}", lock.model.unmodeled);
        let hidden = |kind: Kind| matches!(kind, Kind::Column | Kind::Schema) || kind.is_constraint();
        let ids = lock.model.objects.iter().map(|object| &object.id).filter(|id| !hidden(id.kind));
        let ids: Vec<_> = ids.map(ObjectId::to_string).collect();
        assert_eq!(
            ids,
            [
                "no_such_postgis",
                "no_such_trigrams",
                "no_such_vector",
                "public.at_brin",
                "public.at_btree",
                "public.at_gist",
                "public.at_named",
                "public.at_spgist",
                "public.close",
                "public.f(public.geometry, public.vector)",
                "public.name_gin",
                "public.name_gist",
                "public.near",
                "public.nearer",
                "public.places",
                "public.shape",
                "public.spot",
            ]
        );
        let of = |id: ObjectId, attribute| lock.model.get(&id).unwrap().get(attribute).map(str::to_owned);
        let place = |kind, name: &str, attribute| {
            of(ObjectId::under(kind, "public", "places", name), attribute).unwrap()
        };
        for (name, expected) in [
            ("at", "public.geometry(Point,4326)"),
            ("around", "public.geography(Polygon,4326)"),
            ("any", "public.geometry"),
            ("shapes", "public.geometry(Geometry,3857)[]"),
            ("bare", "public.geometry(MultiPolygon,4326)"),
            ("embedding", "public.vector(1536)"),
            ("half", "public.halfvec(768)"),
        ] {
            assert_eq!(place(Kind::Column, name, Attribute::Type), expected);
        }
        assert_eq!(
            place(Kind::Column, "at", Attribute::Default),
            "public.st_setsrid(public.st_makepoint((0)::double precision, (0)::double precision), 4326)"
        );
        assert_eq!(place(Kind::Column, "embedding", Attribute::Default), "'[0, 0]'::public.vector");
        assert_eq!(
            place(Kind::Exclusion, "places_bare_excl", Attribute::Definition),
            "EXCLUDE USING gist (bare WITH OPERATOR(public.&&))"
        );
        let public =
            |kind, name: &str, attribute| of(ObjectId::in_schema(kind, "public", name), attribute).unwrap();
        assert_eq!(public(Kind::Domain, "spot", Attribute::Type), "public.geometry(PointZ,4326)");
        for (name, expected) in [
            ("at_gist", "at"),
            ("at_named", "at"),
            ("at_brin", "at"),
            ("at_spgist", "at"),
            ("at_btree", "at"),
            ("shape", "((public.any_of(\"any\"))::public.geometry(Point,4326))"),
            ("name_gin", "name public.gin_trgm_ops"),
            ("name_gist", "name public.gist_trgm_ops"),
            ("near", "embedding public.vector_cosine_ops"),
            ("nearer", "embedding"),
        ] {
            assert_eq!(public(Kind::Index, name, Attribute::Columns), expected, "{name}");
        }
        assert_eq!(public(Kind::Index, "near", Attribute::Method), "hnsw");
        assert_eq!(public(Kind::Index, "near", Attribute::Options), "ef_construction=64, m=16");
        assert_eq!(public(Kind::Index, "nearer", Attribute::Options), "lists=100");
        let view = public(Kind::View, "close", Attribute::Definition);
        for words in [
            "at)::public.geometry(Point,3857) AS p",
            "embedding OPERATOR(public.<->) '[1, 2]'::public.vector) AS d",
            "name OPERATOR(public.%) 'abc'::text)",
            "at)::public.geography, ",
            "around, (10)::double precision)",
        ] {
            assert!(view.contains(words), "{view}");
        }
    }
}

#[tokio::test]
async fn a_dump_that_uses_extensions_that_are_assumed() {
    let assuming = CompiledSettings {
        assume_extensions: ["no_such_postgis", "no_such_vector"].map(str::to_owned).to_vec(),
        ..settings()
    };
    let plain =
        "CREATE SCHEMA ext; SET search_path = public, ext; CREATE EXTENSION no_such_postgis SCHEMA ext;
        CREATE EXTENSION no_such_vector SCHEMA ext;
        CREATE TABLE t (id int, at geometry(Point, 4326), v vector(3), CHECK (at && 'POINT(0 0)'));
        CREATE INDEX i ON t USING gist (at);";
    let index =
        "CREATE INDEX CONCURRENTLY IF NOT EXISTS n ON public.t USING hnsw (v ext.vector_l2_ops) WITH (m=8);";
    let dump = "SELECT pg_catalog.set_config('search_path', '', false);
        CREATE SCHEMA ext;
        CREATE EXTENSION IF NOT EXISTS no_such_postgis WITH SCHEMA ext;
        CREATE EXTENSION IF NOT EXISTS no_such_vector WITH SCHEMA ext;
        CREATE TABLE public.t (
            id integer,
            at ext.geometry(Point,4326),
            v ext.vector(3),
            CONSTRAINT t_at_check CHECK ((at OPERATOR(ext.&&) 'POINT(0 0)'::ext.geometry))
        );
        CREATE INDEX i ON public.t USING gist (at);
        CREATE INDEX n ON public.t USING hnsw (v ext.vector_l2_ops) WITH (m='8');";
    let project = project(&[
        ("schema/dump.sql", dump),
        ("migrations/V1__a.sql", plain),
        ("migrations/V2__b.sql", &format!("-- trueup: no-transaction\n{index}\n{index}")),
    ]);
    let lock = match try_compile(project.path(), &assuming).await {
        Ok(lock) => lock,
        Err(error) => panic!("{error:#}"),
    };
    assert_eq!(lock.state_after(|_| true).objects, lock.model.objects);
    let index = lock.model.get(&ObjectId::in_schema(Kind::Index, "public", "n")).unwrap();
    assert_eq!(index.get(Attribute::Options), Some("m=8"));
    assert_eq!(told(&lock.migrations[1].effects), ["created index public.n"]);
}

#[tokio::test]
async fn what_no_assumed_extension_explains_is_refused() {
    let assuming = CompiledSettings { assume_extensions: vec!["no_such_postgis".into()], ..settings() };
    let known =
        "CREATE EXTENSION no_such_postgis; CREATE TABLE places (at geometry(Point, 4326), name text);\n";
    for (wrong, message) in [
        ("CREATE INDEX ON places USING gin (name)", "data type text has no default operator class"),
        ("CREATE TABLE a (id int DEFAULT 'x')", "invalid input syntax for"),
        ("CREATE TABLE a (id numeric(a, b))", "invalid input syntax for"),
        ("CREATE INDEX ON places (name) WITH (lists = 100)", "unrecognized parameter \"lists\""),
        ("CREATE VIEW v AS SELECT name && name FROM places", "operator does not exist: text && text"),
    ] {
        let project = project(&[("schema/a.sql", &format!("{known}{wrong};"))]);
        let error = try_compile(project.path(), &assuming).await.expect_err(wrong);
        assert_eq!(exit_of(&error), Exit::Usage, "{error:#}");
        let failure = error.downcast::<Failure>().unwrap();
        assert!(failure.what.contains(&format!("schema/a.sql: line 2: {message}")), "{}", failure.what);
    }
}

#[tokio::test]
async fn a_stated_version_need_not_be_the_servers() {
    let script = "CREATE EXTENSION citext VERSION '77.1'; CREATE TABLE a (b citext);";
    let lock = compiled(&[
        ("schema/a.sql", script),
        ("migrations/V1__a.sql", script),
        ("migrations/V2__b.sql", "ALTER EXTENSION citext UPDATE TO '77.2'; CREATE TABLE b ();"),
    ])
    .await;
    let extension = lock.model.get(&ObjectId::bare(Kind::Extension, "citext")).unwrap();
    assert_eq!(extension.get(Attribute::Version), Some("77.1"));
    assert_eq!(
        told(&lock.migrations[1].effects),
        ["changed extension citext: version", "created table public.b"]
    );
    let lock = compiled(&[("schema/a.sql", "CREATE EXTENSION citext;")]).await;
    let extension = lock.model.get(&ObjectId::bare(Kind::Extension, "citext")).unwrap();
    assert_eq!(extension.get(Attribute::Version), None);
}

#[tokio::test]
async fn tables_in_a_circle_get_a_way_out() {
    let script = "CREATE TABLE a (id int PRIMARY KEY, b int REFERENCES b); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a);";
    let failure = refused(&[("schema/a.sql", script)]).await;
    assert!(failure.next.contains("ADD FOREIGN KEY"), "{failure:?}");
}

#[tokio::test]
async fn migrations_tell_their_effects() {
    let lock = compiled(&[
        ("migrations/V1__base.sql", "CREATE TABLE people (id int PRIMARY KEY, name text NOT NULL, old text); CREATE TABLE keys (id int);"),
        (
            "migrations/V2__rename.sql",
            "ALTER TABLE people RENAME TO users; ALTER TABLE users RENAME name TO username; \
             ALTER TABLE users ALTER username DROP NOT NULL; ALTER TABLE users DROP old; COMMENT ON TABLE users IS 'x'; \
             INSERT INTO users VALUES (1, 'a');",
        ),
        ("migrations/V3__swap.sql", "-- trueup: contract\nALTER TABLE users RENAME TO t; ALTER TABLE keys RENAME TO users; ALTER TABLE t RENAME TO keys;"),
        ("migrations/V4__state.sql", "SET search_path = pg_catalog; SET LOCAL lock_timeout = '1s'; CREATE TYPE public.e AS ENUM ('a');"),
        ("migrations/V5__enum.sql", "-- trueup: no-transaction\nALTER TYPE e ADD VALUE 'b'; CREATE TABLE uses (v e DEFAULT 'b');"),
        ("migrations/V6__index.sql", "-- trueup: no-transaction\nCREATE INDEX CONCURRENTLY uses_v ON uses (v);"),
        ("migrations/V7__more.sql", "-- trueup: no-transaction\nCREATE INDEX CONCURRENTLY uses_v2 ON uses (v);"),
        ("migrations/V8__schema.sql", "BEGIN; CREATE SCHEMA app; ALTER TABLE uses SET SCHEMA app; COMMIT;"),
        ("migrations/V9__schema.sql", "ALTER SCHEMA app RENAME TO core; DROP TABLE keys CASCADE;"),
    ])
    .await;
    assert_eq!(lock.head.declared_by, DeclaredBy::Migrations);
    let effects: Vec<_> = lock.migrations.iter().map(|migration| told(&migration.effects)).collect();
    assert_eq!(
        effects[1],
        [
            "renamed table public.people to public.users",
            "renamed column public.users.name to public.users.username",
            "changed table public.users: comment",
            "changed column public.users.username: nullable",
            "dropped column public.users.old",
        ]
    );
    assert_eq!(
        effects[2],
        ["renamed table public.keys to public.users", "renamed table public.users to public.keys",]
    );
    assert!(lock.migrations[2].contract && !lock.migrations[1].contract);
    assert_eq!(effects[3], ["created enum public.e"]);
    assert_eq!(effects[4][0], "changed enum public.e: labels");
    assert_eq!(effects[5], ["created index public.uses_v"]);
    assert_eq!(effects[6], ["created index public.uses_v2"]);
    assert!(effects[7].contains(&"renamed table public.uses to app.uses".to_owned()), "{:?}", effects[7]);
    assert!(effects[8].contains(&"renamed schema app to core".to_owned()), "{:?}", effects[8]);
    assert!(effects[8].contains(&"dropped table public.keys".to_owned()), "{:?}", effects[8]);
    assert!(!effects[8].iter().any(|effect| effect.contains("core.uses.v")), "{:?}", effects[8]);
    let state = lock.state_after(|_| true);
    assert_eq!(names(&state), names(&lock.model));
    assert_eq!(state.objects, lock.model.objects, "the effects add up to what the migrations built");
    let first = lock.state_after(|version| version == 1);
    assert!(names(&first).contains(&"column public.people.old".to_owned()));
}

#[tokio::test]
async fn compiling_twice_gives_the_same_bytes() {
    let files = [("schema/all.sql", RICH), ("migrations/V1__base.sql", RICH)];
    let first = compiled(&files).await;
    let second = compiled(&files).await;
    assert_eq!(first.to_text(), second.to_text());
    assert_eq!(first.state_after(|_| true).objects, first.model.objects);
    assert_eq!(first.head.declared_by, DeclaredBy::Schema);
    let crlf = RICH.replace('\n', "\r\n");
    let third = compiled(&[("schema/all.sql", &crlf), files[1]]).await;
    assert_eq!(third.head.inputs, first.head.inputs);
}

fn trueup(project: &TempDir, args: &[&str]) -> Program {
    support::trueup(args).arg("--project").arg(project.path())
}

#[test]
fn the_command_writes_the_lock_and_tells_when_it_is_stale() {
    let project = project(&[
        ("schema/all.sql", RICH),
        ("migrations/V1__base.sql", RICH),
        ("trueup.toml", "[compile]\nassume_extensions = []\n"),
    ]);
    let nothing = tempfile::tempdir().unwrap();
    let nothing = nothing.path().to_str().unwrap();
    let check = || trueup(&project, &["compile", "--check", "--pg-bin", nothing]);
    check().exit(1).stdout_contains(["trueup.lock is missing", "next: trueup compile"]);
    let compiled = trueup(&project, &["compile"]).exit(0);
    assert_eq!(compiled.stderr(), "");
    compiled.stdout_contains(["trueup.lock: ", "1 migration, compiled by PostgreSQL"]);
    check().exit(0).stdout_contains("trueup.lock is up to date");
    let before = std::fs::read(project.path().join("trueup.lock")).unwrap();
    let quiet = trueup(&project, &["compile", "-q"]).exit(0);
    assert_eq!(
        (quiet.stdout().lines().count(), quiet.stderr()),
        (1, ""),
        "the verdict alone: {}",
        quiet.shown()
    );
    assert_eq!(std::fs::read(project.path().join("trueup.lock")).unwrap(), before, "the same bytes");
    std::fs::write(project.path().join("schema/new.sql"), "CREATE TABLE added (id int);").unwrap();
    std::fs::write(project.path().join("schema/all.sql"), "CREATE TABLE other (id int);").unwrap();
    std::fs::remove_file(project.path().join("migrations/V1__base.sql")).unwrap();
    let words = ["schema/new.sql is new", "schema/all.sql changed", "migrations/V1__base.sql is gone"];
    check().exit(1).stdout_contains(words);
    let document = check().document();
    assert_eq!(document["exit_code"], 1);
    assert_eq!(document["lock"]["stale"].as_array().unwrap().len(), 3);
    std::fs::write(project.path().join("trueup.lock"), &before[..before.len() / 2]).unwrap();
    trueup(&project, &["compile", "--check"]).exit(2).stderr_contains(["trueup.lock: line ", "next: "]);
    // A broken lock file is written anew.
    trueup(&project, &["compile"]).exit(0);
}

#[test]
fn a_failed_compile_leaves_the_lock_as_it_was() {
    let project = project(&[("schema/a.sql", "CREATE TABLE a (id nonsense);"), ("trueup.lock", "as it was")]);
    let failed = trueup(&project, &["compile"]).exit(2);
    assert_eq!(failed.stdout(), "");
    failed.stderr_contains("schema/a.sql: line 1: type \"nonsense\" does not exist");
    assert_eq!(std::fs::read_to_string(project.path().join("trueup.lock")).unwrap(), "as it was");
}

#[test]
fn a_given_server_is_left_as_it_was() {
    // A server of its own: other tests make databases of the same names on the one that they share.
    let database = support::own_server().database();
    let project = project(&[
        ("schema/a.sql", "CREATE TABLE a (id int); GRANT SELECT ON a TO compile_given_reader;"),
        ("migrations/V1__a.sql", "CREATE TABLE a (id int); GRANT SELECT ON a TO compile_given_reader;"),
    ]);
    let left = || {
        database.query(
            "SELECT rolname FROM pg_roles WHERE rolname LIKE 'compile_given%' \
             UNION ALL SELECT datname FROM pg_database WHERE datname LIKE '%trueup%'",
        )
    };
    let before = left();
    trueup(&project, &["compile", "--scratch-url", database.url()]).exit(0);
    assert_eq!(left(), before);
    let with = std::fs::read(project.path().join("trueup.lock")).unwrap();
    trueup(&project, &["compile"]).exit(0);
    assert_eq!(std::fs::read(project.path().join("trueup.lock")).unwrap(), with, "the same on either server");
}

/// A migration of so many statements is replayed outside of a transaction where that means the same.
fn long(head: &str) -> String {
    let comments = (0..2_000).map(|number| format!("COMMENT ON TABLE t IS 'So far {number}.';\n"));
    format!(
        "CREATE SCHEMA billing;\n{head}\nCREATE TABLE t (id bigint PRIMARY KEY);\n{}",
        comments.collect::<String>()
    )
}

#[tokio::test]
async fn a_long_migration_does_what_a_transaction_would_do() {
    for (head, schema) in [("", "public"), ("SET LOCAL search_path = billing;", "billing")] {
        let sql = long(head);
        let lock = compiled(&[("migrations/V1__long.sql", &sql)]).await;
        let table = lock.model.get(&ObjectId::in_schema(Kind::Table, schema, "t"));
        let comment = table.map(|table| table.get(Attribute::Comment).unwrap_or_default().to_owned());
        assert_eq!(comment.as_deref(), Some("So far 1999."), "{head}");
    }
}

/// A function and a table that need each other are loaded, and the body of the function is read in the end all the same.
#[test]
fn a_function_and_a_table_that_need_each_other_are_loaded() {
    let table = "CREATE TABLE inv (id int PRIMARY KEY DEFAULT nextno());";
    let function = |name: &str| {
        format!(
            "CREATE FUNCTION nextno() RETURNS int LANGUAGE sql AS 'SELECT coalesce(max(id), 0) + 1 FROM {name}';"
        )
    };
    let fine = project(&[("schema/a.sql", &function("inv")), ("schema/b.sql", table)]);
    trueup(&fine, &["compile"]).exit(0);
    let replaced = function("inv").replace("CREATE", "CREATE OR REPLACE");
    trueup(&project(&[("schema/a.sql", &replaced), ("schema/b.sql", table)]), &["compile"]).exit(0);
    let wrong = project(&[("schema/a.sql", &function("nowhere")), ("schema/b.sql", table)]);
    trueup(&wrong, &["compile"])
        .exit(2)
        .stderr_contains(["schema/a.sql: line 1", "relation \"nowhere\" does not exist"]);
}

/// Of everything that waits for a circle of tables, the circle is told.
#[test]
fn a_circle_of_foreign_keys_is_told_and_not_its_consequences() {
    let circle = project(&[
        ("schema/a.sql", "CREATE TABLE app.a (id int PRIMARY KEY, b int REFERENCES app.b);"),
        (
            "schema/b.sql",
            "CREATE TABLE IF NOT EXISTS app.b (id int PRIMARY KEY, c int REFERENCES app.\"C\");",
        ),
        ("schema/c.sql", "CREATE UNLOGGED TABLE app.\"C\" (id int PRIMARY KEY, a int REFERENCES app.a);"),
        (
            "schema/d.sql",
            "CREATE TABLE app.d (id int REFERENCES app.a); CREATE INDEX ON app.d (id); CREATE SCHEMA app;",
        ),
    ]);
    trueup(&circle, &["compile"])
        .exit(2)
        .stderr_contains([
            "the tables app.a, app.b, app.\"C\" refer to each other",
            "schema/c.sql: line 1",
            "ADD FOREIGN KEY",
        ])
        .lacks(["schema/d.sql", "does not exist"]);
}
