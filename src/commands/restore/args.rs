//! The arguments of `trueup restore` and its help.

use std::path::PathBuf;

use clap::Args;

use crate::cli::{CommandHelp, Documented, ScratchArgs, Secret};
use crate::project::CommandArgs;

/// `trueup restore`
#[derive(Debug, Clone, Args)]
pub(crate) struct RestoreArgs {
    /// The backup: its identifier, the beginning or the end of it, or `latest`
    #[arg(value_name = "BACKUP")]
    pub(crate) backup: String,

    /// The database to restore into: one that does not exist yet, or is empty; with --replace, the default is the database
    /// of DATABASE_URL (or of --env)
    #[arg(long, value_name = "URL", required_unless_present = "replace")]
    pub(crate) into: Option<Secret>,

    /// Replace the database: the backup is restored beside it and verified, then the two are swapped by renaming. The
    /// current database is kept under another name
    #[arg(long)]
    pub(crate) replace: bool,

    /// How many connections restore at the same time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) jobs: u32,

    /// Do not ask
    #[arg(short, long)]
    pub(crate) yes: bool,

    /// The directory of pg_restore [env: TRUEUP_PG_BIN]
    #[arg(long, value_name = "DIR")]
    pub(crate) pg_bin: Option<PathBuf>,
}

impl Documented for RestoreArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Restore a backup into a new database, or replace a database",
        description: "",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for RestoreArgs {
    /// No server is started.
    fn scratch(&self) -> ScratchArgs {
        ScratchArgs { pg_bin: self.pg_bin.clone(), ..ScratchArgs::default() }
    }

    fn works_on(&self) -> Option<(&Secret, &'static str)> {
        Some((self.into.as_ref()?, "--into"))
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  restored and verified
  2  usage or project files wrong
  3  cannot tell: unreachable
  4  refused; nothing was changed
  5  failed: the database is as it was
  6  failed part-way
 75  busy: somebody else holds a lock; try again

Examples:
  trueup restore latest --into 'postgres:///copy?host=/run/postgresql'
  trueup restore latest --replace         the database of DATABASE_URL";
