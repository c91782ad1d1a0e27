//! A migration tool of the project's own: a shell script here, which keeps one file of SQL for each revision.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::{Duration, Instant};

use super::code::{compile, project, revisions};
use super::downs::{goes_down_and_up, is_trueups, take_over};
use super::write;
use crate::adopt::tools::{did_not_run, of_go};
use crate::support::project::Project;
use crate::support::{self, TestDatabase};

const LIST: &str = "001\tusers\n002\tadd email\n";

const SETTINGS: &str = "[project]\nname = \"own\"\n[migrations]\ntool = \"command\"\nlist = [\"./migrate\", \"list\"]\n\
                        apply = [\"./migrate\", \"up\", \"{revision}\"]\napplied = { table = \"ops.done\", column = \"rev\" }\n";

/// The tool. It keeps its table in a schema of its own, and makes both when it is first used.
fn tool() -> String {
    let psql = support::server().bin_dir.join("psql");
    format!(
        "#!/bin/sh\nset -eu\nexport PGOPTIONS=--client-min-messages=warning\nsql() {{ {} -XqtA -1 -v ON_ERROR_STOP=1 \"$@\" \"$DATABASE_URL\"; }}\ncase $1 in\n\
         list) sql -c 'SELECT 1' >/dev/null; cat list.txt ;;\n\
         print) cat list.txt ;;\n\
         up) echo \"up $2\"; sql -c 'CREATE SCHEMA IF NOT EXISTS ops' -c 'CREATE TABLE IF NOT EXISTS ops.done (rev text \
         PRIMARY KEY, at timestamptz DEFAULT now())' -f \"migrations/$2.sql\" -c \"INSERT INTO ops.done (rev) VALUES \
         ('$2')\" 2>&1 ;;\n\
         down) echo \"down $2\"; sql -f \"down/$2.sql\" -c \"DELETE FROM ops.done WHERE rev = '$2'\" 2>&1 ;;\n\
         all) for file in migrations/*.sql; do rev=$(basename \"$file\" .sql); [ \"$(sql -c \"SELECT count(*) FROM ops.done \
         WHERE rev = '$rev'\")\" = 1 ] || \"$0\" up \"$rev\"; done ;;\nesac\n",
        psql.display()
    )
}

/// A project with two revisions.
fn own(settings: &str) -> Project {
    let project = project(
        settings,
        &[
            ("migrate", tool()),
            ("list.txt", LIST.to_owned()),
            ("migrations/001.sql", "CREATE TABLE users (id bigint PRIMARY KEY);".to_owned()),
            ("migrations/002.sql", "ALTER TABLE users ADD COLUMN email text;".to_owned()),
            ("down/001.sql", "DROP TABLE users;".to_owned()),
            ("down/002.sql", "ALTER TABLE users DROP COLUMN email;".to_owned()),
        ],
    );
    fs::set_permissions(project.path().join("migrate"), fs::Permissions::from_mode(0o755)).unwrap();
    project
}

/// Runs the tool by hand.
fn migrate(project: &Project, database: &TestDatabase, words: &[&str]) {
    let tool = support::program::Program::of(project.path().join("migrate"));
    tool.current_dir(project.path()).args(words).env("DATABASE_URL", database.url()).exit(0);
}

/// From an empty database to a clean one; then somebody changes it by hand, and a migration is edited.
#[test]
fn a_story_beside_a_tool_of_ones_own() {
    let (project, database) = (own(SETTINGS), support::database());
    project.check(&database).exit(3).says("only `trueup compile` runs the migrations of the project's tool");
    compile(&project).exit(0);
    assert_eq!(revisions(&project), ["001", "002"]);
    compile(&project).arg("--check").exit(0);
    migrate(&project, &database, &["up", "001"]);
    project
        .check(&database)
        .env("COLUMNS", "200")
        .exit(1)
        .stdout_contains("at migration 001, 1 migration applied, pending: migration 002 (add email)")
        .stdout_contains("pending: migration 002 (add email) adds it")
        .stdout_contains("trueup upgrade")
        // Its table is nobody's object.
        .lacks("ops.done");
    let status = project.trueup(["status"], &database).document();
    assert_eq!(status["history"]["pending"][0]["version"], "002");
    project
        .trueup(["upgrade", "--dry-run"], &database)
        .exit(0)
        .stdout_contains("1. migration 002 (add email)")
        .stdout_contains("./migrate up 002");
    let upgraded = project.trueup(["upgrade", "--yes", "--no-backup"], &database).document();
    assert_eq!(upgraded["tool"]["name"], "command");
    assert_eq!(upgraded["tool"]["applied"][0], "migration 002 (add email)");
    assert_eq!(upgraded["tool"]["output"], "up 002\n");
    project.check(&database).exit(0);
    project
        .trueup(["status"], &database)
        .exit(0)
        .stdout_contains("migration 002 (add email), 2 migrations applied");
    database.exec("ALTER TABLE users DROP COLUMN email");
    project
        .check(&database)
        .env("COLUMNS", "200")
        .exit(1)
        .stdout_contains("drift: migration 002 (add email) created it; it was dropped by hand");
    write(
        project.path(),
        &[("migrations/002.sql", "ALTER TABLE users ADD COLUMN email varchar;".to_owned())],
    );
    project.check(&database).exit(3).says("migrations/002.sql changed").says("next: trueup compile");
    project
        .trueup(["downgrade", "--to", "1", "--yes"], &database)
        .exit(4)
        .says("names no command that reverts a migration ([migrations] revert)")
        .lacks("--take-over");
}

