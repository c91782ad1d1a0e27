//! What relies on the search_path: rows come back in any case, what is derived from them with the project's
//! search_path, and what cannot be derived is named.

use super::site::{Site, beside, checksum, databases, values};
use crate::support;
use crate::support::project::Project;

/// An index, a check, a generated column and a materialized view whose functions use names without a schema. The functions
/// have a search_path while these are made: since 17 CREATE INDEX and its like set it to the catalog's alone.
const UNQUALIFIED: &str = "CREATE TABLE public.t (id int PRIMARY KEY);
    CREATE FUNCTION public.v() RETURNS boolean LANGUAGE plpgsql SET search_path = public AS 'begin return true; end';
    CREATE FUNCTION public.p() RETURNS boolean IMMUTABLE LANGUAGE sql SET search_path = public AS 'SELECT v()';
    CREATE INDEX i ON public.t (id) WHERE public.p();
    INSERT INTO public.t SELECT generate_series(1, 100);
    CREATE TABLE public.docs (id int PRIMARY KEY, body text CHECK (public.p()));
    INSERT INTO public.docs SELECT n, 'text' FROM generate_series(1, 30) AS n;
    CREATE FUNCTION public.twice(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql
        SET search_path = public AS 'begin perform v(); return n * 2; end';
    CREATE TABLE public.g (id int, two int GENERATED ALWAYS AS (public.twice(id)) STORED);
    INSERT INTO public.g (id) VALUES (1), (2);
    CREATE FUNCTION public.enough(int) RETURNS bool LANGUAGE plpgsql
        SET search_path = public AS 'begin return $1 <= (SELECT count(*) FROM t); end';
    CREATE TABLE public.a (id int CHECK (public.enough(id))); INSERT INTO public.a VALUES (90);
    CREATE FUNCTION public.how_many() RETURNS bigint LANGUAGE sql
        SET search_path = public AS 'SELECT count(*) FROM docs';
    CREATE MATERIALIZED VIEW public.m AS SELECT public.how_many() AS n;
    ALTER FUNCTION public.v() RESET ALL; ALTER FUNCTION public.p() RESET ALL;
    ALTER FUNCTION public.twice(int) RESET ALL; ALTER FUNCTION public.enough(int) RESET ALL;
    ALTER FUNCTION public.how_many() RESET ALL";

#[test]
fn what_relies_on_the_search_path_is_derived_with_it() {
    for format in ["custom", "directory"] {
        let (site, database) = (Site::new(&format!("format = \"{format}\"")), support::database());
        database.exec(UNQUALIFIED);
        site.trueup(["backup", "--verify", "restore"], &database)
            .exit(0)
            .says("restored and compared")
            .says("ALTER FUNCTION public.p() SET search_path = ");
        let into = beside(&database, &format!("{}_copy", database.name()));
        site.trueup(["restore", "latest", "--into", &into, "--yes"], &database)
            .exit(0)
            .says("schema and rows are those")
            .says("ALTER FUNCTION public.p() SET search_path = ");
        assert_eq!(checksum(&into), checksum(database.url()));
        assert_eq!(values(&into, "SELECT n FROM public.m"), ["30"]);
        assert_eq!(values(&into, "SELECT sum(two) FROM public.g"), ["6"]);
        let set = "SELECT count(*) FROM pg_proc WHERE proconfig IS NOT NULL AND pronamespace = 'public'::regnamespace";
        assert_eq!(values(&into, set), ["0"], "the functions are as they were");
        let names = databases(&database, database.name());
        assert_eq!(names, [database.name().to_owned(), format!("{}_copy", database.name())]);
    }
}

/// Without a trial restore, too. A function whose names all have a schema, or that has a search_path, is not named.
#[test]
fn a_backup_names_the_functions_that_rely_on_the_search_path() {
    let (site, database) = (Site::new(""), support::database());
    database.exec(UNQUALIFIED);
    database.exec(
        "CREATE FUNCTION public.fine(n int) RETURNS int IMMUTABLE LANGUAGE sql SET search_path = public
             AS 'SELECT abs(n) + public.twice(n)';
         CREATE FUNCTION public.own() RETURNS bool IMMUTABLE LANGUAGE sql SET search_path = public AS 'SELECT v()';
         ALTER FUNCTION public.twice(int) SET search_path = public;
         CREATE INDEX j ON public.docs (public.fine(id)) WHERE public.own();
         ALTER FUNCTION public.twice(int) RESET ALL; ALTER FUNCTION public.fine(int) RESET ALL",
    );
    site.trueup(["backup"], &database)
        .exit(0)
        .says([
            "ALTER FUNCTION public.p() SET search_path = '$user', 'public', pg_temp",
            "ALTER FUNCTION public.how_many() SET",
            "ALTER FUNCTION public.twice(integer) SET",
        ])
        .lacks(["public.fine", "public.own"]);
}

#[test]
fn an_empty_database_is_filled_with_it_too() {
    let (site, database, empty) = (Site::new(""), support::database(), support::database());
    let role = format!("{}_app", empty.name());
    database.exec(UNQUALIFIED);
    empty.exec(&format!("CREATE ROLE {role} LOGIN; GRANT CREATE ON DATABASE {} TO {role}", empty.name()));
    empty.exec(&format!("GRANT CREATE ON SCHEMA public TO {role}"));
    site.trueup(["backup"], &database).exit(0);
    let url = empty.url_as(&role);
    site.trueup(["restore", "latest", "--into", &url, "--yes"], &database).exit(0);
    assert_eq!(values(&url, "SELECT count(*) FROM public.docs"), ["30"]);
    assert_eq!(values(&url, "SELECT n FROM public.m"), ["30"]);
}

/// The names are in another schema: in the project's search_path, or in that of the database.
#[test]
fn the_search_path_of_the_project_or_of_the_database_is_used() {
    let sql = "CREATE SCHEMA app; CREATE TABLE app.docs (id int); INSERT INTO app.docs VALUES (1), (2);
        SET search_path = app;
        CREATE FUNCTION app.how_many() RETURNS bigint LANGUAGE sql SET search_path = app AS 'SELECT count(*) FROM docs';
        CREATE MATERIALIZED VIEW app.m AS SELECT app.how_many() AS n; ALTER FUNCTION app.how_many() RESET ALL";
    let of_project = Site::new("[database]\nsearch_path = \"app\"");
    for (site, of_database) in [(of_project, false), (Site::new(""), true)] {
        let database = support::database();
        database.exec(sql);
        if of_database {
            database.exec(&format!("ALTER DATABASE {} SET search_path = app, public", database.name()));
        }
        site.trueup(["backup", "--verify", "restore"], &database).exit(0).says("restored and compared");
        let into = beside(&database, &format!("{}_copy", database.name()));
        site.trueup(["restore", "latest", "--into", &into, "--yes"], &database).exit(0);
        assert_eq!(values(&into, "SELECT n FROM app.m"), ["2"]);
    }
}

/// A function that always fails, in an index, and a check that rows violate.
const BROKEN: &str = "CREATE TABLE public.t (id int PRIMARY KEY, n int);
    INSERT INTO public.t SELECT n, n FROM generate_series(1, 100) AS n;
    CREATE FUNCTION public.key(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS 'begin return n; end';
    CREATE INDEX by_key ON public.t (public.key(n));
    CREATE INDEX by_n ON public.t (n);
    CREATE FUNCTION public.few(n int) RETURNS boolean LANGUAGE plpgsql AS 'begin return true; end';
    CREATE TABLE public.c (n int, CONSTRAINT few CHECK (public.few(n))); INSERT INTO public.c VALUES (1), (2);
    COMMENT ON CONSTRAINT few ON public.c IS 'few of them';
    CREATE OR REPLACE FUNCTION public.key(n int) RETURNS int IMMUTABLE LANGUAGE plpgsql
        AS 'begin return (SELECT gone FROM away); end';
    CREATE OR REPLACE FUNCTION public.few(n int) RETURNS boolean LANGUAGE plpgsql AS 'begin return n < 2; end'";

#[test]
fn what_cannot_be_derived_is_named_and_the_rows_are_there() {
    let (site, database) = (Site::new(""), support::database());
    database.exec(BROKEN);
    site.trueup(["backup", "--verify", "restore"], &database)
        .exit(0)
        .says("INDEX by_key: relation \"away\" does not exist");
    let into = beside(&database, &format!("{}_copy", database.name()));
    site.trueup(["restore", "latest", "--into", &into, "--yes"], &database).exit(6).says([
        "INDEX by_key: relation \"away\" does not exist",
        "CREATE INDEX by_key ON public.t",
        "CONSTRAINT few",
        "ALTER FUNCTION public.key(integer) SET search_path = ",
    ]);
    assert_eq!(values(&into, "SELECT count(*) FROM public.t"), ["100"]);
    assert_eq!(values(&into, "SELECT count(*) FROM public.c"), ["2"]);
    let indexes = "SELECT relname FROM pg_class WHERE relname LIKE 'by\\_%' ORDER BY 1";
    assert_eq!(values(&into, indexes), ["by_n"]);
    let check = "SELECT convalidated || obj_description(oid, 'pg_constraint') FROM pg_constraint WHERE conname = 'few'";
    assert_eq!(values(&into, check), ["falsefew of them"]);
}

/// An object that could not be created has no owner to be given and no grant; all others get theirs.
#[test]
fn what_is_left_out_needs_no_owner() {
    let (site, database) = (Site::new(""), support::database());
    let role = |what: &str| format!("{}_{what}", database.name());
    let (gone, owner) = (role("gone"), role("owner"));
    // The materialized view needs the primary key, whose values are all the same since the function was changed.
    database.exec(&format!(
        "CREATE ROLE {gone}; CREATE ROLE {owner};
         CREATE FUNCTION public.key(n int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT n';
         CREATE TABLE public.t (n int, key int GENERATED ALWAYS AS (public.key(n)) STORED PRIMARY KEY, name text);
         INSERT INTO public.t (n, name) SELECT n, 'x' FROM generate_series(1, 3) AS n;
         CREATE MATERIALIZED VIEW public.m AS SELECT key, name, count(*) FROM public.t GROUP BY key;
         CREATE TABLE public.u (); ALTER TABLE public.u OWNER TO {owner}; ALTER TABLE public.t OWNER TO {gone};
         ALTER MATERIALIZED VIEW public.m OWNER TO {owner}; GRANT SELECT ON public.m TO {owner};
         CREATE OR REPLACE FUNCTION public.key(n int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1'"
    ));
    site.trueup(["backup"], &database).exit(0);
    let other = support::own_server().database();
    other.exec(&format!("CREATE ROLE {owner}"));
    let elsewhere = beside(&other, "elsewhere");
    site.trueup(["restore", "latest", "--into", &elsewhere, "--yes"], &database).exit(6).says([
        "could not create unique index",
        &format!("OWNER TO {owner}: relation \"public.m\" does not exist"),
    ]);
    assert_eq!(values(&elsewhere, "SELECT count(*) FROM public.t"), ["3"]);
    assert_eq!(values(&elsewhere, "SELECT relowner::regrole FROM pg_class WHERE relname = 'u'"), [owner]);
}

#[test]
fn a_database_is_not_replaced_by_an_incomplete_one() {
    let (site, database) = (Site::new(""), support::database());
    database.exec(BROKEN);
    site.trueup(["backup"], &database).exit(0);
    database.exec("CREATE TABLE public.later ()");
    site.trueup(["restore", "latest", "--into", database.url(), "--replace", "--yes"], &database)
        .exit(6)
        .says(["INDEX by_key", "was not replaced"]);
    assert_eq!(database.value("SELECT count(*) FROM pg_class WHERE relname = 'later'"), "1");
    let restored = databases(&database, &format!("{}_restored_", database.name()));
    assert_eq!(restored.len(), 1, "{:?}", databases(&database, database.name()));
    assert_eq!(values(&beside(&database, &restored[0]), "SELECT count(*) FROM public.t"), ["100"]);
}

/// `check` names them before anybody needs a restore; a function that finds all its names is none.
#[test]
fn a_check_names_the_functions_that_rely_on_the_search_path() {
    let database = support::database();
    let sql = "CREATE TABLE docs (id int PRIMARY KEY, title text);
        CREATE FUNCTION how_many() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(*) FROM docs';
        CREATE MATERIALIZED VIEW m AS SELECT how_many() AS n;
        CREATE FUNCTION short(t text) RETURNS text IMMUTABLE LANGUAGE sql AS 'SELECT lower(left(t, 10))';
        CREATE INDEX by_short ON docs (short(title));
        CREATE FUNCTION qualified() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(*) FROM public.docs';
        CREATE MATERIALIZED VIEW q AS SELECT qualified() AS n;
        CREATE FUNCTION unused() RETURNS bigint STABLE LANGUAGE sql AS 'SELECT count(*) FROM docs';";
    database.exec(sql);
    let project = Project::of_schema(sql);
    project.compile();
    project
        .trueup(["check"], &database)
        .exit(0)
        .says(["ALTER FUNCTION public.how_many() SET search_path = ", "materialized view public.m"])
        .lacks(["short", "qualified()", "unused"]);
}
