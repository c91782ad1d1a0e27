//! Reference rows: what `schema/seeds/*.toml` declare, what a database has of them, and what makes the one the other.
//!
//! Files become [`Seeds`]; a [`Question`] asks a server for the rows of one table that are not as declared, beside what
//! was seeded last; [`TablePlan`] tells the three apart, column by column: a declaration that is new, and an edit of
//! somebody's. [`script`] and [`upserts`] write it down as SQL. Nothing here connects.

mod columns;
mod csv;
mod file;
mod order;
mod plan;
mod question;
mod table;
mod upsert;
mod value;
mod write;

pub use columns::{Column, Columns, search_path};
pub use file::{Mode, Row, Seed, Seeds};
pub use order::{order, refers_to_itself};
pub use plan::{Difference, RowPlan, TablePlan, plan};
pub use question::{Answer, Question, Rows, Texts};
pub use table::{Table, defaults, in_the_way};
pub use upsert::upserts;
pub use value::Value;
pub use write::{records, refused, rights, script, subject};
