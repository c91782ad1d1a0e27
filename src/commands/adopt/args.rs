//! The arguments of `trueup adopt` and its help.

use clap::Args;

use crate::cli::{CommandHelp, Documented, ScratchArgs, WriteArgs};
use crate::project::CommandArgs;

/// `trueup adopt`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct AdoptArgs {
    /// The version that the database has [default: the one that its schema matches]
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<i64>,

    /// Accept that this object differs from what the version builds (repeatable; `*` and `?`)
    #[arg(long, value_name = "PATTERN")]
    pub(crate) accept_drift: Vec<String>,

    /// Show what would be recorded, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Confirmation and lock.
    #[command(flatten)]
    pub(crate) write: WriteArgs,

    /// The throwaway server, for a missing or stale trueup.lock.
    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,
}

impl Documented for AdoptArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Start to manage an existing database",
        description: "\
            Flyway and Prisma call this baseline. For a database that has no migration history, or one of another tool. Finds the version whose schema \
            the database has, proves it, and writes refinery_schema_history. Nothing else is changed; another \
            tool's history table is left alone.\n\n\
            Only the schema is compared: data changes of these migrations are assumed to be done.",
        after: AFTER_HELP,
        aliases: &["baseline"],
    };
}

impl CommandArgs for AdoptArgs {
    fn scratch(&self) -> ScratchArgs {
        self.scratch.clone()
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  done, or nothing to do
  2  usage or project files wrong
  3  cannot tell: unreachable, or this role cannot see everything
  4  refused: the schema is not what a version builds
  5  failed and rolled back
  7  the outcome of a COMMIT is unknown
 75  busy: timed out waiting for a lock; try again

Examples:
  trueup adopt --dry-run                  which version it is, what differs
  trueup adopt --env production
  trueup adopt --accept-drift 'public.django_*'
  trueup adopt --version 4                when several versions have the same
                                          schema";
