//! The arguments of `trueup downgrade` and its help.

use clap::Args;

use crate::cli::{CommandHelp, Documented, ScratchArgs, WriteArgs};
use crate::project::CommandArgs;

/// `trueup downgrade`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DowngradeArgs {
    /// The version to go back to, which stays applied; 0 reverts all migrations. Beside another tool: the revision as that
    /// tool calls it
    #[arg(long, value_name = "VERSION", required = true)]
    pub(crate) to: String,

    /// Show the plan, from a read-only transaction, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Skip the backup. The run's record says so, and a protected environment refuses it
    #[arg(long)]
    pub(crate) no_backup: bool,

    /// Confirmation and lock.
    #[command(flatten)]
    pub(crate) write: WriteArgs,

    /// The throwaway server, for a missing or stale trueup.lock.
    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,
}

impl Documented for DowngradeArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Revert migrations with their down scripts",
        description: "\
            Runs V<version>__<name>.down.sql of every applied migration above VERSION, newest first. A down \
            script is committed only when the schema afterwards is exactly what the migrations below it build.\n\n\
            Beside another tool, runs that tool's own command between a backup and a check: all applied migrations \
            that come after the revision are reverted.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for DowngradeArgs {
    fn scratch(&self) -> ScratchArgs {
        self.scratch.clone()
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  done, or nothing to do
  2  usage or project files wrong
  3  cannot tell: unreachable, or this role cannot see everything
  4  refused; nothing was changed
  5  failed and rolled back: the database is as it was
  6  failed after some migrations were reverted; the same command resumes
  7  the outcome of a COMMIT is unknown
 75  busy: timed out waiting for a lock; try again

Examples:
  trueup downgrade --to 4 --dry-run
  trueup downgrade --to 4 --env staging
  trueup downgrade --to shop.0022_keys    beside Django; Alembic: a revision;
                                          goose: a version";
