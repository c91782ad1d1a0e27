//! The sections that are judged by the schema, the history and the reference rows.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{at_base, codes, conclusion, configure, document, gate, judged, project, section};
use crate::support;

#[test]
fn identity() {
    let environments = "[environments.staging]\nurl_env = \"DATABASE_URL\"\n[environments.production]\nurl_env = \"DATABASE_URL\"\n";
    let site = project(environments, &[]);
    let database = at_base(&site);
    let (found, told) = judged(&site, &database, "identity", 0);
    assert_eq!(found, "ready", "{told:#}");
    database.exec("UPDATE trueup.mark SET environment = 'staging'");
    assert_eq!(conclusion(&document(&site, &database, &["--env", "staging"], 0), "identity"), "ready");
    // The label of another environment.
    let found = document(&site, &database, &["--env", "production"], 1);
    assert_eq!(codes(&found, "identity"), ["database.wrong_environment"]);
    for name in ["history", "drift", "pending", "data"] {
        assert_ne!(conclusion(&found, name), "blocks", "{name}");
    }
    gate(&site, &database).args(["--env", "production"]).exit(1).says("DO NOT DEPLOY: identity: ");
    // Another project's.
    database.exec("UPDATE trueup.mark SET project = 'other'");
    assert_eq!(codes(&judged(&site, &database, "identity", 1).1, "identity"), ["database.wrong_project"]);
    database.exec("UPDATE trueup.mark SET project = 'gate', environment = NULL");
    // Another address.
    configure(
        &site,
        "[environments.production]\nurl_env = \"DATABASE_URL\"\nexpect = { database = \"elsewhere\" }\n",
    );
    let found = document(&site, &database, &["--env", "production"], 1);
    assert_eq!(codes(&found, "identity"), ["database.wrong_address"]);
    assert_eq!((conclusion(&found, "drift"), &found["target"]), ("cannot tell", &serde_json::Value::Null));
    // Read-only.
    let name = database.name();
    database.exec(&format!("ALTER DATABASE \"{name}\" SET default_transaction_read_only = on"));
    assert_eq!(codes(&judged(&site, &database, "identity", 1).1, "identity"), ["server.read_only"]);
}

#[test]
fn an_empty_database_is_new_or_the_wrong_one() {
    let site = project("", &[]);
    let database = support::database();
    let (found, told) = judged(&site, &database, "identity", 0);
    assert_eq!(found, "warns", "{told:#}");
    // Another application's.
    database
        .exec("CREATE TABLE wp_posts (a int); CREATE TABLE wp_users (b int); CREATE TABLE wp_meta (c int)");
    let found = document(&site, &database, &[], 1);
    assert_eq!(
        (conclusion(&found, "identity"), codes(&found, "identity")[0].as_str()),
        ("blocks", "database.other")
    );
}

#[test]
fn history() {
    let site = project("", &["ALTER TABLE users ADD COLUMN a int;", "ALTER TABLE users ADD COLUMN b int;"]);
    let database = at_base(&site);
    assert_eq!(judged(&site, &database, "history", 0).0, "ready");
    site.trueup(["upgrade", "--yes"], &database).exit(0);
    // Ahead of the project.
    database.exec("INSERT INTO refinery_schema_history SELECT 9, 'later', applied_on, checksum FROM refinery_schema_history LIMIT 1");
    let found = document(&site, &database, &[], 0);
    assert_eq!(
        (conclusion(&found, "history"), codes(&found, "history")[0].as_str()),
        ("warns", "history.ahead")
    );
    database.exec("DELETE FROM refinery_schema_history WHERE version = 9");
    // Skipped.
    database.exec("DELETE FROM refinery_schema_history WHERE version = 2");
    let found = document(&site, &database, &[], 1);
    assert_eq!(
        (conclusion(&found, "history"), codes(&found, "history")[0].as_str()),
        ("blocks", "history.skipped")
    );
    database.exec("INSERT INTO refinery_schema_history SELECT 2, name, applied_on, '1' FROM refinery_schema_history WHERE version = 3");
    // Edited.
    let found = document(&site, &database, &[], 1);
    assert_eq!(
        (conclusion(&found, "history"), codes(&found, "history")[0].as_str()),
        ("blocks", "history.edited")
    );
    // Gone.
    database.exec("DROP TABLE refinery_schema_history");
    let found = document(&site, &database, &[], 1);
    assert_eq!(
        (conclusion(&found, "history"), codes(&found, "history")[0].as_str()),
        ("blocks", "history.missing")
    );
    assert_eq!(codes(&found, "identity"), Vec::<String>::new(), "it is told once");
}

