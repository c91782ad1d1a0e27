//! Locks that somebody else holds: readers, dumps, prepared transactions. Nobody waits long because of trueup.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::{CHANGE, Other, SHORT, TABLE, applied, project, uncompiled, upgrade};
use crate::support::cluster::Cluster;
use crate::support::program::{Ran, Running};
use crate::support::project::Project;
use crate::support::{self, TestDatabase, wait_for};

/// `lock_timeout` in [`SHORT`].
const LOCK_TIMEOUT: Duration = Duration::from_secs(1);
const BUDGET: Duration = Duration::from_secs(5);

/// A project whose second migration needs the strongest lock on a table that is there; the first is applied.
fn site() -> (Project, TestDatabase) {
    let project = project(SHORT, &[("V1__items.sql", TABLE), ("V2__note.sql", CHANGE)]);
    let database = support::database();
    upgrade(&project, &database).args(["--to", "1"]).exit(0);
    (project, database)
}

/// Somebody who reads the table again and again, and how long the worst reading took.
struct Reader {
    done: Arc<AtomicBool>,
    thread: JoinHandle<(Duration, usize)>,
}

impl Reader {
    fn start(url: &str) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let (url, seen) = (url.to_owned(), Arc::clone(&done));
        let thread = std::thread::spawn(move || {
            let mut other = Other::at(&url, "reader");
            let (mut worst, mut count) = (Duration::ZERO, 0);
            while !seen.load(Ordering::SeqCst) {
                let began = Instant::now();
                other.run("SELECT count(*) FROM public.items");
                worst = worst.max(began.elapsed());
                count += 1;
                std::thread::sleep(Duration::from_millis(5));
            }
            (worst, count)
        });
        Self { done, thread }
    }

    /// The worst latency.
    fn end(self, what: &str) -> Duration {
        self.done.store(true, Ordering::SeqCst);
        let (worst, count) = self.thread.join().unwrap();
        println!("{what}: {count} readings, the worst took {worst:.1?} (lock_timeout {LOCK_TIMEOUT:?})");
        worst
    }
}

fn waiting(database: &TestDatabase) -> bool {
    let sql = "SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'public.items'::regclass \
               AND mode = 'AccessExclusiveLock' \
               AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    database.value(sql) != "0"
}

/// Waits for the end of a run that must never stand in the queue.
#[track_caller]
fn ends_unqueued(mut child: Running, database: &TestDatabase) -> Ran {
    let mut queued = false;
    while !child.has_ended() {
        queued |= waiting(database);
        std::thread::sleep(Duration::from_millis(10));
    }
    let ran = child.ended();
    assert!(!queued, "it stood in the queue: {}", ran.shown());
    ran
}

/// It was there before: nothing of the run ever stands in the queue.
#[test]
fn f15_an_idle_reader_that_was_there_before_is_waited_for_outside_of_the_queue() {
    let (project, database) = site();
    database.exec("DO 'BEGIN CREATE ROLE f15_app LOGIN; EXCEPTION WHEN duplicate_object THEN END'");
    database.exec("GRANT SELECT ON public.items TO f15_app");
    let mut idle = Other::at(&database.url_as("f15_app"), "billing");
    idle.run("BEGIN; SELECT count(*) FROM public.items");
    let pid = idle.pid();
    std::thread::sleep(Duration::from_millis(1200));
    let reader = Reader::start(database.url());
    let began = Instant::now();
    let ran = ends_unqueued(upgrade(&project, &database).start(), &database);
    let took = began.elapsed();
    let worst = reader.end("F15, there before");
    let blocker = format!("pid {pid} (role f15_app, application billing");
    ran.exit(75).says(&blocker).says([
        "idle in transaction for ",
        "without entering the lock queue",
        "V2__note",
    ]);
    assert!(worst < Duration::from_millis(500), "{worst:?}");
    assert!(took >= BUDGET && took < BUDGET + Duration::from_secs(10), "{took:?}");
    assert_eq!(applied(&database), ["1 items"]);
    drop(idle);
    upgrade(&project, &database).exit(0).says("done: applied 1 migration");
    database.exec("DROP OWNED BY f15_app; DROP ROLE f15_app");
}

