//! The arguments of `trueup rehearse` and its help.

use std::path::PathBuf;

use clap::Args;

use crate::cli::{CommandHelp, Documented, ScratchArgs};
use crate::project::CommandArgs;

/// `trueup rehearse`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct RehearseArgs {
    /// The version that the database is at: no database is read then; 0 is an empty one
    /// [default: that of the database; without one, all but the newest migration]
    #[arg(long, value_name = "VERSION")]
    pub(crate) from: Option<i64>,

    /// The last version to apply [default: all pending migrations]
    #[arg(long, value_name = "VERSION")]
    pub(crate) to: Option<i64>,

    /// Apply contract migrations too, as `trueup upgrade --contract` does
    #[arg(long)]
    pub(crate) contract: bool,

    /// Apply pending migrations whose version is below the newest applied one
    #[arg(long)]
    pub(crate) allow_out_of_order: bool,

    /// Make so many rows in each table that the migrations touch, and in those that they refer to, before they are applied:
    /// the times say something then, and are estimated for the real number of rows
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    pub(crate) rows: Option<u64>,

    /// Restore a backup of the database into the throwaway server, and apply the migrations to its rows: times are measured
    /// then. ID names a backup, also of another database [default: the newest verified one]
    #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = "", conflicts_with_all = ["from", "rows"])]
    pub(crate) from_backup: Option<String>,

    /// Let other sessions read, write and vacuum the tables while the migrations run, and say what they were refused
    #[arg(long)]
    pub(crate) probe: bool,

    /// Write a record of the rehearsal to FILE (JSON): what was rehearsed, of which trueup.lock, and how it ended
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,

    /// The throwaway server. Without this, one of the database's major version is looked for.
    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,
}

impl Documented for RehearseArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Apply pending migrations in a throwaway server: what they lock, how long, and the result",
        description: "\
            Reads which migrations the database has, and changes nothing there. In a throwaway server of the same major \
            version it builds the schema of that version, applies the pending migrations as `trueup upgrade` does, reverts \
            them with their down scripts, and applies them again. Each time the result must be the compiled schema.\n\n\
            Shows for each statement its locks, who waits for them, and its time; and for each migration how long others \
            wait. With --rows there are rows to work on: of the real ones only their number is read, how wide values are, and \
            how many are missing (pg_stats), never a value. With --from-backup the rows are real, on a private directory of \
            this machine until the command ends.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for RehearseArgs {
    fn scratch(&self) -> ScratchArgs {
        self.scratch.clone()
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  the rehearsal went well, or nothing is pending
  1  findings: a migration, a seed or a data check fails, the result is not the
     compiled schema, or others wait for longer than [rehearse] max_block
  2  usage or project files wrong, or no such backup
  3  cannot tell: the database is unreachable, or there is no throwaway server
  4  refused, as trueup upgrade would refuse it; or the backup does not fit

Examples:
  trueup rehearse --env production
  trueup rehearse --env production --rows 100000 --probe
  trueup rehearse --env production --from-backup --probe
  trueup rehearse --from 6                without a database
  trueup rehearse --contract              with the contract migrations";
