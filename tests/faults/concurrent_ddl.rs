//! Somebody else runs DDL while the catalog is read.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use crate::support;
use crate::support::project::Project;
use crate::support::proxy::{Proxy, Then};

const SCHEMA: &str = "\
CREATE TABLE items (id bigint PRIMARY KEY, name text NOT NULL DEFAULT 'none', price numeric CHECK (price > 0));
CREATE VIEW cheap AS SELECT id, name FROM items WHERE price < 10;
CREATE INDEX items_name ON items (name);
CREATE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT n * 2';
";

/// From the declared state to another, and back; each in one transaction, so that there are two legal pictures.
const THERE: &str = "BEGIN; DROP VIEW cheap; ALTER TABLE items RENAME price TO cost;
    ALTER TABLE items ALTER name SET DEFAULT 'nothing'; ALTER TABLE items RENAME CONSTRAINT items_price_check TO items_cost_check;
    CREATE VIEW cheap AS SELECT id, name, cost FROM items WHERE cost < 20; ALTER INDEX items_name RENAME TO items_by_name;
    CREATE OR REPLACE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT n + n'; COMMIT";
const BACK: &str = "BEGIN; DROP VIEW cheap; ALTER TABLE items RENAME cost TO price;
    ALTER TABLE items ALTER name SET DEFAULT 'none'; ALTER TABLE items RENAME CONSTRAINT items_cost_check TO items_price_check;
    CREATE VIEW cheap AS SELECT id, name FROM items WHERE price < 10; ALTER INDEX items_by_name RENAME TO items_name;
    CREATE OR REPLACE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT n * 2'; COMMIT";

const OTHER_BODY: &str = "CREATE OR REPLACE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT n + n'";
const DECLARED_BODY: &str =
    "CREATE OR REPLACE FUNCTION twice(n int) RETURNS int LANGUAGE sql AS 'SELECT n * 2'";

#[test]
fn f57_ddl_by_somebody_else_gives_one_picture_or_busy() {
    let project = Project::of_schema(SCHEMA);
    project.compile();
    let database = support::database();
    project.build(&database);
    let check = || project.check(&database).args(["--format", "json"]);
    let declared = check().findings();
    assert_eq!(declared, [""; 0]);
    database.exec(THERE);
    let other = check().findings();
    assert!(other.len() >= 4, "{other:#?}");
    database.exec(BACK);

    let stop = Arc::new(AtomicBool::new(false));
    let (url, stopped) = (database.url().to_owned(), Arc::clone(&stop));
    let changer = std::thread::spawn(move || {
        support::runtime().block_on(async {
            let mut session =
                trueup::postgres::connection::Target::parse(&url).unwrap().connect("changer").await.unwrap();
            let mut rounds = 0;
            while !stopped.load(Ordering::Relaxed) {
                session.execute(THERE).await.unwrap();
                // Mostly in a hurry, sometimes slow enough to be met between two changes.
                tokio::time::sleep(std::time::Duration::from_millis(rounds % 4 * 10)).await;
                session.execute(BACK).await.unwrap();
                tokio::time::sleep(std::time::Duration::from_millis(rounds % 3 * 10)).await;
                rounds += 1;
            }
            rounds
        })
    });
    let outputs: Vec<_> = (0..30).map(|_| check().run()).collect();
    stop.store(true, Ordering::Relaxed);
    assert!(changer.join().unwrap() > 30, "the changes kept coming");
    let (mut busy, all) = (0, outputs.len());
    for ran in outputs {
        if ran.code() == Some(75) {
            ran.exit(75).says(["somebody is running DDL", "run the same command again"]);
            busy += 1;
            continue;
        }
        let found = ran.findings();
        assert!(found == declared || found == other, "a mixed picture: {found:#?}");
    }
    assert!(busy < all, "no run came through");
    assert_eq!(check().findings(), declared);
}

/// Exactly between the snapshot and the reading, where PostgreSQL's printing functions would look at the newer state.
#[test]
fn f57_a_change_between_snapshot_and_reading_is_noticed() {
    let project = Project::of_schema(SCHEMA);
    project.compile();
    let database = support::database();
    project.build(&database);
    for (between, times, code) in [(2, 1, 1), (3, 1, 1), (2, 2, 0), (3, 2, 0), (2, 9, 75), (3, 9, 75)] {
        let url = database.url().to_owned();
        // What the open transaction has printed stays locked until its end: then only what needs no such lock comes.
        let changes = if between == 2 { [THERE, BACK] } else { [OTHER_BODY, DECLARED_BODY] };
        let changes: Vec<_> = changes.into_iter().cycle().take(times).collect();
        let left = Mutex::new(changes.into_iter());
        let proxy = Proxy::start(&database, move |number, text| {
            // A reading is of three messages, or of two and a ROLLBACK when an object was gone.
            let here = match between {
                2 => text.contains("pg_attrdef") && !text.contains("COMMIT"),
                _ => text.contains("COMMIT"),
            };
            if here
                && number > 1
                && let Some(change) = left.lock().unwrap().next()
            {
                support::try_query_at(&url, change).unwrap();
            }
            Then::Forward
        });
        let url = proxy.url(&database);
        let ran =
            project.check(&url).args(["--format", "json"]).case(format!("{between} {times}")).exit(code);
        if code != 75 {
            assert!(proxy.round_trips() > 3, "it was read again");
            let undisturbed = project.check(&database).args(["--format", "json"]).findings();
            assert_eq!(ran.findings(), undisturbed);
        }
        // Leave it as declared.
        if times % 2 == 1 {
            database.exec(if between == 2 { BACK } else { DECLARED_BODY });
        }
    }
}
