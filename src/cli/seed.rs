//! `trueup seed`.

use clap::Args;

use super::{ScratchArgs, WriteArgs};

/// `trueup seed`
#[derive(Debug, Clone, Default, Args)]
pub struct SeedArgs {
    /// Only tell, in a read-only transaction: exit code 1 when rows are missing or differ
    #[arg(long, conflicts_with_all = ["sql", "dry_run"])]
    pub check: bool,

    /// Print the statements for a query editor; run twice, they change nothing the second time
    #[arg(long, conflicts_with = "dry_run")]
    pub sql: bool,

    /// Show the plan in a read-only transaction, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Make rows as declared that somebody else has changed since they were seeded, too
    #[arg(long)]
    pub overwrite: bool,

    /// End with 1 when rows stay that somebody else has changed
    #[arg(long)]
    pub strict: bool,

    /// Change the database without a backup; recorded, and refused on a protected environment
    #[arg(long)]
    pub no_backup: bool,

    /// Confirmation and lock.
    #[command(flatten)]
    pub write: WriteArgs,

    /// Where pg_dump is.
    #[command(flatten)]
    pub scratch: ScratchArgs,
}

pub(super) const AFTER_HELP: &str = "\
A file says which rows of a table there have to be:
  table = \"organizations\"
  key = [\"public_id\"]                     columns of a unique index
  on_change = { updated_at = { sql = \"now()\" } }
  [[rows]]
  public_id = \"5d0c5f0e-8d1b-4b4f-9f0a-3f3f6c1d2a10\"
  slug = \"platform\"
  created_at = { sql = \"now()\" }          an expression: for a new row, not compared afterwards
mode = \"insert\" makes missing rows alone; csv = \"FILE\" takes rows from a file beside it, where an empty field is NULL.

Exit codes: 0 done, or nothing to do, 1 --check: rows are missing or differ, 2 usage or project files wrong, 3 cannot tell,
4 refused, nothing was changed, 5 failed and rolled back, 7 the outcome of a COMMIT is unknown, 75 busy.

Examples:
  trueup seed --check
  trueup seed --yes                       in a pipeline
  trueup seed --sql > seeds.sql           for the query editor of a managed database";
