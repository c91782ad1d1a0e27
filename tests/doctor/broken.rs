//! It works with everything broken: what depends on something that failed is not asked, and all else goes on.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use super::{configure, doctor, document, examination, expect, origin, result, site, what};
use crate::support;
use crate::support::cluster::{cluster, fake_server};
use crate::support::proxy::{Proxy, Then};

/// What needs a connection.
const ON_SERVER: [&str; 10] = [
    "pooler",
    "server",
    "standby",
    "history",
    "identity",
    "rights",
    "row-security",
    "timeouts",
    "clock",
    "extensions",
];
/// What needs nothing of the database.
const HERE: [(&str, &str); 4] = [("store", "ok"), ("scratch", "ok"), ("locale", "ok"), ("terminal", "ok")];

#[test]
fn everything_well_is_ok() {
    let (project, database) = site("");
    let found = document(doctor(&project, &database), 0);
    let all = found["examinations"].as_array().unwrap();
    assert_eq!(all.len(), 22);
    // Whether the server's major still gets fixes, the day decides.
    for one in all.iter().filter(|one| one["name"] != "server") {
        assert_eq!(one["result"], "ok", "{one:#}");
    }
    let verdict =
        if examination(&found, "server")["result"] == "ok" { "OK: 22 examined" } else { "WARN: server" };
    doctor(&project, &database).exit(0).says(verdict);
}

#[test]
fn each_way_not_to_reach_a_database_is_told_and_the_rest_goes_on() {
    let (project, _database) = site("");
    let cluster = cluster();
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let not_postgres = fake_server(|_, stream| {
        let _ = stream.read(&mut [0; 8]);
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    });
    let cases: [(String, i32, &str, &str); 9] = [
        ("postgres://app@no-such-host.invalid/shop".into(), 3, "dns", "fail: connection.unreachable"),
        (format!("postgres://app@127.0.0.1:{closed}/shop"), 3, "tcp", "fail: connection.refused"),
        ("postgres://app@/shop?host=/nonexistent".into(), 3, "tcp", "fail: connection.unreachable"),
        (
            format!("postgres://app@127.0.0.1:{not_postgres}/shop"),
            1,
            "authentication",
            "fail: connection.not_postgresql",
        ),
        (
            cluster.url("secured:wrong@127.0.0.1", "shop"),
            1,
            "authentication",
            "fail: connection.authentication",
        ),
        (cluster.url("app@127.0.0.1", "nothing"), 1, "authentication", "fail: connection.no_such_database"),
        (cluster.url("app@127.0.0.1", "closed"), 1, "authentication", "fail: permission.missing"),
        (
            cluster.url("cannot_login@127.0.0.1", "shop"),
            1,
            "authentication",
            "fail: connection.authentication",
        ),
        ("mysql://app@127.0.0.1/shop".into(), 1, "address", "fail: connection.url_invalid"),
    ];
    for (url, exit, failing, result) in cases {
        let found = document(doctor(&project, url.as_str()).case(&url), exit);
        expect(&found, &[(failing, result), ("settings", "ok"), ("project", "ok"), ("pg_dump", "ok")]);
        expect(&found, &HERE);
        expect(&found, &ON_SERVER.map(|name| (name, "not asked")));
        assert_eq!(what(&found, "rights"), format!("{failing} failed"), "{url}");
        assert_ne!(examination(&found, failing)["problems"][0]["next"], "", "{url}");
        let human = doctor(&project, url.as_str()).exit(exit);
        human.says([format!("FAIL {failing}: ").as_str(), &format!("FAIL: {failing}; ")]).lacks("wrong@");
    }
}

#[test]
fn a_server_that_says_nothing_is_given_up() {
    let (project, _database) = site("[database]\nconnect_timeout = \"1s\"\n");
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://app@127.0.0.1:{}/shop", silent.local_addr().unwrap().port());
    let found = document(doctor(&project, url.as_str()), 3);
    expect(&found, &[("tcp", "ok"), ("authentication", "fail: connection.timeout"), ("server", "not asked")]);
    expect(&found, &HERE);
}

