//! F04, F05, F08: a repair whose session, connection, terminal or patience ends in the middle of a batch.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::pty::openpty;

use super::*;
use crate::support::proxy::{Proxy, Then};

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

/// The end of a run within a bound.
#[track_caller]
fn ends_within(child: Child, bound: Duration) -> Output {
    let began = Instant::now();
    let output = child.wait_with_output().unwrap();
    assert!(began.elapsed() < bound, "{:?}: {}", began.elapsed(), said(&output));
    output
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
    shop.fix(0, &["OK: 1 check, no row is wrong"]);
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
        let child = start(shop.trueup_at(&proxy.url(&shop.database), &FIX));
        wait_until_it_sleeps(&shop.database);
        shop.database.exec(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()
             AND wait_event = 'PgSleep'",
        );
        let output = ends_within(child, BOUND);
        expect(&output, code, &["administrator command", "run the same command again to continue", words]);
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
    shop.fix(0, &[]);
    let run = shop.runs().remove(0);
    let proxy = sleeping(&shop, 2);
    let child = start(shop.trueup_at(&proxy.url(&shop.database), &["undo", &run, "--yes"]));
    wait_until_it_sleeps(&shop.database);
    shop.database.exec(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = current_database()
         AND wait_event = 'PgSleep'",
    );
    expect(&ends_within(child, BOUND), 6, &["500 rows of it are done", "run the same command again"]);
    assert_eq!(shop.orphans(), 500);
    shop.undo(&run, 0, &["done: restored 1100 rows"]);
    shop.as_before();
}

#[test]
fn f08_told_to_stop_in_a_batch() {
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP] {
        let shop = Shop::of(ROWS);
        let proxy = sleeping(&shop, 2);
        let child = start(shop.trueup_at(&proxy.url(&shop.database), &FIX));
        wait_until_it_sleeps(&shop.database);
        send(&child, signal);
        let output = ends_within(child, BOUND);
        let interrupted = format!("interrupted by {signal}");
        expect(
            &output,
            6,
            &[&interrupted, "interrupted: rolling back ", "run the same command again to continue"],
        );
        stays(&shop, 500);
        goes_on(&shop);
    }
}

/// Between two batches it is held back, for longer than anybody wants to wait.
#[test]
fn f08_told_to_stop_while_it_is_held_back() {
    let shop = Shop::of(ROWS);
    let child = start(shop.trueup(&[&FIX[..], &["--max-rate", "10"]].concat()));
    wait_for("the first batch", || shop.orphans() < ROWS);
    send(&child, Signal::SIGTERM);
    let output = ends_within(child, BOUND);
    expect(&output, 6, &["interrupted by SIGTERM", "run the same command again to continue"]);
    let done = ROWS - shop.orphans();
    assert!(done <= 100, "{done} rows at once are no 10 a second");
    stays(&shop, done);
    goes_on(&shop);
}

#[test]
fn f04_status_tells_what_a_repair_that_was_killed_has_done_and_what_comes_next() {
    let shop = Shop::of(ROWS);
    let mut child = start(shop.trueup(&[&FIX[..], &["--max-rate", "10"]].concat()));
    wait_for("the first batch", || shop.orphans() < ROWS);
    send(&child, Signal::SIGKILL);
    child.wait().unwrap();
    let holds = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND database = \
         (SELECT oid FROM pg_database WHERE datname = current_database())";
    wait_for("the server to notice", || shop.database.value(holds) == "0");
    let run = shop.database.value("SELECT id FROM trueup.runs WHERE ended_at IS NULL");
    let rows = format!("was interrupted after it had repaired {} rows", ROWS - shop.orphans());
    let told = shop.trueup(&["status"]).output().unwrap();
    let undo = format!("trueup undo {}\n", &run[..10]);
    expect(&told, 1, &[&rows, &undo, "a repair is unfinished", "next: trueup verify --fix"]);
    goes_on(&shop);
    expect(&shop.trueup(&["status"]).output().unwrap(), 0, &[]);
}

#[test]
fn f08_the_terminal_is_gone() {
    let shop = Shop::of(ROWS);
    let proxy = sleeping(&shop, 2);
    let terminal = openpty(None, None).unwrap();
    fcntl(&terminal.master, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).unwrap();
    let run = shop.trueup_at(&proxy.url(&shop.database), &FIX);
    let mut session = Command::new("setsid");
    session.arg("--ctty").arg(run.get_program()).args(run.get_args());
    session.env_clear().current_dir(shop.project.path());
    session.envs(run.get_envs().filter_map(|(name, value)| Some((name, value?))));
    let end = |fd: &OwnedFd| Stdio::from(fd.try_clone().unwrap());
    session.stdin(end(&terminal.slave)).stdout(end(&terminal.slave)).stderr(end(&terminal.slave));
    let mut child = session.spawn().unwrap();
    drop(session);
    drop(terminal.slave);
    wait_until_it_sleeps(&shop.database);
    drop(terminal.master);
    let closed = Instant::now();
    let mut status = None;
    wait_for("the end of the run", || {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    assert!(closed.elapsed() < BOUND);
    assert_eq!(status.unwrap().code(), Some(6));
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
    let output = shop.trueup_at(&proxy.url(&shop.database), &FIX).output().unwrap();
    assert!(fired.load(Ordering::SeqCst));
    expect(&output, 0, &["repaired 1600 rows; OK", "updated 1600 rows"]);
    stays(&shop, ROWS);
    goes_on(&shop);
    // It was not done.
    let shop = Shop::of(ROWS);
    let (proxy, _) = at_commit(&shop, || Then::HangUp, || Then::Forward);
    let output = shop.trueup_at(&proxy.url(&shop.database), &FIX).output().unwrap();
    expect(&output, 6, &["not committed", "run the same command again to continue"]);
    stays(&shop, 500);
    goes_on(&shop);
    // Nobody can be asked.
    for (then, rows) in [((|| Then::Swallow) as fn() -> Then, 1500), (|| Then::HangUp, 500)] {
        let shop = Shop::of(ROWS);
        let (proxy, _) = at_commit(&shop, then, || Then::HangUp);
        let output = shop.trueup_at(&proxy.url(&shop.database), &FIX).output().unwrap();
        expect(&output, 7, &["nobody knows whether keys/by_owner was committed", "ask it yourself"]);
        wait_until_it_is_gone(&shop.database);
        stays(&shop, rows);
        goes_on(&shop);
    }
}

#[test]
fn f05_the_answer_to_the_commit_of_a_batch_of_an_undo_is_lost() {
    let shop = Shop::of(ROWS);
    shop.fix(0, &[]);
    let run = shop.runs().remove(0);
    let (proxy, fired) = at_commit(&shop, || Then::Swallow, || Then::Forward);
    let output = shop.trueup_at(&proxy.url(&shop.database), &["undo", &run, "--yes"]).output().unwrap();
    assert!(fired.load(Ordering::SeqCst));
    expect(&output, 0, &["done: restored 1600 rows"]);
    assert_eq!(shop.database.value("SELECT restored || ' ' || kept FROM trueup.repairs"), "1600 0");
    shop.as_before();
}
