//! `40001`: a transaction would not have been serializable, or a standby had to go on.

use super::super::super::case::Case;
use super::super::super::explanation::Explanation;
use super::super::ErrorKind;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "serialization_failure",
    sqlstate: "40001",
    patterns: &[
        "could not serialize access due to [a-z/ ]+",
        "canceling statement due to conflict with (?P<what>recovery)",
    ],
    follows: false,
    meaning: "Two transactions changed the same rows, or a standby had to remove rows that a query was reading.",
    asks: &[],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    match case.names().what {
        Some(_) => Explanation::elsewhere(
            "a standby cancelled the query so that replication could go on",
            "run the query again, or on the primary; hot_standby_feedback = on keeps the rows while it runs",
        ),
        None => Explanation::elsewhere(
            "this is not wrong: the isolation level asks for it",
            "run the whole transaction again, from its BEGIN; code with REPEATABLE READ or SERIALIZABLE must do that",
        ),
    }
}
