//! `23502`: a row has no value in a column that must have one.

use super::super::super::case::Case;
use super::super::super::explanation::Explanation;
use super::super::super::facts::Ask;
use super::super::ErrorKind;
use crate::findings::{Change, Finding};
use crate::postgres::catalog::{Attribute, Kind, ObjectId};
use crate::postgres::sql::identifier;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "not_null_violation",
    sqlstate: "23502",
    patterns: &[
        "null value in column {column} (?:of relation {table} )?violates not-null constraint",
        // Prisma, P2011.
        r"Null constraint violation on the (?:fields|constraint): \(?`(?P<column>[^`\n]+)`",
    ],
    follows: false,
    meaning: "A row was written without a value for a column that the database requires.",
    asks: &[Ask::Schema],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    let Some(column) = &case.names().column else {
        return Explanation::unknown("the text does not name the column", "trueup check");
    };
    let named: Vec<ObjectId> =
        case.named_relations().iter().flat_map(|named| case.relations(named)).collect();
    let columns: Vec<ObjectId> = match named.as_slice() {
        [] => case.named(&[Kind::Column], column),
        tables => tables
            .iter()
            .filter_map(|table| {
                Some(ObjectId::under(
                    Kind::Column,
                    table.schema.clone()?,
                    table.name.clone(),
                    column.as_str(),
                ))
            })
            .collect(),
    };
    let explains = |finding: &Finding| {
        let decides = [Attribute::Nullable, Attribute::Default, Attribute::Identity, Attribute::Generated]
            .map(Attribute::word);
        finding.change != Change::Different
            || finding.attributes.iter().any(|attribute| decides.contains(&attribute.name.as_str()))
    };
    let findings: Vec<Finding> =
        columns.iter().flat_map(|id| case.differences_of(id)).filter(explains).collect();
    if !findings.is_empty() {
        return case.differs(findings);
    }
    let Some(there) = columns.iter().find(|id| case.live(id).is_some()) else {
        return Explanation::elsewhere(
            format!("the database {} has no column {} in it now", case.database, identifier(column)),
            "is this the database of the application? compare its URL with this one",
        );
    };
    if !case.live(there).is_some_and(|found| found.is(Attribute::Nullable, "false")) {
        return Explanation::elsewhere(
            format!(
                "{there} takes NULL, as declared: the error is of another database, or older than the last migration"
            ),
            format!("compare the application's URL with this database, {}", case.database),
        );
    }
    let has_default = case.live(there).is_some_and(|found| {
        found.get(Attribute::Default).is_some() || found.get(Attribute::Identity).is_some()
    });
    let next = match has_default {
        true => {
            "leave the column out of the statement: it has a default, which an explicit NULL does not use"
        }
        false => "let the application send a value; or declare a default in schema/ and write its migration",
    };
    Explanation::elsewhere(format!("{there} is NOT NULL as declared: the application sends no value"), next)
}
