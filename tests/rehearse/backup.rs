//! `trueup rehearse --from-backup`: on the rows of a backup, which is restored into the throwaway server.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;
use trueup::backup::Manifest;
use trueup::postgres::scratch::{Scratch, ScratchOptions};

use super::{codes, document, project};
use crate::support::project::Project;
use crate::support::{self, TestDatabase};

const ROWS: &str = "INSERT INTO users SELECT g, 'name ' || g FROM generate_series(1, 5000) g";

/// A project, and its database at V1 with rows.
fn site(migrations: &[&str]) -> (Project, TestDatabase) {
    let site = project(migrations);
    let database = support::database();
    site.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    database.exec(ROWS);
    (site, database)
}

/// Takes a backup, and returns its identifier.
fn take(site: &Project, database: &TestDatabase) -> String {
    let taken = site.trueup(["backup", "--format", "json"], database).exit(0);
    taken.json()["backup"]["id"].as_str().unwrap().to_owned()
}

fn manifest_of(site: &Project, id: &str) -> PathBuf {
    site.path().join("backups").join(id).join("manifest.json")
}

fn change(site: &Project, id: &str, change: impl FnOnce(&mut Manifest)) {
    let path = manifest_of(site, id);
    let mut manifest = Manifest::parse(&fs::read_to_string(&path).unwrap()).unwrap();
    change(&mut manifest);
    fs::write(path, manifest.to_text()).unwrap();
}

#[test]
fn real_rows_are_worked_on_and_measured() {
    let (site, database) = site(&[
        "-- about names\nALTER TABLE users ADD COLUMN short text;\nALTER TABLE users\n  ALTER COLUMN name SET NOT NULL;\n\
         -- down\nALTER TABLE users ALTER COLUMN name DROP NOT NULL, DROP COLUMN short;",
    ]);
    database.exec("ANALYZE users");
    let id = take(&site, &database);
    let known = database.query("SELECT count(*) FROM trueup.runs");
    let ran = site.trueup(["rehearse", "--from-backup"], &database).env("COLUMNS", "200").exit(0);
    ran.says([
        format!("restoring backup {} of database {}", &id[..10], database.name()).as_str(),
        "of disk\n",
        "on the rows of backup ",
        "old: version 1, 5",
        "note: times are measured on the rows of the backup, on this machine, without fsync: a real server may be slower",
        "OK: 1 migration applied, reverted, and applied again",
    ])
    .lacks("real: ");
    let found = document(site.trueup(["rehearse", "--from-backup", &id], &database));
    assert_eq!(
        (&found["times"], &found["backup"]["id"]),
        (&Value::from("real_rows"), &Value::from(id.as_str()))
    );
    assert_eq!((&found["backup"]["own"], &found["rows"]), (&Value::from(true), &Value::Null));
    assert!(found["backup"]["disk_bytes"].as_u64().unwrap() > 1 << 20, "{}", found["backup"]);
    let statements = found["migrations"][0]["statements"].as_array().unwrap();
    assert_eq!(statements.len(), 2);
    assert!(statements.iter().all(|statement| statement["estimate"].is_null()));
    assert_eq!(database.query("SELECT count(*) FROM trueup.runs"), known);

    // What fails with these rows does not fail with none, and not with made ones.
    database.exec("INSERT INTO users VALUES (0, NULL)");
    take(&site, &database);
    site.trueup(["rehearse", "--rows", "100"], &database).exit(0);
    let found = document(site.trueup(["rehearse", "--from-backup"], &database));
    assert_eq!(codes(&found), ["rehearse.failed"]);
    let finding = &found["findings"][0];
    assert_eq!(
        finding["location"],
        serde_json::json!({"file": "migrations/V2__m.sql", "line": 3, "column": 1})
    );
    assert!(finding["message"].as_str().unwrap().contains("contains null values"), "{finding}");
    // The earlier one is still there to be named, with its record.
    let recorded = ["rehearse", "--from-backup", &id, "--record", "rehearsal.json"];
    site.trueup(recorded, &database).exit(0);
    let record: Value =
        serde_json::from_str(&fs::read_to_string(site.path().join("rehearsal.json")).unwrap()).unwrap();
    assert_eq!((&record["times"], &record["backup"]["id"]), (&Value::from("real_rows"), &Value::from(id)));
}