#[test]
fn an_interrupted_migration_blocks() {
    let apart = "-- trueup: no-transaction\nCREATE TABLE done (id int);\nCREATE UNIQUE INDEX CONCURRENTLY i ON users (name);\n";
    let site = project("", &[apart]);
    let database = at_base(&site);
    database.exec("INSERT INTO users VALUES (1, 'a'), (2, 'a')");
    site.trueup(["upgrade", "--yes"], &database).exit(6);
    let found = document(&site, &database, &[], 1);
    assert_eq!(conclusion(&found, "history"), "blocks", "{found:#}");
    assert_eq!(codes(&found, "history"), ["migration.unfinished"]);
}

#[test]
fn a_hidden_history_is_no_answer() {
    let site = project("", &[]);
    let database = at_base(&site);
    let role = format!("{}_reader", database.name());
    database.exec(&format!("CREATE ROLE \"{role}\" LOGIN"));
    let url = database.url_as(&role);
    let found = site.trueup(["gate", "--format", "json"], url.as_str()).exit(3).document();
    assert_eq!(conclusion(&found, "history"), "cannot tell", "{found:#}");
    assert_eq!(found["valid_for"], serde_json::Value::Null);
    database.exec(&format!("DROP ROLE \"{role}\""));
}

#[test]
fn drift_blocks_where_the_deploy_meets_it() {
    let site = project("", &["ALTER TABLE users ADD COLUMN a int;"]);
    let database = at_base(&site);
    assert_eq!(judged(&site, &database, "drift", 0).0, "ready");
    // Of a table that no pending migration touches.
    database.exec("ALTER TABLE orders ADD COLUMN by_hand int");
    let found = document(&site, &database, &[], 0);
    assert_eq!((conclusion(&found, "drift"), &found["verdict"]), ("warns", &"READY".into()));
    assert_eq!(section(&found, "drift")["findings"][0]["severity"], "warning");
    configure(&site, "[gate]\ndrift = \"all\"\n");
    assert_eq!(judged(&site, &database, "drift", 1).0, "blocks");
    configure(&site, "");
    // Of the table that is locked.
    database.exec("ALTER TABLE users ADD COLUMN by_hand int");
    let found = document(&site, &database, &[], 1);
    assert_eq!(conclusion(&found, "drift"), "blocks");
    let findings = section(&found, "drift")["findings"].as_array().unwrap();
    let severities: Vec<_> = findings.iter().map(|one| (&one["object"], &one["severity"])).collect();
    assert!(severities.contains(&(&"public.users.by_hand".into(), &"error".into())), "{severities:?}");
    assert!(severities.contains(&(&"public.orders.by_hand".into(), &"warning".into())), "{severities:?}");
    // What the application needs.
    database.exec(
        "ALTER TABLE users DROP COLUMN by_hand; ALTER TABLE orders DROP COLUMN by_hand, DROP COLUMN id",
    );
    let found = document(&site, &database, &[], 1);
    assert_eq!(codes(&found, "drift"), ["column.missing"]);
}

#[test]
fn what_a_pending_migration_brings_is_no_drift() {
    let site = project("", &["CREATE TABLE later (id bigint PRIMARY KEY);"]);
    let database = at_base(&site);
    let found = document(&site, &database, &[], 0);
    assert_eq!((conclusion(&found, "drift"), conclusion(&found, "pending")), ("ready", "ready"));
    assert_eq!(codes(&found, "drift"), Vec::<String>::new());
}

