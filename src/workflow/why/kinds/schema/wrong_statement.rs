//! `42601`, `42702`, `42803` and others: the statement is wrong in itself, whatever the schema.

use super::super::super::case::Case;
use super::super::super::explanation::Explanation;
use super::super::ErrorKind;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "wrong_statement",
    sqlstate: "",
    patterns: &[
        "syntax error at (?:or near|end of input)",
        "missing FROM-clause entry for table {table}",
        "invalid reference to FROM-clause entry for table {table}",
        "column reference {column} is ambiguous",
        "column \"[^\"\\n]+\" must appear in the GROUP BY clause",
    ],
    follows: false,
    meaning: "The statement is wrong in itself: no schema makes it right.",
    asks: &[],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    Explanation::elsewhere(
        format!("nothing in database {} is the reason", case.database),
        "look at the statement, or at the code that puts it together; the server's log has it whole",
    )
}
