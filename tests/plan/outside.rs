//! F41: what is refused in a transactional file is what the server refuses in a transaction block.

use std::path::Path;

use trueup::changes::plan::Script;
use trueup::error::Exit;
use trueup::migrations::Directives;

use crate::footprints::{INSIDE, SETUP};
use crate::support;

const OUTSIDE: &[&str] = &[
    "CREATE INDEX CONCURRENTLY n ON users (name)",
    "CREATE UNIQUE INDEX CONCURRENTLY IF NOT EXISTS n ON users (id)",
    "DROP INDEX CONCURRENTLY users_name_idx",
    "REINDEX INDEX CONCURRENTLY users_name_idx",
    "REINDEX (VERBOSE, CONCURRENTLY) TABLE users",
    "REINDEX SCHEMA app",
    "REINDEX (CONCURRENTLY false) SCHEMA app",
    "VACUUM",
    "VACUUM (ANALYZE) users",
    "CLUSTER",
    "ALTER TABLE parts DETACH PARTITION parts_1 CONCURRENTLY",
    "ALTER SYSTEM SET work_mem = '8MB'",
    "CREATE DATABASE n",
    "DROP DATABASE IF EXISTS n",
    "ALTER DATABASE postgres SET TABLESPACE pg_default",
    "DROP TABLESPACE IF EXISTS n",
    "CREATE SUBSCRIPTION n CONNECTION 'dbname=n' PUBLICATION p",
];

fn refused(sql: &str) -> bool {
    match Script::examine(Path::new("V1__a.sql"), sql, &Directives::default()) {
        Ok(_) => false,
        Err(failure) => {
            assert_eq!(failure.exit, Exit::Refused, "{failure}");
            assert!(failure.what.contains("transaction block"), "{failure}");
            true
        }
    }
}

#[test]
fn f41_what_is_refused_is_what_the_server_refuses() {
    let database = support::database();
    database.exec(SETUP);
    let cases = OUTSIDE.iter().map(|sql| (sql, true)).chain(INSIDE.iter().map(|sql| (sql, false)));
    for (sql, expected) in cases {
        let answer = database.try_query(&format!("BEGIN; {sql}; ROLLBACK"));
        let told = answer.err().map(|why| why.root_cause().to_string()).unwrap_or_default();
        let by_server = told.contains("cannot run inside a transaction block");
        assert_eq!((by_server, refused(sql)), (expected, expected), "{sql}: {told}");
    }
}
