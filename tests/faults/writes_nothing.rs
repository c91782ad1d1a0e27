//! A reading command writes nothing and stands in nobody's way.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::support::project::Site;
use crate::support::proxy::{Proxy, Then};
use crate::support::{self, Row, TestDatabase};

/// Every row version of every table of the database, the catalogs included.
fn contents(database: &TestDatabase) -> Vec<Row> {
    let tables = database.query(
        "SELECT oid::regclass::text, relkind FROM pg_class WHERE relkind IN ('r', 'm', 'S') ORDER BY 1",
    );
    let hashes = tables.iter().map(|row| {
        let (table, sequence) = (row[0].as_deref().unwrap(), row[1].as_deref() == Some("S"));
        let row = if sequence { "t.last_value, t.log_cnt, t.is_called" } else { "t::text" };
        format!(
            "SELECT '{}', count(*), md5(string_agg(concat_ws(' ', t.ctid, t.xmin, t.xmax, {row}), ',' \
             ORDER BY t.ctid)) FROM {table} t",
            table.replace('\'', "''")
        )
    });
    database.query(&hashes.collect::<Vec<_>>().join(" UNION ALL "))
}

/// What the server counts of writing: transaction ids, WAL, rows, and what may be left lying about.
fn counters(database: &TestDatabase) -> Row {
    // Counters reach the view some time after the fact; writing now would disturb the very thing.
    let sql = "SELECT pg_snapshot_xmax(pg_current_snapshot()), pg_current_wal_insert_lsn(), \
        (SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_all_tables), \
        (SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'pg\\_temp%'), \
        (SELECT count(*) FROM pg_class WHERE relpersistence = 't'), \
        (SELECT temp_files FROM pg_stat_database WHERE datname = current_database()), \
        (SELECT count(*) FROM pg_database), (SELECT count(*) FROM pg_roles), \
        (SELECT count(*) FROM pg_replication_slots), (SELECT count(*) FROM pg_ls_tmpdir())";
    database.query(sql).remove(0)
}

/// On a server of its own: another test's transactions would be counted too.
#[test]
fn f33_reading_assigns_no_transaction_id_and_changes_no_row() {
    let server = support::own_server();
    let site = Site::on(server.database());
    // The first reading sets hint bits and prunes, as any SELECT would; it may write WAL for that.
    let expected = site.check(&site.database).findings();
    contents(&site.database);
    site.database.exec("CHECKPOINT");
    let rows = contents(&site.database);
    let before = counters(&site.database);
    for _ in 0..3 {
        assert_eq!(site.check(&site.database).findings(), expected);
    }
    assert_eq!(counters(&site.database), before);
    assert_eq!(contents(&site.database), rows);
}

const LOCKS: &str = "SELECT l.locktype, l.mode, l.relation::regclass::text FROM pg_locks l
    JOIN pg_stat_activity a ON a.pid = l.pid AND a.application_name LIKE 'trueup/% check'
    WHERE a.datname = current_database() AND l.granted";