/// Without a command that applies all, that for one is run for each, in their order, until one fails.
#[test]
fn each_pending_migration_is_applied_by_itself() {
    let (project, database) = (own(SETTINGS), support::database());
    write(project.path(), &[("list.txt", format!("{LIST}003\tkeys\t001\n"))]);
    write(project.path(), &[("migrations/003.sql", "CREATE TABLE keys (id bigint PRIMARY KEY);".to_owned())]);
    compile(&project).exit(0);
    migrate(&project, &database, &["up", "001"]);
    database.exec("CREATE TABLE keys (id bigint)");
    let upgrade = project.trueup(["upgrade", "--yes", "--no-backup"], &database);
    upgrade.exit(6).says("the project's tool failed").says("applied before that: migration 002 (add email)");
    database.exec("DROP TABLE keys");
    let upgrade = project.trueup(["upgrade", "--yes", "--no-backup"], &database);
    upgrade.exit(0).stdout_contains("applied migration 003 (keys)").lacks("applied migration 001");
    project.check(&database).exit(0);
}

/// A command that applies all is run once; the one that reverts is run for each.
#[test]
fn all_are_applied_by_one_command() {
    let settings = SETTINGS.replace(
        "applied =",
        "upgrade = [\"./migrate\", \"all\"]\nrevert = [\"./migrate\", \"down\", \"{revision}\"]\napplied =",
    );
    let (project, database) = (own(&settings), support::database());
    compile(&project).exit(0);
    database.exec("CREATE SCHEMA ops; CREATE TABLE ops.done (rev text PRIMARY KEY, at timestamptz)");
    let upgraded = project.trueup(["upgrade", "--yes", "--no-backup"], &database).document();
    assert_eq!(upgraded["tool"]["output"], "up 001\nup 002\n");
    project.check(&database).exit(0);
    let downgrade = project.trueup(["downgrade", "--to", "001", "--yes", "--no-backup"], &database);
    let reverted = downgrade.document();
    assert_eq!(reverted["tool"]["output"], "down 002\n");
    assert_eq!(database.value("SELECT string_agg(rev, ' ') FROM ops.done"), "001");
    // The tool's first migration has also made the schema of its table, which it leaves.
    let downgrade = project.trueup(["downgrade", "--to", "0", "--yes", "--no-backup"], &database);
    downgrade.exit(6).says("down 001").says("schema ops is there");

    fs::write(project.path().join("trueup.toml"), SETTINGS).unwrap();
    project.trueup(["upgrade", "--yes", "--no-backup"], &database).exit(0);
    let downgrade = project.trueup(["downgrade", "--to", "001", "--yes"], &database);
    downgrade.exit(4).says("names no command that reverts a migration ([migrations] revert)");
}

/// One run for each migration: each has to do what it is called for.
#[test]
fn a_run_that_applies_nothing_is_no_success_of_the_one_before() {
    let (project, database) = (own(SETTINGS), support::database());
    compile(&project).exit(0);
    let script = fs::read_to_string(project.path().join("migrate")).unwrap();
    let idle = script.replace("up) echo", "up) [ \"$2\" = 001 ] || exit 0; echo");
    assert_ne!(idle, script);
    write(project.path(), &[("migrate", idle)]);
    project
        .trueup(["upgrade", "--yes", "--no-backup"], &database)
        .exit(6)
        .says("./migrate up 002 ended with 0, and did not do what was shown")
        .says("applied before that: migration 001 (users); still pending: migration 002 (add email)");
}

