//! Errors about what the schema has or has not: tables, columns, functions, types.

pub(super) mod cached_plan;
pub(super) mod conflict_target;
pub(super) mod datatype_mismatch;
pub(super) mod dependent_objects;
pub(super) mod duplicate_object;
pub(super) mod undefined_column;
pub(super) mod undefined_function;
pub(super) mod undefined_object;
pub(super) mod undefined_schema;
pub(super) mod undefined_table;
pub(super) mod wrong_statement;
