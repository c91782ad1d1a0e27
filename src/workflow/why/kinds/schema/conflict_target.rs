//! `42P10`: ON CONFLICT names columns that no unique index has.

use super::super::super::case::Case;
use super::super::super::explanation::Explanation;
use super::super::super::facts::Ask;
use super::super::ErrorKind;
use crate::findings::Finding;
use crate::postgres::catalog::Attribute;
use crate::postgres::catalog::Kind;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "invalid_column_reference",
    sqlstate: "42P10",
    patterns: &["there is no unique or exclusion constraint matching the ON CONFLICT specification"],
    follows: false,
    meaning: "ON CONFLICT names columns that no unique constraint or index of the table covers.",
    asks: &[Ask::Schema],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    if let Some(judged) = case.wrong_database() {
        return judged;
    }
    let unique = [Kind::PrimaryKey, Kind::Unique, Kind::Exclusion, Kind::Index].map(Kind::word);
    let named: Vec<_> = case.named_relations().iter().flat_map(|named| case.relations(named)).collect();
    let on_table = |finding: &&Finding| {
        let of_kind = unique.contains(&finding.kind);
        of_kind && (named.is_empty() || named.iter().any(|table| is_on(case, finding, &table.to_string())))
    };
    let findings: Vec<Finding> = case.schema.findings.iter().filter(on_table).cloned().collect();
    if !findings.is_empty() {
        return case.differs(findings);
    }
    let table = named.first().map_or_else(|| "the table".to_owned(), ToString::to_string);
    Explanation::elsewhere(
        format!("the unique constraints and indexes of {table} match schema/"),
        "name the columns of one of them in ON CONFLICT, with its WHERE where it is partial; or declare the index in schema/",
    )
}

/// Whether a constraint or index belongs to a table: an index has no name of it.
fn is_on(case: &Case<'_>, finding: &Finding, table: &str) -> bool {
    let prefix = format!("{table}.");
    if finding.object.starts_with(&prefix) {
        return true;
    }
    case.objects().any(|object| {
        object.id.kind == Kind::Index
            && object.id.to_string() == finding.object
            && object.is(Attribute::OnTable, table)
    })
}
