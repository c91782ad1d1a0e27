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
pub mod refinery;

pub use directives::Directives;
pub use files::{Migration, read_directory};
pub use id::MigrationId;
pub use ledger::Ledger;