#[test]
fn the_newest_verified_backup_of_this_database_is_taken_or_none() {
    let (site, database) = site(&["ALTER TABLE users ADD COLUMN a int;"]);
    let wanted = |id: &[&str]| site.trueup(["rehearse", "--from-backup"], &database).args(id.iter().copied());
    let name = database.name();
    wanted(&[])
        .exit(2)
        .says([format!("there is no full backup of database {name}").as_str(), "trueup backup"]);
    wanted(&["01JZZZZZZZZZZZZZZZZZZZZZZZ"]).exit(2).says("there is no backup 01JZZZZZZZZZZZZZZZZZZZZZZZ");
    let first = take(&site, &database);
    let second = take(&site, &database);
    let of = |found: &Value| found["backup"]["id"].as_str().unwrap().to_owned();
    assert_eq!(of(&document(wanted(&[]))), second);
    change(&site, &second, |manifest| manifest.verified = None);
    assert_eq!(of(&document(wanted(&[]))), first);
    change(&site, &first, |manifest| manifest.verified = None);
    wanted(&[]).exit(2).says(["is verified", format!("trueup backup verify {second}").as_str()]);

    // A database that another one was restored from is another one.
    let other = support::database();
    site.trueup(["upgrade", "--yes", "--to", "1"], &other).exit(0);
    site.trueup(["rehearse", "--from-backup"], &other)
        .exit(2)
        .says(format!("there is no full backup of database {}", other.name()).as_str())
        .says("only 2 backups of other databases");
    site.trueup(["rehearse", "--from-backup", &second], &other)
        .exit(0)
        .says(format!("of database {name}, another one than this,").as_str());
    support::trueup(["rehearse", "--from-backup"])
        .current_dir(site.path())
        .exit(2)
        .says(["no database is known", "--database-url"]);
    wanted(&["--from", "1"]).exit(2).says("cannot be used with");
    wanted(&["--rows", "1"]).exit(2).says("cannot be used with");
}

#[test]
fn what_the_database_has_and_the_backup_has_not_is_applied_before() {
    let (site, database) =
        site(&["ALTER TABLE users ADD COLUMN a int;", "ALTER TABLE users ADD COLUMN b int;"]);
    let older = take(&site, &database);
    site.trueup(["upgrade", "--yes", "--to", "2"], &database).exit(0);
    let found = document(site.trueup(["rehearse", "--from-backup"], &database));
    assert_eq!(codes(&found), Vec::<String>::new());
    assert_eq!(found["backup"]["applied_before"], serde_json::json!(["V2__m"]));
    assert_eq!(found["migrations"].as_array().unwrap().len(), 1);
    assert_eq!(found["migrations"][0]["version"], "3");
    site.trueup(["rehearse", "--from-backup"], &database).exit(0).says([
        "version 1,",
        "applied to it before: V2__m",
        "1 migration after V2__m",
    ]);
    let newer = take(&site, &database);
    let behind = support::database();
    site.trueup(["upgrade", "--yes", "--to", "1"], &behind).exit(0);
    site.trueup(["rehearse", "--from-backup", &newer], &behind)
        .exit(4)
        .says(["has V2__m, which the database has not", "not newer than the database"]);
    let refused = site.trueup(["rehearse", "--from-backup", &newer, "--format", "json"], &behind).exit(4);
    assert_eq!(refused.json()["error"]["code"], "backup.too_new");
    site.trueup(["rehearse", "--from-backup", &older], &behind).exit(0);
}