/// It comes so shortly before the attempt that it looks like a transaction of a moment: the attempt waits for it as
/// long as `lock_timeout` says, and other readers behind it not much longer.
#[test]
fn f15_an_idle_reader_that_comes_while_the_attempt_waits_keeps_others_waiting_for_a_bounded_time() {
    let (project, database) = site();
    let reader = Reader::start(database.url());
    let child = upgrade(&project, &database).start();
    // Transactions of a moment, each begun before the one before it ends, until the attempt stands in the queue.
    let mut sessions = [Other::at(database.url(), "relay"), Other::at(database.url(), "relay")];
    let began = Instant::now();
    let mut turn = 0;
    sessions[0].run("BEGIN; SELECT count(*) FROM public.items");
    while !waiting(&database) {
        assert!(began.elapsed() < Duration::from_secs(20), "the attempt never came");
        std::thread::sleep(Duration::from_millis(100));
        if waiting(&database) {
            break;
        }
        sessions[1 - turn].run("BEGIN; SELECT count(*) FROM public.items LIMIT 1");
        sessions[turn].run("COMMIT");
        turn = 1 - turn;
    }
    let pid = sessions[turn].pid();
    let ran = child.ended();
    let worst = reader.end("F15, in the queue");
    let blocker = format!("pid {pid} (role ");
    ran.exit(75)
        .says(&blocker)
        .says(["application relay", "idle in transaction for "])
        .stderr_contains("rolled back, tried again in");
    assert!(worst >= LOCK_TIMEOUT / 2, "readers did wait behind the attempt: {worst:?}");
    assert!(worst < LOCK_TIMEOUT + Duration::from_millis(500), "{worst:?}");
    drop(sessions);
    assert_eq!(applied(&database), ["1 items"]);
    upgrade(&project, &database).exit(0).says("done: applied 1 migration");
}

/// A role that may not see how old somebody's transaction is watches it getting old.
#[test]
fn f15_a_role_that_sees_no_ages_stays_out_of_the_queue_all_the_same() {
    let project = project(SHORT, &[("V1__items.sql", TABLE), ("V2__note.sql", CHANGE)]);
    let database = support::database();
    database.exec(&format!(
        "CREATE ROLE f15_deploy LOGIN; CREATE ROLE f15_reader LOGIN;
         GRANT CREATE ON DATABASE {} TO f15_deploy; GRANT CREATE ON SCHEMA public TO f15_deploy",
        database.name()
    ));
    let url = database.url_as("f15_deploy");
    upgrade(&project, &url).args(["--to", "1"]).exit(0);
    database.exec("GRANT SELECT ON public.items TO f15_reader");
    let mut idle = Other::at(&database.url_as("f15_reader"), "billing");
    idle.run("BEGIN; SELECT count(*) FROM public.items");
    let pid = idle.pid();
    let ran = ends_unqueued(upgrade(&project, &url).start(), &database);
    let blocker = format!("in the way: pid {pid} (role f15_reader, application billing)");
    ran.exit(75).says(&blocker).says("without entering the lock queue").lacks("insufficient privilege");
    drop(idle);
    upgrade(&project, &url).exit(0).says("done: applied 1 migration");
    database.exec("DROP OWNED BY f15_deploy, f15_reader; DROP ROLE f15_deploy, f15_reader");
}

