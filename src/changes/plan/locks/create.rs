//! What CREATE locks: the tables that the new object is on, or that it refers to.

use super::{ExpectedLock, LockTarget, all, one};
use crate::migrations::script::Tokens;
use crate::postgres::lock_mode::LockMode;

pub(super) fn create(mut tokens: Tokens<'_>) -> Vec<ExpectedLock> {
    let replace = tokens.take(&["or", "replace"]);
    while tokens
        .take_one(&[
            "global",
            "local",
            "temp",
            "temporary",
            "unlogged",
            "unique",
            "constraint",
            "recursive",
            "foreign",
        ])
        .is_some()
    {}
    let what = tokens.take_one(&[
        "table",
        "index",
        "trigger",
        "policy",
        "rule",
        "statistics",
        "view",
        "publication",
        "schema",
    ]);
    match what {
        Some("table") => table(tokens),
        Some("index") => {
            let concurrently = tokens.take(&["concurrently"]);
            let mode = if concurrently { LockMode::ShareUpdateExclusive } else { LockMode::Share };
            tokens.skip_past("on");
            let on = if tokens.take(&["only"]) { LockTarget::Itself } else { LockTarget::Partitions };
            one(tokens.take_name(), on, mode)
        }
        Some("trigger") => {
            tokens.skip_past("on");
            let table = tokens.take_name();
            // A row trigger of a partitioned table is made on its partitions too.
            let on = if tokens.has("row") { LockTarget::Partitions } else { LockTarget::Itself };
            one(table, on, LockMode::ShareRowExclusive)
        }
        Some("policy") => {
            tokens.skip_past("on");
            one(tokens.take_name(), LockTarget::Itself, LockMode::AccessExclusive)
        }
        // CREATE RULE name AS ON event TO table.
        Some("rule") => {
            tokens.skip_past("to");
            one(tokens.take_name(), LockTarget::Itself, LockMode::AccessExclusive)
        }
        Some("statistics") => {
            tokens.skip_past("from");
            one(tokens.take_name(), LockTarget::Itself, LockMode::ShareUpdateExclusive)
        }
        // Only a view that is there already is locked.
        Some("view") if replace => one(tokens.take_name(), LockTarget::Itself, LockMode::AccessExclusive),
        Some("publication") => publication(tokens),
        _ => Vec::new(),
    }
}

fn table(mut tokens: Tokens<'_>) -> Vec<ExpectedLock> {
    tokens.take(&["if", "not", "exists"]);
    let itself = tokens.take_name();
    let mut locks = Vec::new();
    if tokens.take(&["partition", "of"]) {
        // Its default partition must not get rows meanwhile that belong into the new one.
        let on = LockTarget::DefaultPartition(LockMode::AccessExclusive);
        locks.extend(one(tokens.take_name(), on, LockMode::AccessExclusive));
    }
    if let Some(columns) = tokens.take_parentheses() {
        locks.extend(references(columns));
    }
    if tokens.take(&["inherits"])
        && let Some(mut parents) = tokens.take_parentheses()
    {
        locks.extend(all(parents.take_names(), LockTarget::Itself, LockMode::ShareUpdateExclusive));
    }
    locks.retain(|lock| Some(&lock.relation) != itself.as_ref());
    locks
}

/// The tables that new foreign keys refer to.
pub(super) fn references(mut tokens: Tokens<'_>) -> Vec<ExpectedLock> {
    let mut locks = Vec::new();
    while tokens.skip_past("references") {
        // As the name of a column it is followed by a type; a table's name is followed by columns or a clause. A
        // column of this name must be quoted: the word is reserved.
        locks.extend(one(tokens.take_name(), LockTarget::Itself, LockMode::ShareRowExclusive));
    }
    locks
}

/// `FOR TABLE t (a) WHERE (...), u`; since 15 `TABLE` is repeated before each list.
fn publication(mut tokens: Tokens<'_>) -> Vec<ExpectedLock> {
    if !tokens.skip_past("for") {
        return Vec::new();
    }
    publication_tables(&tokens)
}

pub(super) fn publication_tables(tokens: &Tokens<'_>) -> Vec<ExpectedLock> {
    let mut in_tables = false;
    let mut locks = Vec::new();
    for mut entry in tokens.by_comma() {
        if entry.take(&["all", "tables"]) || entry.take(&["tables", "in", "schema"]) {
            in_tables = false;
            continue;
        }
        in_tables |= entry.take(&["table"]);
        if in_tables {
            let on = if entry.take(&["only"]) { LockTarget::Itself } else { LockTarget::Tree };
            locks.extend(one(entry.take_name(), on, LockMode::ShareUpdateExclusive));
        }
    }
    locks
}
