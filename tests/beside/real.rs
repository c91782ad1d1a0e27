//! Real tools with 50 revisions: after every one, what the lock says that it does is what the tool has built, and the tool's
//! history says how far it is.

use std::fs;
use std::path::Path;
use std::str::FromStr as _;

use sqlx_core::connection::ConnectOptions as _;
use sqlx_core::migrate::Migrator;
use sqlx_postgres::PgConnectOptions;

use crate::adopt::tools::{address, dbmate, did_not_run, of_go, tool};
use crate::support;
use crate::support::project::{Address, Project};

pub(super) const REVISIONS: usize = 50;

/// What a revision does, and whether it needs to be outside of a transaction.
pub(super) fn revision(number: usize) -> (String, bool) {
    let of = number / 10;
    match number % 10 {
        1 => (format!("CREATE TABLE t{of} (id bigserial PRIMARY KEY, name varchar(20));"), false),
        2 => (
            format!(
                "CREATE TYPE mood{of} AS ENUM ('sad', 'ok'); ALTER TABLE t{of} ADD COLUMN mood mood{of};"
            ),
            false,
        ),
        3 => (format!("CREATE INDEX CONCURRENTLY t{of}_name ON t{of} (lower(name));"), true),
        4 => {
            (format!("ALTER TABLE t{of} ALTER COLUMN name TYPE text, ALTER COLUMN name SET NOT NULL;"), false)
        }
        5 => (format!("CREATE VIEW v{of} AS SELECT id, name FROM t{of} WHERE mood IS NOT NULL;"), false),
        6 => (
            format!(
                "CREATE FUNCTION f{of}() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN NEW.id := NEW.id; RETURN NEW; END$$;\n\
                 CREATE TRIGGER g{of} BEFORE INSERT ON t{of} FOR EACH ROW EXECUTE FUNCTION f{of}();"
            ),
            false,
        ),
        7 => (
            format!(
                "CREATE TABLE u{of} (t bigint REFERENCES t{of}, n int CHECK (n > 0)) PARTITION BY RANGE (n);"
            ),
            false,
        ),
        8 => (format!("CREATE TABLE u{of}_1 PARTITION OF u{of} FOR VALUES FROM (0) TO (10);"), false),
        9 => (format!("DROP VIEW v{of}; ALTER TABLE t{of} RENAME COLUMN name TO title;"), false),
        _ if of == 0 => ("CREATE SCHEMA extra;".to_owned(), false),
        _ => (format!("INSERT INTO t{0} (title) VALUES ('a'); DROP TABLE u{0};", of - 1), false),
    }
}

/// A project beside a tool, compiled.
fn project(settings: &str, write: impl Fn(&Path, usize)) -> Project {
    let project = Project::of_schema("");
    fs::remove_dir_all(project.path().join("schema")).unwrap();
    for number in 0..REVISIONS {
        write(project.path(), number);
    }
    fs::write(project.path().join("trueup.toml"), settings).unwrap();
    project.trueup(["compile"], "").env("TRUEUP_PG_BIN", &support::server().bin_dir).exit(0);
    project
}

/// After so many revisions nothing differs but what is pending.
pub(super) fn is_at(project: &Project, database: &impl Address, applied: usize) {
    let found = project.check(database).document();
    let context = || format!("after {applied}: {found:#}");
    assert_eq!(found["history"]["applied"], applied, "{}", context());
    assert_eq!(found["history"]["pending"].as_array().unwrap().len(), REVISIONS - applied, "{}", context());
    for finding in found["findings"].as_array().unwrap() {
        assert_eq!(finding["cause"]["kind"], "pending", "{}", context());
    }
}

