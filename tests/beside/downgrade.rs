//! `downgrade` runs the tool's own command, between a backup and a check. psql stands for sqlx here, as in `upgrade`; Alembic,
//! Django and dbmate are the real ones.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{KEYS, USER_ID, USERS, database, project, tools, write};
use crate::adopt::tools::{address, dbmate, did_not_run, python};
use crate::beside::code;
use crate::support::program::Program;
use crate::support::project::Project;
use crate::support::{self, TestDatabase};

fn downgrade(project: &Project, database: &TestDatabase, to: &str) -> Program {
    let args = ["downgrade", "--to", to, "--yes"];
    project.trueup(args, database).env("TRUEUP_PG_BIN", &support::server().bin_dir)
}

fn settings(project: &Project, add: &str) {
    let path = project.path().join("trueup.toml");
    let before = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{before}{add}")).unwrap();
}

/// What psql does with its arguments.
fn psql(words: &str) -> String {
    let psql = support::server().bin_dir.join("psql");
    format!("{} -Xq -1 -v ON_ERROR_STOP=1 {words} \"$DATABASE_URL\"\n", psql.display())
}

const DROP_USER_ID: &str = "ALTER TABLE api_keys DROP COLUMN user_id";
const DROP_KEYS: &str = "DROP TABLE api_keys";

/// A project of sqlx with three migrations, all applied, whose tool is this shell script.
fn of_sqlx(script: &str) -> (Project, TestDatabase) {
    let project = Project::of_schema("");
    fs::remove_dir_all(project.path().join("schema")).unwrap();
    let files = [
        ("migrations/1_users.up.sql", USERS),
        ("migrations/1_users.down.sql", "DROP TABLE users;"),
        ("migrations/2_keys.up.sql", KEYS),
        ("migrations/2_keys.down.sql", DROP_KEYS),
        ("migrations/3_user_id.up.sql", USER_ID),
        ("migrations/3_user_id.down.sql", DROP_USER_ID),
        ("tool.sh", script),
    ];
    write(project.path(), &files.map(|(name, text)| (name, text.to_owned())));
    let text = "[project]\nname = \"beside\"\n[migrations]\ntool = \"sqlx\"\ntimeout = \"20s\"\n\
                revert_command = [\"sh\", \"tool.sh\", \"{to}\"]\n";
    fs::write(project.path().join("trueup.toml"), text).unwrap();
    project.trueup(["compile"], "").env("TRUEUP_PG_BIN", &support::server().bin_dir).exit(0);
    let sqlx = tools().into_iter().find(|tool| tool.name == "sqlx").unwrap();
    let database = database(&sqlx);
    database.exec(USER_ID);
    database.exec("UPDATE _sqlx_migrations SET success = true");
    database.exec("INSERT INTO users VALUES (1, 'a'); INSERT INTO api_keys VALUES (1, 1); ANALYZE");
    (project, database)
}

/// What sqlx does: the script and the row in one transaction.
fn reverts(number: usize, sql: &str) -> String {
    psql(&format!("-c \"{sql}\" -c 'DELETE FROM _sqlx_migrations WHERE version = {number}'"))
}

fn works() -> String {
    format!("echo \"to $1\"\n{}{}", reverts(3, DROP_USER_ID), reverts(2, DROP_KEYS))
}

