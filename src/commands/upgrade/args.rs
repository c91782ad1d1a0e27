//! The arguments of `trueup upgrade` and its help.

use std::path::PathBuf;

use clap::Args;

use crate::cli::{CommandHelp, Documented, ScratchArgs, WriteArgs};
use crate::project::CommandArgs;

/// `trueup upgrade`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct UpgradeArgs {
    /// The last version to apply [default: all pending migrations]
    #[arg(long, value_name = "VERSION")]
    pub(crate) to: Option<i64>,

    /// Apply contract migrations too: use it when no old app version is running any more
    #[arg(long)]
    pub(crate) contract: bool,

    /// Show the plan, from a read-only transaction, and change nothing
    #[arg(long, conflicts_with = "sql")]
    pub(crate) dry_run: bool,

    /// Print the plan as one SQL script to run elsewhere, including the rows of the history
    #[arg(long)]
    pub(crate) sql: bool,

    /// Apply pending migrations whose version is below the newest applied one
    #[arg(long)]
    pub(crate) allow_out_of_order: bool,

    /// Record migrations as applied, without running them, when everything they do is already in the database
    /// (Django: migrate --fake; Flyway: skipExecutingMigrations)
    #[arg(long)]
    pub(crate) record_satisfied: bool,

    /// Exit with 1 when the check at the end finds any difference
    #[arg(long)]
    pub(crate) strict: bool,

    /// Skip the backup. The run's record says so, and a protected environment refuses it
    #[arg(long)]
    pub(crate) no_backup: bool,

    /// Only if this document of `trueup gate` says READY to just this: the database, trueup.lock and pending migrations, not
    /// more than 15 minutes ago
    #[arg(long, value_name = "FILE", conflicts_with = "sql")]
    pub(crate) gate: Option<PathBuf>,

    /// Confirmation and lock.
    #[command(flatten)]
    pub(crate) write: WriteArgs,

    /// The throwaway server, for a missing or stale trueup.lock.
    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,
}

impl Documented for UpgradeArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Apply pending migrations",
        description: "\
            Shows the plan and asks. Takes a backup first where trueup.toml asks for one, holds one lock for the \
            whole run, and checks the schema before and after.\n\n\
            Each migration is one transaction together with its row in refinery_schema_history, and is retried \
            when it times out waiting for a lock. A statement that would take longer than its migration may, by the sizes \
            of the tables, is refused before anything starts. A migration with `-- trueup: no-transaction` runs statement by \
            statement, and each statement is recorded.\n\n\
            Stops before the first contract migration (`-- trueup: contract`: it breaks app versions that still \
            use what it removes), unless --contract is given, or the database is empty: no old version runs there.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for UpgradeArgs {
    fn scratch(&self) -> ScratchArgs {
        self.scratch.clone()
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  done, or nothing to do
  1  a data check has to pass first, or a difference was found (--strict)
  2  usage or project files wrong
  3  cannot tell: unreachable, or this role cannot see everything
  4  refused; nothing was changed
  5  failed and rolled back: the database is as it was
  6  failed part-way: what was done is recorded, the same command resumes
  7  the outcome of a COMMIT is unknown
 75  busy: timed out waiting for a lock; try again

Examples:
  trueup upgrade --dry-run
  trueup upgrade --env production
  trueup upgrade --yes                    in a pipeline
  trueup upgrade --gate gate.json --yes   only what the gate said READY to
  trueup upgrade --contract               when no old app version is running
                                          any more
  trueup upgrade --sql > plan.sql         for the query editor of a managed
                                          database";
