//! `--bundle`: one file for a ticket.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Duration;

use nix::sys::signal::Signal;
use serde_json::Value;

use super::{doctor, site};
use crate::support;
use crate::support::proxy::{Proxy, Then};

#[test]
fn the_bundle_has_what_a_helper_needs_and_overwrites_nothing() {
    let (project, _built) = site("[backup]\nrequired = \"never\"\n");
    let database = support::database();
    fs::create_dir(project.path().join("migrations")).unwrap();
    for (name, sql) in [
        ("V1__a", "CREATE TABLE users (id bigint PRIMARY KEY, name text);\n"),
        ("V2__b", "CREATE VIEW b AS SELECT 1 AS a;\n"),
        ("V3__c", "DROP VIEW b;\n"),
    ] {
        fs::write(project.path().join(format!("migrations/{name}.sql")), sql).unwrap();
    }
    project.compile();
    project.trueup(["upgrade", "--yes", "--to", "2"], &database).exit_in(&[0, 1]);
    fs::write(project.path().join("migrations/V2__b.sql"), "SELECT 22;\n").unwrap();
    let write = || doctor(&project, &database).args(["--bundle", "ticket.json"]);
    write().env("COLUMNS", "400").exit(0).says([
        "ticket.json, which only this account can read",
        "no rows, no passwords",
        "read it before you share it",
    ]);
    let file = project.path().join("ticket.json");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    let found: Value = serde_json::from_str(&text).unwrap();
    let states: Vec<&str> =
        found["migrations"].as_array().unwrap().iter().map(|one| one["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["applied", "applied with another text", "not applied"]);
    assert_eq!(found["migrations"][0]["file_checksum"], found["migrations"][0]["applied_checksum"]);
    let settings = found["server_settings"].as_array().unwrap();
    assert!(settings.iter().any(|one| one["name"] == "max_connections"), "{found:#}");
    assert_eq!(found["report"]["settings"][1]["origin"], "trueup.toml:2");
    assert_eq!(found["report"]["examinations"].as_array().unwrap().len(), 22);

    write().exit(2).says(["exists already, and is not overwritten", "name another file"]);
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
    doctor(&project, &database).args(["--bundle", "nowhere/ticket.json"]).exit(2).says("cannot be made");
}

#[test]
fn what_only_a_bundle_has_is_read_for_a_bundle_only_and_can_be_interrupted() {
    let (project, database) = site("");
    let (asked, is_asked) = channel();
    let (_goes_on, waits) = channel::<()>();
    let waits = Mutex::new(waits);
    let proxy = Proxy::start(&database, move |_, sql| {
        if sql.contains("'max_connections'") {
            let _ = asked.send(());
            let _ = waits.lock().unwrap().recv();
        }
        Then::Forward
    });
    let url = proxy.url(&database);
    doctor(&project, url.as_str()).exit(0);
    assert!(is_asked.try_recv().is_err(), "nobody asked for a bundle");
    let running = doctor(&project, url.as_str()).args(["--bundle", "ticket.json"]).start();
    is_asked.recv_timeout(Duration::from_secs(60)).unwrap();
    running.stop(Signal::SIGINT, Duration::from_secs(4)).exit(4).says("interrupted by SIGINT");
    assert!(!project.path().join("ticket.json").exists());
}
