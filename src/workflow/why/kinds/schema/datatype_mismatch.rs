//! `42804`: a value has another type than its column.

use super::super::super::case::Case;
use super::super::super::explanation::Explanation;
use super::super::super::facts::Ask;
use super::super::ErrorKind;
use super::undefined_function::columns_of_other_type;
use crate::findings::Finding;
use crate::postgres::catalog::Kind;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "datatype_mismatch",
    sqlstate: "42804",
    patterns: &[
        r"column {column} is of type (?P<type_name>[^\n]+?) but expression is of type (?P<arguments>[a-z][\w \[\]]*)",
    ],
    follows: false,
    meaning: "A statement puts a value of another type into a column.",
    asks: &[Ask::Schema],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    let mut findings = columns_of_other_type(case);
    let column = case.names().column.clone().unwrap_or_default();
    if findings.is_empty() && case.named_relations().is_empty() {
        let ids = case.named(&[Kind::Column], &column);
        findings = ids.iter().flat_map(|id| case.differences_of(id)).filter(has_type).collect();
    }
    if !findings.is_empty() {
        return case.differs(findings);
    }
    let (actual, sent) = (
        case.names().type_name.clone().unwrap_or_default(),
        case.names().arguments.clone().unwrap_or_default(),
    );
    Explanation::elsewhere(
        format!("column {column} has its declared type, {actual}; the application sends {sent}"),
        format!("cast the value in the statement: ::{actual}"),
    )
}

fn has_type(finding: &Finding) -> bool {
    finding.attributes.iter().any(|attribute| attribute.name == "type")
}
