//! The sections about rows, backups and rehearsals.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use super::{at_base, codes, conclusion, configure, document, gate, judged, project, section};
use crate::support::project::Project;

fn check(site: &Project, name: &str, severity: &str) {
    fs::create_dir_all(site.path().join("checks")).unwrap();
    let text = format!(
        "-- title: users have a name\n-- severity: {severity}\n-- table: public.users\n-- key: id\n-- show: name\n-- find:\n\
         SELECT id, name FROM users WHERE name IS NULL OR name = 'wrong';\n"
    );
    fs::write(site.path().join(format!("checks/{name}.sql")), text).unwrap();
}

#[test]
fn data() {
    let site = project("", &[]);
    let database = at_base(&site);
    assert_eq!(
        section(&document(&site, &database, &[], 0), "data")["what"],
        "this project has no data checks"
    );
    check(&site, "named", "error");
    let found = document(&site, &database, &[], 0);
    assert_eq!(
        (conclusion(&found, "data"), &section(&found, "data")["what"]),
        ("ready", &"1 check, no row is wrong".into())
    );
    database.exec("INSERT INTO users VALUES (1, 'wrong')");
    let found = document(&site, &database, &[], 1);
    assert_eq!(
        (conclusion(&found, "data"), codes(&found, "data")[0].as_str()),
        ("blocks", "data_check.failed")
    );
    gate(&site, &database)
        .exit(1)
        .says(["DO NOT DEPLOY: data: 1 of 1 check: 1 row wrong", "next: correct the rows by hand"]);
    check(&site, "named", "warning");
    assert_eq!(judged(&site, &database, "data", 0).0, "warns");
    // Rows that nobody shows this role.
    let role = format!("{}_tenant", database.name());
    database.exec(&format!(
        "CREATE ROLE \"{role}\" LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public, trueup TO \"{role}\"; \
         GRANT USAGE ON SCHEMA trueup TO \"{role}\"; ALTER TABLE users ENABLE ROW LEVEL SECURITY"
    ));
    let found = site
        .trueup(["gate", "--format", "json"], database.url_as(&role).as_str())
        .exit_in(&[1, 3])
        .document();
    assert_eq!(conclusion(&found, "data"), "cannot tell", "{found:#}");
    database.exec(&format!("DROP OWNED BY \"{role}\"; DROP ROLE \"{role}\""));
}

/// A project has the check of a new column together with the migration that adds it.
#[test]
fn a_check_of_what_is_pending_keeps_nobody_from_the_deploy() {
    let site = project("", &["ALTER TABLE users ADD COLUMN email text;"]);
    let database = at_base(&site);
    let check_of = |name: &str, column: &str| {
        let text = format!(
            "-- title: {name}\n-- severity: error\n-- table: public.users\n-- key: id\n-- find:\n\
             SELECT id FROM users WHERE {column} = 'wrong';\n"
        );
        fs::create_dir_all(site.path().join("checks")).unwrap();
        fs::write(site.path().join(format!("checks/{name}.sql")), text).unwrap();
    };
    check_of("named", "name");
    check_of("reachable", "email");
    let found = document(&site, &database, &[], 0);
    assert_eq!(conclusion(&found, "data"), "warns", "{found:#}");
    gate(&site, &database).exit(0).says([
        "1 check fits the schema only after the pending migrations",
        "asked after the migrations: checks/reachable.sql: line",
        "READY",
    ]);
    // The others are asked all the same.
    database.exec("INSERT INTO users VALUES (1, 'wrong')");
    gate(&site, &database).exit(1).says(["DO NOT DEPLOY: data", "1 row wrong", "asked after the migrations"]);
    database.exec("DELETE FROM users");
    // What no pending migration brings is no reason to wait.
    check_of("misspelt", "nmae");
    let misspelt = document(&site, &database, &[], 3);
    assert_eq!(conclusion(&misspelt, "data"), "cannot tell", "{misspelt:#}");
    assert!(section(&misspelt, "data")["what"].as_str().unwrap().contains("nmae"), "{misspelt:#}");
    fs::remove_file(site.path().join("checks/misspelt.sql")).unwrap();
    // When nothing is pending that could bring it, there is no answer.
    let after = document(&site, &database, &["--when", "after"], 1);
    assert_eq!(conclusion(&after, "data"), "cannot tell", "{after:#}");
    site.trueup(["upgrade", "--yes"], &database).exit(0);
    check_of("reachable", "no_such_column");
    assert_eq!(judged(&site, &database, "data", 3).0, "cannot tell");
}

#[test]
fn no_value_of_a_row_is_told() {
    let site = project("", &[]);
    let database = at_base(&site);
    check(&site, "named", "error");
    database.exec("INSERT INTO users VALUES (4711, 'wrong')");
    for format in ["human", "json", "markdown", "junit", "sarif", "github", "gitlab", "html"] {
        gate(&site, &database).args(["--format", format]).exit(1).lacks(["4711", "'wrong'"]);
    }
}

