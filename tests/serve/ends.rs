//! A signal ends it at once, with 0, and no session is left.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::{OFTEN, Served, connections, site};
use crate::support::wait_for;

#[test]
fn a_signal_ends_it_with_0_and_leaves_no_session() {
    let (project, database) = site();
    for signal in [Signal::SIGTERM, Signal::SIGINT, Signal::SIGHUP] {
        let served = Served::start(&project, &database, &[]);
        served.wait_for_all();
        assert_eq!(connections(&database), 1);
        let begun = Instant::now();
        let ran = served.running.stop(signal, Duration::from_secs(10)).exit(0);
        assert!(begun.elapsed() < Duration::from_secs(3), "{signal}: {:?}", begun.elapsed());
        assert_eq!(ran.stdout(), "");
        wait_for("the end of its session", || connections(&database) == 0);
    }
}

/// In the middle of a data check that takes long.
#[test]
fn a_query_in_work_is_cancelled() {
    let (project, database) = site();
    let check = "-- title: It takes long\n-- find:\nSELECT 1 AS id FROM pg_sleep(600)\n";
    std::fs::write(project.path().join("checks/a_long_one.sql"), check).unwrap();
    let served = Served::start(&project, &database, &[]);
    let works = "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'trueup/% serve' \
        AND datname = current_database() AND state = 'active' AND query LIKE '%pg_sleep%'";
    wait_for("the long check", || database.value(works) == "1");
    assert_eq!(connections(&database), 1);
    let begun = Instant::now();
    served.stop();
    wait_for("the end of the query", || connections(&database) == 0);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

/// While the database is away.
#[test]
fn it_ends_as_well_without_a_database() {
    let (project, _) = site();
    let nobody = "postgres://a@127.0.0.1:1/b".to_owned();
    let served = Served::start(&project, &nobody, OFTEN);
    served.wait_for_code(503);
    served.stop();
    // Nobody answers there, and nobody refuses.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("postgres://a@127.0.0.1:{}/b", silent.local_addr().unwrap().port());
    let served = Served::start(&project, &url, OFTEN);
    assert_eq!(served.get("/livez").code, 200);
    let begun = Instant::now();
    served.stop();
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
}
