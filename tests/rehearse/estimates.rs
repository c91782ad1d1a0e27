//! What a database did before corrects the estimates of a rehearsal and of a plan.

use super::{document, project};
use crate::support;

#[test]
fn earlier_statements_of_the_same_kind_correct_an_estimate() {
    let concurrently = |name: &str, column: &str| {
        format!("-- trueup: no-transaction\nCREATE INDEX CONCURRENTLY {name} ON users ({column});")
    };
    let (first, second) = (concurrently("first", "name"), concurrently("second", "id, name"));
    let read = "-- trueup: no-transaction\nALTER TABLE users ADD CONSTRAINT named CHECK (name <> '') NOT VALID;\n\
                ALTER TABLE users VALIDATE CONSTRAINT named;";
    let site = project(&[&first, read, &second]);
    let database = support::database();
    site.trueup(["upgrade", "--yes", "--to", "1"], &database).exit(0);
    database
        .exec("INSERT INTO users SELECT g, repeat('x', 30) FROM generate_series(1, 40000) g; ANALYZE users");
    let plan = || site.trueup(["upgrade", "--dry-run", "--format", "json"], &database).exit_in(&[0, 1]);
    plan().lacks("corrected by");
    site.trueup(["upgrade", "--yes", "--to", "3"], &database).exit(0);
    let recorded =
        "SELECT version, statement, detail FROM trueup.steps WHERE statement IS NOT NULL ORDER BY 1, 2";
    let rows: Vec<Vec<Option<String>>> = database.query(recorded);
    let of = |at: usize| rows[at].iter().map(|value| value.clone().unwrap_or_default()).collect::<Vec<_>>();
    assert_eq!(
        (of(0), of(2)),
        (
            vec!["2".into(), "1".into(), "{\"rows\": 40000}".into()],
            vec!["3".into(), "2".into(), "{\"rows\": 40000}".into()]
        )
    );
    plan().says("corrected by 1 earlier index build in this database");
    let ran = site.trueup(["rehearse", "--rows", "2000"], &database).exit(0);
    ran.says(["note: V4:2: ", "corrected by 1 earlier index build in this database, the last of them "]);
    // It was slower than the made rows tell: the real time counts, but it may have waited, so the low end stays.
    database.exec(
        "UPDATE trueup.steps SET ended_at = started_at + interval '100 s' WHERE version = 2 AND statement = 1",
    );
    let slow = document(site.trueup(["rehearse", "--rows", "2000"], &database));
    let estimate = &slow["migrations"][0]["statements"][0]["estimate"];
    let side = |name: &str| estimate[name].as_f64().unwrap();
    assert_eq!(side("high_milliseconds"), 300_000.0, "{slow:#}");
    assert!(side("low_milliseconds") < 10_000.0, "{slow:#}");
    // A clock that was set back tells nothing.
    database.exec(
        "UPDATE trueup.steps SET ended_at = started_at - interval '2 s' WHERE version = 2 AND statement = 1",
    );
    plan().lacks("corrected by 1 earlier index build");
    // What somebody wrote there by hand is no number of rows.
    database.exec("UPDATE trueup.steps SET detail = '{\"rows\": many}'");
    plan().lacks("corrected by");
}
