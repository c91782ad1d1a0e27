//! F04, F05, F08: a repair whose session, connection, terminal or patience ends in the middle of a batch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::support::proxy::{Proxy, Then};
use crate::support::terminal;

/// Three batches: of 500, 1000 and 100 rows.
const ROWS: usize = 1600;
/// How soon a run has to be gone that is told to stop.
const BOUND: Duration = Duration::from_secs(3);

/// A proxy in which the n-th batch sleeps, when it has written its rows, longer than anybody waits.
fn sleeping(shop: &Shop, batch: usize) -> Proxy {
    let seen = AtomicUsize::new(0);
    Proxy::start(&shop.database, move |_, sql| {
        if writes(sql) && seen.fetch_add(1, Ordering::SeqCst) + 1 == batch {
            return Then::Instead(format!("{sql}; SELECT pg_sleep(20)"));
        }
        Then::Forward
    })
}

const FIX: [&str; 3] = ["verify", "--fix", "--yes"];

/// The rows of the batches before stay, and no others.
#[track_caller]
fn stays(shop: &Shop, rows: usize) {
    assert_eq!(shop.orphans(), ROWS - rows);
    assert_eq!(shop.recorded(), rows.to_string());
}

/// The same command goes on; then all of it is taken back.
#[track_caller]
fn goes_on(shop: &Shop) {
    shop.fix().exit(0).says("OK: 1 check, no row is wrong");
    shop.all_right();
    assert_eq!(shop.recorded(), ROWS.to_string(), "each row once");
    shop.undo_all();
    shop.as_before();
}

#[test]
fn f04_the_session_is_terminated_in_a_batch() {
    for (batch, code, rows, words) in
        [(1, 5, 0, "no row was changed"), (2, 6, 500, "500 rows of it are done and recorded")]
    {
        let shop = Shop::of(ROWS);
        let proxy = sleeping(&shop, batch);
        let child = shop.trueup_at(&proxy.url(&shop.database), &FIX).start();
        wait_until_it_sleeps(&shop.database);
        shop.database.exec(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()
             AND wait_event = 'PgSleep'",
        );
        child.ends_within(BOUND).exit(code).says([
            "administrator command",
            "run the same command again to continue",
            words,
        ]);
        stays(&shop, rows);
        let ended = "SELECT count(*) FROM trueup.runs WHERE ended_at IS NOT NULL AND exit_code = ";
        assert_eq!(shop.database.value(&format!("{ended}{code}")), "1");
        goes_on(&shop);
    }
}

/// The same in an undo.
#[test]
fn f04_the_session_is_terminated_in_a_batch_of_an_undo() {
    let shop = Shop::of(ROWS);
    shop.fix().exit(0);
    let run = shop.runs().remove(0);
    let proxy = sleeping(&shop, 2);
    let child = shop.trueup_at(&proxy.url(&shop.database), &["undo", &run, "--yes"]).start();
    wait_until_it_sleeps(&shop.database);
    shop.database.exec(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()
         AND wait_event = 'PgSleep'",
    );
    child.ends_within(BOUND).exit(6).says(["500 rows of it are done", "run the same command again"]);
    assert_eq!(shop.orphans(), 500);
    shop.undo(&run).exit(0).says("done: restored 1100 rows");
    shop.as_before();
}

#[test]
fn f08_told_to_stop_in_a_batch() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let shop = Shop::of(ROWS);
        let proxy = sleeping(&shop, 2);
        let child = shop.trueup_at(&proxy.url(&shop.database), &FIX).start();
        wait_until_it_sleeps(&shop.database);
        child
            .stop(signal, BOUND)
            .exit(6)
            .says(format!("interrupted by {signal}"))
            .says(["interrupted: rolling back ", "run the same command again to continue"]);
        stays(&shop, 500);
        goes_on(&shop);
    }
}

/// Between two batches it is held back, for longer than anybody wants to wait.
#[test]
fn f08_told_to_stop_while_it_is_held_back() {
    let shop = Shop::of(ROWS);
    let child = shop.fix().args(["--max-rate", "10"]).start();
    wait_for("the first batch", || shop.orphans() < ROWS);
    let ran = child.stop(Signal::SIGTERM, BOUND).exit(6);
    ran.says(["interrupted by SIGTERM", "run the same command again to continue"]);
    let done = ROWS - shop.orphans();
    assert!(done <= 100, "{done} rows at once are no 10 a second");
    stays(&shop, done);
    goes_on(&shop);
}

