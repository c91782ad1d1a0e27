//! kill -9 at every step boundary of a repair and of taking it back: after each message has reached the server, and before its
//! answer comes back. To be killed before a message is to be killed after the one before it: who is dead has heard no answer.

use std::sync::atomic::{AtomicI32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::*;
use crate::support::proxy::{Proxy, Then};

/// How many databases are worked on at once.
const WORKERS: usize = 3;
/// Three batches: of 500, 1000 and 60 rows.
const ROWS: usize = 1560;
/// Of so many boundaries before the first write, one is followed to the end.
const UNTOUCHED: usize = 12;

#[test]
fn f04_a_repair_killed_after_any_message() {
    everywhere(repair_killed_after);
}

#[test]
fn f04_an_undo_killed_after_any_message() {
    everywhere(undo_killed_after);
}

fn everywhere(killed_after: fn(usize) -> Option<String>) {
    let next = AtomicUsize::new(1);
    let seen = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| {
                loop {
                    let message = killed_after(next.fetch_add(1, Ordering::SeqCst));
                    let Some(message) = message else { return };
                    seen.lock().unwrap().push(message);
                }
            });
        }
    });
    let seen = seen.into_inner().unwrap();
    println!("killed after {} messages", seen.len());
    assert!(seen.iter().filter(|message| writes(message)).count() >= 3, "never killed in a batch");
    for part in ["COMMIT", "trueup.runs", "UPDATE trueup.repairs"] {
        assert!(seen.iter().any(|message| message.contains(part)), "never killed at {part}");
    }
}

/// Runs a command that is killed at its n-th message. The message; `None` when it was done before, with an exit code.
fn killed(shop: &Shop, (args, code): (&[&str], i32), number: usize) -> Option<String> {
    let (process, count) = (Arc::new(AtomicI32::new(0)), AtomicUsize::new(0));
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
            Then::Swallow
        }
    };
    let proxy = Proxy::start(&shop.database, hook);
    let child = shop.trueup_at(&proxy.url(&shop.database), args).start();
    process.store(child.pid().as_raw(), Ordering::SeqCst);
    let ran = child.ended();
    let message = message.lock().unwrap().take();
    match &message {
        Some(message) => {
            assert_eq!(ran.code(), None, "after {number}: {message}: {}", ran.shown());
            wait_until_it_is_gone(&shop.database);
        }
        None => drop(ran.exit(code)),
    }
    message
}

fn repair_killed_after(number: usize) -> Option<String> {
    let shop = Shop::of(ROWS);
    let message = killed(&shop, (&["verify", "--fix", "--yes"], 0), number);
    let begun = !shop.runs().is_empty();
    if message.is_some() && !begun && !number.is_multiple_of(UNTOUCHED) {
        assert_eq!(shop.orphans(), ROWS);
        return message;
    }
    let context = format!("after message {number}: {message:?}");
    if begun {
        assert_eq!(
            shop.recorded(),
            (ROWS - shop.orphans()).to_string(),
            "what is recorded is what is done; {context}"
        );
    }
    shop.fix().exit(0).says("OK: 1 check, no row is wrong");
    shop.all_right();
    assert_eq!(shop.recorded(), ROWS.to_string(), "each row once; {context}");
    shop.undo_all();
    shop.as_before();
    let open = "SELECT count(*) FROM trueup.repairs WHERE restored <> changed OR kept > 0";
    assert_eq!(shop.database.value(open), "0", "{context}");
    message
}

fn undo_killed_after(number: usize) -> Option<String> {
    let shop = Shop::of(ROWS);
    shop.fix().exit(0);
    let run = shop.runs().remove(0);
    // This one is changed later, and is kept, whenever it comes to it.
    shop.database
        .exec("UPDATE keys SET user_id = 9 WHERE id = 3; UPDATE kept.keys SET user_id = 9 WHERE id = 3");
    let killed = killed(&shop, (&["undo", &run, "--yes"], 1), number);
    let back = shop.orphans();
    let context = format!("after message {number}: {killed:?}");
    let restored: usize = shop.database.value("SELECT sum(restored) FROM trueup.repairs").parse().unwrap();
    assert_eq!(restored, back, "what is recorded is what is done; {context}");
    if killed.is_some() && back == 0 && !number.is_multiple_of(UNTOUCHED) {
        return killed;
    }
    // However far it was: the row that is kept is told, and decides.
    shop.undo(&run).exit(1).says("skipped, edited since the repair: 1 row");
    shop.as_before();
    let counts = "SELECT restored || ' ' || kept || ' ' || state FROM trueup.repairs";
    assert_eq!(shop.database.value(counts), format!("{} 1 undone", ROWS - 1), "{context}");
    killed
}
