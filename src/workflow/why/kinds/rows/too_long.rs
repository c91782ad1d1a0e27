//! `22001`: a text is longer than its column takes.

use super::super::super::case::Case;
use super::super::super::explanation::Explanation;
use super::super::super::facts::Ask;
use super::super::ErrorKind;
use super::super::schema::undefined_function::{columns_of_other_type, declared_types};

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "string_data_right_truncation",
    sqlstate: "22001",
    patterns: &[
        r"value too long for type (?P<type_name>[a-z][a-z ]+\(\d{1,9}\))",
        // Prisma, P2000.
        r"The provided value for the column is too long for the column's type",
    ],
    follows: false,
    meaning: "A text is longer than the type of its column allows.",
    asks: &[Ask::Schema],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    let findings = columns_of_other_type(case);
    if !findings.is_empty() {
        return case.differs(findings);
    }
    let name = case.names().type_name.clone().unwrap_or_else(|| "its type".to_owned());
    let candidates: Vec<String> = case
        .schema
        .live
        .objects
        .iter()
        .filter(|object| object.get(crate::postgres::catalog::Attribute::Type) == Some(name.as_str()))
        .map(|object| object.id.to_string())
        .take(4)
        .collect();
    let of = match candidates.as_slice() {
        [] => String::new(),
        [.., _] => format!("; columns of that type: {}", candidates.join(", ")),
    };
    Explanation::elsewhere(
        format!("{}: the text is longer than {name} allows{of}", declared_types(case)),
        "shorten the text in the application; or give the column a wider type in schema/ and write its migration",
    )
}
