//! `has no attribute`: the application's own class lacks what the code asks for. The database has not been asked yet, and often is
//! the reason: a class that is built from the table lacks the column with it.

use super::super::case::Case;
use super::super::explanation::Explanation;
use super::super::facts::Ask;
use super::ErrorKind;
use super::schema::undefined_column::of_column;
use crate::postgres::catalog::{Kind, ObjectId};

pub(super) const KIND: ErrorKind = ErrorKind {
    condition: "no_attribute",
    sqlstate: "",
    patterns: &[
        r"'(?P<class>[A-Za-z_][\w.]*)' object has no attribute '(?P<column>\w+)'",
        r"type object '(?P<class>[A-Za-z_][\w.]*)' has no attribute '(?P<column>\w+)'",
        // Rails, by its own copy of the schema.
        r"unknown attribute '(?P<column>\w+)' for (?P<class>[A-Z][\w:]*)\b",
        r"undefined method [`'](?P<column>\w+)=?' for (?:an instance of |#<)(?P<class>[A-Z][\w:]*)",
        r#"Entity namespace for "(?P<table>[^"]+)" has no property "(?P<column>[^"]+)""#,
    ],
    follows: false,
    meaning: "The application's class has no such attribute: code and schema are of different versions.",
    asks: &[Ask::Schema],
    judge,
};

fn judge(case: &Case<'_>) -> Explanation {
    if let Some(judged) = case.wrong_database() {
        return judged;
    }
    let names = case.names();
    let column = names.column.clone().unwrap_or_default();
    let class = names.class.clone().unwrap_or_default();
    let relations = match &names.table {
        Some(_) => case.named_relations().iter().flat_map(|named| case.relations(named)).collect(),
        None => case.tables_of_class(&class),
    };
    let of = names.table.clone().unwrap_or(class);
    if relations.is_empty() {
        return Explanation::unknown(
            format!(
                "no table of the database or of schema/ goes with {of}: this is an error of the program alone"
            ),
            "look at the program; trueup check compares the schema",
        );
    }
    let has = |relation: &ObjectId| {
        let schema = relation.schema.clone().unwrap_or_default();
        let id = ObjectId::under(Kind::Column, schema, relation.name.clone(), column.as_str());
        case.live(&id).is_some()
    };
    let judged = of_column(case, &relations, &column);
    match relations.iter().find(|relation| has(relation)) {
        Some(relation) if !judged.explains() => Explanation::elsewhere(
            format!(
                "the database has {relation}.{column} as declared: class {of} of the running code lacks it"
            ),
            "deploy the app version that has the attribute; where the class reads the table at its start, restart the application",
        ),
        _ => judged,
    }
}