#[test]
fn a_plan_a_backup_the_tool_and_a_check() {
    let (project, database) = of_sqlx(&works());
    let planned = ["1. sqlx 3 (user id)", "2. sqlx 2 (keys)", "lost: table public.api_keys (about 1 row)"];
    project
        .trueup(["downgrade", "--to", "1", "--dry-run"], &database)
        .exit(0)
        .stdout_contains(planned)
        .stdout_contains(["command: sh tool.sh 1", "backup first: full pg_dump"])
        .stdout_contains("dry run: 2 migrations would be reverted; nothing was changed");
    project
        .trueup(["downgrade", "--to", "2", "--dry-run"], &database)
        .exit(0)
        .stdout_contains("lost: column public.api_keys.user_id (about 1 row)");
    project.trueup(["downgrade", "--to", "1"], &database).exit(4).says("not confirmed").says(planned);
    assert_eq!(database.value("SELECT count(*)::text FROM _sqlx_migrations"), "3");
    downgrade(&project, &database, "1")
        .exit(0)
        .says("\nto 1\n")
        .stdout_contains(["backup: ", "reverted sqlx 3 (user id)", "reverted sqlx 2 (keys)"])
        .stdout_contains("done: 2 migrations reverted; the database is at sqlx 1");
    let runs = database.query("SELECT command, exit_code::text FROM trueup.runs");
    assert_eq!(runs, [[Some("downgrade".to_owned()), Some("0".to_owned())]]);
    downgrade(&project, &database, "1").exit(0).stdout_contains("nothing to do: the database is at sqlx 1");
    let status = project.trueup(["status"], &database).exit(1);
    status.stdout_contains(["sqlx 2 (keys)", "sqlx 3 (user id)"]);
}

#[test]
fn the_document_has_the_plan_and_what_was_done() {
    let (project, database) = of_sqlx(&works());
    let plan = project.trueup(["downgrade", "--to", "2", "--dry-run"], &database).document();
    let tool = &plan["tool"];
    assert_eq!(tool["commands"], serde_json::json!([["sh", "tool.sh", "2"]]), "{plan:#}");
    assert_eq!(tool["steps"], serde_json::json!(["sqlx 3 (user id)"]), "{plan:#}");
    assert_eq!(tool["lost"][0]["object"], "public.api_keys.user_id", "{plan:#}");
    let done = downgrade(&project, &database, "1").document();
    assert_eq!(
        done["tool"]["reverted"],
        serde_json::json!(["sqlx 3 (user id)", "sqlx 2 (keys)"]),
        "{done:#}"
    );
}

#[test]
fn a_wrong_target_is_told_before_anything_is_run() {
    let (project, database) = of_sqlx("touch ran");
    database.exec("DELETE FROM _sqlx_migrations WHERE version = 3");
    database.exec(DROP_USER_ID);
    downgrade(&project, &database, "7").exit(2).says("sqlx has no such migration").says("2, 1");
    downgrade(&project, &database, "V1").exit(2).says("sqlx has no such migration");
    downgrade(&project, &database, "3")
        .exit(2)
        .says("sqlx 3 (user id) is not applied")
        .says("trueup upgrade");
    downgrade(&project, &database, "0002").exit(0).stdout_contains("nothing to do");
    // One that the project does not have is above, and not below.
    database.exec("INSERT INTO _sqlx_migrations VALUES (9, 'late', now(), true, '', 1)");
    downgrade(&project, &database, "1").exit(4).says("sqlx 9 is applied, but not in this project");
    database.exec("UPDATE _sqlx_migrations SET success = false WHERE version = 9");
    downgrade(&project, &database, "1").exit(4).says("failed or was interrupted");
    assert!(!project.path().join("ran").exists());
    let own = Project::of_schema("CREATE TABLE t (id int);");
    own.trueup(["downgrade", "--to", "shop.0022"], &database).exit(2).says("a version is a number");
}

#[test]
fn migrations_that_nothing_reverts_are_refused() {
    let (project, database) = of_sqlx("touch ran");
    let text = fs::read_to_string(project.path().join("trueup.toml")).unwrap();
    let usual: Vec<&str> = text.lines().filter(|line| !line.starts_with("revert_command")).collect();
    fs::write(project.path().join("trueup.toml"), usual.join("\n")).unwrap();
    fs::remove_file(project.path().join("migrations/2_keys.down.sql")).unwrap();
    fs::write(project.path().join("migrations/3_user_id.down.sql"), "-- Nothing.\n").unwrap();
    downgrade(&project, &database, "1")
        .exit(4)
        .says("sqlx 3 (user id), sqlx 2 (keys) have no statements that revert it")
        .says("trueup backup list");
    assert!(!project.path().join("ran").exists());
}

