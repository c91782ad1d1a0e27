//! Objects of the database named like the catalog's, in wait for whoever reads it with more rights.
//!
//! All raise when they run, and so does a sequence's step: a check that ran one would fail, not only differ.

use crate::support::project::Site;

/// What runs instead of a function, an operator or a cast.
const BODY: &str = "LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'a trojan ran'; END$$";

/// Functions and operators of the catalog as a reader uses them, over and over with better-fitting arguments.
pub(crate) fn trojans() -> String {
    let mut sql = String::from("CREATE SCHEMA trojans; SET search_path = public;\n");
    for (name, arguments, returns) in [
        ("lower", "varchar", "text"),
        ("lower", "name", "text"),
        ("format_type", "oid, integer", "text"),
        ("pg_get_expr", "pg_node_tree, oid", "text"),
        ("pg_get_constraintdef", "oid", "text"),
        ("pg_get_indexdef", "oid, integer, boolean", "text"),
        ("pg_get_viewdef", "oid", "text"),
        ("pg_get_functiondef", "oid", "text"),
        ("pg_get_triggerdef", "oid", "text"),
        ("quote_ident", "text", "text"),
        ("quote_ident", "name", "text"),
        ("array_to_string", "text[], text", "text"),
        ("concat_ws", "text, VARIADIC text[]", "text"),
        ("count", "text", "bigint"),
        ("coalesce_", "text, text", "text"),
        ("nullif_", "text, text", "text"),
        ("age", "xid", "integer"),
        ("hashint8extended", "bigint, bigint", "bigint"),
        ("hashint8extended", "bigint, integer", "bigint"),
        ("current_setting", "text", "text"),
        ("current_database", "", "name"),
        ("pg_is_in_recovery", "", "boolean"),
        ("has_table_privilege", "oid, text", "boolean"),
        ("obj_description", "oid, name", "text"),
        ("unnest", "text[]", "text"),
        ("generate_subscripts", "int2vector, integer", "integer"),
        ("pg_current_xact_id_if_assigned", "", "xid8"),
    ] {
        sql.push_str(&format!("CREATE FUNCTION public.{name}({arguments}) RETURNS {returns} {BODY};\n"));
    }
    for (number, (name, left, right, returns)) in [
        ("=", "oid", "oid", "boolean"),
        ("=", "name", "name", "boolean"),
        ("=", "name", "text", "boolean"),
        ("=", "\"char\"", "\"char\"", "boolean"),
        ("=", "\"char\"", "text", "boolean"),
        ("<>", "\"char\"", "\"char\"", "boolean"),
        (">=", "oid", "oid", "boolean"),
        (">=", "oid", "integer", "boolean"),
        (">", "smallint", "smallint", "boolean"),
        (">", "smallint", "integer", "boolean"),
        ("||", "text", "text", "text"),
        ("||", "name", "text", "text"),
        ("~", "name", "text", "boolean"),
        ("!~", "name", "text", "boolean"),
        ("&", "smallint", "integer", "integer"),
        ("<<", "bigint", "integer", "bigint"),
    ]
    .into_iter()
    .enumerate()
    {
        sql.push_str(&format!(
            "CREATE FUNCTION trojans.operator_{number}({left}, {right}) RETURNS {returns} {BODY};
             CREATE OPERATOR public.{name} (FUNCTION = trojans.operator_{number}, LEFTARG = {left}, RIGHTARG = {right});\n"
        ));
    }
    for table in ["pg_class", "pg_attribute", "pg_type", "pg_namespace", "pg_constraint", "pg_database"] {
        sql.push_str(&format!(
            "CREATE FUNCTION trojans.{table}() RETURNS oid {BODY};
             CREATE VIEW public.{table} AS SELECT trojans.{table}() AS oid;\n"
        ));
    }
    // Types of the catalog's names, for casts by name.
    sql.push_str("CREATE DOMAIN public.regclass AS text CHECK (VALUE IS NULL); CREATE DOMAIN public.int8 AS text CHECK (VALUE IS NULL); CREATE DOMAIN public.oid AS text CHECK (VALUE IS NULL)");
    sql
}

