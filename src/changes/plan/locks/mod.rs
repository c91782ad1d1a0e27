//! The table-level locks that statements take on relations that exist already (manual, "Explicit Locking", and each
//! command's page; where these are silent, `AlterTableGetLockLevel` and its like in PostgreSQL's source). A test
//! holds them against `pg_locks` of a real server.
//!
//! They are determined from the text of a statement; [`Relations`] adds what the catalog knows: the table of an
//! index, partitions, the other side of a foreign key. Not determined are locks below ROW EXCLUSIVE, which only block
//! DDL; the locks that functions and triggers take when they run; the views and columns that CASCADE drops in
//! addition; and the tables whose columns have a type or domain that changes.

mod alter;
mod create;
mod held;

use crate::migrations::script::{Tokens, WrittenName};
use crate::postgres::lock_mode::LockMode;
use crate::postgres::sql::{Part, Statement};

pub use held::Relations;

/// A lock that a statement takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedLock {
    /// The relation that the statement names.
    pub relation: WrittenName,
    /// Which relations are locked on account of it.
    pub on: LockTarget,
    /// The mode of the lock.
    pub mode: LockMode,
}

/// What is locked, beside or instead of the relation that a statement names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockTarget {
    /// The relation alone.
    Itself,
    /// The relation and all its partitions and children.
    Tree,
    /// The relation and all its partitions, but not what merely inherits from it.
    Partitions,
    /// The relation is an index: it, and the table that it is on.
    IndexAndTable,
    /// The relation is an index that is not locked itself: the table that it is on.
    TableOfIndex,
    /// The relation is dropped: also the tables that its foreign keys refer to, and with CASCADE those that refer to
    /// it.
    Dropped {
        /// `CASCADE`.
        cascade: bool,
    },
    /// A constraint is taken from the relation's tree: also the table that a foreign key of this name refers to.
    ConstraintDropped(smol_str::SmolStr),
    /// The relation gets or loses a partition: also its default partition, with this lock.
    DefaultPartition(LockMode),
    /// The relation is truncated with CASCADE: also all that refer to it, and to those.
    TruncatedCascade,
}

impl ExpectedLock {
    fn new(relation: WrittenName, on: LockTarget, mode: LockMode) -> Self {
        Self { relation, on, mode }
    }
}

/// The number of tokens of a statement that are read.
const HEAD: usize = 20_000;

/// Returns the locks that a statement takes, in the order in which it names the relations; a relation may be named
/// more than once. Empty when none of its locks can be determined.
pub fn expected_locks(statement: &Statement<'_>) -> Vec<ExpectedLock> {
    let mut tokens = Tokens::of(statement, HEAD);
    let verb = tokens.word().to_owned();
    tokens.advance();
    match verb.as_str() {
        "create" => create::create(tokens),
        "alter" => alter::alter(tokens),
        "drop" => dropped(tokens),
        "comment" => comment(tokens),
        "security" => comment(tokens),
        "truncate" => truncate(tokens),
        "lock" => lock(tokens),
        "refresh" => refresh(tokens),
        "reindex" => reindex(tokens),
        "vacuum" => vacuum(tokens),
        "analyze" | "analyse" => {
            tokens.take(&["verbose"]);
            tokens.take_parentheses();
            all(with_columns(tokens), LockTarget::Itself, LockMode::ShareUpdateExclusive)
        }
        "cluster" => cluster(tokens),
        "copy" => copy(tokens),
        "insert" | "update" | "delete" | "merge" | "with" | "explain" => rows(statement),
        _ => Vec::new(),
    }
}

fn all(names: Vec<(WrittenName, bool)>, on: LockTarget, mode: LockMode) -> Vec<ExpectedLock> {
    let on = |only: bool| if only { LockTarget::Itself } else { on.clone() };
    names.into_iter().map(|(name, only)| ExpectedLock::new(name, on(only), mode)).collect()
}

fn one(name: Option<WrittenName>, on: LockTarget, mode: LockMode) -> Vec<ExpectedLock> {
    name.into_iter().map(|name| ExpectedLock::new(name, on.clone(), mode)).collect()
}

fn dropped(mut tokens: Tokens<'_>) -> Vec<ExpectedLock> {
    tokens.take_one(&["foreign", "materialized"]);
    let what = tokens.take_one(&["table", "view", "sequence", "index", "trigger", "policy", "rule"]);
    let Some(what) = what else { return Vec::new() };
    let concurrently = tokens.take(&["concurrently"]);
    tokens.take(&["if", "exists"]);
    match what {
        // DROP TRIGGER name ON table.
        "trigger" | "policy" | "rule" => {
            tokens.skip_past("on");
            let on = if what == "trigger" { LockTarget::Partitions } else { LockTarget::Itself };
            one(tokens.take_name(), on, LockMode::AccessExclusive)
        }
        "index" if concurrently => {
            one(tokens.take_name(), LockTarget::IndexAndTable, LockMode::ShareUpdateExclusive)
        }
        "index" => all(tokens.take_names(), LockTarget::IndexAndTable, LockMode::AccessExclusive),
        "table" => {
            let names = tokens.take_names();
            all(names, LockTarget::Dropped { cascade: tokens.has("cascade") }, LockMode::AccessExclusive)
        }
        _ => all(tokens.take_names(), LockTarget::Itself, LockMode::AccessExclusive),
    }
}

