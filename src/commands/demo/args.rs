//! The arguments of `trueup demo` and its help.

use clap::Args;

use crate::cli::{CommandHelp, Documented, ScratchArgs};
use crate::project::CommandArgs;

/// `trueup demo`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DemoArgs {
    /// The throwaway server.
    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,
}

impl Documented for DemoArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "See it work on a throwaway server, without a database",
        description: "\
            A broken database is diagnosed, migrated and repaired. Needs no project, no database and no network, and leaves nothing behind.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for DemoArgs {
    /// The demo brings its own.
    fn needs_project(&self) -> bool {
        false
    }

    fn scratch(&self) -> ScratchArgs {
        self.scratch.clone()
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  done
  3  no throwaway server could be started";
