//! A password appears nowhere, and variables of libpq redirect nothing.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::sys::signal::Signal;

use super::site::{BOUND, ROWS, STUCK, Site};
use crate::support::cluster::{Cluster, cluster};
use crate::support::watch::{Watch, canary};
use crate::support::{self, wait_for};

/// A password that needs escaping in a URL and in a password file; [`canary`] is the part of it that does not.
fn secret() -> String {
    format!("{}:\\x", canary("backup"))
}

/// Every file below a directory, with what is in it.
fn texts(dir: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(texts(&path));
        } else {
            let bytes = fs::read(&path).unwrap_or_default();
            found.push((path.display().to_string(), String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
    found
}

/// The one database that asks for a password: one test at a time has it.
type Turn = (Arc<Cluster>, MutexGuard<'static, ()>);

/// A database that asks for the password, and a URL that has it.
fn guarded(site: &Site) -> (Turn, String) {
    static TURN: Mutex<()> = Mutex::new(());
    // A test that has failed has nothing to do with the next one.
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let cluster = cluster();
    let secret = secret();
    let url = cluster.url("postgres@127.0.0.1", "guarded");
    // Not by a program: the other test looks at every program's arguments.
    let role = format!("ALTER ROLE guarded PASSWORD '{secret}'; GRANT pg_read_all_data TO guarded");
    support::try_query_at(&url, &role).unwrap();
    let rows = format!("DROP TABLE IF EXISTS public.a, public.b, public.empty; {ROWS}");
    support::try_query_at(&url, &rows).unwrap();
    let mut url = url::Url::parse(&cluster.url("guarded@127.0.0.1", "guarded")).unwrap();
    url.set_password(Some(&secret)).unwrap();
    fs::create_dir_all(site.dir().join("tmp")).unwrap();
    ((cluster, turn), url.into())
}

#[test]
fn f53_a_password_reaches_no_child_no_output_and_no_file() {
    let site = Site::of("");
    let (_cluster, url) = guarded(&site);
    let (secret, tmp) = (secret(), site.dir().join("tmp"));
    let slow = site.stub("sleep 0.4; exec \"$REAL\" \"$@\"");
    let bin = slow.to_str().unwrap();
    for (format, args) in [
        ("custom", &["-v", "--pg-bin", bin][..]),
        ("directory", &["-v", "--format", "json", "--pg-bin", bin]),
    ] {
        site.settings(&format!("format = \"{format}\""));
        let child = site.backup_of(&url, args).env("TMPDIR", &tmp).env("PGPASSWORD", &secret).start();
        let watch = Watch::start(canary("backup"), child.id());
        let ran = child.ended();
        let seen = watch.end();
        assert_eq!(seen.found, BTreeSet::new());
        assert!(seen.programs.contains("pg_dump"), "{:?}", seen.programs);
        ran.exit(0).lacks("canary");
    }
    assert_eq!(texts(&tmp), []);
    for (file, text) in texts(site.dir()) {
        assert!(!text.contains("canary"), "{file}");
    }
}

#[test]
fn f53_a_pg_dump_that_fails_or_is_killed_with_trueup_gives_no_password_away() {
    let site = Site::of("");
    let (_cluster, url) = guarded(&site);
    let tmp = site.dir().join("tmp");
    let stub = site.stub("echo \"pg_dump: error: $* $(env)\" >&2; exit 1");
    let backup = |stub: &Path, args: &[&str]| {
        let backup = site.backup_of(&url, args).arg("--pg-bin").arg(stub);
        backup.env("TMPDIR", &tmp).env("RUST_BACKTRACE", "full").env("RUST_LOG", "trace")
    };
    for args in [&["-v"][..], &["--format", "json"]] {
        backup(&stub, args).exit(5).says("pg_dump failed").lacks("canary");
    }
    let wrong = url.replace("canary", "canary0");
    let ran = site.backup_of(&wrong, &["-v"]).run().lacks("canary");
    assert_ne!(ran.code(), Some(0), "{}", ran.shown());
    // Nobody is left who could remove it.
    let stuck = site.stub(STUCK);
    let child = backup(&stuck, &[]).start();
    wait_for("the dump", || stuck.join("begun").exists());
    child.stop(Signal::SIGKILL, BOUND).killed();
    for (file, text) in texts(&tmp) {
        assert!(!text.contains("canary"), "{file} is left");
    }
}

/// Everything that libpq would read leads elsewhere.
#[test]
fn f54_a_hostile_environment_redirects_no_pg_dump() {
    let site = Site::new();
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    fs::write(at(".pg_service.conf"), "[elsewhere]\nhost=elsewhere.invalid\ndbname=postgres\n").unwrap();
    fs::write(at(".pgpass"), "*:*:*:*:wrong\n").unwrap();
    fs::set_permissions(at(".pgpass"), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let stub = site.stub("env | sed 's/=.*//' | sort >$HERE/environment; exec \"$REAL\" \"$@\"");
    for format in ["custom", "directory"] {
        site.settings(&format!("format = \"{format}\""));
        let backup = site.backup_by(&stub, &["--format", "json"]).env("HOME", home.path()).envs([
            ("PGSERVICE", "elsewhere"),
            ("PGSERVICEFILE", at(".pg_service.conf").to_str().unwrap()),
            ("PGHOST", "elsewhere.invalid"),
            ("PGHOSTADDR", "192.0.2.1"),
            ("PGPORT", "1"),
            ("PGDATABASE", "postgres"),
            ("PGUSER", "nobody"),
            ("PGPASSWORD", "wrong"),
            ("PGOPTIONS", "-c default_transaction_read_only=off -c search_path=x -c row_security=on"),
            ("PGCLIENTENCODING", "LATIN1"),
            ("PGSSLMODE", "verify-full"),
            ("PGTARGETSESSIONATTRS", "standby"),
            ("PGAPPNAME", "somebody"),
            ("LC_ALL", "tr_TR.UTF-8"),
            ("TZ", "Asia/Kathmandu"),
        ]);
        let backup = backup.exit(0).json()["backup"].clone();
        assert_eq!(backup["source"]["database"], site.database.name());
        let rows: u64 =
            backup["relations"].as_array().unwrap().iter().filter_map(|one| one["rows"].as_u64()).sum();
        assert_eq!(rows, 20_100);
        let environment = fs::read_to_string(stub.join("environment")).unwrap();
        let known =
            ["PGPASSFILE", "HOME", "PATH", "LD_LIBRARY_PATH", "LC_ALL", "TZ", "PWD", "SHLVL", "OLDPWD", "_"];
        for name in environment.lines() {
            assert!(known.contains(&name), "{name} reached pg_dump");
        }
    }
}
