//! What went wrong with the gates of others, as their reports tell it: each story ends otherwise here.

use std::fs;

use super::{at_base, codes, conclusion, configure, document, gate, judged, project, section};
use crate::support::project::Project;

fn check(site: &Project) {
    fs::create_dir_all(site.path().join("checks")).unwrap();
    let text = "-- title: users have a name\n-- severity: error\n-- table: public.users\n-- key: id\n-- find:\n\
                SELECT id FROM users WHERE name IS NULL;\n";
    fs::write(site.path().join("checks/named.sql"), text).unwrap();
}

/// alkem-io/alkemio#2070: a gate that died of its arguments left the deploy green, and nobody could tell it from drift.
#[test]
fn a_dead_gate_is_not_green_and_no_finding() {
    let site = project("", &[]);
    let database = at_base(&site);
    gate(&site, &database).arg("--wehn=after").exit(2);
    site.trueup(["gate"], "postgres://a@127.0.0.1:1/b").exit(3).says("CANNOT TELL");
    database.exec("DROP TABLE orders");
    gate(&site, &database).exit(1).says("DO NOT DEPLOY");
}

/// koala73/worldmonitor#6523: a broken gate and a clean one looked the same in one word for everything.
#[test]
fn each_section_has_a_conclusion_of_its_own() {
    let site = project("", &["ALTER TABLE users ADD COLUMN a int;"]);
    let database = at_base(&site);
    fs::write(site.path().join("file"), "").unwrap();
    fs::write(site.path().join("trueup.toml"), "[project]\nname = \"gate\"\n[backup]\nstore = \"file\"\n")
        .unwrap();
    let found = document(&site, &database, &[], 3);
    assert_eq!((conclusion(&found, "backup"), conclusion(&found, "drift")), ("cannot tell", "ready"));
    assert_eq!(found["verdict"], "CANNOT TELL");
}

/// stablyai/orca#21270: the gate refused, 44 times, the very change that repairs what it complains of.
#[test]
fn the_repair_itself_can_be_let_through_by_name_and_reason() {
    let site = project("", &["UPDATE users SET name = 'nobody' WHERE name IS NULL;"]);
    let database = at_base(&site);
    database.exec("INSERT INTO users VALUES (1, NULL)");
    check(&site);
    let refused = document(&site, &database, &[], 1);
    let lock = refused["valid_for"]["lock"].as_str().unwrap();
    let reason = ["--override", "data", "--reason", "V2 repairs these rows", "--for", lock];
    gate(&site, &database).args(reason).args(["--output", "gate.json"]).exit(0).says("overridden: data");
    site.trueup(["upgrade", "--gate", "gate.json", "--yes"], &database).exit(0);
    gate(&site, &database).exit(0).says("READY").lacks("overridden");
}

/// CopilotKit/aimock#372: drift that the deploy has nothing to do with vetoed it.
#[test]
fn drift_elsewhere_warns() {
    let site = project("", &["ALTER TABLE users ADD COLUMN a int;"]);
    let database = at_base(&site);
    database.exec("CREATE INDEX by_hand ON orders (id)");
    assert_eq!(judged(&site, &database, "drift", 0).0, "warns");
    configure(&site, "[gate]\ndrift = \"all\"\n");
    assert_eq!(judged(&site, &database, "drift", 1).0, "blocks");
}

/// devantler-tech/platform#2985: a gate on "every replica is ready" closed while the database served well.
#[test]
fn a_slot_that_nobody_reads_stops_no_deploy() {
    let server = crate::support::cluster::Cluster::start(&["wal_level=replica"]);
    let site = project("", &[]);
    let url = server.url("postgres@127.0.0.1", "postgres");
    site.trueup(["upgrade", "--yes"], url.as_str()).exit(0);
    server.psql("SELECT pg_create_physical_replication_slot('left', true)");
    let found = site.trueup(["gate", "--format", "json"], url.as_str()).exit(0).document();
    assert_eq!((conclusion(&found, "replicas"), &found["verdict"]), ("warns", &"READY".into()));
}