#[test]
fn f28_objects_named_like_the_catalogs_do_not_run() {
    let site = Site::with_drift();
    let expected = site.findings();
    site.database.exec(&trojans());
    site.database.exec(
        "CREATE ROLE f28_lured SUPERUSER LOGIN; ALTER ROLE f28_lured SET search_path = public, trojans, pg_catalog",
    );
    let url = site.database.url_as("f28_lured");
    // They are found first by whoever takes the session as it is.
    let lured = site.database.try_query("SET search_path = public, pg_catalog; SELECT oid FROM pg_class");
    assert!(lured.unwrap_err().to_string().contains("a trojan ran"));
    assert_eq!(site.check(&url).args(ignored()).findings(), expected);
    // Without --ignore they are told as what they are, and run as little.
    let ran = site.check(&url).run().lacks("a trojan ran");
    site.database.exec("DROP ROLE f28_lured");
    let found = ran.findings();
    assert!(found.iter().any(|line| line.starts_with("function.unexpected public.lower(")), "{found:#?}");
    let unmodeled = ran.json()["coverage"]["unmodeled"].to_string();
    assert!(unmodeled.contains("operator"), "{unmodeled}");
}

/// What the trojans are called, left out by name: the drift must be found all the same.
fn ignored() -> Vec<String> {
    let patterns = ["trojans*", "*(*)", "public.pg_*", "public.regclass", "public.int8", "public.oid"];
    patterns.iter().flat_map(|pattern| ["--ignore".to_owned(), (*pattern).to_owned()]).collect()
}

/// A cast takes effect wherever it is: it needs no search_path. Who owns a type may make casts of it.
#[test]
fn f28_casts_do_not_run() {
    let site = Site::with_drift();
    let expected = site.findings();
    for (number, to) in ["text", "name", "bigint", "integer", "boolean", "oid", "text[]"].iter().enumerate() {
        for from in ["membership_role", "organizations"] {
            let function = format!("public.cast_{number}_{from}({from})");
            site.database.exec(&format!(
                "CREATE FUNCTION {function} RETURNS {to} {BODY};
                 CREATE CAST ({from} AS {to}) WITH FUNCTION {function} AS IMPLICIT"
            ));
        }
    }
    let check = site.check(&site.database).args(["--ignore", "public.cast_*"]);
    assert_eq!(check.findings(), expected);
}

/// Casts that old applications bring along (text was implicit until 8.3) make expressions ambiguous that never were.
/// Only a superuser makes these, so they are no trojans.
#[test]
fn f28_casts_of_the_catalogs_types_do_not_confuse() {
    let site = Site::with_drift();
    // Kinds that are asked for only where they occur.
    site.database.exec(
        "CREATE FUNCTION public.f28() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
         CREATE AGGREGATE public.total(integer) (SFUNC = int4pl, STYPE = integer, SSPACE = 8, INITCOND = '0');
         CREATE STATISTICS public.both ON id, email FROM users;
         CREATE OPERATOR public.=== (FUNCTION = int4eq, LEFTARG = integer, RIGHTARG = integer);
         CREATE RULE nothing AS ON DELETE TO public.users DO ALSO NOTHING;
         CREATE TYPE public.span AS RANGE (SUBTYPE = integer);
         CREATE COLLATION public.mine FROM \"C\"; CREATE EVENT TRIGGER f28 ON ddl_command_end EXECUTE FUNCTION public.f28();
         ALTER EVENT TRIGGER f28 DISABLE;
         SELECT lo_create(0)",
    );
    let expected = site.check(&site.database).findings();
    for from in ["integer", "smallint", "bigint", "oid", "xid", "regclass", "date", "numeric"] {
        site.database.exec(&format!("CREATE CAST ({from} AS text) WITH INOUT AS IMPLICIT"));
        assert_eq!(site.check(&site.database).findings(), expected, "{from}");
    }
    site.database.exec("CREATE CAST (text AS integer) WITH INOUT AS IMPLICIT");
    assert_eq!(site.check(&site.database).findings(), expected);
}

