//! Limits and losses of the server while it is read. Too many connections: `tests/connect`.

use std::time::{Duration, Instant};

use crate::support;
use crate::support::project::Site;
use crate::support::proxy::{self, Proxy, Then};

/// Enough rows of the catalogs for their joins not to fit into the least memory.
const MUCH: &str = "DO $$BEGIN FOR n IN 1..300 LOOP \
    EXECUTE format('CREATE TABLE many.%I (id int PRIMARY KEY, a text, b text, c text, d text, e text, f text)', 't' || n); \
    END LOOP; END$$";

/// The server's own limit for temporary files: what a full disk is to a query, without filling a disk.
#[test]
fn f34_no_room_for_temporary_files() {
    let site = Site::with_drift();
    site.database.exec(&format!("CREATE SCHEMA many; {MUCH}"));
    let expected = site.check(&site.database).findings();
    site.database.exec(
        "CREATE ROLE f34_cramped SUPERUSER LOGIN; ALTER ROLE f34_cramped SET work_mem = '64kB';
         ALTER ROLE f34_cramped SET temp_file_limit = 0; ALTER ROLE f34_cramped SET enable_nestloop = off;
         ALTER ROLE f34_cramped SET enable_indexscan = off; ALTER ROLE f34_cramped SET enable_bitmapscan = off",
    );
    let ran = site.check(&site.database.url_as("f34_cramped")).run();
    site.database.exec("DROP ROLE f34_cramped");
    // A reader that needs no temporary file is as good.
    if ran.code() == Some(3) {
        ran.exit(3).says(["the server has reached a limit", "temporary file size exceeds temp_file_limit"]);
    } else {
        assert_eq!(ran.findings(), expected);
    }
}

/// What the server says is said, as the server's and with what to do, and never taken for an answer.
#[test]
fn f34_what_the_server_lacks_is_said_as_the_servers() {
    let site = Site::with_drift();
    for (sqlstate, message, code, words) in [
        ("53100", "could not write to file: No space left on device", 3, "the disk of the server is full"),
        ("53200", "out of memory", 3, "the server is out of memory"),
        ("53300", "sorry, too many clients already", 3, "the server has reached a limit"),
        (
            "57P01",
            "terminating connection due to administrator command",
            3,
            "the server ended the connection",
        ),
        ("57014", "canceling statement due to statement timeout", 75, "the server stopped the statement"),
        ("XX001", "invalid page in block 3 of relation base/5/1259", 3, "invalid page in block 3"),
        ("58030", "could not read block 3 in file", 3, "could not read block 3"),
    ] {
        for message_number in 1..=3 {
            let proxy = Proxy::start(&site.database, move |number, _| {
                if number == message_number { proxy::error(sqlstate, message) } else { Then::Forward }
            });
            site.check(&proxy.url(&site.database)).exit(code).says([words, message]);
        }
    }
}

#[test]
fn f34_a_connection_that_is_lost_is_no_answer() {
    let site = Site::with_drift();
    for lost_at in 1..=3 {
        let proxy =
            Proxy::start(
                &site.database,
                move |number, _| {
                    if number == lost_at { Then::HangUp } else { Then::Forward }
                },
            );
        let ran = site
            .check(&proxy.url(&site.database))
            .exit(3)
            .says(["the connection to the server was lost", "try again"]);
        assert_eq!(ran.json()["outcome"], "cannot-tell");
    }
}

/// A real one: the server's administrator ends the session between two messages.
#[test]
fn f34_a_session_that_is_terminated_is_no_answer() {
    let site = Site::with_drift();
    let url = site.database.url().to_owned();
    let proxy = Proxy::start(&site.database, move |number, _| {
        if number == 2 {
            support::try_query_at(
                &url,
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
                 WHERE application_name LIKE 'trueup/% check' AND datname = current_database()",
            )
            .unwrap();
        }
        Then::Forward
    });
    site.check(&proxy.url(&site.database))
        .exit(3)
        .says("terminating connection due to administrator command");
}

/// A server that stops answering in the middle is given up.
#[test]
fn f06_a_server_that_falls_silent_is_given_up() {
    let site = Site::with_drift();
    let toml = site.project.path().join("trueup.toml");
    let text = std::fs::read_to_string(&toml).unwrap();
    std::fs::write(&toml, text.replace("[database]", "[database]\nstatement_timeout = \"1s\"")).unwrap();
    let proxy = Proxy::start(&site.database, |number, _| {
        if number == 2 {
            std::thread::sleep(Duration::from_secs(600));
        }
        Then::Forward
    });
    let began = Instant::now();
    site.check(&proxy.url(&site.database))
        .exit(75)
        .says(["the server has said nothing for 6 s", "try again"]);
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}
