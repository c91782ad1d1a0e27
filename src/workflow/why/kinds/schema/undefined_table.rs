//! `42P01`: a statement names a table that the role does not find.

use super::super::super::case::{Case, NamedRelation};
use super::super::super::explanation::Explanation;
use super::super::super::facts::Ask;
use super::super::super::likely::likely;
use super::super::ErrorKind;
use super::undefined_column::outside_path;
use crate::postgres::catalog::{Kind, ObjectId};
use crate::postgres::sql::identifier;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "undefined_table",
    sqlstate: "42P01",
    patterns: &[
        "relation {table} does not exist",
        "(?:table|view|sequence|materialized view) {table} does not exist",
        // Prisma, P2021.
        r"table `(?P<table>[^`\n]+)` does not exist in the current database",
    ],
    follows: false,
    meaning: "A statement names a table, view or sequence that its role does not find.",
    asks: &[Ask::Schema],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    if let Some(judged) = case.wrong_database() {
        return judged;
    }
    let Some(named) = case.named_relations().into_iter().next() else {
        return Explanation::unknown(
            "the text does not name the table",
            "trueup check, which compares the whole schema",
        );
    };
    let found = case.relations(&named);
    let findings = found.iter().flat_map(|id| case.differences_of(id)).collect::<Vec<_>>();
    if found.iter().all(|id| case.live(id).is_none()) && !findings.is_empty() {
        return case.differs(findings);
    }
    match found.iter().find(|id| case.live(id).is_some()) {
        Some(there) if named.schema.is_none() && !case.is_in_path(there) => outside_path(case, there),
        Some(there) => case.elsewhere(&there.to_string()),
        None => absent(case, &named),
    }
}

/// It is neither there nor declared.
fn absent(case: &Case<'_>, named: &NamedRelation) -> Explanation {
    let renamed = case.schema.findings.iter().filter(|finding| {
        finding.code.ends_with(".renamed")
            && finding.attributes.iter().any(|attribute| attribute.declared.as_deref() == Some(&named.name))
    });
    let renamed: Vec<_> = renamed.cloned().collect();
    if !renamed.is_empty() {
        return case.differs(renamed);
    }
    let schemas = case.ids().filter(|id| id.kind == Kind::Schema).map(|id| id.name.to_string());
    let mut schemas: Vec<String> = named.schema.clone().into_iter().chain(schemas).collect();
    schemas.push("public".to_owned());
    let gone = schemas.iter().find_map(|schema| {
        case.taken_away(&ObjectId::in_schema(Kind::Table, schema.as_str(), named.name.as_str()))
    });
    if let Some(old) = gone {
        let verdict = format!("the database has no {} any more: an old app version asks for it", old.object);
        return Explanation::explained(vec![old], verdict);
    }
    let tables: Vec<&ObjectId> = case
        .ids()
        .filter(|id| [Kind::Table, Kind::View, Kind::MaterializedView].contains(&id.kind))
        .collect();
    let alike = likely(&named.name, tables.iter().map(|id| id.name.as_str()));
    let shown: Vec<String> = alike.iter().map(|name| identifier(name).into_owned()).collect();
    let quoted = alike.iter().any(|name| name.eq_ignore_ascii_case(&named.name));
    let verdict = format!(
        "neither the database {} nor schema/ has {named}{}",
        case.database,
        Case::did_you_mean(&shown)
    );
    let next = match (quoted, alike.is_empty()) {
        (true, _) => "write the name with its capital letters in double quotes, or rename the table",
        (false, false) => "correct the name in the statement",
        (false, true) => {
            "is this the database and the project of the application? compare its URL with this one; else declare the table in \
             schema/ and write its migration"
        }
    };
    Explanation::elsewhere(verdict, next)
}
