//! A project whose migrations another tool keeps and applies: trueup reads them and the tool's own history, and writes to
//! neither.

mod code;
mod downgrade;
mod downs;
mod flyway;
mod kept;
mod liquibase;
mod own;
mod placeholders;
mod rails;
mod real;
mod upgrade;

use std::fs;
use std::path::Path;

use crate::support::project::Project;
use crate::support::{self, TestDatabase};

const USERS: &str = "CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL);";
const KEYS: &str = "CREATE TABLE api_keys (id bigint PRIMARY KEY);";
const USER_ID: &str = "ALTER TABLE api_keys ADD COLUMN user_id bigint REFERENCES users;";

/// A tool with its files, and its history after the first two migrations, as the tool creates it.
struct Tool {
    name: &'static str,
    files: Vec<(&'static str, String)>,
    history: &'static str,
    /// What it calls the second and the third.
    at: &'static str,
    pending: &'static str,
    apply: &'static str,
}

fn tools() -> Vec<Tool> {
    let sections = |up: &str, sql: &str, down: &str| format!("{up}\n{sql}\n\n{down}\nSELECT 1;\n");
    let dbmate = |sql: &str| sections("-- migrate:up", sql, "-- migrate:down");
    let goose = |sql: &str| sections("-- +goose Up", sql, "-- +goose Down");
    let sql_migrate = |sql: &str| sections("-- +migrate Up", sql, "-- +migrate Down");
    let node = |sql: &str| sections("-- Up Migration", sql, "-- Down Migration");
    vec![
        Tool {
            name: "dbmate",
            files: vec![
                ("db/migrations/20260101000000_users.sql", dbmate(USERS)),
                ("db/migrations/20260102000000_api_keys.sql", dbmate(KEYS)),
                ("db/migrations/20260103000000_add-user_id.sql", dbmate(USER_ID)),
            ],
            history: "CREATE TABLE schema_migrations (version varchar(128) PRIMARY KEY);
                INSERT INTO schema_migrations VALUES ('20260101000000'), ('20260102000000')",
            at: "dbmate 20260102000000",
            pending: "dbmate 20260103000000 (add user id)",
            apply: "dbmate up",
        },
        Tool {
            name: "diesel",
            files: vec![
                ("migrations/2026-01-01-000000_users/up.sql", USERS.to_owned()),
                ("migrations/2026-01-01-000000_users/down.sql", "DROP TABLE users;".to_owned()),
                ("migrations/2026-01-02-000000_keys/up.sql", KEYS.to_owned()),
                ("migrations/2026-01-03-000000_user_id/up.sql", USER_ID.to_owned()),
            ],
            history: "CREATE TABLE __diesel_schema_migrations (version varchar(50) PRIMARY KEY NOT NULL, run_on timestamp NOT \
                NULL DEFAULT CURRENT_TIMESTAMP);
                INSERT INTO __diesel_schema_migrations (version) VALUES ('20260101000000'), ('20260102000000')",
            at: "diesel 20260102000000",
            pending: "diesel 20260103000000 (user id)",
            apply: "diesel migration run",
        },
        Tool {
            name: "flyway",
            files: vec![
                ("sql/V1__users.sql", USERS.to_owned()),
                ("sql/keys/V1.1__keys.sql", KEYS.to_owned()),
                ("sql/V2__user_id.sql", USER_ID.to_owned()),
                ("sql/U2__user_id.sql", "ALTER TABLE api_keys DROP COLUMN user_id;".to_owned()),
            ],
            history: "CREATE TABLE flyway_schema_history (installed_rank integer PRIMARY KEY, version varchar(50), description \
                varchar(200) NOT NULL, type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum integer, installed_by \
                varchar(100) NOT NULL, installed_on timestamp NOT NULL DEFAULT now(), execution_time integer NOT NULL, success \
                boolean NOT NULL);
                INSERT INTO flyway_schema_history VALUES (1, '1', 'users', 'SQL', 'V1__users.sql', 1, 'a', now(), 1, true),
                (2, '1.1', 'keys', 'SQL', 'x', 1, 'a', now(), 1, true), (3, '2', 'user id', 'SQL', 'x', 1, 'a', now(), 1, true),
                (4, '2', 'user id', 'UNDO_SQL', 'x', 1, 'a', now(), 1, true)",
            at: "Flyway 1.1",
            pending: "Flyway 2 (user id)",
            apply: "flyway migrate",
        },
        Tool {
            name: "golang-migrate",
            files: vec![
                ("migrations/000001_users.up.sql", USERS.to_owned()),
                ("migrations/000002_keys.up.sql", KEYS.to_owned()),
                ("migrations/000003_user_id.up.sql", USER_ID.to_owned()),
                ("migrations/000003_user_id.down.sql", "ALTER TABLE api_keys DROP COLUMN user_id;".to_owned()),
            ],
            history: "CREATE TABLE schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL);
                INSERT INTO schema_migrations VALUES (2, false)",
            at: "golang-migrate 2",
            pending: "golang-migrate 3 (user id)",
            apply: "migrate up",
        },
        Tool {
            name: "goose",
            files: vec![
                ("migrations/00001_users.sql", goose(USERS)),
                ("migrations/00002_keys.sql", goose(KEYS)),
                ("migrations/00003_user_id.sql", goose(USER_ID)),
            ],
            history: "CREATE TABLE goose_db_version (id integer PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, version_id bigint NOT \
                NULL, is_applied boolean NOT NULL, tstamp timestamp NOT NULL DEFAULT now());
                INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (1, true), (2, true), (3, true), \
                (3, false)",
            at: "goose 2",
            pending: "goose 3 (user id)",
            apply: "goose up",
        },
        Tool {
            name: "node-pg-migrate",
            files: vec![
                ("migrations/1_users.sql", node(USERS)),
                ("migrations/2_keys.sql", node(KEYS)),
                ("migrations/3_user-id.sql", node(USER_ID)),
            ],
            history: "CREATE TABLE pgmigrations (id serial PRIMARY KEY, name varchar(255) NOT NULL, run_on timestamp NOT NULL);
                INSERT INTO pgmigrations (name, run_on) VALUES ('1_users', now()), ('2_keys', now())",
            at: "node-pg-migrate 2_keys",
            pending: "node-pg-migrate 3_user-id (user id)",
            apply: "node-pg-migrate up",
        },
        Tool {
            name: "prisma",
            files: vec![
                ("prisma/migrations/20260101_users/migration.sql", USERS.to_owned()),
                ("prisma/migrations/20260102_keys/migration.sql", KEYS.to_owned()),
                ("prisma/migrations/20260103_user_id/migration.sql", USER_ID.to_owned()),
            ],
            history: "CREATE TABLE _prisma_migrations (id varchar(36) PRIMARY KEY NOT NULL, checksum varchar(64) NOT NULL, \
                finished_at timestamptz, migration_name varchar(255) NOT NULL, logs text, rolled_back_at timestamptz, \
                started_at timestamptz NOT NULL DEFAULT now(), applied_steps_count integer NOT NULL DEFAULT 0);
                INSERT INTO _prisma_migrations VALUES ('a', '', now(), '20260101_users', '', NULL),
                ('b', '', now(), '20260102_keys', '', NULL), ('c', '', NULL, '20260103_user_id', '', now())",
            at: "Prisma 20260102_keys",
            pending: "Prisma 20260103_user_id",
            apply: "prisma migrate deploy",
        },
        Tool {
            name: "sql-migrate",
            files: vec![
                ("migrations/1-users.sql", sql_migrate(USERS)),
                ("migrations/2-keys.sql", sql_migrate(KEYS)),
                ("migrations/3-user_id.sql", sql_migrate(USER_ID)),
            ],
            history: "CREATE TABLE gorp_migrations (id text NOT NULL PRIMARY KEY, applied_at timestamptz);
                INSERT INTO gorp_migrations VALUES ('1-users.sql', now()), ('2-keys.sql', now())",
            at: "sql-migrate 2-keys.sql",
            pending: "sql-migrate 3-user_id.sql (user id)",
            apply: "sql-migrate up",
        },
        Tool {
            name: "sqitch",
            files: vec![
                ("sqitch.plan", "%project=a\n\nusers 2026-01-01T00:00:00Z A <a@b>\nkeys [users] 2026-01-02T00:00:00Z A <a@b>\nuser_id 2026-01-03T00:00:00Z A <a@b>\n".to_owned()),
                ("deploy/users.sql", format!("BEGIN;\n{USERS}\nCOMMIT;\n")),
                ("deploy/keys.sql", format!("BEGIN;\n{KEYS}\nCOMMIT;\n")),
                ("deploy/user_id.sql", format!("BEGIN;\n{USER_ID}\nCOMMIT;\n")),
            ],
            history: "CREATE SCHEMA sqitch;
                CREATE TABLE sqitch.changes (change_id text PRIMARY KEY, change text NOT NULL, committed_at timestamptz NOT NULL \
                DEFAULT now());
                INSERT INTO sqitch.changes VALUES ('a', 'users'), ('b', 'keys')",
            at: "sqitch keys",
            pending: "sqitch user_id",
            apply: "sqitch deploy",
        },
        Tool {
            name: "sqlx",
            files: vec![
                ("migrations/1_users.sql", USERS.to_owned()),
                ("migrations/2_keys.up.sql", KEYS.to_owned()),
                ("migrations/2_keys.down.sql", "DROP TABLE api_keys;".to_owned()),
                ("migrations/3_user_id.sql", USER_ID.to_owned()),
            ],
            history: "CREATE TABLE _sqlx_migrations (version bigint PRIMARY KEY, description text NOT NULL, installed_on timestamptz \
                NOT NULL DEFAULT now(), success boolean NOT NULL, checksum bytea NOT NULL, execution_time bigint NOT NULL);
                INSERT INTO _sqlx_migrations VALUES (1, 'users', now(), true, '', 1), (2, 'keys', now(), true, '', 1),
                (3, 'user id', now(), false, '', 1)",
            at: "sqlx 2",
            pending: "sqlx 3 (user id)",
            apply: "sqlx migrate run",
        },
    ]
}

fn write(project: &Path, files: &[(&str, String)]) {
    for (name, text) in files {
        let path = project.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn project(tool: &Tool) -> Project {
    let project = Project::of_schema("");
    fs::remove_dir_all(project.path().join("schema")).unwrap();
    write(project.path(), &tool.files);
    let settings = format!("[project]\nname = \"beside\"\n[migrations]\ntool = \"{}\"\n", tool.name);
    fs::write(project.path().join("trueup.toml"), settings).unwrap();
    project.trueup(["compile"], "").env("TRUEUP_PG_BIN", &support::server().bin_dir).exit(0);
    project
}

/// The database as the tool leaves it after two migrations.
fn database(tool: &Tool) -> TestDatabase {
    let database = support::database();
    for sql in [USERS, KEYS, tool.history] {
        database.exec(sql);
    }
    database
}

#[test]
fn pending_migrations_are_told_as_the_tool_calls_them() {
    for tool in tools() {
        let (project, database) = (project(&tool), database(&tool));
        let check = project.check(&database).env("COLUMNS", "200").exit(1);
        check
            .stdout_contains(format!("at {}, 2 migrations applied, pending: {}", tool.at, tool.pending))
            .stdout_contains(format!("pending: {} adds it", tool.pending))
            .stdout_contains(tool.apply);
        let status = project.trueup(["status"], &database).exit(1);
        status.stdout_contains(tool.at).stdout_contains(tool.pending);
        database.exec(USER_ID);
        let done = project.check(&database).document();
        assert_eq!(done["history"]["applied"], 2, "{}: {done:#}", tool.name);
        assert_eq!(done["findings"][0]["remedy"]["run"], serde_json::Value::Null, "{done:#}");
    }
}

#[test]
fn the_tools_history_is_never_written_to() {
    for tool in tools() {
        let (project, database) = (project(&tool), database(&tool));
        for args in [&["adopt", "--yes"][..], &["resolve", "1", "--as", "applied", "--reason", "x", "--yes"]]
        {
            project.trueup(args, &database).exit(4).says(format!("are {}'s", tool.name)).says(tool.apply);
        }
        let made = "SELECT count(*)::text FROM pg_class WHERE relname LIKE 'refinery%' \
                    OR relnamespace = to_regnamespace('trueup')";
        assert_eq!(database.query(made), [[Some("0".to_owned())]], "{}", tool.name);
    }
}

#[test]
fn what_was_done_by_hand_is_told_from_what_is_pending() {
    for tool in tools() {
        let (project, database) = (project(&tool), database(&tool));
        database.exec("ALTER TABLE users ALTER COLUMN email DROP NOT NULL");
        let found = project.check(&database).document();
        let kinds: Vec<&str> = found["findings"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|finding| finding["cause"]["kind"].as_str())
            .collect();
        assert!(kinds.contains(&"drift") && kinds.contains(&"pending"), "{}: {found:#}", tool.name);
    }
}

/// What the project lacks of each is pending, in the tool's order, whatever newer one is applied.
#[test]
fn what_came_late_is_pending() {
    let mut tools = tools();
    let dbmate = &tools[0];
    let (late, site) = (project(dbmate), database(dbmate));
    site.exec("UPDATE schema_migrations SET version = '20260103000000' WHERE version = '20260102000000'");
    site.exec(
        "DROP TABLE api_keys; CREATE TABLE api_keys (id bigint PRIMARY KEY, user_id bigint REFERENCES users)",
    );
    let status = late.trueup(["status"], &site).exit(1);
    let status = status.stdout_contains("dbmate 20260102000000 (api keys)");
    assert!(!status.stdout().contains("out-of-order"), "{}", status.stdout());
    assert_eq!(late.check(&site).document()["history"]["pending"][0]["version"], "20260102000000");

    let flyway = tools.iter_mut().find(|tool| tool.name == "flyway").unwrap();
    let views = "CREATE OR REPLACE VIEW all_users AS SELECT id FROM users;";
    flyway.files.push(("sql/R__all users.sql", views.to_owned()));
    let (project, database) = (project(flyway), database(flyway));
    let pending = || -> Vec<String> {
        let found = project.check(&database).document();
        let named = found["history"]["pending"].as_array().unwrap().iter();
        named.map(|one| one["name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(pending(), ["user_id", "all_users"]);
    database.exec(views);
    database.exec(
        "INSERT INTO flyway_schema_history VALUES (5, NULL, 'all users', 'SQL', 'x', 1, 'a', now(), 1, true)",
    );
    assert_eq!(pending(), ["user_id"]);
    project.trueup(["status"], &database).exit(1).says("Flyway 2 (user id)");
    // A database that was there before Flyway, and a schema that Flyway created.
    database.exec(
        "DELETE FROM flyway_schema_history WHERE version IS NOT NULL;
         INSERT INTO flyway_schema_history VALUES (0, NULL, '<< Flyway Schema Creation >>', 'SCHEMA', 's', 1, 'a', now(), 1, true),
         (1, '1.5', '<< Flyway Baseline >>', 'BASELINE', 'b', 1, 'a', now(), 1, true)",
    );
    assert_eq!(pending(), ["user_id"]);
    let found = project.check(&database).document();
    let codes: Vec<&serde_json::Value> =
        found["findings"].as_array().unwrap().iter().map(|finding| &finding["code"]).collect();
    assert!(codes.iter().all(|code| *code != "history.ahead"), "{codes:?}");
}

/// Where `schema/` declares the model, what it and the tool's files do not share is told in the tool's words.
#[test]
fn no_migration_of_trueups_own_is_proposed() {
    let tool = &tools()[4];
    let (project, database) = (project(tool), database(tool));
    fs::create_dir(project.path().join("schema")).unwrap();
    let declared = format!(
        "{USERS} {} CREATE TABLE teams (id int);",
        KEYS.replace("PRIMARY KEY", "PRIMARY KEY, note text")
    );
    fs::write(project.path().join("schema/all.sql"), declared.replace(", email text NOT NULL", "")).unwrap();
    project.trueup(["compile"], "").env("TRUEUP_PG_BIN", &support::server().bin_dir).exit(0);
    project
        .check(&database)
        .env("COLUMNS", "300")
        .exit(1)
        .stdout_contains("write a migration of goose that does it")
        .stdout_contains("or write a migration of goose that takes it away")
        .lacks(["V<version>"]);
}

/// golang-migrate has one row: while a migration is interrupted, it is that one's.
#[test]
fn an_interrupted_migration_does_not_hide_those_before_it() {
    let golang = tools().into_iter().find(|tool| tool.name == "golang-migrate").unwrap();
    let (project, database) = (project(&golang), database(&golang));
    database.exec("UPDATE schema_migrations SET version = 3, dirty = true");
    let check = project.check(&database).document();
    let failed =
        &check["findings"].as_array().unwrap().iter().find(|finding| finding["code"] == "history.failed");
    assert!(failed.is_some(), "{check:#}");
    assert_eq!(
        (&check["history"]["applied"], &check["history"]["pending"][0]["version"]),
        (&2.into(), &"3".into())
    );
    let next = "undo what it left, then: migrate force VERSION";
    for command in ["check", "status"] {
        project.trueup([command], &database).exit(1).says("golang-migrate 2").says(next);
    }
    project.trueup(["upgrade", "--yes"], &database).exit(4).says("failed or was interrupted").says(next);
}

#[test]
fn files_that_the_tool_would_not_take_are_told() {
    let tool = &tools()[4];
    let project = project(tool);
    write(project.path(), &[("migrations/00004_code.go", "package x".to_owned())]);
    project.trueup(["compile"], "").exit(2).says([
        "00004_code.go",
        "is code",
        "[migrations] tool = \"command\"",
    ]);
    fs::remove_file(project.path().join("migrations/00004_code.go")).unwrap();
    write(project.path(), &[("migrations/00004_bare.sql", "SELECT 1;".to_owned())]);
    project.trueup(["compile"], "").exit(2).says("there is no marker of goose");
    let settings = "[migrations]\ntool = \"gose\"\n";
    fs::write(project.path().join("trueup.toml"), settings).unwrap();
    project.trueup(["compile"], "").exit(2).says("trueup.toml:2").says("goose");
}
