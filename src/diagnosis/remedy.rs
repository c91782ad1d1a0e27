//! What to do about a finding: the command, and the SQL that makes the database as declared.

use std::collections::HashSet;
use std::sync::Arc;

use crate::catalog::{Attribute, Catalog, Kind, Object, ObjectId};
use crate::ddl;
use crate::diff::Difference;

use super::finding::{CauseKind, Finding, Remedy};
use super::fold::Group;

/// The command for a cause; `subject` goes into the name of a migration to generate.
pub(super) fn command(cause: CauseKind, subject: &str) -> Option<String> {
    Some(match cause {
        CauseKind::Pending | CauseKind::Unfinished => "trueup upgrade".into(),
        CauseKind::Unmigrated => format!("trueup generate {}", slug(subject)),
        CauseKind::Ahead => "check again with the project directory that has the newer migrations".into(),
        CauseKind::Edited => "restore the migration's file as it was applied".into(),
        CauseKind::Drift | CauseKind::Unknown => return None,
    })
}

/// The remedy of a missing object: it is created again with all that came with it.
pub(super) fn missing(group: &Group, cause: CauseKind) -> Remedy {
    let sql = (!matches!(cause, CauseKind::Ahead | CauseKind::Edited)).then(|| create(group)).flatten();
    Remedy { command: command(cause, &format!("add_{}", group.head.id.name)), sql }
}

fn holds_data(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Schema | Kind::Table | Kind::Column | Kind::Sequence | Kind::MaterializedView | Kind::Extension
    )
}

/// The remedy of an object that the model does not have. What holds data is never dropped by a suggestion.
pub(super) fn unexpected(group: &Group, cause: CauseKind) -> Remedy {
    let id = &group.head.id;
    let holds_data = holds_data(id.kind);
    if cause == CauseKind::Drift || cause == CauseKind::Unknown {
        let keep = "to keep it, declare it in schema/ and run `trueup generate`";
        let command = if holds_data {
            format!("{keep}; it may hold data")
        } else {
            format!("{keep}; else run the SQL")
        };
        return Remedy { command: Some(command), sql: (!holds_data).then(|| ddl::drop(id)) };
    }
    Remedy { command: command(cause, &format!("drop_{}", id.name)), sql: None }
}

/// What records a migration that was done by hand, where all of it was.
const RECORD_SATISFIED: &str = "trueup upgrade --record-satisfied";

/// The same where only a part of the migration was done by hand, so that it can be neither recorded nor run.
pub(super) fn by_half(finding: &mut Finding, head: &Difference) {
    let (Some(version), Some(RECORD_SATISFIED)) =
        (&finding.cause.migration, finding.remedy.command.as_deref())
    else {
        return;
    };
    let made = head.live.is_some() && head.applied.is_none() && !holds_data(head.id.kind);
    let undo = if made { format!("undo this ({})", ddl::drop(&head.id)) } else { "undo this".to_owned() };
    finding.remedy.command = Some(format!(
        "V{version} is done only in part: {undo} and run `trueup upgrade`, or do the rest of it by hand and run \
         `{RECORD_SATISFIED}`"
    ));
}

/// The remedy where the database is as declared already, though by hand.
pub(super) fn by_hand(id: &ObjectId, cause: CauseKind) -> Remedy {
    let command = match cause {
        CauseKind::Drift => Some(RECORD_SATISFIED.to_owned()),
        cause => command(cause, &id.name),
    };
    Remedy { command, sql: None }
}