#[test]
fn pending_before_and_after() {
    let contract = "-- trueup: contract\nALTER TABLE users DROP COLUMN name;";
    let site = project("", &["ALTER TABLE users ADD COLUMN a int;", contract]);
    let database = at_base(&site);
    let found = document(&site, &database, &[], 0);
    let pending = section(&found, "pending");
    assert_eq!(pending["what"], "to apply: V2__m; waiting: V3__m (contract)");
    assert_eq!(pending["details"][0], "V2__m: readers and writers of public.users (0 rows) wait");
    assert_eq!(found["valid_for"]["pending"], serde_json::json!(["2", "3"]));
    let found = document(&site, &database, &["--when", "after"], 1);
    assert_eq!(
        (conclusion(&found, "pending"), codes(&found, "pending")[0].as_str()),
        ("blocks", "gate.pending.not_applied")
    );
    gate(&site, &database)
        .args(["--when", "after"])
        .exit(1)
        .says(["DO NOT DEPLOY: pending", "next: trueup upgrade\n"]);
    site.trueup(["upgrade", "--yes"], &database).exit(0);
    let found = document(&site, &database, &["--when", "after"], 0);
    assert_eq!(section(&found, "pending")["what"], "nothing to apply; waiting: V3__m (contract)");
    site.trueup(["upgrade", "--yes", "--contract"], &database).exit(0);
    let found = document(&site, &database, &["--when", "after"], 0);
    assert_eq!(section(&found, "pending")["what"], "nothing is pending");
}

#[test]
fn seeds() {
    let site = project("", &["CREATE TABLE later (id bigint PRIMARY KEY, name text);"]);
    let database = at_base(&site);
    assert_eq!(section(&document(&site, &database, &[], 0), "seeds")["what"], "this project declares none");
    fs::create_dir_all(site.path().join("schema/seeds")).unwrap();
    let seed = |table: &str| {
        let text = format!("table = \"{table}\"\nkey = [\"id\"]\n[[rows]]\nid = 1\nname = \"a\"\n");
        fs::write(site.path().join("schema/seeds/one.toml"), text).unwrap();
    };
    seed("later");
    let found = document(&site, &database, &[], 0);
    assert_eq!(
        section(&found, "seeds")["details"][0],
        "later does not exist yet: trueup seed, after the upgrade"
    );
    seed("users");
    let found = document(&site, &database, &[], 1);
    assert_eq!((conclusion(&found, "seeds"), codes(&found, "seeds")[0].as_str()), ("blocks", "seed.missing"));
    gate(&site, &database).exit(1).says("next: trueup seed\n");
    database.exec("INSERT INTO users VALUES (1, 'b')");
    assert_eq!(judged(&site, &database, "seeds", 0).0, "warns");
    database.exec("UPDATE users SET name = 'a'");
    assert_eq!(judged(&site, &database, "seeds", 0).0, "ready");
}

/// A comment stops no deploy, whatever a pending migration locks.
#[test]
fn what_costs_later_warns_and_open_rows_block() {
    let secured = "ALTER TABLE orders ENABLE ROW LEVEL SECURITY;";
    let site = project("", &[secured, "ALTER TABLE users ADD COLUMN a int;"]);
    let database = at_base(&site);
    site.trueup(["upgrade", "--yes", "--to", "2"], &database).exit(0);
    database.exec(
        "COMMENT ON TABLE users IS 'x'; ALTER TABLE users ALTER COLUMN name SET STATISTICS 500; \
         ALTER TABLE users REPLICA IDENTITY FULL",
    );
    let found = document(&site, &database, &[], 0);
    assert_eq!((conclusion(&found, "drift"), codes(&found, "drift").len()), ("warns", 2), "{found:#}");
    configure(&site, "[gate]\ndrift = \"all\"\n");
    assert_eq!(judged(&site, &database, "drift", 1).0, "blocks");
    configure(&site, "");
    // A difference with which the application breaks blocks.
    database.exec("ALTER TABLE users ALTER COLUMN name SET NOT NULL");
    assert_eq!(judged(&site, &database, "drift", 1).0, "blocks");
    database.exec("ALTER TABLE users ALTER COLUMN name DROP NOT NULL");
    assert_eq!(judged(&site, &database, "drift", 0).0, "warns");
    // Nobody locks that table; its rows are open to all.
    database.exec("ALTER TABLE orders DISABLE ROW LEVEL SECURITY");
    let found = document(&site, &database, &[], 1);
    let findings = section(&found, "drift")["findings"].as_array().unwrap();
    let blocking: Vec<_> =
        findings.iter().filter(|one| one["severity"] == "error").map(|one| &one["code"]).collect();
    assert_eq!(blocking, ["table.row_security"], "{found:#}");
}

