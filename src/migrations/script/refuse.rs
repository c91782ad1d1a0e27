//! Refuses statements that a migration must not contain: those that would end the transaction, change the role, or
//! release the lock of the run (F40).
//!
//! Only the statement itself is examined, not strings, comments, quoted names or function bodies. What functions do
//! when they run is found by the fencing check of the run.

use super::statement_effect::{self, StatementEffect};
use super::tokens::Tokens;
use crate::postgres::sql::{Part, Statement};

/// Why a statement is refused, and what to do instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Refusal {
    /// The reason, as a clause.
    pub(super) why: &'static str,
    /// The advice.
    pub(super) next: &'static str,
}

const REMOVE: &str = "remove the statement";
const TRANSACTION: Refusal = Refusal {
    why: "a migration must not begin or end transactions: each migration is one transaction, together with its row \
          in the history",
    next: "remove BEGIN and COMMIT, except one pair around the whole file; put statements that need their own \
           transaction into a migration of their own",
};
const SAVEPOINT: Refusal = Refusal {
    why: "a migration must not roll back to savepoints: it is applied as a whole or not at all",
    next: REMOVE,
};
const TRANSACTION_MODE: Refusal = Refusal {
    why: "a migration must not change the modes of its transaction: trueup sets them",
    next: REMOVE,
};
const ROLE: Refusal = Refusal {
    why: "a migration must not change the role that it runs as: its row in the history would be written by another \
          role",
    next: "remove the statement; `[database] set_role` in trueup.toml is the role of all migrations, and ALTER ... \
           OWNER TO changes the owner of one object",
};
const DISCARD: Refusal = Refusal {
    why: "it discards the session's state, including the lock that trueup holds",
    next: "remove the statement; every migration starts in a clean session",
};
const ADVISORY: Refusal = Refusal {
    why: "it releases advisory locks, and trueup holds one",
    next: "remove the statement; pg_advisory_xact_lock is released at the end of the transaction",
};

/// The functions that release session-level locks.
const UNLOCKS: [&str; 3] = ["pg_advisory_unlock", "pg_advisory_unlock_shared", "pg_advisory_unlock_all"];

/// Settings that change the role.
const ROLES: [&str; 3] = ["role", "session_authorization", "is_superuser"];

/// Settings that change the transaction's modes.
const MODES: [&str; 3] = ["transaction_isolation", "transaction_read_only", "transaction_deferrable"];

/// Checks one statement; `head` are its first tokens.
pub(super) fn refusal(statement: &Statement<'_>, head: &Tokens<'_>) -> Option<Refusal> {
    let mut tokens = head.clone();
    let verb = tokens.word().to_owned();
    tokens.advance();
    match verb.as_str() {
        "begin" | "commit" | "end" => Some(TRANSACTION),
        "start" if tokens.word() == "transaction" => Some(TRANSACTION),
        "prepare" if tokens.word() == "transaction" => Some(TRANSACTION),
        "rollback" if tokens.has("to") => Some(SAVEPOINT),
        "rollback" | "abort" => Some(TRANSACTION),
        "savepoint" | "release" => Some(SAVEPOINT),
        "discard" => Some(DISCARD),
        "set" => set(tokens),
        "reset" => setting(tokens),
        // The body of a routine is run later, by another session; CREATE TABLE ... AS runs its query at once.
        "create" if statement_effect::of(head) != StatementEffect::Rows => None,
        "alter" | "comment" | "prepare" => None,
        _ => call(statement),
    }
}

fn set(mut tokens: Tokens<'_>) -> Option<Refusal> {
    // SET SESSION AUTHORIZATION, SET SESSION SESSION AUTHORIZATION, SET LOCAL ROLE, SET SESSION x = y.
    if tokens.take(&["session", "characteristics"]) {
        return Some(TRANSACTION_MODE);
    }
    let scoped = tokens.clone();
    if tokens.take_one(&["local", "session"]).is_some() && tokens.word() == "authorization" {
        tokens = scoped;
    }
    setting(tokens)
}

/// The name of the setting that is set or reset.
fn setting(mut tokens: Tokens<'_>) -> Option<Refusal> {
    if tokens.take(&["session", "authorization"]) {
        return Some(ROLE);
    }
    // Names of settings are case-insensitive, quoted or not.
    let name = tokens.peek()?.name()?.to_ascii_lowercase();
    tokens.advance();
    // A name with a dot is a setting of the project's own, such as `role.x`.
    let own = tokens.take_sign(".");
    match name.as_str() {
        "transaction" if !own => Some(TRANSACTION_MODE),
        name if !own && ROLES.contains(&name) => Some(ROLE),
        name if !own && MODES.contains(&name) => Some(TRANSACTION_MODE),
        _ => None,
    }
}

