//! A standby that takes over while a run is at it: the same address, another timeline.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::{CHANGE, TABLE, project, upgrade};
use crate::support::cluster::Cluster;
use crate::support::proxy::{Proxy, Then};
use crate::support::{self, wait_for};

/// A primary, its standby, and a proxy whose address leads to the one that is in charge.
struct Site {
    project: crate::support::project::Project,
    primary: Arc<Cluster>,
    standby: Arc<Cluster>,
    target: Arc<Mutex<std::path::PathBuf>>,
}

fn site() -> Site {
    let project = project(
        "[migrations]\nlock_budget = \"10s\"\n",
        &[("V1__items.sql", TABLE), ("V2__note.sql", CHANGE)],
    );
    let primary = Arc::new(Cluster::start(&["wal_level=replica", "max_wal_senders=4", "hot_standby=on"]));
    let url = primary.url("postgres@127.0.0.1", "shop");
    upgrade(&project, &url).args(["--to", "1"]).exit(0);
    let standby = Arc::new(primary.standby());
    let target = Arc::new(Mutex::new(primary.socket()));
    Site { project, primary, standby, target }
}

/// What the primary has, the standby has: then it is made the primary, and the address leads there.
fn take_over(primary: &Cluster, standby: &Cluster, target: &Mutex<std::path::PathBuf>) {
    let lsn = support::try_query_at(
        &primary.url("postgres@127.0.0.1", "shop"),
        "SELECT pg_current_wal_flush_lsn()",
    )
    .unwrap();
    let lsn = lsn[0][0].clone().unwrap();
    let url = standby.url("postgres@127.0.0.1", "shop");
    wait_for("replication", || {
        let sql = format!("SELECT pg_last_wal_replay_lsn() >= '{lsn}'");
        support::try_query_at(&url, &sql).unwrap()[0][0].as_deref() == Some("t")
    });
    support::try_query_at(&url, "SELECT pg_promote(true, 30)").unwrap();
    *target.lock().unwrap() = standby.socket();
}

impl Site {
    /// The URL of an address that fails over when `at` says so of a query, whose connection is then lost.
    fn url_failing_over(&self, at: impl Fn(&str) -> bool + Send + Sync + 'static) -> (Proxy, String) {
        let (primary, standby) = (Arc::clone(&self.primary), Arc::clone(&self.standby));
        let (target, switch) = (Arc::clone(&self.target), Arc::clone(&self.target));
        let over = AtomicBool::new(false);
        let proxy = Proxy::toward(
            move || target.lock().unwrap().clone(),
            move |_, text| {
                if !over.load(Ordering::SeqCst) && at(text) {
                    over.store(true, Ordering::SeqCst);
                    take_over(&primary, &standby, &switch);
                    return Then::HangUp;
                }
                Then::Forward
            },
        );
        let url = format!("postgres://postgres@localhost/shop?host={}", proxy.dir().display());
        (proxy, url)
    }

    fn at_the_new_primary(&self, sql: &str) -> String {
        let mut rows = support::try_query_at(&self.standby.url("postgres@127.0.0.1", "shop"), sql).unwrap();
        rows.remove(0).remove(0).unwrap()
    }
}

/// The COMMIT of the migration, and no earlier one.
#[test]
fn f26_a_failover_whose_commit_was_not_answered_is_unknown_and_says_what_to_ask() {
    let site = site();
    let migrating = Arc::new(AtomicBool::new(false));
    let (_proxy, url) = site.url_failing_over(move |text| {
        if text.contains("ADD COLUMN note") {
            migrating.store(true, Ordering::SeqCst);
        }
        text.starts_with("COMMIT") && migrating.load(Ordering::SeqCst)
    });
    let ask = "SELECT transactions >= ";
    let ran = upgrade(&site.project, &url).exit(7).says([
        "nobody knows whether V2__note was committed",
        "the timeline was 00000001 and is 00000002 now",
        "trueup status",
        ask,
    ]);
    // What it says to ask tells that it was not: the old primary went away with it.
    let said = ran.said();
    let question = &said[said.find(ask).unwrap()..];
    let question = question.lines().next().unwrap();
    assert_eq!(site.at_the_new_primary(question), "f", "{question}");
    site.project.trueup(["status"], &url).exit(1).says("1 pending");
    // The same command goes on, on the new primary.
    upgrade(&site.project, &url).exit(0).says("done: applied 1 migration");
    let log =
        "SELECT string_agg(coalesce(outcome, '-') || ' ' || timeline, ', ' ORDER BY id) FROM trueup.runs";
    assert_eq!(site.at_the_new_primary(log), "clean 00000001, broke off 00000001, clean 00000002");
}

/// Before COMMIT nothing is unknown: the old server rolls back, and the new one never heard of it.
#[test]
fn f26_a_failover_in_the_middle_of_a_script_is_rolled_back() {
    let site = site();
    let (_proxy, url) = site.url_failing_over(|text| text.contains("ADD COLUMN note"));
    upgrade(&site.project, &url)
        .exit(5)
        .says(["the connection to the server was lost in V2__note", "run the same command again"]);
    let column =
        "SELECT count(*) FROM pg_attribute WHERE attrelid = 'public.items'::regclass AND attname = 'note'";
    assert_eq!(site.at_the_new_primary(column), "0");
    std::thread::sleep(Duration::from_millis(100));
    upgrade(&site.project, &url).exit(0).says("done: applied 1 migration");
    assert_eq!(site.at_the_new_primary(column), "1");
}
