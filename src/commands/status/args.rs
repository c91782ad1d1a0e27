//! The arguments of `trueup status` and its help.

use clap::Args;

use crate::cli::{CommandHelp, Documented};
use crate::project::CommandArgs;

/// `trueup status`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct StatusArgs {
    /// Show the audit log, too: who ran what, when, from where and with which outcome, newest run first
    #[arg(long)]
    pub(crate) runs: bool,

    /// How many runs of the audit log to show
    #[arg(long, value_name = "N", default_value_t = 20, requires = "runs")]
    pub(crate) limit: u32,
}

impl Documented for StatusArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Show the database's migration status",
        description: "\
            Shows the version, pending migrations, interrupted runs, who holds the lock, and the last backup. \
            Compares the migration history and what trueup recorded in the database with the files in \
            migrations/. It writes nothing and does not look at the schema: `trueup check` does.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for StatusArgs {}

const AFTER_HELP: &str = "\
Exit codes:
  0  up to date, or ahead of this project
  1  a migration is pending, skipped, modified or interrupted
  2  usage or project files wrong
  3  cannot tell: unreachable, or this role cannot see everything
  4  refused: not the database of this environment
 75  busy; try again

Examples:
  trueup status
  trueup status --runs --limit 5
  trueup status --env production --format json";
