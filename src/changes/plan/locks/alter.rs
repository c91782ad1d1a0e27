//! What ALTER locks: for tables the strongest lock that one of its actions needs (manual, ALTER TABLE: "the lock
//! required by each action"; `AlterTableGetLockLevel`).

use super::create::{publication_tables, references};
use super::{ExpectedLock, LockTarget, one};
use crate::migrations::script::{Tokens, WrittenName};
use crate::postgres::lock_mode::LockMode;

use LockMode::{AccessExclusive, ShareRowExclusive, ShareUpdateExclusive};

pub(super) fn alter(mut tokens: Tokens<'_>) -> Vec<ExpectedLock> {
    tokens.take_one(&["foreign", "materialized"]);
    let what = tokens.take_one(&[
        "table",
        "index",
        "view",
        "sequence",
        "trigger",
        "policy",
        "rule",
        "publication",
        "statistics",
    ]);
    let Some(what) = what else { return Vec::new() };
    tokens.take(&["if", "exists"]);
    match what {
        "table" | "view" => table(tokens),
        "index" => index(tokens),
        "sequence" => {
            let name = tokens.take_name();
            let whole = matches!(tokens.word(), "rename" | "owner" | "set");
            one(name, LockTarget::Itself, if whole { AccessExclusive } else { ShareRowExclusive })
        }
        // ALTER TRIGGER name ON table.
        "trigger" | "policy" | "rule" => {
            tokens.skip_past("on");
            let on = if what == "trigger" { LockTarget::Partitions } else { LockTarget::Itself };
            one(tokens.take_name(), on, AccessExclusive)
        }
        "publication" => {
            tokens.take_name();
            match tokens.take_one(&["add", "set", "drop"]) {
                Some(_) => publication_tables(&tokens),
                None => Vec::new(),
            }
        }
        _ => Vec::new(),
    }
}

fn table(mut tokens: Tokens<'_>) -> Vec<ExpectedLock> {
    if tokens.take(&["all", "in", "tablespace"]) {
        return Vec::new();
    }
    let only = tokens.take(&["only"]);
    let Some(name) = tokens.take_name() else { return Vec::new() };
    tokens.take_sign("*");
    let actions: Vec<Action> = tokens.by_comma().into_iter().map(action).collect();
    let mut locks = Vec::new();
    if let Some(mode) = actions.iter().map(|action| action.mode).max() {
        let tree = !only && actions.iter().any(|action| action.reaches_children);
        locks.push(ExpectedLock::new(
            name.clone(),
            if tree { LockTarget::Tree } else { LockTarget::Itself },
            mode,
        ));
    }
    for action in actions {
        if let Some(on) = action.also {
            locks.push(ExpectedLock::new(name.clone(), on, action.mode));
        }
        locks.extend(action.others);
    }
    locks
}

/// One action of ALTER TABLE.
struct Action {
    mode: LockMode,
    /// Whether partitions and children are changed with the table.
    reaches_children: bool,
    /// What else of the table.
    also: Option<LockTarget>,
    /// Other relations.
    others: Vec<ExpectedLock>,
}

impl Action {
    fn new(mode: LockMode) -> Self {
        Self { mode, reaches_children: false, also: None, others: Vec::new() }
    }

    fn with_children(mode: LockMode) -> Self {
        Self { reaches_children: true, ..Self::new(mode) }
    }

    fn others(self, others: Vec<ExpectedLock>) -> Self {
        Self { others, ..self }
    }
}

