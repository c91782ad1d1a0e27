//! A repair that waits while something speaks against writing more.

use super::*;

const PAUSING: &str = "[repair]\nmax_transaction_age = \"1s\"\n";

#[test]
fn an_old_transaction_pauses_it_and_it_goes_on_when_that_ends() {
    let shop = Shop::of(1600);
    shop.settings(PAUSING);
    let mut other = Other::at(shop.database.url(), "billing");
    let pid = other.pid();
    other.run("BEGIN; SELECT 1");
    std::thread::sleep(Duration::from_millis(1100));
    let child = shop.trueup(["verify", "--fix", "--yes"]).start();
    wait_for("the plan", || shop.database.value("SELECT to_regclass('trueup.repairs') IS NOT NULL") == "t");
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(shop.orphans(), 1600, "it waits");
    drop(other);
    let told = format!("paused: a transaction of pid {pid} (billing) is open for ");
    child.ended().exit(0).says("repaired 1600 rows; OK").stderr_contains(told);
    shop.all_right();
}

/// In the middle: nothing of the run stands in anybody's way while it waits.
#[test]
fn a_pause_holds_no_transaction_open() {
    let shop = Shop::of(6000);
    shop.settings("[repair]\nmax_transaction_age = \"1s\"\npause = \"2s\"\n");
    shop.database.exec(
        "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN PERFORM pg_sleep(0.0005); RETURN NEW; END$$;
         CREATE TRIGGER slow BEFORE UPDATE ON keys FOR EACH ROW EXECUTE FUNCTION slow()",
    );
    // The transaction is too old a moment after the first batch.
    let mut other = Other::at(shop.database.url(), "billing");
    other.run("BEGIN; SELECT 1");
    let child = shop.trueup(["verify", "--fix", "--yes"]).start();
    wait_for("the first batch", || shop.orphans() < 6000);
    std::thread::sleep(Duration::from_millis(2200));
    let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()
        AND application_name LIKE 'trueup/%' AND xact_start IS NOT NULL";
    assert_eq!(shop.database.value(open), "0", "no transaction of ours is open while it waits");
    let left = shop.orphans();
    assert!(left > 0 && left < 6000, "{left}");
    child.ended().exit(6).says(["paused for 2.0 s altogether", "rows of it are done and recorded"]);
    drop(other);
    shop.fix().exit(0).says("OK: ");
    shop.all_right();
    shop.undo_all();
    shop.as_before();
}

#[test]
fn it_stops_when_it_has_paused_for_as_long_as_it_may() {
    let shop = Shop::of(1600);
    shop.settings("[repair]\nmax_transaction_age = \"1s\"\npause = \"1s\"\n");
    let mut other = Other::at(shop.database.url(), "billing");
    other.run("BEGIN; SELECT 1");
    std::thread::sleep(Duration::from_millis(1100));
    shop.fix().exit(75).says([
        "paused for 1.0 s altogether",
        "no row was changed",
        "[repair] says how long it waits",
    ]);
    assert_eq!(shop.orphans(), 1600);
    drop(other);
    shop.fix().exit(0).says("repaired 1600 rows; OK");
}

/// Told to stop while it pauses, it does.
#[test]
fn f08_told_to_stop_in_a_pause() {
    let shop = Shop::of(1600);
    shop.settings(PAUSING);
    let mut other = Other::at(shop.database.url(), "billing");
    other.run("BEGIN; SELECT 1");
    std::thread::sleep(Duration::from_millis(1100));
    let child = shop.trueup(["verify", "--fix", "--yes"]).start();
    wait_for("the plan", || shop.database.value("SELECT to_regclass('trueup.repairs') IS NOT NULL") == "t");
    std::thread::sleep(Duration::from_millis(500));
    child.send(Signal::SIGTERM);
    let began = Instant::now();
    child.ended().exit(5).says(["interrupted by SIGTERM", "no row was changed"]);
    assert!(began.elapsed() < Duration::from_secs(2));
    shop.settings(SHORT);
    drop(other);
    shop.fix().exit(0).says("OK: ");
}

/// Whoever waits for the table has it first.
#[test]
fn who_waits_for_the_table_goes_first() {
    let shop = Shop::of(1600);
    let mut holder = Other::at(shop.database.url(), "reader");
    holder.run("BEGIN; SELECT count(*) FROM keys");
    let url = shop.database.url().to_owned();
    let waiter =
        std::thread::spawn(move || support::try_query_at(&url, "ALTER TABLE keys ADD COLUMN more text"));
    let waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'keys'::regclass \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    wait_for("who waits", || shop.database.value(waits) != "0");
    let child = shop.trueup(["verify", "--fix", "--yes"]).start();
    std::thread::sleep(Duration::from_millis(400));
    drop(holder);
    waiter.join().unwrap().unwrap();
    child.ended().exit_in(&[0, 3, 75]);
    shop.keep("keys");
    if shop.orphans() > 0 {
        shop.fix().exit(0).says("OK: ");
    }
}

#[test]
fn max_rate_is_kept() {
    let shop = Shop::of(120);
    let began = Instant::now();
    shop.trueup(["verify", "--fix", "--yes", "--max-rate", "60"]).exit(0).says("repaired 120 rows; OK");
    assert!(began.elapsed() >= Duration::from_millis(1900), "{:?}", began.elapsed());
    let run = shop.runs().remove(0);
    let began = Instant::now();
    shop.trueup(["undo", &run, "--yes", "--max-rate", "60"]).exit(0).says("restored 120 rows");
    assert!(began.elapsed() >= Duration::from_millis(1900), "{:?}", began.elapsed());
    shop.as_before();
}