#[test]
fn a_broken_settings_file_is_told_with_its_line_and_the_rest_of_it_counts() {
    let (project, database) = site("");
    let broken = "[database]\nurl_env = \"OTHER_URL\"\nschema = [\"public\"]\n[backup]\nstore = \"kept-here\"\n[nonsense]\n";
    configure(&project, broken);
    // The database that is meant may be another one: none is asked, but one that the command line names.
    let found = document(doctor(&project, &database), 1);
    expect(
        &found,
        &[
            ("settings", "fail: project.file_invalid, project.file_invalid"),
            ("address", "not asked"),
            ("authentication", "not asked"),
            ("store", "ok"),
            ("scratch", "ok"),
        ],
    );
    assert_eq!(what(&found, "rights"), "[database] cannot be read, and so which database is meant");
    assert!(what(&found, "store").contains("kept-here"), "{}", what(&found, "store"));
    assert_eq!(origin(&found, "backup.store"), "trueup.toml:7");
    // What was not taken from the section is the default.
    assert_eq!(origin(&found, "database.url_env"), "default");
    // The findings are where the errors are, and nowhere where there is no place.
    let places: Vec<_> = found["findings"].as_array().unwrap().iter().map(|one| &one["location"]).collect();
    assert_eq!(places.len(), 2, "{found:#}");
    assert_eq!((&places[0]["file"], &places[0]["line"]), (&"trueup.toml".into(), &5.into()));
    assert_eq!((&places[1]["file"], &places[1]["line"]), (&"trueup.toml".into(), &8.into()));
    doctor(&project, &database)
        .exit(1)
        .says(["trueup.toml:5: unknown key \"schema\"", "trueup.toml:8: unknown key"]);
    let named = doctor(&project, &database).args(["--database-url", database.url()]);
    expect(&document(named, 1), &[("address", "ok"), ("authentication", "ok"), ("rights", "ok")]);
    // Every other command refuses the file.
    project.trueup(["check"], &database).exit(2).says("trueup.toml:5: unknown key");
    configure(&project, "[backup]\nstores = \"elsewhere\"\n");
    let found = document(doctor(&project, &database), 1);
    expect(&found, &[("address", "ok"), ("store", "not asked")]);
    assert!(!project.path().join("backups").exists());
    fs::write(project.path().join("trueup.toml"), "[database\n").unwrap();
    let found = document(doctor(&project, &database), 1);
    expect(
        &found,
        &[
            ("settings", "fail: project.file_invalid"),
            ("address", "not asked"),
            ("store", "not asked"),
            ("scratch", "ok"),
        ],
    );
}

#[test]
fn without_a_project_the_database_is_examined_all_the_same() {
    let (_project, database) = site("");
    let elsewhere = tempfile::tempdir().unwrap();
    let run =
        || support::trueup(["doctor"]).current_dir(elsewhere.path()).env("DATABASE_URL", database.url());
    let found = document(run(), 1);
    expect(
        &found,
        &[
            ("project", "fail: project.not_found"),
            ("history", "not asked"),
            ("extensions", "not asked"),
            ("authentication", "ok"),
            ("rights", "ok"),
            ("store", "ok"),
        ],
    );
    let found = document(run().env_remove("DATABASE_URL"), 1);
    expect(&found, &[("address", "fail: connection.not_given"), ("tcp", "not asked"), ("scratch", "ok")]);
    assert!(fs::read_dir(elsewhere.path()).unwrap().next().is_none(), "nothing is left there");
}

#[test]
fn an_unknown_environment_asks_no_database() {
    let (project, database) = site("[environments.production]\nurl_env = \"PRODUCTION_URL\"\n");
    let found = document(doctor(&project, &database).args(["--env", "prodution"]), 1);
    expect(
        &found,
        &[
            ("settings", "fail: environment.unknown"),
            ("address", "not asked"),
            ("authentication", "not asked"),
            ("scratch", "ok"),
        ],
    );
    let found = document(doctor(&project, &database).args(["--env", "production"]), 1);
    expect(&found, &[("address", "fail: connection.not_given")]);
    // It is in the file, which cannot be read: that is all that is wrong.
    configure(&project, "[environments.production]\nurl_envs = \"PRODUCTION_URL\"\n");
    let found = document(doctor(&project, &database).args(["--env", "production"]), 1);
    expect(&found, &[("settings", "fail: project.file_invalid"), ("address", "not asked")]);
    expect(&document(doctor(&project, &database), 1), &[("address", "ok"), ("authentication", "ok")]);
}

