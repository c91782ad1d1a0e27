//! Migrations as files: their names, texts, directives, and the checksums that refinery gives them.
//!
//! Nothing here talks to a database: snapshots read the histories, with the queries of [`history`], and the executor
//! writes them, with the statements of [`Ledger`].

pub mod checksum;
mod directives;
mod files;
pub mod history;
mod id;
mod ledger;
mod names;
pub mod refinery;
pub mod script;

pub use directives::{Directives, Left};
pub use files::{Migration, read_directory};
pub use id::MigrationId;
pub use ledger::Ledger;
