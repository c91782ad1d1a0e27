//! The verdict: exit codes, levels, overrides, formats, the deadline.

use std::fs;
use std::time::{Duration, Instant};

use super::{at_base, codes, conclusion, configure, document, gate, project, section};
use crate::support;
use crate::support::other::Other;

const DRIFT: &str = "ALTER TABLE users DROP COLUMN name";

#[test]
fn nothing_against_it_is_ready() {
    let site = project("", &["ALTER TABLE users ADD COLUMN a int;"]);
    let database = at_base(&site);
    let ran = gate(&site, &database).exit(0);
    ran.says(["section", "conclusion", "identity", "to apply: V2__m", "\nREADY\n"]);
    let found = document(&site, &database, &[], 0);
    assert_eq!((&found["verdict"], &found["when"]), (&"READY".into(), &"before".into()));
    assert_eq!(found["valid_for"]["pending"], serde_json::json!(["2"]));
    assert_eq!(found["valid_for"]["lock"].as_str().unwrap().len(), 64);
    assert_eq!(found["plan"]["steps"][0]["version"], "2");
    let known: Vec<&str> =
        found["sections"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(known[..5], ["identity", "rights", "history", "drift", "pending"]);
    for one in found["sections"].as_array().unwrap() {
        assert!(one["level"].is_string() && one["what"].is_string() && one["findings"].is_array(), "{one}");
    }
}

#[test]
fn the_last_line_says_what_to_run() {
    let site = project("", &[]);
    let database = at_base(&site);
    database.exec(DRIFT);
    let ran = gate(&site, &database).exit(1);
    ran.says([
        "BLOCKS",
        "DO NOT DEPLOY: drift: column public.users.name is missing, which this deploy meets",
    ]);
    let last = gate(&site, &database).exit(1).stdout().trim_end().lines().last().unwrap().to_owned();
    assert_eq!(last, "next: trueup check");
}

#[test]
fn a_level_decides_what_a_section_may_do() {
    let site = project("[gate.drift]\nlevel = \"warn\"\n", &[]);
    let database = at_base(&site);
    database.exec(DRIFT);
    let found = document(&site, &database, &[], 0);
    assert_eq!((conclusion(&found, "drift"), &found["verdict"]), ("warns", &"READY".into()));
    assert_eq!(section(&found, "drift")["findings"][0]["severity"], "warning");
    configure(&site, "[gate.drift]\nlevel = \"off\"\n");
    let found = document(&site, &database, &[], 0);
    assert_eq!((conclusion(&found, "drift"), codes(&found, "drift").len()), ("off", 0));
    configure(&site, "");
    assert_eq!(conclusion(&document(&site, &database, &[], 1), "drift"), "blocks");
}

#[test]
fn an_override_names_the_lock_file_and_is_said() {
    let site = project("", &[]);
    let database = at_base(&site);
    database.exec(DRIFT);
    let hash = document(&site, &database, &[], 1)["valid_for"]["lock"].as_str().unwrap().to_owned();
    let asked = |section: &str, hash: &str| {
        gate(&site, &database).args(["--override", section, "--reason", "INC-4711", "--for", hash])
    };
    asked("drift", &hash).exit(0).says([
        "READY (overridden: drift, by ",
        ": INC-4711)",
        "BLOCKS (overridden)",
    ]);
    let found = asked("drift", &hash[..12]).args(["--format", "json"]).exit(0).document();
    assert_eq!(found["verdict"], "READY");
    assert_eq!(found["overrides"][0]["section"], "drift");
    assert_eq!(found["overrides"][0]["reason"], "INC-4711");
    assert_eq!(
        (conclusion(&found, "drift"), &section(&found, "drift")["overridden"]),
        ("blocks", &true.into())
    );
    asked("history", &hash).exit(1).says("DO NOT DEPLOY: drift");
    asked("identity", &hash).exit(2).says("a wrong database cannot be overridden");
    asked("drift", &"0".repeat(64)).exit(4).says(["names another trueup.lock", &hash]);
    asked("drift", &hash[..4]).exit(4).says("names another trueup.lock");
    gate(&site, &database).args(["--override", "drift"]).exit(2).says("--reason");
}

#[test]
fn a_gate_that_cannot_look_is_not_green_and_not_drift() {
    let site = project("", &[]);
    let ran = site.trueup(["gate"], "postgres:///x?host=/nonexistent").exit(3);
    ran.says(["CANNOT TELL: identity: ", "no answer"]).lacks(["READY", "DO NOT DEPLOY"]);
    let found =
        site.trueup(["gate", "--format", "json"], "postgres:///x?host=/nonexistent").exit(3).document();
    assert_eq!((&found["verdict"], &found["valid_for"]), (&"CANNOT TELL".into(), &serde_json::Value::Null));
    assert_eq!(conclusion(&found, "rehearsal"), "off");
    assert_eq!(conclusion(&found, "data"), "ready", "it has no checks");
}

#[test]
fn what_hangs_is_not_known_and_hides_nothing() {
    let site = project("[gate]\ndeadline = \"6s\"\n", &[]);
    fs::create_dir(site.path().join("checks")).unwrap();
    fs::write(site.path().join("checks/named.sql"), "-- title: users have a name\n-- severity: error\n-- find:\nSELECT id FROM users WHERE name IS NULL;\n").unwrap();
    let database = at_base(&site);
    let mut other = Other::at(database.url(), "blocker");
    other.run("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE");
    let begun = Instant::now();
    let found = document(&site, &database, &[], 3);
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    assert_eq!((conclusion(&found, "data"), &found["verdict"]), ("cannot tell", &"CANNOT TELL".into()));
    for name in ["identity", "history", "drift", "pending", "hazards"] {
        assert_eq!(conclusion(&found, name), "ready", "{name}: {found:#}");
    }
    other.run("ROLLBACK");
    assert_eq!(document(&site, &database, &[], 0)["verdict"], "READY");
}

#[test]
fn a_query_that_takes_too_long_is_not_known() {
    let site = project("[gate]\ndeadline = \"2s\"\n", &[]);
    fs::create_dir(site.path().join("checks")).unwrap();
    fs::write(
        site.path().join("checks/slow.sql"),
        "-- title: slow\n-- severity: error\n-- find:\nSELECT pg_sleep(60);\n",
    )
    .unwrap();
    let database = at_base(&site);
    let begun = Instant::now();
    let found = document(&site, &database, &[], 3);
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    assert_eq!((conclusion(&found, "data"), conclusion(&found, "drift")), ("cannot tell", "ready"));
    let left = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND state = 'active' \
                AND pid <> pg_backend_pid()";
    support::wait_for("the query to end", || database.value(left) == "0");
}

#[test]
fn nothing_is_written() {
    let site = project("", &["ALTER TABLE users ADD COLUMN a int;"]);
    let database = at_base(&site);
    let known = "SELECT (SELECT count(*) FROM trueup.runs), (SELECT count(*) FROM pg_class), pg_current_wal_insert_lsn()";
    gate(&site, &database).exit(0);
    let before = database.query(known);
    gate(&site, &database).exit(0);
    assert_eq!(database.query(known)[0][..2], before[0][..2]);
}