/// Functions that the statement itself calls.
fn call(statement: &Statement<'_>) -> Option<Refusal> {
    let mut first_argument = false;
    let mut parts = statement.parts().peekable();
    while let Some(part) = parts.next() {
        match (&part, parts.peek()) {
            (Part::Word(name), Some(Part::Other("("))) => {
                if UNLOCKS.contains(&name.as_str()) {
                    return Some(ADVISORY);
                }
                first_argument = name == "set_config";
            }
            (Part::Literal(text), _) if first_argument => {
                let name = text.to_ascii_lowercase();
                if ROLES.contains(&name.as_str()) {
                    return Some(ROLE);
                }
                if MODES.contains(&name.as_str()) {
                    return Some(TRANSACTION_MODE);
                }
                first_argument = false;
            }
            // `setting_name => 'role'`.
            (Part::Word(name), _) if name == "setting_name" => {}
            (Part::Other("(" | "=" | ">" | ":"), _) => {}
            _ => first_argument = false,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::sql::split;

    fn refusal_of(text: &str) -> Option<Refusal> {
        let statement = split(text).expect("splits")[0];
        refusal(&statement, &Tokens::of(&statement, 64))
    }

    #[test]
    fn f40_what_takes_the_run_out_of_its_hands() {
        for (refusal, texts) in [
            (
                TRANSACTION,
                &[
                    "BEGIN",
                    "begin isolation level serializable",
                    "START TRANSACTION",
                    "commit",
                    "COMMIT AND CHAIN",
                    "commit prepared 'x'",
                    "END",
                    "rollback",
                    "/* x */ ROLLBACK prepared 'x'",
                    "abort",
                    "prepare transaction 'x'",
                ][..],
            ),
            (SAVEPOINT, &["savepoint a", "release a", "release savepoint a", "rollback to savepoint a"]),
            (
                TRANSACTION_MODE,
                &[
                    "set transaction isolation level serializable",
                    "set local transaction read only",
                    "set session characteristics as transaction read only",
                    "set transaction_read_only = on",
                    "select set_config('transaction_isolation', 'serializable', true)",
                ],
            ),
            (
                ROLE,
                &[
                    "SET ROLE app",
                    "set local role app",
                    "set session role none",
                    "set role to app",
                    "set \"ROLE\" = app",
                    "reset role",
                    "set session authorization app",
                    "set local session authorization app",
                    "set session session authorization default",
                    "reset session authorization",
                    "set session_authorization = app",
                    "select pg_catalog.set_config('Role', 'app', false)",
                    "select set_config(setting_name => 'role', new_value => 'app', is_local => true)",
                    "with x as (select set_config('role', 'app', true)) select 1",
                ],
            ),
            (DISCARD, &["discard all", "DISCARD plans"]),
            (
                ADVISORY,
                &[
                    "select pg_advisory_unlock_all()",
                    "select 1, pg_catalog.pg_advisory_unlock (1)",
                    "insert into t select pg_advisory_unlock_shared(1)",
                    "create table t as select pg_advisory_unlock(1)",
                ],
            ),
        ] {
            for text in texts {
                assert_eq!(refusal_of(text), Some(refusal), "{text}");
            }
        }
    }

    #[test]
    fn f40_the_same_words_elsewhere() {
        for text in [
            "select 'COMMIT; set role app; discard all'",
            "-- COMMIT\nselect 1 /* rollback; pg_advisory_unlock_all() */",
            "insert into \"commit\" (\"begin\", role, \"set\") values ('rollback', 'role', $$discard all$$)",
            "create function f() returns void language plpgsql as $$ begin perform pg_advisory_unlock_all(); commit; end $$",
            "create function f() returns bool begin atomic select pg_advisory_unlock(1); end",
            "do $$ begin perform set_config('a.role', 'x', true); end $$",
            "create view v as select pg_advisory_unlock_all()",
            "select pg_advisory_unlock_all from t",
            "select \"pg_advisory_unlock_all\" from t",
            "select set_config('app.role', 'role', false)",
            "select set_config(name, 'role', false), 'role' from t",
            "set role.x = 1",
            "set app.role = 'role'",
            "set search_path = role",
            "set session role.x = 1",
            "set local lock_timeout = '1s'",
            "reset all",
            "prepare p as select 1",
            "deallocate all",
            "listen role",
            "grant role_a to role_b",
            "lock table commit",
            "comment on table t is 'rollback'",
            "alter role app set role = 'x'",
            "set constraints all deferred",
        ] {
            assert_eq!(refusal_of(text), None, "{text}");
        }
    }
}
