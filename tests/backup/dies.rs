//! `pg_dump` dies, the disk is full, trueup itself is told to stop or killed: nothing of it is ever listed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::sys::signal::Signal;

use super::site::{BOUND, STUCK, Site, runs};
use crate::support::tools::not_run;
use crate::support::wait_for;

#[test]
fn f48_a_pg_dump_that_fails_leaves_nothing() {
    let site = Site::new();
    for (script, word) in [
        ("\"$REAL\" \"$@\" | head -c 5000; echo 'pg_dump: error: it broke' >&2; exit 1", "it broke"),
        ("\"$REAL\" \"$@\" | head -c 5000; kill -9 $$", "signal: 9"),
        ("echo 'pg_dump: error: at once' >&2; exit 1", "at once"),
    ] {
        site.backup_by(&site.stub(script), &[])
            .exit(5)
            .says(["pg_dump failed, and no backup was taken", word]);
        site.nothing();
    }
}

/// The one that is being written.
fn partial(site: &Site) -> Option<PathBuf> {
    let name = site.stored().into_iter().find(|name| name.ends_with(".partial"))?;
    Some(site.store().join(name))
}

fn mode(path: &Path) -> u32 {
    path.symlink_metadata().unwrap().permissions().mode() & 0o7777
}

#[test]
fn f48_what_is_being_written_is_private_and_not_listed_and_gone_after_a_signal() {
    for (format, signal) in
        [("custom", Signal::SIGTERM), ("custom", Signal::SIGINT), ("directory", Signal::SIGHUP)]
    {
        let site = Site::new();
        site.settings(&format!("format = \"{format}\""));
        let script = if format == "custom" { STUCK } else { "\"$REAL\" \"$@\"; touch $HERE/begun; sleep 60" };
        let stub = site.stub(script);
        let child = site.backup_by(&stub, &[]).start();
        wait_for("the dump", || stub.join("begun").exists());
        let partial = partial(&site).expect("a partial backup");
        assert_eq!(mode(&site.store()), 0o700);
        assert_eq!(mode(&partial), 0o700);
        for entry in fs::read_dir(&partial).unwrap() {
            let path = entry.unwrap().path();
            assert_eq!(mode(&path), if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
        }
        assert_eq!(site.listed().len(), 0);
        child.stop(signal, BOUND).exit(5).says(format!("interrupted by {signal}"));
        site.nothing();
        wait_for("the end of pg_dump", || !runs(stub.to_str().unwrap()));
    }
}

/// The real one, in the middle of what the server sends: it and its connections are gone, too.
#[test]
fn f48_a_real_dump_that_is_interrupted_leaves_no_session() {
    let site = Site::new();
    site.settings("format = \"directory\"\njobs = 2");
    site.database.exec(
        "CREATE FUNCTION public.slow(int) RETURNS text LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.01); RETURN $1; END';
         CREATE TABLE public.c (id int);
         INSERT INTO public.c SELECT generate_series(1, 2000000)",
    );
    let child = site.backup(&["--verify", "quick"]).start();
    let others = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'trueup/%' \
                  AND datname = current_database()";
    wait_for("pg_dump's sessions", || site.database.value(others).parse::<u32>().unwrap() >= 4);
    child.stop(Signal::SIGTERM, BOUND).exit(5);
    site.nothing();
    wait_for("the end of all sessions", || site.database.value(others) == "0");
}

#[test]
fn f48_what_a_killed_trueup_left_is_not_listed_and_is_swept_unlike_what_is_being_written() {
    let site = Site::new();
    let kept_stub = site.stub(STUCK);
    let at_work = site.backup_by(&kept_stub, &[]).start();
    wait_for("the dump", || kept_stub.join("begun").exists());
    let at_work_in = site.stored();
    let stub = site.stub(STUCK);
    let child = site.backup_by(&stub, &[]).start();
    wait_for("the dump", || stub.join("begun").exists());
    assert_eq!(site.stored().len(), 2);
    child.stop(Signal::SIGKILL, BOUND).killed();
    assert_eq!(site.stored().len(), 2, "a partial one is left");
    assert_eq!(site.listed().len(), 0);
    let taken = site.taken(&[]);
    let mut stored = at_work_in.clone();
    stored.push(taken["id"].as_str().unwrap().to_owned());
    stored.sort();
    assert_eq!(site.stored(), stored, "the killed one is swept, the other one is not");
    assert_eq!(site.listed().len(), 1);
    at_work.stop(Signal::SIGTERM, BOUND).exit(5);
    assert_eq!(site.stored().len(), 1);
}

/// A small file system of its own, gone at the end.
struct Disk(PathBuf);

impl Disk {
    fn mount(at: &Path) -> Option<Self> {
        fs::create_dir_all(at).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=400k,mode=0700", "tmpfs"])
            .arg(at)
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then(|| Self(at.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn f48_a_full_disk_is_said_and_nothing_is_left_there() {
    let site = Site::new();
    let Some(_disk) = Disk::mount(&site.store()) else {
        return not_run("mounting a small tmpfs needs root");
    };
    for format in ["custom", "directory"] {
        site.settings(&format!("format = \"{format}\""));
        site.backup(&[]).exit(5).says(["No space left on device", "free space on this machine's disk"]);
        site.nothing();
    }
}
