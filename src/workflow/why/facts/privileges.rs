//! What a role may do with the objects of a name.

use super::super::case::NamedRelation;
use crate::postgres::connection::{OwnedRow, RowError};
use crate::postgres::sql::literal;

/// An object, and what a role lacks of it.
#[derive(Debug, Clone)]
pub(crate) struct GrantedObject {
    /// `TABLE`, `SEQUENCE`, `FUNCTION`, `SCHEMA`, `TYPE`, as GRANT names it, or `INDEX`.
    pub(crate) what: String,
    /// Its name, qualified and quoted.
    pub(crate) object: String,
    /// The schema, quoted; empty for a schema itself.
    pub(crate) schema: String,
    /// Its owner.
    pub(crate) owner: String,
    /// Whether the role may use the schema.
    pub(crate) usage: bool,
    /// The privileges that it lacks.
    pub(crate) missing: Vec<String>,
    /// Whether policies decide about rows for the role.
    pub(crate) row_security: bool,
}

/// One SELECT; `role` is an SQL expression.
pub(super) fn statement(role: &str, object: &NamedRelation) -> String {
    let schema = object.schema.as_deref().map_or_else(|| "NULL".to_owned(), literal);
    include_str!("privileges.sql")
        .trim_end()
        .replace("{role}", role)
        .replace("{schema}", &schema)
        .replace("{name}", &literal(&object.name))
}

/// One SELECT of the schemas that the role may not use, but for the server's own.
pub(super) fn closed_schemas(role: &str) -> String {
    format!(
        "SELECT n.nspname AS schema FROM pg_namespace AS n JOIN pg_roles AS r ON r.rolname = {role} \
          WHERE n.oid >= 2200 AND n.nspname !~ '^pg_' AND NOT has_schema_privilege(r.oid, n.oid, 'USAGE')"
    )
}

impl GrantedObject {
    pub(super) fn read(row: &OwnedRow) -> Result<Self, RowError> {
        let missing: String = row.get("missing")?;
        Ok(Self {
            what: row.get("what")?,
            object: row.get("object")?,
            schema: row.get("schema")?,
            owner: row.get("owner")?,
            usage: row.get("usage")?,
            missing: missing.split(',').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
            row_security: row.get("row_security")?,
        })
    }
}