#[test]
fn a_tool_that_does_something_else_is_told_with_the_state_of_the_database() {
    for (script, to, exit, words) in [
        (
            "echo 'no route' >&2; exit 3".to_owned(),
            "1",
            5,
            ["the schema and the history are as they were", "no route"],
        ),
        ("echo all good".to_owned(), "1", 5, ["reverted nothing here", "another database"]),
        (
            format!("{}echo broken; exit 1", reverts(3, DROP_USER_ID)),
            "1",
            6,
            ["reverted before that: sqlx 3 (user id); still applied: sqlx 2 (keys)", "trueup restore"],
        ),
        (reverts(3, DROP_USER_ID), "1", 6, ["did not do what was shown", "still applied: sqlx 2 (keys)"]),
        (works(), "2", 6, ["did not do what was shown", "beside that: sqlx 2 (keys)"]),
        (
            reverts(3, "SELECT"),
            "2",
            6,
            ["recorded as reverted, and the schema differs", "column public.api_keys.user_id is there"],
        ),
        (
            reverts(3, &format!("{DROP_USER_ID}; DROP TABLE users")),
            "2",
            6,
            ["1 migration is recorded", "table public.users is not there"],
        ),
    ] {
        let (project, database) = of_sqlx(&script);
        downgrade(&project, &database, to).case(&script).exit(exit).says(words);
        let code = database.value("SELECT exit_code::text FROM trueup.runs");
        assert_eq!(code, exit.to_string(), "{script}");
    }
}

/// What differed before is nobody's fault.
#[test]
fn what_differed_before_is_no_failure() {
    let (project, database) = of_sqlx(&works());
    database.exec("ALTER TABLE users ADD COLUMN by_hand int");
    downgrade(&project, &database, "1").exit(0).stdout_contains("1 more difference, not from pending");
}

#[test]
fn tools_that_cannot_revert_are_refused() {
    for (name, why) in [("prisma", "Prisma has no command"), ("flyway", "Community edition has no command")] {
        let tool = tools().into_iter().find(|tool| tool.name == name).unwrap();
        let (project, site) = (project(&tool), database(&tool));
        downgrade(&project, &site, "0").exit(4).says(why).says("trueup restore").says("trueup upgrade");
    }
    // Another edition of Flyway takes back one after the other.
    let flyway = tools().into_iter().find(|tool| tool.name == "flyway").unwrap();
    let (project, site) = (project(&flyway), database(&flyway));
    settings(&project, "revert_command = [\"sh\", \"undo\"]\n");
    project
        .trueup(["downgrade", "--to", "0", "--dry-run"], &site)
        .exit(0)
        .stdout_contains("command: sh undo (2 times)");
}

