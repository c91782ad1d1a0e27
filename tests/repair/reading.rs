//! F33: `verify` writes nothing, whatever a check's file says, and leaves nothing behind.

use std::sync::{Arc, Mutex};

use super::*;
use crate::support::pgbouncer::{self, PgBouncer};
use crate::support::proxy::{Proxy, Then};

/// Every relation, and function, and every version of every row of the keys.
const STATE: &str = "SELECT (SELECT md5(string_agg(concat(oid, relname), ',' ORDER BY oid)) FROM pg_class)
    || (SELECT md5(string_agg(concat(ctid, xmin, xmax, k), ',' ORDER BY ctid)) FROM keys AS k)
    || (SELECT count(*) FROM pg_proc)";

const MAKES: &str = "CREATE FUNCTION pwned() RETURNS bigint LANGUAGE plpgsql VOLATILE AS
    $$BEGIN CREATE TABLE pwned (); RETURN 1; END$$;
    CREATE FUNCTION writes() RETURNS bigint LANGUAGE sql VOLATILE AS 'UPDATE keys SET note = ''pwned'' RETURNING 1::bigint';
    CREATE SEQUENCE numbers;";

#[test]
fn f33_nothing_in_a_file_can_end_the_transaction_or_write() {
    let shop = Shop::of(5);
    shop.database.exec(MAKES);
    let before = shop.database.value(STATE);
    let head = "-- title: t\n-- find:\n";
    for text in [
        "SELECT 1; COMMIT; CREATE TABLE pwned();",
        "SELECT 1) q; COMMIT; CREATE TABLE pwned(); SELECT * FROM (SELECT 1;",
        "SELECT 1) AS q; COMMIT; CREATE TABLE pwned(); --",
        "SELECT 1) q; COMMIT; CREATE TABLE pwned() --",
        "SELECT '1' /* */) q; COMMIT; CREATE TABLE pwned(); /*",
        "SELECT E'\\') q; COMMIT; CREATE TABLE pwned(); --';",
        "SELECT 'a\\'); COMMIT; CREATE TABLE pwned(); --';",
        "SELECT $a$ $b$) q; COMMIT; CREATE TABLE pwned(); -- $a$;",
        "COMMIT; CREATE TABLE pwned();",
        "CREATE TABLE pwned();",
        "SELECT 1 INTO pwned;",
        "WITH w AS (UPDATE keys SET note = 'pwned' RETURNING 1) SELECT * FROM w;",
        "WITH w AS (DELETE FROM keys RETURNING 1) SELECT * FROM w;",
        "SELECT pwned();",
        "SELECT writes();",
        "SELECT nextval('numbers');",
        "SELECT id FROM keys FOR UPDATE;",
        "TABLE keys; ROLLBACK; UPDATE keys SET note = 'pwned';",
        "SELECT set_config('transaction_read_only', 'off', false), pwned();",
        "SELECT set_config('role', 'postgres', false), lo_create(4711);",
    ] {
        shop.checks(&[("evil", &format!("{head}{text}\n"))]);
        for args in [&["verify"][..], &["verify", "--fix", "--yes"]] {
            // A text that is one query after all, and harmless, may be counted.
            let harmless = text.contains("E'\\'") || text.contains("'a\\'") || text.contains("$a$");
            shop.trueup(args).case(text).exit_in(if harmless { &[1, 2, 3] } else { &[2, 3] });
        }
        assert_eq!(shop.database.value(STATE), before, "{text}");
        assert_eq!(shop.database.value("SELECT is_called FROM numbers"), "f", "{text}");
    }
    // In a fix, too.
    let with_fix = |query: &str| format!("{}{query}\n", &KEYS[..KEYS.find("SELECT k.id").unwrap()]);
    for text in [
        "SELECT 1::bigint AS id, 2::bigint AS user_id) f; COMMIT; CREATE TABLE pwned(); --",
        "SELECT 1::bigint AS id, 2::bigint AS user_id; COMMIT; CREATE TABLE pwned();",
        "WITH w AS (UPDATE keys SET note = 'pwned' RETURNING id) SELECT id, 2::bigint AS user_id FROM w;",
    ] {
        shop.checks(&[("keys", &with_fix(text))]);
        shop.fix().exit(2).says("checks/keys.sql: line ");
        assert_eq!(shop.database.value(STATE), before, "{text}");
    }
    // One that writes when it runs is stopped in the look at what it would do, and in the plan.
    shop.checks(&[("keys", &with_fix("SELECT id, writes() AS user_id FROM keys;"))]);
    for args in [&["verify", "--fix", "--dry-run"][..], &["verify", "--fix"]] {
        shop.trueup(args).exit_in(&[2, 3, 4]);
        assert_eq!(shop.database.value(STATE), before);
    }
}