#[test]
fn a_disk_without_the_room_is_said_before_anything_is_restored() {
    let (site, database) = site(&["ALTER TABLE users ADD COLUMN a int;"]);
    let id = take(&site, &database);
    change(&site, &id, |manifest| manifest.database_bytes = 1 << 60);
    site.trueup(["rehearse", "--from-backup"], &database)
        .exit(4)
        .says([
            "about 1048576 TB of disk",
            "no disk has room for a throwaway server with rows of about 1048576 TB",
            "MB needed",
            "TMPDIR",
        ])
        .lacks("hashing");
    let memory = tempfile::tempdir_in("/dev/shm").unwrap();
    site.trueup(["rehearse", "--from-backup"], &database)
        .env("TMPDIR", memory.path())
        .exit(4)
        .says("it lies in memory, where rows of a backup must not be");
}

#[test]
fn rows_that_are_changed_take_disk_each_time() {
    let (site, database) = site(&[
        "ALTER TABLE users ADD COLUMN a int;\nUPDATE users SET name = upper(name);\n-- down\nALTER TABLE users DROP COLUMN a;",
    ]);
    database.exec("VACUUM ANALYZE users");
    let size = database.query("SELECT pg_relation_size('users')").remove(0).remove(0).unwrap();
    take(&site, &database);
    let backup = &document(site.trueup(["rehearse", "--from-backup"], &database))["backup"];
    let bytes = |key: &str| backup[key].as_u64().unwrap();
    let beside = bytes("disk_bytes") - bytes("database_bytes");
    assert!(beside >= 3 * size.parse::<u64>().unwrap(), "{beside} beside {backup}, {size}");
}

#[test]
fn a_full_disk_is_no_fault_of_a_migration() {
    let full = "DO $$ BEGIN IF EXISTS (SELECT FROM users) THEN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; \
                END IF; END $$;";
    let (site, database) = site(&[full]);
    take(&site, &database);
    site.trueup(["rehearse", "--from-backup"], &database)
        .exit(3)
        .says(["the rehearsal was not finished", "could not extend file", "Free disk or memory there"])
        .lacks("rehearse.failed");
}

#[test]
fn a_copy_reaches_no_other_server() {
    let insert =
        "DO $$ BEGIN IF to_regclass('far') IS NOT NULL THEN INSERT INTO far VALUES (1); END IF; END $$;";
    let (site, database) = site(&[insert]);
    let remote = support::database();
    remote.exec("CREATE TABLE far (id int)");
    database.exec(&format!(
        "CREATE EXTENSION postgres_fdw;
         CREATE SERVER remote FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '{}', port '5432', dbname '{}');
         CREATE USER MAPPING FOR PUBLIC SERVER remote OPTIONS (user '{}');
         CREATE FOREIGN TABLE far (id int) SERVER remote",
        database.socket_dir().display(),
        remote.name(),
        database.query("SELECT current_user").remove(0).remove(0).unwrap(),
    ));
    database.exec(
        "CREATE SUBSCRIPTION news CONNECTION 'host=nowhere.invalid' PUBLICATION p WITH (connect = false)",
    );
    database.exec("INSERT INTO far VALUES (0)");
    take(&site, &database);
    // The server does not drop a database that has a subscription.
    database.exec("ALTER SUBSCRIPTION news SET (slot_name = NONE)");
    database.exec("DROP SUBSCRIPTION news");
    site.trueup(["rehearse", "--from-backup"], &database).exit(1).says([
        "note: dropped in the copy, so that it cannot reach other servers: 1 user mapping and 1 subscription",
        "user mapping not found",
    ]);
    assert_eq!(remote.query("SELECT count(*) FROM far"), [[Some("1".to_owned())]]);
}

