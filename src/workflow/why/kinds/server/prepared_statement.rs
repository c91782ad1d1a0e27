//! `26000`, `42P05`: a prepared statement is not there, or there already: a pooler gave the session to somebody else.

use super::super::super::case::Case;
use super::super::super::explanation::Explanation;
use super::super::ErrorKind;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "invalid_sql_statement_name",
    sqlstate: "26000",
    patterns: &[r#"prepared statement "[^"\n]*" does not exist"#],
    follows: false,
    meaning: "The session is not the one in which the statement was prepared, or its statements were removed (DEALLOCATE, DISCARD).",
    asks: &[],
    judge,
};

pub(in super::super) const DUPLICATE: ErrorKind = ErrorKind {
    condition: "duplicate_prepared_statement",
    sqlstate: "42P05",
    patterns: &[r#"prepared statement "[^"\n]*" already exists"#],
    ..KIND
};

fn judge(_: &Case<'_>) -> Explanation {
    Explanation::elsewhere(
        "nothing in the schema is the reason; most often a transaction-pooling proxy is between the application and the server",
        "PgBouncer from 1.21 on: max_prepared_statements; else switch prepared statements off in the driver (asyncpg: \
         statement_cache_size=0, JDBC: prepareThreshold=0, Prisma: pgbouncer=true)",
    )
}
