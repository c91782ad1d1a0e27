//! Turns the error messages of `pg_dump` and `pg_restore` into a failure that says what to do.

use std::process::ExitStatus;

use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::sql::identifier;

/// The number of differences that an error names.
const MOST: usize = 5;

/// Joins the first few differences, and says how many more there are.
pub(super) fn first_of(differences: &[String]) -> String {
    let named = &differences[..differences.len().min(MOST)];
    match differences.len() - named.len() {
        0 => named.join("; "),
        more => format!("{}; and {more} more", named.join("; ")),
    }
}

/// Whether a line of a program's verbose output is an error or a warning.
pub(super) fn is_complaint(line: &str) -> bool {
    ["error:", "detail:", "hint:", "fatal:", "warning:", "ERROR:", "FATAL:", "DETAIL:", "HINT:"]
        .iter()
        .any(|word| line.contains(word))
}

/// The failure of a program that ended with an error.
pub(super) fn explained(program: &str, status: ExitStatus, complaints: &[String], role: &str) -> Failure {
    let said = match complaints {
        [] => status.to_string(),
        complaints => complaints.join("\n"),
    };
    let has = |words: &str| said.contains(words);
    let role = identifier(role);
    let (exit, next) = if has("row-level security") {
        let next = format!(
            "back up as a role that bypasses row security: ALTER ROLE {role} BYPASSRLS, or a superuser"
        );
        (Exit::Refused, next)
    } else if has("permission denied for large object") {
        (Exit::Refused, "back up as the owner of the large objects, or a superuser".to_owned())
    } else if has("permission denied") {
        (Exit::Refused, format!("GRANT pg_read_all_data TO {role}"))
    } else if has("server version mismatch") {
        (Exit::Refused, "name the directory of a newer pg_dump: --pg-bin, TRUEUP_PG_BIN".to_owned())
    } else if has("invalid snapshot identifier") || (has("snapshot \"") && has("does not exist")) {
        let next = "find out what distributes connections between trueup and the server (a load balancer, a proxy?): the one \
                    of pg_dump reached another server or database";
        (Exit::Refused, next.to_owned())
    } else if has("LOCK TABLE") && has("timeout") || has("could not obtain lock") {
        // pg_dump implements --lock-wait-timeout as a statement_timeout.
        (
            Exit::Busy,
            "another session holds a lock on a table (see pg_stat_activity); run the same command again"
                .to_owned(),
        )
    } else if has("too many clients") || has("too many connections") || has("remaining connection slots") {
        (Exit::Busy, "the server has no free connections; run the same command again".to_owned())
    } else if complaints
        .iter()
        .any(|line| line.contains("No space left on device") && !line.contains("ERROR:"))
    {
        let next = "free space on this machine's disk, or store backups elsewhere: [backup] store";
        (Exit::RolledBack, next.to_owned())
    } else if has("No space left on device") {
        (Exit::RolledBack, "the server's disk is full: free space there".to_owned())
    } else {
        (Exit::RolledBack, format!("fix the error that {program} reports, then run the same command again"))
    };
    let (code, outcome) = match program {
        "pg_restore" => (ErrorCode::RESTORE_FAILED, "nothing was restored"),
        _ => (ErrorCode::BACKUP_FAILED, "no backup was taken"),
    };
    Failure::new(exit, format!("{program} failed, and {outcome}: {said}")).code(code).next(next)
}
