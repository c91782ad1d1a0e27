//! A server that says nothing any more: the gate ends all the same, and in time.

use std::time::{Duration, Instant};

use super::{at_base, configure, project};
use crate::support::TestDatabase;
use crate::support::program::Ran;
use crate::support::project::Project;
use crate::support::proxy::{Proxy, Then};

/// Longer than a gate may last.
const STALLED: Duration = Duration::from_secs(60);

/// A gate whose connection stalls at this message, and how long it took.
fn stalled_at(site: &Project, database: &TestDatabase, message: fn(&str) -> bool) -> (Ran, Duration) {
    let proxy = Proxy::start(database, move |_, text| {
        if message(text) {
            std::thread::sleep(STALLED);
        }
        Then::Forward
    });
    let began = Instant::now();
    let ran = site.trueup(["gate"], proxy.url(database).as_str()).run();
    (ran, began.elapsed())
}

#[test]
fn a_reading_without_an_answer_ends_by_the_deadline() {
    let site = project("", &["ALTER TABLE users ADD COLUMN a int;"]);
    let database = at_base(&site);
    let deadline = Duration::from_secs(12);
    configure(&site, &format!("[gate]\ndeadline = \"{}s\"\n", deadline.as_secs()));
    let (ran, took) = stalled_at(&site, &database, |text| text.contains("fingerprint_before"));
    ran.exit(3).says(["CANNOT TELL", "the server has said nothing for "]);
    assert!(took < deadline + deadline / 3, "{took:?}");
}

#[test]
fn the_end_of_the_last_transaction_is_not_waited_for() {
    let site = project("", &["ALTER TABLE users ADD COLUMN a int;"]);
    let database = at_base(&site);
    let (ran, took) = stalled_at(&site, &database, |text| text == "ROLLBACK");
    ran.exit(0).says("READY");
    assert!(took < Duration::from_secs(30) / 2, "half of the deadline: {took:?}");
}