#[test]
fn f33_reading_assigns_no_transaction_id_and_changes_no_row() {
    let shop = Shop::at(support::own_server().database(), SHOP, &[("keys", KEYS)]);
    shop.database.exec("INSERT INTO keys SELECT n, 'u' FROM generate_series(1, 1000) AS n");
    let read = || {
        for args in [&["verify"][..], &["verify", "--fix", "--dry-run"]] {
            shop.trueup(args).exit(1);
        }
    };
    read();
    let counters = "SELECT concat_ws(' ', pg_snapshot_xmax(pg_current_snapshot()),
        (SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) FROM pg_stat_all_tables),
        (SELECT count(*) FROM pg_class), (SELECT count(*) FROM pg_database))";
    shop.database.exec("VACUUM keys");
    let before = (shop.database.value(counters), shop.database.value(STATE));
    read();
    assert_eq!((shop.database.value(counters), shop.database.value(STATE)), before);
}

#[test]
fn f33_no_lock_above_access_share() {
    let shop = Shop::of(5);
    let (seen, locks) = (
        Arc::new(Mutex::new(Vec::<String>::new())),
        "SELECT l.mode || ' ' || l.locktype FROM pg_locks l
        JOIN pg_stat_activity a ON a.pid = l.pid AND a.application_name LIKE 'trueup/%verify%'
        WHERE a.datname = current_database() AND l.locktype NOT IN ('virtualxid')",
    );
    let (url, all) = (shop.database.url().to_owned(), Arc::clone(&seen));
    let proxy = Proxy::start(&shop.database, move |_, _| {
        let rows = support::try_query_at(&url, locks).unwrap();
        all.lock().unwrap().extend(rows.into_iter().flatten().flatten());
        Then::Forward
    });
    shop.trueup_at(&proxy.url(&shop.database), &["verify"]).exit(1).says("5 rows");
    let seen = seen.lock().unwrap();
    assert!(!seen.is_empty());
    assert!(seen.iter().all(|lock| lock == "AccessShareLock relation"), "{seen:?}");
}

/// Every setting of a session, and what else one may have kept.
const SESSION: &str = "SELECT string_agg(name || '=' || setting, E'\\n' ORDER BY name) FROM (
    SELECT name, setting FROM pg_settings
    UNION ALL SELECT 'prepared ' || name, statement FROM pg_prepared_statements
    UNION ALL SELECT 'cursor ' || name, statement FROM pg_cursors
    UNION ALL SELECT 'temporary ' || relname, '' FROM pg_class WHERE relpersistence = 't'
    UNION ALL SELECT 'current_user', current_user
    UNION ALL SELECT 'backend', pg_backend_pid()::text) AS s (name, setting)";

#[test]
fn f33_through_a_pooler_nothing_is_left_on_its_connections() {
    assert!(pgbouncer::program().is_some(), "pgbouncer: run scripts/pgbouncer");
    // With fewer connections than verify asks for, it does with those that it gets.
    for (pool_size, checks) in [(1, 1), (4, 4), (2, 4), (1, 4)] {
        let shop = Shop::of(5);
        let names = ["a", "b", "c", "d"];
        let all: Vec<(&str, &str)> = names[..checks].iter().map(|name| (*name, KEYS)).collect();
        shop.checks(&all);
        let pooler = PgBouncer::start(&shop.database, "pooled_app", pool_size);
        let look = || support::try_query_at(&pooler.url(), SESSION).unwrap();
        let before = look();
        for args in [&["verify"][..], &["verify", "--fix", "--dry-run"]] {
            shop.trueup_at(&pooler.url(), args).exit(1);
        }
        let without_backend = |rows: Vec<support::Row>| {
            let text = rows[0][0].clone().unwrap();
            text.lines().filter(|line| !line.starts_with("backend=")).map(str::to_owned).collect::<Vec<_>>()
        };
        let (before, after) = (without_backend(before), without_backend(look()));
        assert_eq!(before, after);
        // What writes is refused.
        shop.trueup_at(&pooler.url(), &["verify", "--fix", "--yes"]).exit(4).says("pool");
        assert_eq!(shop.orphans(), 5);
    }
}

