//! What asking costs a database: round trips, locks, and what it leaves behind; what is said when the connection is lost.

use std::sync::{Arc, Mutex};

use super::{behind, site, why};
use crate::support::pgbouncer::{self, PgBouncer};
use crate::support::proxy::{Proxy, Then};
use crate::support::{self, Row};

/// The locks of a command that asks, on what is not a system catalog.
const LOCKS: &str = "SELECT l.mode, coalesce(c.relname, l.locktype) FROM pg_locks l
    JOIN pg_stat_activity a ON a.pid = l.pid AND a.application_name LIKE 'trueup/% why'
    LEFT JOIN pg_class c ON c.oid = l.relation
    WHERE a.datname = current_database() AND l.granted AND coalesce(l.relation, 16384) >= 16384";

#[test]
fn it_asks_in_few_read_only_transactions_and_touches_no_table() {
    let (project, database) = behind("3");
    for (text, messages, exit) in [
        ("column api_keys.user_id does not exist", 4, 1),
        ("canceling statement due to lock timeout\nLINE 1: UPDATE users SET username = 'x'", 3, 0),
        ("duplicate key value violates unique constraint \"users_email_key\"", 4, 0),
    ] {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (sink, url) = (Arc::clone(&asked), database.url().to_owned());
        let proxy = Proxy::start(&database, move |_, message| {
            for lock in support::try_query_at(&url, LOCKS).unwrap() {
                let [mode, name] = [0, 1].map(|column| lock[column].clone().unwrap());
                assert!(mode == "AccessShareLock" || name == "virtualxid", "{lock:?}");
                assert!(!["users", "api_keys", "organizations"].contains(&name.as_str()), "{lock:?}");
            }
            sink.lock().unwrap().push(message.to_owned());
            Then::Forward
        });
        why(&project, &proxy.url(&database), text).exit(exit);
        let asked = asked.lock().unwrap();
        assert_eq!(asked.len(), messages, "{text}: {asked:#?}");
        assert!(
            asked.iter().filter(|message| message.contains("BEGIN")).all(|begun| begun.contains("READ ONLY"))
        );
        assert!(asked[0].contains("lock_timeout = 100;"), "{}", asked[0]);
        for writes in ["pg_advisory_lock", "FOR UPDATE", "INSERT INTO", "CREATE "] {
            assert!(asked.iter().all(|message| !message.contains(writes)), "{writes}");
        }
    }
}

#[test]
fn the_server_enforces_read_only() {
    let (project, database) = site();
    let proxy = Proxy::start(&database, |number, text| match number {
        3 => Then::Instead(format!("CREATE TABLE public.written (); {text}")),
        _ => Then::Forward,
    });
    why(&project, &proxy.url(&database), "deadlock detected")
        .exit(3)
        .says(["read-only transaction", "means: "]);
}

/// Whatever was asked already, what the text alone tells is said.
#[test]
fn a_connection_that_is_lost_leaves_what_the_text_tells() {
    let (project, database) = behind("3");
    for last in 1..=4 {
        let proxy = Proxy::start(&database, move |number, _| match number {
            number if number == last => Then::HangUp,
            _ => Then::Forward,
        });
        why(&project, &proxy.url(&database), "column api_keys.user_id does not exist")
            .case(last)
            .exit(3)
            .says(["A statement names a column that the table does not have", "the database was not asked"]);
    }
}

/// What a session through the pooler has.
fn session(url: &str) -> Vec<Row> {
    let all = "SELECT name, setting FROM pg_settings UNION ALL SELECT 'role', current_user
        UNION ALL SELECT 'prepared', name FROM pg_prepared_statements ORDER BY 1, 2";
    support::try_query_at(url, all).unwrap()
}

#[test]
fn it_works_through_a_pooler_and_leaves_nothing_on_its_connection() {
    assert!(pgbouncer::program().is_some(), "pgbouncer: run scripts/pgbouncer");
    let (project, database) = site();
    let pooler = PgBouncer::start(&database, "pooled_why", 1);
    let before = session(&pooler.url());
    for text in
        ["column users.emial does not exist", "deadlock detected", "permission denied for table users"]
    {
        why(&project, &pooler.url(), text).exit_in(&[0, 1]);
    }
    assert_eq!(session(&pooler.url()), before);
}
