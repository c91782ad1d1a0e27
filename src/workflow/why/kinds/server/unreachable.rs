//! Class `08`, `57P01` to `57P03`: no connection, or one that was lost.

use super::super::super::case::Case;
use super::super::super::explanation::Explanation;
use super::super::ErrorKind;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "connection_failure",
    sqlstate: "",
    patterns: &[
        "(?i)connection refused",
        r"ECONNREFUSED",
        "server closed the connection unexpectedly",
        "the database system is (?P<what>(?:starting up|shutting down|in recovery mode|not yet accepting connections))",
        "terminating connection due to (?P<what>administrator command|unexpected postmaster exit)",
        "could not translate host name",
        "SSL connection has been closed unexpectedly",
        "connection already closed",
        "Can't reach database server",
    ],
    follows: true,
    meaning: "The application did not reach the server, or the server ended the connection.",
    asks: &[],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    Explanation::elsewhere(
        format!("database {} answers now, as role {}", case.database, case.facts.settings.role),
        "where the application still does not reach it: compare the host and port of its URL with these, and the network between \
         them; where it was once, the server was restarted or failed over",
    )
}
