//! The snapshot of a backup: it ends soon after its client is gone, whatever is between the two, and never before.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::site::Site;
use crate::support::proxy::{Proxy, Then};
use crate::support::wait_for;

/// The server ends a session that nobody has used for a minute.
const ENDS_WITHIN: Duration = Duration::from_secs(75);
/// Whether the transaction of a backup is open.
const OPEN: &str = "SELECT count(*) > 0 FROM pg_stat_activity WHERE datname = current_database() \
                    AND application_name LIKE 'trueup/%' AND state LIKE 'idle in transaction%'";

/// A client that is gone without a word, behind a proxy that keeps its connection: nothing tells the server so.
#[test]
fn f06_the_snapshot_of_a_client_that_is_gone_ends_within_a_minute() {
    let site = Site::new();
    let proxy = Proxy::start(&site.database, |_, _| Then::Forward);
    let stub = site.stub("touch $HERE/begun; sleep 10");
    let child = site.backup_of(&proxy.url(&site.database), &[]).arg("--pg-bin").arg(&stub).start();
    wait_for("the dump", || stub.join("begun").exists());
    proxy.stall();
    let began = Instant::now();
    child.stop(Signal::SIGKILL, Duration::from_secs(5)).killed();
    assert_eq!(site.database.value(OPEN), "t", "the server has not noticed that the client is gone");
    while site.database.value(OPEN) == "t" {
        assert!(began.elapsed() < ENDS_WITHIN, "the transaction is still open");
        std::thread::sleep(Duration::from_millis(500));
    }
    // Its locks are gone, too.
    site.database.exec("SET lock_timeout = '1s'; ALTER TABLE public.a ADD COLUMN more int");
    site.taken(&[]);
}

/// The client is there: what reads the snapshot takes as long as it takes.
#[test]
fn f06_a_dump_that_takes_longer_than_that_keeps_its_snapshot() {
    let site = Site::new();
    let stub = site.stub("touch $HERE/begun; sleep 65; exec \"$REAL\" \"$@\"");
    let child = site.backup_by(&stub, &["--format", "json"]).start();
    wait_for("the dump", || stub.join("begun").exists());
    // Rows that come later are not of the snapshot.
    site.database.exec("INSERT INTO public.a SELECT n, 'later' FROM generate_series(101, 200) AS n");
    let backup = child.ended().exit(0).json()["backup"].clone();
    let relations = backup["relations"].as_array().unwrap().iter();
    assert_eq!(relations.filter_map(|one| one["rows"].as_u64()).sum::<u64>(), 20100, "{backup:#}");
}
