//! Migrations as files: their names, texts, directives, and the checksums that refinery gives them.
//!
//! Nothing here talks to a database: histories are read by `survey`, with the queries of [`history`], and written by
//! whoever applies, with the statements of [`ledger`].

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
