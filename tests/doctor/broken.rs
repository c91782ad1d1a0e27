//! It works with everything broken: what depends on something that failed is not asked, and all else goes on.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{configure, doctor, document, examination, expect, site, what};
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
    configure(&project, "[database]\nschema = [\"public\"]\n[backup]\nstore = \"kept-here\"\n[nonsense]\n");
    let found = document(doctor(&project, &database), 1);
    expect(
        &found,
        &[
            ("settings", "fail: project.file_invalid, project.file_invalid"),
            ("authentication", "ok"),
            ("store", "ok"),
            ("scratch", "ok"),
        ],
    );
    assert!(what(&found, "store").contains("kept-here"), "{}", what(&found, "store"));
    doctor(&project, &database)
        .exit(1)
        .says(["trueup.toml:4: unknown key \"schema\"", "trueup.toml:7: unknown key"]);
    // Every other command refuses the file.
    project.trueup(["check"], &database).exit(2).says("trueup.toml:4: unknown key");
    fs::write(project.path().join("trueup.toml"), "[database\n").unwrap();
    let found = document(doctor(&project, &database), 1);
    expect(&found, &[("settings", "fail: project.file_invalid"), ("authentication", "ok"), ("rights", "ok")]);
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