fn action(mut tokens: Tokens<'_>) -> Action {
    match tokens.take_one(&[
        "add", "drop", "alter", "validate", "enable", "disable", "cluster", "set", "reset", "attach",
        "detach", "inherit", "no", "rename",
    ]) {
        Some("add") => add(tokens),
        Some("drop") => {
            let mut action = Action::with_children(AccessExclusive);
            if tokens.take(&["constraint"]) {
                tokens.take(&["if", "exists"]);
                action.also =
                    tokens.take_name().map(|constraint| LockTarget::ConstraintDropped(constraint.name));
            }
            action
        }
        Some("alter") => alter_column(tokens),
        Some("validate") => Action::with_children(ShareUpdateExclusive),
        Some("enable" | "disable") => {
            tokens.take_one(&["replica", "always"]);
            if tokens.word() == "trigger" {
                Action::with_children(ShareRowExclusive)
            } else {
                Action::new(AccessExclusive)
            }
        }
        Some("cluster") => Action::new(ShareUpdateExclusive),
        Some("set") => {
            if tokens.take(&["without", "cluster"]) {
                Action::new(ShareUpdateExclusive)
            } else {
                Action::new(parameters(&mut tokens).unwrap_or(AccessExclusive))
            }
        }
        Some("reset") => Action::new(parameters(&mut tokens).unwrap_or(AccessExclusive)),
        Some("attach") => {
            tokens.take(&["partition"]);
            let partition = one(tokens.take_name(), LockTarget::Tree, AccessExclusive);
            let also = Some(LockTarget::DefaultPartition(AccessExclusive));
            Action { also, ..Action::new(ShareUpdateExclusive) }.others(partition)
        }
        Some("detach") => detach(tokens),
        Some("inherit") => Action::new(AccessExclusive).others(one(
            tokens.take_name(),
            LockTarget::Itself,
            ShareUpdateExclusive,
        )),
        // RENAME TO is of the table alone; columns and constraints are renamed in its children too.
        Some("rename") if tokens.word() != "to" => Action::with_children(AccessExclusive),
        _ => Action::new(AccessExclusive),
    }
}

fn add(mut tokens: Tokens<'_>) -> Action {
    let referred = references(tokens.clone());
    let mut is_constraint = tokens.take(&["constraint"]);
    if is_constraint {
        tokens.take_name();
    }
    is_constraint |= matches!(tokens.word(), "check" | "unique" | "primary" | "exclude" | "foreign");
    let is_foreign_key = is_constraint && tokens.take(&["foreign", "key"]);
    let mode = if is_foreign_key { ShareRowExclusive } else { AccessExclusive };
    Action::with_children(mode).others(referred)
}

fn alter_column(mut tokens: Tokens<'_>) -> Action {
    if tokens.take(&["constraint"]) {
        return Action::with_children(AccessExclusive);
    }
    tokens.take(&["column"]);
    tokens.advance();
    let weak = tokens.take(&["set", "statistics"]);
    let options =
        !weak && tokens.take_one(&["set", "reset"]).is_some() && tokens.take_parentheses().is_some();
    Action::with_children(if weak || options { ShareUpdateExclusive } else { AccessExclusive })
}

/// Storage parameters (manual, "Storage Parameters"); `None` when what is set is something else.
fn parameters(tokens: &mut Tokens<'_>) -> Option<LockMode> {
    /// Those that queries look at.
    const HEAVY: [&str; 4] = ["user_catalog_table", "security_barrier", "security_invoker", "check_option"];
    let list = tokens.take_parentheses()?;
    let heavy = list.by_comma().iter().any(|entry| HEAVY.contains(&entry.word()));
    Some(if heavy { AccessExclusive } else { ShareUpdateExclusive })
}

fn detach(mut tokens: Tokens<'_>) -> Action {
    tokens.take(&["partition"]);
    let partition: Option<WrittenName> = tokens.take_name();
    if tokens.take(&["concurrently"]) || tokens.take(&["finalize"]) {
        return Action::new(ShareUpdateExclusive).others(one(partition, LockTarget::Itself, AccessExclusive));
    }
    let also = Some(LockTarget::DefaultPartition(AccessExclusive));
    Action { also, ..Action::new(AccessExclusive) }.others(one(
        partition,
        LockTarget::Itself,
        AccessExclusive,
    ))
}

fn index(mut tokens: Tokens<'_>) -> Vec<ExpectedLock> {
    if tokens.take(&["all", "in", "tablespace"]) {
        return Vec::new();
    }
    let name = tokens.take_name();
    let mode = match tokens.take_one(&["rename", "set", "reset", "alter"]) {
        Some("rename") => ShareUpdateExclusive,
        Some("set" | "reset") => parameters(&mut tokens).unwrap_or(AccessExclusive),
        Some("alter") => ShareUpdateExclusive,
        _ => AccessExclusive,
    };
    one(name, LockTarget::Itself, mode)
}
