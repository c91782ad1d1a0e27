//! Statements outside of a transaction that fail, are cancelled, or meet an index that somebody else made.

use std::time::Duration;

use super::{applied_once, holds, project, resumes, upgrade, wait_for_statement};
use crate::support::project::Project;
use crate::support::{self, TestDatabase, wait_for};

const BASE: &str = "CREATE TABLE account (id int PRIMARY KEY, email text);";
const UNIQUE: &str =
    "-- trueup: no-transaction\nCREATE UNIQUE INDEX CONCURRENTLY account_email ON account (email);";
const MODEL: &str = "CREATE TABLE account (id int PRIMARY KEY, email text);
    CREATE UNIQUE INDEX account_email ON account (email);";

/// A database in which the first migration is applied, and then this.
fn based(project: &Project, sql: &str) -> TestDatabase {
    let database = support::database();
    upgrade(project, &database).args(["--to", "1"]).exit(0);
    database.exec(sql);
    database
}

fn no_index(database: &TestDatabase) -> bool {
    holds(database, "to_regclass('account_email') IS NULL")
}

/// What stays of a failed statement is neither an index nor something unfinished.
#[track_caller]
fn nothing_left(project: &Project, database: &TestDatabase) {
    assert!(no_index(database));
    project.trueup(["status"], database).exit(1).says("pending").lacks(["was interrupted", "1 interrupted"]);
}

#[test]
fn f23_duplicates_leave_no_invalid_index() {
    let project = project(&[("V1__base", BASE), ("V2__unique", UNIQUE)], MODEL, "");
    let database = based(&project, "INSERT INTO account VALUES (1, 'a'), (2, 'a')");
    upgrade(&project, &database).exit(5).says([
        "V2__unique",
        "could not create unique index",
        "Key (email)=(a) is duplicated",
    ]);
    nothing_left(&project, &database);
    database.exec("DELETE FROM account WHERE id = 2");
    resumes(&project, &database, 2);
}

#[test]
fn f23_something_of_the_run_stays() {
    let migrations = [
        ("V1__base", BASE),
        ("V2__first", "CREATE TABLE first (id int PRIMARY KEY);"),
        ("V3__unique", UNIQUE),
    ];
    let project = project(&migrations, &format!("{MODEL} CREATE TABLE first (id int PRIMARY KEY);"), "");
    let database = based(&project, "INSERT INTO account VALUES (1, 'a'), (2, 'a')");
    upgrade(&project, &database).exit(6).says(["V3__unique", "is duplicated"]);
    // Of the second run nothing stays.
    upgrade(&project, &database).exit(5).says(["V3__unique", "is duplicated"]);
    nothing_left(&project, &database);
    database.exec("DELETE FROM account WHERE id = 2");
    resumes(&project, &database, 3);
}

#[test]
fn f23_a_statement_fails_after_others_of_its_migration() {
    let two = format!("{UNIQUE}\nCREATE UNIQUE INDEX CONCURRENTLY account_id ON account (lower(email));");
    let project = project(
        &[("V1__base", BASE), ("V2__two", &two)],
        &format!("{MODEL} CREATE UNIQUE INDEX account_id ON account (lower(email));"),
        "",
    );
    let database = based(&project, "INSERT INTO account VALUES (1, 'a'), (2, 'A')");
    upgrade(&project, &database).exit(6).says(["V2__two", "is duplicated"]);
    project.trueup(["status"], &database).exit(1).says(["V2__two", "statement 1"]);
    // What an earlier run did stays; of this one nothing does.
    upgrade(&project, &database).exit(5).says(["V2__two", "is duplicated"]);
    database.exec("DELETE FROM account WHERE id = 2");
    resumes(&project, &database, 2);
}

#[test]
fn f23_cancelled_by_somebody() {
    let project = project(&[("V1__base", BASE), ("V2__unique", UNIQUE)], MODEL, "");
    for (how, code) in [("cancel", 5), ("terminate", 6)] {
        let database = based(&project, "INSERT INTO account VALUES (1, 'a')");
        let runtime = support::runtime();
        let mut holder = runtime.block_on(database.connect());
        runtime.block_on(holder.execute("BEGIN; UPDATE account SET email = 'b'")).unwrap();
        let child = upgrade(&project, &database).start();
        wait_for_statement(&database, "CREATE UNIQUE INDEX CONCURRENTLY%");
        database.exec(&format!(
            "SELECT pg_{how}_backend(pid) FROM pg_stat_activity WHERE query LIKE 'CREATE UNIQUE%' AND pid <> pg_backend_pid()
             AND datname = current_database()"
        ));
        // Removing the invalid index waits for the holder, too.
        std::thread::sleep(Duration::from_millis(300));
        runtime.block_on(holder.close());
        let ran = child.ends_within(Duration::from_secs(20)).exit(code);
        if code == 5 {
            nothing_left(&project, &database);
        } else {
            ran.says("the same command again");
            project
                .trueup(["status"], &database)
                .exit(1)
                .says(["V2__unique", "CREATE UNIQUE INDEX CONCURRENTLY"]);
        }
        resumes(&project, &database, 2);
    }
}

