//! The first upgrade of a database: into a schema that it creates itself, in one run, with rights or not at all; and what
//! a check says that meets an upgrade.

use std::fs;

use super::project;
use crate::support::{self, TestDatabase};

const SEARCH_PATH: &str = "[database]\nsearch_path = \"app\"\n";
const INTO_SCHEMA: &[(&str, &str)] = &[
    ("migrations/V1__app.sql", "CREATE SCHEMA app;\nCREATE TABLE items (id int PRIMARY KEY);\n"),
    ("migrations/V2__note.sql", "ALTER TABLE items ADD COLUMN note text;\n"),
];

/// What is there beside the system's: relations and schemas.
fn everything(database: &TestDatabase) -> String {
    database.value(
        "SELECT concat((SELECT string_agg(c.oid::regclass::text, ' ' ORDER BY 1) FROM pg_class c WHERE c.oid >= 16384), '|', \
         (SELECT string_agg(n.nspname, ' ' ORDER BY 1) FROM pg_namespace n WHERE n.oid >= 16384))",
    )
}

fn versions(database: &TestDatabase, table: &str) -> String {
    database.value(&format!("SELECT string_agg(version::text, ' ' ORDER BY version) FROM {table}"))
}

#[test]
fn a_schema_that_the_first_migration_creates_holds_the_history() {
    let (project, database) = (project(SEARCH_PATH, INTO_SCHEMA), support::database());
    project.trueup(["upgrade", "--dry-run"], &database).exit(0);
    project.trueup(["upgrade", "--yes"], &database).exit(0).says("applied 2 migrations");
    assert_eq!(versions(&database, "app.refinery_schema_history"), "1 2");
    project.trueup(["check"], &database).exit(0);
    project.trueup(["upgrade", "--yes"], &database).exit(0).says("nothing to do");
    project.trueup(["status"], &database).exit(0).says("2 migrations applied");

    // The same as a script, and statement by statement.
    let by_hand = support::database();
    let script = project.trueup(["upgrade", "--sql"], &by_hand).exit(0).stdout().to_owned();
    by_hand.psql(&script);
    assert_eq!(versions(&by_hand, "app.refinery_schema_history"), "1 2");
    project.trueup(["check"], &by_hand).exit(0);
    let outside = "-- trueup: no-transaction\nCREATE SCHEMA app;\nCREATE TABLE app.items (id int PRIMARY KEY);\n\
        CREATE INDEX CONCURRENTLY items_idx ON app.items (id);\n";
    fs::write(project.path().join("migrations/V1__app.sql"), outside).unwrap();
    project.trueup(["compile"], "").env_remove("DATABASE_URL").exit(0);
    let stepwise = support::database();
    project.trueup(["upgrade", "--yes"], &stepwise).exit(0);
    assert_eq!(versions(&stepwise, "app.refinery_schema_history"), "1 2");
    project.trueup(["check"], &stepwise).exit(0);
}

#[test]
fn a_schema_that_nothing_creates_is_refused_and_leaves_nothing() {
    let files = [("migrations/V1__items.sql", "CREATE TABLE public.items (id int PRIMARY KEY);\n")];
    let (project, database) = (project(SEARCH_PATH, &files), support::database());
    let said = ["there is no schema app", "CREATE SCHEMA app", "[migrations] history"];
    project.trueup(["upgrade", "--yes"], &database).exit(4).says(said);
    assert_eq!(everything(&database), "|");
    database.exec("CREATE SCHEMA app");
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    assert_eq!(versions(&database, "app.refinery_schema_history"), "1");
}