/// The remedy of an object that differs in these attributes. A sequence that its column lost is made again.
pub(super) fn different(group: &Group, attributes: &[Attribute], cause: CauseKind) -> Remedy {
    let (Some(declared), Some(actual)) = (&group.head.model, &group.head.live) else {
        return Remedy::default();
    };
    let sequence = lost_sequence(group);
    let mut statements: Vec<String> = Vec::new();
    for attribute in attributes {
        let takes_values = matches!(attribute, Attribute::Identity | Attribute::Default);
        match (ddl::alter(declared, actual, *attribute), sequence.filter(|_| takes_values)) {
            (Some(statement), Some(sequence)) => {
                statements.extend(ddl::restore_sequence(declared, sequence, &statement));
            }
            // One statement may set several attributes (CREATE OR REPLACE).
            (Some(statement), None) if !statements.contains(&statement) => statements.push(statement),
            (Some(_), None) => {}
            (None, _) => {
                statements.clear();
                break;
            }
        }
    }
    let sql = match cause {
        CauseKind::Ahead | CauseKind::Edited => None,
        _ => join(statements),
    };
    let command = command(cause, &format!("change_{}", declared.id.name))
        .or_else(|| sql.is_none().then(|| in_words(declared.id.kind, attributes)));
    Remedy { command, sql }
}

/// The sequence that the declared column takes its values from and that went with its default or identity.
fn lost_sequence(group: &Group) -> Option<&Object> {
    let column = group.head.id.to_string();
    let mut lost = group.consequences.iter().filter(|part| part.live.is_none());
    lost.find_map(|part| {
        part.model.as_deref().filter(|object| {
            object.id.kind == Kind::Sequence && object.get(Attribute::OwnedBy) == Some(column.as_str())
        })
    })
}

/// What to do where no statement does it.
fn in_words(kind: Kind, attributes: &[Attribute]) -> String {
    let words = format!("make the {} as declared by hand", kind.spoken());
    match attributes.contains(&Attribute::Fields) {
        true => {
            format!("{words}, or declare what it has; an attribute that is dropped takes its values with it")
        }
        false => words,
    }
}

/// SQL text of several statements, each ended.
pub(super) fn join(statements: Vec<String>) -> Option<String> {
    if statements.is_empty() {
        return None;
    }
    Some(
        statements
            .iter()
            .map(|statement| format!("{};", statement.trim_end_matches(';')))
            .collect::<Vec<_>>()
            .join("\n"),
    )
}

/// The statements that make a missing object again with all that went with it, in an order that PostgreSQL accepts.
fn create(group: &Group) -> Option<String> {
    let lost = [&group.head].into_iter().chain(&group.parts).chain(&group.consequences);
    let objects: Vec<Arc<Object>> = lost.filter_map(|part| part.model.clone()).collect();
    let tables: HashSet<String> = objects
        .iter()
        .filter(|object| object.id.kind == Kind::Table)
        .map(|object| object.id.to_string())
        .collect();
    // Columns of tables that are there: after the types and sequences that they need, before what needs them.
    let (columns, others): (Vec<_>, Vec<_>) = objects
        .into_iter()
        .partition(|object| object.id.kind == Kind::Column && !tables.contains(&object.id.relation_path()));
    let identities: HashSet<String> = columns
        .iter()
        .filter(|column| column.get(Attribute::Identity).is_some())
        .map(|column| column.id.to_string())
        .collect();
    let owners: HashSet<String> = columns.iter().map(|column| column.id.to_string()).collect();
    let (mut before, mut after) = (Vec::new(), Vec::new());
    for object in others {
        let owner = object.get(Attribute::OwnedBy).unwrap_or_default();
        if identities.contains(owner) {
            continue;
        }
        match object.id.kind {
            Kind::Sequence if owners.contains(owner) => {
                let attributes = object.attributes.with(Attribute::OwnedBy, None);
                before.push(Arc::new(Object { id: object.id.clone(), attributes }));
            }
            kind if kind < Kind::Table && !columns.is_empty() => before.push(object),
            _ => after.push(object),
        }
    }
    let script = |objects| ddl::script(&Catalog::new(objects, Vec::new()));
    let mut statements = script(before);
    statements.extend(columns.iter().flat_map(|column| ddl::create(column, &[])));
    statements.extend(script(after));
    join(statements.into_iter().filter(|statement| !statement.starts_with("SET ")).collect())
}

/// A migration's name: lower-case words.
fn slug(text: &str) -> String {
    let mapped: String =
        text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '_' }).collect();
    let words: Vec<&str> = mapped.split('_').filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "change".into() } else { words.join("_") }
}