#[test]
fn f25_a_read_only_server_is_read_and_not_repaired() {
    let shop = Shop::of(5);
    shop.database
        .exec(&format!("ALTER DATABASE {} SET default_transaction_read_only = on", shop.database.name()));
    shop.verify().exit(1).says("5 rows");
    shop.fix().exit(4).says("read-only");
    shop.trueup(["verify", "--fix", "--dry-run"]).exit(1).says("5 rows would be repaired");
}

/// What checks are held against is asked of all of them at once: a database that is far away is not asked twice as often for
/// twice as many.
#[test]
fn a_check_more_is_a_round_trip_more() {
    let shop = Shop::of(3);
    shop.database.exec("UPDATE keys SET user_id = 1");
    let asked = |checks: usize| {
        let names: Vec<String> = (0..checks).map(|number| format!("keys_{number}")).collect();
        let checks: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), KEYS)).collect();
        shop.checks(&checks);
        let proxy = Proxy::start(&shop.database, |_, _| Then::Forward);
        shop.trueup_at(&proxy.url(&shop.database), &["verify", "--jobs", "1"]).exit(0).says("OK: ");
        proxy.round_trips()
    };
    let few = asked(2);
    assert!(few <= 12, "{few}");
    assert_eq!(asked(22) - few, 20);
    // On several connections each of them is set up, and ended; one that is late is not needed.
    let proxy = Proxy::start(&shop.database, |_, _| Then::Forward);
    shop.trueup_at(&proxy.url(&shop.database), &["verify", "--jobs", "4"]).exit(0).says("OK: ");
    assert!(proxy.round_trips() - few <= 20 + 1 + 3 * 2, "{}", proxy.round_trips());
}

/// What one check's query sets for the transaction holds for no other, and not for itself without being told.
#[test]
fn f30_what_a_query_sets_holds_for_no_other_check() {
    let shop = Shop::of(3);
    let elsewhere = "set_config('search_path', 'pg_catalog', true)";
    let seen = "set_config('row_security', 'on', true)";
    let sets = |what: &str| format!("-- title: t\n-- find:\nSELECT 1 WHERE {what} IS NULL;\n");
    shop.checks(&[("a_first", &sets(elsewhere)), ("keys", KEYS)]);
    shop.trueup(["verify", "--jobs", "1"]).exit(1).says("1 of 2 checks fails: 3 rows wrong");

    shop.checks(&[("a_first", &sets(seen)), ("keys", KEYS)]);
    shop.trueup(["verify", "--jobs", "1"])
        .exit(2)
        .says(["checks/a_first.sql: line 3", "switches row security on"]);
}

/// Before PostgreSQL 16 a large object can be made in a READ ONLY transaction.
#[test]
fn f33_what_the_server_lets_a_query_write_is_told_and_not_kept() {
    const OBJECTS: &str = "SELECT count(*) FROM pg_largeobject_metadata";
    let shop = Shop::of(3);
    let writes = "lo_create(0) IS NOT NULL";
    let find = format!("-- title: t\n-- find:\nSELECT 1 WHERE {writes};\n");
    shop.checks(&[("writes", &find)]);
    shop.trueup(["verify"]).exit_in(&[2, 3]);
    assert_eq!(shop.database.value(OBJECTS), "0");
    shop.checks(&[(
        "keys",
        &KEYS.replace("WHERE k.user_id IS NULL", &format!("WHERE k.user_id IS NULL AND {writes}")),
    )]);
    shop.trueup(["verify", "--fix", "--dry-run"]).exit_in(&[2, 3, 5]);
    assert_eq!(shop.database.value(OBJECTS), "0");
}