#[test]
fn f16_ddl_stays_out_of_the_queue_while_a_dump_runs() {
    let (project, database) = site();
    // Enough rows to be stopped in the middle: what is written to a pipe that nobody reads waits.
    database
        .exec("INSERT INTO public.items SELECT n, repeat('x', 100) FROM generate_series(1000, 50000) AS n");
    let dump = database.server.program("pg_dump").args(["-d", database.url()]).start();
    let dumping = "SELECT count(*) FROM pg_locks l JOIN pg_stat_activity a USING (pid) \
                   WHERE a.application_name = 'pg_dump' AND l.relation = 'public.items'::regclass \
                   AND a.datname = current_database()";
    wait_for("the lock of pg_dump", || database.value(dumping) != "0");
    dump.send(Signal::SIGSTOP);
    std::thread::sleep(Duration::from_millis(1200));
    let reader = Reader::start(database.url());
    let ran = ends_unqueued(upgrade(&project, &database).start(), &database);
    let worst = reader.end("F16");
    assert_eq!(database.value(dumping), "1", "the dump is still at it");
    dump.send(Signal::SIGKILL);
    dump.ended().killed();
    ran.exit(75).says([
        "application pg_dump",
        "without entering the lock queue",
        "run the same command again",
    ]);
    assert!(worst < Duration::from_millis(500), "{worst:?}");
    assert_eq!(applied(&database), ["1 items"]);
}

#[test]
fn f17_a_forgotten_prepared_transaction_is_shown_and_never_touched() {
    let server = Cluster::start(&["max_prepared_transactions=4"]);
    let project = project(SHORT, &[("V1__items.sql", TABLE), ("V2__note.sql", CHANGE)]);
    let url = server.url("postgres@127.0.0.1", "shop");
    upgrade(&project, &url).args(["--to", "1"]).exit(0);
    let query = |sql: &str| support::try_query_at(&url, sql).unwrap();
    query("CREATE ROLE f17_owner SUPERUSER LOGIN");
    // Over the socket everybody is trusted.
    let rest = format!("shop?host={}", server.socket_dir().display());
    let mut owner = Other::at(&server.url("f17_owner@localhost", &rest), "two phase");
    owner.run("BEGIN; UPDATE public.items SET name = 'x' WHERE id = 1");
    owner.run("PREPARE TRANSACTION 'order 4711'");
    drop(owner);
    // At once, when it is young, it is met in the queue; later outside of it. Both show it.
    for (wait, how) in [
        (0, "prepared transaction \"order 4711\" (owner f17_owner, prepared for "),
        (1500, "without entering the lock queue"),
    ] {
        std::thread::sleep(Duration::from_millis(wait));
        upgrade(&project, &url)
            .exit(75)
            .says(["prepared transaction \"order 4711\" (owner f17_owner, prepared for ", how]);
    }
    let left = query("SELECT gid FROM pg_prepared_xacts");
    assert_eq!(left, [[Some("order 4711".to_owned())]]);
    query("ROLLBACK PREPARED 'order 4711'");
    upgrade(&project, &url).exit(0).says("done: applied 1 migration");
}

/// Whoever reads a partition stands in the way of what changes the whole table, and whoever has dumped a table in that
/// of dropping its index.
#[test]
fn f15_readers_of_what_is_locked_with_it_are_waited_for_outside_of_the_queue() {
    let tables = "CREATE TABLE public.parts (id int, name text) PARTITION BY RANGE (id);\n\
        CREATE TABLE public.part_one PARTITION OF public.parts FOR VALUES FROM (0) TO (10);\n\
        CREATE TABLE public.other (id int);\nCREATE INDEX other_idx ON public.other (id);\n";
    for (change, held) in [
        ("ALTER TABLE public.parts ADD COLUMN note text;\n", "SELECT FROM public.part_one"),
        ("DROP INDEX public.other_idx;\n", "LOCK TABLE public.other IN ACCESS SHARE MODE"),
    ] {
        let short = "[migrations]\nlock_timeout = \"1s\"\nlock_budget = \"2s\"\n";
        let project = project(short, &[("V1__tables.sql", tables), ("V2__change.sql", change)]);
        let database = support::database();
        upgrade(&project, &database).args(["--to", "1"]).exit(0);
        let mut other = Other::at(database.url(), "old reader");
        other.run(&format!("BEGIN; {held}"));
        std::thread::sleep(Duration::from_millis(1200));
        upgrade(&project, &database)
            .exit(75)
            .says(["application old reader", "without entering the lock queue"]);
        drop(other);
        upgrade(&project, &database).exit(0);
    }
}

