//! `trueup ready`: what is ready, what is not, and what cannot be told.

mod page;
mod touch;
mod waiting;

use std::fs;

use serde_json::Value;

use crate::support::program::Program;
use crate::support::project::{Address, Project};
use crate::support::{self, TestDatabase};

/// Schema `trueup` as trueup makes it.
const OWN: &str = include_str!("../../src/writer/schema.sql");

/// A run that has not ended.
const RUN: &str = "INSERT INTO trueup.runs (id, command, arguments, version, os_user, os_host, system_identifier, \
     timeline, started_at) VALUES ('01JRUN', 'upgrade', '--yes', '0.1.0', 'alice', 'bastion', '1', '1', '2025-03-01T12:03:11Z')";

/// The compiled reference project, whose V8 is a contract migration, and a database in which all of it is applied.
fn site() -> (Project, TestDatabase) {
    let project = Project::reference();
    project.compile();
    let database = support::database();
    project.build(&database);
    (project, database)
}

fn ready(project: &Project, at: &(impl Address + ?Sized), more: &[&str]) -> Program {
    project.without_postgres(["ready"], at).args(more)
}

fn versions(document: &Value, key: &str) -> Vec<String> {
    let named = document[key].as_array().unwrap().iter();
    named.map(|one| one["version"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_applied_is_ready_and_contract_migrations_are_not_needed() {
    let (project, database) = site();
    ready(&project, &database, &[])
        .exit(0)
        .says("READY: all 7 migrations that trueup.lock needs are applied");
    database.exec("DELETE FROM refinery_schema_history WHERE version = 8");
    let ran = ready(&project, &database, &[]).exit(0);
    ran.says(["READY: all 7", "not applied, and not needed: V8__api_keys_user_id_required (contract)"]);
    let document = ready(&project, &database, &[]).document();
    assert_eq!((&document["ready"], &document["needed"]), (&true.into(), &7.into()), "{document:#}");
    assert_eq!(versions(&document, "contract"), ["8"]);
    assert_eq!(document["target"]["database"], database.name());
    ready(&project, &database, &["-q"]).exit(0).says("READY").lacks("note");
}

#[test]
fn what_is_behind_is_not_ready_and_says_what_is_missing() {
    let (project, database) = (Project::reference(), support::database());
    project.compile();
    ready(&project, &database, &[]).exit(1).says([
        "NOT READY: the database has no history of migrations, and 7 migrations are needed",
        "next: trueup upgrade",
    ]);
    project.trueup(["upgrade", "--yes", "--to", "5"], &database).exit(0);
    ready(&project, &database, &[]).exit(1).says([
        "NOT READY: 2 of 7 migrations are not applied: V6__api_keys_user_id_index, V7__organizations_public_id",
        "next: trueup upgrade",
    ]);
    let document = ready(&project, &database, &[]).document();
    assert_eq!(document["exit_code"], 1);
    assert_eq!(versions(&document, "pending"), ["6", "7"]);
    project.trueup(["upgrade", "--yes"], &database).exit(0);
    ready(&project, &database, &[]).exit(0);
    // One that was left out.
    database.exec("DELETE FROM refinery_schema_history WHERE version = 3");
    ready(&project, &database, &[])
        .exit(1)
        .says("1 of 7 migrations is not applied: V3__password_hash_nullable");
}

/// A migration behind a contract one waits for people, not for another run.
#[test]
fn what_is_missing_behind_a_contract_migration_says_so() {
    let (project, database) = site();
    fs::write(project.path().join("migrations/V9__later.sql"), "CREATE TABLE later (id int);\n").unwrap();
    fs::write(project.path().join("schema/later.sql"), "CREATE TABLE later (id int);\n").unwrap();
    project.compile();
    database.exec("DELETE FROM refinery_schema_history WHERE version = 8");
    ready(&project, &database, &[]).exit(1).says(["not applied: V9__later", "trueup upgrade --contract"]);
}

/// While a newer version is deployed, the older one goes on.
#[test]
fn ahead_is_ready() {
    let (project, database) = site();
    database.exec("INSERT INTO refinery_schema_history VALUES (9, 'later', '2025-03-01T12:00:00Z', '1')");
    // The newer version's migration is being applied, too.
    database.exec(OWN);
    database.exec(RUN);
    database.exec(
        "INSERT INTO trueup.steps (run, number, action, version, name, statement, text, state) \
         VALUES ('01JRUN', 1, 'apply', 10, 'index', 1, 'CREATE INDEX CONCURRENTLY i ON t (c)', 'started')",
    );
    let ran = ready(&project, &database, &[]).exit(0);
    ran.says(["READY", "the database is ahead of trueup.lock by 1 migration: V9__later"]);
}

#[test]
fn a_modified_migration_is_not_ready() {
    let (project, database) = site();
    database.exec("UPDATE refinery_schema_history SET checksum = '1' WHERE version = 3");
    ready(&project, &database, &[]).exit(1).says([
        "NOT READY: modified after apply: V3__password_hash_nullable",
        "next: trueup check, which shows what was modified",
    ]);
    database.exec("UPDATE refinery_schema_history SET name = 'other' WHERE version = 4");
    let document = ready(&project, &database, &[]).document();
    assert_eq!(versions(&document, "modified"), ["3", "4"]);
    // Line endings of another checkout are no modification.
    let (project, database) = site();
    for entry in fs::read_dir(project.path().join("migrations")).unwrap() {
        let path = entry.unwrap().path();
        fs::write(&path, fs::read_to_string(&path).unwrap().replace('\n', "\r\n")).unwrap();
    }
    ready(&project, &database, &[]).exit(0);
}

#[test]
fn an_unfinished_migration_is_not_ready() {
    let (project, database) = site();
    database.exec(OWN);
    database.exec(RUN);
    let step = |action: &str, version: u32, name: &str| {
        database.exec(&format!(
            "INSERT INTO trueup.steps (run, number, action, version, name, statement, text, state) \
             VALUES ('01JRUN', {version}, '{action}', {version}, '{name}', 1, 'x', 'started')"
        ));
    };
    ready(&project, &database, &[]).exit(0);
    // One that is being reverted is in the history.
    step("revert", 7, "organizations_public_id");
    database.exec(
        "INSERT INTO trueup.migrations (version, name, how, sql, run, applied_at) \
         VALUES (7, 'organizations_public_id', 'applied', 'x', '01JRUN', '2025-03-01T12:00:00Z')",
    );
    ready(&project, &database, &[]).exit(1).says([
        "NOT READY: interrupted: V7__organizations_public_id",
        "run the same `trueup downgrade --to VERSION` again",
    ]);
    database.exec("DELETE FROM trueup.steps; DELETE FROM refinery_schema_history WHERE version > 5");
    step("apply", 6, "api_keys_user_id_index");
    let ran = ready(&project, &database, &[]).exit(1);
    ran.says([
        "1 of 7 migrations is not applied: V7__organizations_public_id; interrupted: V6__api_keys_user_id_index",
        "next: trueup upgrade",
    ]);
    // Somebody is at work on it.
    let lock = trueup::writer::ADVISORY_LOCK;
    let runtime = support::runtime();
    let mut session = runtime.block_on(database.connect());
    runtime
        .block_on(session.execute(format!(
            "SELECT pg_advisory_lock({lock}); UPDATE trueup.runs SET backend_pid = pg_backend_pid()"
        )))
        .unwrap();
    ready(&project, &database, &[]).exit(1).says([
        "running: V6__api_keys_user_id_index",
        "wait until the run has ended: trueup ready --wait 5m",
    ]);
    runtime.block_on(session.close());
}

#[test]
fn what_cannot_be_told_is_neither() {
    let (project, database) = site();
    let nobody = "postgres://a@127.0.0.1:1/b".to_owned();
    ready(&project, &nobody, &[]).exit(3).says("no server is listening there");
    let role = format!("blind_{}", database.name());
    database.exec(&format!("CREATE ROLE {role} LOGIN"));
    let url = database.url_as(&role);
    let hidden = ready(&project, &url, &[]).exit(3);
    hidden.says(["refinery_schema_history cannot be read by blind_", "next: grant SELECT on"]).lacks("READY");
    assert_eq!(ready(&project, &url, &[]).document()["error"]["code"], "history.hidden");
    database.exec(&format!("DROP ROLE {role}"));
    database.exec("ALTER TABLE refinery_schema_history DROP COLUMN checksum");
    let document = ready(&project, &database, &[]).document();
    assert_eq!(
        (&document["exit_code"], &document["error"]["code"]),
        (&3.into(), &"history.malformed".into())
    );
    // A project whose schema has no migrations.
    let project = Project::of_schema("CREATE TABLE t (id int);");
    project.compile();
    ready(&project, &database, &[]).exit(3).says(["lists no migrations", "trueup check"]);
}

#[test]
fn another_database_is_refused() {
    let (project, database) = site();
    database.exec(OWN);
    database.exec(
        "INSERT INTO trueup.mark (layout, project, environment, run) VALUES (1, 'platform', 'staging', 'x')",
    );
    let toml = project.path().join("trueup.toml");
    let text = fs::read_to_string(&toml).unwrap();
    let expects = "[environments.production]\nexpect = { host = \"db.example.com\" }\n[environments.test]\n";
    fs::write(&toml, format!("{text}\n{expects}")).unwrap();
    ready(&project, &database, &[]).exit(0);
    ready(&project, &database, &["--env", "test"]).exit(4).says("marked as environment staging, not test");
    ready(&project, &database, &["--env", "production"]).exit(4).says("expects \"db.example.com\"");
    database.exec("UPDATE trueup.mark SET project = 'shop'");
    let ran = ready(&project, &database, &["--wait", "5m"]).start();
    ran.ends_within(std::time::Duration::from_secs(20)).exit(4).says("marked as project \"shop\"'s");
}

/// An image has as much of the project as somebody copied into it.
#[test]
fn an_image_without_the_files_is_judged_by_its_lock() {
    let (project, database) = site();
    fs::remove_dir_all(project.path().join("schema")).unwrap();
    ready(&project, &database, &[]).exit(0).lacks("note");
    fs::remove_dir_all(project.path().join("migrations")).unwrap();
    let ran = ready(&project, &database, &[]).exit(0);
    ran.says(["READY: all 7", "whether an applied migration was modified is not known"]);
    assert_eq!(ready(&project, &database, &[]).document()["texts_compared"], false);
    database.exec("DELETE FROM refinery_schema_history WHERE version = 7");
    ready(&project, &database, &[]).exit(1).says("V7__organizations_public_id");
}

#[test]
fn a_lock_that_is_not_that_of_the_files_is_refused() {
    let (project, database) = site();
    let later = project.path().join("migrations/V9__later.sql");
    fs::write(&later, "CREATE TABLE later (id int);\n").unwrap();
    let document = ready(&project, &database, &[]).document();
    assert_eq!((&document["exit_code"], &document["error"]["code"]), (&2.into(), &"lock_file.stale".into()));
    ready(&project, &database, &[]).exit(2).says("trueup.lock is stale: migrations/V9__later.sql is new");
    fs::remove_file(&later).unwrap();
    let changed = project.path().join("migrations/V2__add_username.sql");
    let text = fs::read_to_string(&changed).unwrap();
    fs::write(&changed, format!("{text}SELECT 1;\n")).unwrap();
    ready(&project, &database, &[]).exit(2).says("migrations/V2__add_username.sql changed");
    fs::write(&changed, text).unwrap();
    fs::remove_file(project.path().join("migrations/V8__api_keys_user_id_required.sql")).unwrap();
    fs::remove_file(project.path().join("migrations/V8__api_keys_user_id_required.down.sql")).unwrap();
    ready(&project, &database, &[]).exit(2).says("the file of V8__api_keys_user_id_required is gone");
    let lock = fs::read_to_string(project.lock()).unwrap();
    let cut: String = lock.lines().take(lock.lines().count() - 3).map(|line| format!("{line}\n")).collect();
    fs::write(project.lock(), cut).unwrap();
    ready(&project, &database, &[]).exit(2).says("the file is cut off");
    let lines: Vec<&str> = lock.lines().collect();
    let without = |left_out: usize| {
        let kept = lines.iter().enumerate().filter(|(number, _)| *number != left_out);
        kept.map(|(_, line)| format!("{line}\n")).collect::<String>()
    };
    fs::write(project.lock(), without(lines.len() - 2)).unwrap();
    ready(&project, &database, &[]).exit(2).says(format!(" {} lines; found", lines.len()));
    fs::remove_file(project.lock()).unwrap();
    ready(&project, &database, &["--wait", "5m"]).exit(2).says("trueup.lock is missing");
}

/// A lock of revisions that follow each other and make nothing.
fn lock_of_alembic(revisions: &[&str]) -> String {
    let mut lines = vec![format!(
        "{{\"trueup.lock\":{},\"note\":\"\",\"server\":\"15.18\",\"declared_by\":\"migrations\",\
         \"search_path\":\"public, pg_temp\",\"assume_extensions\":[],\"tool\":\"alembic\",\"owners\":false,\
         \"privileges\":false,\"extension_versions\":[]}}",
        trueup::model::FORMAT
    )];
    for (index, revision) in revisions.iter().enumerate() {
        let parents = serde_json::json!(revisions[index.saturating_sub(1)..index]);
        let version = index + 1;
        lines.push(format!(
            "{{\"migration\":\"{version}\",\"name\":\"m\",\"revision\":\"{revision}\",\"parents\":{parents},\
             \"contract\":false}}"
        ));
    }
    let (migrations, all) = (revisions.len(), lines.len() + 1);
    lines.push(format!("{{\"end\":{{\"objects\":0,\"migrations\":{migrations},\"lines\":{all}}}}}\n"));
    lines.join("\n")
}

/// The revisions of another tool are in the lock: its files and its program need not be there.
#[test]
fn another_tools_history_is_compared_with_its_revisions_in_the_lock() {
    let project = Project::of_schema("");
    fs::remove_dir_all(project.path().join("schema")).unwrap();
    let toml = "[migrations]\ntool = \"alembic\"\ndir = \"alembic/versions\"\n";
    fs::write(project.path().join("trueup.toml"), toml).unwrap();
    let revisions = ["8d2f6c01a7b3", "41b7e9d3c5f0", "c60a52e8f914", "e95d04b1267c"];
    fs::write(project.lock(), lock_of_alembic(&revisions)).unwrap();
    let database = support::database();
    database.exec("CREATE TABLE alembic_version (version_num varchar(32) PRIMARY KEY)");
    ready(&project, &database, &[])
        .exit(1)
        .says(["4 of 4 migrations are not applied", "next: alembic upgrade head"]);
    database.exec("INSERT INTO alembic_version VALUES ('c60a52e8f914')");
    ready(&project, &database, &[]).exit(1).says("1 of 4 migrations is not applied: Alembic e95d04b1267c");
    database.exec("UPDATE alembic_version SET version_num = 'e95d04b1267c'");
    ready(&project, &database, &[]).exit(0).says("READY: all 4 migrations").lacks("note");
    // A revision that this version does not have stands for its ancestors, which are not known here.
    database.exec("UPDATE alembic_version SET version_num = 'ffffffffffff'");
    ready(&project, &database, &[]).exit(0).says([
        "READY: the database has a newer version: Alembic ffffffffffff",
        "which of its own migrations are applied is not known",
    ]);
}
