//! Several deploys at once.

use std::time::{Duration, Instant};

use super::{Other, TABLE, applied, project, upgrade};
use crate::support::{self, wait_for};

const PROCESSES: usize = 8;
const ROUNDS: usize = 50;

/// Applying a migration twice shows: the table is there already, or the row comes twice.
const MIGRATIONS: [(&str, &str); 3] = [
    ("V1__ledger.sql", "CREATE TABLE public.ledger (what text);\n"),
    ("V2__first.sql", "INSERT INTO public.ledger VALUES ('V2');\n"),
    ("V3__second.sql", "INSERT INTO public.ledger VALUES ('V3');\n"),
];

/// What a round leaves behind, in one row.
const COUNTS: &str =
    "SELECT (SELECT string_agg(version || name, ',' ORDER BY version) FROM refinery_schema_history),
       (SELECT string_agg(what, ',' ORDER BY what) FROM ledger),
       (SELECT string_agg(version || how, ',' ORDER BY version) FROM trueup.migrations),
       (SELECT count(DISTINCT run) FROM trueup.migrations),
       (SELECT count(*) FROM trueup.runs WHERE outcome IS DISTINCT FROM 'clean')";
/// The server may notice a little later than we that a client has gone.
const LOCKS: &str = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' \
     AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";

#[test]
fn f11_eight_deploys_at_once_apply_each_migration_once() {
    let project = project("[migrations]\nwait = \"60s\"\n", &MIGRATIONS);
    let database = support::database();
    let (mut idle, mut busy) = (0, 0);
    let began = Instant::now();
    for round in 0..ROUNDS {
        // The last rounds do not wait for each other.
        let impatient = round >= ROUNDS - 5;
        let children: Vec<_> = (0..PROCESSES)
            .map(|_| {
                let wait: &[&str] = if impatient { &["--wait", "0s"] } else { &[] };
                upgrade(&project, &database).args(wait).start()
            })
            .collect();
        let mut applied = 0;
        for child in children {
            let ran = child.ended();
            let said = ran.said();
            match ran.code() {
                Some(0) if said.contains("done: applied 3 migrations") => applied += 1,
                Some(0) if said.contains("nothing to do") => idle += 1,
                Some(75) if impatient && said.contains("another run of trueup holds the lock") => busy += 1,
                _ => panic!("round {round}: {}", ran.shown()),
            }
        }
        assert_eq!(applied, 1, "round {round}: one of them did the work");
        let counts: Vec<String> = database.query(COUNTS).remove(0).into_iter().map(Option::unwrap).collect();
        let expected =
            ["1ledger,2first,3second", "V2,V3", "1applied,2applied,3applied", "1", "0"].map(str::to_owned);
        assert_eq!(counts, expected, "round {round}");
        wait_for("the end of the lock", || database.value(LOCKS) == "0");
        database.exec("DROP SCHEMA trueup CASCADE; DROP TABLE public.ledger, public.refinery_schema_history");
    }
    let took = began.elapsed();
    println!(
        "F11: {PROCESSES} processes, {ROUNDS} rounds in {took:.1?}: {ROUNDS} did the work, {idle} found nothing to do, \
         {busy} were told that it is busy"
    );
    assert_eq!(idle + busy, ROUNDS * (PROCESSES - 1));
}

const CONCURRENTLY: &str =
    "-- trueup: no-transaction\nCREATE INDEX CONCURRENTLY items_name_idx ON public.items (name);\n";

/// CREATE INDEX CONCURRENTLY waits for every snapshot that is older than its own: whoever waits for trueup's lock must
/// not have one.
#[test]
fn f12_create_index_concurrently_while_another_run_waits_for_the_lock() {
    let project = project("", &[("V1__items.sql", TABLE), ("V2__index.sql", CONCURRENTLY)]);
    let database = support::database();
    upgrade(&project, &database).args(["--to", "1"]).exit(0);
    // A writer that has not ended yet keeps the build waiting until the other run is there.
    let mut writer = Other::at(database.url(), "writer");
    writer.run("BEGIN; INSERT INTO public.items VALUES (1000, 'x')");
    let first = upgrade(&project, &database).start();
    let building = || {
        database
            .value("SELECT count(*) FROM pg_stat_progress_create_index WHERE datname = current_database()")
            != "0"
    };
    wait_for("the build of the index", building);
    let others: Vec<_> = (0..3).map(|_| upgrade(&project, &database).start()).collect();
    let sessions = "SELECT count(*) FILTER (WHERE query LIKE '%pg_try_advisory_lock(%'), \
         count(*) FILTER (WHERE state LIKE 'idle in transaction%'), \
         count(*) FILTER (WHERE wait_event_type = 'Lock') FROM \
         pg_stat_activity WHERE application_name LIKE 'trueup/%' AND datname = current_database()";
    wait_for("the runs that wait", || database.query(sessions)[0][0].as_deref() == Some("3"));
    let until = Instant::now() + Duration::from_secs(2);
    while Instant::now() < until {
        let row = database.query(sessions).remove(0);
        assert_eq!(row[1].as_deref(), Some("0"), "whoever waits has no transaction between its questions");
        assert!(matches!(row[2].as_deref(), Some("0" | "1")), "only the build waits in the server: {row:?}");
        std::thread::sleep(Duration::from_millis(20));
    }
    let began = Instant::now();
    writer.run("COMMIT");
    first.ended().exit(0).says("done: applied 1 migration");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    for other in others {
        other
            .ended()
            .exit(0)
            .says("nothing to do")
            .stderr_contains(["waiting for another run of trueup", "pid "]);
    }
    assert_eq!(applied(&database), ["1 items", "2 index"]);
    assert_eq!(
        database.value("SELECT indisvalid FROM pg_index WHERE indexrelid = 'items_name_idx'::regclass"),
        "t"
    );
}
