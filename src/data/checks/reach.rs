//! Functions by which a check's query could act outside of its READ ONLY transaction: on another connection, on files and
//! replication slots of the server, on other sessions. A rollback undoes nothing of that.

use squawk_lexer::{TokenKind, tokenize};

use super::{Check, CheckQuery};
use crate::error::Failure;
use crate::postgres::sql::split_qualified;

/// The query that finds them, behind `named.sql`. The names of called functions, and all words of the queries, are put in
/// where they are named in braces.
pub(super) const REACHING: &str = include_str!("sql/reaching.sql");

/// A function that a query calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Called {
    /// The name as the catalog has it, without the schema.
    pub(super) name: String,
    /// Whether a schema is named with it.
    pub(super) qualified: bool,
    /// The line of the file.
    line: usize,
}

/// A function that acts outside of the transaction.
#[derive(Debug)]
pub(super) struct Reaching {
    /// The name without the schema.
    pub(super) name: String,
    /// The name with the schema, quoted.
    pub(super) function: String,
}

impl Reaching {
    /// The error about the check that calls it (exit 2).
    pub(super) fn failure(&self, check: &Check, calls: &[Called]) -> Failure {
        let call = calls.iter().find(|call| call.name == self.name);
        let how = if call.is_some() { "the query calls" } else { "a view or function in the query calls" };
        let what = format!(
            "{how} {}, which can act outside of the transaction that only reads: no rollback would undo that",
            self.function
        );
        check.error_at(call.map_or(check.find.line, |call| call.line), &what).next(
            "leave it out; a function that is harmless can be called by one of your own, which a check may call \
             (docs/trust.md)",
        )
    }
}

/// The functions that the queries of a check call, by name.
///
/// # Errors
/// Exit 2: an identifier is written with Unicode escapes, so that its name does not stand there.
pub(super) fn calls(check: &Check) -> Result<Vec<Called>, Failure> {
    let mut calls = Vec::new();
    for query in check.queries() {
        calls.extend(calls_of(query).map_err(|line| {
            check.error_at(
                line,
                "an identifier with Unicode escapes, U&\"...\": write its characters themselves",
            )
        })?);
    }
    Ok(calls)
}

/// The names that an opening parenthesis follows. The error is the line of a name with Unicode escapes.
fn calls_of(query: &CheckQuery) -> Result<Vec<Called>, usize> {
    let mut calls = Vec::new();
    let mut name: Option<Called> = None;
    let mut qualified = false;
    let (mut at, mut line) = (0, query.line);
    for token in tokenize(&query.text) {
        let text = &query.text[at..at + token.len as usize];
        match token.kind {
            TokenKind::QuotedIdent { uescape: true, .. } => return Err(line),
            TokenKind::QuotedIdent { .. } => {
                let name_of = split_qualified(text).and_then(|mut parts| parts.pop());
                name = name_of.map(|name| Called { name: name.to_string(), qualified, line });
                qualified = false;
            }
            // SQL folds a name without quotes to lower case.
            TokenKind::Ident => {
                name = Some(Called { name: text.to_lowercase(), qualified, line });
                qualified = false;
            }
            TokenKind::Whitespace | TokenKind::LineComment | TokenKind::BlockComment { .. } => {}
            TokenKind::OpenParen => {
                calls.extend(name.take());
                qualified = false;
            }
            kind => (name, qualified) = (None, kind == TokenKind::Dot),
        }
        at += text.len();
        line += text.matches('\n').count();
    }
    Ok(calls)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn called(text: &str) -> Result<Vec<(String, usize)>, usize> {
        let query = CheckQuery { text: text.to_owned(), line: 7 };
        Ok(calls_of(&query)?.into_iter().map(|call| (call.name, call.line)).collect())
    }

    #[test]
    fn what_a_parenthesis_follows_is_called() {
        for (text, name, line) in [
            ("SELECT lo_export(1, 'x')", "lo_export", 7),
            ("SELECT 1,\n public.DBLINK_exec ('x')", "dblink_exec", 8),
            ("SELECT \"Odd\"\"Name\"\n/* a ( */ -- b\n(1)", "Odd\"Name", 7),
            ("SELECT pg_catalog . pg_sleep(1)", "pg_sleep", 7),
        ] {
            assert_eq!(called(text), Ok(vec![(name.to_owned(), line)]), "{text}");
        }
        for text in
            ["SELECT dblink FROM t", "SELECT 'dblink(1)', $$dblink(1)$$ -- dblink(1)", "SELECT a + (b)"]
        {
            assert_eq!(called(text), Ok(Vec::new()), "{text}");
        }
        assert_eq!(called("SELECT\nU&\"lo\\005fexport\"(1)"), Err(8));
        assert_eq!(called("SELECT\nu&\"lo!005fexport\" UESCAPE '!' (1)"), Err(8));
    }
}
