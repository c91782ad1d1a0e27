//! The arguments of `trueup ready` and its help.

use std::time::Duration;

use clap::Args;

use crate::cli::{CommandHelp, Documented, waiting_time};
use crate::output::ProbeName;
use crate::project::CommandArgs;

/// `trueup ready`
#[derive(Debug, Clone, Args)]
pub(crate) struct ReadyArgs {
    /// Wait until it is ready, for so long at the most, such as 5m: for init containers. The reason is printed when it
    /// changes
    #[arg(long, value_name = "TIME", value_parser = waiting_time)]
    pub(crate) wait: Option<Duration>,

    /// How long to pause before looking again
    #[arg(long, value_name = "TIME", value_parser = waiting_time, default_value = "2s", requires = "wait")]
    pub(crate) interval: Duration,
}

impl Documented for ReadyArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Tell whether the database has the schema that this version of the application needs",
        description: "\
            Compares trueup.lock with the history of migrations in the database: every migration that is no contract migration \
            must be applied, unmodified and finished. A database that is ahead is ready, so that a rolling deploy stops \
            nothing. It reads the history alone, not the schema (`trueup check` does), over one connection: two round trips, no \
            lock above ACCESS SHARE, lock_timeout 100 ms, statement_timeout 1 s. It writes nothing and works through PgBouncer. \
            Use it as a readiness or startup probe and in init containers; never as a liveness probe.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for ReadyArgs {
    fn probe(&self) -> Option<ProbeName> {
        Some(ProbeName::Readiness)
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  ready; also when the database is ahead
  1  not ready: a migration is missing, modified or unfinished
  2  usage or project files wrong, such as a trueup.lock that is stale
  3  cannot tell: unreachable, or the history cannot be read
  4  refused: not the database of this environment or project
 75  the time of --wait is over: not ready yet, or unreachable; or busy

Examples:
  trueup ready
  trueup ready --env production --format json
  trueup ready --wait 5m && exec ./server";
