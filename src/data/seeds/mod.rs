//! Reference rows: what `schema/seeds/*.toml` declares, and how a database is changed to match.
//!
//! [`Seeds`] are the parsed files. A [`SeedQuery`] asks a server for the rows of one table that differ from the
//! declaration, together with what was seeded last. [`plan`] compares the three column by column and distinguishes a
//! new declaration from a manual edit. [`SeedScript`] and [`script_for_editor`] write the changes as SQL. Nothing in this room
//! connects to a database.

mod columns;
mod csv;
mod file;
mod lookups;
mod order;
mod plan;
mod query;
mod recorded;
mod row_by_row;
mod sequences;
mod target;
mod upsert;
mod value;
mod write;

pub use columns::{TableColumn, TableColumns, TableName, search_path};
pub use file::{AtLine, DeclaredRow, Seed, SeedMode, Seeds};
pub use lookups::{ExpressionAt, Lookup, Lookups, expressions, parsed};
pub use order::{ForeignKeyCycle, SeedGroup, SeedOrder, TableToOrder, order, refers_to_itself};
pub use plan::{ColumnDifference, RowPlan, TablePlan, plan};
pub use query::{ColumnTexts, RowFilter, SeedQuery, SeedQueryRow};
pub use recorded::{SeededRecord, recorded_rows};
pub use row_by_row::{NOT_DECLARED, NOT_IN_DATABASE, SeedForeignKey};
pub use sequences::ColumnSequence;
pub use target::{SeedTarget, defaults, insert_blockers};
pub use upsert::{EditorTable, script_for_editor};
pub use value::DeclaredValue;
pub use write::{
    PlannedGroup, PlannedSeed, SeedScript, StatementSubject, missing_rights_query, records,
    records_of_dropped, row_marked, row_refused,
};
