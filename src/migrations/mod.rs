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
mod squashed;
mod tool_ledger;
pub mod tools;

pub use directives::{Directives, Left};
pub use files::{Migration, read_directory};
pub use id::MigrationId;
pub use ledger::Ledger;
pub use squashed::{SQUASHED_NEXT, SquashState, SquashedMigration, fold};
pub use tool_ledger::ToolLedger;

/// Reads all migrations of a directory that trueup keeps, or another tool, sorted by version.
///
/// # Errors
/// As [`read_directory`] and [`tools::read_directory`].
pub fn read_all(
    directory: &std::path::Path,
    tool: Option<tools::ToolSource<'_>>,
) -> Result<tools::ProjectMigrations, crate::error::Failure> {
    match tool {
        Some(source) => tools::read_directory(source, directory),
        None => read_directory(directory)
            .map(|migrations| tools::ProjectMigrations { migrations, ..Default::default() }),
    }
}
