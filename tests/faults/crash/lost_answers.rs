//! A COMMIT whose answer is lost, and a network that stalls.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::{applied_once, holds, project, resumes, upgrade};
use crate::support::program::Ran;
use crate::support::project::Project;
use crate::support::proxy::{Proxy, Then};
use crate::support::{self, TestDatabase, wait_for};

const SHORT: &str = "[migrations]\nlock_budget = \"2s\"\nmax_duration = \"1s\"\nwait = \"1s\"\n";
const THREE: [(&str, &str); 3] = [
    ("V1__a", "CREATE TABLE a (id int);"),
    ("V2__b", "CREATE TABLE b (id int);"),
    ("V3__c", "CREATE TABLE c (id int);"),
];
const MODEL: &str = "CREATE TABLE a (id int); CREATE TABLE b (id int); CREATE TABLE c (id int);";

/// Upgrades through a proxy that does this with the first COMMIT after a message with that text in it; when it has
/// done so, `afterwards` says what becomes of every other message.
fn commit_of(
    project: &Project,
    database: &TestDatabase,
    text: &'static str,
    then: fn() -> Then,
    afterwards: fn() -> Then,
) -> Ran {
    let (armed, fired) = (AtomicBool::new(false), Arc::new(AtomicBool::new(false)));
    let proxy = Proxy::start(database, move |_, sql| {
        if fired.load(Ordering::SeqCst) {
            return afterwards();
        }
        if sql.contains(text) {
            armed.store(true, Ordering::SeqCst);
        }
        if commits(sql) && armed.load(Ordering::SeqCst) {
            fired.store(true, Ordering::SeqCst);
            return then();
        }
        Then::Forward
    });
    upgrade(project, &proxy.url(database)).run()
}

/// Whether a message commits. The beginning of the next step may come after it.
fn commits(sql: &str) -> bool {
    sql.starts_with("COMMIT")
}

fn forward() -> Then {
    Then::Forward
}

/// The transaction of each step, of the first record of the run, and of its last.
const STEPS: [&str; 4] = [
    "CREATE SCHEMA trueup",
    "IF NOT EXISTS public.refinery_schema_history",
    "CREATE TABLE b",
    "outcome = 'clean'",
];

#[test]
fn f05_a_commit_that_was_done_goes_on() {
    let project = project(&THREE, MODEL, SHORT);
    for text in STEPS {
        let database = support::database();
        commit_of(&project, &database, text, || Then::Swallow, forward).exit(0);
        applied_once(&database, 3);
        assert_eq!(database.value("SELECT count(*) FROM trueup.runs"), "1");
    }
}

#[test]
fn f05_a_commit_that_was_not_done_is_told_so() {
    let project = project(&THREE, MODEL, SHORT);
    for (text, code) in STEPS.into_iter().zip([4, 5, 6, 0]) {
        let database = support::database();
        let ran = commit_of(&project, &database, text, || Then::HangUp, forward).exit(code);
        if code == 6 {
            applied_once(&database, 1);
            ran.exit(6).says(["V2__b", "not committed", "the same command again"]);
            let ended = "SELECT outcome || ' ' || exit_code FROM trueup.runs";
            assert_eq!(database.value(ended), "partial 6");
        }
        resumes(&project, &database, 3);
    }
}

/// What comes after a COMMIT in its message is another step's: when that fails, the COMMIT stands, and it is begun anew.
#[test]
fn f05_a_commit_was_done_when_what_follows_it_fails() {
    let project = project(&THREE, MODEL, SHORT);
    for between in ["COMMIT; SELECT 1 / 0; ", "COMMIT; ROLLBACK; BEGIN; SELECT 1; ROLLBACK; SELECT 1 / 0; "] {
        let database = support::database();
        let failed = Arc::new(AtomicUsize::new(0));
        let fails = Arc::clone(&failed);
        let proxy = Proxy::start(&database, move |_, sql| {
            if !sql.starts_with("COMMIT; ") {
                return Then::Forward;
            }
            fails.fetch_add(1, Ordering::SeqCst);
            Then::Instead(sql.replacen("COMMIT; ", between, 1))
        });
        upgrade(&project, &proxy.url(&database)).exit(0);
        // The first two migrations: the third is followed by none.
        assert_eq!(failed.load(Ordering::SeqCst), 2);
        applied_once(&database, 3);
    }
}