/// The argument list of each, as its manual has it.
#[test]
fn every_tool_is_called_by_its_own_command() {
    let bin = tempfile::tempdir().unwrap();
    for name in ["dbmate", "diesel", "migrate", "goose", "node-pg-migrate", "sql-migrate", "sqitch", "sqlx"] {
        let path = bin.path().join(name);
        fs::write(&path, "#!/bin/sh\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let path = format!("{}:{}", bin.path().display(), std::env::var("PATH").unwrap());
    for tool in tools() {
        let (first, one, all) = match tool.name {
            "dbmate" => ("20260101000000", "rollback", "rollback (2 times)"),
            "diesel" => ("20260101000000", "diesel migration revert", "(2 times)"),
            "golang-migrate" => ("1", "goto 1", "down -all"),
            "goose" => ("00001", "down-to 1", "down-to 0"),
            "node-pg-migrate" => ("1_users", "node-pg-migrate down 1", "node-pg-migrate down 2"),
            "sql-migrate" => ("1-users.sql", "sql-migrate down '-limit=1'", "sql-migrate down '-limit=2'"),
            "sqitch" => ("users", "--to users -y", "-y"),
            "sqlx" => ("1", "--target-version 1", "--target-version 0"),
            _ => continue,
        };
        let (project, database) = (project(&tool), database(&tool));
        if tool.name == "sqlx" {
            database.exec("DELETE FROM _sqlx_migrations WHERE NOT success");
        }
        if matches!(tool.name, "diesel" | "golang-migrate" | "sqitch" | "sqlx") {
            let down = |name: &str| (name.to_owned(), "DROP TABLE x;".to_owned());
            let names = match tool.name {
                "diesel" => vec![down("migrations/2026-01-02-000000_keys/down.sql")],
                "sqitch" => vec![down("revert/users.sql"), down("revert/keys.sql")],
                "sqlx" => vec![down("migrations/1_x.down.sql"), down("migrations/2_x.down.sql")],
                _ => vec![down("migrations/000001_x.down.sql"), down("migrations/000002_x.down.sql")],
            };
            for (name, text) in &names {
                write(project.path(), &[(name, text.clone())]);
            }
        }
        for (to, words) in [(first, one), ("0", all)] {
            let dry_run = project.trueup(["downgrade", "--to", to, "--dry-run"], &database);
            let dry_run = dry_run.env("PATH", &path).env("COLUMNS", "400").case(tool.name).exit(0);
            dry_run.stdout_contains("command: ").stdout_contains(words);
        }
    }
}

#[test]
fn dbmate_takes_back_one_after_the_other() {
    let Some(program) = dbmate() else { return did_not_run("dbmate") };
    let tool = tools().into_iter().find(|tool| tool.name == "dbmate").unwrap();
    let project = project(&tool);
    for (name, sql, down) in [
        ("20260101000000_users", USERS, "DROP TABLE users;"),
        ("20260102000000_api_keys", KEYS, "DROP TABLE api_keys;"),
        ("20260103000000_add-user_id", USER_ID, "ALTER TABLE api_keys DROP COLUMN user_id;"),
    ] {
        let text = format!("-- migrate:up\n{sql}\n\n-- migrate:down\n{down}\n");
        write(project.path(), &[(&format!("db/migrations/{name}.sql"), text)]);
    }
    let bin = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(&program, bin.path().join("dbmate")).unwrap();
    let database = support::database();
    let (user, place, socket) = address(&database);
    let url = format!("postgres://{user}@/{place}?host={socket}&sslmode=disable");
    let path = format!("{}:{}", bin.path().display(), std::env::var("PATH").unwrap());
    let run = |args: &[&str]| {
        let ran = project.trueup(args, url.as_str()).env("PATH", &path);
        ran.env("TRUEUP_PG_BIN", &support::server().bin_dir)
    };
    run(&["upgrade", "--yes"]).exit(0).stdout_contains("done: 3 migrations applied");
    run(&["downgrade", "--to", "20260101000000", "--yes"])
        .exit(0)
        .stdout_contains(["reverted dbmate 20260103000000", "reverted dbmate 20260102000000"])
        .stdout_contains("done: 2 migrations reverted; the database is at dbmate 20260101000000");
    run(&["upgrade", "--yes"]).exit(0).stdout_contains("done: 2 migrations applied");
    // The second one fails.
    let broken = "-- migrate:up\nCREATE TABLE api_keys (id bigint PRIMARY KEY);\n\n-- migrate:down\nDROP TABLE nothing;\n";
    write(project.path(), &[("db/migrations/20260102000000_api_keys.sql", broken.to_owned())]);
    run(&["downgrade", "--to", "0", "--yes"])
        .exit(6)
        .says("reverted before that: dbmate 20260103000000 (add user id)")
        .says("still applied: dbmate 20260102000000 (api keys)")
        .says("trueup restore");
}

/// A project of Alembic with branches and a merge: a, then b1 and b2, then c.
fn branches(python: &Path) -> Project {
    let revisions = [
        ("aaaa", "None", "CREATE TABLE users (id bigint PRIMARY KEY)", "DROP TABLE users"),
        ("bbb1", "'aaaa'", "ALTER TABLE users ADD COLUMN one text", "ALTER TABLE users DROP COLUMN one"),
        ("bbb2", "'aaaa'", "ALTER TABLE users ADD COLUMN two text", "ALTER TABLE users DROP COLUMN two"),
        ("cccc", "('bbb1', 'bbb2')", "CREATE TABLE keys (id int)", "DROP TABLE keys"),
    ];
    let written = revisions.map(|(id, parents, up, down)| {
        let (name, text) = code::alembic_revision(id, parents, up, false);
        (name, format!("{text}def downgrade():\n    op.execute(\"{down}\")\n"))
    });
    let project = code::alembic(python, &written);
    code::compile(&project).exit(0);
    project
}

/// What was reverted, sorted.
fn reverted(project: &Project, database: &TestDatabase, to: &str) -> String {
    let done = downgrade(project, database, to).document();
    let reverted = done["tool"]["reverted"].as_array().unwrap_or_else(|| panic!("{done:#}")).iter();
    let mut ids: Vec<&str> = reverted.map(|one| one.as_str().unwrap().split(' ').nth(1).unwrap()).collect();
    ids.sort_unstable();
    ids.join(" ")
}

#[test]
fn alembic_goes_back_over_branches_and_merges() {
    let Some(python) = python() else { return did_not_run("Alembic") };
    let (project, database) = (branches(&python), support::database());
    let upgrade = || project.trueup(["upgrade", "--yes", "--no-backup"], &database).exit(0);
    upgrade();
    // The branch that is not named stays.
    assert_eq!(reverted(&project, &database, "bbb1"), "cccc");
    assert_eq!(
        database.value("SELECT string_agg(version_num, ' ' ORDER BY version_num) FROM alembic_version"),
        "bbb1 bbb2"
    );
    downgrade(&project, &database, "bbb2").exit(0).stdout_contains("nothing to do");
    // Two heads are applied.
    assert_eq!(reverted(&project, &database, "aaa"), "bbb1 bbb2");
    downgrade(&project, &database, "bbb1").exit(2).says("Alembic bbb1 (revision bbb1) is not applied");
    downgrade(&project, &database, "bbb").exit(2).says(["that can be", "bbb1", "bbb2"]);
    upgrade();
    assert_eq!(reverted(&project, &database, "0"), "aaaa bbb1 bbb2 cccc");
    downgrade(&project, &database, "base").exit(0).stdout_contains("nothing to do: no migration is applied");
    // A revision that only rests on another one does not come after it.
    let (name, text) = code::alembic_revision("eeee", "None", "CREATE TABLE extra (id int)", false);
    let text = format!("{text}depends_on = 'bbb1'\ndef downgrade():\n    op.execute('DROP TABLE extra')\n");
    write(project.path(), &[(&name, text)]);
    code::compile(&project).exit(0);
    let heads = "[migrations]\ncommand = [\"sh\", \"-c\", \"$PYTHON -m alembic upgrade heads\"]\n";
    let settings = project.path().join("trueup.toml");
    let before = fs::read_to_string(&settings).unwrap();
    let python = python.display().to_string();
    fs::write(&settings, before.replace("[migrations]\n", &heads.replace("$PYTHON", &python))).unwrap();
    upgrade();
    assert_eq!(reverted(&project, &database, "bbb1"), "cccc");
    assert_eq!(reverted(&project, &database, "aaaa"), "bbb1 bbb2 eeee");
    fs::remove_file(project.path().join(&name)).unwrap();
    fs::write(&settings, before).unwrap();
    code::compile(&project).exit(0);
    upgrade();
    // A head that the project does not have.
    database.exec("UPDATE alembic_version SET version_num = 'dddd'");
    downgrade(&project, &database, "aaaa").exit(2).says("is not applied");
    downgrade(&project, &database, "0").exit(0).stdout_contains("nothing to do");
}

#[test]
fn a_revision_without_a_downgrade_is_told() {
    let Some(python) = python() else { return did_not_run("Alembic") };
    let database = support::database();
    let project = branches(&python);
    let path = project.path().join("alembic/versions/bbb1.py");
    let text = fs::read_to_string(&path).unwrap();
    let (up, _) = text.split_once("def downgrade").unwrap();
    fs::write(&path, format!("{up}def downgrade():\n    raise NotImplementedError('one way')\n")).unwrap();
    code::compile(&project).exit(0);
    project.trueup(["upgrade", "--yes", "--no-backup"], &database).exit(0);
    downgrade(&project, &database, "aaaa")
        .exit_in(&[5, 6])
        .says("NotImplementedError: one way")
        .says("write a new one that does, or restore a backup");
    fs::write(&path, format!("{up}def downgrade():\n    pass\n")).unwrap();
    code::compile(&project).exit(0);
    downgrade(&project, &database, "aaaa").exit(6).says("column public.users.one is there");
}

#[test]
fn django_goes_back_app_by_app() {
    let Some(python) = python() else { return did_not_run("Django") };
    let settings = format!(
        "[project]\nname = \"code\"\n[migrations]\ntool = \"django\"\nprogram = [{python:?}, \"manage.py\"]\n\
         [migrations.variables]\nDB_HOST = \"{{host}}\"\nDB_USER = \"{{user}}\"\nDB_NAME = \"{{database}}\"\n"
    );
    let migration = |before: &str, sql: &str, reverse: &str| {
        format!(
            "from django.db import migrations\nclass Migration(migrations.Migration):\n    dependencies = [{before}]\n    \
             operations = [migrations.RunSQL(\"{sql}\"{reverse})]\n"
        )
    };
    let first = migration(
        "('auth', '0001_initial')",
        "CREATE TABLE shops (id int)",
        ", reverse_sql='DROP TABLE shops'",
    );
    let second = migration(
        "('shop', '0001_shops')",
        "ALTER TABLE shops ADD COLUMN name text",
        ", reverse_sql='ALTER TABLE shops DROP COLUMN name'",
    );
    let third = migration("('shop', '0002_name')", "CREATE TABLE extra (id int)", "");
    let files = [
        ("manage.py", code::MANAGE.to_owned()),
        ("settings.py", code::DJANGO.to_owned()),
        ("shop/__init__.py", String::new()),
        ("shop/migrations/__init__.py", String::new()),
        ("shop/migrations/0001_shops.py", first),
        ("shop/migrations/0002_name.py", second),
        ("shop/migrations/0003_extra.py", third),
    ];
    let (project, database) = (code::project(&settings, &files), support::database());
    code::compile(&project).exit(0);
    let upgrade = || project.trueup(["upgrade", "--yes", "--no-backup"], &database).exit(0);
    upgrade();
    downgrade(&project, &database, "shop.0001_shops")
        .exit_in(&[5, 6])
        .says("IrreversibleError")
        .says("restore a backup");
    fs::remove_file(project.path().join("shop/migrations/0003_extra.py")).unwrap();
    database.exec("DELETE FROM django_migrations WHERE name = '0003_extra'; DROP TABLE extra");
    code::compile(&project).exit(0);
    project
        .trueup(["downgrade", "--to", "shop.0001", "--dry-run"], &database)
        .env("COLUMNS", "300")
        .exit(0)
        .stdout_contains(["1. Django shop.0002_name", "migrate shop 0001_shops --no-input"])
        .stdout_contains("lost: column public.shops.name");
    assert_eq!(reverted(&project, &database, "shop.0001"), "shop.0002_name");
    assert_eq!(reverted(&project, &database, "shop.zero"), "shop.0001_shops");
    upgrade();
    // What rests on another app goes with it; what the app itself rests on stays.
    let with_auth = reverted(&project, &database, "auth.zero");
    assert!(with_auth.contains("shop.0001_shops") && with_auth.contains("auth.0001_initial"), "{with_auth}");
    assert!(!with_auth.contains("contenttypes."), "{with_auth}");
    upgrade();
    downgrade(&project, &database, "0").exit(0).stdout_contains("no migration is applied");
    downgrade(&project, &database, "nothing.zero").exit(2).says("django has no such migration");
    upgrade();
}
