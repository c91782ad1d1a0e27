//! Killed, failed and waiting: what is left, and that the same command goes on.

use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::*;
use crate::support::proxy::{Proxy, Then};
use crate::support::wait_for;

/// Killed at the n-th message after the run has begun: the same command builds all. `None` when the run was done before.
fn killed_at(project: &Project, number: usize) -> Option<String> {
    let database = built(project);
    let (process, count) = (Arc::new(AtomicI32::new(0)), Arc::new(AtomicUsize::new(0)));
    let message = Arc::new(Mutex::new(None));
    let hook = {
        let (process, message) = (Arc::clone(&process), Arc::clone(&message));
        move |_: usize, sql: &str| {
            let begun = count.load(Ordering::SeqCst) > 0 || sql.contains("INSERT INTO trueup.runs");
            if !begun || count.fetch_add(1, Ordering::SeqCst) + 1 != number {
                return Then::Forward;
            }
            *message.lock().unwrap() = Some(sql.to_owned());
            while process.load(Ordering::SeqCst) == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            kill(Pid::from_raw(process.load(Ordering::SeqCst)), Signal::SIGKILL).unwrap();
            Then::HangUp
        }
    };
    let proxy = Proxy::start(&database, hook);
    let child =
        run(project, &database, &["reset", "--yes"]).env("DATABASE_URL", proxy.url(&database)).start();
    process.store(child.pid().as_raw(), Ordering::SeqCst);
    let ran = child.ended();
    let Some(message) = message.lock().unwrap().take() else {
        ran.exit(0);
        return None;
    };
    assert_eq!(ran.code(), None, "at message {number}: {}", ran.shown());
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND application_name LIKE 'trueup/% reset%'";
    wait_for("the end of its sessions", || database.value(sessions) == "0");
    run(project, &database, &["reset", "--yes"]).case(&message).exit(0);
    is_new(project, &database);
    Some(message)
}

#[test]
fn killed_anywhere_the_same_command_goes_on() {
    let project = project();
    let mut seen = Vec::new();
    for number in (1..).step_by(4) {
        match killed_at(&project, number) {
            Some(message) => seen.push(message),
            None => break,
        }
    }
    assert!(seen.len() > 8, "{seen:?}");
}

#[test]
fn a_migration_that_fails_leaves_what_the_same_command_drops() {
    let project = project();
    let database = built(&project);
    // It works in the throwaway server, and not here.
    write(
        &project,
        "migrations/V4__here.sql",
        "DO $$ BEGIN IF current_setting('trueup.fails', true) = 'yes' THEN RAISE 'not here'; END IF; END $$;\n",
    );
    database.exec(&format!("ALTER DATABASE {} SET trueup.fails = 'yes'", database.name()));
    let ran = run(&project, &database, &["reset", "--yes"]).exit(6);
    ran.says(["the old objects are dropped", "not here", "run the same command again"]);
    assert_eq!(database.value("SELECT count(*) FROM refinery_schema_history"), "3");
    run(&project, &database, &["status"]).exit_in(&[0, 1]).says("pending");
    database.exec(&format!("ALTER DATABASE {} RESET trueup.fails", database.name()));
    run(&project, &database, &["reset", "--yes"]).exit(0);
    assert_eq!(database.value("SELECT count(*) FROM refinery_schema_history"), "4");
}

#[test]
fn an_interrupted_migration_is_forgotten() {
    let project = project();
    let database = built(&project);
    // As a run leaves it that was killed in the second migration.
    database.exec(
        "DELETE FROM refinery_schema_history WHERE version >= 2; DELETE FROM trueup.migrations WHERE version >= 2;
         DROP INDEX app.orders_user; ALTER TABLE app.orders DROP COLUMN total;
         UPDATE trueup.steps SET state = 'started', ended_at = NULL WHERE version = 2",
    );
    run(&project, &database, &["check"]).exit(1).says("interrupted");
    run(&project, &database, &["reset", "--yes"]).exit(0);
    is_new(&project, &database);
}

#[test]
fn whoever_uses_the_tables_is_named() {
    let project = project();
    let database = built(&project);
    settings(&project, "[migrations]\nlock_timeout = \"200ms\"\nlock_budget = \"1s\"\n");
    let mut other = crate::support::other::Other::at(database.url(), "the app");
    other.run("BEGIN; SELECT * FROM app.orders");
    run(&project, &database, &["reset", "--yes"]).exit(75).says(["the app", "run the same command again"]);
    other.run("ROLLBACK");
    assert_eq!(database.value("SELECT count(*) FROM app.orders"), "1");
    run(&project, &database, &["reset", "--yes"]).exit(0);
    is_new(&project, &database);
}
