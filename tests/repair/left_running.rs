//! Nothing runs on in the server when a command has ended, however it ended.

use super::*;

/// How long the query of a slow check takes.
const SLOW: Duration = Duration::from_secs(60);
/// How soon the server has to notice that nobody is there. It looks twice a second; a slow machine is waited for.
const SOON: Duration = Duration::from_secs(SLOW.as_secs() / 3);
const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

const SLEEPS: &str =
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";

/// A check whose query takes a minute.
fn slow() -> Shop {
    let sleep = SLOW.as_secs();
    let check =
        format!("-- title: Slow\n-- find:\nSELECT k.id FROM keys k, LATERAL (SELECT pg_sleep({sleep})) s;\n");
    let shop = Shop::of(3);
    shop.checks(&[("slow", &check)]);
    shop
}

#[track_caller]
fn nothing_sleeps_within(shop: &Shop, bound: Duration) {
    let begun = Instant::now();
    wait_for("the end of the query", || shop.database.value(SLEEPS) == "0");
    assert!(begun.elapsed() < bound, "{:?}", begun.elapsed());
}

#[test]
fn the_query_of_a_verify_that_is_told_to_stop_is_cancelled() {
    let shop = slow();
    for signal in SIGNALS {
        let child = shop.verify().start();
        wait_until_it_sleeps(&shop.database);
        let words = [
            &format!("interrupted by {signal}"),
            "the running statement was cancelled, and nothing was left behind",
        ];
        child.stop(signal, SOON).exit(3).says(words);
        assert_eq!(shop.database.value(SLEEPS), "0", "it is cancelled before the command ends");
    }
}

#[test]
fn the_query_of_a_verify_that_is_killed_ends_soon() {
    let shop = slow();
    let child = shop.verify().start();
    wait_until_it_sleeps(&shop.database);
    child.send(Signal::SIGKILL);
    child.ended().killed();
    nothing_sleeps_within(&shop, SOON);
}

#[test]
fn the_query_of_a_repair_that_is_told_to_stop_while_it_reads_is_cancelled() {
    let shop = slow();
    let check = KEYS.replace(
        "WHERE k.user_id IS NULL;",
        &format!("CROSS JOIN LATERAL (SELECT pg_sleep({})) s WHERE k.user_id IS NULL;", SLOW.as_secs()),
    );
    shop.checks(&[("keys", &check)]);
    for signal in SIGNALS {
        // Without --yes, the fixes are previewed first.
        let child = shop.trueup(["verify", "--fix", "--dry-run"]).start();
        wait_until_it_sleeps(&shop.database);
        child.stop(signal, SOON).says(format!("interrupted by {signal}"));
        assert_eq!(shop.database.value(SLEEPS), "0", "it is cancelled before the command ends");
    }
}

/// A frozen process holds row locks no longer than a batch may take.
#[test]
fn a_client_that_stands_still_between_script_and_commit_keeps_no_locks() {
    let shop = Shop::of(50);
    let proxy = crate::support::proxy::Proxy::start(&shop.database, |_, sql| {
        if sql.starts_with("COMMIT; BEGIN; ") || sql == "COMMIT" {
            std::thread::sleep(Duration::from_millis(200));
        }
        crate::support::proxy::Then::Forward
    });
    let holds =
        "SELECT count(*) FROM pg_locks WHERE relation = 'keys'::regclass AND mode = 'RowExclusiveLock'";
    let child = shop.trueup_at(&proxy.url(&shop.database), &["verify", "--fix", "--yes"]).start();
    wait_for("the locks of a batch", || shop.database.value(holds) != "0");
    child.send(Signal::SIGSTOP);
    let begun = Instant::now();
    wait_for("the end of the locks", || shop.database.value(holds) == "0");
    let took = begun.elapsed();
    child.send(Signal::SIGCONT);
    child.ended();
    assert!(took < SOON, "{took:?}");
    shop.fix().exit_in(&[0, 1]);
    shop.all_right();
}

/// Every session lets the server look whether its client is there.
#[test]
fn every_session_is_watched_by_the_server() {
    let shop = Shop::of(3);
    let setting = "SELECT id FROM keys WHERE current_setting('client_connection_check_interval') <> '500ms'";
    shop.checks(&[("watched", &format!("-- title: Watched\n-- find:\n{setting};\n"))]);
    shop.verify().exit(0);
}
