//! What the owner of a database wrote is not run with the rights of a stronger role that reads or writes its tables.
//!
//! Every trap raises an exception when it runs with the rights of another role than its owner.

use std::fs;

use crate::support::project::{Project, SETTINGS};
use crate::support::{self, TestDatabase};

/// Who is weak, and owns the tables.
const OWNER: &str =
    "DO $$BEGIN CREATE ROLE untrusted LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END$$";

/// Functions that a trap calls. They are as harmless as they look to whoever creates an index of them.
const FUNCTIONS: &str = "
    CREATE FUNCTION spring() RETURNS boolean LANGUAGE plpgsql AS $$BEGIN
        IF current_user <> 'untrusted' THEN RAISE EXCEPTION 'a trap ran as %', current_user; END IF;
        RETURN true;
    END$$;
    CREATE FUNCTION trap() RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT public.spring()';
    CREATE FUNCTION trap(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT CASE WHEN public.spring() THEN $1 END';
    CREATE FUNCTION trap(int, text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT public.spring()';
    CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM public.spring(); RETURN NEW; END$$;
";

/// How the table is made in place of [`PLAIN`], or what is done to it; and whether reading it is enough to run the trap.
const TRAPS: &[(&str, &str, bool)] = &[
    ("index predicate", "CREATE INDEX ON items (id) WHERE public.trap()", true),
    ("index expression", "CREATE INDEX ON items (public.trap(id))", true),
    ("operator in an index", "CREATE OPERATOR === (FUNCTION = public.trap, LEFTARG = int, RIGHTARG = text);
        CREATE INDEX ON items (id) WHERE 1 OPERATOR(public.===) 'a'", true),
    ("statistics", "CREATE STATISTICS s ON (public.trap(id)), id FROM items", true),
    ("check", "ALTER TABLE items ADD CHECK (public.trap(1) = 1)", false),
    ("domain", "CREATE DOMAIN trapped AS int CHECK (public.trap(VALUE) = VALUE); ALTER TABLE items ALTER n TYPE trapped", true),
    ("child", "CREATE TABLE child () INHERITS (items); CREATE INDEX ON child (id) WHERE public.trap()", true),
    ("partition key", "DROP TABLE items; CREATE TABLE items (id int, name text, n int) PARTITION BY LIST ((public.trap(id)));
        CREATE TABLE part PARTITION OF items DEFAULT", true),
    ("view", "DROP TABLE items; CREATE VIEW items AS SELECT 1 AS id, 'a'::text AS name, 2 AS n WHERE public.trap()", false),
    ("row security", "ALTER TABLE items ENABLE ROW LEVEL SECURITY; ALTER TABLE items FORCE ROW LEVEL SECURITY;
        CREATE POLICY p ON items USING (public.trap())", false),
    ("trigger", "CREATE TRIGGER t BEFORE INSERT OR UPDATE ON items FOR EACH ROW EXECUTE FUNCTION public.fire()", false),
    ("default", "ALTER TABLE items ALTER n SET DEFAULT public.trap(7)", false),
    ("generated column", "ALTER TABLE items ADD g int GENERATED ALWAYS AS (public.trap(id)) STORED", false),
    ("rule", "CREATE RULE r AS ON INSERT TO items DO ALSO SELECT public.trap()", false),
];

/// The table, and rows for it.
const PLAIN: &str = "CREATE TABLE items (id int PRIMARY KEY, name text, n int); INSERT INTO items VALUES (1, 'a', 1), (2, NULL, 2)";

const SEED: &str =
    "table = \"items\"\nkey = [\"id\"]\n[[rows]]\nid = 1\nname = \"a\"\n[[rows]]\nid = 3\nname = \"c\"\n";

const CHECK: &str = "-- title: Every item has a name
-- table: public.items
-- key: id
-- show: n
-- find:
SELECT id, n FROM items WHERE name IS NULL;
-- fix: unnamed   It gets a name
SELECT id, 'unnamed' AS name FROM items WHERE name IS NULL;
";

fn project() -> Project {
    let project = Project::of_schema("CREATE TABLE public.items (id int PRIMARY KEY, name text, n int);");
    for folder in ["schema/seeds", "checks"] {
        fs::create_dir(project.path().join(folder)).unwrap();
    }
    fs::write(project.path().join("schema/seeds/items.toml"), SEED).unwrap();
    fs::write(project.path().join("checks/named.sql"), CHECK).unwrap();
    let store = project.path().join("backups");
    let settings = format!("{SETTINGS}store = \"{}\"\n", store.display());
    fs::write(project.path().join("trueup.toml"), settings).unwrap();
    project.compile();
    project
}

/// A database whose tables belong to a weak role, with a trap.
fn trapped(trap: &str) -> TestDatabase {
    let database = support::database();
    database.exec(OWNER);
    database.exec(&format!(
        "GRANT ALL ON SCHEMA public TO untrusted; GRANT CREATE ON DATABASE {} TO untrusted",
        database.name()
    ));
    for sql in [FUNCTIONS, PLAIN, trap] {
        support::try_query_at(&database.url_as("untrusted"), sql)
            .unwrap_or_else(|why| panic!("{why:#}: {sql}"));
    }
    database
}

const READS: &[&[&str]] = &[
    &["check"],
    &["seed", "--check"],
    &["seed", "--dry-run"],
    &["verify"],
    &["verify", "--fix", "--dry-run"],
    &["status"],
    &["upgrade", "--dry-run"],
    &["backup"],
];
const WRITES: &[&[&str]] = &[&["seed", "--yes"], &["verify", "--fix", "--yes"]];

#[test]
fn f28_a_stronger_role_runs_no_trap_of_a_tables_owner() {
    let project = project();
    for (name, trap, on_reading) in TRAPS {
        let database = trapped(trap);
        for command in READS.iter().chain(WRITES) {
            let case = format!("{name}: {}", command.join(" "));
            let ran = project.trueup(*command, database.url()).case(&case).run().lacks("a trap ran");
            // What was not read is said: nobody takes it for clean.
            let reads_rows = !matches!(command[0], "status" | "upgrade" | "backup");
            // As a superuser no policy is asked, and there is no table where there is a view.
            let is_other = matches!(*name, "row security" | "view");
            if *on_reading && reads_rows {
                ran.exit(3).says(["could run", "of role untrusted", "next: connect as untrusted"]);
            } else if !on_reading && WRITES.contains(command) && !is_other {
                ran.exit_in(&[3, 4]).says("public.items could run").says("role untrusted");
            }
        }
        let written = "SELECT count(*) FROM items WHERE name IN ('c', 'unnamed')";
        let rows = support::try_query_at(&database.url_as("untrusted"), written).unwrap();
        if !matches!(*name, "row security" | "view") {
            assert_eq!(rows[0][0].as_deref(), Some("0"), "{name}");
        }
    }
}

#[test]
fn f28_the_owner_and_its_members_work_as_before() {
    let project = project();
    for (name, trap, _) in TRAPS {
        if matches!(*name, "partition key" | "view" | "child" | "rule" | "row security") {
            continue;
        }
        let database = trapped(trap);
        let url = database.url_as("untrusted");
        for command in
            [&["seed", "--yes"][..], &["verify", "--fix", "--yes"], &["verify"], &["seed", "--check"]]
        {
            project.trueup(command, &url).case(format!("{name}: {command:?}")).exit(0);
        }
    }
}

/// The session's search_path is the catalog's alone: no DDL of somebody else is the reason.
#[test]
fn a_function_that_relies_on_the_search_path_is_named() {
    let project = project();
    let database = support::database();
    database.exec(PLAIN);
    database.exec(
        "CREATE FUNCTION helper() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN true; END';
         CREATE FUNCTION relies() RETURNS boolean IMMUTABLE LANGUAGE sql SET search_path = public AS 'SELECT helper()';
         CREATE INDEX ON items (id) WHERE relies(); ALTER FUNCTION relies() RESET ALL",
    );
    let ran = project.check(&database).exit(3);
    ran.says(["the rows of public.items cannot be read", "helper() does not exist", "SET search_path"]);
}

#[test]
fn f28_a_repair_is_not_undone_through_a_weaker_roles_trigger() {
    let project = project();
    let database = trapped("SELECT");
    let owner = database.url_as("untrusted");
    project.trueup(["verify", "--fix", "--yes"], &owner).exit(0);
    let run = database.value("SELECT id FROM trueup.runs");
    let trigger = "CREATE TRIGGER t BEFORE UPDATE ON items FOR EACH ROW EXECUTE FUNCTION public.fire()";
    support::try_query_at(&owner, trigger).unwrap();
    let undo = ["undo", run.as_str(), "--yes"];
    let refused = project.trueup(undo, &database).exit(4);
    refused
        .says("writing public.items could run function public.fire() of role untrusted")
        .lacks("a trap ran");
    project.trueup(undo, &owner).exit(0);
}

/// A function of the weak role, and an operator that it is.
fn operator(name: &str, left: &str, right: &str) -> String {
    format!(
        "CREATE FUNCTION same({left}, {right}) RETURNS boolean LANGUAGE sql AS 'SELECT public.spring()';
         CREATE OPERATOR public.{name} (FUNCTION = same, LEFTARG = {left}, RIGHTARG = {right});"
    )
}

/// A project whose check finds rows by a condition.
fn project_that_finds(condition: &str) -> Project {
    let project = project();
    fs::write(project.path().join("checks/named.sql"), CHECK.replace("name IS NULL", condition)).unwrap();
    project
}

/// An operator or a function in a schema of the search_path that fits better than the server's own of that name.
#[test]
fn f28_a_check_runs_nothing_that_stands_under_a_name_of_the_servers() {
    let lower = "CREATE FUNCTION lower(varchar) RETURNS text LANGUAGE sql AS 'SELECT public.spring()::text'";
    let own_schema = "CREATE SCHEMA trueup_scratch; GRANT USAGE ON SCHEMA trueup_scratch TO PUBLIC;";
    for (trap, condition, found) in [
        (operator("=", "varchar", "varchar"), "name::varchar = 'a'::varchar", "operator public.="),
        (operator("=", "varchar", "varchar"), "name::varchar IN ('a'::varchar)", "operator public.="),
        (operator("~", "varchar", "text"), "name::varchar SIMILAR TO 'a'", "operator public.~"),
        (operator("*", "varchar", "int"), "name::varchar/* */*-id", "operator public.*"),
        (
            lower.to_owned(),
            "lower(name::varchar) IS NULL",
            "function public.lower(character varying) of role",
        ),
        // The schema with the name of the role.
        (
            format!("{own_schema} {}", lower.replace("lower(", "trueup_scratch.lower(")),
            "lower(name::varchar) IS NULL",
            "function trueup_scratch.lower",
        ),
    ] {
        let (database, project) = (trapped(&trap), project_that_finds(condition));
        let settings = fs::read_to_string(project.path().join("trueup.toml")).unwrap();
        let path = "search_path = '\"$user\", public, pg_temp'";
        fs::write(project.path().join("trueup.toml"), format!("{settings}[database]\n{path}\n")).unwrap();
        let ran = project.trueup(["verify"], &database).case(condition).exit(3);
        ran.stdout_contains(["under a name of the server's own", found])
            .lacks("a trap ran")
            .stdout_contains("let a superuser own it: ALTER ... OWNER TO ...; or take its schema out of");
        // The server's own is named; the owner runs what is its own.
        let named = project_that_finds("pg_catalog.lower(name) OPERATOR(pg_catalog.=) ''");
        named.trueup(["verify"], &database).case(condition).exit(0);
        named.trueup(["verify"], database.url_as("untrusted").as_str()).exit_in(&[0, 1]);
    }
}

/// A superuser runs the checks that use no such operator, whatever stands in the schema.
#[test]
fn f28_an_operator_that_a_check_does_not_use_keeps_it_from_nothing() {
    let database = trapped(&operator("=", "varchar", "varchar"));
    for condition in ["id < 0", "name::varchar <> 'a'", "CASE WHEN id < 0 THEN true END", "name LIKE '='"] {
        project_that_finds(condition).trueup(["verify"], &database).case(condition).exit_in(&[0, 1]);
    }
}
