//! The arguments of `trueup sizes` and its help.

use clap::Args;

use crate::cli::{CommandHelp, Documented};
use crate::project::CommandArgs;

/// `trueup sizes`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SizesArgs {}

impl Documented for SizesArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Write how large a database's tables are into sizes.json, for lint in a pipeline",
        description: "\
            Reads how large tables, materialized views and indexes are, as VACUUM and ANALYZE last noted it: no table is opened, no \
            row is read. Writes sizes.json into the project's directory: one line a relation, numbers of two digits. Commit it: \
            `trueup lint` says then how long others wait, without a connection. There is one file: write it from the environment \
            with the largest tables.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for SizesArgs {}

const AFTER_HELP: &str = "\
Exit codes:
  0  written
  2  usage or project files wrong
  3  the database cannot be reached
  4  another database than the environment expects

Examples:
  trueup sizes --env production";
