//! `upgrade` runs the tool's own command, between a backup and a check. psql stands for the tool here: it does to files and
//! table what sqlx does.

use std::fs;
use std::time::{Duration, Instant};

use crate::support::project::Project;
use crate::support::{self, TestDatabase};

const HISTORY: &str = "CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL, installed_on timestamptz \
    NOT NULL DEFAULT now(), success boolean NOT NULL, checksum bytea NOT NULL, execution_time bigint NOT NULL);
    INSERT INTO _sqlx_migrations VALUES (1, 'users', now(), true, '', 1)";
const RECORD: &str = "INSERT INTO _sqlx_migrations VALUES (2, 'email', now(), true, '', 1)";

/// A project of sqlx with one pending migration, whose tool is this shell script.
fn project(script: &str) -> Project {
    let project = Project::of_schema("");
    fs::remove_dir_all(project.path().join("schema")).unwrap();
    let files = [
        ("migrations/1_users.sql", "CREATE TABLE users (id bigint PRIMARY KEY);"),
        ("migrations/2_email.sql", "ALTER TABLE users ADD COLUMN email text;"),
    ];
    for (name, text) in files {
        let path = project.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    fs::write(project.path().join("tool.sh"), script).unwrap();
    let settings = "[project]\nname = \"beside\"\n[migrations]\ntool = \"sqlx\"\ncommand = [\"sh\", \"tool.sh\"]\n\
                    timeout = \"20s\"\n";
    fs::write(project.path().join("trueup.toml"), settings).unwrap();
    project.trueup(["compile"], "").env("TRUEUP_PG_BIN", &support::server().bin_dir).exit(0);
    project
}

fn database() -> TestDatabase {
    let database = support::database();
    database.exec("CREATE TABLE users (id bigint PRIMARY KEY); INSERT INTO users VALUES (1)");
    database.exec(HISTORY);
    database
}

/// What sqlx does: the file and its row in one transaction.
fn works() -> String {
    let psql = support::server().bin_dir.join("psql");
    format!(
        "echo '  applying'; exec {} -Xq -1 -v ON_ERROR_STOP=1 -f migrations/2_email.sql -c \"{RECORD}\" \"$DATABASE_URL\"\n",
        psql.display()
    )
}

fn upgrade(project: &Project, database: &TestDatabase) -> support::program::Program {
    project.trueup(["upgrade", "--yes"], database).env("TRUEUP_PG_BIN", &support::server().bin_dir)
}

#[test]
fn a_backup_comes_first_and_a_check_last() {
    let (project, database) = (project(&works()), database());
    upgrade(&project, &database)
        .exit(0)
        .says("\n  applying\n")
        .stdout_contains("backup: ")
        .stdout_contains("applied sqlx 2 (email)")
        .stdout_contains("done: 1 migration applied");
    project.check(&database).exit(0);
    let runs = database.query("SELECT command, exit_code::text FROM trueup.runs");
    assert_eq!(runs, [[Some("upgrade".to_owned()), Some("0".to_owned())]]);
    upgrade(&project, &database).exit(0).stdout_contains("nothing to do");
}

/// Each backup names the version that its snapshot was at, as the tool calls it.
#[test]
fn a_backup_names_the_version_of_the_tool() {
    let (project, database) = (project(&works()), database());
    upgrade(&project, &database).exit(0);
    let bin = &support::server().bin_dir;
    project.trueup(["backup"], &database).env("TRUEUP_PG_BIN", bin).exit(0);
    project.trueup(["backup", "list"], &database).exit(0).stdout_contains(["sqlx 1", "sqlx 2"]).lacks("V2");
    project
        .trueup(["restore", "latest", "--replace", "--yes"], &database)
        .env("TRUEUP_PG_BIN", bin)
        .exit(0)
        .says("at sqlx 2, 0 pending");
}

#[test]
fn a_dry_run_runs_nothing() {
    let (project, database) = (project("touch ran"), database());
    project
        .trueup(["upgrade", "--dry-run"], &database)
        .exit(0)
        .stdout_contains("1. sqlx 2 (email)")
        .stdout_contains("command: sh tool.sh")
        .stdout_contains("backup first: full pg_dump")
        .stdout_contains("dry run: 1 migration would be applied; nothing was changed");
    assert!(!project.path().join("ran").exists());
}

#[test]
fn a_tool_that_fails_is_told_with_the_state_of_the_database() {
    let whole = project("echo 'connection refused' >&2; exit 3");
    let database_as_it_was = database();
    upgrade(&whole, &database_as_it_was)
        .exit(5)
        .says("the schema and the history are as they were")
        .says("connection refused");
    let psql = support::server().bin_dir.join("psql");
    let script = format!(
        "{} -Xq -f migrations/2_email.sql \"$DATABASE_URL\"; echo broken off; exit 1\n",
        psql.display()
    );
    let (part, database) = (project(&script), database());
    upgrade(&part, &database).exit(6).says("no migration was recorded, and the schema has changed");
    assert_eq!(database.query("SELECT exit_code::text FROM trueup.runs"), [[Some("6".to_owned())]]);
}

#[test]
fn a_tool_that_works_on_another_database_is_noticed() {
    let (project, database) = (project("echo all good"), database());
    upgrade(&project, &database).exit(5).says("it may have migrated another database").says("all good");
}

#[test]
fn a_tool_that_is_not_there_or_asks_or_hangs_is_told() {
    let database = database();
    let missing = project("");
    let settings = fs::read_to_string(missing.path().join("trueup.toml")).unwrap();
    fs::write(missing.path().join("trueup.toml"), settings.replace("\"sh\"", "\"no-such-tool\"")).unwrap();
    upgrade(&missing, &database).exit(4).says("no-such-tool cannot be started").says("[migrations] command");
    // It reads an answer, and there is none.
    let asks = project("read answer || { echo 'no answer' >&2; exit 2; }");
    upgrade(&asks, &database).exit(5).says("no answer");
    let hangs = project("sleep 600");
    let settings = fs::read_to_string(hangs.path().join("trueup.toml")).unwrap();
    fs::write(hangs.path().join("trueup.toml"), settings.replace("20s", "1s")).unwrap();
    let begun = Instant::now();
    upgrade(&hangs, &database).exit(5).says("took longer than 1.0 s");
    assert!(begun.elapsed() < Duration::from_secs(9), "it ends at once when it is told to");
}

/// A password in the place of the URL, or in its query, percent-encoded: the tool gets it decoded, in a variable, and nobody
/// else gets it.
#[test]
fn a_password_is_in_no_argument_and_in_no_output() {
    let database = database();
    let (role, place) = database.url().split_once('@').unwrap();
    let project = project(
        "printf '%s' \"$PGPASSWORD\" > secret; echo \"$DATABASE_URL\"; echo \"$0 $*\" | tee arguments; exit 1",
    );
    let settings = fs::read_to_string(project.path().join("trueup.toml")).unwrap();
    let with_url = settings.replace("[\"sh\", \"tool.sh\"]", "[\"sh\", \"tool.sh\", \"{url}\"]");
    fs::write(project.path().join("trueup.toml"), with_url).unwrap();
    let join = if place.contains('?') { '&' } else { '?' };
    for url in [format!("{role}:c%40nary%20@{place}"), format!("{role}@{place}{join}password=c%40nary%20")] {
        for args in [&["upgrade", "--yes", "--no-backup"][..], &["upgrade", "--dry-run"]] {
            let ran = project
                .trueup(args, "")
                .env("DATABASE_URL", &url)
                .env("TRUEUP_PG_BIN", &support::server().bin_dir)
                .run();
            assert!(!ran.shown().contains("nary"), "{}", ran.shown());
        }
        assert_eq!(fs::read_to_string(project.path().join("secret")).unwrap(), "c@nary ");
        let arguments = fs::read_to_string(project.path().join("arguments")).unwrap();
        assert!(arguments.contains("://") && !arguments.contains("nary"), "{arguments}");
    }
}

/// Tables whose history is gone: the tool would begin with the first migration.
#[test]
fn without_its_history_nothing_is_run() {
    let (project, database) = (project("touch ran"), database());
    database.exec("ALTER TABLE users ADD COLUMN email text; DROP TABLE _sqlx_migrations");
    upgrade(&project, &database).exit(4).says("no history of migrations").says("nothing was changed");
    assert!(!project.path().join("ran").exists());
    let empty = support::database();
    upgrade(&project, &empty).exit(5).says("applied nothing here");
    assert!(project.path().join("ran").exists(), "the first use is no history that is gone");
}

/// What the tool creates would belong to another role than what trueup creates.
#[test]
fn set_role_is_refused() {
    let (project, database) = (project("touch ran"), database());
    let path = project.path().join("trueup.toml");
    let settings = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{settings}[database]\nset_role = \"postgres\"\n")).unwrap();
    upgrade(&project, &database).exit(4).says("set_role").says("ALTER ROLE");
    assert!(!project.path().join("ran").exists());
}

