//! What somebody with a right to create things left in wait for whoever migrates with more rights.

use super::{CHANGE, TABLE, applied, project, upgrade};
use crate::support;

/// Functions, operators and tables that are better matches, or come first, where a name is not qualified.
#[test]
fn f28_trojans_in_public_run_nothing_in_an_upgrade() {
    let index =
        "-- trueup: no-transaction\nCREATE INDEX CONCURRENTLY items_name_idx ON public.items (name);\n";
    let migrations = [("V1__items.sql", TABLE), ("V2__note.sql", CHANGE), ("V3__index.sql", index)];
    let project = project("", &migrations);
    for search_path in ["public, pg_catalog", "public"] {
        let database = support::database();
        // Functions and operators are there from the start, tables and views before the second upgrade: where there
        // are tables and no history, nothing begins.
        let (functions, relations) = OWN_TROJANS.split_at(OWN_TROJANS.find("CREATE TABLE").unwrap());
        database.exec(functions);
        database.exec(&format!("ALTER DATABASE {} SET search_path = {search_path}", database.name()));
        for arguments in [&["--to", "1"][..], &[], &[]] {
            upgrade(&project, &database).args(arguments).exit(0).lacks("trojan");
            if arguments.len() == 2 {
                database.exec(&crate::faults::trojans::trojans());
                database.exec(relations);
            }
        }
        assert_eq!(applied(&database), ["1 items", "2 note", "3 index"]);
    }
}

/// What the writing commands use, beside what reading does.
const OWN_TROJANS: &str = "
    CREATE FUNCTION public.trap() RETURNS int LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'a trojan ran'; END$$;
    CREATE FUNCTION public.pg_try_advisory_lock(numeric) RETURNS boolean LANGUAGE sql AS 'SELECT public.trap() IS NULL';
    CREATE FUNCTION public.pg_backend_pid(VARIADIC int[]) RETURNS int LANGUAGE sql AS 'SELECT public.trap()';
    CREATE FUNCTION public.set_config(varchar, varchar, boolean) RETURNS text LANGUAGE sql AS 'SELECT public.trap()::text';
    CREATE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT public.trap()::text::timestamptz';
    CREATE FUNCTION public.timezone(varchar, timestamptz) RETURNS timestamp LANGUAGE sql AS 'SELECT NULL::timestamp FROM public.trap()';
    CREATE FUNCTION public.to_regclass(varchar) RETURNS regclass LANGUAGE sql AS 'SELECT NULL::regclass FROM public.trap()';
    CREATE FUNCTION public.pg_current_xact_id() RETURNS xid8 LANGUAGE sql AS 'SELECT NULL::xid8 FROM public.trap()';
    CREATE TABLE public.fence (one int, run text); CREATE TABLE public.runs (id text); CREATE TABLE public.pg_locks (pid int);
    CREATE VIEW public.pg_stat_activity AS SELECT public.trap() AS pid, ''::text AS usename;
    CREATE VIEW public.pg_prepared_xacts AS SELECT public.trap() AS transaction";

/// Schema trueup as somebody else made it: what is evaluated when its rows are written would run with our rights.
#[test]
fn f28_a_hostile_schema_trueup_runs_nothing_and_is_refused() {
    let project = project("", &[("V1__items.sql", TABLE), ("V2__note.sql", CHANGE)]);
    let trap = "CREATE FUNCTION public.trap() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'a trojan ran'; END$$;
         CREATE FUNCTION public.trap(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
             $$BEGIN IF current_setting('trap.armed', true) = 'on' THEN RAISE EXCEPTION 'a trojan ran'; END IF; RETURN $1; END$$;";
    for evil in [
        "CREATE TRIGGER t BEFORE INSERT ON trueup.runs FOR EACH ROW EXECUTE FUNCTION public.trap()",
        "CREATE TRIGGER t AFTER UPDATE ON trueup.fence FOR EACH STATEMENT EXECUTE FUNCTION public.trap()",
        "CREATE RULE r AS ON INSERT TO trueup.runs DO ALSO SELECT public.trap('x')",
        "ALTER TABLE trueup.steps ENABLE ROW LEVEL SECURITY",
        "ALTER TABLE trueup.runs ADD COLUMN evil text DEFAULT public.trap('x')",
        "ALTER TABLE trueup.runs ADD COLUMN evil xml DEFAULT query_to_xml('select public.trap(''x'')', true, true, '')",
        "ALTER TABLE trueup.runs ADD COLUMN evil text GENERATED ALWAYS AS (public.trap(id)) STORED",
        "ALTER TABLE trueup.fence ADD CHECK (run = public.trap(run))",
        "CREATE INDEX ON trueup.runs (public.trap(command))",
        "CREATE INDEX ON trueup.runs (id) WHERE public.trap(id) = id",
        "CREATE DOMAIN public.trap_text AS text CHECK (public.trap(VALUE) = VALUE);
         ALTER TABLE trueup.runs ADD COLUMN evil public.trap_text DEFAULT 'x'",
        "CREATE TABLE public.child () INHERITS (trueup.runs);
         CREATE TRIGGER t BEFORE UPDATE ON public.child FOR EACH ROW EXECUTE FUNCTION public.trap()",
        "CREATE TABLE public.referring (id text REFERENCES trueup.runs)",
        "DROP TABLE trueup.fence; CREATE VIEW trueup.fence AS SELECT true AS one, public.trap('x') AS run, 0::int8 AS transactions",
        "DROP TABLE trueup.mark; CREATE VIEW trueup.mark AS SELECT public.trap('1')::int AS layout, 'faults' AS project",
        "DROP TABLE trueup.runs, trueup.steps",
        "DROP TABLE trueup.repairs; CREATE VIEW trueup.repairs AS SELECT public.trap('x') AS run",
        "CREATE TABLE trueup.other (id text DEFAULT public.trap('x'))",
    ] {
        let database = support::database();
        upgrade(&project, &database).args(["--to", "1"]).exit(0);
        database.exec(trap);
        database.exec(evil);
        database.exec(&format!("ALTER DATABASE {} SET trap.armed = 'on'", database.name()));
        upgrade(&project, &database)
            .exit(4)
            .lacks("a trojan ran")
            .says(["has a schema trueup that is not as this trueup makes it", "nothing was changed"]);
        assert_eq!(applied(&database), ["1 items"], "{evil}");
    }
    // As trueup makes it, before anything is applied, it is taken.
    let database = support::database();
    database.exec(include_str!("../../../src/writer/schema.sql"));
    upgrade(&project, &database).exit(0).says("done: applied 2 migrations");
    // What was of the first layout has what the second has beside it, and says so.
    let layout = "SELECT count(*) || ' of ' || (SELECT layout FROM trueup.mark) FROM pg_class \
        WHERE relnamespace = 'trueup'::regnamespace AND relkind = 'r'";
    assert_eq!(database.value(layout), "7 of 2");
    database.exec("DROP TABLE trueup.repairs, trueup.seeds; UPDATE trueup.mark SET layout = 1; DELETE FROM items; \
                   DELETE FROM refinery_schema_history WHERE version = 2; DELETE FROM trueup.migrations WHERE version = 2");
    let again = upgrade(&project, &database).args(["--record-satisfied"]).run();
    assert_eq!(database.value(layout), "7 of 2", "{}", again.said());
}
