//! The lock is lost in the middle of a run: whoever took over is not disturbed.

use super::{applied_once, holds, project, resumes, upgrade, wait_for_statement};
use crate::support::proxy::{Proxy, Then};
use crate::support::{self, wait_for};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

const SHORT: &str = "[migrations]\nlock_budget = \"3s\"\nwait = \"1s\"\n";

/// A function of somebody's gives every lock of the session back; the next step takes it again.
#[test]
fn f13_a_migration_gives_the_lock_back() {
    let first = "CREATE FUNCTION tidy() RETURNS void LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_catalog.pg_advisory_unlock_all(); END $$;
        CREATE TABLE a (id int);";
    let migrations = [
        ("V1__a", first),
        ("V2__b", "SELECT tidy(); CREATE TABLE b (id int);"),
        ("V3__c", "CREATE TABLE c (id int); SELECT pg_sleep(1.5);"),
    ];
    let model = format!("{first} CREATE TABLE b (id int); CREATE TABLE c (id int);");
    let project = project(&migrations, &model, SHORT);
    let database = support::database();
    let child = upgrade(&project, &database).start();
    wait_for_statement(&database, "%pg_sleep(1.5)%");
    // The run after the one that gave its lock back is protected again.
    let held = holds(
        &database,
        "EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted
         AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))",
    );
    assert!(held);
    upgrade(&project, &database)
        .args(["--wait", "0s"])
        .exit(75)
        .says(["another run of trueup holds the lock", "pid"]);
    child.ends_within(Duration::from_secs(20)).exit(0);
    applied_once(&database, 3);
}

/// Another run comes in just when the lock is free: it does the rest, and the first one changes nothing more.
#[test]
fn f13_another_run_takes_over() {
    let first = "CREATE FUNCTION tidy() RETURNS void LANGUAGE plpgsql AS
        $$ BEGIN PERFORM pg_catalog.pg_advisory_unlock_all(); END $$;
        CREATE TABLE a (id int);";
    let migrations = [
        ("V1__a", first),
        ("V2__b", "SELECT tidy(); CREATE TABLE b (id int);"),
        ("V3__c", "CREATE TABLE c (id int);"),
    ];
    let model = format!("{first} CREATE TABLE b (id int); CREATE TABLE c (id int);");
    let project = Arc::new(project(&migrations, &model, SHORT));
    let database = Arc::new(support::database());
    let (other, place) = (Arc::clone(&project), Arc::clone(&database));
    let (armed, done) = (AtomicBool::new(false), AtomicBool::new(false));
    let proxy = Proxy::start(&database, move |_, sql| {
        if sql.contains("SELECT tidy()") {
            armed.store(true, Ordering::SeqCst);
        }
        // One message commits V2 and begins V3, so that nobody comes between. Here it is cut in two.
        if sql.starts_with("COMMIT; ") && armed.load(Ordering::SeqCst) {
            return Then::Instead("COMMIT".into());
        }
        // Between the COMMIT of V2 and the beginning of V3.
        let next = sql.contains("RESET SESSION AUTHORIZATION") && sql.contains("BEGIN ISOLATION");
        if next && armed.load(Ordering::SeqCst) && !done.swap(true, Ordering::SeqCst) {
            upgrade(&other, place.url()).exit(0);
        }
        Then::Forward
    });
    upgrade(&project, &proxy.url(&database)).exit(6).says(["another run of trueup has taken over", "V3__c"]);
    applied_once(&database, 3);
    let ends = "SELECT string_agg(outcome, ', ' ORDER BY started_at) FROM trueup.runs";
    assert_eq!(database.value(ends), "broke off, clean");
}

/// The fence decides, also for a transaction that was in the middle when it was taken over.
#[test]
fn f13_the_fence_stops_a_transaction_that_has_begun() {
    let migrations =
        [("V1__a", "CREATE TABLE a (id int);"), ("V2__b", "CREATE TABLE b (id int); SELECT pg_sleep(1);")];
    let project = project(&migrations, "CREATE TABLE a (id int); CREATE TABLE b (id int);", SHORT);
    let database = support::database();
    let child = upgrade(&project, &database).start();
    wait_for_statement(&database, "%pg_sleep(1)%");
    database.exec("UPDATE trueup.fence SET run = 'another'");
    child.ends_within(Duration::from_secs(20)).exit(6).says("another run of trueup has taken over");
    applied_once(&database, 1);
    assert!(holds(&database, "to_regclass('b') IS NULL"));
    resumes(&project, &database, 2);
}

