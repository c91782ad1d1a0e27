//! The arguments of `trueup reset` and its help.

use clap::Args;

use crate::cli::{CommandHelp, Documented, ScratchArgs, WriteArgs};
use crate::project::CommandArgs;

/// `trueup reset`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ResetArgs {
    /// Show what would be dropped, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Skip the backup. The run's record says so
    #[arg(long)]
    pub(crate) no_backup: bool,

    /// Exit with 1 when the check at the end finds any difference
    #[arg(long)]
    pub(crate) strict: bool,

    /// Confirmation and lock.
    #[command(flatten)]
    pub(crate) write: WriteArgs,

    /// The throwaway server, for a missing or stale trueup.lock, and where pg_dump is.
    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,
}

impl Documented for ResetArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Drop and build again a database of development: all migrations, from nothing, and the seeds",
        description: "\
            Drops the schemas that the project's migrations create, and all that is in its other schemas, such as public: \
            what is declared and what is not. Then it applies all migrations and inserts the reference rows of schema/seeds/. \
            It says first what goes: tables, rows, what no migration makes, what depends on it in other schemas. A backup is \
            taken first.\n\n\
            Only where the database is marked as environment development or test (trueup environment set), or has no mark \
            and is on this machine; never on a protected environment.\n\n\
            What stays: other schemas, roles, extensions that no migration creates, what [database] ignore names, \
            the environment mark and the log of runs in schema trueup. Interrupted, the same command begins again.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for ResetArgs {
    fn scratch(&self) -> ScratchArgs {
        self.scratch.clone()
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  1  a difference was found at the end (--strict)
  2  usage or project files wrong
  3  cannot tell: unreachable, or this role cannot see everything
  4  refused; nothing was changed
  5  failed and rolled back: the database is as it was
  6  failed part-way: the same command begins again
  7  the outcome of a COMMIT is unknown
 75  busy: somebody uses the tables; try again

Examples:
  trueup reset --dry-run
  trueup reset
  trueup reset --yes --no-backup          in the tests of a pull request";
