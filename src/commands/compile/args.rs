//! The arguments of `trueup compile` and its help.

use clap::Args;

use crate::cli::{CommandHelp, Documented, ScratchArgs};
use crate::project::CommandArgs;

/// `trueup compile`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct CompileArgs {
    /// Only say whether trueup.lock is up to date: exit code 1 when it is stale. Needs no server
    #[arg(long)]
    pub(crate) check: bool,

    /// Replay all migrations, also those whose effects an earlier compilation has kept
    #[arg(long, conflicts_with = "check")]
    pub(crate) no_cache: bool,

    /// The throwaway server.
    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,
}

impl Documented for CompileArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Build trueup.lock from schema/ and migrations/",
        description: "\
            Loads the SQL files of schema/ and replays migrations/ in a throwaway PostgreSQL server, reads the result back \
            and writes trueup.lock. Commit that file: other commands read it and then need no second server. The \
            same inputs give the same bytes.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for CompileArgs {
    fn scratch(&self) -> ScratchArgs {
        self.scratch.clone()
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  written, or up to date
  1  trueup.lock is stale (--check)
  2  schema/, migrations/ or trueup.toml wrong
  3  no server to compile in

Examples:
  trueup compile
  trueup compile --check                  in a pipeline
  trueup compile --scratch-url postgres://postgres@localhost/postgres";
