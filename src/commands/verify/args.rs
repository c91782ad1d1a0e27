//! The arguments of `trueup verify` and its help.

use clap::Args;

use crate::cli::{CommandHelp, Documented, ScratchArgs, WriteArgs};
use crate::output::ProbeName;
use crate::project::CommandArgs;

/// `trueup verify`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct VerifyArgs {
    /// The checks to run: CHECK is checks/CHECK.sql [default: all]
    #[arg(value_name = "CHECK")]
    pub(crate) checks: Vec<String>,

    /// Repair the rows as the checks' fixes propose: shown, confirmed, backed up, changed in batches, counted again
    #[arg(long)]
    pub(crate) fix: bool,

    /// With --fix: show what would be changed, from a read-only transaction, and change nothing
    #[arg(long, requires = "fix")]
    pub(crate) dry_run: bool,

    /// How many rows of a check, or of a fix, are shown [default: 5; rows of a check only at a terminal]
    #[arg(long, value_name = "ROWS")]
    pub(crate) sample: Option<usize>,

    /// How many connections read at the same time, in one snapshot
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub(crate) jobs: u32,

    /// With --fix: change at most this many rows per second
    #[arg(long, value_name = "ROWS", requires = "fix", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) max_rate: Option<u64>,

    /// With --fix: skip the backup of the affected tables. The run's record says so, and a protected environment
    /// refuses it
    #[arg(long, requires = "fix")]
    pub(crate) no_backup: bool,

    /// Confirmation and lock.
    #[command(flatten)]
    pub(crate) write: WriteArgs,

    /// Where pg_dump is.
    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,
}

impl VerifyArgs {
    /// Whether rows are repaired.
    pub(crate) fn writes(&self) -> bool {
        self.fix
    }
}

impl Documented for VerifyArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Check the data: run the checks in checks/; --fix repairs the rows",
        description: "\
            A check is a query in checks/ that returns the wrong rows. All checks run in one read-only snapshot \
            with row security off: rows that this role cannot see never count as clean.\n\n\
            --fix shows row by row what would be changed, asks, backs up the tables, changes the rows in short \
            batches with every old value recorded (`trueup undo` restores them), and counts again.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for VerifyArgs {
    fn scratch(&self) -> ScratchArgs {
        self.scratch.clone()
    }

    fn probe(&self) -> Option<ProbeName> {
        (!self.fix).then_some(ProbeName::Data)
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  no row is wrong
  1  rows are wrong
  2  usage or checks wrong
  3  cannot tell: this role cannot see everything
  4  refused; nothing was changed
  5  failed and rolled back
  6  stopped part-way: the same command resumes
  7  the outcome of a COMMIT is unknown
 75  busy: timed out waiting for a lock; try again

Examples:
  trueup verify
  trueup verify api_keys_have_a_user --sample 50
  trueup verify --fix --dry-run
  trueup verify --fix --env production --max-rate 2000";