/// Where no history has to be made, a schema that is missing is in nobody's way.
#[test]
fn a_missing_schema_matters_only_where_a_history_is_created() {
    let (nothing, database) =
        (project(SEARCH_PATH, &[("schema/none.sql", "-- nothing yet\n")]), support::database());
    for command in [&["upgrade", "--yes"][..], &["downgrade", "--to", "0", "--yes"]] {
        nothing.trueup(command, &database).exit(0).says("nothing to do").lacks("no schema");
    }
    // The first migration broke off before its first statement was committed: it may run again.
    let outside = "-- trueup: no-transaction\nDO $$ BEGIN IF to_regnamespace('stop') IS NOT NULL THEN RAISE \
        EXCEPTION 'stopped'; END IF; END $$;\nCREATE SCHEMA app;\nCREATE TABLE app.items (id int PRIMARY KEY);\n";
    let project = project(SEARCH_PATH, &[("migrations/V1__app.sql", outside)]);
    database.exec("CREATE SCHEMA stop");
    project.trueup(["upgrade", "--yes"], &database).exit(6).says("stopped");
    database.exec("DROP SCHEMA stop");
    let resolve = ["resolve", "1", "--as", "not-applied", "--reason", "it did nothing", "--yes"];
    project.trueup(resolve, &database).exit(0).says("recorded as not applied");
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    assert_eq!(versions(&database, "app.refinery_schema_history"), "1");
}

/// No migration is run that could create the schema: the one command is said.
#[test]
fn adopt_says_that_the_schema_of_the_history_is_missing() {
    let files = [("migrations/V1__items.sql", "CREATE TABLE items (id int PRIMARY KEY);\n")];
    let (project, database) =
        (project("[migrations]\nhistory = \"ops.applied\"\n", &files), support::database());
    database.exec("CREATE TABLE items (id int PRIMARY KEY)");
    let said = ["there is no schema ops", "CREATE SCHEMA ops", "nothing was changed"];
    project.trueup(["adopt", "--yes"], &database).exit(4).says(said).lacks("run first");
    database.exec("CREATE SCHEMA ops");
    project.trueup(["adopt", "--yes", "--accept-drift", "ops"], &database).exit(0);
    assert_eq!(versions(&database, "ops.applied"), "1");
}

#[test]
fn the_place_of_the_history_can_be_chosen() {
    let settings = "[migrations]\nhistory = \"ops.applied\"\n";
    let files = [
        ("migrations/V1__items.sql", "CREATE TABLE items (id int PRIMARY KEY);\n"),
        ("migrations/V1__items.down.sql", "DROP TABLE items;\n"),
    ];
    let (project, database) = (project(settings, &files), support::database());
    database.exec("CREATE SCHEMA ops");
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    assert_eq!(versions(&database, "ops.applied"), "1");
    assert_eq!(database.value("SELECT to_regclass('public.refinery_schema_history') IS NULL"), "t");
    let only_the_schema = project.trueup(["check"], &database).document();
    assert_eq!(super::found(&only_the_schema), ["schema.unexpected ops: drift"], "{only_the_schema:#}");
    assert_eq!(only_the_schema["history"]["table"], "ops.applied");
    project.trueup(["status"], &database).exit(0).says("1 migration applied");
    project.trueup(["downgrade", "--to", "0", "--yes"], &database).exit(0);
    // A database that was built by hand is adopted into it.
    database.exec("CREATE TABLE items (id int PRIMARY KEY)");
    project.trueup(["adopt", "--yes", "--accept-drift", "ops"], &database).exit(0);
    assert_eq!(versions(&database, "ops.applied"), "1");
}

#[test]
fn a_role_without_rights_is_refused_before_anything() {
    let files = [("migrations/V1__items.sql", "CREATE TABLE items (id int PRIMARY KEY);\n")];
    let (project, database) = (project("", &files), support::database());
    database.exec("CREATE ROLE causes_little LOGIN; REVOKE CREATE ON SCHEMA public FROM PUBLIC");
    let url = database.url_as("causes_little");
    let on_database = format!("GRANT CREATE ON DATABASE {} TO causes_little;", database.name());
    let on_schema = "GRANT CREATE ON SCHEMA public TO causes_little;";
    project.trueup(["upgrade", "--yes"], &url).exit(4).says([
        on_database.as_str(),
        on_schema,
        "nothing was changed",
    ]);
    assert_eq!(everything(&database), "|");
    database.exec(&on_database);
    let ran = project.trueup(["upgrade", "--yes"], &url).exit(4);
    ran.says([on_schema, "public.refinery_schema_history"]).lacks("ON DATABASE");
    assert_eq!(everything(&database), "|", "schema trueup was not made");
    database.exec(on_schema);
    project.trueup(["upgrade", "--yes"], &url).exit(0);
    project.trueup(["check"], &url).exit(0);
}

