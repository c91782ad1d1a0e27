//! Sequences, and the sequence options of identity columns.

use crate::postgres::catalog::{Attribute, Kind, Object, ObjectId};
use crate::postgres::sql::LONGEST_NAME;

use super::super::names::qualified_id;

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

/// Whether an identity column gets this sequence without a word of it.
pub(in crate::postgres::ddl) fn is_usual(object: &Object) -> bool {
    let Some(column) = object.get(Attribute::OwnedBy).and_then(|path| ObjectId::parse(Kind::Column, path))
    else {
        return false;
    };
    let usual = format!("{}_{}_seq", column.relation.as_deref().unwrap_or_default(), column.name);
    let sequence =
        Object { id: object.id.clone(), attributes: object.attributes.with(Attribute::Type, None) };
    // A longer name is cut.
    object.id.name == usual
        && usual.len() <= LONGEST_NAME
        && object.id.schema == column.schema
        && parameters(&sequence).is_empty()
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

/// What a sequence counts by.
const PARAMETERS: [Attribute; 7] = [
    Attribute::Type,
    Attribute::Increment,
    Attribute::Minimum,
    Attribute::Maximum,
    Attribute::Start,
    Attribute::Cache,
    Attribute::Cycle,
];

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
    let differs = |attribute: &Attribute| declared.get(*attribute) != actual.get(*attribute);
    // A value is refused that does not fit to the others: they are set at once.
    let together: Vec<Attribute> = match PARAMETERS.contains(&attribute) {
        true => PARAMETERS.into_iter().filter(differs).collect(),
        false => vec![attribute],
    };
    let actions: Option<Vec<String>> =
        together.into_iter().map(|attribute| parameter(declared, attribute)).collect();
    Some(format!("ALTER SEQUENCE {} {};", qualified_id(&actual.id), actions?.join(" ")))
}