#[test]
fn an_interrupted_restore_leaves_nothing() {
    let (site, database) = site(&["ALTER TABLE users ADD COLUMN a int;"]);
    database.exec(
        "CREATE MATERIALIZED VIEW slow AS
         SELECT CASE WHEN starts_with(current_database(), 'trueup_verify') THEN pg_sleep(31.5)::text END AS slept",
    );
    take(&site, &database);
    let (runtime, options) = (support::runtime(), ScratchOptions::default());
    let mut server = runtime.block_on(Scratch::start(&options)).unwrap();
    let host = runtime.block_on(server.create_database()).unwrap();
    let url = server.url(&host);
    let mut session = runtime.block_on(server.connect(&host)).unwrap();
    let mut rows = |sql: &str| runtime.block_on(support::rows(&mut session, sql)).unwrap();
    let running = site.trueup(["rehearse", "--from-backup"], &database).args(["--scratch-url", &url]).start();
    support::wait_for("the restore", || {
        let asleep = "SELECT 1 FROM pg_stat_activity WHERE query LIKE 'REFRESH MATERIALIZED VIEW%slow%' AND state = 'active'";
        !rows(asleep).is_empty()
    });
    running.stop(Signal::SIGINT, Duration::from_secs(15));
    support::wait_for("its database to be dropped", || {
        rows("SELECT 1 FROM pg_database WHERE datname LIKE 'trueup_verify%'").is_empty()
    });
}

#[test]
fn a_damaged_backup_says_nothing_of_migrations() {
    let (site, database) = site(&["ALTER TABLE users ADD COLUMN a int;"]);
    let id = take(&site, &database);
    let archive = site.path().join("backups").join(&id).join("archive.dump");
    let mut bytes = fs::read(&archive).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&archive, bytes).unwrap();
    site.trueup(["rehearse", "--from-backup"], &database).exit(4).says(["is damaged", "use another backup"]);
}

#[test]
fn what_was_changed_by_hand_before_is_no_finding() {
    let (site, database) = site(&["ALTER TABLE users ADD COLUMN a int;"]);
    database.exec("ALTER TABLE orders ADD COLUMN by_hand int");
    take(&site, &database);
    let ran = site.trueup(["rehearse", "--from-backup"], &database).exit(0);
    ran.says("the database that was backed up was changed by hand")
        .lacks("the rehearsal begins with the schema");
}

#[test]
fn a_check_that_a_migration_requires_is_asked_on_real_rows() {
    let (site, database) = site(&["-- trueup: requires-check names\nALTER TABLE users ADD COLUMN a int;"]);
    fs::create_dir(site.path().join("checks")).unwrap();
    let check = "-- title: Names\n-- severity: error\n-- find:\nSELECT id FROM users WHERE name IS NULL;\n";
    fs::write(site.path().join("checks/names.sql"), check).unwrap();
    take(&site, &database);
    site.trueup(["rehearse", "--from-backup"], &database)
        .exit(0)
        .says("data check names ran without an error, in ");
    database.exec("INSERT INTO users VALUES (0, NULL)");
    take(&site, &database);
    let ran = site.trueup(["rehearse", "--from-backup"], &database).exit(1);
    ran.says(["rehearse.failed: V2__m", "V2__m is not applied", "names"]);
    // Made rows are not asked.
    site.trueup(["rehearse"], &database).exit(0);
    // A check that cannot be run is at fault itself.
    fs::write(site.path().join("checks/names.sql"), check.replace("name IS", "nothing IS")).unwrap();
    let found = document(site.trueup(["rehearse", "--from-backup"], &database));
    assert_eq!(codes(&found)[0], "rehearse.failed");
    assert_eq!(found["findings"][0]["location"]["file"], "checks/names.sql", "{found:#}");
}

#[test]
fn another_session_is_refused_on_real_rows() {
    let (site, database) = site(&["ALTER TABLE users ADD COLUMN a int;\nSELECT pg_sleep(0.3);"]);
    take(&site, &database);
    let found = document(site.trueup(["rehearse", "--from-backup", "--probe"], &database));
    let refused = &found["migrations"][0]["statements"][1]["refused"];
    let refused = refused.as_array().unwrap().iter();
    let select = refused.clone().find(|one| one["table"] == "public.users" && one["action"] == "SELECT");
    assert!(select.is_some_and(|one| one["milliseconds"].as_u64().unwrap() >= 200), "{found:#}");
}
