//! `42703`: a statement names a column that its table does not have.

use super::super::super::case::{Case, NamedRelation};
use super::super::super::explanation::{Explanation, reason};
use super::super::super::facts::Ask;
use super::super::super::likely::likely;
use super::super::ErrorKind;
use crate::findings::{Finding, Remedy, Severity};
use crate::postgres::catalog::{Kind, ObjectId};
use crate::postgres::sql::identifier;

pub(in super::super) const KIND: ErrorKind = ErrorKind {
    condition: "undefined_column",
    sqlstate: "42703",
    patterns: &[
        "column {column} of relation {table} does not exist",
        "column {column} does not exist",
        r#"column (?P<path>[^"`\s:()]+) does not exist"#,
        // Prisma, P2022.
        r"column `(?P<path>[^`\n]+)` does not exist in the current database",
        "column {column} named in key does not exist",
        "record \"(?:new|old)\" has no field {column}",
    ],
    follows: false,
    meaning: "A statement names a column that the table does not have.",
    asks: &[Ask::Schema],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    if let Some(judged) = case.wrong_database() {
        return judged;
    }
    let Some(column) = case.names().column.clone().filter(|name| !name.starts_with('(')) else {
        return Explanation::unknown(
            "the text does not name the column",
            "trueup check, which compares the whole schema",
        );
    };
    let relations = relations(case, &column);
    of_column(case, &relations, &column)
}

/// The relations that the column may be missing from.
fn relations(case: &Case<'_>, column: &str) -> Vec<ObjectId> {
    let mut found: Vec<ObjectId> =
        case.named_relations().iter().flat_map(|named| case.relations(named)).collect();
    if found.is_empty() {
        found = with_column(case, column);
    }
    found
}

/// The tables that have or should have a column of that name.
fn with_column(case: &Case<'_>, column: &str) -> Vec<ObjectId> {
    let columns = case.named(&[Kind::Column], column);
    let tables = columns
        .iter()
        .filter_map(|id| Some(ObjectId::in_schema(Kind::Table, id.schema.clone()?, id.relation.clone()?)));
    tables.collect()
}

/// Why a column is missing from one of these relations.
pub(in super::super) fn of_column(case: &Case<'_>, relations: &[ObjectId], column: &str) -> Explanation {
    let part = |relation: &ObjectId| match &relation.schema {
        Some(schema) => ObjectId::under(Kind::Column, schema.clone(), relation.name.clone(), column),
        None => relation.clone(),
    };
    // Where the column is, another difference of it explains nothing.
    let without = relations.iter().filter(|relation| case.live(&part(relation)).is_none());
    let findings: Vec<Finding> =
        without.flat_map(|relation| case.differences_of_part(relation, &part(relation))).collect();
    if !findings.is_empty() {
        return case.differs(findings);
    }
    if let Some(old) = relations.iter().find_map(|relation| case.taken_away(&part(relation))) {
        let verdict = format!("the database has no {} any more: an old app version asks for it", old.object);
        return Explanation::explained(vec![old], verdict);
    }
    let (with, without): (Vec<&ObjectId>, Vec<&ObjectId>) =
        relations.iter().partition(|relation| case.live(&part(relation)).is_some());
    match (with.first(), without.first()) {
        // The role finds another relation of the name first.
        (Some(with), Some(without)) if relations.first() == Some(*without) && with.name == without.name => {
            Explanation::explained(
                vec![other_schema(case, with, without, column)],
                "search_path leads to another table of the same name",
            )
        }
        (Some(with), _)
            if !case.is_in_path(with)
                && case.named_relations().iter().all(|named| named.schema.is_none()) =>
        {
            outside_path(case, with)
        }
        (Some(with), _) => case.elsewhere(&part(with).to_string()),
        (None, Some(table)) => unknown_column(case, table, column),
        (None, None) => unknown_table(case, column),
    }
}

fn other_schema(case: &Case<'_>, with: &ObjectId, without: &ObjectId, column: &str) -> Finding {
    let sentence = format!(
        "role {} finds {without} first, which has no column {}; {with} has it: search_path is {}",
        case.facts.settings.role,
        identifier(column),
        case.facts.path_in_words()
    );
    let remedy =
        Remedy::advice(format!("name the schema in the statement ({with}), or correct the search_path"));
    reason("search_path", Severity::Warning, "table", with.to_string(), sentence).remedy(remedy)
}

/// A relation is there, and the role finds it only with its schema.
pub(in super::super) fn outside_path(case: &Case<'_>, there: &ObjectId) -> Explanation {
    let schema = there.schema.as_deref().unwrap_or_default();
    let advice = format!(
        "name the schema in the statement ({there}), or: ALTER ROLE {} SET search_path = {}, {};",
        identifier(&case.facts.settings.role),
        case.facts.settings.of("search_path").map_or("public", |path| path.value.as_str()),
        identifier(schema)
    );
    case.outside_path(there.kind.word(), &there.to_string(), schema, advice)
}

fn unknown_column(case: &Case<'_>, table: &ObjectId, column: &str) -> Explanation {
    if matches!(table.kind, Kind::View | Kind::MaterializedView) {
        return Explanation::elsewhere(
            format!("{table} is a view: its columns are those of its query, which is not compared here"),
            format!("trueup check --only '{table}', which compares the text of the view"),
        );
    }
    let columns = case.ids().filter(|id| {
        id.kind == Kind::Column && id.schema == table.schema && id.relation.as_ref() == Some(&table.name)
    });
    let alike: Vec<String> = likely(column, columns.map(|id| id.name.as_str()))
        .iter()
        .map(|name| format!("{}.{}", identifier(&table.name), identifier(name)))
        .collect();
    let verdict = format!(
        "{table} is as declared, and schema/ declares no column {} in it{}",
        identifier(column),
        Case::did_you_mean(&alike)
    );
    let next = match alike.as_slice() {
        [] => {
            "deploy the app version that goes with this schema, or declare the column in schema/ and write its migration"
        }
        _ => "correct the name in the statement; or declare the column in schema/ and write its migration",
    };
    Explanation::elsewhere(verdict, next)
}

fn unknown_table(case: &Case<'_>, column: &str) -> Explanation {
    let named: Vec<String> = case.named_relations().iter().map(NamedRelation::to_string).collect();
    let columns = case.ids().filter(|id| id.kind == Kind::Column);
    let alike = likely(column, columns.map(|id| id.name.as_str()));
    let table = match named.first() {
        Some(table) => format!("neither the database nor schema/ has a table {table}"),
        None => format!("no table of the database or of schema/ has a column {}", identifier(column)),
    };
    Explanation::elsewhere(
        format!("{table}{}", Case::did_you_mean(&alike)),
        "give the whole text, with the statement: a short name in front of the column is an alias of its table",
    )
}
