//! What `blocks.deadlock` says, on a server: two tables of a foreign key that are changed one after the other.

use std::thread;

use crate::support::other::Other;
use crate::support::{self, wait_for};

/// The application's statement is cancelled while a migration changes the one table and then the other.
fn is_a_deadlock(first: &str, second: &str, application: &'static str) {
    let database = support::database();
    database.exec(
        "CREATE TABLE authors (id bigint PRIMARY KEY); CREATE TABLE posts (author_id bigint REFERENCES authors); \
         INSERT INTO authors VALUES (1)",
    );
    let mut migration = Other::at(database.url(), "migration");
    migration.run(&format!("SET deadlock_timeout = '20s'; BEGIN; ALTER TABLE {first} ADD a int"));
    let url = database.url().to_owned();
    let beside = thread::spawn(move || {
        support::try_query_at(&url, &format!("SET deadlock_timeout = '100ms'; {application}"))
    });
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    wait_for("the application that waits", || database.value(waits) == "1");
    migration.run(&format!("ALTER TABLE {second} ADD a int"));
    let error = beside.join().unwrap().unwrap_err();
    assert!(format!("{error:#}").contains("deadlock detected"), "{application}: {error:#}");
    migration.run("COMMIT");
}

#[test]
fn a_single_statement_beside_it_is_cancelled() {
    is_a_deadlock("authors", "posts", "INSERT INTO posts VALUES (1)");
    is_a_deadlock("posts", "authors", "DELETE FROM authors WHERE id = 1");
}
