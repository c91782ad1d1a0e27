//! Class `22` beside syntax and length: a number or date is out of its range, or a calculation has no result.

use super::super::super::case::Case;
use super::super::super::explanation::Explanation;
use super::super::super::facts::Ask;
use super::super::ErrorKind;
use super::super::schema::undefined_function::{columns_of_other_type, declared_types};

pub(in super::super) const NUMBER: ErrorKind = ErrorKind {
    condition: "numeric_value_out_of_range",
    sqlstate: "22003",
    patterns: &[
        r#"value "(?P<value>[^"\n]*)" is out of range for type (?P<type_name>[a-z][a-z ]*[a-z])"#,
        r"\b(?P<type_name>smallint|integer|bigint|oid|interval) out of range",
        "(?P<type_name>numeric) field overflow",
    ],
    follows: false,
    meaning: "A number is greater or smaller than its type can hold.",
    asks: &[Ask::Schema],
    judge,
};

pub(in super::super) const DATE: ErrorKind = ErrorKind {
    condition: "datetime_field_overflow",
    sqlstate: "22008",
    patterns: &[
        "(?P<type_name>date/time) field value out of range: {value}",
        r"\b(?P<type_name>timestamp|date) out of range",
    ],
    meaning: "A date or time is none that exists, or has its fields in another order (datestyle).",
    ..NUMBER
};

/// No object has to do with it.
pub(in super::super) const DIVISION: ErrorKind = ErrorKind {
    condition: "division_by_zero",
    sqlstate: "22012",
    patterns: &["division by zero"],
    meaning: "A statement, view, function or check divides by zero.",
    asks: &[],
    judge: calculation,
    ..NUMBER
};

/// A sequence has given its last value.
pub(in super::super) const SEQUENCE: ErrorKind = ErrorKind {
    condition: "sequence_generator_limit_exceeded",
    sqlstate: "2200H",
    patterns: &["reached (?:maximum|minimum) value of sequence {table}"],
    meaning: "A sequence has given its last value: no more rows can be inserted into its table.",
    judge: exhausted,
    ..NUMBER
};

fn exhausted(case: &Case<'_>) -> Explanation {
    let sequences: Vec<_> = case.named_relations().iter().flat_map(|named| case.relations(named)).collect();
    let findings: Vec<_> = sequences.iter().flat_map(|id| case.differences_of(id)).collect();
    if !findings.is_empty() {
        return case.differs(findings);
    }
    let name = case.names().table.clone().unwrap_or_default();
    Explanation::elsewhere(
        format!("sequence {name} is as declared, and its range is used up"),
        "make the key and its sequence bigint, in schema/ and by a migration: ALTER COLUMN ... TYPE bigint rewrites the table under \
         an ACCESS EXCLUSIVE lock (trueup lint tells how long)",
    )
}

fn judge(case: &Case<'_>) -> Explanation {
    let findings = columns_of_other_type(case);
    if !findings.is_empty() {
        return case.differs(findings);
    }
    let name = case.names().type_name.clone().unwrap_or_else(|| "its type".to_owned());
    Explanation::elsewhere(
        format!("{}: the value is out of the range of {name}", declared_types(case)),
        "correct the value in the application; or give the column a wider type in schema/ and write its migration",
    )
}

fn calculation(_: &Case<'_>) -> Explanation {
    Explanation::elsewhere(
        "no schema explains it: the rows that are there have a zero where the statement divides",
        "write nullif(DIVISOR, 0) in the statement, or leave those rows out",
    )
}