#[test]
fn backup() {
    let site = project("", &["ALTER TABLE users ADD COLUMN a int;"]);
    let database = at_base(&site);
    let toml = |settings: &str| {
        let text = format!("[project]\nname = \"gate\"\n{settings}");
        fs::write(site.path().join("trueup.toml"), text).unwrap();
    };
    // Nobody takes one.
    let found = document(&site, &database, &[], 0);
    assert_eq!(
        (conclusion(&found, "backup"), codes(&found, "backup")[0].as_str()),
        ("warns", "gate.backup.none")
    );
    // The upgrade takes one.
    toml("[backup]\nstore = \"kept\"\n");
    let found = document(&site, &database, &[], 0);
    assert_eq!(conclusion(&found, "backup"), "ready");
    assert!(
        section(&found, "backup")["what"].as_str().unwrap().starts_with("backup first: full pg_dump"),
        "{found:#}"
    );
    assert!(!site.path().join("kept").exists(), "the gate writes nothing");
    // The upgrade would take one, and its pg_dump is older than the server.
    let old = site.path().join("old");
    fs::create_dir(&old).unwrap();
    for program in ["pg_dump", "pg_restore"] {
        let path = old.join(program);
        fs::write(&path, format!("#!/bin/sh\necho '{program} (PostgreSQL) 9.6.24'\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let refused =
        gate(&site, &database).env("TRUEUP_PG_BIN", &old).args(["--format", "json"]).exit(1).document();
    assert_eq!(
        (conclusion(&refused, "backup"), codes(&refused, "backup")[0].as_str()),
        ("blocks", "backup.program_missing")
    );
    // Nobody knows what the store has.
    fs::write(site.path().join("file"), "").unwrap();
    toml("[backup]\nstore = \"file\"\n");
    let found = document(&site, &database, &[], 3);
    assert_eq!(conclusion(&found, "backup"), "cannot tell", "{found:#}");
    // One that is taken elsewhere has to be there.
    let elsewhere = "[backup]\nrequired = \"never\"\nstore = \"kept\"\n[gate]\nmax_backup_age = ";
    toml(&format!("{elsewhere}\"1d\"\n"));
    assert_eq!(codes(&document(&site, &database, &[], 1), "backup"), ["gate.backup.missing"]);
    gate(&site, &database).exit(1).says("next: trueup backup\n");
    site.trueup(["backup"], &database).exit(0);
    let (found, told) = judged(&site, &database, "backup", 0);
    assert_eq!(found, "ready", "{told:#}");
    toml(&format!("{elsewhere}\"0s\"\n"));
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert_eq!(codes(&document(&site, &database, &[], 1), "backup"), ["gate.backup.old"]);
    // Of another database.
    let other = at_base(&site);
    assert_eq!(codes(&document(&site, &other, &[], 1), "backup"), ["gate.backup.missing"]);
    // Nothing is applied.
    configure(&site, "");
    site.trueup(["upgrade", "--yes"], &database).exit(0);
    assert_eq!(section(&document(&site, &database, &[], 0), "backup")["what"], "nothing to apply");
}

#[test]
fn rehearsal() {
    let site = project("", &["ALTER TABLE users ADD COLUMN a int;"]);
    let database = at_base(&site);
    let found = document(&site, &database, &[], 0);
    assert_eq!(conclusion(&found, "rehearsal"), "off");
    configure(&site, "[gate.rehearsal]\n");
    assert_eq!(codes(&document(&site, &database, &[], 1), "rehearsal"), ["gate.rehearsal.missing"]);
    gate(&site, &database).exit(1).says("next: trueup rehearse --record rehearsal.json\n");
    site.trueup(["rehearse", "--record", "rehearsal.json"], &database).exit(0);
    let (found, told) = judged(&site, &database, "rehearsal", 0);
    assert_eq!(found, "ready", "{told:#}");
    let path = site.path().join("rehearsal.json");
    let record = fs::read_to_string(&path).unwrap();
    fs::write(
        &path,
        record
            .replace("\"passed\": true", "\"passed\": false")
            .replace("\"findings\": []", "\"findings\": [\"rehearse.down\"]"),
    )
    .unwrap();
    assert_eq!(codes(&document(&site, &database, &[], 1), "rehearsal"), ["gate.rehearsal.failed"]);
    fs::write(&path, "{}").unwrap();
    assert_eq!(judged(&site, &database, "rehearsal", 3).0, "cannot tell");
    fs::write(&path, record).unwrap();
    // Another state of the project.
    fs::write(site.path().join("migrations/V3__m.sql"), "ALTER TABLE users ADD COLUMN b int;").unwrap();
    site.compile();
    assert_eq!(codes(&document(&site, &database, &[], 1), "rehearsal"), ["gate.rehearsal.other"]);
}
