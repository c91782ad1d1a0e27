//! `42P07`, `42701`, `42710`: a migration creates what is there already.

use super::super::super::case::{Case, NamedRelation};
use super::super::super::explanation::{Explanation, reason};
use super::super::super::facts::Ask;
use super::super::ErrorKind;
use crate::findings::{Finding, Remedy, Severity};
use crate::model::Effect;
use crate::postgres::catalog::{Kind, ObjectId};
use crate::postgres::sql::identifier;

/// A table, view, index or sequence.
pub(in super::super) const TABLE: ErrorKind = ErrorKind {
    condition: "duplicate_table",
    sqlstate: "42P07",
    patterns: &["relation {table} already exists"],
    follows: false,
    meaning: "A migration creates something that is there already: it was applied before in part, or by hand.",
    asks: &[Ask::Schema],
    judge,
};

pub(in super::super) const COLUMN: ErrorKind = ErrorKind {
    condition: "duplicate_column",
    sqlstate: "42701",
    patterns: &["column {column} of relation {table} already exists"],
    ..TABLE
};

/// A constraint, type, schema and others.
pub(in super::super) const OBJECT: ErrorKind = ErrorKind {
    condition: "duplicate_object",
    sqlstate: "42710",
    patterns: &[
        "(?:constraint|trigger|policy) {constraint} for (?:relation|table) {table} already exists",
        "(?:type|schema|extension|function|constraint) {constraint} already exists",
        r#"function "?(?P<constraint>[^"\s(]+)"? already exists with same argument types"#,
    ],
    ..TABLE
};

fn judge(case: &Case<'_>) -> Explanation {
    let Some((named, ids)) = existing(case) else {
        return Explanation::unknown("the text does not name the object", "trueup check");
    };
    if ids.iter().all(|id| case.live(id).is_none()) {
        return Explanation::elsewhere(
            format!("database {} has no {named} now: the statement ran in another database", case.database),
            "compare the URL of whoever ran the statement with this database",
        );
    }
    let mut findings: Vec<Finding> = ids.iter().flat_map(|id| case.differences_of(id)).collect();
    if let Some((migration, found)) = done_already(case, &ids) {
        // What a pending migration would do again is found as a whole migration, too.
        let is_it = |finding: &&Finding| finding.kind == "migration" && finding.object == migration;
        findings.extend(case.schema.findings.iter().filter(is_it).cloned());
        findings.push(found);
    }
    if !findings.is_empty() {
        return Explanation::explained(
            findings,
            "the history and the schema of the database do not go together",
        );
    }
    Explanation::elsewhere(
        format!("the database has {named} as its applied migrations made it, and no pending one creates it"),
        "whoever ran the statement used another history than this project, or another tool: trueup status",
    )
}

/// What the error says is there, in words, and the objects that it may be.
fn existing(case: &Case<'_>) -> Option<(String, Vec<ObjectId>)> {
    let names = case.names();
    let of_table: Vec<Kind> = Kind::ALL.iter().copied().filter(|kind| kind.is_under_relation()).collect();
    if let Some(column) = &names.column {
        let table = names.table.as_deref().map(|table| format!(" in {table}")).unwrap_or_default();
        let words = format!("column {}{table}", identifier(column));
        return Some((words, case.named_of_table(&[Kind::Column], column)));
    }
    if let (Some(constraint), Some(_)) = (&names.constraint, &names.table) {
        return Some((identifier(constraint).into_owned(), case.named_of_table(&of_table, constraint)));
    }
    let named = NamedRelation::parse(names.constraint.as_ref().or(names.table.as_ref())?);
    let is_it = |id: &&ObjectId| {
        // The index of a key has the key's name.
        let is_key = matches!(id.kind, Kind::PrimaryKey | Kind::Unique | Kind::Exclusion);
        id.name == named.name.as_str()
            && (is_key || !of_table.contains(&id.kind))
            && named.schema.as_deref().is_none_or(|schema| id.schema.as_deref() == Some(schema))
    };
    Some((named.to_string(), case.ids().filter(is_it).cloned().collect()))
}

/// The pending migration that creates what is there.
fn done_already(case: &Case<'_>, ids: &[ObjectId]) -> Option<(String, Finding)> {
    let creates = |effect: &Effect| match effect {
        Effect::Created(object) => ids.contains(&object.id).then(|| object.id.clone()),
        _ => None,
    };
    let pending =
        case.migrations().iter().filter(|migration| !case.schema.applied.contains(&migration.version));
    let mut found =
        pending.filter_map(|migration| Some((migration, migration.effects.iter().find_map(creates)?)));
    let (migration, id) = found.next()?;
    let sentence = format!("it is there already, and the pending {} creates it", migration.id());
    let advice = "trueup check, which tells what of the migration is there; where all of it is: trueup upgrade --record-satisfied";
    let found = reason("done_already", Severity::Error, id.kind.word(), id.to_string(), sentence);
    Some((migration.id().to_string(), found.remedy(Remedy::advice(advice))))
}
