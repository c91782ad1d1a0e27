//! The arguments of `trueup undo` and its help.

use std::time::Duration;

use clap::Args;

use crate::cli::{CommandHelp, Documented, ScratchArgs, WriteArgs, age};
use crate::project::CommandArgs;

/// `trueup undo`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct UndoArgs {
    /// The run whose repairs are undone, or the beginning of its identifier
    #[arg(value_name = "RUN", required_unless_present = "prune")]
    pub(crate) run: Option<String>,

    /// Show which rows would be restored, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Remove the recorded old values of repairs older than AGE, such as 90d: these repairs cannot be undone any more
    #[arg(long, value_name = "AGE", conflicts_with = "run", value_parser = age)]
    pub(crate) prune: Option<Duration>,

    /// Change at most this many rows per second
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_rate: Option<u64>,

    /// Skip the backup of the affected tables. The run's record says so, and a protected environment refuses it
    #[arg(long)]
    pub(crate) no_backup: bool,

    /// Confirmation and lock.
    #[command(flatten)]
    pub(crate) write: WriteArgs,

    /// Where pg_dump is.
    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,
}

impl Documented for UndoArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Restore the old values of rows that a verify --fix changed",
        description: "\
            A row that was edited since the repair is skipped and reported. Migrations are reverted by `trueup \
            downgrade`, not by this command.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for UndoArgs {
    fn scratch(&self) -> ScratchArgs {
        self.scratch.clone()
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  all rows have their old values
  1  some rows were edited since the repair and were skipped
  2  usage wrong
  3  cannot tell: unreachable, or this role cannot see everything
  4  refused; nothing was changed
  5  failed and rolled back
  6  stopped part-way: the same command resumes
 75  busy: timed out waiting for a lock; try again

Examples:
  trueup status --runs                    which runs can be undone
  trueup undo 01JABC --dry-run
  trueup undo 01JABC
  trueup undo --prune 90d";
