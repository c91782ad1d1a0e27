//! `trueup status`, and what trueup keeps in a database for itself, as reading commands see it.

use std::fmt::Write as _;
use std::fs;

use serde_json::Value;
use trueup::migrations::{checksum, read_directory};
use trueup::postgres::connection::Target;
use trueup::writer::ADVISORY_LOCK;

use crate::support::pgbouncer::PgBouncer;
use crate::support::program::Program;
use crate::support::project::{Address, Project, Site};
use crate::support::proxy::{Proxy, Then};
use crate::support::{self, TestDatabase};

/// Schema `trueup` as trueup makes it.
const OWN: &str = include_str!("../../src/writer/schema.sql");

/// A run that has not ended.
const OPEN_RUN: &str = "INSERT INTO trueup.runs (id, command, arguments, version, os_user, os_host, system_identifier, \
     timeline, started_at) VALUES ('01JRUN', 'upgrade', '--yes', '0.1.0', 'alice', 'bastion', '1', '1', '2025-03-01T12:03:11Z')";

/// A statement that began and did not end.
const STEP: &str = "INSERT INTO trueup.steps (run, number, action, version, name, statement, text, state, started_at) \
     VALUES ('01JRUN', 1, 'apply', 8, 'api_keys_user_id_required', 1, 'CREATE INDEX CONCURRENTLY i ON t (c)', 'started', \
     '2025-03-01T12:03:12Z')";

/// The reference project and a database in which it is wholly applied.
fn site() -> (Project, TestDatabase) {
    let project = Project::reference();
    let database = support::database();
    project.build(&database);
    (project, database)
}

fn status(project: &Project, at: &(impl Address + ?Sized), more: &[&str]) -> Program {
    project.trueup(["status"], at).args(more)
}

#[test]
fn an_empty_database_has_all_of_it_pending() {
    let project = Project::reference();
    let database = support::database();
    let document = status(&project, &database, &[]).document();
    assert_eq!(document["exit_code"], 1, "{document:#}");
    assert_eq!(document["history"]["pending"].as_array().unwrap().len(), 8);
    for nothing in ["mark", "lock", "last_backup"] {
        assert!(document[nothing].is_null(), "{document:#}");
    }
    assert!(document.get("runs").is_none());
    status(&project, &database, &["--runs"]).exit(1).says([
        "no history of migrations",
        "not marked",
        "free",
        "none recorded",
        "8 pending",
        "no runs",
    ]);
}

#[test]
fn a_marked_database_says_which_it_is() {
    let (project, database) = site();
    fs::write(
        project.path().join("trueup.toml"),
        "[project]\nname = \"platform\"\n[environments.production]\n[environments.staging]\n",
    )
    .unwrap();
    database.exec(OWN);
    database.exec("INSERT INTO trueup.mark (layout, project, environment, run) VALUES (1, 'platform', 'production', 'x')");
    let document = status(&project, &database, &[]).document();
    assert_eq!((&document["exit_code"], &document["outcome"]), (&0.into(), &"clean".into()), "{document:#}");
    assert_eq!(document["target"]["environment"], "production");
    assert_eq!(document["mark"]["project"], "platform");
    assert_eq!(document["history"]["current"]["version"], "8");
    status(&project, &database, &["--env", "production"])
        .exit(0)
        .says(["up to date", "production, project platform"]);
    status(&project, &database, &["--env", "staging"])
        .exit(4)
        .says(["marked as environment production, not staging", "trueup environment set staging"]);
    database.exec("UPDATE trueup.mark SET project = 'shop'");
    status(&project, &database, &["--env", "production"]).exit(4).says("marked as project \"shop\"'s");
    status(&project, &database, &[]).exit(0).says("note: the database is marked as project \"shop\"'s");
}