/// Where the server refuses to say who is in the way, nobody stands in the queue without knowing it.
#[test]
fn f15_a_refused_question_who_is_in_the_way_is_told() {
    let (project, database) = site();
    let proxy =
        crate::support::proxy::Proxy::start(&database, |_, text| match text.contains("trueup.wanted") {
            true => crate::support::proxy::Then::Instead("SELECT 1/0".to_owned()),
            false => crate::support::proxy::Then::Forward,
        });
    let mut other = Other::at(database.url(), "reader");
    other.run("BEGIN; SELECT count(*) FROM public.items");
    let ran = ends_unqueued(upgrade(&project, &proxy.url(&database)).start(), &database);
    assert_ne!(ran.code(), Some(0));
    ran.says(["looking for who holds locks in the way", "division by zero"]);
    assert_eq!(applied(&database), ["1 items"]);
    drop(other);
    upgrade(&project, &database).exit(0).says("done: applied 1 migration");
}

/// The plan says how large what it locks is.
#[test]
fn the_plan_tells_rows_and_size_without_a_lock() {
    let (project, database) = site();
    database
        .exec("INSERT INTO public.items SELECT n, repeat('x', 100) FROM generate_series(1000, 20999) AS n");
    let plan = || upgrade(&project, &database).arg("--dry-run");
    let unknown = plan().document()["plan"]["steps"][0]["locks"][0].clone();
    assert!(unknown["rows"].is_null() && unknown["bytes"].is_null(), "nobody has analyzed it: {unknown}");
    database.exec("ANALYZE public.items");
    let lock = plan().document()["plan"]["steps"][0]["locks"][0].clone();
    assert_eq!((&lock["relation"], &lock["rows"]), (&"public.items".into(), &20_100.into()), "{lock}");
    let pages: u64 = database.value("SELECT pg_table_size('public.items')").parse().unwrap();
    let bytes = lock["bytes"].as_u64().unwrap();
    assert!(bytes > 2_000_000 && bytes <= pages, "{bytes} of {pages}");
    // As wide as it needs: the table wraps at the width of no terminal.
    let text = plan().run().said().split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(text.contains("20100 rows"), "{text}");
}

/// What it costs when nobody is in the way: no question of its own.
#[test]
fn looking_whether_anybody_is_in_the_way_is_part_of_beginning_a_step() {
    static LOOKS: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
    let (project, database) = site();
    let proxy = crate::support::proxy::Proxy::start(&database, |_, text| {
        if text.contains("trueup.wanted") {
            LOOKS.fetch_add(1, Ordering::SeqCst);
        }
        crate::support::proxy::Then::Forward
    });
    upgrade(&project, &proxy.url(&database)).exit(0).says("done: applied 1 migration");
    assert_eq!(LOOKS.load(Ordering::SeqCst), 0);
}

/// The plan names what it locks also where the search_path names a schema with a comma in it.
#[test]
fn the_plan_finds_a_table_in_a_schema_with_a_comma() {
    let settings = format!("{SHORT}[database]\nsearch_path = '\"Sales, EU\", public'\n");
    let first = "CREATE SCHEMA \"Sales, EU\"; CREATE TABLE \"Sales, EU\".items (id int);";
    let second = "ALTER TABLE items ADD COLUMN note text;";
    let project = uncompiled(&settings, &[("V1__items.sql", first), ("V2__note.sql", second)]);
    let database = support::database();
    project.trueup(["compile"], &database).exit(0);
    upgrade(&project, &database).args(["--to", "1"]).exit(0);
    let plan = upgrade(&project, &database).arg("--dry-run").document()["plan"].clone();
    assert_eq!(plan["steps"][0]["locks"][0]["relation"], "\"Sales, EU\".items", "{plan:#}");
}
