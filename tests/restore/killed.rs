//! kill -9 while a database is replaced: it is the old one or the new one, whole, and the same command mends it.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::site::{Site, beside, databases, values};
use crate::support::{self, TestDatabase};

const KILLS: u32 = 12;

fn site_with_rows() -> (Site, TestDatabase) {
    let (site, database) = (Site::new(""), support::database());
    database.exec(
        "CREATE TABLE public.users (id int PRIMARY KEY, name text);
         INSERT INTO public.users SELECT n, md5(n::text) FROM generate_series(1, 50000) AS n;
         CREATE INDEX ON public.users (name)",
    );
    site.trueup(["backup"], &database).exit(0);
    database.exec("DELETE FROM public.users WHERE id > 7");
    (site, database)
}

fn leftovers(database: &TestDatabase) -> Vec<String> {
    databases(database, &format!("{}_restoring_", database.name()))
}

#[test]
fn a_kill_at_any_moment_leaves_the_old_or_the_new_database() {
    let (site, database) = site_with_rows();
    let restore = ["restore", "latest", "--into", database.url(), "--replace", "--yes"];
    let begun = Instant::now();
    site.trueup(restore, &database).exit(0);
    let whole = begun.elapsed();
    for kill in 1..=KILLS {
        database.exec("DELETE FROM public.users WHERE id > 7");
        let child = site.trueup(restore, &database).start();
        std::thread::sleep(whole.mul_f64(f64::from(kill) / f64::from(KILLS)));
        child.send(Signal::SIGKILL);
        child.ended();
        // The server notices that the client is gone.
        std::thread::sleep(Duration::from_millis(50));
        let maintenance = beside(&database, "postgres");
        let open = format!("SELECT datallowconn FROM pg_database WHERE datname = '{}'", database.name());
        if values(&maintenance, &open) == ["t"] {
            let rows = database.value("SELECT count(*) FROM public.users");
            assert!(rows == "7" || rows == "50000", "kill {kill}: {rows}");
        }
        ends_when_the_lock_is_free(&site, &database, &restore);
        assert_eq!(database.value("SELECT count(*) FROM public.users"), "50000", "kill {kill}");
        assert_eq!(leftovers(&database), Vec::<String>::new(), "kill {kill}");
    }
}

/// The server gives the lock back when it notices that the killed client is gone: a moment later.
fn ends_when_the_lock_is_free(site: &Site, database: &TestDatabase, restore: &[&str]) {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let ran = site.trueup(restore, database).exit_in(&[0, 75]);
        if ran.code() == Some(0) {
            return;
        }
        assert!(Instant::now() < deadline, "{}", ran.shown());
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// The state between "nobody may connect" and the commit, made by hand: the moment is too short to be met by chance.
#[test]
fn a_database_that_a_killed_run_has_closed_is_opened_again() {
    let (site, database) = site_with_rows();
    let name = database.name();
    let maintenance = beside(&database, "postgres");
    values(&maintenance, &format!("CREATE DATABASE {name}_restoring_0123456789"));
    let comment = format!("trueup restore of {name}: verified, about to take its place");
    values(&maintenance, &format!("COMMENT ON DATABASE {name}_restoring_0123456789 IS '{comment}'"));
    values(&maintenance, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
    site.trueup(["restore", "latest", "--into", database.url(), "--replace", "--yes"], &database)
        .exit(0)
        .says(["it is open again", "dropped"]);
    assert_eq!(database.value("SELECT count(*) FROM public.users"), "50000");
    assert_eq!(leftovers(&database), Vec::<String>::new());
}

/// Somebody else's database of such a name stays, and one that somebody has closed on purpose stays closed.
#[test]
fn nobody_elses_database_is_dropped_or_opened() {
    let (site, database) = site_with_rows();
    let (name, maintenance) = (database.name(), beside(&database, "postgres"));
    let theirs = format!("{name}_restoring_abcdefghij");
    values(&maintenance, &format!("CREATE DATABASE {theirs}"));
    values(&beside(&database, &theirs), "CREATE TABLE t ()");
    values(&maintenance, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS false"));
    site.trueup(["restore", "latest", "--into", database.url(), "--replace", "--yes"], &database).exit(3);
    assert_eq!(leftovers(&database), [theirs]);
    values(&maintenance, &format!("ALTER DATABASE {name} ALLOW_CONNECTIONS true"));
}

#[test]
fn an_interrupt_drops_what_was_made() {
    let (site, database) = site_with_rows();
    let restore = ["restore", "latest", "--into", database.url(), "--replace", "--yes"];
    let child = site.trueup(restore, &database).start();
    let deadline = Instant::now() + Duration::from_secs(20);
    while leftovers(&database).is_empty() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
    child.send(Signal::SIGTERM);
    let ran = child.ended().exit_in(&[4, 5]);
    assert_eq!(leftovers(&database), Vec::<String>::new(), "{}", ran.shown());
    assert_eq!(database.value("SELECT count(*) FROM public.users"), "7");
}
