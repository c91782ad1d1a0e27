//! A run that is told to stop: it ends within its bound, rolls back or finishes what is begun, and says how to go on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{applied_once, holds, project, resumes, upgrade, wait_for_statement};
use crate::support::program::Ran;
use crate::support::project::Project;
use crate::support::proxy::{Proxy, Then};
use crate::support::{self, TestDatabase, terminal, wait_for};

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
    upgrade(project, database).args(["--to", "1"]).exit(0);
}

#[test]
fn f08_in_a_transactional_migration() {
    let (project, database) = site();
    to_the_first(&project, &database);
    for signal in SIGNALS {
        while_locked(&database, "LOCK TABLE gate IN SHARE MODE", || {
            let child = upgrade(&project, &database).start();
            wait_for_statement(&database, "%INSERT INTO gate%");
            child
                .stop(signal, BOUND)
                .exit(5)
                .says(format!("interrupted by {signal}"))
                .says(["V2__b", "run the same command again"]);
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
    upgrade(&project, &database).args(["--to", "2"]).exit(0);
    for signal in SIGNALS {
        while_locked(&database, "INSERT INTO a VALUES (1)", || {
            let child = upgrade(&project, &database).start();
            // From the second time on what the first left is removed before.
            wait_for_statement(&database, "% INDEX CONCURRENTLY%");
            wait_for("the invalid index", || holds(&database, "to_regclass('a_i') IS NOT NULL"));
            child.stop(signal, BOUND).exit(6).says(format!("interrupted by {signal}")).says([
                "V3__i",
                "public.a_i is invalid",
                "the same command",
            ]);
        });
        project.trueup(["status"], &database).exit(1).says(["V3__i", "CREATE INDEX CONCURRENTLY"]);
    }
    resumes(&project, &database, 3);
}

#[test]
fn f08_while_another_run_holds_the_lock() {
    let (project, database) = site();
    let lock = "SELECT pg_advisory_lock(8390876182742073344)";
    for signal in SIGNALS {
        while_locked(&database, lock, || {
            let child = upgrade(&project, &database).start();
            wait_for_statement_of_lock(&database);
            child.stop(signal, BOUND).exit(4).says(format!("interrupted by {signal}: nothing was changed"));
        });
        assert!(holds(&database, "to_regnamespace('trueup') IS NULL"));
    }
    resumes(&project, &database, 3);
}

/// Waits until a run has asked for the lock once more than once.
fn wait_for_statement_of_lock(database: &TestDatabase) {
    let asked = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name LIKE 'trueup/% upgrade' AND query LIKE '%pg_try_advisory_lock(%' AND state = 'idle'";
    wait_for("the question for the lock", || database.value(asked) == "1");
}

/// Before a message of the run gets through, the signal has come.
fn signalled_at(project: &Project, database: &TestDatabase, text: &'static str) -> Ran {
    let process = Arc::new(AtomicI32::new(0));
    let (target, fired) = (Arc::clone(&process), AtomicBool::new(false));
    let proxy = Proxy::start(database, move |_, sql| {
        if sql.contains(text) && !fired.swap(true, Ordering::SeqCst) {
            kill(Pid::from_raw(target.load(Ordering::SeqCst)), Signal::SIGTERM).unwrap();
            std::thread::sleep(Duration::from_millis(100));
        }
        Then::Forward
    });
    let child = upgrade(project, &proxy.url(database)).start();
    process.store(child.pid().as_raw(), Ordering::SeqCst);
    child.ends_within(BOUND)
}

/// Whatever it is at, the run ends in time with a code that is true, and the same command goes on.
#[test]
fn f08_between_the_steps() {
    let (project, _) = site();
    for (text, codes, applied) in [
        // Reading, and everything before the lock.
        ("pg_try_advisory_lock(", &[4][..], 0),
        ("CREATE SCHEMA trueup", &[4, 5], 0),
        ("CREATE TABLE IF NOT EXISTS public.refinery_schema_history", &[5, 6], 0),
        ("CREATE TABLE a", &[5, 6], 0),
        ("CREATE TABLE b", &[6], 1),
        ("INSERT INTO trueup.steps", &[6], 2),
        ("state = 'done'", &[6, 0], 2),
        ("outcome = 'clean'", &[0], 3),
    ] {
        let database = support::database();
        let ran = signalled_at(&project, &database, text).exit_in(codes);
        // A run that says that something is done has applied the first migration at least.
        let applied = if ran.code() == Some(6) { applied.max(1) } else { applied };
        if applied > 0 {
            let count = "SELECT count(*) FROM trueup.migrations";
            assert!(database.value(count).parse::<i32>().unwrap() >= applied, "{text}: {}", ran.shown());
        }
        if ran.code() == Some(0) {
            applied_once(&database, 3);
        } else {
            ran.says(["interrupted by SIGTERM", "same command"]);
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
        let (child, terminal) = terminal::begin(upgrade(&project, &database), 80, "");
        wait_for_statement(&database, "%INSERT INTO gate%");
        drop(terminal);
        child.ends_within(BOUND).exit(5);
    });
    assert!(holds(&database, "to_regclass('b') IS NULL"));
    let ended = "SELECT outcome || ': ' || message FROM trueup.runs ORDER BY started_at DESC LIMIT 1";
    let ended = database.value(ended);
    assert!(ended.starts_with("rolled-back: interrupted by SIGHUP"), "{ended}");
    resumes(&project, &database, 3);
}
