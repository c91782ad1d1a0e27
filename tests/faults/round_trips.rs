//! How often a command waits for the server.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support;
use crate::support::project::{Project, Site};
use crate::support::proxy::{Proxy, Then};

#[test]
fn a_check_needs_at_most_three_round_trips() {
    let site = Site::with_drift();
    let proxy = Proxy::start(&site.database, |_, _| Then::Forward);
    let found = site.check(&proxy.url(&site.database)).findings();
    assert_eq!(found, site.findings());
    let (round_trips, messages) = (proxy.round_trips(), proxy.messages());
    assert!((1..=3).contains(&round_trips), "{round_trips} round trips");
    assert_eq!(messages, round_trips, "every message is answered, and none is sent beside them");
}

/// The script with its records, and the COMMIT with which the next one begins.
#[test]
fn a_migration_needs_two_round_trips() {
    let stale = Arc::new(AtomicUsize::new(0));
    let deleted = Arc::clone(&stale);
    // A look at the database is repeated when anything is done on its server meanwhile.
    let server = support::own_server();
    let round_trips = |migrations: usize| {
        let table = |number| format!("CREATE TABLE t{number} (id int);");
        let project = Project::of_schema(&(1..=migrations).map(table).collect::<String>());
        let directory = project.path().join("migrations");
        std::fs::create_dir(&directory).unwrap();
        for number in 1..=migrations {
            std::fs::write(directory.join(format!("V{number}__t{number}.sql")), table(number)).unwrap();
        }
        project.compile();
        let database = server.database();
        let deleted = Arc::clone(&deleted);
        let proxy = Proxy::start(&database, move |_, sql| {
            deleted.fetch_add(sql.matches("DELETE FROM trueup.migrations").count(), Ordering::SeqCst);
            Then::Forward
        });
        project.trueup(["upgrade", "--yes"], &proxy.url(&database)).exit(0);
        assert_eq!(proxy.messages(), proxy.round_trips(), "every message is answered");
        proxy.round_trips()
    };
    assert_eq!(round_trips(7) - round_trips(3), 2 * 4);
    assert_eq!(stale.load(Ordering::SeqCst), 0, "no text of an earlier application is there to be deleted");
}
