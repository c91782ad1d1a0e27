//! Examines a migration's script before any of it is run: splits it into statements, determines what each needs, and
//! refuses what a migration must not contain (F40, F41).
//!
//! A script that is compiled and one that is applied are examined here, so that both are the same statements.

mod foreign;
mod non_transactional;
mod refuse;
mod statement_effect;
mod tokens;

use std::fmt::Write as _;
use std::path::Path;

use self::refuse::{Refusal, refusal};
use super::Directives;
use crate::error::{ErrorCode, Exit, Failure};
use crate::postgres::connection::sqlstate;
use crate::postgres::sql::{SplitError, SplitErrorKind, Statement, split_all};

pub use self::non_transactional::NonTransactional;
pub use self::statement_effect::StatementEffect;
pub(crate) use self::tokens::Tokens;
pub use self::tokens::WrittenName;
pub use foreign::tool_of_markers;

/// A script that has been examined.
#[derive(Debug, Clone, Default)]
pub struct Examination<'s> {
    /// The statements that are run, in order. A `BEGIN` and a `COMMIT` around the whole script are none of them.
    pub statements: Vec<ExaminedStatement<'s>>,
    /// Everything that must not be in it. Exit 2 where the file is wrong whoever runs it: a string that is not closed,
    /// another tool's file. Exit 4: what PostgreSQL would do and a migration must not.
    pub refused: Vec<Failure>,
    /// Whether the statements are all of the script, and only what is to be run.
    pub whole: bool,
}

/// One statement of a script.
#[derive(Debug, Clone)]
pub struct ExaminedStatement<'s> {
    /// The statement.
    pub statement: Statement<'s>,
    /// Why it must run outside of a transaction; only in scripts marked `no-transaction`.
    pub outside: Option<NonTransactional>,
    /// What kind of thing it changes.
    pub effect: StatementEffect,
}

/// The number of tokens of a statement that are examined: no DDL is longer, and of a statement with rows the
/// beginning suffices.
const HEAD: usize = 20_000;

/// What to do about a server's error that says that the statement cannot run in this transaction; `None` for all others.
/// `in_code` says whether a function or a `DO` block ran it: there it cannot run without a transaction either.
pub fn border_advice(code: &str, in_code: bool) -> Option<&'static str> {
    match code {
        sqlstate::ACTIVE_SQL_TRANSACTION if in_code => None,
        sqlstate::ACTIVE_SQL_TRANSACTION => Some(NO_TRANSACTION),
        sqlstate::UNSAFE_NEW_ENUM_VALUE_USAGE => Some(
            "a label that ALTER TYPE ... ADD VALUE adds can be used when it is committed: put ADD VALUE into a migration \
             of its own before this one, or let every statement of this one commit by this first line: \
             -- trueup: no-transaction",
        ),
        sqlstate::INVALID_TRANSACTION_TERMINATION => Some(
            "code that commits cannot run inside a transaction: put the CALL or DO into a migration of its own, whose \
             first line is: -- trueup: no-transaction",
        ),
        _ => None,
    }
}

/// Whether a script has a statement that cannot run inside a transaction block.
pub fn cannot_run_in_transaction(sql: &str) -> bool {
    split_all(sql).0.iter().any(|statement| NonTransactional::of(&Tokens::of(statement, HEAD)).is_some())
}

/// What to do with a statement that a transaction cannot hold.
const NO_TRANSACTION: &str = "put what cannot run inside a transaction into a migration of its own, whose first line \
                                  is: -- trueup: no-transaction";

impl<'s> Examination<'s> {
    /// Examines a script. `path` names it in refusals.
    pub fn of(path: &Path, sql: &'s str, directives: &Directives) -> Self {
        let (mut found, errors) = split_all(sql);
        let mut refused: Vec<(usize, Failure)> = foreign::marker(path, sql).into_iter().collect();
        refused.extend(errors.into_iter().map(|error| (error.line, not_split(path, error))));
        let whole = refused.is_empty();
        if !directives.no_transaction {
            unwrap_transaction(&mut found);
        }
        let mut statements = Vec::with_capacity(found.len());
        for statement in found {
            let head = Tokens::of(&statement, HEAD);
            if let Some(Refusal { why, next }) = refusal(&statement, &head) {
                refused.push((statement.line, refusal_of(path, &statement, why, next)));
            }
            let mut outside = NonTransactional::of(&head);
            match &outside {
                Some(found) if !directives.no_transaction => {
                    let why = format!("{} cannot run inside a transaction block", found.command());
                    refused.push((statement.line, refusal_of(path, &statement, &why, NO_TRANSACTION)));
                }
                None if directives.no_transaction => outside = NonTransactional::unprovable(&head),
                _ => {}
            }
            statements.push(ExaminedStatement { effect: statement_effect::of(&head), statement, outside });
        }
        refused.sort_by_key(|(line, _)| *line);
        Self { statements, refused: refused.into_iter().map(|(_, failure)| failure).collect(), whole }
    }
}

/// Takes `BEGIN` and `COMMIT` away where they stand around the whole script: that is the transaction of a migration.
fn unwrap_transaction(statements: &mut Vec<Statement<'_>>) {
    let (Some(first), Some(last)) = (statements.first(), statements.last()) else { return };
    let is = |statement: &Statement<'_>, forms: &[&[&str]]| {
        let words: Vec<String> = statement.words().collect();
        statement.parts().count() == words.len() && forms.iter().any(|form| words == *form)
    };
    let begins = [&["begin"][..], &["begin", "work"], &["begin", "transaction"], &["start", "transaction"]];
    let ends = [
        &["commit"][..],
        &["commit", "work"],
        &["commit", "transaction"],
        &["end"],
        &["end", "work"],
        &["end", "transaction"],
    ];
    if is(first, &begins) && is(last, &ends) {
        statements.pop();
        statements.remove(0);
    }
}

fn refusal_of(path: &Path, statement: &Statement<'_>, why: &str, next: &str) -> Failure {
    let mut what = format!("{}: line {}: {why}", path.display(), statement.line);
    let _ = write!(what, "\n  statement: {}", statement.summary());
    Failure::new(Exit::Refused, what).code(ErrorCode::MIGRATION_UNSUPPORTED).next(next)
}

/// A script that only psql understands is refused, as is a statement that a migration must not hold (exit 4). A string
/// that is not closed is a mistake in the file (exit 2).
fn not_split(path: &Path, error: SplitError) -> Failure {
    let for_psql = match error.kind {
        SplitErrorKind::PsqlCommand(_) | SplitErrorKind::CopyFromStdin => true,
        SplitErrorKind::Unterminated(_) => false,
    };
    let failure = error.in_file(path);
    if for_psql {
        Failure { exit: Exit::Refused, ..failure }
            .next("write it as SQL that the server understands: migrations do not run in psql")
    } else {
        failure
    }
}

#[cfg(test)]
mod tests;
