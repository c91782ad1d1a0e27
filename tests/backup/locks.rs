//! Somebody changes tables while they are backed up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::site::Site;
use crate::support;
use crate::support::proxy::{Proxy, Then};

#[test]
fn f55_a_table_that_somebody_changes_is_waited_for_as_long_as_was_set_and_named() {
    let site = Site::new();
    std::fs::write(site.dir().join("trueup.toml"), "[database]\nlock_timeout = \"500ms\"\n").unwrap();
    let runtime = support::runtime();
    let mut holder = runtime.block_on(site.database.connect());
    runtime.block_on(holder.execute("BEGIN; LOCK TABLE public.b IN ACCESS EXCLUSIVE MODE")).unwrap();
    let began = Instant::now();
    let ran = site.backup(&[]).run();
    let took = began.elapsed();
    runtime.block_on(holder.close());
    ran.exit(75).says(["public.b", "lock timeout", "again"]);
    assert!(took < Duration::from_secs(5), "{took:?}");
    site.nothing();
    site.backup(&[]).exit(0);
}

/// Runs this, and gives up on a lock at once, right before `pg_dump` locks its tables.
///
/// Tells whether it came to that, and whether it was done.
fn meanwhile(sql: &'static str) -> (Site, Proxy, Arc<[AtomicBool; 2]>) {
    let site = Site::new();
    let told: Arc<[AtomicBool; 2]> = Arc::default();
    let (url, tell) = (site.database.url().to_owned(), Arc::clone(&told));
    let proxy = Proxy::start(&site.database, move |_, text| {
        // trueup's own locks are those of a snapshot that is still to come.
        if text.starts_with("LOCK TABLE ") && !tell[0].swap(true, Ordering::SeqCst) {
            let sql = format!("SET lock_timeout = '300ms'; {sql}");
            tell[1].store(support::try_query_at(&url, &sql).is_ok(), Ordering::SeqCst);
        }
        Then::Forward
    });
    (site, proxy, told)
}

/// TRUNCATE is not transactional for who took a snapshot before (manual, "Caveats" of concurrency control): an empty table
/// would be counted, and dumped.
#[test]
fn a_table_is_neither_emptied_nor_dropped_between_the_snapshot_and_the_dump() {
    for sql in ["TRUNCATE public.b", "DROP TABLE public.b", "ALTER TABLE public.b DROP COLUMN t"] {
        let (site, proxy, told) = meanwhile(sql);
        site.backup_of(&proxy.url(&site.database), &[]).exit(0).says("3 tables with 20100 rows");
        let [came, done] = &*told;
        assert!(came.load(Ordering::SeqCst), "pg_dump's locks were seen");
        assert!(!done.load(Ordering::SeqCst), "{sql} had to wait");
        site.backup(&["verify"]).exit(0).says("is OK");
    }
}

#[test]
fn a_table_that_is_made_meanwhile_is_not_missed() {
    let (site, proxy, told) = meanwhile("CREATE TABLE public.newer (id int)");
    site.backup_of(&proxy.url(&site.database), &[]).exit(0).says("3 tables with 20100 rows");
    assert!(told[1].load(Ordering::SeqCst), "it was made");
}

/// Whatever comes of it, what is listed is whole.
#[test]
fn tables_that_come_and_go_never_make_a_backup_that_is_not_whole() {
    let site = Site::new();
    let stop = Arc::new(AtomicBool::new(false));
    let (url, stopped) = (site.database.url().to_owned(), Arc::clone(&stop));
    let changes = std::thread::spawn(move || {
        while !stopped.load(Ordering::SeqCst) {
            for sql in [
                "CREATE TABLE public.came AS SELECT generate_series(1, 1000) AS id",
                "TRUNCATE public.came",
                "INSERT INTO public.came VALUES (1)",
                "DROP TABLE public.came",
            ] {
                support::try_query_at(&url, sql).unwrap();
            }
        }
    });
    let mut taken = 0;
    for _ in 0..6 {
        let ran = site.backup(&[]).exit_in(&[0, 5, 75]);
        taken += usize::from(ran.code() == Some(0));
    }
    stop.store(true, Ordering::SeqCst);
    changes.join().unwrap();
    let listed = site.listed();
    assert_eq!(listed.len(), taken);
    assert!(taken > 0);
    for backup in listed {
        let id = backup["id"].as_str().unwrap();
        site.backup(&["verify", id]).exit(0).says("is OK");
    }
}
