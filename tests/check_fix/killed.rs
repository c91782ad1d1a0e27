//! kill -9 before every message of a run: the same command goes on, and nothing is lost.

use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::{DRIFT, Site};
use crate::support::proxy::{Proxy, Then};
use crate::support::wait_for;

/// How many databases are worked on at once.
const WORKERS: usize = 3;

#[test]
fn the_same_command_goes_on_after_a_kill() {
    let next = AtomicUsize::new(1);
    let seen = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                while let Some(message) = killed_at(next.fetch_add(1, Ordering::SeqCst)) {
                    seen.lock().unwrap().push(message);
                }
            });
        }
    });
    let seen = seen.into_inner().unwrap();
    for part in ["CREATE SCHEMA trueup", "COMMIT", "CREATE UNIQUE INDEX CONCURRENTLY", "DROP VIEW", "'done'"]
    {
        assert!(seen.iter().any(|message| message.contains(part)), "never killed at {part}");
    }
}

/// One run that is killed before its n-th message, and one that goes on. The message; `None` when the run was done before.
fn killed_at(number: usize) -> Option<String> {
    let site = Site::with(DRIFT);
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
            while process.load(Ordering::SeqCst) == 0 {
                std::thread::sleep(Duration::from_millis(1));
            }
            kill(Pid::from_raw(process.load(Ordering::SeqCst)), Signal::SIGKILL).unwrap();
            Then::HangUp
        }
    };
    let proxy = Proxy::start(&site.database, hook);
    let child = site.fix_at(&proxy.url(&site.database)).arg("--yes").start();
    process.store(child.pid().as_raw(), Ordering::SeqCst);
    let ran = child.ends_within(Duration::from_secs(60));
    let Some(message) = message.lock().unwrap().take() else {
        ran.exit(0);
        site.is_whole();
        return None;
    };
    let gone = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'trueup/%'";
    wait_for("the sessions of the killed run to end", || site.database.value(gone) == "0");
    if site.has_records() {
        let ran = site.fix().arg("--yes").case(format!("at message {number}: {message}")).exit(0);
        site.is_whole();
        // A run that had nothing to do any more leaves no record.
        let open = site.database.value("SELECT count(*) FROM trueup.runs WHERE ended_at IS NULL");
        assert!(open == "0" || !ran.stdout().contains("fixed: "), "at message {number}: {message}");
    }
    Some(message)
}
