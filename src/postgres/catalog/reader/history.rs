//! History tables, trueup's own and other tools': they are never part of a schema.
//!
//! Which of them are what their names say, and may be read, is for the caller to judge: see [`LookAlike`].

use super::Assembler;

/// Tables and the column that tells that they are what their name says; refinery's goes by its name.
const TABLES: &[(&str, Option<&str>)] = &[
    ("refinery_schema_history", None),
    ("alembic_version", Some("version_num")),
    ("django_migrations", Some("applied")),
    ("flyway_schema_history", Some("installed_rank")),
    ("_sqlx_migrations", Some("checksum")),
    ("_prisma_migrations", Some("migration_name")),
    ("schema_migrations", Some("version")),
];

/// Whether a table is a history table by its name alone.
pub(super) fn by_name(table: &str) -> bool {
    TABLES.iter().any(|(name, column)| *name == table && column.is_none())
}

/// The column that would prove a table of this name to be a history table.
pub(super) fn proof(table: &str) -> Option<&'static str> {
    TABLES.iter().find(|(name, _)| *name == table).and_then(|(_, column)| *column)
}

/// What tells whether a relation may be read.
#[derive(Debug, Clone, Copy)]
pub(super) struct Access {
    readable: bool,
    of_schemas_owner: bool,
}

impl Access {
    /// Reads `10t`: the owner, and whether this role may read all of it.
    pub(super) fn parse(text: &str, schemas_owner: u32) -> Option<Self> {
        let (owner, readable) = text.split_at_checked(text.len().checked_sub(1)?)?;
        Some(Self { readable: readable == "t", of_schemas_owner: owner.parse() == Ok(schemas_owner) })
    }
}

/// A relation that is called like a history, or like a table that trueup keeps for itself, with what tells whether it is
/// one, and whether reading it runs nobody's code.
#[derive(Debug)]
pub struct LookAlike<'r> {
    /// Its schema, raw.
    pub schema: &'r str,
    /// Its name, raw.
    pub name: &'r str,
    /// As `pg_class.relkind`.
    pub kind: u8,
    /// Whether this role may SELECT from it, and sees all its rows.
    pub readable: bool,
    /// Whether it belongs to whom its schema belongs to.
    pub of_schemas_owner: bool,
    /// Whether an index or statistics of it hold an expression, which the planner evaluates.
    pub expressions: bool,
    /// The names of its columns and the oids of their types.
    pub columns: Vec<(&'r str, u32)>,
}

impl Assembler {
    /// The relations that are called like a history or like a table of schema `trueup`, sorted by schema and name: known
    /// when the last row of [`super::statements`] is there.
    pub fn look_alikes(&self) -> Vec<LookAlike<'_>> {
        let found = self.relations.iter().filter_map(|relation| {
            let access = relation.access?;
            let columns = relation.columns.iter().filter(|column| !column.name.is_empty());
            Some(LookAlike {
                schema: &relation.schema,
                name: &relation.name,
                kind: relation.kind,
                readable: access.readable,
                of_schemas_owner: access.of_schemas_owner,
                expressions: relation.expressions,
                columns: columns.map(|column| (column.name.as_str(), column.type_oid)).collect(),
            })
        });
        let mut found: Vec<LookAlike<'_>> = found.collect();
        found.sort_unstable_by_key(|look_alike| (look_alike.schema, look_alike.name));
        found
    }
}
