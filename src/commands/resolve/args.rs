//! The arguments of `trueup resolve` and its help.

use clap::{Args, ValueEnum};

use crate::cli::{CommandHelp, Documented, ScratchArgs, WriteArgs};
use crate::project::CommandArgs;

/// `trueup resolve`
#[derive(Debug, Clone, Args)]
pub(crate) struct ResolveArgs {
    /// The migration's version
    #[arg(value_name = "VERSION")]
    pub(crate) version: i64,

    /// What happened to it
    #[arg(long = "as", value_name = "DECISION", value_enum)]
    pub(crate) decision: Decision,

    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,

    /// Confirmation and lock.
    #[command(flatten)]
    pub(crate) write: WriteArgs,

    /// The throwaway server, for a missing or stale trueup.lock.
    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,
}

/// What happened to a migration, as a person found out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Decision {
    /// It is done: record it as applied
    Applied,
    /// It is not done, or what it did may be done again
    NotApplied,
    /// The file was modified after it was applied, and still means what was applied
    AcceptEdit,
}

impl Documented for ResolveArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Record what a person found out about one migration",
        description: "\
            For an interrupted migration, or one whose file was modified after it was applied (Flyway: repair), \
            when trueup cannot tell by itself what happened. The decision is compared with the schema, shown, \
            and confirmed; one that the schema contradicts is refused. What the schema cannot show is said.\n\n\
            No object of the schema is changed. The reason, the texts and the steps stay in the audit log.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for ResolveArgs {
    fn scratch(&self) -> ScratchArgs {
        self.scratch.clone()
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  recorded, or nothing to do
  2  usage or project files wrong
  3  cannot tell: unreachable, or this role cannot see everything
  4  refused: the schema contradicts the decision
  5  failed and rolled back
  7  the outcome of a COMMIT is unknown
 75  busy: timed out waiting for a lock; try again

Examples:
  trueup resolve 6 --as applied --reason 'VACUUM had ended: server log'
  trueup resolve 6 --as not-applied --reason 'dropped the index it built'
  trueup resolve 3 --as accept-edit --reason 'a typing error in a comment'";
