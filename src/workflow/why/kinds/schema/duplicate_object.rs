//! `42P07`, `42701`, `42710`: a migration creates what is there already.

use super::super::super::case::{Case, NamedRelation};
use super::super::super::explanation::Explanation;
use super::super::super::facts::Ask;
use super::super::ErrorKind;
use crate::findings::Finding;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "duplicate_table",
    sqlstate: "42P07",
    patterns: &[
        "column {column} of relation {table} already exists",
        "relation {table} already exists",
        "(?:constraint|trigger|policy) {constraint} for (?:relation|table) {table} already exists",
        "(?:type|schema|extension|function|constraint) {constraint} already exists",
        r#"function "?(?P<constraint>[^"\s(]+)"? already exists with same argument types"#,
    ],
    follows: false,
    meaning: "A migration creates something that is there already: it was applied before in part, or by hand.",
    asks: &[Ask::Schema],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    let names = case.names();
    let name = names.column.as_ref().or(names.constraint.as_ref()).or(names.table.as_ref());
    let Some(name) = name else {
        return Explanation::unknown("the text does not name the object", "trueup check");
    };
    let named = NamedRelation::parse(name);
    let ids: Vec<_> = case.ids().filter(|id| id.name == named.name.as_str()).cloned().collect();
    let mut findings: Vec<Finding> = Vec::new();
    for found in ids.iter().flat_map(|id| case.differences_of(id)) {
        if !findings.contains(&found) {
            findings.push(found);
        }
    }
    // What a pending migration would do again is found as a whole migration, too.
    let by_history =
        |finding: &&Finding| finding.code.starts_with("migration.") || finding.code.starts_with("history.");
    findings.extend(case.schema.findings.iter().filter(by_history).cloned());
    if !findings.is_empty() {
        return Explanation::explained(
            findings,
            "the history and the schema of the database do not go together",
        );
    }
    Explanation::elsewhere(
        format!("the database has {named} as its applied migrations made it, and nothing is pending"),
        "whoever ran the statement used another history than this project, or another tool: trueup status",
    )
}
