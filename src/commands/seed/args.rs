//! The arguments of `trueup seed` and its help.

use clap::Args;

use crate::cli::{CommandHelp, Documented, ScratchArgs, WriteArgs};
use crate::project::CommandArgs;

/// `trueup seed`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct SeedArgs {
    /// Only compare, in a read-only transaction: exit code 1 when rows are missing or differ
    #[arg(long, conflicts_with_all = ["sql", "dry_run"])]
    pub(crate) check: bool,

    /// Print the statements for a query editor; a second run of them changes nothing
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) sql: bool,

    /// Show the plan, from a read-only transaction, and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,

    /// Overwrite rows, too, that somebody else changed since they were seeded
    #[arg(long)]
    pub(crate) overwrite: bool,

    /// Exit with 1 when rows remain that somebody else changed
    #[arg(long)]
    pub(crate) strict: bool,

    /// Skip the backup. The run's record says so, and a protected environment refuses it
    #[arg(long)]
    pub(crate) no_backup: bool,

    /// Confirmation and lock.
    #[command(flatten)]
    pub(crate) write: WriteArgs,

    /// Where pg_dump is.
    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,
}

impl Documented for SeedArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Insert or update the reference rows of schema/seeds/",
        description: "\
            Reference rows are the rows that the application cannot run without. Compares what was seeded last, \
            what the files declare and what the rows are now. In one transaction, missing rows are inserted and \
            changed declarations carried out; rows that somebody else changed are reported and left alone. A \
            second run changes nothing.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for SeedArgs {
    fn scratch(&self) -> ScratchArgs {
        self.scratch.clone()
    }
}

const AFTER_HELP: &str = "\
A file declares rows of one table:
  table = \"organizations\"
  key = [\"public_id\"]                     columns of a unique index
  on_change = { updated_at = { sql = \"now()\" } }
  [[rows]]
  public_id = \"5d0c5f0e-8d1b-4b4f-9f0a-3f3f6c1d2a10\"
  slug = \"platform\"
  created_at = { sql = \"now()\" }          an expression: used for a new row,
                                          not compared afterwards
  owner_id = { sql = \"(SELECT id FROM users WHERE name = 'root')\" }
                                          a lookup: the rows that it needs are
                                          inserted first; it has to find one
With mode = \"insert\" only missing rows are inserted. csv = \"FILE\" reads the
rows from a file beside it, in which an empty field is NULL.

Exit codes:
  0  done, or nothing to do
  1  rows are missing or differ (--check), or remain changed (--strict)
  2  usage or project files wrong
  3  cannot tell: unreachable, or this role cannot see everything
  4  refused; nothing was changed
  5  failed and rolled back
  7  the outcome of a COMMIT is unknown
 75  busy: timed out waiting for a lock; try again

Examples:
  trueup seed --check
  trueup seed --yes                       in a pipeline
  trueup seed --sql > seeds.sql           for the query editor of a managed
                                          database";
