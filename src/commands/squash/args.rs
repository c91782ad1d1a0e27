//! The arguments of `trueup squash` and its help.

use clap::Args;

use crate::cli::{CommandHelp, Documented, ScratchArgs};
use crate::project::CommandArgs;

/// `trueup squash`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SquashArgs {
    /// The newest version that becomes part of the baseline, which gets this version
    #[arg(long, value_name = "VERSION")]
    pub(crate) to: i64,

    /// The name of the baseline
    #[arg(long, value_name = "NAME", default_value = "baseline", value_parser = name)]
    pub(crate) name: String,

    /// Prove the baseline and say what would be written, and write nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// The throwaway server.
    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,
}

/// A name as files of migrations have it.
fn name(text: &str) -> Result<String, String> {
    let is_name = !text.is_empty() && text.chars().all(|found| found.is_ascii_alphanumeric() || found == '_');
    is_name.then(|| text.to_owned()).ok_or_else(|| "expected letters, digits and underscores".to_owned())
}

impl Documented for SquashArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Replace old migrations by one baseline that builds the same",
        description: "\
            The migrations up to a version become one file of that version: the schema that they build, and the rows that \
            they make. It is proved in a throwaway server that it builds the same; else nothing is written. The old files are \
            removed from migrations/, so they must be committed in git.\n\n\
            A database that has all of them is recorded by the next `trueup upgrade`, without running SQL; one that has only \
            some is refused: it needs the version of the project from before the squash first. So squash when all databases \
            have these migrations. There is no downgrade below a baseline.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for SquashArgs {
    fn scratch(&self) -> ScratchArgs {
        self.scratch.clone()
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  written and proved
  1  no baseline builds the same: nothing was written
  2  usage or project files wrong
  3  no server to prove it in
  4  refused: files that would be removed are not committed

Examples:
  trueup squash --to 40 --dry-run
  trueup squash --to 40";
