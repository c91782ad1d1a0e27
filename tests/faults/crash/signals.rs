//! A run that is told to stop: it ends within its bound, rolls back or finishes what is begun, and says how to go on.

use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::openpty;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{applied_once, ends_within, holds, project, resumes, send, start, upgrade, wait_for_statement};
use crate::support::project::{Project, expect};
use crate::support::proxy::{Proxy, Then};
use crate::support::{self, TestDatabase};

const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];
/// How soon a run has to be gone: what it is in is cancelled at once.
const BOUND: Duration = Duration::from_secs(10);

const MIGRATIONS: [(&str, &str); 3] = [
    ("V1__a", "CREATE TABLE a (id int);"),
    ("V2__b", "CREATE TABLE b (id int);\nINSERT INTO gate SELECT;\nCREATE TABLE bb (id int);"),
    ("V3__i", "-- trueup: no-transaction\nCREATE INDEX CONCURRENTLY a_i ON a (id);"),
];

/// The model has a table of the test's, at which the second migration is held up.
const MODEL: &str = "CREATE TABLE a (id int); CREATE INDEX a_i ON a (id);
    CREATE TABLE b (id int); CREATE TABLE bb (id int); CREATE TABLE gate ();";

/// Nothing gives up by itself.
const PATIENT: &str = "[migrations]\nlock_timeout = \"60s\"\nmax_duration = \"60s\"\nwait = \"60s\"\n";

fn site() -> (Project, TestDatabase) {
    let mut migrations = MIGRATIONS;
    migrations[0].1 = "CREATE TABLE a (id int); CREATE TABLE gate ();";
    (project(&migrations, MODEL, PATIENT), support::database())
}

/// Does something while somebody holds up whoever comes to these tables.
fn while_locked<T>(database: &TestDatabase, lock: &str, work: impl FnOnce() -> T) -> T {
    let runtime = support::runtime();
    let mut holder = runtime.block_on(database.connect());
    runtime.block_on(holder.execute(format!("BEGIN; {lock}"))).unwrap();
    let done = work();
    runtime.block_on(holder.close());
    done
}

fn to_the_first(project: &Project, database: &TestDatabase) {
    expect(&upgrade(project, database.url()).args(["--to", "1"]).output().unwrap(), 0, &[]);
}

#[test]
fn f08_in_a_transactional_migration() {
    let (project, database) = site();
    to_the_first(&project, &database);
    for signal in SIGNALS {
        while_locked(&database, "LOCK TABLE gate IN SHARE MODE", || {
            let child = start(upgrade(&project, database.url()));
            wait_for_statement(&database, "%INSERT INTO gate%");
            send(&child, signal);
            let (code, said) = ends_within(child, BOUND);
            assert_eq!(code, Some(5), "{said}");
            for words in [&format!("interrupted by {signal}"), "V2__b", "run the same command again"] {
                assert!(said.contains(words), "{words}: {said}");
            }
        });
        assert!(holds(&database, "to_regclass('b') IS NULL"));
        applied_once(&database, 1);
        let ended = "SELECT outcome || ' ' || exit_code FROM trueup.runs ORDER BY started_at DESC LIMIT 1";
        assert_eq!(database.value(ended), "rolled-back 5");
    }
    resumes(&project, &database, 3);
}

/// What it was at is left half-made, is said so, and removed by the same command.
#[test]
fn f08_in_create_index_concurrently() {
    let (project, database) = site();
    expect(&upgrade(&project, database.url()).args(["--to", "2"]).output().unwrap(), 0, &[]);
    for signal in SIGNALS {
        while_locked(&database, "INSERT INTO a VALUES (1)", || {
            let child = start(upgrade(&project, database.url()));
            // From the second time on what the first left is removed before.
            wait_for_statement(&database, "% INDEX CONCURRENTLY%");
            super::wait_for("the invalid index", || holds(&database, "to_regclass('a_i') IS NOT NULL"));
            send(&child, signal);
            let (code, said) = ends_within(child, BOUND);
            assert_eq!(code, Some(6), "{said}");
            let words =
                [&format!("interrupted by {signal}"), "V3__i", "public.a_i is invalid", "the same command"];
            for words in words {
                assert!(said.contains(words), "{words}: {said}");
            }
        });
        let status = project.command(&["status"], database.url()).output().unwrap();
        expect(&status, 1, &["V3__i", "CREATE INDEX CONCURRENTLY"]);
    }
    resumes(&project, &database, 3);
}

