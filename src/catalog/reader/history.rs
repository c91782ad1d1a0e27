//! History tables, trueup's own and other tools': they are never part of a schema.

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
