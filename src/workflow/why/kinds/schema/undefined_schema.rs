//! `3F000`: a statement names a schema that does not exist, or no schema of the search_path does.

use super::super::super::case::Case;
use super::super::super::explanation::{Explanation, reason};
use super::super::super::facts::Ask;
use super::super::super::likely::likely;
use super::super::ErrorKind;
use crate::findings::{Remedy, Severity};
use crate::postgres::catalog::{Kind, ObjectId};
use crate::postgres::sql::identifier;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "invalid_schema_name",
    sqlstate: "3F000",
    patterns: &["schema {schema} does not exist", "no schema has been selected to create in"],
    follows: false,
    meaning: "A schema does not exist, or the role may use none of its search_path.",
    asks: &[Ask::Schema],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    let Some(name) = &case.names().schema else { return none_selected(case) };
    let id = ObjectId::bare(Kind::Schema, name.as_str());
    let findings = case.differences_of(&id);
    if !findings.is_empty() {
        return case.differs(findings);
    }
    if let Some(judged) = case.wrong_database() {
        return judged;
    }
    if case.live(&id).is_some() {
        return case.elsewhere(&format!("schema {id}"));
    }
    let schemas = case.ids().filter(|id| id.kind == Kind::Schema).map(|id| id.name.as_str());
    let alike = likely(name, schemas);
    Explanation::elsewhere(
        format!("neither the database nor schema/ has a schema {id}{}", Case::did_you_mean(&alike)),
        "correct the name in the statement, or declare the schema in schema/ and write its migration",
    )
}

/// Nothing of the search_path is there.
fn none_selected(case: &Case<'_>) -> Explanation {
    let role = &case.facts.settings.role;
    let sentence = format!("its search_path is {}", case.facts.path_in_words());
    let advice = format!(
        "ALTER ROLE {} SET search_path = public; or grant USAGE and CREATE on a schema of it",
        identifier(role)
    );
    let found =
        reason("search_path", Severity::Warning, "role", role, sentence).remedy(Remedy::advice(advice));
    Explanation::explained(vec![found], "no schema of the search_path exists, or the role may not use it")
}
