//! F45: several at once, killed half-way, and an application that is faster: the rows are there once.

use std::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::support::program::Ran;
use crate::support::proxy::{Proxy, Then};
use crate::support::wait_for;

use super::*;

#[test]
fn f45_eight_at_once_make_each_row_once() {
    for round in 0..3 {
        let (project, database) = teams();
        let start = |_| seed(&project, &database, &[]).case(format!("round {round}")).start();
        let children: Vec<_> = (0..8).map(start).collect();
        let mut made = 0;
        for child in children {
            made += usize::from(child.ended().exit(0).said().contains("inserted 2 rows"));
        }
        assert_eq!(made, 1, "one of them made the rows");
        assert_eq!(teams_of(&database), "blue:Blue:n red:Red");
        assert_eq!(database.value("SELECT count(*) FROM trueup.runs"), "1");
        settled(&project, &database, "teams");
    }
}

#[test]
fn f45_killed_before_any_message() {
    everywhere(false);
}

#[test]
fn f45_killed_after_any_message() {
    everywhere(true);
}

fn everywhere(after: bool) {
    let mut seen = Vec::new();
    for number in 1.. {
        match killed_at(number, after) {
            Some(message) => seen.push(message),
            None => break,
        }
    }
    for part in ["INSERT INTO public.teams", "trueup.seeds", "COMMIT", "CREATE SCHEMA trueup"] {
        assert!(seen.iter().any(|message| message.contains(part)), "never killed at {part}");
    }
}

/// One run that is killed at its n-th message: all rows are there with their records, or none, and the same command goes
/// on. The message; `None` when the run was done before.
fn killed_at(number: usize, after: bool) -> Option<String> {
    let (project, database) = teams();
    let (process, count) = (Arc::new(AtomicI32::new(0)), Arc::new(AtomicUsize::new(0)));
    let message = Arc::new(Mutex::new(None));
    let hook = {
        let (process, message) = (Arc::clone(&process), Arc::clone(&message));
        move |_: usize, sql: &str| {
            if count.fetch_add(1, Ordering::SeqCst) + 1 != number {
                let asks = sql == "SELECT pg_catalog.pg_current_snapshot()";
                return if asks { Then::Instead("SELECT 'another'".to_owned()) } else { Then::Forward };
            }
            *message.lock().unwrap() = Some(sql.to_owned());
            while process.load(Ordering::SeqCst) == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            kill(Pid::from_raw(process.load(Ordering::SeqCst)), Signal::SIGKILL).unwrap();
            if after { Then::Swallow } else { Then::HangUp }
        }
    };
    let proxy = Proxy::start(&database, hook);
    let child = project.trueup(["seed", "--yes"], &proxy.url(&database)).start();
    process.store(child.pid().as_raw(), Ordering::SeqCst);
    let ran = child.ended();
    let Some(message) = message.lock().unwrap().take() else {
        ran.exit(0).says("inserted 2 rows");
        return None;
    };
    assert_eq!(ran.code(), None, "at message {number}: {}", ran.shown());
    let sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
        AND application_name LIKE 'trueup/% seed%'";
    wait_for("the end of its sessions", || database.value(sessions) == "0");
    let there = database.value("SELECT count(*) FROM teams");
    let begun = database.value("SELECT to_regclass('trueup.seeds') IS NOT NULL") == "t";
    let recorded = if begun { database.value("SELECT count(*) FROM trueup.seeds") } else { "0".to_owned() };
    assert!(there == recorded && ["0", "2"].contains(&there.as_str()), "{there} {recorded} at {message}");
    let words = if there == "2" { "nothing to do" } else { "inserted 2 rows" };
    seed(&project, &database, &[]).exit(0).says(words);
    assert_eq!(teams_of(&database), "blue:Blue:n red:Red");
    settled(&project, &database, "teams");
    Some(message)
}

/// Somebody does this just before the rows are written.
fn meanwhile(sql: &'static str, args: &[&str], before: &str) -> (Ran, Project, TestDatabase) {
    let (project, database) = teams();
    database.exec(before);
    let url = database.url().to_owned();
    let done = AtomicBool::new(false);
    let hook = move |_: usize, message: &str| {
        let writes = message.contains("INSERT INTO public.teams") || message.contains("UPDATE public.teams");
        if writes && !done.swap(true, Ordering::SeqCst) {
            support::try_query_at(&url, sql).unwrap();
        }
        Then::Forward
    };
    let proxy = Proxy::start(&database, hook);
    let ran = project.trueup(["seed", "--yes"], &proxy.url(&database)).args(args).run();
    (ran, project, database)
}

#[test]
fn f45_an_application_that_makes_the_row_meanwhile_keeps_it() {
    let (ran, project, database) =
        meanwhile("INSERT INTO teams (code, name) VALUES ('red', 'Theirs')", &[], "");
    ran.exit(0).says("inserted 1 row, updated 0; 1 row changed by hand, skipped");
    assert_eq!(teams_of(&database), "blue:Blue:n red:Theirs");
    assert_eq!(database.value("SELECT count(*) FROM trueup.seeds "), "2");
    seed(&project, &database, &["--overwrite"]).exit(0).says("updated 1");
    settled(&project, &database, "teams");
    let (ran, project, database) = meanwhile("INSERT INTO teams (code, name) VALUES ('red', 'Red')", &[], "");
    ran.exit(0).says("done");
    assert_eq!(database.value("SELECT count(*) FROM teams"), "2");
    settled(&project, &database, "teams");
}

#[test]
fn f45_a_row_that_is_changed_meanwhile_is_not_overwritten() {
    let seeded = "CREATE SCHEMA trueup; DROP SCHEMA trueup";
    let (ran, _, database) = meanwhile(
        "UPDATE teams SET name = 'Theirs' WHERE code = 'red'",
        &["--overwrite"],
        &format!("{seeded}; INSERT INTO teams (code, name) VALUES ('red', 'Old'), ('blue', 'Blue')"),
    );
    // What was shown is not what would be done now.
    ran.exit(5).says("the database has changed since the plan was shown");
    assert_eq!(teams_of(&database), "blue:Blue red:Theirs");
}