#[test]
fn what_is_wrong_with_the_tool_is_told_before_anything_is_applied() {
    let (project, other) = (own(SETTINGS), support::database());
    let list = |text: &str| write(project.path(), &[("list.txt", text.to_owned())]);
    let settings = |text: &str| fs::write(project.path().join("trueup.toml"), text).unwrap();
    for (text, wanted) in [
        ("", "`./migrate list` prints no list of migrations: it printed nothing"),
        ("001\n001\n", "line 2 (\"001\"): \"001\" was listed before"),
        ("001\n\tx\n", "expected the identifier of a migration before the tab"),
        ("001\tusers\t000\n", "its parent \"000\" is in no line before it"),
    ] {
        list(text);
        compile(&project)
            .exit(2)
            .says(wanted)
            .says("nothing was applied")
            .says("a line for each: identifier");
    }
    list("001\n003\n");
    compile(&project).exit(2).says("003 in a throwaway database failed").says("migrations/003.sql");
    list(LIST);
    // Its table is another one than the settings say.
    settings(&SETTINGS.replace("\"rev\"", "\"version\""));
    compile(&project).exit(2).says("has no record of it in ops.done, column version");
    // One that keeps the newest alone.
    settings(SETTINGS);
    let script = fs::read_to_string(project.path().join("migrate")).unwrap();
    let forgets = script.replace("-c \"INSERT", "-c 'DELETE FROM ops.done' -c \"INSERT");
    write(project.path(), &[("migrate", forgets)]);
    compile(&project)
        .exit(2)
        .says("001 has no row in ops.done, column rev: expected one for each that is applied");
    write(project.path(), &[("migrate", script)]);
    // A list that connects to nothing does not show whether the tool would change the throwaway database.
    let print = SETTINGS.replace("\"list\"]", "\"print\"]");
    settings(&print);
    compile(&project)
        .exit(2)
        .says("did not connect to the throwaway database")
        .says("[migrations] status = [...]");
    settings(&print.replace("apply =", "status = [\"./migrate\", \"list\"]\napply ="));
    compile(&project).exit(0);
    settings(&SETTINGS.replace("\"./migrate\", \"list\"", "\"./no-such-program\", \"list\""));
    compile(&project)
        .exit(4)
        .says("./no-such-program cannot be started")
        .says("[migrations] list, apply and upgrade");
    settings(&SETTINGS.replace("applied =", "# applied ="));
    compile(&project).exit(2).says("trueup.toml:4: migrations.tool: `applied` is missing");
    // The lock does not hold for another table.
    settings(&SETTINGS.replace("ops.done", "ops.finished"));
    project.check(&other).exit(3).says("[migrations] applied changed");
    project.trueup(["init", "--tool", "command"], "").exit(2).says("write trueup.toml yourself");
}

/// What a tool leaves in the background, with its output open, is not waited for.
#[test]
fn a_program_in_the_background_holds_nothing_up() {
    let settings = SETTINGS.replace("tool =", "timeout = \"50s\"\ntool =");
    let project = own(&settings);
    let script = fs::read_to_string(project.path().join("migrate")).unwrap();
    write(project.path(), &[("migrate", script.replace("set -eu\n", "set -eu\nsleep 40 &\n"))]);
    let begun = Instant::now();
    compile(&project).exit(0);
    assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    assert_eq!(revisions(&project), ["001", "002"]);
}

/// A table that the tool did not make is not read, and never dropped on trueup's advice.
#[test]
fn another_table_of_that_name_is_no_history() {
    let (project, database) = (own(SETTINGS), support::database());
    compile(&project).exit(0);
    database.exec("CREATE SCHEMA ops; CREATE TABLE ops.done (rev jsonb)");
    project
        .check(&database)
        .env("COLUMNS", "200")
        .exit(1)
        .says("not a plain table with column rev, of numbers or text")
        .says("[migrations] applied in trueup.toml");
}

