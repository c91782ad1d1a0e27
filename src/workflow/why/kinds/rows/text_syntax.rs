//! `22P02` of other types: a value cannot be read as what it is to be.

use super::super::super::case::Case;
use super::super::super::explanation::Explanation;
use super::super::super::facts::Ask;
use super::super::ErrorKind;
use super::super::schema::undefined_function::{columns_of_other_type, declared_types};

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "invalid_text_representation",
    sqlstate: "22P02",
    patterns: &[
        "invalid input syntax for (?:type )?(?P<type_name>[a-z][a-z0-9 ]+): {value}",
        "invalid input syntax for (?:type )?(?P<type_name>json|xml|uuid|[a-z]+)\\b",
        "malformed (?P<type_name>array|record|range|multirange) literal: {value}",
        "invalid byte sequence for encoding",
        // asyncpg refuses it before the server does.
        r"invalid input for query argument \$\d+: (?P<value>[^\n]*) \((?:an? )?(?P<type_name>[a-z]+)[^()\n]* (?:is required|is expected)",
    ],
    follows: false,
    meaning: "A value cannot be read as the type that its column or parameter has.",
    asks: &[Ask::Schema],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    let findings = columns_of_other_type(case);
    if !findings.is_empty() {
        return case.differs(findings);
    }
    let name = case.names().type_name.clone().unwrap_or_else(|| "that type".to_owned());
    Explanation::elsewhere(
        format!("{}: the application sends what is no {name}", declared_types(case)),
        "correct the value in the application: an empty text is no number, no uuid and no date",
    )
}
