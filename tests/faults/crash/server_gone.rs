//! A statement that goes on without its client, a server that crashes, one that starts.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::{applied_once, holds, project, resumes, upgrade, wait_for_statement};
use crate::support::cluster::Cluster;
use crate::support::proxy::{Proxy, Then};
use crate::support::{self, wait_for};

const SHORT: &str = "[migrations]\nlock_budget = \"3s\"\nwait = \"30s\"\n";

/// The statement of a killed run keeps the lock: who it is, is said; and the server ends it when it notices.
#[test]
fn f03_a_statement_that_outlives_its_run_is_named() {
    let migrations = [("V1__a", "CREATE TABLE a (id int); SELECT pg_sleep(1.75);")];
    let project = project(&migrations, "CREATE TABLE a (id int);", SHORT);
    let database = support::database();
    // As after a kill that the server has not noticed yet.
    let child = upgrade(&project, &database).start();
    wait_for_statement(&database, "%pg_sleep(1.75)%");
    child.send(Signal::SIGSTOP);
    let pid = database.value(&format!("SELECT pid FROM pg_stat_activity WHERE {}", super::WORKER));
    upgrade(&project, &database).args(["--wait", "0s"]).exit(75).says(format!("pid {pid} ")).says([
        "another run of trueup holds the lock",
        "pg_sleep(?)",
        "active for ",
    ]);
    child.send(Signal::SIGKILL);
    child.ended();
    resumes(&project, &database, 1);
}

#[test]
fn f03_the_server_ends_what_nobody_waits_for() {
    let migrations = [("V1__a", "CREATE TABLE a (id int); SELECT pg_sleep(25);")];
    let project = project(&migrations, "CREATE TABLE a (id int);", SHORT);
    let database = support::database();
    let child = upgrade(&project, &database).start();
    wait_for_statement(&database, "%pg_sleep(25)%");
    child.send(Signal::SIGKILL);
    let killed = Instant::now();
    child.ended();
    wait_for("the end of the statement", || {
        holds(&database, &format!("NOT EXISTS (SELECT FROM pg_stat_activity WHERE {})", super::WORKER))
    });
    assert!(killed.elapsed() < Duration::from_secs(10), "{:?}", killed.elapsed());
    assert!(holds(&database, "to_regclass('a') IS NULL"));
    project.trueup(["status"], &database).exit(1).says("was interrupted");
}

/// A crash of the server in the middle of a step, and its restart.
#[test]
fn f10_the_server_crashes_and_comes_back() {
    let cluster = Cluster::start(&["restart_after_crash=on"]);
    let url = cluster.url("postgres@127.0.0.1", "shop");
    let query = |sql: &str| support::try_query_at(&url, sql);
    let migrations = [
        ("V1__a", "CREATE TABLE a (id int);"),
        ("V2__b", "CREATE TABLE b (id int); SELECT pg_sleep(2);"),
        ("V3__i", "-- trueup: no-transaction\nCREATE INDEX CONCURRENTLY b_i ON b (id);"),
    ];
    let model = "CREATE TABLE a (id int); CREATE TABLE b (id int); CREATE INDEX b_i ON b (id);";
    let settings = SHORT.replace("lock_budget = \"3s\"", "lock_budget = \"20s\"");
    let project = project(&migrations, model, &settings);
    let child = upgrade(&project, &url).start();
    wait_for("the second migration", || {
        let sql =
            "SELECT pid FROM pg_stat_activity WHERE query LIKE '%pg_sleep(2)%' AND pid <> pg_backend_pid()";
        query(sql).is_ok_and(|rows| !rows.is_empty())
    });
    // A backend that is killed makes the server end all others and start anew, as `pg_ctl restart -m immediate` does.
    cluster.crash();
    child.ends_within(Duration::from_secs(60)).exit(6).says(["V2__b", "the same command again"]);
    wait_for("the server", || query("SELECT 1").is_ok());
    let ended = query("SELECT outcome || ' ' || exit_code FROM trueup.runs").unwrap();
    assert_eq!(ended[0][0].as_deref(), Some("partial 6"), "its end was recorded");
    upgrade(&project, &url).arg("--strict").exit(0);
}

/// A server that is down for a moment, and starts, when the command comes: it is waited for.
#[test]
fn f10_a_server_that_starts_is_waited_for() {
    let project = project(&[("V1__a", "CREATE TABLE a (id int);")], "CREATE TABLE a (id int);", SHORT);
    let database = support::database();
    let startup = Instant::now();
    let proxy = Proxy::start(&database, |_, _| Then::Forward);
    proxy.start_up(Duration::from_secs(2));
    upgrade(&project, &proxy.url(&database)).exit(0);
    assert!(startup.elapsed() >= Duration::from_secs(2));
    applied_once(&database, 1);
}

#[test]
fn f10_a_server_that_does_not_come_up_is_75() {
    let project = project(&[("V1__a", "CREATE TABLE a (id int);")], "CREATE TABLE a (id int);", SHORT);
    let database = support::database();
    let proxy = Proxy::start(&database, |_, _| Then::Forward);
    proxy.start_up(Duration::from_secs(600));
    let began = Instant::now();
    upgrade(&project, &proxy.url(&database)).exit(75).says(["the server is not ready", "starting up"]);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}
