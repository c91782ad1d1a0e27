//! What the commands' arguments share: the global flags, groups of flags that several commands have, value types, and
//! the keeping of passwords out of errors. A command's own arguments and help stand in its folder.
//!
//! Nothing here decides, and nothing here reads the environment: `project` turns these values, the variables that the
//! help names and `trueup.toml` into settings.

mod help;
mod redact;
mod values;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

pub use crate::output::Format;
pub use help::{CommandHelp, Documented, complete};
pub use redact::{Redactor, misplaced_password};
pub use values::{Color, FailOn, Secret, age, duration, waiting_time};

/// Flags that every command shares.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Shared options")]
pub struct Shared {
    /// The project directory [env: TRUEUP_PROJECT] [default: the working directory or the nearest one above it that has
    /// trueup.toml, else schema/ or migrations/]
    #[arg(long, global = true, value_name = "DIR")]
    pub project: Option<PathBuf>,

    /// The environment: [environments.NAME] of trueup.toml [env: TRUEUP_ENV]
    #[arg(long = "env", global = true, value_name = "NAME")]
    pub environment: Option<String>,

    /// The database, instead of the variable that `url_env` names (DATABASE_URL)
    ///
    /// Better keep a password in that variable, in PGPASSWORD or in .pgpass: every user of a machine can read the
    /// arguments of its processes.
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<Secret>,

    /// What to print on standard output, or into --output
    #[arg(long, global = true, value_enum, default_value_t)]
    pub format: Format,

    /// Write the report to FILE, too (repeatable). The suffix decides the format: .json, .md, .html, .xml (JUnit), .sarif,
    /// .txt; any other: FORMAT=FILE, e.g. gitlab=quality.json
    #[arg(long, global = true, value_name = "[FORMAT=]FILE")]
    pub output: Vec<String>,

    /// When to use colours; NO_COLOR and CLICOLOR_FORCE decide where this flag does not
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,

    /// Print only the verdict
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Print more: where each setting came from, what was ignored, the code of an error
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// Where the throwaway server comes from.
#[derive(Debug, Clone, Default, Args)]
pub struct ScratchArgs {
    /// A server to compile in, instead of a throwaway one: a database is created there and dropped
    /// [env: TRUEUP_SCRATCH_URL]
    #[arg(long, value_name = "URL")]
    pub scratch_url: Option<Secret>,

    /// The directory of the PostgreSQL binaries (initdb, postgres) for the throwaway server [env: TRUEUP_PG_BIN]
    #[arg(long, value_name = "DIR")]
    pub pg_bin: Option<PathBuf>,
}

/// What commands that write to a database share.
#[derive(Debug, Clone, Default, Args)]
pub struct WriteArgs {
    /// Do not ask. A protected environment also needs --env; at a terminal it always asks for the database's name
    #[arg(short, long)]
    pub yes: bool,

    /// How long to wait while another run holds the lock of this database, such as 60s [default: [migrations] wait, 60s]
    #[arg(long, value_name = "DURATION", value_parser = duration)]
    pub wait: Option<Duration>,
}
