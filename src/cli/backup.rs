//! `trueup backup` and `trueup restore`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{ScratchArgs, Secret};

/// `trueup backup`
#[derive(Debug, Clone, Default, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct BackupArgs {
    /// What to do, if not to take one.
    #[command(subcommand)]
    pub action: Option<BackupAction>,

    /// How thoroughly to verify it before it is said to be there [default: [backup] verify, contents]
    #[arg(long, value_name = "LEVEL", value_enum)]
    pub verify: Option<Level>,

    /// Where pg_dump is, and the throwaway server of `--verify restore`.
    #[command(flatten)]
    pub scratch: ScratchArgs,
}

/// What else `trueup backup` does.
#[derive(Debug, Clone, Subcommand)]
pub enum BackupAction {
    /// List the backups of this project's store, the newest last
    List {
        /// Those of every database, not only of the one that the URL names
        #[arg(long)]
        all: bool,
    },

    /// Verify a backup that is stored
    Verify {
        /// The backup: its identifier, the beginning or the end of it, or `latest`
        #[arg(value_name = "BACKUP", default_value = "latest")]
        backup: String,

        /// How thoroughly
        #[arg(long, value_name = "LEVEL", value_enum, default_value_t)]
        level: Level,

        /// `--level restore`: the server to restore into, in a database of its own that is dropped afterwards, instead of
        /// a throwaway one
        #[arg(long, value_name = "URL")]
        into: Option<Secret>,

        /// Where pg_restore is, and the throwaway server.
        #[command(flatten)]
        scratch: ScratchArgs,
    },

    /// Remove what [backup] keep_last, keep_daily, keep_weekly and max_age do not keep; shows it first
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
pub enum Level {
    /// The stored bytes are read back and hashed
    Quick,
    /// And the archive is read in full: objects and rows are those of the database
    #[default]
    Contents,
    /// And it is restored into a throwaway server: catalog and rows are equal
    Restore,
}

/// `trueup restore`
#[derive(Debug, Clone, Args)]
pub struct RestoreArgs {
    /// The backup: its identifier, the beginning or the end of it, or `latest`
    #[arg(value_name = "BACKUP")]
    pub backup: String,

    /// The database to restore into: one that does not exist yet, or has nothing in it
    #[arg(long, value_name = "URL", required = true)]
    pub into: Secret,

    /// Put it in the place of the database of that URL: restored beside it and verified first, then swapped by renaming.
    /// The old one stays under another name
    #[arg(long)]
    pub replace: bool,

    /// How many connections restore at the same time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub jobs: u32,

    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,

    /// Where pg_restore is.
    #[arg(long, value_name = "DIR")]
    pub pg_bin: Option<PathBuf>,
}