/// Its own commands apply and revert each migration; what they run becomes SQL.
#[test]
fn a_tool_of_ones_own_is_taken_over() {
    let settings =
        SETTINGS.replace("applied =", "revert = [\"./migrate\", \"down\", \"{revision}\"]\napplied =");
    let (project, database) = (own(&settings), support::database());
    migrate(&project, &database, &["up", "001"]);
    migrate(&project, &database, &["up", "002"]);
    take_over(&project, "command", &[])
        .exit(0)
        .stdout_contains("trueup-migrations (2 migrations)")
        .stdout_contains(
            "remove `tool` and all that says how it is called, and set dir = \"trueup-migrations\"",
        )
        .stdout_contains("under [database], ignore = [\"ops.done\"]")
        // The schema of the tool's table comes with its first migration, and it does not drop that.
        .says("no down script: V1__users: afterwards schema ops is there");
    let text = |name: &str| fs::read_to_string(project.path().join("trueup-migrations").join(name)).unwrap();
    let up = text("V2__add_email.sql");
    assert!(up.starts_with("-- trueup: from command 002\n"), "{up}");
    assert!(up.ends_with("\nALTER TABLE users ADD COLUMN email text;\n") && !up.contains("done"), "{up}");
    assert_eq!(text("V2__add_email.down.sql"), "ALTER TABLE users DROP COLUMN email;\n");
    fs::rename(project.path().join("migrations"), project.path().join("before")).unwrap();
    fs::rename(project.path().join("trueup-migrations"), project.path().join("migrations")).unwrap();
    is_trueups(&project);
    let settings = fs::read_to_string(project.path().join("trueup.toml")).unwrap();
    let ignore = "[database]\nignore = [\"ops.done\"]\n";
    fs::write(project.path().join("trueup.toml"), format!("{settings}{ignore}")).unwrap();
    compile(&project).exit(0);
    project.trueup(["adopt", "--yes"], &database).exit(0);
    project.check(&database).exit(0);
    goes_down_and_up(&project, &[1]);
}

#[test]
fn only_a_tool_that_the_settings_name_can_be_taken_over() {
    let project = own(SETTINGS);
    take_over(&project, "command", &[]).exit(0).says(
        "no down script: V1__users, V2__add_email: trueup.toml names no command that reverts a migration",
    );
    fs::write(project.path().join("trueup.toml"), "[project]\nname = \"own\"\n").unwrap();
    fs::remove_dir_all(project.path().join("trueup-migrations")).unwrap();
    take_over(&project, "command", &[])
        .exit(2)
        .says("names no migration tool of your own")
        .says("[migrations] tool = \"command\"");
}

/// The script of the documentation, which leads from goose's list to trueup's. Migrations in Go need a program of the
/// project's, which is called in the same way.
#[test]
fn goose_is_a_tool_of_ones_own() {
    let Some(goose) = of_go("goose") else { return did_not_run("goose") };
    let manual = include_str!("../../docs/tools.md");
    let (_, script) = manual.split_once("```sh\n#!/bin/sh\n").unwrap();
    let (script, _) = script.split_once("```").unwrap();
    let (_, settings) = script.split_once("# ./migrate: ").unwrap();
    let (settings, _) = settings.split_once("\nset -e").unwrap();
    let settings = settings.replace("\n# ", " ").replace("], ", "]\n");
    let variables = "[migrations.variables]\nGOOSE_DRIVER = \"postgres\"\nGOOSE_DBSTRING = \"{url}\"\n";
    let project = project(
        &format!("[project]\nname = \"own\"\n[migrations]\ntool = \"command\"\n{settings}\n{variables}"),
        &[
            ("migrate", format!("#!/bin/sh\n{script}")),
            ("app-migrate", format!("#!/bin/sh\nexec {} -dir migrations \"$@\"\n", goose.display())),
            (
                "migrations/00001_users.sql",
                "-- +goose Up\nCREATE TABLE users (id bigint);\n-- +goose Down\nDROP TABLE users;\n".to_owned(),
            ),
            (
                "migrations/00002_email.sql",
                "-- +goose Up\nALTER TABLE users ADD COLUMN email text;\n-- +goose Down\nALTER TABLE users DROP COLUMN email;\n"
                    .to_owned(),
            ),
        ],
    );
    for name in ["migrate", "app-migrate"] {
        fs::set_permissions(project.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
    }
    compile(&project).exit(0);
    assert_eq!(revisions(&project), ["0", "1", "2"]);
    let database = support::database();
    project.trueup(["upgrade", "--yes", "--no-backup"], &database).exit(0);
    project.check(&database).exit(0);
    project.trueup(["downgrade", "--to", "1", "--yes", "--no-backup"], &database).exit(0);
    project.trueup(["upgrade", "--yes", "--no-backup"], &database).exit(0);
    project.check(&database).exit(0);
    take_over(&project, "command", &[]).exit(0).says("no down script: V1__begin: ").lacks("V2__users");
}
