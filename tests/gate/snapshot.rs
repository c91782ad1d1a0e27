//! All that a gate reads is one state of the database, and nobody waits for it.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::{at_base, conclusion, document, gate, judged, project, section};
use crate::support::project::Project;
use crate::support::proxy::{Proxy, Then};
use crate::support::{self, TestDatabase};

/// How many gates ask at once.
const GATES: usize = 4;

/// Statements that each are one transaction. After each of them one thing is wrong: a row is missing, or another one is wrong.
const ROWS: [&str; 2] = ["INSERT INTO users VALUES (1, 'seed'), (2, 'wrong')", "DELETE FROM users"];
/// The same with the schema: an index is missing, or a row is wrong.
const SCHEMA: [&str; 2] = [
    "BEGIN; CREATE INDEX items_name ON items (name); INSERT INTO items VALUES (1, 'wrong'); COMMIT",
    "BEGIN; DROP INDEX items_name; DELETE FROM items; COMMIT",
];

fn check(site: &Project, name: &str, table: &str, find: &str) {
    let text = format!(
        "-- title: {name}\n-- severity: error\n-- table: public.{table}\n-- key: id\n-- find:\n{find};\n"
    );
    std::fs::create_dir_all(site.path().join("checks")).unwrap();
    std::fs::write(site.path().join(format!("checks/{name}.sql")), text).unwrap();
}

/// Does something over and over until all gates have ended, and returns how often.
fn meanwhile<'s>(
    scope: &'s thread::Scope<'s, '_>,
    running: &'s AtomicBool,
    database: &'s TestDatabase,
    statements: &'s [&'s str],
    pause: Duration,
) -> thread::ScopedJoinHandle<'s, usize> {
    scope.spawn(move || {
        support::runtime().block_on(async {
            let mut session = database.connect().await;
            // Nobody waits for a gate for long.
            session.execute("SET lock_timeout = '20s'").await.unwrap();
            let mut rounds = 0;
            while running.load(Ordering::Relaxed) {
                for statement in statements {
                    let done = session.execute(*statement).await;
                    done.unwrap_or_else(|error| panic!("{statement}: {error:#}"));
                    tokio::time::sleep(pause).await;
                }
                rounds += 1;
            }
            rounds
        })
    })
}

/// What gates say while others write: never READY. Returns how many had no answer.
fn gates_beside(
    site: &Project,
    database: &TestDatabase,
    times: usize,
    writers: &[(&[&str], Duration)],
) -> usize {
    let running = AtomicBool::new(true);
    let unanswered = AtomicUsize::new(0);
    let judge = || match gate(site, database).run() {
        ran if ran.code() == Some(1) => {}
        ran => {
            ran.exit(3).says(["CANNOT TELL"]);
            unanswered.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        let (running, judge) = (&running, &judge);
        let writers: Vec<_> = writers
            .iter()
            .map(|(statements, pause)| meanwhile(scope, running, database, statements, *pause))
            .collect();
        let gates: Vec<_> =
            (0..GATES).map(|_| scope.spawn(move || (0..times / GATES).for_each(|_| judge()))).collect();
        let ended: Vec<_> = gates.into_iter().map(thread::ScopedJoinHandle::join).collect();
        running.store(false, Ordering::Relaxed);
        for rounds in writers {
            assert!(rounds.join().unwrap() > 5, "the writers kept writing");
        }
        ended.into_iter().for_each(|gate| gate.unwrap());
    });
    unanswered.into_inner()
}

