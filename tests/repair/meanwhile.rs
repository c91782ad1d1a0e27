//! F18 to F21: applications that lock, change and insert rows while they are repaired.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::*;
use crate::support::proxy::{Proxy, Then};

const FIX: [&str; 3] = ["verify", "--fix", "--yes"];

/// A proxy that does something before the n-th batch, and not again.
fn before_batch(shop: &Shop, batch: usize, work: impl Fn() + Send + Sync + 'static) -> Proxy {
    let seen = AtomicUsize::new(0);
    Proxy::start(&shop.database, move |_, sql| {
        if writes(sql) && seen.fetch_add(1, Ordering::SeqCst) + 1 == batch {
            work();
        }
        Then::Forward
    })
}

fn exec_at(url: &str, sql: &str) {
    support::try_query_at(url, sql).unwrap();
}

/// An updater that goes through the rows in the opposite order: somebody has to give way, and no row is left out for it.
#[test]
fn f18_a_deadlock_with_an_updater_in_the_opposite_order() {
    let shop = Shop::of(1600);
    // Nobody gives up waiting before the deadlock is found, which kills whoever asks first: the repair.
    shop.settings("[repair]\nlock_timeout = \"900ms\"\n");
    shop.database
        .exec(&format!("ALTER DATABASE {name} SET deadlock_timeout = '100ms'", name = shop.database.name()));
    let mut app = Other::at(shop.database.url(), "billing");
    app.run("SET deadlock_timeout = '20s'; BEGIN; UPDATE keys SET note = note WHERE id = 400");
    let deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()";
    assert_eq!(shop.database.value(deadlocks), "0");
    let child = shop.trueup(FIX).start();
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name LIKE 'trueup/%' AND wait_event_type = 'Lock'";
    wait_for("the batch that waits", || shop.database.value(waits) != "0");
    // The repair has this one, and waits for the other.
    app.run("UPDATE keys SET note = note WHERE id = 3");
    app.run("COMMIT");
    child.ended().exit(0).says("repaired 1600 rows; OK");
    wait_for("the server's count", || shop.database.value(deadlocks) == "1");
    shop.all_right();
    shop.undo_all();
    // The application wrote what was there.
    shop.as_before();
}

/// The same without an application: the server is said to have answered so.
#[test]
fn f18_a_serialization_failure_is_no_end_of_the_rows() {
    let states = ["40001", "40P01", "55P03"];
    for state in states {
        let shop = Shop::of(1600);
        let seen = AtomicUsize::new(0);
        let proxy = Proxy::start(&shop.database, move |_, sql| {
            if writes(sql) && seen.fetch_add(1, Ordering::SeqCst) + 1 == 2 {
                let raise = format!("DO $$BEGIN RAISE EXCEPTION 'not now' USING ERRCODE = '{state}'; END$$");
                return Then::Instead(format!("{sql}; {raise}"));
            }
            Then::Forward
        });
        shop.trueup_at(&proxy.url(&shop.database), &FIX).exit(0).says("repaired 1600 rows; OK");
        assert_eq!(shop.recorded(), "1600");
        shop.all_right();
        shop.undo_all();
        shop.as_before();
    }
}

#[test]
fn f19_rows_that_an_application_holds_locked_remain_and_are_told() {
    let shop = Shop::of(1600);
    let mut app = Other::at(shop.database.url(), "billing");
    let pid = app.pid();
    app.run("BEGIN; SELECT FROM keys WHERE id IN (7, 700, 1600) FOR UPDATE");
    let began = Instant::now();
    let locked = format!("3 that others changed or held locked each time; locked by pid {pid}");
    shop.fix().exit(1).says(&locked).says(["3 rows remain", "application billing", "repaired 1597 rows"]);
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    assert_eq!(shop.orphans(), 3);
    drop(app);
    let document = shop.document(&FIX, 0);
    assert_eq!(document["fixes"][0]["changed"], 3, "{document:#}");
    shop.all_right();
    shop.undo_all();
    shop.as_before();
}

