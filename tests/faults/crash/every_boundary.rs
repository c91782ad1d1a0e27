//! kill -9 at every step boundary: just before each message of a run reaches the server, and just after it did and
//! before its answer comes back.

use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{applied_once, holds, project, resumes, upgrade};
use crate::support::project::Project;
use crate::support::proxy::{Proxy, Then};
use crate::support::{self, TestDatabase, wait_for};

/// How many databases are worked on at once.
const WORKERS: usize = 3;

/// Of so many boundaries before the first write, one is followed to the end.
const UNTOUCHED: usize = 8;

const MIGRATIONS: [(&str, &str); 5] = [
    (
        "V1__base",
        "CREATE TABLE account (id int PRIMARY KEY, email text NOT NULL, note text NOT NULL DEFAULT '');
         CREATE TYPE mood AS ENUM ('a', 'b');
         INSERT INTO account (id, email) VALUES (1, 'one'), (2, 'two');",
    ),
    ("V2__extra", "ALTER TABLE account ADD COLUMN extra text;\nCREATE TABLE second (id int PRIMARY KEY);"),
    (
        "V3__indexes",
        "-- trueup: no-transaction
         CREATE INDEX CONCURRENTLY account_extra ON account (extra);
         ALTER TYPE mood ADD VALUE 'c';
         UPDATE account SET note = note || 'x';
         CREATE UNIQUE INDEX CONCURRENTLY account_email ON account (email);",
    ),
    (
        "V4__drop",
        "-- trueup: no-transaction
         DROP INDEX CONCURRENTLY account_extra;
         UPDATE account SET note = note || 'y';",
    ),
    ("V5__last", "CREATE TABLE last (id int PRIMARY KEY);"),
];

const MODEL: &str = "CREATE TABLE account (id int PRIMARY KEY, email text NOT NULL,
        note text NOT NULL DEFAULT '', extra text);
    CREATE TYPE mood AS ENUM ('a', 'b', 'c');
    CREATE UNIQUE INDEX account_email ON account (email);
    CREATE TABLE second (id int PRIMARY KEY);
    CREATE TABLE last (id int PRIMARY KEY);";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Moment {
    /// The message does not reach the server.
    Before,
    /// It does; its answer does not reach the process.
    After,
    /// The process goes on; its connection ends before the message gets through.
    Cut,
}

#[test]
fn f01_killed_before_any_message() {
    everywhere(Moment::Before);
}

#[test]
fn f02_killed_after_any_message() {
    everywhere(Moment::After);
}

/// Nobody is killed: the connection is lost, and the exit code tells what stays.
#[test]
fn f04_cut_before_any_message() {
    everywhere(Moment::Cut);
}

fn everywhere(moment: Moment) {
    let project = project(&MIGRATIONS, MODEL, "");
    let next = AtomicUsize::new(1);
    let seen = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::SeqCst);
                    let message = killed_at(&project, number, moment);
                    let completed = message.is_none();
                    seen.lock().unwrap().extend(message);
                    if completed {
                        return;
                    }
                }
            });
        }
    });
    let seen = seen.into_inner().unwrap();
    for part in ["CREATE SCHEMA trueup", "COMMIT", "CREATE TABLE last", "CREATE INDEX CONCURRENTLY", "'done'"]
    {
        assert!(seen.iter().any(|message| message.contains(part)), "never killed at {part}");
    }
}

/// One run that is killed at its n-th message, and all that is promised about it. The message; `None` when the run was
/// done before.
fn killed_at(project: &Project, number: usize, moment: Moment) -> Option<String> {
    let database = support::database();
    let (process, count) = (Arc::new(AtomicI32::new(0)), Arc::new(AtomicUsize::new(0)));
    let message = Arc::new(Mutex::new(None));
    let hook = {
        let (process, message) = (Arc::clone(&process), Arc::clone(&message));
        move |_: usize, sql: &str| {
            if count.fetch_add(1, Ordering::SeqCst) + 1 != number {
                // What others do on this server must not decide how many messages a run has: it always looks again.
                let asks = sql == "SELECT pg_catalog.pg_current_snapshot()";
                return if asks { Then::Instead("SELECT 'another'".to_owned()) } else { Then::Forward };
            }
            *message.lock().unwrap() = Some(sql.to_owned());
            if moment == Moment::Cut {
                return Then::HangUp;
            }
            while process.load(Ordering::SeqCst) == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            kill(Pid::from_raw(process.load(Ordering::SeqCst)), Signal::SIGKILL).unwrap();
            if moment == Moment::Before { Then::HangUp } else { Then::Swallow }
        }
    };
    let proxy = Proxy::start(&database, hook);
    let child = upgrade(project, &proxy.url(&database)).start();
    process.store(child.pid().as_raw(), Ordering::SeqCst);
    let ran = child.ends_within(Duration::from_secs(60));
    let Some(message) = message.lock().unwrap().take() else {
        ran.exit(0);
        whole(project, &database);
        return None;
    };
    gone(&database);
    let context = format!("at message {number}, {moment:?}: {message}\n{}", ran.shown());
    let begun = nothing_half(&database, &context);
    if moment == Moment::Cut {
        coded(&database, ran.code(), begun, &context);
    } else {
        assert_eq!(ran.code(), None, "{context}");
    }
    // Before the first write there is nothing to be told apart.
    if !begun && !number.is_multiple_of(UNTOUCHED) {
        return Some(message);
    }
    told(project, &database, begun, &context);
    resumes(project, &database, MIGRATIONS.len());
    whole(project, &database);
    Some(message)
}