/// A history table is the one table of the project's people that a check reads. Whoever may create a schema can lay
/// one out whose reading runs code: it is not read.
#[test]
fn f28_a_history_table_that_would_run_code_is_not_read() {
    let traps = [
        // A cast of the column's type.
        "CREATE TYPE trap.v AS (n int); CREATE FUNCTION trap.f(trap.v) RETURNS text LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'a trojan ran'; END$$;
         CREATE CAST (trap.v AS text) WITH FUNCTION trap.f(trap.v);
         CREATE TABLE {} (version trap.v, version_num trap.v, name text, applied_on text, checksum text);
         INSERT INTO {} VALUES (ROW(1), ROW(1), 'a', 'b', 'c')",
        // A function that the planner runs, for the predicate of an index.
        "CREATE FUNCTION trap.f(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$BEGIN IF session_user = 'f28_reader' THEN RAISE EXCEPTION 'a trojan ran'; END IF; RETURN true; END$$;
         CREATE TABLE {} (version int, version_num text, name text, applied_on text, checksum text);
         INSERT INTO {} VALUES (1, '1', 'a', 'b', 'c');
         CREATE INDEX ON {} (version) WHERE trap.f(1)",
        "CREATE FUNCTION trap.f(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$BEGIN IF session_user = 'f28_reader' THEN RAISE EXCEPTION 'a trojan ran'; END IF; RETURN 1; END$$;
         CREATE TABLE {} (version int, version_num text, name text, applied_on text, checksum text);
         INSERT INTO {} VALUES (1, '1', 'a', 'b', 'c');
         CREATE INDEX ON {} ((version + trap.f(1)))",
        // The same for extended statistics.
        "CREATE FUNCTION trap.f(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$BEGIN IF session_user = 'f28_reader' THEN RAISE EXCEPTION 'a trojan ran'; END IF; RETURN 1; END$$;
         CREATE TABLE {} (version int, version_num text, name text, applied_on text, checksum text);
         INSERT INTO {} VALUES (1, '1', 'a', 'b', 'c');
         CREATE STATISTICS trap.s ON (version + trap.f(1)), name FROM {}; ANALYZE {}",
        // A child table whose rows are another server's, or whose columns are somebody's.
        "CREATE FUNCTION trap.f(int) RETURNS boolean IMMUTABLE LANGUAGE plpgsql AS $$BEGIN IF session_user = 'f28_reader' THEN RAISE EXCEPTION 'a trojan ran'; END IF; RETURN true; END$$;
         CREATE TABLE {} (version int, version_num text, name text, applied_on text, checksum text);
         CREATE TABLE trap.child () INHERITS ({});
         CREATE INDEX ON trap.child (version) WHERE trap.f(1)",
    ];
    let site = Site::with_drift();
    site.database.exec("CREATE ROLE f28_reader SUPERUSER LOGIN");
    let url = site.database.url_as("f28_reader");
    let check = || site.check(&url).args(["--ignore", "trap*"]);
    let expected = check().findings();
    for (number, trap) in traps.iter().enumerate() {
        for table in ["trap.refinery_schema_history", "trap.alembic_version"] {
            site.database.exec(&format!("CREATE SCHEMA trap; {}", trap.replace("{}", table)));
            assert_eq!(check().findings(), expected, "{number}: {table}");
            site.database.exec("DROP SCHEMA trap CASCADE");
        }
        // In place of the project's own history: said, and the code did not run.
        site.database.exec("ALTER TABLE public.refinery_schema_history RENAME TO real");
        site.database
            .exec(&format!("CREATE SCHEMA trap; {}", trap.replace("{}", "public.refinery_schema_history")));
        let ran = check().case(number).exit(1).lacks("a trojan ran");
        if number != 4 {
            ran.stdout_contains("history.malformed");
        }
        site.database.exec(
            "DROP TABLE public.refinery_schema_history CASCADE; DROP SCHEMA trap CASCADE;
             ALTER TABLE public.real RENAME TO refinery_schema_history",
        );
    }
    check().exit(1);
    site.database.exec("DROP ROLE f28_reader");
}