#[test]
fn f05_nobody_knows_when_the_server_cannot_be_asked() {
    let project = project(&THREE, MODEL, SHORT);
    for (then, applied) in [((|| Then::Swallow) as fn() -> Then, 2), (|| Then::HangUp, 1)] {
        let database = support::database();
        let ran = commit_of(&project, &database, "CREATE TABLE b", then, || Then::HangUp).exit(7);
        let words = ["nobody knows whether V2__b was committed", "trueup.fence", "trueup status"];
        // What to ask is a question that the database answers.
        let said = ran.says(words).said();
        let ask = &said[said.find("ask it yourself: ").unwrap() + 17..];
        let answer = database.value(ask.lines().next().unwrap());
        assert_eq!(answer, if applied == 2 { "t" } else { "f" });
        applied_once(&database, applied);
        project.trueup(["status"], &database).exit(1).says("was interrupted");
        resumes(&project, &database, 3);
        assert_eq!(
            database.value("SELECT outcome FROM trueup.runs ORDER BY started_at LIMIT 1"),
            "broke off"
        );
    }
}

/// Somebody else took over between the COMMIT and the question.
#[test]
fn f05_another_run_took_over_before_it_could_be_asked() {
    let project = Arc::new(project(&THREE, MODEL, SHORT));
    let database = Arc::new(support::database());
    for then in [(|| Then::Swallow) as fn() -> Then, || Then::HangUp] {
        database
            .exec("DROP SCHEMA IF EXISTS trueup CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public");
        let (other, fired) = (Arc::clone(&project), AtomicBool::new(false));
        let (place, armed) = (Arc::clone(&database), AtomicBool::new(false));
        let proxy = Proxy::start(&database, move |_, sql| {
            if sql.contains("CREATE TABLE b") {
                armed.store(true, Ordering::SeqCst);
            }
            let armed = armed.load(Ordering::SeqCst);
            // The first question of the new connection waits until another run is done.
            if armed && fired.load(Ordering::SeqCst) && !holds(&place, "count(*) = 3 FROM trueup.migrations")
            {
                upgrade(&other, place.url()).exit(0);
            }
            if armed && commits(sql) && !fired.swap(true, Ordering::SeqCst) {
                return then();
            }
            Then::Forward
        });
        upgrade(&project, &proxy.url(&database)).exit(6);
        applied_once(&database, 3);
    }
}

/// Upgrades through a proxy that lets nothing through from a message with this text on.
fn stalled_at(project: &Project, database: &TestDatabase, text: &'static str) -> Ran {
    let seen = Arc::new(AtomicBool::new(false));
    let sees = Arc::clone(&seen);
    let committing = AtomicBool::new(false);
    let proxy = Proxy::start(database, move |_, sql| {
        let commit = commits(sql) && committing.load(Ordering::SeqCst);
        committing.fetch_or(sql.contains("CREATE TABLE b"), Ordering::SeqCst);
        if sql.contains(text) && (commit || text != "COMMIT") {
            sees.store(true, Ordering::SeqCst);
            // The network stalls before it gets through.
            std::thread::sleep(Duration::from_secs(600));
        }
        Then::Forward
    });
    let child = upgrade(project, &proxy.url(database)).start();
    wait_for(text, || seen.load(Ordering::SeqCst));
    proxy.stall();
    let began = Instant::now();
    let ran = child.ends_within(Duration::from_secs(100));
    assert!(began.elapsed() < Duration::from_secs(90), "{:?}", began.elapsed());
    ran
}