#[test]
fn f23_an_invalid_index_of_somebody_else_is_reported_and_stays() {
    let if_not_exists = UNIQUE.replace("CONCURRENTLY", "CONCURRENTLY IF NOT EXISTS");
    for sql in [UNIQUE, &if_not_exists] {
        let project = project(&[("V1__base", BASE), ("V2__unique", sql)], MODEL, "");
        let database = based(&project, "INSERT INTO account VALUES (1, 'a'), (2, 'a')");
        let made = "CREATE UNIQUE INDEX CONCURRENTLY account_email ON account (email)";
        assert!(database.try_query(made).is_err());
        let oid = database.value("SELECT 'account_email'::regclass::oid");
        database.exec("DELETE FROM account WHERE id = 2");
        upgrade(&project, &database).exit_in(&[4, 5]).says("account_email");
        assert_eq!(database.value("SELECT 'account_email'::regclass::oid"), oid, "it is not ours");
        applied_once(&database, 1);
        database.exec("DROP INDEX account_email");
        resumes(&project, &database, 2);
    }
}

#[test]
fn f23_if_not_exists_over_another_definition_is_a_failure() {
    let sql = UNIQUE.replace("CONCURRENTLY", "CONCURRENTLY IF NOT EXISTS");
    let project = project(&[("V1__base", BASE), ("V2__unique", &sql)], MODEL, "");
    let database = based(&project, "CREATE INDEX account_email ON account (id)");
    upgrade(&project, &database).exit(4).says("account_email");
    assert!(holds(&database, "pg_get_indexdef('account_email'::regclass) LIKE '%(id)'"));
    applied_once(&database, 1);
    database.exec("DROP INDEX account_email");
    resumes(&project, &database, 2);
}

/// Made by hand as the statement wants it, before a run.
#[test]
fn f23_if_not_exists_over_the_same_definition_is_done() {
    let sql = UNIQUE.replace("CONCURRENTLY", "CONCURRENTLY IF NOT EXISTS");
    // The second migration has no effect of its own: the first made the index.
    let first = format!("{BASE}\nCREATE UNIQUE INDEX account_email ON account (email);");
    let project = project(&[("V1__base", &first), ("V2__unique", &sql)], MODEL, "");
    let database = based(&project, "");
    resumes(&project, &database, 2);
}

/// A later statement of the same migration changes what the first made.
#[test]
fn f23_an_index_that_the_migration_changes_later_is_its_own() {
    let sql = format!("{UNIQUE}\nALTER INDEX account_email SET (fillfactor = 70);");
    let model = MODEL.replace("(email);", "(email) WITH (fillfactor = 70);");
    let project = project(&[("V1__base", BASE), ("V2__unique", &sql)], &model, "");
    let database = based(&project, "INSERT INTO account VALUES (1, 'a')");
    resumes(&project, &database, 2);
}

/// A statement that the server refused, or that got no lock, was not done: nobody has to say so.
#[test]
fn f23_a_refused_statement_is_no_unfinished_one() {
    let vacuum = "-- trueup: no-transaction\n-- trueup: lock-timeout 300ms\nVACUUM account;";
    let project = project(&[("V1__base", BASE), ("V2__vacuum", vacuum)], BASE, "");
    let database = based(&project, "");
    let runtime = support::runtime();
    let mut holder = runtime.block_on(database.connect());
    runtime.block_on(holder.execute("BEGIN; LOCK TABLE account IN SHARE UPDATE EXCLUSIVE MODE")).unwrap();
    upgrade(&project, &database).exit(75).says(["V2__vacuum", "in the way: pid"]);
    runtime.block_on(holder.close());
    resumes(&project, &database, 2);
}

/// Detaching a partition is ended by FINALIZE, not begun again.
#[test]
fn f23_a_half_detached_partition_is_finalized() {
    let base = "CREATE TABLE event (at int) PARTITION BY RANGE (at);
        CREATE TABLE event_old PARTITION OF event FOR VALUES FROM (0) TO (10);";
    let detach = "-- trueup: no-transaction\nALTER TABLE event DETACH PARTITION event_old CONCURRENTLY;";
    let model = "CREATE TABLE event (at int) PARTITION BY RANGE (at);
        CREATE TABLE event_old (at int, CONSTRAINT event_old_at_check CHECK (at IS NOT NULL AND at >= 0 AND at < 10));";
    let project = project(&[("V1__base", base), ("V2__detach", detach)], model, "");
    let database = based(&project, "");
    let runtime = support::runtime();
    let mut reader = runtime.block_on(database.connect());
    runtime.block_on(reader.execute("BEGIN; SELECT FROM event")).unwrap();
    let child = upgrade(&project, &database).start();
    wait_for_statement(&database, "ALTER TABLE event DETACH%");
    wait_for("the first half", || holds(&database, "bool_or(inhdetachpending) FROM pg_inherits"));
    child.send(nix::sys::signal::Signal::SIGKILL);
    child.ended();
    runtime.block_on(reader.close());
    wait_for("the end of the session", || {
        holds(&database, &format!("NOT EXISTS (SELECT FROM pg_stat_activity WHERE {})", super::WORKER))
    });
    upgrade(&project, &database).exit(0);
    applied_once(&database, 2);
    assert!(holds(&database, "count(*) = 0 FROM pg_inherits WHERE inhparent = 'event'::regclass"));
}
