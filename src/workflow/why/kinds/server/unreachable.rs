//! Class `08`, `57P01` to `57P03`: no connection, or one that was lost.

use super::super::super::case::Case;
use super::super::super::explanation::Explanation;
use super::super::ErrorKind;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "connection_failure",
    sqlstate: "",
    patterns: &[
        "(?i)connection (?:to [^\\s]+ )?refused",
        // libpq, and what PHP, Ruby and Python make of it.
        "server closed the connection unexpectedly",
        "could not (?:connect to server|receive data from server|send data to server)",
        r"connection to server (?:at|on socket) [^\n]+ failed: (?:No such file or directory|timeout expired|Connection timed out|Network is unreachable|No route to host)",
        "SSL SYSCALL error",
        "certificate verify failed",
        "self-signed certificate",
        r"(?i)(?:could not|failed to) (?:translate host name|resolve host)",
        "Name or service not known",
        "Temporary failure in name resolution",
        "server does not support SSL, but SSL was required",
        // Node.
        "connect (?:ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOENT)",
        "code: '(?:ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENOTFOUND|EAI_AGAIN)'",
        "getaddrinfo (?:ENOTFOUND|EAI_AGAIN)",
        "Connection terminated (?:unexpectedly|due to connection timeout)",
        "The server does not support SSL connections",
        // Go.
        r"dial (?:tcp|unix) [^\n]+: (?:i/o timeout|connect: [a-z ]+|no such host)",
        "server refused TLS connection",
        // JDBC.
        "The connection attempt failed",
        "An I/O error occurred while sending to the backend",
        "This connection has been closed",
        // asyncpg.
        "connection was closed in the middle of operation",
        "the connection is closed",
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
        "where the application still does not reach it: compare the host, port and sslmode of its URL with these, and the network \
         between them; where it was connected before, the server was restarted or failed over, or somebody ended the session",
    )
}
