//! Which tables are read for their sequences, and what is said of the others.

use std::sync::Mutex;

use super::sequences::{behind, notes};
use super::*;
use crate::support::other::Other;
use crate::support::project::Address;
use crate::support::proxy::{Proxy, Then};

/// `count` tables of one row, in a database.
fn many_tables(count: usize) -> (Project, TestDatabase) {
    let schema: String = (0..count)
        .map(|table| format!("CREATE TABLE public.t{table:03} (id serial PRIMARY KEY, code text);\n"))
        .collect();
    let project = Project::of_schema(&schema);
    project.compile();
    let database = support::database();
    database.psql(&schema);
    let rows: String =
        (0..count).map(|table| format!("INSERT INTO t{table:03} VALUES (7, 'x');\n")).collect();
    database.psql(&rows);
    (project, database)
}

fn check(project: &Project, at: &(impl Address + ?Sized)) -> Value {
    project.trueup(["check"], at).args(["--format", "json"]).run().json()
}

#[test]
fn the_sequences_of_500_tables_are_looked_at_and_the_others_are_named() {
    let (project, database) = many_tables(503);
    let proxy = Proxy::start(&database, |_, _| Then::Forward);
    let document = check(&project, &proxy.url(&database));
    assert_eq!(behind(&document).len(), 500);
    assert_eq!(proxy.round_trips(), 4);
    let note = "not compared: 3 sequences with the rows of the table (public.t500_id_seq, public.t501_id_seq, \
                public.t502_id_seq): trueup reads at most 500 tables for this";
    assert_eq!(notes(&document), [note]);
    // Tables without rows do not count.
    database.exec("DELETE FROM t001; TRUNCATE t002, t003, t004");
    let document = check(&project, &database);
    assert_eq!(behind(&document).len(), 499);
    assert_eq!(notes(&document), Vec::<String>::new());
}

#[test]
fn a_seeded_table_is_looked_at_before_all_others() {
    let (project, database) = many_tables(502);
    write(&project, &[("last.toml", "table = \"t501\"\nkey = [\"id\"]\n[[rows]]\nid = 7\ncode = \"x\"\n")]);
    let document = check(&project, &database);
    assert!(behind(&document).contains(&"public.t501_id_seq".to_owned()));
    assert_eq!(notes(&document).len(), 1, "{document}");
}

#[test]
fn partitions_are_read_up_to_500() {
    let schema = |partitions: usize| {
        let parts: String = (0..partitions)
            .map(|at| format!("CREATE TABLE public.p{at} PARTITION OF public.p FOR VALUES IN ({at});\n"))
            .collect();
        format!(
            "CREATE TABLE public.p (id serial, at int, PRIMARY KEY (id, at)) PARTITION BY LIST (at);\n{parts}"
        )
    };
    for (partitions, found, said) in [(80, 1, 0), (501, 0, 1)] {
        let schema = schema(partitions);
        let (project, database) = (Project::of_schema(&schema), support::database());
        project.compile();
        database.psql(&schema);
        database.exec("INSERT INTO p VALUES (7, 66)");
        let document = check(&project, &database);
        assert_eq!((behind(&document).len(), notes(&document).len()), (found, said), "{document}");
        if said > 0 {
            assert!(notes(&document)[0].ends_with("the table has more than 500 partitions"), "{document}");
        }
    }
}

#[test]
fn a_locked_table_is_named_and_not_waited_for() {
    let (project, database) = many_tables(3);
    let mut other = Other::at(database.url(), "other");
    other.run("BEGIN; LOCK TABLE t001");
    let document = check(&project, &database);
    assert_eq!(behind(&document), ["public.t000_id_seq", "public.t002_id_seq"]);
    assert!(notes(&document)[0].contains("(public.t001_id_seq): another session holds a lock"), "{document}");
}

/// The lock that comes between the look at the locks and the reading.
#[test]
fn what_was_found_before_a_lock_timeout_is_told() {
    let (project, database) = many_tables(3);
    let other = Mutex::new(Other::at(database.url(), "other"));
    let proxy = Proxy::start(&database, move |_, sql| {
        if sql.contains("s.last_value") {
            other.lock().unwrap().run("BEGIN; LOCK TABLE t001");
        }
        Then::Forward
    });
    let settings = format!("{SETTINGS}[database]\nlock_timeout = \"200ms\"\n");
    fs::write(project.path().join("trueup.toml"), settings).unwrap();
    let document = check(&project, &proxy.url(&database));
    assert_eq!(behind(&document), ["public.t000_id_seq"]);
    assert_eq!(
        notes(&document),
        [
            "not compared: 2 sequences with the rows of the table (public.t001_id_seq, public.t002_id_seq): reading \
          public.t001: canceling statement due to lock timeout"
        ]
    );
}

#[test]
fn sequences_that_a_role_may_not_read_are_named() {
    let (project, database) = many_tables(2);
    database
        .exec("CREATE ROLE reads_tables LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO reads_tables");
    let document = check(&project, &database.url_as("reads_tables"));
    assert!(notes(&document)[0].contains("2 sequences with the rows of the table"), "{document}");
    assert!(
        notes(&document)[0].ends_with("this role may not read the sequence, or not all rows of the table")
    );
    database.exec("DROP OWNED BY reads_tables; DROP ROLE reads_tables");
}
