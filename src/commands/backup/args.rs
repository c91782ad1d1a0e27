//! The arguments of `trueup backup` and its help.

use clap::{Args, Subcommand, ValueEnum};

use crate::cli::{CommandHelp, Documented, ScratchArgs, Secret};
use crate::project::CommandArgs;

/// `trueup backup`
#[derive(Debug, Clone, Default, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct BackupArgs {
    /// What to do, if not to take one.
    #[command(subcommand)]
    pub(crate) action: Option<BackupAction>,

    /// How thoroughly to verify it before it counts as a backup [default: [backup] verify, contents]
    #[arg(long, value_name = "LEVEL", value_enum)]
    pub(crate) verify: Option<VerifyLevel>,

    /// Where pg_dump is, and the throwaway server of `--verify restore`.
    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,
}

/// What else `trueup backup` does.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum BackupAction {
    /// List the backups in this project's store, the newest last
    List {
        /// List the backups of every database, not only of the one that the URL names
        #[arg(long)]
        all: bool,
    },

    /// Verify a stored backup
    Verify {
        /// The backup: its identifier, the beginning or the end of it, or `latest`
        #[arg(value_name = "BACKUP", default_value = "latest")]
        backup: String,

        /// How thoroughly
        #[arg(long, value_name = "LEVEL", value_enum, default_value_t)]
        level: VerifyLevel,

        /// With `--level restore`: the server to restore into, instead of a throwaway one. A database of its own is
        /// created there and dropped afterwards
        #[arg(long, value_name = "URL")]
        into: Option<Secret>,

        /// Where pg_restore is, and the throwaway server.
        #[command(flatten)]
        scratch: ScratchArgs,
    },

    /// Remove the backups that [backup] keep_last, keep_daily, keep_weekly and max_age do not keep; shows them first
    Prune {
        /// Show what would be removed, and remove nothing
        #[arg(long)]
        dry_run: bool,

        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
}

/// How thoroughly a backup is verified.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum VerifyLevel {
    /// The stored bytes are read back and hashed
    Quick,
    /// The archive is also read in full: it has the objects and rows of the database
    #[default]
    Contents,
    /// It is also restored into a throwaway server: schema and rows are equal
    Restore,
}

impl Documented for BackupArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Take a verified backup; list, verify and prune backups",
        description: "\
            Runs pg_dump. The archive is hashed, stored and read in full while it is written, and its objects \
            and rows are compared with the database at that moment. The manifest is written last: an archive \
            without one does not count as a backup.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for BackupArgs {
    fn scratch(&self) -> ScratchArgs {
        match &self.action {
            Some(BackupAction::Verify { scratch, .. }) => scratch.clone(),
            _ => self.scratch.clone(),
        }
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  done and verified
  1  a backup is damaged (verify)
  2  usage or project files wrong
  3  cannot tell: unreachable
  4  refused before anything was written
  5  failed: there is no backup
  6  part of what was to be removed is still there (prune)
 75  busy: somebody else holds a lock; try again

Examples:
  trueup backup --env production
  trueup backup list
  trueup backup verify latest --level restore
  trueup backup prune --dry-run";