/// Fails in a database that has a schema `stop`, which the scratch server has not.
const FAILS: &str = "CREATE TABLE items (id int PRIMARY KEY);
DO $$ BEGIN IF to_regnamespace('stop') IS NOT NULL THEN RAISE EXCEPTION 'stopped'; END IF; END $$;
";

/// Exit 5 is "as it was": neither the history nor schema trueup stays of a first run that failed.
#[test]
fn a_first_run_that_fails_leaves_nothing() {
    let (project, database) =
        (project("[environments.dev]\n", &[("migrations/V1__items.sql", FAILS)]), support::database());
    database.exec("CREATE SCHEMA stop");
    let before = everything(&database);
    project.trueup(["upgrade", "--yes"], &database).exit(5).says("stopped");
    assert_eq!(everything(&database), before);
    project.trueup(["status"], &database).run().says("not marked");
    // A run after one that stays is recorded, whatever comes of it.
    project.trueup(["environment", "set", "dev", "--yes"], &database).exit(0);
    project.trueup(["upgrade", "--yes"], &database).exit(5);
    let outcome = "SELECT outcome FROM trueup.runs ORDER BY started_at DESC LIMIT 1";
    assert_eq!(database.value(outcome), "rolled-back");
    assert_eq!(database.value("SELECT to_regclass('public.refinery_schema_history') IS NULL"), "t");
    database.exec("DROP SCHEMA stop");
    project.trueup(["upgrade", "--yes"], &database).exit(0);
}

/// The same, two seconds later.
const FAILS_LATE: &str = "CREATE TABLE items (id int PRIMARY KEY);
DO $$ BEGIN IF to_regnamespace('stop') IS NOT NULL THEN PERFORM pg_sleep(2); RAISE EXCEPTION 'stopped'; END IF; END $$;
";

/// What a failed first run has recorded beside its beginning stays: the backup that it took.
#[test]
fn a_first_run_that_took_a_backup_and_fails_keeps_its_record() {
    let first = "CREATE TABLE rows (id int PRIMARY KEY);\n";
    let files = [("migrations/V1__rows.sql", first), ("migrations/V2__items.sql", FAILS)];
    let (project, database) = (project("", &files), support::database());
    project.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    // As another tool leaves it: the history alone.
    database.exec("DROP SCHEMA trueup CASCADE; CREATE SCHEMA stop");
    fs::write(project.path().join("trueup.toml"), "[project]\nname = \"causes\"\n").unwrap();
    project.trueup(["upgrade", "--yes"], &database).exit(5).says("stopped");
    assert_eq!(database.value("SELECT string_agg(action, ' ') FROM trueup.steps"), "backup");
    assert_eq!(database.value("SELECT outcome FROM trueup.runs"), "rolled-back");
}

/// Other people's objects are not removed with trueup's schema, and whoever keeps it from being removed does not keep the
/// end of the run from being recorded.
#[test]
fn a_schema_in_use_stays_after_a_first_run_that_fails() {
    for others in [
        "CREATE VIEW public.trueup_runs AS SELECT id FROM trueup.runs",
        "CREATE TABLE trueup.notes (note text)",
        "BEGIN; SELECT FROM trueup.runs",
    ] {
        let files = [("migrations/V1__items.sql", FAILS_LATE)];
        let (project, database) = (project("", &files), support::database());
        database.exec("CREATE SCHEMA stop");
        let upgrade = project.trueup(["upgrade", "--yes"], &database).start();
        let runtime = support::runtime();
        let mut session = runtime.block_on(database.connect());
        support::wait_for("the beginning of the run", || {
            database.value("SELECT to_regclass('trueup.runs') IS NOT NULL") == "t"
        });
        runtime.block_on(session.execute(others)).unwrap();
        upgrade.ended().exit(5).says("stopped");
        assert_eq!(database.value("SELECT outcome FROM trueup.runs"), "rolled-back", "{others}");
        let kept = "SELECT count(*) FROM pg_class WHERE relname IN ('trueup_runs', 'notes')";
        assert_eq!(database.value(kept), if others.starts_with("BEGIN") { "0" } else { "1" }, "{others}");
        runtime.block_on(session.close());
    }
}