/// The session that holds the lock is ended, in a step and between two.
#[test]
fn f04_the_session_is_terminated() {
    let migrations = [
        ("V1__a", "CREATE TABLE a (id int);"),
        ("V2__b", "CREATE TABLE b (id int); SELECT pg_sleep(20); CREATE TABLE bb (id int);"),
    ];
    let model = "CREATE TABLE a (id int); CREATE TABLE b (id int); CREATE TABLE bb (id int);";
    let project = project(&migrations, model, SHORT);
    let database = support::database();
    let child = upgrade(&project, &database).start();
    wait_for_statement(&database, "%pg_sleep(20)%");
    database.exec(&format!(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {}",
        super::WORKER
    ));
    child.ends_within(Duration::from_secs(20)).exit(6).says([
        "V2__b",
        "administrator command",
        "run the same command again",
    ]);
    applied_once(&database, 1);
    assert!(holds(&database, "to_regclass('b') IS NULL"));
    // Its end could be recorded all the same.
    assert_eq!(database.value("SELECT outcome || ' ' || exit_code FROM trueup.runs"), "partial 6");
}

/// F04 where nothing of the run stays.
#[test]
fn f04_terminated_in_the_first_migration() {
    let project = project(
        &[("V1__a", "CREATE TABLE a (id int); SELECT pg_sleep(1);")],
        "CREATE TABLE a (id int);",
        SHORT,
    );
    let database = support::database();
    let child = upgrade(&project, &database).start();
    wait_for_statement(&database, "%pg_sleep(1)%");
    database.exec(&format!(
        "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE {}",
        super::WORKER
    ));
    child.ends_within(Duration::from_secs(20)).exit(5);
    resumes(&project, &database, 1);
}

/// The session that watches over the other is no reason to stop: it is made anew, and still cancels.
#[test]
fn f13_the_control_session_is_terminated() {
    let migrations = [
        ("V1__a", "CREATE TABLE a (id int);"),
        ("V2__b", "-- trueup: no-transaction\nCREATE INDEX CONCURRENTLY a_i ON a (id);"),
    ];
    let project = project(&migrations, "CREATE TABLE a (id int); CREATE INDEX a_i ON a (id);", SHORT);
    let database = support::database();
    let end_control = || {
        let controls = "FROM pg_stat_activity WHERE datname = current_database()
             AND application_name LIKE 'trueup/% upgrade (control)'";
        let before = database.value(&format!("SELECT pid {controls}"));
        database.exec(&format!("SELECT pg_terminate_backend(pid, 5000) {controls}"));
        wait_for("another control session", || {
            database.query(&format!("SELECT pid {controls} AND pid <> {before}")).len() == 1
        });
    };
    upgrade(&project, &database).args(["--to", "1"]).exit(0);
    let runtime = support::runtime();
    let mut holder = runtime.block_on(database.connect());
    runtime.block_on(holder.execute("BEGIN; INSERT INTO a VALUES (1)")).unwrap();
    let child = upgrade(&project, &database).start();
    wait_for_statement(&database, "CREATE INDEX CONCURRENTLY%");
    end_control();
    end_control();
    let ran = child.stop(nix::sys::signal::Signal::SIGTERM, Duration::from_secs(10));
    runtime.block_on(holder.close());
    ran.exit(6);
    resumes(&project, &database, 2);
}

/// A transaction that is aborted already is never reported as applied: here by what the script itself does.
#[test]
fn f07_an_aborted_transaction_is_not_applied() {
    let migrations = [("V1__a", "CREATE TABLE a (id int);"), ("V2__b", "CREATE TABLE b (id int);")];
    let project = project(&migrations, "CREATE TABLE a (id int); CREATE TABLE b (id int);", SHORT);
    // Somebody between trueup and the server swallows the error: what follows meets an aborted transaction.
    let database = support::database();
    let aborts = |text: &str| text.contains("CREATE TABLE b");
    let proxy = Proxy::start(&database, move |_, sql| {
        if aborts(sql) { Then::Instead(format!("SELECT 1/0;{sql}")) } else { Then::Forward }
    });
    upgrade(&project, &proxy.url(&database)).exit(6);
    applied_once(&database, 1);
    resumes(&project, &database, 2);
    // And when COMMIT is answered by ROLLBACK, in words that are no error.
    let database = support::database();
    let proxy =
        Proxy::start(
            &database,
            move |_, sql| {
                if aborts(sql) { Then::Instead("SELECT 1".into()) } else { Then::Forward }
            },
        );
    upgrade(&project, &proxy.url(&database)).exit(6);
    applied_once(&database, 1);
    resumes(&project, &database, 2);
}