/// Looks while the reading transaction is open: before its messages reach the server, and at the end of the last, which
/// prints what opens tables.
#[test]
fn f33_reading_holds_no_lock_above_access_share() {
    let site = Site::with_drift();
    let seen = Arc::new(Mutex::new((Vec::new(), Vec::new())));
    let (sink, url) = (Arc::clone(&seen), site.database.url().to_owned());
    let proxy = Proxy::start(&site.database, move |number, text| {
        assert!(!text.is_empty());
        if number == 1 {
            return Then::Forward;
        }
        let sessions = support::try_query_at(
            &url,
            "SELECT state, backend_xid FROM pg_stat_activity
             WHERE application_name LIKE 'trueup/% check' AND datname = current_database()",
        );
        let mut seen = sink.lock().unwrap();
        seen.0.extend(support::try_query_at(&url, LOCKS).unwrap());
        seen.1.extend(sessions.unwrap());
        if number == 2 {
            return Then::Forward;
        }
        // The last statement of each of the two reading transactions waits until somebody has looked.
        let mut slow = text.to_owned();
        for last in ["AS fingerprint_before", "AS wrote_nothing"] {
            assert_eq!(slow.matches(last).count(), 1, "{last}");
            slow = slow.replace(last, &format!("{last} FROM pg_sleep(1)"));
        }
        let (sink, url) = (Arc::clone(&sink), url.clone());
        std::thread::spawn(move || {
            let asleep = "SELECT FROM pg_stat_activity WHERE application_name LIKE 'trueup/% check'
                AND datname = current_database() AND wait_event = 'PgSleep'";
            while support::try_query_at(&url, asleep).unwrap().is_empty() {
                std::thread::sleep(Duration::from_millis(5));
            }
            for _ in 0..16 {
                sink.lock().unwrap().0.extend(support::try_query_at(&url, LOCKS).unwrap());
                std::thread::sleep(Duration::from_millis(100));
            }
        });
        Then::Instead(slow)
    });
    site.check(&proxy.url(&site.database)).findings();
    let (locks, sessions) = &*seen.lock().unwrap();
    let mode = |row: &Row| (row[0].clone().unwrap(), row[1].clone().unwrap());
    for row in locks {
        let harmless = match mode(row) {
            (kind, mode) if kind == "virtualxid" => mode == "ExclusiveLock",
            (_, mode) => mode == "AccessShareLock",
        };
        assert!(harmless, "{row:?}");
    }
    // That the looking saw something: the catalogs, and the table of the view that was printed.
    let locked: Vec<_> = locks.iter().filter_map(|row| row[2].as_deref()).collect();
    assert!(locked.contains(&"pg_class") && locked.contains(&"organizations"), "{locked:?}");
    assert_eq!(sessions.len(), 2, "before the second and the third message");
    for session in sessions {
        assert_eq!(*session, [Some("idle in transaction".to_owned()), None], "no transaction id");
    }
}

/// The server itself refuses: were there a statement that writes, it would fail.
#[test]
fn f33_the_server_enforces_read_only() {
    let site = Site::with_drift();
    for attempt in [
        "CREATE TABLE public.written ()",
        "INSERT INTO public.organizations DEFAULT VALUES",
        "SELECT nextval('public.users_id_seq')",
    ] {
        let proxy = Proxy::start(&site.database, move |number, text| {
            if number == 2 { Then::Instead(format!("{attempt}; {text}")) } else { Then::Forward }
        });
        site.check(&proxy.url(&site.database)).exit(3).says("read-only transaction");
    }
    // The same for whatever comes after the first transaction of the last message.
    let proxy = Proxy::start(&site.database, |number, text| {
        if number == 3 {
            Then::Instead(text.replace("COMMIT", "CREATE TABLE public.written (); COMMIT"))
        } else {
            Then::Forward
        }
    });
    site.check(&proxy.url(&site.database)).exit(3).says("read-only transaction");
    assert_eq!(site.database.value("SELECT to_regclass('public.written') IS NULL"), "t");
}

#[test]
fn f33_a_check_in_progress_blocks_no_reader_and_no_writer() {
    let site = Site::with_drift();
    let url = site.database.url().to_owned();
    let failed = Arc::new(Mutex::new(Vec::new()));
    let sink = Arc::clone(&failed);
    let proxy = Proxy::start(&site.database, move |number, _| {
        if number == 3 {
            for sql in [
                "SET lock_timeout = 100; SELECT count(*) FROM public.organizations",
                "SET lock_timeout = 100; INSERT INTO public.organizations (slug, name) VALUES ('during-check', 'x')",
                "SET lock_timeout = 100; CREATE TABLE public.meanwhile (); DROP TABLE public.meanwhile",
            ] {
                if let Err(why) = support::try_query_at(&url, sql) {
                    sink.lock().unwrap().push(format!("{sql}: {why}"));
                }
            }
        }
        Then::Forward
    });
    // Somebody ran DDL meanwhile, so it is read again, and each time anew: that ends in "busy".
    site.check(&proxy.url(&site.database)).exit_in(&[1, 75]);
    assert_eq!(*failed.lock().unwrap(), [""; 0]);
}
