//! `trueup verify` and `trueup undo`.

use std::time::Duration;

use clap::Args;

use super::{ScratchArgs, WriteArgs, values};

/// `trueup verify`
#[derive(Debug, Clone, Default, Args)]
pub struct VerifyArgs {
    /// The checks to run, files checks/CHECK.sql [default: all]
    #[arg(value_name = "CHECK")]
    pub checks: Vec<String>,

    /// Repair the rows that the checks' fixes propose: planned, confirmed, backed up, in batches, then counted again
    #[arg(long)]
    pub fix: bool,

    /// With --fix: show what would be changed, in a read-only transaction, and change nothing
    #[arg(long, requires = "fix")]
    pub dry_run: bool,

    /// How many rows of a check, or of a fix, are shown [default: 5; of a check at a terminal alone]
    #[arg(long, value_name = "ROWS")]
    pub sample: Option<usize>,

    /// How many connections read at once, in one snapshot
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub jobs: u32,

    /// With --fix: rows a second at most
    #[arg(long, value_name = "ROWS", requires = "fix", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_rate: Option<u64>,

    /// With --fix: without a backup of the affected tables; recorded, and refused on a protected environment
    #[arg(long, requires = "fix")]
    pub no_backup: bool,

    /// Confirmation and lock.
    #[command(flatten)]
    pub write: WriteArgs,

    /// Where pg_dump is.
    #[command(flatten)]
    pub scratch: ScratchArgs,
}

/// `trueup undo`
#[derive(Debug, Clone, Default, Args)]
pub struct UndoArgs {
    /// The run whose repairs are taken back, or the beginning of its identifier
    #[arg(value_name = "RUN", required_unless_present = "prune")]
    pub run: Option<String>,

    /// Show what would be given back, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Remove the before-images of repairs that are older than AGE, such as 90d: they cannot be taken back any more
    #[arg(long, value_name = "AGE", conflicts_with = "run", value_parser = values::age)]
    pub prune: Option<Duration>,

    /// Rows a second at most
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..))]
    pub max_rate: Option<u64>,

    /// Without a backup of the affected tables; recorded, and refused on a protected environment
    #[arg(long)]
    pub no_backup: bool,

    /// Confirmation and lock.
    #[command(flatten)]
    pub write: WriteArgs,

    /// Where pg_dump is.
    #[command(flatten)]
    pub scratch: ScratchArgs,
}
