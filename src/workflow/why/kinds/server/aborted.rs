//! `25P02`: a transaction goes on after an error.

use super::super::super::case::Case;
use super::super::super::explanation::Explanation;
use super::super::ErrorKind;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "in_failed_sql_transaction",
    sqlstate: "25P02",
    patterns: &["current transaction is aborted, commands ignored until end of transaction block"],
    follows: true,
    meaning: "An earlier statement of the same transaction failed: this error only follows from it.",
    asks: &[],
    judge,
};

fn judge(_: &Case<'_>) -> Explanation {
    Explanation::unknown(
        "the text has only what follows from the error, not the error",
        "give more of the log: the first error of the same transaction, above this one",
    )
}
