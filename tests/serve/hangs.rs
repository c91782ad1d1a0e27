//! A database that hangs: the last answer with its age, at once, and never a second connection.

use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use super::{OFTEN, Served, connections, site};
use crate::support::proxy::{Proxy, Then};
use crate::support::{self, TestDatabase, wait_for};

/// The age that the answer says.
fn age(served: &Served) -> f64 {
    served.metrics().value("trueup_scrape_age_seconds", &[("probe", "readiness")]).unwrap()
}

/// Every path is answered at once.
fn answers_at_once(served: &Served) {
    for path in ["/livez", "/readyz", "/metrics", "/"] {
        let begun = Instant::now();
        served.get(path);
        assert!(begun.elapsed() < Duration::from_secs(1), "{path}: {:?}", begun.elapsed());
    }
}

/// The backends of its connections.
fn pids(database: &TestDatabase) -> String {
    let pids = "SELECT string_agg(pid::text, ' ') FROM pg_stat_activity \
        WHERE application_name LIKE 'trueup/% serve' AND datname = current_database()";
    database.value(pids)
}

fn send(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

#[test]
fn a_locked_history_keeps_the_last_answer() {
    let (project, database) = site();
    let served = Served::start(&project, &database, &["--interval", "200ms"]);
    served.wait_for_code(200);
    let runtime = support::runtime();
    let mut session = runtime.block_on(database.connect());
    let lock = "BEGIN; LOCK TABLE refinery_schema_history IN ACCESS EXCLUSIVE MODE";
    runtime.block_on(session.execute(lock)).unwrap();
    wait_for("an answer that grows old", || age(&served) > 2.0);
    answers_at_once(&served);
    let answer = served.get("/readyz");
    assert_eq!(answer.code, 200);
    assert!(
        answer.body.contains("the database does not answer now: ") && answer.body.contains("lock"),
        "{answer:?}"
    );
    served.metrics().is("trueup_ready", &[], 1.0);
    served.metrics().is("trueup_probe_success", &[("probe", "readiness")], 0.0);
    assert_eq!(connections(&database), 1);
    runtime.block_on(session.execute("ROLLBACK")).unwrap();
    wait_for("a new answer", || age(&served) < 1.0);
    runtime.block_on(session.close());
    served.stop();
}

#[test]
fn an_answer_that_is_too_old_does_not_count() {
    let (project, database) = site();
    let served = Served::start(&project, &database, &["--interval", "200ms", "--max-age", "1s"]);
    served.wait_for_code(200);
    let runtime = support::runtime();
    let mut session = runtime.block_on(database.connect());
    let lock = "BEGIN; LOCK TABLE refinery_schema_history IN ACCESS EXCLUSIVE MODE";
    runtime.block_on(session.execute(lock)).unwrap();
    let answer = served.wait_for_code(503);
    assert!(
        answer.body.starts_with("CANNOT TELL: the database has not answered for more than 1.0 s"),
        "{answer:?}"
    );
    served.metrics().is("trueup_ready", &[], None);
    // Its age is still known.
    assert!(age(&served) > 1.0);
    runtime.block_on(session.execute("ROLLBACK")).unwrap();
    served.wait_for_code(200);
    runtime.block_on(session.close());
    served.stop();
}

#[test]
fn a_backend_that_stands_still_gets_no_second_connection() {
    let (project, database) = site();
    let served = Served::start(&project, &database, OFTEN);
    served.wait_for_all();
    let pid = pids(&database);
    send("-STOP", &pid);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(12) {
        assert_eq!(connections(&database), 1);
        assert_eq!(served.get("/readyz").code, 200);
        std::thread::sleep(Duration::from_millis(200));
    }
    answers_at_once(&served);
    assert!(age(&served) > 10.0, "{}", age(&served));
    send("-CONT", &pid);
    wait_for("a new answer", || age(&served) < 1.0);
    assert_eq!(connections(&database), 1);
    served.stop();
    wait_for("the end of its session", || connections(&database) == 0);
}

/// A server that died without a word, and whose successor answers: that is found before the last answer is too old.
#[test]
fn a_connection_that_hangs_is_replaced_while_its_answer_counts() {
    let (project, database) = site();
    let served = Served::start(&project, &database, &["--interval", "200ms", "--max-age", "40s"]);
    served.wait_for_all();
    let pid = pids(&database);
    send("-STOP", &pid);
    // The answer grows old, and then there is a new one.
    let mut oldest = 0.0;
    while age(&served) + 1.0 > oldest {
        oldest = age(&served);
        assert_eq!(served.get("/readyz").code, 200, "{oldest}");
        std::thread::sleep(Duration::from_millis(200));
    }
    assert!(oldest > 10.0, "{oldest}");
    send("-CONT", &pid);
    wait_for("the end of the first backend", || connections(&database) == 1);
    assert_ne!(pids(&database), pid);
    served.stop();
}

#[test]
fn a_network_that_stands_still_is_told_and_does_not_keep_the_end() {
    let (project, database) = site();
    let proxy = Proxy::start(&database, |_, _| Then::Forward);
    let served = Served::start(&project, &proxy.url(&database), OFTEN);
    served.wait_for_all();
    served.wait_for_code(200);
    proxy.stall();
    wait_for("that it is noticed", || {
        served.metrics().value("trueup_probe_success", &[("probe", "readiness")]) == Some(0.0)
    });
    answers_at_once(&served);
    let answer = served.get("/readyz");
    assert_eq!(answer.code, 200);
    assert!(answer.body.contains("; the database does not answer now\n"), "{answer:?}");
    assert_eq!(connections(&database), 1);
    let begun = Instant::now();
    served.stop();
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
}

/// A long data check keeps nobody from being answered.
#[test]
fn a_long_data_check_keeps_nobody_waiting() {
    let (project, database) = site();
    let check = "-- title: It takes long\n-- find:\nSELECT 1 AS id FROM pg_sleep(4)\n";
    std::fs::write(project.path().join("checks/a_long_one.sql"), check).unwrap();
    let served = Served::start(&project, &database, OFTEN);
    served.wait_for_code(200);
    wait_for("the long check", || age(&served) > 1.0);
    answers_at_once(&served);
    assert_eq!(served.get("/readyz").code, 200);
    wait_for("its result", || {
        served.metrics().value("trueup_check_rows", &[("check", "a_long_one")]) == Some(1.0)
    });
    wait_for("a look after it", || age(&served) < 1.0);
    // A tenth of the time at the most: it is not run again at once, though it is asked for that.
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(6) {
        assert!(age(&served) < 3.0);
        std::thread::sleep(Duration::from_millis(100));
    }
    served.stop();
}

/// A store that is slow, as a disk over a network that stands still is: its listing keeps nobody waiting who asks.
#[test]
fn a_slow_store_keeps_nobody_waiting() {
    let (project, database) = site();
    let store = project.path().join("backups");
    fs::DirBuilder::new().mode(0o700).create(&store).unwrap();
    for number in 0..150 {
        let backup = store.join(format!("backup{number}"));
        fs::create_dir(&backup).unwrap();
        // Long to read, and empty on the disk.
        File::create(backup.join("manifest.json")).unwrap().set_len(64 << 20).unwrap();
    }
    let served = Served::start(&project, &database, &[]);
    let (mut longest, mut took) = (Duration::ZERO, None);
    while took.is_none() {
        let begun = Instant::now();
        assert_eq!(served.get("/livez").code, 200);
        longest = longest.max(begun.elapsed());
        took = served.metrics().value("trueup_probe_duration_seconds", &[("probe", "backup")]);
    }
    assert!(longest.as_secs_f64() < took.unwrap() / 4.0, "{longest:?} of {took:?} s");
    served.stop();
}