/// What `upgrade` refuses beside a tool is not advised there.
#[test]
fn set_role_is_not_offered() {
    let (project, database) = (project(&works()), database());
    let role =
        "this role is a superuser, so all SQL of the project runs with all rights; the connection URL names";
    upgrade(&project, &database).exit(0).says(role).lacks("set_role");
    database.exec(
        "CREATE ROLE beside_reader LOGIN; CREATE TABLE owned (id int PRIMARY KEY); ALTER TABLE owned ENABLE ROW LEVEL \
         SECURITY; GRANT SELECT ON ALL TABLES IN SCHEMA public TO beside_reader",
    );
    fs::create_dir(project.path().join("checks")).unwrap();
    let check = "-- title: t\n-- severity: error\n-- table: public.owned\n-- key: id\n-- find:\nSELECT id FROM owned;\n";
    fs::write(project.path().join("checks/owned.sql"), check).unwrap();
    let url = database.url_as("beside_reader");
    let said = "a role with BYPASSRLS: the connection URL";
    project.trueup(["verify"], &url).exit(3).says(said).lacks("set_role");
}

/// A process that the tool leaves behind holds its output open.
#[test]
fn the_end_of_the_tool_is_the_end_of_the_run() {
    let (project, database) = (project(&format!("sleep 600 & {}", works().replace("exec ", ""))), database());
    let begun = Instant::now();
    upgrade(&project, &database).exit(0).stdout_contains("applied sqlx 2 (email)");
    assert!(begun.elapsed() < Duration::from_secs(18), "the time limit of 20 s was waited for");
}

/// The server ends trueup's connections while the tool works.
#[test]
fn a_lost_connection_loses_no_result() {
    let psql = support::server().bin_dir.join("psql").display().to_string();
    let ends = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() \
                AND pid <> pg_backend_pid()";
    let script = format!("{psql} -Xq -c \"{ends}\" \"$DATABASE_URL\"; {}", works());
    let (whole, one) = (project(&script), database());
    upgrade(&whole, &one).exit(0).stdout_contains("applied sqlx 2 (email)");
    let (failing, two) = (project(&format!("{}; exit 3", script.replace("exec ", ""))), database());
    upgrade(&failing, &two).exit(6).says("applied before that: sqlx 2 (email)");
}

#[test]
fn flags_of_trueups_own_migrations_are_refused() {
    let (project, database) = (project(&works()), database());
    for flag in [&["--sql"][..], &["--contract"], &["--to", "2"]] {
        let args: Vec<&str> = ["upgrade", "--yes"].iter().chain(flag).copied().collect();
        project.trueup(args, &database).exit(2).says("these are sqlx's");
    }
}