#[test]
fn f06_a_stalled_network_does_not_hang_a_run() {
    let indexed = [
        THREE[0],
        ("V2__b", "CREATE TABLE b (id int);"),
        ("V3__i", "-- trueup: no-transaction\nCREATE INDEX CONCURRENTLY b_i ON b (id);"),
    ];
    let model = "CREATE TABLE a (id int); CREATE TABLE b (id int); CREATE INDEX b_i ON b (id);";
    let project = project(&indexed, model, SHORT);
    let cases = [
        ("pg_try_advisory_lock(", &[3, 75][..]),
        ("CREATE TABLE b", &[6]),
        ("CREATE INDEX CONCURRENTLY b_i ON b (id)", &[6]),
        ("COMMIT", &[7]),
        ("outcome = 'clean'", &[0]),
    ];
    std::thread::scope(|scope| {
        for (text, codes) in cases {
            let project = &project;
            scope.spawn(move || {
                let database = support::database();
                let ran = stalled_at(project, &database, text).exit_in(codes);
                database.exec(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                     WHERE application_name LIKE 'trueup/% upgrade%' AND datname = current_database()",
                );
                if ran.code() != Some(0) {
                    resumes(project, &database, 3);
                }
            });
        }
    });
}

/// A client that is gone without a word, behind a proxy that keeps its connection: nothing tells the server so.
#[test]
fn f06_the_lock_of_a_client_that_is_gone_ends_within_a_minute() {
    let project = project(&THREE, MODEL, SHORT);
    let database = support::database();
    let (locked, stalled) = (AtomicBool::new(false), Arc::new(AtomicBool::new(false)));
    let stalls = Arc::clone(&stalled);
    let proxy = Proxy::start(&database, move |_, sql| {
        if locked.load(Ordering::SeqCst) && sql.contains("trueup") {
            stalls.store(true, Ordering::SeqCst);
            std::thread::sleep(Duration::from_secs(600));
        }
        locked.fetch_or(sql.contains("SET idle_session_timeout = '60s'"), Ordering::SeqCst);
        Then::Forward
    });
    let child = upgrade(&project, &proxy.url(&database)).start();
    wait_for("the lock", || stalled.load(Ordering::SeqCst));
    proxy.stall();
    let began = Instant::now();
    child.stop(Signal::SIGKILL, Duration::from_secs(5)).killed();
    let held = "count(*) > 0 FROM pg_locks WHERE locktype = 'advisory' AND database = \
                (SELECT oid FROM pg_database WHERE datname = current_database())";
    assert!(holds(&database, held), "the server has not noticed that the client is gone");
    while holds(&database, held) {
        assert!(began.elapsed() < Duration::from_secs(75), "the lock is kept");
        std::thread::sleep(Duration::from_millis(500));
    }
    resumes(&project, &database, 3);
}

/// What waits for something else uses its connections, so that the server does not take it for a client that is gone.
#[test]
fn a_run_that_waits_uses_the_session_that_holds_the_lock() {
    let migrations = [
        ("V1__a", "CREATE TABLE a (id int PRIMARY KEY);"),
        ("V2__b", "-- trueup: requires-check none\nCREATE TABLE b (id int);"),
    ];
    let project = project(&migrations, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int);", "");
    let checks = project.path().join("checks");
    std::fs::create_dir(&checks).unwrap();
    let check = "-- title: No id is negative\n-- severity: error\n-- table: public.a\n-- key: id\n-- find:\n\
                 SELECT id FROM a WHERE id < 0;\n";
    std::fs::write(checks.join("none.sql"), check).unwrap();
    let database = support::database();
    let (checking, used) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (begins, uses) = (Arc::clone(&checking), Arc::clone(&used));
    let proxy = Proxy::start(&database, move |_, sql| {
        // An empty query is what keeps a connection in use.
        if sql.is_empty() && begins.load(Ordering::SeqCst) {
            uses.fetch_add(1, Ordering::SeqCst);
        }
        if sql.contains("id < 0") && !begins.swap(true, Ordering::SeqCst) {
            std::thread::sleep(Duration::from_secs(25));
        }
        Then::Forward
    });
    upgrade(&project, &proxy.url(&database)).exit(0);
    assert!(checking.load(Ordering::SeqCst) && used.load(Ordering::SeqCst) >= 2, "{used:?}");
}