/// A lock on the row that is referred to: only the rows that need it remain.
#[test]
fn f19_a_lock_on_the_user_leaves_out_the_keys_of_that_user() {
    let shop = Shop::of(60);
    let mut app = Other::at(shop.database.url(), "billing");
    let pid = app.pid();
    app.run("BEGIN; SELECT FROM users WHERE id = 3 FOR UPDATE");
    let document = shop.document(&FIX, 1);
    let left = document["checks"][0]["left"][0].as_str().unwrap();
    assert!(left.starts_with("6 rows remain: 6 that others changed or held locked"), "{left}");
    assert!(left.contains(&format!("locked by pid {pid}")), "{left}");
    assert_eq!(
        shop.database.value("SELECT string_agg(DISTINCT owner, ',') FROM keys WHERE user_id IS NULL"),
        "u3"
    );
    // No batch holds what others need for longer than it may wait for one lock, and some.
    let longest = document["fixes"][0]["longest_batch_milliseconds"].as_u64().unwrap();
    assert!(longest < 500, "{longest}");
    drop(app);
    shop.fix().exit(0).says("repaired 6 rows; OK");
    shop.all_right();
}

/// How long somebody else waits for rows that a batch has locked, while that waits for others.
#[test]
fn f19_no_batch_keeps_others_waiting_for_longer_than_its_limit() {
    let shop = Shop::of(1600);
    let mut app = Other::at(shop.database.url(), "billing");
    app.run("BEGIN; SELECT FROM keys WHERE id = 400 FOR UPDATE");
    let child = shop.trueup(FIX).start();
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name LIKE 'trueup/%' AND wait_event_type = 'Lock'";
    wait_for("the batch that waits", || shop.database.value(waits) != "0");
    let mut worst = Duration::ZERO;
    let mut other = Other::at(shop.database.url(), "shop");
    let started = Instant::now();
    while shop.orphans() > 1 {
        assert!(started.elapsed() < Duration::from_secs(20), "the others are not repaired");
        let began = Instant::now();
        other.run("UPDATE users SET email = email WHERE id = 1; UPDATE keys SET note = note WHERE id = 0");
        other.run("SELECT FROM keys WHERE id = 3 FOR UPDATE");
        worst = worst.max(began.elapsed());
    }
    drop(app);
    child.ended().exit(0).says("OK: ");
    println!("F19: others waited {worst:?} at most");
    assert!(worst < Duration::from_millis(500), "{worst:?}");
}

/// New rows come all the time: the count at the end says so.
#[test]
fn f20_the_table_grows_while_it_is_repaired() {
    let shop = Shop::of(1600);
    let stop = Arc::new(AtomicBool::new(false));
    let (url, ends) = (shop.database.url().to_owned(), Arc::clone(&stop));
    let inserter = std::thread::spawn(move || {
        let mut app = Other::at(&url, "importer");
        let mut id = 10_000;
        while !ends.load(Ordering::SeqCst) {
            app.run(&format!("INSERT INTO keys VALUES ({id}, 'u1', NULL, 'new')"));
            id += 1;
        }
    });
    shop.fix().exit(1).says(["that came since the plan was made: the producer is still active", "fails: "]);
    stop.store(true, Ordering::SeqCst);
    inserter.join().unwrap();
    let old = "SELECT count(*) FROM keys WHERE user_id IS NULL AND id < 10000";
    assert_eq!(shop.database.value(old), "0", "what was planned is done");
    shop.fix().exit(0).says("OK: ");
    shop.undo_all();
    shop.database.exec("DELETE FROM keys WHERE id >= 10000");
    shop.as_before();
}

