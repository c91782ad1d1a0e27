//! `42704`: a statement names a type, role, constraint or extension that does not exist.

use super::super::super::case::{Case, NamedRelation};
use super::super::super::explanation::Explanation;
use super::super::super::facts::Ask;
use super::super::super::likely::likely;
use super::super::ErrorKind;
use super::undefined_function::missing_extension;
use crate::findings::Finding;
use crate::postgres::catalog::Kind;
use crate::postgres::sql::identifier;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "undefined_object",
    sqlstate: "42704",
    patterns: &[
        "(?P<what>type) {type_name} does not exist",
        "(?P<what>constraint|trigger|policy|rule) {constraint} (?:of|for) (?:relation|table) {table} does not exist",
        "(?P<what>constraint|index|trigger|collation|text search configuration) {constraint} does not exist",
        "extension {extension} (?:does not exist|is not available)",
    ],
    follows: false,
    meaning: "A statement names a type, constraint, index or extension that does not exist, or that its role does not find.",
    asks: &[Ask::Schema, Ask::Types],
    judge,
};

/// A setting that the server does not have.
pub(in super::super) const SETTING: ErrorKind = ErrorKind {
    patterns: &["unrecognized configuration parameter {constraint}"],
    meaning: "A session asks for a setting that the server does not have, or that nobody has set.",
    asks: &[],
    judge: of_setting,
    ..KIND
};

/// The kinds of objects that the error may mean.
fn kinds(case: &Case<'_>) -> Vec<Kind> {
    match case.names().what.as_deref() {
        // A table is a type, too.
        Some("type") => {
            vec![Kind::Enum, Kind::Domain, Kind::CompositeType, Kind::RangeType, Kind::Table, Kind::View]
        }
        Some("index") => vec![Kind::Index, Kind::PrimaryKey, Kind::Unique, Kind::Exclusion],
        Some("trigger") => vec![Kind::Trigger, Kind::EventTrigger],
        Some("policy") => vec![Kind::Policy],
        Some("rule") => vec![Kind::Rule],
        Some("collation") => vec![Kind::Collation],
        Some("constraint") => {
            vec![Kind::PrimaryKey, Kind::Unique, Kind::Check, Kind::Exclusion, Kind::ForeignKey, Kind::Domain]
        }
        Some(_) => Vec::new(),
        None => vec![Kind::Extension],
    }
}

fn of_setting(case: &Case<'_>) -> Explanation {
    let name = case.names().constraint.clone().unwrap_or_default();
    match name.contains('.') {
        true => Explanation::elsewhere(
            format!("{name} is a setting of the application: its session has not set it"),
            format!(
                "set it first: SET LOCAL {name} = ... in the transaction; or read it with current_setting('{}', true), which \
                 answers NULL then",
                name.replace('\'', "''")
            ),
        ),
        false => Explanation::elsewhere(
            format!("no setting of the server in database {} is called {name}", case.database),
            "correct the name in the application's URL, in its options or its SET; settings differ between majors of PostgreSQL",
        ),
    }
}

fn judge(case: &Case<'_>) -> Explanation {
    if let Some(judged) = case.wrong_database() {
        return judged;
    }
    let names = case.names();
    let name = names.type_name.as_ref().or(names.constraint.as_ref()).or(names.extension.as_ref());
    let Some(name) = name else {
        return Explanation::unknown(
            "the text does not name the object",
            "trueup check, which compares the whole schema",
        );
    };
    let named = NamedRelation::parse(name);
    let kinds = kinds(case);
    let ids = case.named_of_table(&kinds, &named.name);
    let findings: Vec<Finding> = ids.iter().flat_map(|id| case.differences_of(id)).collect();
    if !findings.is_empty() {
        return case.differs(findings);
    }
    if let Some(extension) = case.facts.extensions.iter().find(|extension| extension.schema.is_none()) {
        return Explanation::explained(
            vec![missing_extension(&extension.name)],
            "an extension is not installed",
        );
    }
    let path = case.facts.path();
    let hidden = |schema: &str| schema != "pg_catalog" && !path.iter().any(|one| one == schema);
    if let Some(there) = case.facts.types.first().filter(|one| hidden(&one.schema)) {
        let advice = format!("name the schema in the statement: {}", there.name);
        return case.outside_path("type", &there.name, &there.schema, advice);
    }
    if let Some(there) = ids.iter().find(|id| case.live(id).is_some()) {
        return case.elsewhere(&there.to_string());
    }
    if names.extension.is_some() && case.facts.extensions.is_empty() {
        return Explanation::elsewhere(
            format!("the server has no files of extension {}", identifier(name)),
            "install the extension's package on the server, or switch it on where the provider lists its extensions",
        );
    }
    let alike =
        likely(&named.name, case.ids().filter(|id| kinds.contains(&id.kind)).map(|id| id.name.as_str()));
    Explanation::elsewhere(
        format!("neither the database nor schema/ has {named}{}", Case::did_you_mean(&alike)),
        "correct the name in the statement, or declare the object in schema/ and write its migration",
    )
}