#[test]
fn an_empty_database_needs_one_upgrade() {
    let files = [
        ("migrations/V1__items.sql", "CREATE TABLE items (id int PRIMARY KEY, name text);\n"),
        ("migrations/V2__no_name.sql", "-- trueup: contract\nALTER TABLE items DROP COLUMN name;\n"),
        ("migrations/V3__note.sql", "ALTER TABLE items ADD COLUMN note text;\n"),
    ];
    let project = project("", &files);
    let new = support::database();
    project.trueup(["upgrade", "--yes"], &new).exit(0).says("applied 3 migrations").lacks("--contract");
    project.trueup(["check"], &new).exit(0);
    // Where something is applied, old code may be running.
    let old = support::database();
    project.trueup(["upgrade", "--yes", "--to", "1"], &old).exit(0);
    project
        .trueup(["upgrade", "--yes"], &old)
        .exit(0)
        .says(["stopped before V2__no_name", "trueup upgrade --contract"]);
    assert_eq!(versions(&old, "public.refinery_schema_history"), "1");
}

#[test]
fn a_check_beside_an_upgrade_names_it() {
    let settings = "[database]\nlock_timeout = \"300ms\"\n";
    let files = [
        (
            "migrations/V1__items.sql",
            "CREATE TABLE items (id int PRIMARY KEY);\nCREATE VIEW ids AS SELECT id FROM items;\n",
        ),
        (
            "migrations/V2__slow.sql",
            "-- trueup: max-duration 20s\nCREATE OR REPLACE VIEW ids AS SELECT id, id + 1 AS next FROM items;\n\
             ALTER TABLE items ADD COLUMN note text;\n\
             DO $$ BEGIN IF to_regnamespace('slow') IS NOT NULL THEN PERFORM pg_sleep(8); END IF; END $$;\n",
        ),
    ];
    let (project, database) = (project(settings, &files), support::database());
    project.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    database.exec("CREATE SCHEMA slow");
    let upgrade = project.trueup(["upgrade", "--yes"], &database).start();
    support::wait_for("the lock of the upgrade", || {
        database.value("SELECT count(*) FROM pg_locks WHERE relation = 'ids'::regclass AND mode = 'AccessExclusiveLock' AND granted") == "1"
    });
    let check = project.trueup(["check"], &database).exit(75);
    check.says(["timed out waiting for a lock", "trueup/", "upgrade (backend ", "since 20", "trueup status"]);
    upgrade.ended().exit(0);
    database.exec("DROP SCHEMA slow");
    project.trueup(["check"], &database).exit(0);
}

/// Nobody waits for a lock on another session's temporary table.
#[test]
fn a_check_that_waits_names_no_temporary_table() {
    let files = [(
        "migrations/V1__items.sql",
        "CREATE TABLE items (id int PRIMARY KEY);\nCREATE VIEW ids AS SELECT id FROM items;\n",
    )];
    let (project, database) =
        (project("[database]\nlock_timeout = \"300ms\"\n", &files), support::database());
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    let runtime = support::runtime();
    let (mut other, mut holder) =
        (runtime.block_on(database.connect()), runtime.block_on(database.connect()));
    runtime.block_on(other.execute("BEGIN; CREATE TEMP TABLE mine (id int)")).unwrap();
    runtime.block_on(holder.execute("BEGIN; LOCK TABLE ids")).unwrap();
    let check = project.trueup(["check"], &database).exit(75);
    check.says(["timed out waiting for a lock, possibly because", "holds public."]).lacks("mine");
    runtime.block_on(holder.close());
    runtime.block_on(other.close());
}
