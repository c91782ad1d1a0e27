//! `55P03`: a lock was not free in time.

use super::super::super::case::Case;
use super::super::super::explanation::{Explanation, reason};
use super::super::super::facts::{Ask, LockingSession};
use super::super::ErrorKind;
use crate::findings::{Finding, Remedy, Severity};
use crate::postgres::lock_mode::LockMode;
use crate::text::plural;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "lock_not_available",
    sqlstate: "55P03",
    patterns: &[
        "canceling statement due to lock timeout",
        "could not obtain lock on (?:row in )?relation {table}",
    ],
    follows: false,
    meaning: "A statement waited for a lock that another session holds, and gave up.",
    asks: &[Ask::Sessions],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    waiting(case, "lock_timeout")
}

/// Who keeps others waiting, and the limit that ends the waiting.
pub(super) fn waiting(case: &Case<'_>, setting: &'static str) -> Explanation {
    let findings: Vec<Finding> = case.facts.sessions.iter().map(holder).collect();
    let limit = limit(case, setting);
    let next = "run the same command while it happens; log_lock_waits = on writes down who waits for whom";
    let judged = Explanation::elsewhere(format!("nobody is in the way now; {limit}"), next);
    if findings.is_empty() {
        return judged;
    }
    let judged = judged.with(findings);
    match judged.explains() {
        true => Explanation::explained(judged.findings, format!("a session is in the way now; {limit}")),
        false => Explanation {
            verdict: format!(
                "nobody is seen in the way of this statement now; other sessions hold locks; {limit}"
            ),
            ..judged
        },
    }
}

/// `lock_timeout of role app is 100ms (ALTER ROLE app SET lock_timeout)`
pub(super) fn limit(case: &Case<'_>, setting: &str) -> String {
    let role = &case.facts.settings.role;
    match case.facts.settings.of(setting) {
        Some(found) if found.value != "0" && !found.origin.is_empty() => {
            format!("{setting} of role {role} is {} ({})", found.value, found.origin)
        }
        Some(found) if found.value != "0" => format!("{setting} of role {role} is {}", found.value),
        _ => format!("role {role} has no {setting}: the application sets it itself, or has another role"),
    }
}

fn holder(found: &LockingSession) -> Finding {
    let LockingSession { session, waiting, relation, mode, .. } = found;
    let mode = mode.as_deref().and_then(LockMode::from_pg_locks).map(LockMode::name);
    let holds = match (relation, mode) {
        (Some(relation), Some(mode)) => format!("holds {mode} on {relation}"),
        _ => "holds locks".to_owned(),
    };
    let waits = match waiting {
        0 => String::new(),
        1 => ", and 1 session waits for it".to_owned(),
        count => format!(", and {} wait for it", plural(*count, "session")),
    };
    let advice = match (&session.gid, session.pid) {
        (Some(gid), _) => {
            let gid = gid.replace('\'', "''");
            format!("whoever prepared it ends it: COMMIT PREPARED '{gid}' or ROLLBACK PREPARED '{gid}'")
        }
        (None, Some(pid)) => {
            format!("wait, or end it where that is known to be harmless: SELECT pg_terminate_backend({pid});")
        }
        (None, None) => "wait until it ends".to_owned(),
    };
    let object = match session.pid {
        Some(pid) => format!("pid {pid}"),
        None => "a prepared transaction".to_owned(),
    };
    // Where the statement is known, who holds nothing of it keeps others waiting.
    let severity = match found.asked_for || *waiting > 0 && !found.some_asked_for {
        true => Severity::Error,
        false => Severity::Info,
    };
    let sentence = format!("{session} {holds}{waits}");
    reason("session", severity, "session", object, sentence).remedy(Remedy::advice(advice))
}