/// What is wrong with the project's files is not what the database does not answer.
#[test]
fn a_wrong_check_is_a_wrong_project() {
    let site = project("", &[]);
    let database = at_base(&site);
    fs::create_dir(site.path().join("checks")).unwrap();
    fs::write(site.path().join("checks/c1.sql"), "-- title: a\n-- severity: error\nSELECT 1;\n").unwrap();
    let failed = gate(&site, &database).args(["--format", "json"]).exit(2).document();
    assert_eq!(failed["error"]["code"], "checks.invalid", "{failed:#}");
    configure(&site, "[gate.data]\nlevel = \"off\"\n");
    gate(&site, &database).exit(0);
}

/// Where another tool applies the migrations, it is that one that is to be run.
#[test]
fn what_is_pending_after_a_deploy_is_applied_by_its_tool() {
    let site = project("", &[]);
    fs::remove_dir_all(site.path().join("migrations")).unwrap();
    fs::create_dir(site.path().join("migrations")).unwrap();
    let goose = |version: u32, sql: &str| {
        let path = site.path().join(format!("migrations/0000{version}_m.sql"));
        fs::write(path, format!("-- +goose Up\n{sql}\n")).unwrap();
    };
    goose(1, "CREATE TABLE users (id bigint);");
    goose(2, "ALTER TABLE users ADD COLUMN a int;");
    configure(&site, "[migrations]\ntool = \"goose\"\n");
    let database = crate::support::database();
    site.trueup(["compile"], &database).exit(0);
    database.exec(
        "CREATE TABLE users (id bigint); CREATE TABLE goose_db_version (id integer PRIMARY KEY GENERATED BY DEFAULT AS IDENTITY, \
         version_id bigint NOT NULL, is_applied boolean NOT NULL, tstamp timestamp NOT NULL DEFAULT now()); \
         INSERT INTO goose_db_version (version_id, is_applied) VALUES (0, true), (1, true)",
    );
    gate(&site, &database)
        .args(["--when", "after"])
        .exit(1)
        .says(["DO NOT DEPLOY: pending", "next: goose up, or, with a backup before it: trueup upgrade\n"]);
}

/// Why there can be no backup is said in one line that is whole.
#[test]
fn a_backup_that_cannot_be_taken_says_why() {
    let site = project("", &["ALTER TABLE users ADD COLUMN a int;"]);
    let database = at_base(&site);
    let text = "[project]\nname = \"gate\"\n[backup]\nrequired = \"always\"\n";
    fs::write(site.path().join("trueup.toml"), text).unwrap();
    let bin = site.path().join("programs");
    fs::create_dir(&bin).unwrap();
    let old = bin.join("pg_dump");
    fs::write(&old, "#!/bin/sh\necho 'pg_dump (PostgreSQL) 9.6.24'\n").unwrap();
    fs::set_permissions(&old, fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink(crate::support::server().bin_dir.join("pg_restore"), bin.join("pg_restore"))
        .unwrap();
    let found =
        gate(&site, &database).env("TRUEUP_PG_BIN", &bin).args(["--format", "json"]).exit(1).document();
    let backup = section(&found, "backup");
    let what = backup["what"].as_str().unwrap();
    assert!(what.contains("needs a pg_dump of ") && what.ends_with("and none was found"), "{what}");
    let message = backup["findings"][0]["message"].as_str().unwrap();
    assert!(message.contains("looked in:") && !message.contains("nothing was changed"), "{message}");
    assert!(backup["next"].as_str().unwrap().contains("run trueup upgrade --no-backup"), "{backup:#}");
}
