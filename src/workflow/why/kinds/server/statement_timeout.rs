//! `57014`: a statement was cancelled: by its own limit of time, or by somebody.

use super::super::super::case::Case;
use super::super::super::explanation::Explanation;
use super::super::super::facts::Ask;
use super::super::ErrorKind;
use super::lock_not_available::{limit, waiting};

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "query_canceled",
    sqlstate: "57014",
    patterns: &["canceling statement due to (?P<what>statement timeout|user request)"],
    follows: false,
    meaning: "A statement was cancelled: it took longer than its limit, or waited for a lock, or somebody cancelled it.",
    asks: &[Ask::Sessions],
    judge,
};

/// The session is gone, not only the statement.
pub(in super::super) const SESSION: ErrorKind = ErrorKind {
    condition: "idle_in_transaction_session_timeout",
    sqlstate: "25P03",
    patterns: &["terminating connection due to (?P<what>idle-in-transaction timeout|transaction timeout)"],
    meaning: "The server ended the session: its transaction was open for longer than its limit.",
    asks: &[],
    judge: left_open,
    ..KIND
};

/// The statement is not the reason: the application left its transaction open.
fn left_open(case: &Case<'_>) -> Explanation {
    let setting = match case.names().what.as_deref() {
        Some("transaction timeout") => "transaction_timeout",
        _ => "idle_in_transaction_session_timeout",
    };
    Explanation::elsewhere(
        format!("the application kept a transaction open for too long; {}", limit(case, setting)),
        "end the transaction (COMMIT or ROLLBACK) before the application waits for anything else: another service, a user, a queue",
    )
}

fn judge(case: &Case<'_>) -> Explanation {
    let setting = match case.names().what.as_deref() {
        Some("user request") => {
            return Explanation::elsewhere(
                "a client cancelled the statement: the application's own limit of time, its user, or an administrator",
                "look at the limit of the driver or the web server: it is shorter than the statement takes",
            );
        }
        _ => "statement_timeout",
    };
    let judged = waiting(case, setting);
    match judged.explains() {
        true => judged,
        false => Explanation {
            next: "EXPLAIN (ANALYZE, BUFFERS) shows where the time of the statement goes; raise the limit for this statement alone \
                   where it has to take long"
                .to_owned(),
            ..judged
        },
    }
}
