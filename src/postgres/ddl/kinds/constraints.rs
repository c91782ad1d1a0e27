//! Constraints of tables.

use crate::postgres::catalog::{Attribute, Kind, Object, ObjectId};
use crate::postgres::sql::{identifier, literal};

use super::super::names::{alter_relation, comment};
use super::super::options;

pub(in crate::postgres::ddl) fn create(object: &Object) -> Vec<String> {
    // A partition has it from its parent: only that it is off is its own.
    if object.get(Attribute::PartitionOf).is_some() {
        return Vec::new();
    }
    let add = format!("{} {};", alter_relation(&object.id), add(object, &object.id.name));
    let comment = object.get(Attribute::IndexComment).map(|text| index_comment(&object.id, Some(text)));
    [add].into_iter().chain(comment).collect()
}

/// The statements that make a key while others read and write: its index is built first. Each is to run outside of a
/// transaction, or in one of its own.
pub fn create_key_concurrently(object: &Object) -> Vec<String> {
    let value = |attribute| object.get(attribute).unwrap_or_default();
    let name = identifier(&object.id.name);
    let mut index = format!(
        "CREATE UNIQUE INDEX CONCURRENTLY {name} ON {} ({})",
        object.id.relation_path(),
        value(Attribute::Columns)
    );
    if let Some(include) = object.get(Attribute::Include) {
        index.push_str(&format!(" INCLUDE ({include})"));
    }
    if object.is(Attribute::NullsNotDistinct, "true") {
        index.push_str(" NULLS NOT DISTINCT");
    }
    index.push_str(&options::with(object.get(Attribute::Options)));
    let kind = if object.id.kind == Kind::PrimaryKey { "PRIMARY KEY" } else { "UNIQUE" };
    let mut add = format!("{} ADD CONSTRAINT {name} {kind} USING INDEX {name}", alter_relation(&object.id));
    if let Some(deferrable) = object.attributes.stated(Attribute::Deferrable) {
        add.push_str(&format!(" {}", deferral(deferrable)));
    }
    let comments = [
        object.get(Attribute::IndexComment).map(|text| index_comment(&object.id, Some(text))),
        object.get(Attribute::Comment).and_then(|text| comment(&object.id, Some(text))),
    ];
    [format!("{index};"), format!("{add};")].into_iter().chain(comments.into_iter().flatten()).collect()
}

/// A constraint is added without a look at the rows, which then are read while others write.
pub fn add_and_validate(constraint: &Object) -> Vec<String> {
    let is_checked = constraint.is(Attribute::Valid, "true") && constraint.is(Attribute::Enforced, "true");
    let attributes = constraint.attributes.with(Attribute::Valid, Some("false".into()));
    let unchecked = Object { id: constraint.id.clone(), attributes };
    match alter(constraint, &unchecked, Attribute::Valid).filter(|_| is_checked) {
        Some(validate) => super::super::create(&unchecked, &[]).into_iter().chain([validate]).collect(),
        None => super::super::create(constraint, &[]),
    }
}

fn add(object: &Object, name: &str) -> String {
    format!("ADD CONSTRAINT {} {}", identifier(name), definition(object))
}

fn definition(object: &Object) -> String {
    let value = |attribute| object.get(attribute).unwrap_or_default();
    let mut sql = match object.id.kind {
        Kind::PrimaryKey => format!("PRIMARY KEY ({})", value(Attribute::Columns)),
        Kind::Unique if object.is(Attribute::NullsNotDistinct, "true") => {
            format!("UNIQUE NULLS NOT DISTINCT ({})", value(Attribute::Columns))
        }
        Kind::Unique => format!("UNIQUE ({})", value(Attribute::Columns)),
        Kind::Check => format!("CHECK ({})", value(Attribute::Expression)),
        Kind::ForeignKey => foreign_key(object),
        // Printed whole, but for what follows.
        _ => value(Attribute::Definition).to_owned(),
    };
    if let Some(include) = object.get(Attribute::Include) {
        sql.push_str(&format!(" INCLUDE ({include})"));
    }
    sql.push_str(&options::with(object.get(Attribute::Options)));
    if object.is(Attribute::NoInherit, "true") {
        sql.push_str(" NO INHERIT");
    }
    if let Some(deferrable) = object.attributes.stated(Attribute::Deferrable) {
        sql.push_str(&format!(" {}", deferral(deferrable)));
    }
    if object.is(Attribute::Enforced, "false") {
        sql.push_str(" NOT ENFORCED");
    } else if object.is(Attribute::Valid, "false") {
        sql.push_str(" NOT VALID");
    }
    sql
}

fn foreign_key(object: &Object) -> String {
    let value = |attribute| object.get(attribute).unwrap_or_default();
    let mut sql = format!(
        "FOREIGN KEY ({}) REFERENCES {}({})",
        value(Attribute::Columns),
        value(Attribute::References),
        value(Attribute::ReferencedColumns)
    );
    if let Some(how) = object.attributes.stated(Attribute::Match) {
        sql.push_str(&format!(" MATCH {}", how.to_uppercase()));
    }
    for (event, attribute) in [("UPDATE", Attribute::OnUpdate), ("DELETE", Attribute::OnDelete)] {
        if let Some(action) = object.attributes.stated(attribute) {
            // `set null (a, "B")`: the columns are names.
            let (word, columns) = action.split_at(action.find('(').unwrap_or(action.len()));
            sql.push_str(&format!(" ON {event} {}{columns}", word.to_uppercase()));
        }
    }
    sql
}

/// The comment on the index of a constraint, which has the name of the constraint.
fn index_comment(id: &ObjectId, text: Option<&str>) -> String {
    let index = ObjectId::in_schema(Kind::Index, id.schema.clone().unwrap_or_default(), id.name.clone());
    format!("COMMENT ON INDEX {index} IS {};", text.map_or("NULL".into(), literal))
}

fn deferral(value: &str) -> String {
    match value {
        "not deferrable" => "NOT DEFERRABLE".into(),
        initially => format!("DEFERRABLE {}", initially.to_uppercase()),
    }
}

pub(in crate::postgres::ddl) fn alter(
    declared: &Object,
    actual: &Object,
    attribute: Attribute,
) -> Option<String> {
    let table = alter_relation(&actual.id);
    let name = identifier(&actual.id.name);
    let foreign = actual.id.kind == Kind::ForeignKey;
    match attribute {
        _ if actual.get(Attribute::PartitionOf).is_some() => None,
        Attribute::IndexComment => Some(index_comment(&actual.id, declared.get(attribute))),
        // Only a new constraint is NOT VALID, and nobody wants one back.
        Attribute::Valid if declared.is(attribute, "false") => None,
        Attribute::Valid if actual.is(Attribute::Enforced, "false") => None,
        Attribute::Valid => Some(format!("{table} VALIDATE CONSTRAINT {name};")),
        Attribute::Deferrable if foreign => {
            Some(format!("{table} ALTER CONSTRAINT {name} {};", deferral(declared.get(attribute)?)))
        }
        Attribute::Enforced if foreign => {
            let not = if declared.is(attribute, "false") { "NOT " } else { "" };
            Some(format!("{table} ALTER CONSTRAINT {name} {not}ENFORCED;"))
        }
        // A new constraint in place of the old one, in one statement; it would cost the comment.
        _ if actual.get(Attribute::Comment).or(actual.get(Attribute::IndexComment)).is_none() => {
            Some(format!("{table} DROP CONSTRAINT {name}, {};", add(declared, &actual.id.name)))
        }
        _ => None,
    }
}