/// trade-tariff/trade-tariff-backend#3305: the backup that the gate had counted was not there any more.
#[test]
fn a_backup_whose_archive_is_gone_is_none() {
    let site = project("[gate]\nmax_backup_age = \"1d\"\n", &["ALTER TABLE users ADD COLUMN a int;"]);
    let database = at_base(&site);
    site.trueup(["backup"], &database).exit(0);
    assert_eq!(judged(&site, &database, "backup", 0).0, "ready");
    let mut emptied = 0;
    let mut directories = vec![site.path().join("backups")];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.ends_with("archive.dump") {
                fs::remove_file(path).unwrap();
                emptied += 1;
            }
        }
    }
    assert_eq!(emptied, 1);
    let found = document(&site, &database, &[], 1);
    assert_eq!(codes(&found, "backup"), ["gate.backup.incomplete"], "{found:#}");
}

/// gratipay/gratipay.com#4446: three minutes down for one forgotten variable; the check that would have seen it had not run.
#[test]
fn a_forgotten_variable_is_named() {
    let site = project("[gate]\nrequire_env = [\"REDIS_URL ~ ^rediss://\"]\n", &[]);
    let database = at_base(&site);
    gate(&site, &database).exit(1).says("REDIS_URL is not set");
    let wrong = gate(&site, &database).env("REDIS_URL", "redis://canary.example.com").exit(1);
    wrong.says("REDIS_URL").lacks("canary");
    gate(&site, &database).env("REDIS_URL", "rediss://cache.example.com").exit(0);
}

/// morton-nari/Form-Farm#124: what was approved was another set of migrations.
#[test]
fn an_approval_is_for_these_migrations() {
    let site = project("[[gate.attest]]\nname = \"approved\"\n", &["ALTER TABLE users ADD COLUMN a int;"]);
    let database = at_base(&site);
    site.trueup(["attest", "approved", "--reason", "reviewed"], &database).exit(0);
    assert_eq!(judged(&site, &database, "people", 0).0, "ready");
    fs::write(site.path().join("migrations/V3__m.sql"), "ALTER TABLE users ADD COLUMN b int;").unwrap();
    site.compile();
    assert_eq!(codes(&document(&site, &database, &[], 1), "people"), ["gate.people.void"]);
}

/// hypothesis/h#8018: a change of a tiny table was an outage, because it queued behind one long transaction.
#[test]
fn a_tiny_table_behind_a_long_transaction_is_no_small_thing() {
    let site = project("[gate]\nmax_transaction_age = \"10ms\"\n", &["ALTER TABLE users ADD COLUMN a int;"]);
    let database = at_base(&site);
    database.exec("ANALYZE users");
    let mut other = crate::support::other::Other::at(database.url(), "report");
    other.run("BEGIN; SELECT count(*) FROM users");
    std::thread::sleep(std::time::Duration::from_millis(50));
    let found = document(&site, &database, &[], 1);
    assert_eq!((conclusion(&found, "hazards"), conclusion(&found, "blockers")), ("ready", "blocks"));
    other.run("ROLLBACK");
}

/// A role that row-level security shows nothing to counted no wrong row: masked rights looked like clean data.
#[test]
fn what_a_role_may_not_see_is_not_clean() {
    let site = project("", &[]);
    let database = at_base(&site);
    database.exec("INSERT INTO users VALUES (1, NULL)");
    check(&site);
    let role = format!("{}_blind", database.name());
    database.exec(&format!(
        "CREATE ROLE \"{role}\" LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public, trueup TO \"{role}\"; \
         GRANT USAGE ON SCHEMA trueup TO \"{role}\"; ALTER TABLE users ENABLE ROW LEVEL SECURITY"
    ));
    let blind = database.url_as(&role);
    let found = site.trueup(["gate", "--format", "json"], blind.as_str()).exit_in(&[1, 3]).document();
    assert_eq!(conclusion(&found, "data"), "cannot tell", "{found:#}");
    assert!(section(&found, "data")["what"].as_str().is_some_and(|what| !what.contains("no row is wrong")));
    database.exec(&format!("DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\""));
}
