//! `53300`: the server, a role or a database takes no more connections.

use super::super::super::case::Case;
use super::super::super::explanation::{Explanation, reason};
use super::super::super::facts::{Ask, ConnectionCount, ConnectionLimits};
use super::super::ErrorKind;
use crate::findings::{Finding, Remedy, Severity};
use crate::postgres::sql::identifier;
use crate::text::{duration, plural};

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "too_many_connections",
    sqlstate: "53300",
    patterns: &[
        "sorry, too many clients already",
        "too many connections for role {role}",
        "too many connections for database {database}",
        r"remaining connection slots are reserved for [a-z -]+",
        r"no more connections allowed(?: \(max_client_conn\))?",
    ],
    follows: false,
    meaning: "No connection is free: a limit of the server, the role, the database or a pool is reached.",
    asks: &[Ask::Connections],
    judge,
};

/// An application's own pool has no free connection.
pub(in super::super) const POOL: ErrorKind = ErrorKind {
    condition: "pool_exhausted",
    sqlstate: "",
    patterns: &[
        // SQLAlchemy, Prisma, node-postgres, HikariCP, Rails.
        r"QueuePool limit of size \d+ overflow \d+ reached",
        "Timed out fetching a new connection from the connection pool",
        "timeout exceeded when trying to connect",
        "Connection is not available, request timed out after",
        "could not obtain a connection from the pool within",
    ],
    meaning: "The application's own pool has no free connection: its size is reached, or the database takes no more.",
    ..KIND
};

/// The share of a limit from which on it is close.
const CLOSE: f64 = 0.9;

fn judge(case: &Case<'_>) -> Explanation {
    let Some(limits) = &case.facts.limits else {
        return Explanation::unknown("the server did not tell its limits", "SHOW max_connections");
    };
    let ConnectionLimits { server, clients, role, of_role, database, of_database } = limits;
    let name = &case.facts.settings.role;
    let all = [
        ("role", name.as_str(), *of_role, *role, format!("ALTER ROLE {} CONNECTION LIMIT", identifier(name))),
        (
            "database",
            case.database,
            *of_database,
            *database,
            format!("ALTER DATABASE {} CONNECTION LIMIT", identifier(case.database)),
        ),
        (
            "server",
            "max_connections",
            *clients,
            *server,
            "max_connections without the reserved ones".to_owned(),
        ),
    ];
    let who: Vec<String> = case.facts.connections.iter().map(who).collect();
    let who = who.join("; ");
    let reached: Vec<Finding> = all
        .iter()
        .filter(|(_, _, used, limit, _)| *limit >= 0 && *used as f64 >= *limit as f64 * CLOSE)
        .map(|(kind, object, used, limit, by)| {
            let sentence = format!("{used} of {limit} connections are in use ({by}): {who}");
            let advice = "make the pools of the applications smaller, or put a pooler in front; idle ones can be ended where that is \
                          known to be harmless: SELECT pg_terminate_backend(PID)";
            let kind = if *kind == "role" { "role" } else { "database" };
            reason("connections", Severity::Error, kind, *object, sentence).remedy(Remedy::advice(advice))
        })
        .collect();
    if !reached.is_empty() {
        return Explanation::explained(reached, "a limit of connections is reached, or nearly");
    }
    let who = if who.is_empty() { "none but this one".to_owned() } else { who };
    Explanation::elsewhere(
        format!("{clients} of {server} connections are in use now: no limit is reached any more"),
        format!("the application's pool, or a pooler, may have its own limit; most connections: {who}"),
    )
}

/// `31 of role app (application web), idle, the longest for 3 min`
fn who(count: &ConnectionCount) -> String {
    let ConnectionCount { role, application, state, count, longest } = count;
    let application =
        if application.is_empty() { String::new() } else { format!(", application {application}") };
    let longest = longest.map(|time| format!(", the longest for {}", duration(time))).unwrap_or_default();
    let state = if state.is_empty() { String::new() } else { format!(" {state}") };
    format!("{}{state} (role {role}{application}{longest})", plural(*count, "connection"))
}
