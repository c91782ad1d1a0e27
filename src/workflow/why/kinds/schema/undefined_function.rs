//! `42883`: a statement calls a function, or uses an operator, that does not exist for these types.

use super::super::super::case::{Case, NamedRelation};
use super::super::super::explanation::{Explanation, reason, sql};
use super::super::super::facts::Ask;
use super::super::super::likely::likely;
use super::super::ErrorKind;
use crate::findings::{Finding, Severity};
use crate::postgres::catalog::{Attribute, Kind, ObjectId};
use crate::postgres::sql::identifier;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "undefined_function",
    sqlstate: "42883",
    patterns: &[
        r"(?:function|procedure|aggregate) (?P<function>[^\s()]+)\((?P<arguments>[^()\n]*)\) does not exist",
        r"operator does not exist: (?P<arguments>[^\n]+?)(?: at character|\.|\n|$|\\n|,? \(SQLSTATE| \(PG::)",
        r"function (?P<function>[^\s()]+)\((?P<arguments>[^()\n]*)\) is not unique",
    ],
    follows: false,
    meaning: "A statement calls a function or operator that does not exist for these types of arguments.",
    asks: &[Ask::Schema, Ask::Routines],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    let Some(name) = &case.names().function else { return operator(case) };
    let named = NamedRelation::parse(name);
    let kinds = [Kind::Function, Kind::Procedure, Kind::Aggregate];
    let known = case.named(&kinds, &named.name);
    let findings: Vec<Finding> = known.iter().flat_map(|id| case.differences_of(id)).collect();
    if !findings.is_empty() {
        return case.differs(findings);
    }
    if let Some(judged) = case.wrong_database() {
        return judged;
    }
    let routines = &case.facts.routines;
    let path = case.facts.path();
    let visible = |schema: &str| schema == "pg_catalog" || path.iter().any(|one| one == schema);
    if let Some(hidden) = routines.iter().find(|one| !visible(&one.schema) && named.schema.is_none())
        && !routines.iter().any(|one| visible(&one.schema))
    {
        let advice = format!(
            "call it with its schema, {}.{}(...), or add the schema to the search_path",
            identifier(&hidden.schema),
            identifier(&named.name)
        );
        return case.outside_path("function", &hidden.signature, &hidden.schema, advice);
    }
    if let Some(extension) = case.facts.extensions.first()
        && extension.schema.is_none()
    {
        return Explanation::explained(
            vec![missing_extension(&extension.name)],
            "an extension is not installed",
        );
    }
    let asked = case.names().arguments.clone().unwrap_or_default();
    if !routines.is_empty() {
        let there: Vec<&str> = routines.iter().map(|one| one.signature.as_str()).collect();
        let found = reason(
            "arguments",
            Severity::Info,
            "function",
            &named.name,
            format!("called with ({asked}); the database has {}", there.join(", ")),
        );
        return Explanation::elsewhere(
            format!("function {} exists with other types of arguments", named.name),
            "cast the arguments to these types in the statement",
        )
        .with([found]);
    }
    let functions = case.ids().filter(|id| kinds.contains(&id.kind));
    let alike = likely(&named.name, functions.map(|id| id.name.as_str()));
    Explanation::elsewhere(
        format!("neither the database nor schema/ has a function {named}{}", Case::did_you_mean(&alike)),
        "correct the name in the statement, install the extension that brings the function, or declare it in schema/",
    )
}

/// The finding about an extension that would bring what is missing.
pub(in super::super) fn missing_extension(name: &str) -> Finding {
    let name = identifier(name);
    let sentence =
        "it brings what is missing, is available on the server, and is not installed in this database";
    let create = format!("CREATE EXTENSION IF NOT EXISTS {name};");
    reason("extension", Severity::Error, "extension", name, sentence).remedy(sql([create]))
}

/// The types of two sides do not go together: a column has another type than the application believes.
fn operator(case: &Case<'_>) -> Explanation {
    let found = columns_of_other_type(case);
    if !found.is_empty() {
        return case.differs(found);
    }
    let types = case.names().arguments.clone().unwrap_or_else(|| "these types".to_owned());
    Explanation::elsewhere(
        format!("no operator compares {types}; {}", declared_types(case)),
        "cast one side in the statement: a parameter is sent with another type than its column has",
    )
}

/// The differences of type among the columns of the tables that the statement names. Where it is not known, those of all
/// tables between types that the error has.
pub(in super::super) fn columns_of_other_type(case: &Case<'_>) -> Vec<Finding> {
    let names = case.names();
    let tables: Vec<String> = tables_of_statement(case).iter().map(|id| format!("{id}.")).collect();
    let told =
        [names.type_name.as_deref(), names.arguments.as_deref()].into_iter().flatten().collect::<String>();
    let of_type = |finding: &&Finding| {
        let mut types =
            finding.attributes.iter().filter(|attribute| attribute.name == Attribute::Type.word());
        finding.kind == "column"
            && types.any(|attribute| match tables.is_empty() {
                true => [&attribute.declared, &attribute.actual]
                    .into_iter()
                    .flatten()
                    .any(|one| told.split_whitespace().any(|word| word == one) || told == *one),
                false => tables.iter().any(|table| finding.object.starts_with(table.as_str())),
            })
    };
    case.schema.findings.iter().filter(of_type).cloned().collect()
}

/// What is known of types where none of them explains the error.
pub(in super::super) fn declared_types(case: &Case<'_>) -> &'static str {
    match tables_of_statement(case).is_empty() {
        true => "no column of these types differs from schema/ (the text has no statement)",
        false => "the columns of the statement have their declared types",
    }
}

fn tables_of_statement(case: &Case<'_>) -> Vec<ObjectId> {
    case.named_relations().iter().flat_map(|named| case.relations(named)).collect()
}
