//! `23505`: a row has a key that another row has. Often the sequence of the key is behind.

use super::super::super::case::Case;
use super::super::super::explanation::{Explanation, reason};
use super::super::super::facts::Ask;
use super::super::ErrorKind;
use crate::findings::{Finding, Remedy, Severity};
use crate::postgres::catalog::{Attribute, Kind, Object};
use crate::snapshot::UnreadReason;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "unique_violation",
    sqlstate: "23505",
    patterns: &[
        "duplicate key value violates unique constraint {constraint}",
        // Prisma, P2002.
        r"Unique constraint failed on the (?:constraint|fields?): `(?P<constraint>[^`\n]+)`",
        r"Unique constraint failed on the (?:constraint|fields?): \(`(?P<column>[^`\n]+)`",
    ],
    follows: false,
    meaning: "A row was written whose key another row has already.",
    asks: &[Ask::Schema, Ask::Sequences],
    judge,
};

fn judge<'c>(case: &'c Case<'_>) -> Explanation {
    let behind: Vec<Finding> =
        case.schema.findings.iter().filter(|finding| finding.code == "sequence.behind").cloned().collect();
    let Some(name) = &case.names().constraint else { return of_column(case) };
    let ids = case.named(&[Kind::PrimaryKey, Kind::Unique, Kind::Index], name);
    // A sequence explains the key that it fills, and no other.
    let columns: Vec<&str> = ids
        .iter()
        .filter_map(|id| {
            let columns =
                |object: Option<&'c Object>| object.and_then(|object| object.get(Attribute::Columns));
            columns(case.live(id)).or_else(|| columns(case.declared(id)))
        })
        .collect();
    let fills = |finding: &&Finding| {
        let column = finding.cause.as_ref().and_then(|cause| cause.detail.split(" has ").next());
        let column = column.and_then(|path| path.rsplit_once('.')).map(|(_, column)| column);
        column.is_some_and(|column| columns.is_empty() || columns.contains(&column))
    };
    let behind: Vec<Finding> = behind.iter().filter(fills).cloned().collect();
    if !behind.is_empty() {
        return Explanation::explained(behind, "the sequence gives values that the table has already");
    }
    let findings: Vec<Finding> = ids.iter().flat_map(|id| case.differences_of(id)).collect();
    if !findings.is_empty() {
        return case.differs(findings);
    }
    let unread = case.schema.unread.iter().map(|unread| {
        let why = UnreadReason::notes(std::iter::once(unread)).join("; ");
        let advice = Remedy::advice(
            "run the same command again when the lock is gone, or as a role that may read the table",
        );
        reason("unread", Severity::Info, "sequence", &unread.of.sequence, why).remedy(advice)
    });
    let Some(id) = ids.iter().find(|id| case.live(id).is_some()) else {
        return Explanation::elsewhere(
            format!("neither the database {} nor schema/ has a constraint or index {name}", case.database),
            "is this the database of the application? compare its URL with this one",
        )
        .with(unread);
    };
    let key = columns.first().map(|columns| format!(" ({columns})")).unwrap_or_default();
    with_checks(
        case,
        Explanation::elsewhere(
            format!("{id}{key} is as declared: the application sends a value that is there already"),
            "let the application look for the row first, or write ON CONFLICT",
        )
        .with(unread),
        &[case.facts.of_constraint.first().map_or("", |table| table.table.as_str())],
    )
}

/// Prisma names columns alone.
fn of_column(case: &Case<'_>) -> Explanation {
    let column = case.names().column.clone().unwrap_or_default();
    Explanation::unknown(
        format!(
            "a unique constraint or index on {column} refuses the row: the text does not say of which table"
        ),
        "give the server's own message, which names the constraint; or: trueup check",
    )
}

/// The judgement with the data checks that know the table.
pub(super) fn with_checks(case: &Case<'_>, judged: Explanation, names: &[&str]) -> Explanation {
    if names.iter().any(|name| name.is_empty()) {
        return judged;
    }
    let Some(command) = case.checks_about(names) else { return judged };
    let found = reason(
        "data_check",
        Severity::Info,
        "data_check",
        names[0],
        "a data check of the project knows these rows",
    )
    .remedy(Remedy::run(command));
    judged.with([found])
}
