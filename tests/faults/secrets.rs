//! A password appears nowhere, and variables of libpq do nothing. On the way to a connection: `tests/connect`.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cluster::cluster;
use crate::site::{Project, Site, findings};
use crate::support;

/// No other process of this machine has it.
fn canary() -> String {
    format!("canary{}bird", std::process::id())
}

/// Looks at every process but one: at its arguments and its environment, over and over.
struct Watch {
    stop: Arc<AtomicBool>,
    thread: std::thread::JoinHandle<(BTreeSet<String>, usize)>,
}

impl Watch {
    /// `except` is the process whose caller gave it the secret.
    fn start(secret: String, except: u32) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            let (mut found, mut servers) = (BTreeSet::new(), 0);
            while !stopped.load(Ordering::Relaxed) {
                for entry in fs::read_dir("/proc").unwrap().flatten() {
                    let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok())
                    else {
                        continue;
                    };
                    if pid == except || pid == std::process::id() {
                        continue;
                    }
                    // What was forked and has not become another program yet is still trueup.
                    let program = fs::read_link(entry.path().join("exe")).unwrap_or_default();
                    if program == Path::new(env!("CARGO_BIN_EXE_trueup")) {
                        continue;
                    }
                    for file in ["cmdline", "environ"] {
                        let bytes = fs::read(entry.path().join(file)).unwrap_or_default();
                        let text = String::from_utf8_lossy(&bytes);
                        servers += usize::from(is_childs(except, &entry.path()));
                        if text.contains(&secret) {
                            found.insert(format!("{pid} {file}: {}", text.replace('\0', " ")));
                        }
                    }
                }
            }
            (found, servers)
        });
        Self { stop, thread }
    }

    /// Where the secret was seen, and how often a child of the process was looked at.
    fn end(self) -> (BTreeSet<String>, usize) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn is_childs(parent: u32, process: &Path) -> bool {
    let stat = fs::read_to_string(process.join("stat")).unwrap_or_default();
    let fields = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
    fields.split(' ').nth(1).and_then(|ppid| ppid.parse().ok()) == Some(parent)
}

/// The whole way: a scratch server is started and its children live, while the secret is in the caller's hands.
#[test]
fn f53_a_password_reaches_no_child_no_output_and_no_file() {
    let secret = canary();
    let cluster = cluster();
    cluster.psql(&format!("ALTER ROLE app PASSWORD '{secret}'"));
    let project =
        Project::of_schema("CREATE TABLE t (id int);\nDO $$BEGIN PERFORM pg_catalog.pg_sleep(1); END$$;\n");
    let url = format!("postgres://app:{secret}@127.0.0.1:{}/shop", cluster.port);
    let by_flag: &[&str] = &["--database-url", &url];
    let before = files(project.path());
    for (flag, variables) in
        [(&[][..], vec![("DATABASE_URL", url.as_str()), ("PGPASSWORD", &secret)]), (by_flag, vec![])]
    {
        let mut command = project.trueup(&["check", "-v", "--format", "json", "--output", "report.json"], "");
        command.env_remove("DATABASE_URL").args(flag).envs(variables);
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let watch = Watch::start(secret.clone(), child.id());
        let output = child.wait_with_output().unwrap();
        let (seen, children) = watch.end();
        assert_eq!(seen, BTreeSet::new());
        assert!(children > 0, "the scratch server was looked at");
        let said = crate::site::said(&output);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(!said.contains(&secret), "{said}");
    }
    let made: Vec<_> = files(project.path()).difference(&before).cloned().collect();
    assert_eq!(made, ["report.json"]);
    let report = fs::read_to_string(project.path().join("report.json")).unwrap();
    assert!(!report.contains(&secret), "{report}");
    assert!(!report.is_empty() && fs::remove_file(project.path().join("report.json")).is_ok());
}

/// A given scratch server has a password of its own.
#[test]
fn f53_a_scratch_servers_password_is_in_no_lock_file_and_no_error() {
    let secret = canary();
    let host = support::database();
    let mut url = url::Url::parse(host.url()).unwrap();
    url.set_password(Some(&secret)).unwrap();
    let project = Project::of_schema("CREATE TABLE t (id int);\n");
    for scratch in
        [url.as_str(), &url.as_str().replace("5432", "5433"), &format!("postgres://u:{secret}@[::1")]
    {
        for verb in [&["check", "-v"][..], &["compile", "-v"]] {
            let output = project.trueup(verb, host.url()).args(["--scratch-url", scratch]).output().unwrap();
            let said = crate::site::said(&output);
            assert!(!said.contains(&secret), "{said}");
        }
    }
    for file in files(project.path()) {
        let text = fs::read(project.path().join(&file)).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&text).contains(&secret), "{file}");
    }
}

fn files(dir: &Path) -> BTreeSet<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// Everything that libpq and psql would read, over a whole check: the same document, but for the run's own name.
#[test]
fn f54_a_hostile_environment_changes_no_finding() {
    let site = Site::with_drift();
    let expected = site.findings();
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| home.path().join(name);
    fs::write(at(".psqlrc"), "DROP TABLE public.users CASCADE;\n").unwrap();
    fs::write(at(".pg_service.conf"), "[elsewhere]\nhost=elsewhere.invalid\ndbname=postgres\n").unwrap();
    fs::write(at(".pgpass"), "*:*:*:*:wrong\n").unwrap();
    let mut command: Command = site.project.check(site.database.url());
    command.env("HOME", home.path()).envs([
        ("PGSERVICE", "elsewhere"),
        ("PGSERVICEFILE", at(".pg_service.conf").to_str().unwrap()),
        ("PGHOST", "elsewhere.invalid"),
        ("PGHOSTADDR", "192.0.2.1"),
        ("PGPORT", "1"),
        ("PGDATABASE", "postgres"),
        ("PGUSER", "nobody"),
        ("PGPASSWORD", "wrong"),
        (
            "PGOPTIONS",
            "-c search_path=public -c quote_all_identifiers=on -c default_transaction_read_only=off",
        ),
        ("PGDATESTYLE", "German"),
        ("PGTZ", "Asia/Kathmandu"),
        ("PGCLIENTENCODING", "LATIN1"),
        ("PGGEQO", "off"),
        ("PGSSLMODE", "verify-full"),
        ("PGCHANNELBINDING", "require"),
        ("PGTARGETSESSIONATTRS", "standby"),
        ("PGCONNECT_TIMEOUT", "1"),
        ("PGAPPNAME", "somebody"),
        ("PSQLRC", at(".psqlrc").to_str().unwrap()),
        ("LC_ALL", "tr_TR.UTF-8"),
        ("TZ", "Asia/Kathmandu"),
        ("RUST_LOG", "trace"),
        ("RUST_BACKTRACE", "full"),
    ]);
    let output = command.args(["--format", "json"]).output().unwrap();
    assert_eq!(findings(&output), expected);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