/// What a superuser may call and no rollback undoes: other connections, files and slots of the server, other sessions.
#[test]
fn f33_no_function_that_acts_outside_of_the_transaction_is_called() {
    let shop = Shop::at(support::own_server().database(), SHOP, &[("keys", KEYS)]);
    shop.database.exec(
        "CREATE EXTENSION dblink; CREATE EXTENSION tablefunc; CREATE TABLE written (n int);
         CREATE VIEW sly AS SELECT * FROM dblink('dbname=postgres', 'SELECT 1') AS t (n int);
         CREATE FUNCTION slyer() RETURNS bigint LANGUAGE sql BEGIN ATOMIC SELECT count(*) FROM dblink_get_connections(); END;
         CREATE VIEW ender AS SELECT pg_terminate_backend(n) AS ended FROM written;
         CREATE VIEW over_ender AS SELECT ended IS NULL AS is FROM ender;
         CREATE FUNCTION reader() RETURNS text LANGUAGE sql BEGIN ATOMIC SELECT pg_read_file('PG_VERSION'); END;
         CREATE EXTENSION amcheck; CREATE EXTENSION pg_stat_statements",
    );
    let here = shop.database.value("SELECT current_database()");
    let file = tempfile::tempdir().unwrap();
    let out = file.path().join("out");
    let out = out.display();
    let insert = format!("dblink_exec('dbname={here}', 'INSERT INTO written VALUES (1)')");
    for (call, function) in [
        (format!("{insert} IS NULL"), "calls public.dblink_exec,"),
        (
            format!("public . \"dblink_exec\" /* */ ('dbname={here}', 'DELETE FROM keys') IS NULL"),
            "dblink_exec",
        ),
        (format!("query_to_xml($$SELECT {insert}$$, true, true, '') IS NULL"), "query_to_xml"),
        (
            format!("EXISTS (SELECT FROM crosstab($$SELECT 'a', 'b', {insert}$$) AS t (a text, b text))"),
            "calls public.crosstab,",
        ),
        (format!("lo_export(lo_from_bytea(0, 'x'), '{out}') IS NULL"), "calls lo_export,"),
        ("lo_create(0) IS NULL".to_owned(), "calls lo_create,"),
        (
            "pg_create_physical_replication_slot('sly') IS NULL".to_owned(),
            "pg_create_physical_replication_slot",
        ),
        ("pg_create_restore_point('sly') IS NULL".to_owned(), "pg_create_restore_point"),
        ("pg_terminate_backend(0)".to_owned(), "pg_terminate_backend"),
        ("PG_Reload_Conf()".to_owned(), "pg_reload_conf"),
        ("pg_advisory_lock(1) IS NULL".to_owned(), "pg_advisory_lock"),
        ("pg_read_file('PG_VERSION') IS NULL".to_owned(), "pg_read_file"),
        ("nextval('numbers') IS NULL".to_owned(), "nextval"),
        ("pg_stat_statements_reset() IS NULL".to_owned(), "calls public.pg_stat_statements_reset,"),
        // It keeps writers out while it reads.
        ("bt_index_parent_check('keys_pkey') IS NULL".to_owned(), "calls public.bt_index_parent_check,"),
        ("EXISTS (TABLE sly)".to_owned(), "a view or function in the query calls public.dblink,"),
        (
            "slyer() IS NULL".to_owned(),
            "a view or function in the query calls public.dblink_get_connections,",
        ),
        // What the server came with is in no record of what depends on what.
        ("EXISTS (TABLE ender)".to_owned(), "a view or function in the query calls pg_terminate_backend,"),
        (
            "EXISTS (TABLE over_ender)".to_owned(),
            "a view or function in the query calls pg_terminate_backend,",
        ),
        ("reader() IS NULL".to_owned(), "a view or function in the query calls pg_read_file,"),
    ] {
        let find = format!("-- title: t\n-- find:\nSELECT 1\n WHERE {call};\n");
        shop.checks(&[("evil", &find)]);
        let ran = shop.trueup(["verify"]).case(&call).exit(2);
        ran.says(["checks/evil.sql: line ", function, "outside of the transaction"]);
        // In the query of a fix, too.
        shop.checks(&[(
            "keys",
            &KEYS.replace("WHERE k.user_id IS NULL", &format!("WHERE k.user_id IS NULL OR {call}")),
        )]);
        shop.fix().case(&call).exit(2).says(function);
    }
    let escaped = "-- title: t\n-- find:\nSELECT 1 WHERE U&\"dblink\\005fexec\"('', '') IS NULL;\n";
    shop.checks(&[("evil", escaped)]);
    shop.trueup(["verify"]).exit(2).says(["checks/evil.sql: line 3", "Unicode escapes"]);
    let done = "SELECT (SELECT count(*) FROM written) + (SELECT count(*) FROM pg_largeobject_metadata)
        + (SELECT count(*) FROM pg_replication_slots)";
    assert_eq!(shop.database.value(done), "0");
    assert!(!file.path().join("out").exists());
}