#[test]
fn f08_while_another_run_holds_the_lock() {
    let (project, database) = site();
    let lock = "SELECT pg_advisory_lock(8390876182742073344)";
    for signal in SIGNALS {
        while_locked(&database, lock, || {
            let child = start(upgrade(&project, database.url()));
            wait_for_statement_of_lock(&database);
            send(&child, signal);
            let (code, said) = ends_within(child, BOUND);
            assert_eq!(code, Some(4), "{said}");
            assert!(said.contains(&format!("interrupted by {signal}: nothing was changed")), "{said}");
        });
        assert!(holds(&database, "to_regnamespace('trueup') IS NULL"));
    }
    resumes(&project, &database, 3);
}

/// Waits until a run has asked for the lock once more than once.
fn wait_for_statement_of_lock(database: &TestDatabase) {
    let asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name LIKE 'trueup/% upgrade' AND query LIKE '%pg_try_advisory_lock(%' AND state = 'idle'";
    super::wait_for("the question for the lock", || database.value(asked) == "1");
}

/// Before a message of the run gets through, the signal has come.
fn signalled_at(project: &Project, database: &TestDatabase, text: &'static str) -> (Option<i32>, String) {
    let process = Arc::new(AtomicI32::new(0));
    let (target, fired) = (Arc::clone(&process), AtomicBool::new(false));
    let proxy = Proxy::start(database, move |_, sql| {
        if sql.contains(text) && !fired.swap(true, Ordering::SeqCst) {
            kill(Pid::from_raw(target.load(Ordering::SeqCst)), Signal::SIGTERM).unwrap();
            std::thread::sleep(Duration::from_millis(100));
        }
        Then::Forward
    });
    let child = start(upgrade(project, &proxy.url(database)));
    process.store(super::pid(&child).as_raw(), Ordering::SeqCst);
    ends_within(child, BOUND)
}

/// Whatever it is at, the run ends in time with a code that is true, and the same command goes on.
#[test]
fn f08_between_the_steps() {
    let (project, _) = site();
    for (text, codes, applied) in [
        // Reading, and everything before the lock.
        ("pg_try_advisory_lock(", &[4][..], 0),
        ("CREATE SCHEMA trueup", &[4, 5], 0),
        ("CREATE TABLE IF NOT EXISTS public.refinery_schema_history", &[5], 0),
        ("CREATE TABLE a", &[5, 6], 0),
        ("CREATE TABLE b", &[6], 1),
        ("INSERT INTO trueup.steps", &[6], 2),
        ("state = 'done'", &[6, 0], 2),
        ("outcome = 'clean'", &[0], 3),
    ] {
        let database = support::database();
        let (code, said) = signalled_at(&project, &database, text);
        assert!(code.is_some_and(|code| codes.contains(&code)), "{text}: {code:?}: {said}");
        if code != Some(0) {
            assert!(said.contains("interrupted by SIGTERM"), "{text}: {said}");
            assert!(said.contains("same command"), "{text}: {said}");
        }
        if applied > 0 {
            let count = "SELECT count(*) FROM trueup.migrations";
            assert!(database.value(count).parse::<i32>().unwrap() >= applied, "{text}: {said}");
        }
        if code == Some(0) {
            applied_once(&database, 3);
        } else {
            resumes(&project, &database, 3);
        }
    }
}

/// The terminal is closed: nobody reads any more what is said, and the run ends all the same.
#[test]
fn f08_the_terminal_is_gone() {
    let (project, database) = site();
    to_the_first(&project, &database);
    while_locked(&database, "LOCK TABLE gate IN SHARE MODE", || {
        let terminal = openpty(None, None).unwrap();
        fcntl(&terminal.master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
        let run = upgrade(&project, database.url());
        let mut session = Command::new("setsid");
        session.arg("--ctty").arg(run.get_program()).args(run.get_args());
        session.env_clear().current_dir(project.path());
        session.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
        let end = |fd: &OwnedFd| Stdio::from(fd.try_clone().unwrap());
        session.stdin(end(&terminal.slave)).stdout(end(&terminal.slave)).stderr(end(&terminal.slave));
        let mut child = session.spawn().unwrap();
        drop(session);
        drop(terminal.slave);
        wait_for_statement(&database, "%INSERT INTO gate%");
        drop(terminal.master);
        let closed = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            assert!(closed.elapsed() < BOUND, "the closed terminal did not end it");
            std::thread::sleep(Duration::from_millis(10));
        };
        assert_eq!(status.code(), Some(5), "{status}");
    });
    assert!(holds(&database, "to_regclass('b') IS NULL"));
    let ended = "SELECT outcome || ': ' || message FROM trueup.runs ORDER BY started_at DESC LIMIT 1";
    let ended = database.value(ended);
    assert!(ended.starts_with("rolled-back: interrupted by SIGHUP"), "{ended}");
    resumes(&project, &database, 3);
}
