//! The probe in the store of backups.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::{configure, doctor, document, expect, site};
use crate::support::wait_for;

#[test]
fn a_probe_leaves_nothing_and_a_store_that_takes_none_fails() {
    let (project, database) = site("[backup]\nstore = \"a/b\"\n");
    let store = project.path().join("a/b");
    expect(&document(doctor(&project, &database), 0), &[("store", "ok")]);
    assert!(!project.path().join("a").exists(), "a directory that was made for the probe is removed");
    fs::create_dir_all(&store).unwrap();
    fs::write(store.join("kept"), "").unwrap();
    expect(&document(doctor(&project, &database), 0), &[("store", "ok")]);
    let left: Vec<_> = fs::read_dir(&store).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["kept"]);

    fs::set_permissions(&store, fs::Permissions::from_mode(0o777)).unwrap();
    expect(&document(doctor(&project, &database), 1), &[("store", "fail: backup.store_unavailable")]);
    fs::remove_dir_all(&store).unwrap();
    fs::write(&store, "a file").unwrap();
    expect(
        &document(doctor(&project, &database), 1),
        &[("store", "fail: backup.store_unavailable"), ("scratch", "ok")],
    );
    // Nobody writes below a file, not even root.
    configure(&project, "[backup]\nstore = \"a/b/c\"\nrequired = \"never\"\n");
    expect(&document(doctor(&project, &database), 0), &[("store", "warn: backup.store_unavailable")]);
}

#[test]
fn an_interrupted_examination_leaves_nothing() {
    let (project, _database) = site("[database]\nconnect_timeout = \"60s\"\n");
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://app@127.0.0.1:{}/shop", silent.local_addr().unwrap().port());
    let bundle = project.path().join("ticket.json");
    let running = doctor(&project, url.as_str()).args(["--bundle", "ticket.json"]).start();
    wait_for("the connection", || silent.accept().is_ok());
    assert!(bundle.exists());
    running.stop(Signal::SIGINT, Duration::from_secs(10)).exit(4).says("interrupted by SIGINT");
    assert!(!bundle.exists() && !project.path().join("backups").exists());
}
