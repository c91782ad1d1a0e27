//! `28P01`, `28000`: the server does not let a role in.

use super::super::super::case::Case;
use super::super::super::explanation::{Explanation, reason};
use super::super::ErrorKind;
use crate::findings::{Remedy, Severity};

pub(in super::super) const PASSWORD: ErrorKind = ErrorKind {
    condition: "invalid_password",
    sqlstate: "28P01",
    patterns: &["(?P<what>password) authentication failed for user {role}"],
    ..KIND
};

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "invalid_authorization_specification",
    sqlstate: "28000",
    patterns: &[
        "(?P<what>Peer|Ident|LDAP|GSSAPI|SCRAM|Certificate) authentication failed for user {role}",
        "(?P<what>no pg_hba\\.conf entry) for (?:host|replication connection from host) \"[^\"\\n]+\", user {role}, database {database}",
        "role {role} (?P<what>does not exist|is not permitted to log in)",
        // Prisma, P1000.
        r"(?P<what>Authentication failed) against (?:the )?database server[^\n]*? credentials for `(?P<role>[^`\n]+)`",
    ],
    follows: false,
    meaning: "The server refuses the role, its password, or where it connects from.",
    asks: &[],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    let Some(role) = &case.names().role else {
        return Explanation::unknown("the text does not name the role", "look at the URL of the application");
    };
    let settings = &case.facts.settings;
    if !settings.exists {
        let advice = "correct the user in the application's URL, or create the role: CREATE ROLE ... LOGIN PASSWORD ...";
        let found = reason("role", Severity::Error, "role", role, "the server has no role of this name")
            .remedy(Remedy::advice(advice));
        return Explanation::explained(vec![found], "the role does not exist on this server");
    }
    if !settings.can_login {
        let found = reason("role", Severity::Error, "role", role, "it may not log in (NOLOGIN)")
            .remedy(Remedy::advice("connect as a role that may log in, or ALTER ROLE ... LOGIN"));
        return Explanation::explained(vec![found], "the role may not log in");
    }
    let next = match case.names().what.as_deref() {
        Some("password" | "SCRAM" | "Authentication failed") => {
            "the password of the application's URL is another than the role's, or it has expired (VALID UNTIL): look at the secret \
             that the application was started with"
        }
        Some("no pg_hba.conf entry") => {
            "pg_hba.conf has no line for this client: its address, database or TLS (sslmode)"
        }
        _ => "look at the line of pg_hba.conf that lets the role in, and at how the application connects",
    };
    Explanation::elsewhere(format!("role {role} exists here and may log in"), next)
}
