//! `428C9`: a statement writes a column that the database fills itself.

use super::super::super::case::Case;
use super::super::super::explanation::Explanation;
use super::super::super::facts::Ask;
use super::super::ErrorKind;
use crate::findings::Finding;
use crate::postgres::catalog::{Attribute, Kind};
use crate::postgres::sql::identifier;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "generated_always",
    sqlstate: "428C9",
    patterns: &[
        "cannot insert (?:a non-DEFAULT value )?into column {column}",
        "column {column} can only be updated to DEFAULT",
    ],
    follows: false,
    meaning: "A statement gives a value to a column whose values the database makes itself (identity or generated).",
    asks: &[Ask::Schema],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    let column = case.names().column.clone().unwrap_or_default();
    let tables: Vec<_> = case.named_relations().iter().flat_map(|named| case.relations(named)).collect();
    let columns = case.named(&[Kind::Column], &column).into_iter().filter(|id| {
        tables.is_empty()
            || tables
                .iter()
                .any(|table| table.schema == id.schema && id.relation.as_ref() == Some(&table.name))
    });
    let decides = [Attribute::Identity, Attribute::Generated].map(Attribute::word);
    let of_identity = |finding: &Finding| {
        finding.attributes.iter().any(|attribute| decides.contains(&attribute.name.as_str()))
    };
    let findings: Vec<Finding> =
        columns.flat_map(|id| case.differences_of(&id)).filter(of_identity).collect();
    if !findings.is_empty() {
        return case.differs(findings);
    }
    Explanation::elsewhere(
        format!(
            "nothing differs from schema/ there: column {} is to be filled by the database",
            identifier(&column)
        ),
        "leave the column out of the statement; a load that must keep its keys writes OVERRIDING SYSTEM VALUE, and setval after it",
    )
}
