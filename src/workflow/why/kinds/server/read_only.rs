//! `25006`: a transaction that only reads was to write.

use super::super::super::case::Case;
use super::super::super::explanation::{Explanation, reason, sql};
use super::super::ErrorKind;
use crate::findings::{Remedy, Severity};

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "read_only_sql_transaction",
    sqlstate: "25006",
    patterns: &[r"cannot execute (?P<what>[A-Z][A-Z ]+[A-Z]) (?:in a read-only transaction|during recovery)"],
    follows: false,
    meaning: "The application writes where only reading is allowed: a standby, or a read-only transaction.",
    asks: &[],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    let settings = &case.facts.settings;
    if settings.standby {
        let advice = "give the application the URL of the primary, or target_session_attrs=read-write";
        let found = reason(
            "standby",
            Severity::Error,
            "database",
            case.database,
            "this server is a standby: nothing can be written here",
        )
        .remedy(Remedy::advice(advice));
        return Explanation::explained(vec![found], "the application is connected to a standby");
    }
    match settings.of("default_transaction_read_only") {
        Some(setting) if is_on(&setting.value) => {
            let role = &settings.role;
            let reset = setting.origin.replace(" SET ", " RESET ");
            let (sentence, remedy) = match setting.origin.is_empty() {
                true => (
                    "default_transaction_read_only is on for the whole server".to_owned(),
                    Remedy::advice(
                        "the provider sets it when the disk is full or the server moves: look at its console",
                    ),
                ),
                false => (
                    format!(
                        "default_transaction_read_only is on for role {role}, by {} = {}",
                        setting.origin, setting.value
                    ),
                    sql([format!("{reset};")]),
                ),
            };
            let found =
                reason("read_only", Severity::Error, "database", case.database, sentence).remedy(remedy);
            Explanation::explained(vec![found], "new transactions are read-only by a setting")
        }
        _ => Explanation::elsewhere(
            format!("database {} takes writes from role {}", case.database, settings.role),
            "the application began the transaction READ ONLY, or is connected to another server: look at its URL (a reader \
             endpoint?) and at how it begins transactions",
        ),
    }
}

fn is_on(value: &str) -> bool {
    matches!(value.to_ascii_lowercase().as_str(), "on" | "true" | "yes" | "1")
}