#[test]
fn dbmate_builds_what_the_lock_says() {
    let Some(program) = dbmate() else { return did_not_run("dbmate") };
    let name = |number: usize| format!("db/migrations/20260101{number:06}_r{number}.sql");
    let write = |project: &Path, number: usize| {
        let (sql, alone) = revision(number);
        let options = if alone { " transaction:false" } else { "" };
        let path = project.join(name(number));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, format!("-- migrate:up{options}\n{sql}\n\n-- migrate:down\n")).unwrap();
    };
    let project = project("[project]\nname = \"real\"\n[migrations]\ntool = \"dbmate\"\n", write);
    let (database, home) = (support::database(), tempfile::tempdir().unwrap());
    let (user, place, socket) = address(&database);
    let url = format!("postgres://{user}@/{place}?socket={socket}&sslmode=disable");
    for number in 0..REVISIONS {
        write(home.path(), number);
        tool(&program, home.path()).args(["--url", &url, "--no-dump-schema", "migrate"]).exit(0);
        is_at(&project, &database, number + 1);
    }
}

#[test]
fn goose_builds_what_the_lock_says() {
    let Some(program) = of_go("goose") else { return did_not_run("goose") };
    let write = |directory: &Path, number: usize| {
        let (sql, alone) = revision(number);
        let outside = if alone { "-- +goose NO TRANSACTION\n" } else { "" };
        // What has semicolons in it.
        let sql = match sql.contains("$$") {
            true => format!("-- +goose StatementBegin\n{sql}\n-- +goose StatementEnd"),
            false => sql,
        };
        fs::create_dir_all(directory).unwrap();
        let text = format!("{outside}-- +goose Up\n{sql}\n\n-- +goose Down\n");
        fs::write(directory.join(format!("{:05}_r{number}.sql", number + 1)), text).unwrap();
    };
    let settings = "[project]\nname = \"real\"\n[migrations]\ntool = \"goose\"\n";
    let project = project(settings, |project, number| write(&project.join("migrations"), number));
    let (database, home) = (support::database(), tempfile::tempdir().unwrap());
    let (user, place, socket) = address(&database);
    for number in 0..REVISIONS {
        write(home.path(), number);
        let target = format!("host={socket} user={user} dbname={place}");
        tool(&program, home.path()).args(["-dir", ".", "postgres", &target, "up"]).exit(0);
        is_at(&project, &database, number + 1);
    }
}

#[test]
fn golang_migrate_builds_what_the_lock_says() {
    let Some(program) = of_go("migrate") else { return did_not_run("golang-migrate") };
    let write = |directory: &Path, number: usize| {
        let name = format!("{:06}_r{number}.up.sql", number + 1);
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join(name), revision(number).0).unwrap();
    };
    let settings = "[project]\nname = \"real\"\n[migrations]\ntool = \"golang-migrate\"\n";
    let project = project(settings, |project, number| write(&project.join("migrations"), number));
    let (database, home) = (support::database(), tempfile::tempdir().unwrap());
    let (user, place, socket) = address(&database);
    let url = format!("postgres://{user}@/{place}?host={socket}&sslmode=disable");
    for number in 0..REVISIONS {
        write(home.path(), number);
        tool(&program, home.path()).args(["-path", ".", "-database", &url, "up"]).exit(0);
        is_at(&project, &database, number + 1);
    }
}

#[test]
fn sqlx_builds_what_the_lock_says() {
    let write = |directory: &Path, number: usize| {
        let (sql, alone) = revision(number);
        let outside = if alone { "-- no-transaction\n" } else { "" };
        fs::create_dir_all(directory).unwrap();
        fs::write(directory.join(format!("{:04}_r{number}.sql", number + 1)), format!("{outside}{sql}\n"))
            .unwrap();
    };
    let settings = "[project]\nname = \"real\"\n[migrations]\ntool = \"sqlx\"\n";
    let project = project(settings, |project, number| write(&project.join("migrations"), number));
    let (database, home) = (support::database(), tempfile::tempdir().unwrap());
    for number in 0..REVISIONS {
        write(home.path(), number);
        support::runtime().block_on(async {
            let mut connection = PgConnectOptions::from_str(database.url()).unwrap().connect().await.unwrap();
            Migrator::new(home.path()).await.unwrap().run(&mut connection).await.unwrap();
        });
        is_at(&project, &database, number + 1);
    }
}
