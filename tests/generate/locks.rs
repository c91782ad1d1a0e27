//! Nobody waits for a generated migration longer than for a lock that is not to be had: readers and writers go on beside it.
//!
//! `TRUEUP_LOCK_ROWS=1000000` makes tables of as many rows; it takes two minutes.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use super::{at_first, generate, project, statements, upgrade};
use crate::support::other::Other;

const BEFORE: &str = "
    CREATE TABLE kinds (id int PRIMARY KEY);
    CREATE TABLE items (
        id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int NOT NULL DEFAULT 0, code text, kind int, old text,
        price numeric(10,2) NOT NULL DEFAULT 1, size int
    );
    CREATE INDEX items_code ON items (code);
    CREATE TABLE parts (id int NOT NULL, n int NOT NULL, kind int) PARTITION BY RANGE (id);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100000);
    CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100000) TO (2000000);";

/// Every recipe that has a way which nobody waits for.
const DECLARED: &str = "
    -- trueup: dropped column public.items.old
    -- trueup: backfill public.items.state = 'new'
    -- trueup: backfill public.items.size = 1
    CREATE TABLE kinds (id int PRIMARY KEY);
    CREATE TABLE items (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, n int NOT NULL DEFAULT 0, code text UNIQUE,
        kind int REFERENCES kinds, price numeric(14,4) NOT NULL DEFAULT 1 CHECK (price > 0), size int NOT NULL,
        state text NOT NULL
    );
    CREATE INDEX items_code ON items (code, kind);
    CREATE INDEX items_kind ON items (kind);
    CREATE TABLE parts (id int NOT NULL, n int NOT NULL, kind int REFERENCES kinds, UNIQUE (id)) PARTITION BY RANGE (id);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (0) TO (100000);
    CREATE TABLE parts_2 PARTITION OF parts FOR VALUES FROM (100000) TO (2000000);
    CREATE INDEX parts_kind ON parts (kind);";

const ROWS: u32 = 200_000;
/// `[migrations] lock_timeout` where the project sets none.
const LOCK_TIMEOUT: Duration = Duration::from_secs(3);

#[test]
fn readers_and_writers_go_on() {
    let rows = std::env::var("TRUEUP_LOCK_ROWS").map_or(ROWS, |rows| rows.parse().unwrap());
    let project = project(BEFORE, DECLARED);
    generate(&project).args(["all", "--rows", "0"]).exit(0);
    assert!(!statements(&project, "migrations/V2__all.sql").is_empty());
    // What the server locked and worked on while the migrations were compiled: nothing that others would wait for.
    let lint = ["lint", "--format", "json"]
        .into_iter()
        .map(str::to_owned)
        .chain((2..=8).map(|version| version.to_string()));
    let lint = crate::support::trueup(lint).current_dir(project.path()).exit_in(&[0, 1]).document();
    let findings = lint["findings"].as_array().unwrap().iter();
    let found: Vec<String> = findings
        .filter(|finding| finding["code"].as_str().unwrap().starts_with("blocks."))
        .map(|finding| format!("{} {}", finding["code"], finding["location"]))
        .collect();
    assert_eq!(found, Vec::<String>::new());
    let database = at_first(&project);
    database.exec(&format!(
        "INSERT INTO kinds SELECT generate_series(1, 100);
         INSERT INTO items (code, kind, old) SELECT 'c' || n, 1 + n % 100, 'x' FROM generate_series(1, {rows}) AS n;
         INSERT INTO parts SELECT n, n, 1 + n % 100 FROM generate_series(1, {rows}) AS n;
         ANALYZE items, parts, kinds"
    ));
    let done = AtomicBool::new(false);
    let beside = [
        "SELECT n, code FROM items WHERE id = $",
        "UPDATE items SET n = n + 1 WHERE id = $",
        "SELECT n FROM parts WHERE id = $",
        "UPDATE parts SET n = n + 1 WHERE id = $",
        "INSERT INTO kinds VALUES ($) ON CONFLICT DO NOTHING",
    ];
    let waits = thread::scope(|scope| {
        let sessions = beside.map(|text| {
            let (done, url) = (&done, database.url());
            scope.spawn(move || longest_wait(url, text, rows, done))
        });
        let repairs = || {
            upgrade(&project, &database).exit(0);
            // Code from before the change fills the new column by its default, and the old one by hand.
            // A run repairs a row by one fix.
            let repair =
                || project.trueup(["verify", "--fix", "--yes", "--no-backup"], database.url()).run().code();
            assert!((0..6).any(|_| repair() == Some(0)));
            upgrade(&project, &database).args(["--contract", "--no-backup"]).exit(0);
        };
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(repairs));
        done.store(true, Ordering::SeqCst);
        let waits = sessions.map(|session| session.join().unwrap());
        if let Err(panic) = ended {
            std::panic::resume_unwind(panic);
        }
        waits
    });
    for (text, (longest, count)) in beside.iter().zip(waits) {
        assert!(longest < LOCK_TIMEOUT + Duration::from_millis(500), "{text}: waited {longest:?}");
        assert!(count > 10, "{text}: ran {count} times");
    }
    project.check(database.url()).exit(0);
    assert_eq!(
        database.value(&format!(
            "SELECT count(*) FROM items WHERE code LIKE 'c%' AND price = 1 AND id <= {rows}"
        )),
        rows.to_string()
    );
}

/// How long the statement took at most, and how often it ran.
fn longest_wait(url: &str, text: &str, rows: u32, done: &AtomicBool) -> (Duration, u32) {
    let mut session = Other::at(url, "beside");
    let (mut longest, mut count, mut row) = (Duration::ZERO, 0_u32, 1_u32);
    while !done.load(Ordering::SeqCst) {
        row = row.wrapping_mul(48_271) % rows + 1;
        let began = Instant::now();
        session.run(&text.replace('$', &row.to_string()));
        longest = longest.max(began.elapsed());
        count += 1;
        thread::sleep(Duration::from_millis(2));
    }
    (longest, count)
}