#[test]
fn f04_status_tells_what_a_repair_that_was_killed_has_done_and_what_comes_next() {
    let shop = Shop::of(ROWS);
    let child = shop.fix().args(["--max-rate", "10"]).start();
    wait_for("the first batch", || shop.orphans() < ROWS);
    child.send(Signal::SIGKILL);
    child.ended().killed();
    let holds = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = \
         (SELECT oid FROM pg_database WHERE datname = current_database())";
    wait_for("the server to notice", || shop.database.value(holds) == "0");
    let run = shop.database.value("SELECT id FROM trueup.runs WHERE ended_at IS NULL");
    let rows = format!("was interrupted after it had repaired {} rows", ROWS - shop.orphans());
    let undo = format!("trueup undo {}\n", &run[..10]);
    shop.trueup(["status"])
        .exit(1)
        .says(&rows)
        .says(&undo)
        .says(["a repair is unfinished", "next: trueup verify --fix"]);
    goes_on(&shop);
    shop.trueup(["status"]).exit(0);
}

#[test]
fn f08_the_terminal_is_gone() {
    let shop = Shop::of(ROWS);
    let proxy = sleeping(&shop, 2);
    let (child, terminal) = terminal::begin(shop.trueup_at(&proxy.url(&shop.database), &FIX), 80, "");
    wait_until_it_sleeps(&shop.database);
    drop(terminal);
    child.ends_within(BOUND).exit(6);
    stays(&shop, 500);
    goes_on(&shop);
}

/// A proxy that does this with the COMMIT of the second batch.
fn at_commit(shop: &Shop, then: fn() -> Then, afterwards: fn() -> Then) -> (Proxy, Arc<AtomicBool>) {
    let (batches, fired) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(false)));
    let has = Arc::clone(&fired);
    let proxy = Proxy::start(&shop.database, move |_, sql| {
        if has.load(Ordering::SeqCst) {
            return afterwards();
        }
        if writes(sql) {
            batches.fetch_add(1, Ordering::SeqCst);
        }
        if sql.starts_with("COMMIT") && batches.load(Ordering::SeqCst) == 2 {
            has.store(true, Ordering::SeqCst);
            return then();
        }
        Then::Forward
    });
    (proxy, fired)
}

#[test]
fn f05_the_answer_to_a_batchs_commit_is_lost() {
    // It was done: what is recorded with it says so, and the run goes on.
    let shop = Shop::of(ROWS);
    let (proxy, fired) = at_commit(&shop, || Then::Swallow, || Then::Forward);
    let ran = shop.trueup_at(&proxy.url(&shop.database), &FIX).run();
    assert!(fired.load(Ordering::SeqCst));
    ran.exit(0).says(["repaired 1600 rows; OK", "updated 1600 rows"]);
    stays(&shop, ROWS);
    goes_on(&shop);
    // It was not done.
    let shop = Shop::of(ROWS);
    let (proxy, _) = at_commit(&shop, || Then::HangUp, || Then::Forward);
    shop.trueup_at(&proxy.url(&shop.database), &FIX)
        .exit(6)
        .says(["not committed", "run the same command again to continue"]);
    stays(&shop, 500);
    goes_on(&shop);
    // Nobody can be asked.
    for (then, rows) in [((|| Then::Swallow) as fn() -> Then, 1500), (|| Then::HangUp, 500)] {
        let shop = Shop::of(ROWS);
        let (proxy, _) = at_commit(&shop, then, || Then::HangUp);
        shop.trueup_at(&proxy.url(&shop.database), &FIX)
            .exit(7)
            .says(["nobody knows whether keys/by_owner was committed", "ask it yourself"]);
        wait_until_it_is_gone(&shop.database);
        stays(&shop, rows);
        goes_on(&shop);
    }
}

#[test]
fn f05_the_answer_to_the_commit_of_a_batch_of_an_undo_is_lost() {
    let shop = Shop::of(ROWS);
    shop.fix().exit(0);
    let run = shop.runs().remove(0);
    let (proxy, fired) = at_commit(&shop, || Then::Swallow, || Then::Forward);
    let ran = shop.trueup_at(&proxy.url(&shop.database), &["undo", &run, "--yes"]).run();
    assert!(fired.load(Ordering::SeqCst));
    ran.exit(0).says("done: restored 1600 rows");
    assert_eq!(shop.database.value("SELECT restored || ' ' || kept FROM trueup.repairs"), "1600 0");
    shop.as_before();
}
