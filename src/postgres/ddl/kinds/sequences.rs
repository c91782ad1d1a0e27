//! Sequences, and the sequence options of identity columns.

use crate::postgres::catalog::{Attribute, Object};
use crate::postgres::sql::{identifier, literal, qualified};

use super::super::mentions::qualified_names;
use super::super::names::{alter_relation, qualified_id};
use super::columns;

pub(in crate::postgres::ddl) fn create(object: &Object) -> Vec<String> {
    let mut statements = create_unowned(object);
    statements.extend(own(object));
    statements
}

/// The sequence without its owner: a serial column's default needs the sequence before the column is there.
pub(in crate::postgres::ddl) fn create_unowned(object: &Object) -> Vec<String> {
    let unlogged = if object.is(Attribute::Persistence, "unlogged") { "UNLOGGED " } else { "" };
    vec![format!("CREATE {unlogged}SEQUENCE {}{};", qualified_id(&object.id), parameters(object))]
}

/// `OWNED BY`, where it has an owner.
pub(in crate::postgres::ddl) fn own(object: &Object) -> Option<String> {
    let owner = object.get(Attribute::OwnedBy)?;
    Some(format!("ALTER SEQUENCE {} OWNED BY {owner};", qualified_id(&object.id)))
}

/// What stands in the parentheses of `GENERATED ... AS IDENTITY (...)`.
pub(in crate::postgres::ddl) fn identity_options(object: &Object) -> String {
    // The type is the column's, and the persistence the table's.
    let sequence =
        Object { id: object.id.clone(), attributes: object.attributes.with(Attribute::Type, None) };
    format!("SEQUENCE NAME {}{}", qualified_id(&object.id), parameters(&sequence))
}

/// The statements that give a column that has rows its lost sequence again, with what it is declared to have; `alter`
/// is the one that makes the column take its values. It goes on after the last value that is there.
pub fn restore(column: &Object, sequence: &Object, alter: &str) -> Vec<String> {
    let mut statements = match column.get(Attribute::Identity) {
        Some(_) => vec![format!("{} ({});", alter.trim_end_matches(';'), identity_options(sequence))],
        None => {
            let mut statements = create_unowned(sequence);
            statements.push(alter.to_owned());
            statements.extend(own(sequence));
            statements
        }
    };
    statements.push(go_on(column, sequence));
    statements
}

/// The statements that make a serial column an identity column, or the other way round; `None` where they are not that.
/// `sequence` is the declared one that the column owns. Numbers go on after the last value that is there.
pub fn change_numbering(
    declared: &Object,
    actual: &Object,
    sequence: Option<&Object>,
) -> Option<Vec<String>> {
    let (table, name) = (alter_relation(&actual.id), identifier(&actual.id.name));
    let mut statements = vec!["BEGIN;".to_owned()];
    let attribute = match (declared.get(Attribute::Identity), actual.get(Attribute::Identity)) {
        (Some(_), None) => {
            let default = actual.get(Attribute::Default).filter(|default| default.starts_with("nextval("))?;
            let (schema, old) = qualified_names(default).into_iter().next()?;
            statements.push(format!("{table} ALTER COLUMN {name} DROP DEFAULT;"));
            // The new sequence has the name of the old one.
            let same =
                sequence.is_some_and(|new| new.id.schema.as_ref() == Some(&schema) && new.id.name == old);
            statements.extend(same.then(|| format!("DROP SEQUENCE {};", qualified(&schema, &old))));
            if actual.is(Attribute::Nullable, "true") {
                statements.push(format!("{table} ALTER COLUMN {name} SET NOT NULL;"));
            }
            Attribute::Identity
        }
        (None, Some(_)) if declared.get(Attribute::Default).is_some() => {
            statements.push(format!("{table} ALTER COLUMN {name} DROP IDENTITY;"));
            Attribute::Default
        }
        _ => return None,
    };
    let bare = actual.attributes.with(Attribute::Default, None).with(Attribute::Identity, None);
    let bare = bare.with(Attribute::Nullable, Some("false".into()));
    let bare = Object { id: actual.id.clone(), attributes: bare };
    let alter = columns::alter(declared, &bare, attribute)?;
    match sequence {
        Some(sequence) => statements.extend(restore(declared, sequence, &alter)),
        None => statements.push(alter),
    }
    statements.push("COMMIT;".to_owned());
    Some(statements)
}

/// `setval` to the last value that the column has; nothing where it has none that the sequence counts.
fn go_on(column: &Object, sequence: &Object) -> String {
    let is_down = sequence.get(Attribute::Increment).is_some_and(|increment| increment.starts_with('-'));
    let (last, beyond) = if is_down { ("min", "<=") } else { ("max", ">=") };
    let value = format!("{last}({})", identifier(&column.id.name));
    format!(
        "SELECT pg_catalog.setval({}, ({value})::bigint) FROM {} HAVING {value} {beyond} {};",
        literal(&qualified_id(&sequence.id)),
        column.id.relation_path(),
        sequence.get(Attribute::Start).unwrap_or("1"),
    )
}

fn parameters(object: &Object) -> String {
    let mut sql = String::new();
    if let Some(kind) = object.get(Attribute::Type) {
        sql.push_str(&format!(" AS {kind}"));
    }
    let attributes = [Attribute::Increment, Attribute::Minimum, Attribute::Maximum, Attribute::Cache];
    let stated: Vec<_> =
        attributes.into_iter().filter(|attribute| object.attributes.stated(*attribute).is_some()).collect();
    // START's own default depends on the other parameters: said whenever one of them is.
    if !stated.is_empty() || object.attributes.stated(Attribute::Start).is_some() {
        sql.push_str(&format!(" START WITH {}", object.get(Attribute::Start).unwrap_or("1")));
    }
    for attribute in stated {
        sql.push_str(&format!(" {}", parameter(object, attribute).unwrap_or_default()));
    }
    if object.is(Attribute::Cycle, "true") {
        sql.push_str(" CYCLE");
    }
    sql
}

fn parameter(object: &Object, attribute: Attribute) -> Option<String> {
    let value = object.get(attribute);
    Some(match (attribute, value) {
        (Attribute::Type, Some(kind)) => format!("AS {kind}"),
        (Attribute::Start, Some(value)) => format!("START WITH {value}"),
        (Attribute::Increment, Some(value)) => format!("INCREMENT BY {value}"),
        (Attribute::Cache, Some(value)) => format!("CACHE {value}"),
        (Attribute::Minimum, value) => {
            value.map_or("NO MINVALUE".into(), |value| format!("MINVALUE {value}"))
        }
        (Attribute::Maximum, value) => {
            value.map_or("NO MAXVALUE".into(), |value| format!("MAXVALUE {value}"))
        }
        (Attribute::Cycle, Some("true")) => "CYCLE".into(),
        (Attribute::Cycle, _) => "NO CYCLE".into(),
        (Attribute::OwnedBy, owner) => format!("OWNED BY {}", owner.unwrap_or("NONE")),
        (Attribute::Persistence, Some("unlogged")) => "SET UNLOGGED".into(),
        (Attribute::Persistence, _) => "SET LOGGED".into(),
        _ => return None,
    })
}

pub(in crate::postgres::ddl) fn alter(
    declared: &Object,
    actual: &Object,
    attribute: Attribute,
) -> Option<String> {
    Some(format!("ALTER SEQUENCE {} {};", qualified_id(&actual.id), parameter(declared, attribute)?))
}
