//! What a look costs a database: round trips, locks, connections, and what it leaves behind.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::{OWN, ready, site};
use crate::support::pgbouncer::{self, PgBouncer};
use crate::support::proxy::{Proxy, Then};
use crate::support::{self, Row};

const LOCKS: &str = "SELECT l.locktype, l.mode FROM pg_locks l
    JOIN pg_stat_activity a ON a.pid = l.pid AND a.application_name LIKE 'trueup/% ready'
    WHERE a.datname = current_database() AND l.granted";

#[test]
fn it_asks_twice_in_a_read_only_transaction_with_short_limits() {
    let (project, database) = site();
    database.exec(OWN);
    let asked = Arc::new(Mutex::new(Vec::new()));
    let (sink, url) = (Arc::clone(&asked), database.url().to_owned());
    let proxy = Proxy::start(&database, move |number, text| {
        let locks: Vec<Row> = support::try_query_at(&url, LOCKS).unwrap();
        for lock in &locks {
            let [kind, mode] = [0, 1].map(|column| lock[column].as_deref().unwrap());
            assert!(mode == "AccessShareLock" || kind == "virtualxid", "{lock:?}");
        }
        // That the looking sees something.
        assert!(number == 1 || !locks.is_empty());
        sink.lock().unwrap().push(text.to_owned());
        Then::Forward
    });
    ready(&project, &proxy.url(&database), &[]).exit(0);
    let asked = asked.lock().unwrap();
    assert_eq!((asked.len(), proxy.round_trips()), (2, 2));
    for setting in ["READ ONLY", "lock_timeout = 100;", "statement_timeout = 1000;"] {
        assert!(asked[0].contains(setting), "{setting}: {}", asked[0]);
    }
    for writes in ["pg_advisory_lock", "FOR UPDATE", "INSERT", "CREATE "] {
        assert!(asked.iter().all(|text| !text.contains(writes)), "{writes}");
    }
}

/// The server itself refuses: were there a statement that writes, it would fail.
#[test]
fn the_server_enforces_read_only() {
    let (project, database) = site();
    let proxy = Proxy::start(&database, |number, text| match number {
        2 => Then::Instead(format!("CREATE TABLE public.written (); {text}")),
        _ => Then::Forward,
    });
    ready(&project, &proxy.url(&database), &[]).exit(3).says("read-only transaction");
}

/// Whoever holds the history is not waited for, and a hundred probes do not queue up.
#[test]
fn a_locked_history_is_not_waited_for() {
    let (project, database) = site();
    let runtime = support::runtime();
    let mut session = runtime.block_on(database.connect());
    runtime
        .block_on(session.execute("BEGIN; LOCK TABLE refinery_schema_history IN ACCESS EXCLUSIVE MODE"))
        .unwrap();
    let began = Instant::now();
    ready(&project, &database, &[]).exit(75).says("timed out waiting for a lock");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    let waited = ready(&project, &database, &["--wait", "1s", "--interval", "200ms"]).exit(75);
    assert_eq!(waited.stderr().matches("waiting: ").count(), 1, "{}", waited.shown());
    runtime.block_on(session.execute("ROLLBACK")).unwrap();
    ready(&project, &database, &[]).exit(0);
    runtime.block_on(session.close());
}

/// What a session through the pooler has: every setting, and who it is.
fn look(url: &str) -> Vec<Row> {
    let session = "SELECT name, setting FROM pg_settings UNION ALL SELECT 'role', current_user
        UNION ALL SELECT 'prepared', name FROM pg_prepared_statements
        UNION ALL SELECT 'backend', pg_backend_pid()::text ORDER BY 1, 2";
    support::try_query_at(url, session).unwrap()
}

#[test]
fn it_works_through_a_pooler_and_leaves_nothing_on_its_connection() {
    assert!(pgbouncer::program().is_some(), "pgbouncer: run scripts/pgbouncer");
    let (project, database) = site();
    database.exec(OWN);
    let pooler = PgBouncer::start(&database, "pooled_ready", 1);
    let before = look(&pooler.url());
    for _ in 0..3 {
        ready(&project, &pooler.url(), &[]).exit(0);
    }
    assert_eq!(look(&pooler.url()), before);
    database.exec("DELETE FROM refinery_schema_history WHERE version > 5");
    ready(&project, &pooler.url(), &["--wait", "1s", "--interval", "100ms"]).exit(75).says("NOT READY");
    assert_eq!(look(&pooler.url()), before);
}
