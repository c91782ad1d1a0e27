//! What goes, what comes back, and what stays.

use super::*;
use crate::support::terminal::Terminal;

#[test]
fn everything_of_the_project_is_dropped_and_built() {
    let project = project();
    let database = built(&project);
    // By hand, in schemas of the project and outside of them.
    database.exec(
        "CREATE TABLE public.leftover (id int); CREATE AGGREGATE app.every_row(*) (sfunc = int8inc, stype = int8, initcond = '0');
         CREATE DOMAIN public.short AS text CHECK (length(VALUE) < 9); CREATE PROCEDURE app.p(app.state) LANGUAGE sql AS '';
         CREATE MATERIALIZED VIEW public.m AS SELECT * FROM app.orders; CREATE TABLE public.alembic_version (version_num varchar(32) NOT NULL);
         CREATE SCHEMA other; CREATE TABLE other.kept AS SELECT 1 AS id; CREATE VIEW other.v AS SELECT name FROM public.users;
         CREATE EXTENSION hstore SCHEMA public; ANALYZE",
    );
    let runs = database.value("SELECT count(*) FROM trueup.runs");
    let ran = run(&project, &database, &["reset", "--dry-run"]).exit(0);
    let ran = ran.says([
        "app",
        "dropped",
        "public",
        "emptied",
        "table public.leftover",
        "alembic_version (Alembic)",
    ]);
    ran.says(["depends on that: view other.v", "created again: extension citext", "nothing was changed"]);
    assert_eq!(database.value("SELECT count(*) FROM public.users"), "2");
    let document = run(&project, &database, &["reset", "--yes", "--format", "json"]).exit(0).document();
    let schemas = &document["reset"]["schemas"];
    assert_eq!(
        (&schemas[0]["schema"], &schemas[0]["action"], &schemas[0]["rows"]),
        (&"app".into(), &"drop".into(), &1.into())
    );
    assert_eq!((&schemas[1]["schema"], &schemas[1]["action"]), (&"public".into(), &"empty".into()));
    assert_eq!(document["reset"]["seeded"], 1);
    assert_eq!(database.value(BUILT), "1,2,3 root 0 app.orders_user");
    let left = "SELECT concat_ws(' ', to_regclass('leftover'), to_regtype('short'), to_regclass('m'), to_regclass('alembic_version'), \
                to_regclass('other.v'), (SELECT count(*) FROM other.kept), to_regtype('hstore'))";
    assert_eq!(database.value(left), "1 hstore", "other schemas and extensions stay");
    assert_eq!(database.value("SELECT count(*) - 1 FROM trueup.runs"), runs, "the log of runs stays");
    // A second one has nothing of the first in its way.
    database.exec("DROP SCHEMA other CASCADE; DROP EXTENSION hstore");
    run(&project, &database, &["reset", "--yes"]).exit(0).says("done: dropped");
    is_new(&project, &database);
}

#[test]
fn an_empty_database_is_built() {
    let project = project();
    let database = support::database();
    run(&project, &database, &["reset", "--yes"])
        .exit(0)
        .says("dropped 0 objects, applied 3 migrations, inserted 1 row");
    is_new(&project, &database);
}

#[test]
fn what_the_settings_ignore_stays() {
    let project = project();
    let database = built(&project);
    settings(&project, "[database]\nignore = [\"public.their_*\"]\n");
    database.exec("CREATE TABLE public.their_rows AS SELECT 1 AS id; CREATE VIEW public.their_view AS SELECT name FROM users");
    // A view on a table that goes cannot stay, and that is said.
    let ran = run(&project, &database, &["reset", "--yes"]).exit(0);
    ran.says(["kept: table public.their_rows", "view public.their_view"]);
    assert_eq!(
        database.value("SELECT concat(count(*), to_regclass('public.their_view')) FROM public.their_rows"),
        "1"
    );
    is_new(&project, &database);
    settings(&project, "[database]\nignore = [\"app.orders\"]\n");
    run(&project, &database, &["reset", "--yes"])
        .exit(4)
        .says(["ignore names table app.orders", "nothing was changed"]);
}

#[test]
fn what_public_is_stays_as_it_is() {
    let project = project();
    let database = built(&project);
    let role = format!("{}_r", database.name());
    database.exec(&format!(
        "CREATE ROLE {role}; GRANT CREATE ON SCHEMA public TO {role}; COMMENT ON SCHEMA public IS 'ours';
         ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO {role}"
    ));
    let public = "SELECT concat(nspowner, nspacl, obj_description(oid), (SELECT count(*) FROM pg_default_acl)) FROM pg_namespace WHERE nspname = 'public'";
    let before = database.value(public);
    run(&project, &database, &["reset", "--yes"]).exit(0);
    assert_eq!(database.value(public), before);
    database.exec(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn more_objects_than_one_transaction_drops() {
    let project = project();
    let database = built(&project);
    database.exec("DO $$ BEGIN FOR i IN 1..450 LOOP EXECUTE format('CREATE TABLE public.t%s (id int PRIMARY KEY)', i); END LOOP; END $$");
    run(&project, &database, &["reset", "--yes"]).exit(0).says("and 442 more (--format json lists all)");
    assert_eq!(
        database.value("SELECT count(*) FROM trueup.steps WHERE action = 'reset' AND version IS NULL"),
        "3"
    );
    is_new(&project, &database);
}

#[test]
fn a_backup_comes_first() {
    let project = project();
    let database = built(&project);
    write(&project, "trueup.toml", "[project]\nname = \"faults\"\n");
    run(&project, &database, &["reset", "--yes"]).exit(0).says("backup: ");
    run(&project, &database, &["reset", "--yes", "--no-backup"]).exit(0).lacks("backup: ");
    let taken = "SELECT string_agg((detail LIKE '{%')::text, ',' ORDER BY started_at) FROM trueup.steps WHERE action = 'backup'";
    assert_eq!(database.value(taken), "true,false");
}

#[test]
fn the_name_of_the_database_is_typed() {
    let project = project();
    let database = built(&project);
    let mut terminal = Terminal::start(run(&project, &database, &["reset"]), 120);
    terminal.wait_for("Type the database's name").press("yes\n");
    terminal.end().exit(4).says("not the database's name");
    assert_eq!(database.value("SELECT count(*) FROM app.orders"), "1");
    let mut terminal = Terminal::start(run(&project, &database, &["reset"]), 120);
    terminal.wait_for("Type the database's name").press(&format!("{}\n", database.name()));
    terminal.end().exit(0);
    is_new(&project, &database);
}
