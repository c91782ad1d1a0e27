//! How often a check waits for the server.

use crate::proxy::{Proxy, Then};
use crate::site::{Site, findings};

#[test]
fn a_check_needs_at_most_three_round_trips() {
    let site = Site::with_drift();
    let proxy = Proxy::start(&site.database, |_, _| Then::Forward);
    let found = findings(&site.check(&proxy.url(&site.database)));
    assert_eq!(found, site.findings());
    let (round_trips, messages) = (proxy.round_trips(), proxy.messages());
    assert!((1..=3).contains(&round_trips), "{round_trips} round trips");
    assert_eq!(messages, round_trips, "every message is answered, and none is sent beside them");
}