#[test]
fn two_hundred_gates_beside_writers_see_one_state_each() {
    let site = project(
        "[gate]\ndrift = \"all\"\n",
        &["CREATE TABLE items (id bigint PRIMARY KEY, name text); CREATE INDEX items_name ON items (name);"],
    );
    let database = at_base(&site);
    site.trueup(["upgrade", "--yes"], &database).exit(0);
    let seeds = site.path().join("schema/seeds");
    std::fs::create_dir_all(&seeds).unwrap();
    let seed = "table = \"users\"\nkey = [\"id\"]\n[[rows]]\nid = 1\nname = \"seed\"\n";
    std::fs::write(seeds.join("users.toml"), seed).unwrap();
    for table in ["users", "items"] {
        check(&site, table, table, &format!("SELECT id FROM {table} WHERE name = 'wrong'"));
    }
    database.exec("INSERT INTO users VALUES (1, 'seed')");
    assert_eq!(judged(&site, &database, "seeds", 0).0, "ready");

    // Rows alone: there is always an answer.
    database.exec("DELETE FROM users");
    assert_eq!(gates_beside(&site, &database, 100, &[(&ROWS, Duration::from_millis(2))]), 0);
    // Where somebody runs DDL each time that the catalog is read, or ends the connection, there is none.
    database.exec("INSERT INTO users VALUES (1, 'seed'); DROP INDEX items_name");
    let dropping = ["CREATE TABLE other (id int PRIMARY KEY)", "DROP TABLE other"];
    let killing = ["SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                    WHERE datname = current_database() AND application_name LIKE 'trueup%' ORDER BY random() LIMIT 1"];
    let writers: [(&[&str], Duration); 3] = [
        (&SCHEMA, Duration::from_millis(150)),
        (&dropping, Duration::from_millis(400)),
        (&killing, Duration::from_millis(500)),
    ];
    let unanswered = gates_beside(&site, &database, 100, &writers);
    assert!(unanswered < 100, "no gate had an answer");
}

/// Each attempt to read the schema begins with a snapshot of its own: what changed between two of them disturbs none.
#[test]
fn another_attempt_sees_what_changed_before_it() {
    let site = project("", &[]);
    let database = at_base(&site);
    let url = database.url().to_owned();
    let changed = AtomicUsize::new(0);
    let first = AtomicBool::new(true);
    let proxy = Proxy::start(&database, move |_, text| {
        let begins = text.contains("ISOLATION LEVEL REPEATABLE READ") && !text.contains("COMMIT");
        let proves = text.contains("fingerprint_before");
        // In the middle of the first attempt, and before each one that follows.
        if begins && !first.load(Ordering::Relaxed) || proves && first.swap(false, Ordering::Relaxed) {
            let number = changed.fetch_add(1, Ordering::Relaxed);
            support::try_query_at(&url, &format!("CREATE TABLE other_{number} ()")).unwrap();
        }
        Then::Forward
    });
    let found = site.trueup(["gate", "--format", "json"], proxy.url(&database).as_str()).exit(0).document();
    assert_eq!((conclusion(&found, "drift"), &found["verdict"]), ("warns", &"READY".into()), "{found:#}");
    let drift = section(&found, "drift")["findings"].as_array().unwrap().len();
    assert_eq!(drift, 2, "both tables are seen, in the second attempt: {found:#}");
}

/// A query of a check may take long. What else the gate has looked at is free meanwhile.
#[test]
fn a_slow_check_keeps_no_lock_on_what_was_read_before_it() {
    let site = project(
        "",
        &["CREATE TABLE items (id int PRIMARY KEY CHECK (id > 0)); \
           CREATE VIEW all_items AS SELECT id FROM items;"],
    );
    let database = at_base(&site);
    site.trueup(["upgrade", "--yes"], &database).exit(0);
    check(&site, "a_first", "items", "SELECT id FROM items WHERE id > 10");
    check(&site, "b_slow", "users", "SELECT id FROM users WHERE pg_sleep(3) IS NULL OR name = 'wrong'");
    database.exec("INSERT INTO users VALUES (1, 'a'); INSERT INTO items VALUES (1)");
    let sleeping =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'";
    thread::scope(|scope| {
        let asked = scope.spawn(|| document(&site, &database, &[], 0));
        support::wait_for("the slow check", || database.value(sleeping) == "1");
        database.exec(
            "SET lock_timeout = '1s'; BEGIN; ALTER TABLE items ADD COLUMN more int; \
             CREATE OR REPLACE VIEW all_items AS SELECT id, more FROM items; COMMIT",
        );
        assert_eq!(database.value(sleeping), "1", "the slow check is still running");
        asked.join().unwrap();
    });
}