/// What only looks, or names a column like a function, is no reason to refuse a check.
#[test]
fn functions_that_only_look_are_called() {
    let shop = Shop::of(1);
    shop.database.exec(
        "CREATE EXTENSION amcheck; CREATE EXTENSION pageinspect; CREATE EXTENSION pg_buffercache;
         CREATE EXTENSION postgres_fdw; CREATE EXTENSION pg_stat_statements;
         CREATE VIEW times AS SELECT clock_timestamp() AS at, count(*) AS n FROM pg_stat_activity;
         CREATE TABLE odd (dblink int, lo_export int);
         CREATE FUNCTION trusted() RETURNS int LANGUAGE plpgsql AS 'BEGIN RETURN pg_backend_pid(); END'",
    );
    for condition in [
        "random() < 0",
        "gen_random_uuid() IS NULL",
        "clock_timestamp() < now()",
        "pg_total_relation_size('keys') < 0",
        "set_config('work_mem', '4MB', true) IS NULL",
        "pg_is_in_recovery()",
        "EXISTS (SELECT FROM keys TABLESAMPLE system (0))",
        "EXISTS (SELECT dblink, lo_export FROM odd)",
        "'dblink_exec(1)' = $$lo_export(1)$$",
        "trusted() < 0",
        "EXISTS (SELECT FROM times WHERE n < 0)",
        "bt_index_check('keys_pkey') IS NULL",
        "EXISTS (SELECT FROM verify_heapam('keys'))",
        "EXISTS (SELECT FROM heap_page_items(get_raw_page('keys', 0)) WHERE lp < 0)",
        "EXISTS (SELECT FROM pg_buffercache WHERE bufferid < 0)",
        "EXISTS (SELECT FROM postgres_fdw_get_connections())",
    ] {
        shop.checks(&[("harmless", &format!("-- title: t\n-- find:\nSELECT 1 WHERE {condition};\n"))]);
        shop.trueup(["verify"]).case(condition).exit(0);
    }
    // It is run, though this server has not loaded what it shows.
    let condition = "EXISTS (SELECT FROM pg_stat_statements)";
    shop.checks(&[("harmless", &format!("-- title: t\n-- find:\nSELECT 1 WHERE {condition};\n"))]);
    shop.trueup(["verify"]).exit(3).says("pg_stat_statements must be loaded");
}

/// What a query of a check calls outside of its rows is called once, whatever is asked about the query.
#[test]
fn a_query_is_run_once() {
    let shop = Shop::of(30);
    shop.database.exec(
        "CREATE FUNCTION called() RETURNS bigint LANGUAGE plpgsql AS
         $$ BEGIN PERFORM pg_stat_clear_snapshot(); RETURN 20; END $$; ALTER DATABASE current SET track_functions = 'all'"
            .replace("current", shop.database.name())
            .as_str(),
    );
    let find = |limit: &str| {
        let check = format!(
            "-- title: t\n-- table: public.keys\n-- key: id\n-- find:\nSELECT id FROM keys WHERE user_id IS NULL {limit};\n\
             -- fix: f\nSELECT id, 1 AS user_id FROM keys WHERE user_id IS NULL {limit};\n"
        );
        shop.checks(&[("t", &check)]);
    };
    let calls = || {
        let sql = "SELECT coalesce(sum(calls), 0) FROM pg_stat_user_functions WHERE funcname = 'called'";
        shop.database.value(sql).parse::<i64>().unwrap()
    };
    let mut before = 0;
    for (limit, rows) in [("LIMIT (SELECT called())", 20), ("AND id > (SELECT called())", 10)] {
        find(limit);
        let document = shop.document(&["verify", "--sample", "3"], 1);
        let check = &document["checks"][0];
        assert_eq!((check["rows"].as_u64(), check["sample"].as_array().unwrap().len()), (Some(rows), 3));
        wait_for("the statistics", || calls() > before);
        // A session reports what it has called before it is gone.
        let sessions = "SELECT count(*) FROM pg_stat_activity
            WHERE datname = current_database() AND application_name LIKE 'trueup/%'";
        wait_for("the end of the sessions", || shop.database.value(sessions) == "0");
        assert_eq!(calls() - before, 1, "{limit}");
        before = calls();
    }
}