#[test]
fn pending_edited_skipped_and_ahead_are_told_apart() {
    let (project, database) = site();
    database.exec("DELETE FROM refinery_schema_history WHERE version IN (2, 8)");
    database.exec("UPDATE refinery_schema_history SET checksum = '1' WHERE version = 3");
    let document = status(&project, &database, &[]).document();
    let versions = |key: &str| -> Vec<String> {
        let named = document["history"][key].as_array().unwrap().iter();
        named.map(|one| one["version"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(document["exit_code"], 1);
    assert_eq!([versions("pending"), versions("edited"), versions("skipped")], [["8"], ["3"], ["2"]]);
    // Ahead alone asks for nothing: an old image starts.
    let (project, database) = site();
    database.exec("INSERT INTO refinery_schema_history VALUES (9, 'later', '2025-03-01T12:00:00Z', '1')");
    status(&project, &database, &[])
        .exit(0)
        .says(["up to date, and ahead of this project by 1 migration", "V9__later"]);
}

#[test]
fn f29_an_audit_log_that_a_role_may_not_read_is_not_called_empty() {
    let (project, database) = site();
    status(&project, &database, &["--runs"]).exit(0).says("no runs recorded");
    database.exec(OWN);
    database.exec(OPEN_RUN);
    let role = format!("reader_{}", database.name());
    database.exec(&format!("CREATE ROLE {role} LOGIN; GRANT SELECT ON refinery_schema_history TO {role}"));
    let url = database.url_as(&role);
    status(&project, &url, &["--runs"])
        .exit(0)
        .says(["the runs are not known: trueup.runs cannot be read", "this role may not read"])
        .lacks("no runs recorded");
    let told = status(&project, &url, &["--runs"]).document();
    assert!(told["runs"].is_null(), "{told:#}");
    database.exec(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
}

#[test]
fn a_run_that_broke_off_is_told_in_words() {
    let (project, database) = site();
    database.exec(OWN);
    database.exec(OPEN_RUN);
    status(&project, &database, &[]).exit(0).says([
        "run 01JRUN of `trueup upgrade` by alice@bastion",
        "was interrupted; it left no migration unfinished",
    ]);
    database.exec("DELETE FROM refinery_schema_history WHERE version = 8");
    database.exec(STEP);
    status(&project, &database, &[]).exit(1).says(["run 01JRUN of `trueup upgrade` by alice@bastion as", "started 2025-03-01T12:03:11Z, was interrupted in applying statement 1 of V8__api_keys_user_id_required", "CREATE INDEX CONCURRENTLY i ON t (c)", "Run the same command to continue: trueup upgrade", "next: trueup upgrade"]);
    status(&project, &database, &["--format", "markdown", "--runs"]).exit(1).says([
        "## trueup status: not up to date: 1 interrupted, 1 pending",
        "| run | command |",
        "--yes",
    ]);
    // A later run carried it out.
    database.exec("INSERT INTO refinery_schema_history SELECT 8, 'api_keys_user_id_required', '', '1'");
    let document = status(&project, &database, &["--runs", "--limit", "1"]).document();
    assert_eq!(document["unfinished"], Value::Array(Vec::new()));
    assert_eq!(document["runs"][0]["os_host"], "bastion");
}

#[test]
fn who_holds_the_lock_is_named_and_its_run_goes_on() {
    let (project, database) = site();
    database.exec(OWN);
    database.exec("DELETE FROM refinery_schema_history WHERE version = 8");
    let runtime = support::runtime();
    let mut session = runtime.block_on(async {
        let mut session =
            Target::parse(database.url()).unwrap().connect("trueup/test upgrade").await.unwrap();
        session.execute(format!("SELECT pg_advisory_lock({ADVISORY_LOCK})")).await.unwrap();
        session.execute(OPEN_RUN).await.unwrap();
        session.execute(STEP).await.unwrap();
        session
    });
    let found = status(&project, &database, &[]).document();
    assert_eq!(found["lock"]["application"], "trueup/test upgrade", "{found:#}");
    assert_eq!(found["open_runs"][0]["alive"], true);
    assert_eq!(found["open_runs"][0]["backend_pid"], found["lock"]["pid"]);
    let words = ["is applying statement 1 of V8", "lock", "held by backend", "wait until the run has ended"];
    status(&project, &database, &[]).exit(1).says(words);
    project.compile();
    let finding = project.check(&database).document()["findings"][0].clone();
    assert_eq!((&finding["code"], &finding["severity"]), (&"migration.unfinished".into(), &"warning".into()));
    assert!(finding["cause"]["detail"].as_str().unwrap().contains("is running it since"), "{finding:#}");
    // Another lock of that session is none of trueup's, nor is the same one of another database.
    runtime.block_on(session.execute("SELECT pg_advisory_unlock_all(), pg_advisory_lock(1)")).unwrap();
    let elsewhere = support::database();
    let mut other = runtime.block_on(elsewhere.connect());
    runtime.block_on(other.execute(format!("SELECT pg_advisory_lock({ADVISORY_LOCK})"))).unwrap();
    let document = status(&project, &database, &[]).document();
    assert!(document["lock"].is_null(), "{document:#}");
    assert_eq!(document["open_runs"][0]["alive"], false);
    runtime.block_on(async {
        session.close().await;
        other.close().await;
    });
}

#[test]
fn ten_thousand_migrations_are_read_in_a_bounded_number_of_round_trips() {
    let project = Project::of_schema("CREATE TABLE t (id int);");
    let folder = project.path().join("migrations");
    fs::create_dir(&folder).unwrap();
    for version in 1..=10_000 {
        fs::write(folder.join(format!("V{version}__step_{version}.sql")), format!("SELECT {version};\n"))
            .unwrap();
    }
    let mut history = String::from(
        "CREATE TABLE refinery_schema_history(version INT4 PRIMARY KEY, name VARCHAR(255), applied_on VARCHAR(255), \
         checksum VARCHAR(255)); INSERT INTO refinery_schema_history VALUES ",
    );
    for (number, migration) in read_directory(&folder).unwrap().iter().enumerate() {
        let comma = if number > 0 { "," } else { "" };
        let sum = checksum::written(migration, checksum::Width::Four);
        let _ = write!(
            history,
            "{comma}({}, '{}', '2025-03-01T12:00:00Z', '{sum}')",
            migration.version, migration.name
        );
    }
    let database = support::database();
    database.exec(&history);
    database.exec(OWN);
    let proxy = Proxy::start(&database, |_, _| Then::Forward);
    let document = status(&project, &proxy.url(&database), &["--runs"]).document();
    assert_eq!((&document["exit_code"], &document["history"]["applied"]), (&0.into(), &10_000.into()));
    let (round_trips, messages) = (proxy.round_trips(), proxy.messages());
    assert!((1..=3).contains(&round_trips), "{round_trips} round trips");
    assert_eq!(messages, round_trips);
}

#[test]
fn a_role_that_may_not_read_schema_trueup_is_answered_all_the_same() {
    let site = Site::with_drift();
    let expected = site.findings();
    site.database.exec(OWN);
    site.database.exec(
        "CREATE ROLE own_little LOGIN; GRANT SELECT ON refinery_schema_history TO own_little;
         INSERT INTO trueup.mark (layout, project, run) VALUES (1, 'another', 'x')",
    );
    let url = site.database.url_as("own_little");
    let check = site.check(&url).run();
    let human = site.project.check(&url).run();
    let ran = status(&site.project, &url, &["--runs"]).run();
    site.database.exec("DROP OWNED BY own_little; DROP ROLE own_little");
    assert_eq!(check.findings(), expected);
    let note = "this role may not read trueup.mark, trueup.runs, trueup.steps, trueup.migrations";
    human.exit(1).says(note);
    ran.exit(0).says([note, "up to date"]);
}

/// Whoever may make a schema could lay a trap by the name of trueup's.
#[test]
fn f28_what_looks_like_trueups_tables_runs_nothing() {
    let site = Site::with_drift();
    let expected = site.findings();
    site.database.exec(
        "CREATE FUNCTION public.trap() RETURNS int LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'a trojan ran'; END$$;
         CREATE FUNCTION public.trap(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
             $$BEGIN IF current_setting('trap.armed', true) = 'on' THEN RAISE EXCEPTION 'a trojan ran'; END IF; RETURN $1; END$$;",
    );
    let url = site.database.url();
    let armed = "ALTER DATABASE \"DB\" SET trap.armed = 'on'".replace("DB", site.database.name());
    let ignore = ["--ignore", "public.trap*"];
    let clean = || {
        let check = site.check(url).args(ignore).run().lacks("a trojan ran");
        assert_eq!(check.findings(), expected);
        status(&site.project, url, &["--runs"])
            .exit(0)
            .says("not as trueup makes it, and therefore not read: trueup.");
    };
    // A view in place of a table.
    site.database.exec(
        "CREATE SCHEMA trueup; CREATE VIEW trueup.mark AS
             SELECT public.trap() AS layout, ''::text AS project, ''::text AS environment, NULL::uuid AS id;
         CREATE VIEW trueup.runs AS SELECT public.trap() AS id; CREATE VIEW trueup.steps AS SELECT public.trap() AS run;
         CREATE VIEW trueup.migrations AS SELECT public.trap() AS version",
    );
    clean();
    // Tables as they should be, but for what is evaluated when they are read.
    for evil in [
        "CREATE INDEX ON trueup.runs (public.trap(command))",
        "CREATE INDEX ON trueup.runs (id) WHERE public.trap('x') = id",
        "CREATE STATISTICS trueup.s ON (public.trap(command)), id FROM trueup.runs",
        "ALTER TABLE trueup.steps ENABLE ROW LEVEL SECURITY; ALTER TABLE trueup.steps OWNER TO pg_database_owner;
         CREATE POLICY p ON trueup.steps USING (public.trap(run) IS NOT NULL)",
        "CREATE DOMAIN public.trap_text AS text CHECK (public.trap(VALUE) IS NOT DISTINCT FROM VALUE);
         ALTER TABLE trueup.runs ADD COLUMN evil public.trap_text",
    ] {
        site.database.exec("DROP SCHEMA trueup CASCADE; DROP DOMAIN IF EXISTS public.trap_text");
        site.database.exec(OWN);
        site.database.exec(OPEN_RUN);
        site.database.exec(evil);
        site.database.exec(&armed);
        clean();
        site.database.exec(&armed.replace("'on'", "'off'"));
    }
}

/// A CHECK constraint is evaluated where the planner may exclude a table by it.
#[test]
fn f28_constraint_exclusion_runs_nothing() {
    let (project, database) = site();
    database.exec(OWN);
    database.exec(OPEN_RUN);
    database.exec(
        "CREATE FUNCTION public.trap(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS
             $$BEGIN IF current_setting('trap.armed', true) = 'on' THEN RAISE EXCEPTION 'a trojan ran'; END IF; RETURN $1; END$$;
         ALTER TABLE trueup.runs ADD CHECK (id <> public.trap('x')); ALTER TABLE trueup.steps ADD CHECK (run <> public.trap('x'));
         ALTER TABLE trueup.migrations ADD CHECK (name <> public.trap('x'));
         CREATE TABLE flyway_schema_history (installed_rank int, version varchar(50) CHECK (version <> public.trap('x')),
           description varchar(200), type varchar(20), success boolean);
         CREATE TABLE _sqlx_migrations (version bigint, success boolean, checksum bytea, d text CHECK (d <> public.trap('x')));
         CREATE TABLE _prisma_migrations (migration_name text CHECK (migration_name <> public.trap('x')), finished_at timestamptz)",
    );
    for setting in ["constraint_exclusion = on", "trap.armed = 'on'"] {
        database.exec(&format!("ALTER DATABASE \"{}\" SET {setting}", database.name()));
    }
    let sprung = database.try_query("SELECT FROM trueup.runs WHERE id = 'y'");
    assert!(sprung.unwrap_err().to_string().contains("a trojan ran"), "the trap works");
    status(&project, &database, &["--runs"])
        .exit(0)
        .says(["run 01JRUN", "Flyway", "sqlx", "Prisma"])
        .lacks("trojan");
    project.compile();
    project.check(&database).args(["--ignore", "public.trap*"]).exit(0).says("OK: ");
}

#[test]
fn f14_status_works_through_a_pooler() {
    let (project, database) = site();
    database.exec(OWN);
    let pooler = PgBouncer::start(&database, "pooled_app", 1);
    for _ in 0..3 {
        status(&project, &pooler.url(), &["--runs"]).exit(0).says(["up to date", "free"]);
    }
}