/// Changed, deleted, or made anew between plan and write: never overwritten; what is still wrong is planned again.
#[test]
fn f21_rows_changed_between_plan_and_write() {
    let shop = Shop::of(1600);
    let url = shop.database.url().to_owned();
    let proxy = before_batch(&shop, 2, move || {
        exec_at(
            &url,
            "UPDATE keys SET user_id = 9 WHERE id = 1001; UPDATE keys SET owner = 'u4' WHERE id = 1002;
             DELETE FROM keys WHERE id = 1003;
             DELETE FROM keys WHERE id = 1004; INSERT INTO keys VALUES (1004, 'u5', NULL, 'another');
             UPDATE keys SET owner = 'nobody' WHERE id = 1005",
        );
    });
    shop.trueup_at(&proxy.url(&shop.database), &FIX)
        .exit(1)
        .says("1 row remains: 1 that no fix proposes anything for");
    let rows = shop.database.query(
        "SELECT concat_ws(' ', id, owner, user_id, note) FROM keys WHERE id BETWEEN 1001 AND 1005 ORDER BY id",
    );
    let rows: Vec<String> = rows.into_iter().map(|mut row| row.remove(0).unwrap()).collect();
    assert_eq!(rows, ["1001 u1 9 n1001", "1002 u4 4 n1002", "1004 u5 5 another", "1005 nobody n1005"]);
    let counts = "SELECT string_agg(concat_ws(' ', planned, changed, skipped), ', ' ORDER BY number) FROM trueup.repairs";
    assert_eq!(shop.database.value(counts), "1600 1595 5, 2 2 0");
    // Of the row's versions it is the one that was repaired that comes back.
    shop.undo(&shop.runs()[0]).exit(0).says("restored 1597 rows");
    assert_eq!(shop.differing("keys"), "5");
    assert_eq!(shop.database.value("SELECT user_id FROM keys WHERE id = 1001"), "9");
}

/// A row that was changed, and whose newest version lies where the planned one did: the place alone does not tell them apart.
#[test]
fn f21_another_version_of_a_row_in_the_place_of_the_planned_one() {
    let shop = Shop::of(1);
    shop.database.exec("CREATE INDEX ON keys (note)");
    let (url, place) = (shop.database.url().to_owned(), "SELECT ctid::text FROM keys WHERE id = 1");
    let before = shop.database.value(place);
    let proxy = Proxy::start(&shop.database, move |_, sql| {
        if sql.contains("count(DISTINCT (part, tid))") {
            for sql in [
                "UPDATE keys SET note = 'a', user_id = 8 WHERE id = 1",
                "VACUUM keys",
                "UPDATE keys SET note = 'b', user_id = 9 WHERE id = 1",
            ] {
                exec_at(&url, sql);
            }
        }
        Then::Forward
    });
    shop.trueup_at(&proxy.url(&shop.database), &FIX)
        .exit(0)
        .says("skipped, changed or locked by others: 1 row");
    assert_eq!(shop.database.value(place), before, "the place was not used again: this proves nothing");
    assert_eq!(shop.database.value("SELECT user_id FROM keys WHERE id = 1"), "9");
}

/// An update that is not committed yet when its row's batch comes, and is then.
#[test]
fn f21_a_row_that_is_being_changed_when_its_batch_comes() {
    let shop = Shop::of(100);
    shop.settings("[repair]\nlock_timeout = \"5s\"\n");
    let mut app = Other::at(shop.database.url(), "billing");
    app.run("BEGIN; UPDATE keys SET user_id = 9 WHERE id = 50");
    let child = shop.trueup(FIX).start();
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name LIKE 'trueup/%' AND wait_event_type = 'Lock'";
    wait_for("the batch that waits", || shop.database.value(waits) != "0");
    app.run("COMMIT");
    child.ended().exit(0).says(["repaired 99 rows; OK", "skipped, changed or locked by others: 1 row"]);
    assert_eq!(shop.database.value("SELECT user_id FROM keys WHERE id = 50"), "9");
}