/// The exit code says what stays of the run, which was the first one.
#[track_caller]
fn coded(database: &TestDatabase, code: Option<i32>, begun: bool, context: &str) {
    let applied = if begun { database.value("SELECT count(*) FROM trueup.migrations") } else { "0".into() };
    let all = applied == MIGRATIONS.len().to_string();
    let steps =
        begun && holds(database, "EXISTS (SELECT FROM trueup.steps WHERE state IN ('started', 'done'))");
    let fits = match code {
        Some(0) => all,
        // Everything is applied, and the check afterwards could not be made.
        Some(3) => applied == "0" || all,
        Some(4 | 75) => !begun,
        Some(5) => applied == "0" && !steps,
        Some(6) => applied != "0" || steps,
        _ => false,
    };
    assert!(fits, "{applied} applied, {context}");
    let open = begun && database.value("SELECT count(*) FROM trueup.runs WHERE ended_at IS NULL") != "0";
    assert!(!open, "the end was not recorded: {context}");
}

/// The server notices that the process is gone.
fn gone(database: &TestDatabase) {
    wait_for("the end of the killed run's sessions", || {
        holds(
            database,
            "NOT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database()
             AND application_name LIKE 'trueup/% upgrade%')",
        )
    });
}

/// For every migration its effects and both its records are there, or none of them is. Whether anything is there.
#[track_caller]
fn nothing_half(database: &TestDatabase, context: &str) -> bool {
    let there = |name: &str| holds(database, &format!("to_regclass('{name}') IS NOT NULL"));
    if !there("trueup.runs") {
        assert!(!there("public.account") && !there("public.refinery_schema_history"), "{context}");
        return false;
    }
    let ledger = there("public.refinery_schema_history");
    let recorded = |version: u32| {
        let known =
            holds(database, &format!("EXISTS (SELECT FROM trueup.migrations WHERE version = {version})"));
        let applied = ledger
            && holds(
                database,
                &format!("EXISTS (SELECT FROM public.refinery_schema_history WHERE version = {version})"),
            );
        assert_eq!(known, applied, "V{version}: trueup's record and refinery's; {context}");
        applied
    };
    for (version, table) in [(1, "public.account"), (2, "public.second"), (5, "public.last")] {
        assert_eq!(there(table), recorded(version), "V{version} and {table}; {context}");
    }
    if recorded(3) {
        assert!(there("public.account_email"), "{context}");
    }
    // What has an effect was written down before.
    let steps = |version: u32, statement: u32, states: &str| {
        holds(
            database,
            &format!(
                "EXISTS (SELECT FROM trueup.steps WHERE version = {version} AND statement = {statement}
                 AND state IN ({states}))"
            ),
        )
    };
    if there("public.account_email") {
        assert!(steps(3, 4, "'started', 'done'"), "{context}");
    }
    let value = holds(database, "EXISTS (SELECT FROM pg_enum WHERE enumlabel = 'c')");
    assert_eq!(value, steps(3, 2, "'done'"), "{context}");
    if there("public.account") {
        let notes =
            |like: &str| holds(database, &format!("EXISTS (SELECT FROM account WHERE note = '{like}')"));
        assert_eq!(steps(4, 2, "'done'"), notes("xy"), "{context}");
        assert_eq!(steps(3, 3, "'done'"), notes("x") || notes("xy"), "{context}");
    }
    true
}

/// `status` says what broke off, in words, or that nothing did.
#[track_caller]
fn told(project: &Project, database: &TestDatabase, begun: bool, context: &str) {
    let open = begun && database.value("SELECT count(*) FROM trueup.runs WHERE ended_at IS NULL") != "0";
    let all = begun && holds(database, "count(*) = 5 FROM trueup.migrations");
    let status = project.trueup(["status"], database).case(context).exit(if all { 0 } else { 1 });
    if open {
        status.says("was interrupted");
    }
}

/// Everything is there once, and `check` agrees.
#[track_caller]
fn whole(project: &Project, database: &TestDatabase) {
    applied_once(database, MIGRATIONS.len());
    assert_eq!(database.value("SELECT string_agg(note, ',') FROM account"), "xy,xy", "each statement once");
    project.check(database).exit(0);
}
