//! Schemas and extensions.

use crate::postgres::catalog::{Attribute, Kind, Object};
use crate::postgres::sql::{identifier, literal};

pub(super) fn create(object: &Object) -> Vec<String> {
    let name = identifier(&object.id.name);
    if object.id.kind == Kind::Schema {
        return vec![format!("CREATE SCHEMA {name};")];
    }
    let mut sql = format!("CREATE EXTENSION {name}");
    if let Some(schema) = object.get(Attribute::Schema) {
        sql.push_str(&format!(" WITH SCHEMA {}", identifier(schema)));
    }
    if let Some(version) = object.get(Attribute::Version) {
        sql.push_str(&format!(" VERSION {}", literal(version)));
    }
    vec![sql + ";"]
}

/// Attributes of extensions; a schema has none of its own.
pub(super) fn alter(declared: &Object, actual: &Object, attribute: Attribute) -> Option<String> {
    let wanted = declared.get(attribute)?;
    let name = identifier(&actual.id.name);
    match attribute {
        Attribute::Version => Some(format!("ALTER EXTENSION {name} UPDATE TO {};", literal(wanted))),
        Attribute::Schema => Some(format!("ALTER EXTENSION {name} SET SCHEMA {};", identifier(wanted))),
        _ => None,
    }
}
