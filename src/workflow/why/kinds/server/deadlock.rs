//! `40P01`: two sessions waited for each other.

use super::super::super::case::Case;
use super::super::super::explanation::Explanation;
use super::super::super::facts::Ask;
use super::super::ErrorKind;
use super::lock_not_available::limit;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "deadlock_detected",
    sqlstate: "40P01",
    patterns: &["deadlock detected"],
    follows: false,
    meaning: "Two transactions waited for each other's locks; the server ended one of them, and nothing of it stays.",
    asks: &[Ask::Sessions],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    Explanation::elsewhere(
        format!(
            "the deadlock is over: the server ended one transaction; {}",
            limit(case, "deadlock_timeout")
        ),
        "run the transaction again; to end it for good, let all code lock tables and rows in the same order (ORDER BY id FOR \
         UPDATE). The server's log has both statements",
    )
}
