//! `--wait`: until it is ready, until waiting is of no use, or until the time is over.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::{ready, site};
use crate::support::proxy::{Proxy, Then};
use crate::support::{TestDatabase, wait_for};

const LATER: &[&str] = &["--wait", "2m", "--interval", "100ms"];
const SOON: &[&str] = &["--wait", "1s", "--interval", "100ms"];

/// A proxy that counts how often somebody has looked.
pub(super) fn counting(database: &TestDatabase) -> (Proxy, Arc<AtomicUsize>) {
    let looks = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&looks);
    let proxy = Proxy::start(database, move |number, _| {
        counted.fetch_add(usize::from(number == 1), Ordering::SeqCst);
        Then::Forward
    });
    (proxy, looks)
}

/// Waits until somebody has looked so often again.
pub(super) fn wait_for_looks(looks: &AtomicUsize, more: usize) {
    let before = looks.load(Ordering::SeqCst);
    wait_for("another look", || looks.load(Ordering::SeqCst) >= before + more);
}

#[test]
fn it_ends_when_the_schema_is_there_and_says_each_reason_once() {
    let (project, database) = site();
    database.exec("CREATE TABLE kept AS TABLE refinery_schema_history; DELETE FROM refinery_schema_history WHERE version > 5");
    let (proxy, looks) = counting(&database);
    let running = ready(&project, &proxy.url(&database), LATER).start();
    wait_for_looks(&looks, 3);
    let add = |versions: &str| {
        database.exec(&format!(
            "INSERT INTO refinery_schema_history SELECT * FROM kept WHERE version IN ({versions})"
        ));
    };
    add("6");
    wait_for_looks(&looks, 3);
    add("7");
    let ran = running.ends_within(Duration::from_secs(30)).exit(0);
    assert!(ran.stdout().contains("READY: all 7 migrations"), "{}", ran.shown());
    assert_eq!(
        ran.stderr(),
        "waiting: 2 of 7 migrations are not applied: V6__api_keys_user_id_index, V7__organizations_public_id\n\
         waiting: 1 of 7 migrations is not applied: V7__organizations_public_id\n"
    );
}

#[test]
fn it_ends_with_75_when_it_is_merely_not_there_yet() {
    let (project, database) = site();
    database.exec("DELETE FROM refinery_schema_history WHERE version = 7");
    let document = ready(&project, &database, SOON).document();
    assert_eq!((&document["exit_code"], &document["outcome"]), (&75.into(), &"busy".into()), "{document:#}");
    assert_eq!(document["ready"], false);
    ready(&project, &database, SOON).exit(75).says("NOT READY after 1.0 s: 1 of 7 migrations is not applied");
    let nobody = "postgres://a@127.0.0.1:1/b".to_owned();
    let document = ready(&project, &nobody, SOON).document();
    assert_eq!(
        (&document["exit_code"], &document["error"]["code"]),
        (&75.into(), &"connection.refused".into())
    );
    let ran = ready(&project, &nobody, SOON).exit(75);
    assert_eq!(ran.stderr().matches("waiting: ").count(), 1, "{}", ran.shown());
    ran.says("not ready after 1.0 s: cannot connect to");
    ready(&project, &nobody, &["--wait", "1s", "-q"]).exit(75).lacks("waiting");
}

/// A server that says nothing is given up in time.
#[test]
fn it_ends_in_time_beside_a_server_that_is_silent() {
    let (project, database) = site();
    let proxy = Proxy::start(&database, |_, _| Then::Forward);
    proxy.stall();
    let began = Instant::now();
    ready(&project, &proxy.url(&database), SOON).exit(75).says("no answer within");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[test]
fn what_no_waiting_changes_ends_it_at_once() {
    let (project, database) = site();
    database.exec("UPDATE refinery_schema_history SET checksum = '1' WHERE version = 3");
    let ran = ready(&project, &database, LATER).start().ends_within(Duration::from_secs(20));
    ran.exit(1).says("NOT READY: modified after apply").lacks("waiting");
    // A right that is missing may be granted meanwhile, and is no matter of time.
    let role = format!("blind_{}", database.name());
    database.exec(&format!("CREATE ROLE {role} LOGIN"));
    ready(&project, &database.url_as(&role), SOON)
        .exit(3)
        .says("not ready after 1.0 s: public.refinery_schema_history");
    database.exec(&format!("DROP ROLE {role}"));
}

#[test]
fn a_signal_ends_it() {
    let (project, database) = site();
    database.exec("DELETE FROM refinery_schema_history WHERE version = 7");
    let (proxy, looks) = counting(&database);
    let running = ready(&project, &proxy.url(&database), LATER).start();
    wait_for_looks(&looks, 2);
    running.stop(Signal::SIGTERM, Duration::from_secs(5)).exit(3);
}

#[test]
fn times_are_checked() {
    let (project, database) = site();
    for wrong in [&["--wait", "5"][..], &["--wait", "1s", "--interval", "0s"], &["--interval", "2s"]] {
        ready(&project, &database, wrong).case(format!("{wrong:?}")).exit(2);
    }
}