/// Programs of PostgreSQL that only say their version.
fn programs(dir: &Path, version: &str) {
    fs::create_dir(dir).unwrap();
    for program in ["pg_dump", "pg_restore"] {
        let path = dir.join(program);
        fs::write(&path, format!("#!/bin/sh\necho '{program} (PostgreSQL) {version}'\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn f63_a_machine_without_postgresql_is_told_what_is_missing() {
    let (project, database) = site("");
    let found = document(project.without_postgres(["doctor"], &database), 0);
    expect(&found, &[("scratch", "warn: scratch.unavailable"), ("store", "ok")]);
    let (old, new) = (project.path().join("old"), project.path().join("new"));
    programs(&old, "12.1");
    programs(&new, "99.1");
    let run = |programs: &Path| doctor(&project, &database).env("TRUEUP_PG_BIN", programs);
    expect(&document(run(&old), 1), &[("pg_dump", "fail: backup.program_missing")]);
    run(&old).exit(1).says(["needs a pg_dump of", "version 12.1"]);
    configure(&project, "[backup]\nrequired = \"never\"\n");
    expect(&document(run(&old), 0), &[("pg_dump", "warn: backup.program_missing")]);
    let found = document(run(&new), 0);
    expect(&found, &[("pg_dump", "ok")]);
    assert!(what(&found, "pg_dump").starts_with("99.1 in "), "{}", what(&found, "pg_dump"));
    assert!(what(&found, "pg_dump").ends_with("none of its own major was found"));
}

#[test]
fn a_connection_that_is_cut_fails_one_examination_and_the_next_has_another_one() {
    let (project, database) = site("");
    let proxy = Proxy::start(&database, |_, sql| match sql.contains("row_security_active(c.oid) ORDER BY") {
        true => Then::HangUp,
        false => Then::Forward,
    });
    let found = document(doctor(&project, proxy.url(&database).as_str()), 1);
    expect(
        &found,
        &[("row-security", "fail: connection.lost"), ("rights", "ok"), ("timeouts", "ok"), ("locale", "ok")],
    );
    // An examination that failed says why, whichever it is.
    let proxy = Proxy::start(&database, |_, sql| match sql.contains("has_schema_privilege") {
        true => Then::HangUp,
        false => Then::Forward,
    });
    let found = document(doctor(&project, proxy.url(&database).as_str()), 1);
    expect(&found, &[("rights", "fail: connection.lost"), ("row-security", "ok")]);
    assert_eq!(what(&found, "rights"), examination(&found, "rights")["problems"][0]["what"]);
}

#[test]
fn a_server_that_says_nothing_any_more_is_given_up_once() {
    let (project, database) = site("[database]\nconnect_timeout = \"1s\"\n");
    let (asked, is_asked) = channel();
    let (stalls, is_stalled) = channel();
    let is_stalled = Mutex::new(is_stalled);
    let proxy = Proxy::start(&database, move |_, sql| {
        if sql.contains("pg_is_in_recovery") && sql.contains("read_only") {
            let _ = asked.send(());
            let _ = is_stalled.lock().unwrap().recv();
        }
        Then::Forward
    });
    let running = doctor(&project, proxy.url(&database).as_str()).args(["--format", "json"]).start();
    is_asked.recv_timeout(Duration::from_secs(60)).unwrap();
    proxy.stall();
    stalls.send(()).unwrap();
    let found = running.ended().exit(1).document();
    // The one that waited, and the one that did not get another connection.
    expect(&found, &[("standby", "fail: timeout"), ("history", "fail: connection.timeout")]);
    let lost = ["rights", "row-security", "timeouts", "clock", "extensions"];
    for name in lost {
        assert_eq!(
            (what(&found, name), result(&found, name).as_str()),
            ("the connection was lost", "not asked")
        );
    }
    expect(&found, &HERE);
}

#[test]
fn a_role_that_cannot_be_taken_fails_once() {
    let (project, database) = site("[database]\nset_role = \"nobody_here\"\n");
    let found = document(doctor(&project, &database), 1);
    expect(&found, &[("authentication", "fail: permission.missing"), ("settings", "ok"), ("pg_dump", "ok")]);
    expect(&found, &HERE);
    expect(&found, &ON_SERVER.map(|name| (name, "not asked")));
    assert_eq!(what(&found, "rights"), "authentication failed");
    let said = what(&found, "authentication");
    assert!(said.starts_with("[database] set_role \"nobody_here\" cannot be taken"), "{said}");
}

#[test]
fn a_lock_file_that_is_stale_is_a_warning() {
    let (project, database) = site("");
    fs::write(project.path().join("schema/more.sql"), "CREATE TABLE more ();\n").unwrap();
    expect(&document(doctor(&project, &database), 0), &[("project", "warn: lock")]);
    fs::remove_file(project.lock()).unwrap();
    expect(
        &document(doctor(&project, &database), 0),
        &[("project", "warn: lock"), ("extensions", "not asked")],
    );
    fs::write(project.lock(), "nonsense").unwrap();
    expect(&document(doctor(&project, &database), 1), &[("project", "fail: lock_file.invalid")]);
}
