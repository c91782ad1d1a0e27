//! Reference rows: what `schema/seeds/*.toml` declares, and how a database is changed to match.
//!
//! [`Seeds`] are the parsed files. A [`SeedQuery`] asks a server for the rows of one table that differ from the
//! declaration, together with what was seeded last. [`plan`] compares the three column by column and distinguishes a
//! new declaration from a manual edit. [`script`] and [`upserts`] write the changes as SQL. Nothing in this room
//! connects to a database.

mod columns;
mod csv;
mod file;
mod order;
mod plan;
mod query;
mod target;
mod upsert;
mod value;
mod write;

pub use columns::{TableColumn, TableColumns, TableName, search_path};
pub use file::{AtLine, DeclaredRow, Seed, SeedMode, Seeds};
pub use order::{ForeignKeyCycle, SeedOrder, order, refers_to_itself};
pub use plan::{ColumnDifference, RowPlan, TablePlan, plan};
pub use query::{ColumnTexts, RowFilter, SeedQuery, SeedQueryRow};
pub use target::{SeedTarget, defaults, insert_blockers};
pub use upsert::upserts;
pub use value::DeclaredValue;
pub use write::{
    PlannedSeed, StatementSubject, missing_rights_query, records, row_refused, script, statement_subject,
};