/// `COMMENT ON` and `SECURITY LABEL ON` of relations and columns; of parts of a table only ACCESS SHARE.
fn comment(mut tokens: Tokens<'_>) -> Vec<ExpectedLock> {
    if !tokens.skip_past("on") {
        return Vec::new();
    }
    tokens.take_one(&["foreign", "materialized"]);
    let mode = LockMode::ShareUpdateExclusive;
    match tokens.take_one(&["table", "view", "sequence", "index", "column"]) {
        Some("column") => one(tokens.take_owner_of_column(), LockTarget::Itself, mode),
        Some(_) => one(tokens.take_name(), LockTarget::Itself, mode),
        None => Vec::new(),
    }
}

fn truncate(mut tokens: Tokens<'_>) -> Vec<ExpectedLock> {
    tokens.take(&["table"]);
    let names = tokens.take_names();
    let on = if tokens.has("cascade") { LockTarget::TruncatedCascade } else { LockTarget::Tree };
    all(names, on, LockMode::AccessExclusive)
}

fn lock(mut tokens: Tokens<'_>) -> Vec<ExpectedLock> {
    tokens.take(&["table"]);
    let names = tokens.take_names();
    let mut mode = LockMode::AccessExclusive;
    if tokens.take(&["in"]) {
        let words: Vec<&str> = tokens
            .rest()
            .iter()
            .map_while(|part| match part {
                Part::Word(word) if word != "mode" => Some(word.as_str()),
                _ => None,
            })
            .collect();
        let name = words.join(" ").to_ascii_uppercase();
        let named = LockMode::ALL.into_iter().find(|known| known.name() == name);
        mode = named.unwrap_or(mode);
    }
    if mode < LockMode::RowExclusive { Vec::new() } else { all(names, LockTarget::Tree, mode) }
}

fn refresh(mut tokens: Tokens<'_>) -> Vec<ExpectedLock> {
    tokens.take(&["materialized", "view"]);
    let mode = if tokens.take(&["concurrently"]) { LockMode::Exclusive } else { LockMode::AccessExclusive };
    one(tokens.take_name(), LockTarget::Itself, mode)
}

fn reindex(mut tokens: Tokens<'_>) -> Vec<ExpectedLock> {
    let in_options = tokens.take_parentheses().is_some_and(|options| options.has_option("concurrently"));
    let what = tokens.take_one(&["index", "table"]);
    let concurrently = tokens.take(&["concurrently"]) || in_options;
    let mode = if concurrently { LockMode::ShareUpdateExclusive } else { LockMode::Share };
    match what {
        Some("index") => one(tokens.take_name(), LockTarget::TableOfIndex, mode),
        Some(_) => one(tokens.take_name(), LockTarget::Itself, mode),
        None => Vec::new(),
    }
}

fn vacuum(mut tokens: Tokens<'_>) -> Vec<ExpectedLock> {
    let mut full = tokens.take_parentheses().is_some_and(|options| options.has_option("full"));
    while let Some(option) = tokens.take_one(&["full", "freeze", "verbose", "analyze", "analyse"]) {
        full |= option == "full";
    }
    let mode = if full { LockMode::AccessExclusive } else { LockMode::ShareUpdateExclusive };
    all(with_columns(tokens), LockTarget::Itself, mode)
}

/// `t (a, b), u`.
fn with_columns(mut tokens: Tokens<'_>) -> Vec<(WrittenName, bool)> {
    let mut names = Vec::new();
    loop {
        let only = tokens.take(&["only"]);
        let Some(name) = tokens.take_name() else { return names };
        names.push((name, only));
        tokens.take_parentheses();
        if !tokens.take_sign(",") {
            return names;
        }
    }
}

fn cluster(mut tokens: Tokens<'_>) -> Vec<ExpectedLock> {
    tokens.take_parentheses();
    tokens.take(&["verbose"]);
    let Some(first) = tokens.take_name() else { return Vec::new() };
    // CLUSTER index ON table: the syntax before 8.3, which still works.
    let table = if tokens.take(&["on"]) { tokens.take_name() } else { Some(first) };
    one(table, LockTarget::Itself, LockMode::AccessExclusive)
}

fn copy(mut tokens: Tokens<'_>) -> Vec<ExpectedLock> {
    tokens.take(&["binary"]);
    let Some(name) = tokens.take_name() else { return Vec::new() };
    tokens.take_parentheses();
    if tokens.take(&["from"]) {
        one(Some(name), LockTarget::Itself, LockMode::RowExclusive)
    } else {
        Vec::new()
    }
}

/// The targets of INSERT, UPDATE, DELETE and MERGE, at the head and in WITH.
fn rows(statement: &Statement<'_>) -> Vec<ExpectedLock> {
    let mut tokens = Tokens::of(statement, HEAD);
    let mut found: Vec<ExpectedLock> = Vec::new();
    // FOR UPDATE, ON CONFLICT DO UPDATE, WHEN MATCHED THEN UPDATE are of what is named already.
    let mut before = Part::Other("");
    while let Some(part) = tokens.peek().cloned() {
        tokens.advance();
        let starts = matches!(before, Part::Other("" | "(" | ")"))
            || before.is("as")
            || before.is("explain")
            || before.is("analyze")
            || before.is("verbose")
            || before.is("materialized");
        let on = match &part {
            Part::Word(word) if word == "insert" => tokens.take(&["into"]).then_some(LockTarget::Itself),
            Part::Word(word) if word == "merge" => tokens.take(&["into"]).then_some(LockTarget::Tree),
            Part::Word(word) if word == "delete" => tokens.take(&["from"]).then_some(LockTarget::Tree),
            Part::Word(word) if word == "update" && starts => Some(LockTarget::Tree),
            _ => None,
        };
        if let Some(mut on) = on {
            if tokens.take(&["only"]) {
                on = LockTarget::Itself;
            }
            found.extend(one(tokens.take_name(), on, LockMode::RowExclusive));
        }
        before = part;
    }
    found
}

#[cfg(test)]
mod tests;
