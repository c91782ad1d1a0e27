//! `42601`, `42803` and others: the statement is wrong in itself, whatever the schema.

use super::super::super::case::Case;
use super::super::super::explanation::Explanation;
use super::super::super::facts::Ask;
use super::super::ErrorKind;
use crate::findings::Finding;
use crate::postgres::catalog::{Kind, ObjectId};
use crate::postgres::sql::identifier;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "wrong_statement",
    sqlstate: "",
    patterns: &[
        "syntax error at (?:or near|end of input)",
        "missing FROM-clause entry for table {table}",
        "invalid reference to FROM-clause entry for table {table}",
        "INSERT has more (?:expressions than target columns|target columns than expressions)",
        "query must have the same number of columns",
        "subquery (?:must return only one column|has too (?:many|few) columns)",
        "column \"[^\"\\n]+\" must appear in the GROUP BY clause",
    ],
    follows: false,
    meaning: "The statement is wrong in itself: no schema makes it right.",
    asks: &[],
    judge,
};

/// Two tables have a column of the name. A new column makes a statement wrong that was right.
pub(in super::super) const AMBIGUOUS: ErrorKind = ErrorKind {
    condition: "ambiguous_column",
    sqlstate: "42702",
    patterns: &["column reference {column} is ambiguous"],
    meaning: "Two tables of the statement have a column of this name, and the statement does not say which it means.",
    asks: &[Ask::Schema],
    judge: ambiguous,
    ..KIND
};

fn ambiguous(case: &Case<'_>) -> Explanation {
    let column = case.names().column.clone().unwrap_or_default();
    let tables: Vec<_> = case.named_relations().iter().flat_map(|named| case.relations(named)).collect();
    let of_statement = |id: &ObjectId| {
        let is_in = |table: &ObjectId| table.schema == id.schema && id.relation.as_ref() == Some(&table.name);
        tables.is_empty() || tables.iter().any(is_in)
    };
    let columns = case.named(&[Kind::Column], &column);
    let new: Vec<Finding> = columns
        .iter()
        .filter(|id| of_statement(id) && case.declared(id).is_none())
        .flat_map(|id| case.differences_of(id))
        .collect();
    if !new.is_empty() {
        return case.differs(new);
    }
    Explanation::elsewhere(
        format!("the tables have their columns {} as declared", identifier(&column)),
        "write the table or its alias in front of the column in the statement",
    )
}

fn judge(case: &Case<'_>) -> Explanation {
    Explanation::elsewhere(
        format!("nothing in database {} is the reason", case.database),
        "look at the statement, or at the code that puts it together; the server's log has it whole",
    )
}
