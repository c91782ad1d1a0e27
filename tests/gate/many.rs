//! Many of everything: relations that are locked, migrations that are pending.

use std::fmt::Write as _;
use std::time::Duration;

use super::{at_base, codes, conclusion, configure, document, gate, project, section};
use crate::support::other::Other;

/// More than a function of PostgreSQL takes arguments.
const PARTITIONS: usize = 150;

fn partitioned() -> String {
    let mut sql =
        "CREATE TABLE ev (id bigint NOT NULL, at int NOT NULL) PARTITION BY RANGE (at);\n".to_owned();
    for number in 0..PARTITIONS {
        let next = number + 1;
        let _ =
            writeln!(sql, "CREATE TABLE ev_{number} PARTITION OF ev FOR VALUES FROM ({number}) TO ({next});");
    }
    sql
}

#[test]
fn so_many_relations_may_be_locked_as_there_are() {
    let changes = ["ALTER TABLE ev ADD COLUMN w int;", "ALTER TABLE ev ADD COLUMN x int;"];
    let site = project("", &[&partitioned(), changes[0], changes[1]]);
    let database = at_base(&site);
    site.trueup(["upgrade", "--yes", "--to", "2"], &database).exit(0);
    let found = document(&site, &database, &[], 0);
    let what = section(&found, "blockers")["what"].as_str().unwrap();
    assert!(what.starts_with("151 locks free"), "each of them is counted once: {what}");
    configure(
        &site,
        "[gate]\nmax_transaction_age = \"1s\"\n[migrations]\nlock_timeout = \"1s\"\nlock_budget = \"2s\"\n",
    );
    let mut other = Other::at(database.url(), "report");
    other.run("BEGIN; SELECT count(*) FROM ev_149");
    std::thread::sleep(Duration::from_millis(1200));
    let found = document(&site, &database, &[], 1);
    assert_eq!(codes(&found, "blockers"), ["gate.blockers.transaction"], "{found:#}");
    site.trueup(["upgrade", "--yes"], &database)
        .exit(75)
        .says(["application report", "without entering the lock queue"]);
    other.run("ROLLBACK");
    site.trueup(["upgrade", "--yes"], &database).exit(0);
}

/// Between the table and the verdict people see no line for each of many migrations.
#[test]
fn many_migrations_are_told_in_one_line() {
    let mut changes: Vec<String> =
        (0..9).map(|number| format!("ALTER TABLE users ADD COLUMN c{number} int;")).collect();
    changes.push("CREATE TABLE later (id int);".to_owned());
    let site = project("", &changes.iter().map(String::as_str).collect::<Vec<_>>());
    let database = at_base(&site);
    let brief =
        "pending: 10 migrations, V2__m to V11__m: others wait in 9 of them (trueup gate -v shows them)";
    gate(&site, &database).exit(0).says(brief).lacks("of public.users");
    gate(&site, &database).arg("-v").exit(0).lacks(brief).says([
        "pending: V2__m: readers and writers of public.users (0 rows) wait",
        "pending: V11__m: nobody waits",
    ]);
    let found = document(&site, &database, &[], 0);
    assert_eq!(section(&found, "pending")["details"].as_array().unwrap().len(), 10);
    assert_eq!(conclusion(&found, "pending"), "ready");
}

/// A sequence has one row, and a line names a few relations.
#[test]
fn a_line_is_as_short_as_it_can_be() {
    let tables: String = (0..6).map(|number| format!("CREATE TABLE t{number} (id int);\n")).collect();
    let tables = format!("{tables}CREATE SEQUENCE numbers;\n");
    let all: String = (0..6).map(|number| format!("ALTER TABLE t{number} ADD COLUMN a int;\n")).collect();
    let site = project("", &[&tables, &all, "ALTER SEQUENCE numbers INCREMENT BY 2;"]);
    let database = at_base(&site);
    site.trueup(["upgrade", "--yes", "--to", "2"], &database).exit(0);
    database.exec("ANALYZE");
    let ran = gate(&site, &database).exit(0);
    ran.says(["public.t2 (0 rows), 3 more relations wait", "of public.numbers wait"]).lacks("public.t3");
}
