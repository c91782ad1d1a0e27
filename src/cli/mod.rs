//! The command line: clap's definitions, whose doc comments are the help text, and raw values.
//!
//! Nothing here decides, and nothing here reads the environment: `project` turns these values, the variables that the
//! help names and `trueup.toml` into settings.

mod redact;
mod values;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub use redact::Redactor;
pub use values::{Color, FailOn, Format, Secret};

/// Keeps a PostgreSQL database true to its declared model.
///
/// Says what differs between a live database and the model that the project declares, why, and what to run next,
/// without touching the database.
#[derive(Debug, Parser)]
#[command(
    name = "trueup",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    infer_subcommands = false,
    disable_help_subcommand = true,
    max_term_width = 110,
    after_help = AFTER_HELP
)]
pub struct Cli {
    /// What every command shares.
    #[command(flatten)]
    pub shared: Shared,

    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Diagnose a database: every difference from the declared model, with its cause and remedy
    ///
    /// Reads the live catalog in one read-only transaction and compares it with trueup.lock. It writes nothing, needs
    /// no right to create anything and no second database. When trueup.lock is missing or stale, the model is compiled
    /// in memory, if a scratch server can be had.
    #[command(after_help = CHECK_AFTER_HELP)]
    Check(CheckArgs),

    /// Compute trueup.lock: the declared model and what every migration does, by a real PostgreSQL
    ///
    /// Loads schema/*.sql and replays migrations/ in a throwaway server, reads the catalogs back and writes
    /// trueup.lock, which is to be committed. The same inputs give the same bytes.
    #[command(after_help = COMPILE_AFTER_HELP)]
    Compile(CompileArgs),

    /// The whole story on a throwaway server: a broken legacy database, diagnosed and mended
    ///
    /// Needs no project, no database and no network; leaves nothing behind.
    Demo(DemoArgs),
}

impl Command {
    /// Its name, as typed and as JSON documents say it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Check(_) => "check",
            Self::Compile(_) => "compile",
            Self::Demo(_) => "demo",
        }
    }
}

/// Flags that every command shares.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Shared options")]
pub struct Shared {
    /// The project directory [env: TRUEUP_PROJECT] [default: upwards from the working directory: trueup.toml, else
    /// schema/ or migrations/]
    #[arg(long, global = true, value_name = "DIR")]
    pub project: Option<PathBuf>,

    /// The environment: [environments.NAME] of trueup.toml [env: TRUEUP_ENV]
    #[arg(long = "env", global = true, value_name = "NAME")]
    pub environment: Option<String>,

    /// The database, instead of the variable that `url_env` names (DATABASE_URL)
    ///
    /// A password is better kept in that variable, in PGPASSWORD or in .pgpass: every user of a machine can read the
    /// arguments of its processes.
    #[arg(long, global = true, value_name = "URL")]
    pub database_url: Option<Secret>,

    /// What to print on standard output, or into --output
    #[arg(long, global = true, value_enum, default_value_t)]
    pub format: Format,

    /// Write the report in --format to FILE, and the human one to standard output
    #[arg(long, global = true, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Colours (NO_COLOR and CLICOLOR_FORCE are honoured)
    #[arg(long, global = true, value_enum, default_value_t, value_name = "WHEN")]
    pub color: Color,

    /// Say only the verdict
    #[arg(short, long, global = true, conflicts_with = "verbose")]
    pub quiet: bool,

    /// Say more: where each setting came from, what was ignored
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// Where the throwaway server comes from.
#[derive(Debug, Clone, Default, Args)]
pub struct ScratchArgs {
    /// A server to compile in, instead of a throwaway one: a database of its own is made there and dropped
    /// [env: TRUEUP_SCRATCH_URL]
    #[arg(long, value_name = "URL")]
    pub scratch_url: Option<Secret>,

    /// The directory of the PostgreSQL binaries (initdb, postgres) for the throwaway server [env: TRUEUP_PG_BIN]
    #[arg(long, value_name = "DIR")]
    pub pg_bin: Option<PathBuf>,
}

/// `trueup check`
#[derive(Debug, Clone, Default, Args)]
pub struct CheckArgs {
    /// Leave out objects whose qualified name matches, e.g. 'audit.*' (repeatable; `*` and `?`)
    #[arg(long, value_name = "PATTERN")]
    pub ignore: Vec<String>,

    /// Look only at objects whose qualified name matches, e.g. 'public.users*' (repeatable)
    #[arg(long, value_name = "PATTERN")]
    pub only: Vec<String>,

    /// Which findings end with exit code 1 [default: warning, which is any finding but information]
    #[arg(long, value_name = "WHAT", value_enum, value_delimiter = ',')]
    pub fail_on: Vec<FailOn>,

    /// The throwaway server, for a missing or stale trueup.lock.
    #[command(flatten)]
    pub scratch: ScratchArgs,
}

/// `trueup compile`
#[derive(Debug, Clone, Default, Args)]
pub struct CompileArgs {
    /// Only say whether trueup.lock is up to date: exit code 1 when it is stale. Needs no server
    #[arg(long)]
    pub check: bool,

    /// The throwaway server.
    #[command(flatten)]
    pub scratch: ScratchArgs,
}

/// `trueup demo`
#[derive(Debug, Clone, Default, Args)]
pub struct DemoArgs {
    /// The throwaway server.
    #[command(flatten)]
    pub scratch: ScratchArgs,
}

const AFTER_HELP: &str = "\
Exit codes:
  0  proved: clean, done
  1  findings: drift, pending migrations, a stale trueup.lock
  2  usage or project files wrong
  3  cannot tell: unreachable, or something the answer needs is not visible to this role
  4  refused before anything was touched
  5  failed, rolled back
  6  failed part-way; the same command resumes
  7  outcome unknown
 70  trueup itself broke
 75  busy: somebody else holds a lock; try again

Examples:
  export DATABASE_URL=postgres://app@db.example.com/platform
  trueup check                            what differs, why, and what to run
  trueup check --format json              the same for a pipeline
  trueup compile                          after a change to schema/ or migrations/
  trueup demo                             see it work, without a database";

const CHECK_AFTER_HELP: &str = "\
Exit codes: 0 clean, 1 findings, 2 usage or project files wrong, 3 cannot tell, 4 refused, 75 busy.

Examples:
  trueup check
  trueup check --env production --format markdown --output report.md
  trueup check --only 'public.users*' --fail-on drift,edited
  trueup check --database-url 'postgres:///platform?host=/run/postgresql'";

const COMPILE_AFTER_HELP: &str = "\
Exit codes: 0 done or up to date, 1 stale (--check), 2 schema, migrations or settings wrong, 3 no server to compile in.

Examples:
  trueup compile
  trueup compile --check                  in a pipeline
  trueup compile --scratch-url postgres://postgres@localhost/postgres";

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn definitions_are_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn shared_flags_stand_on_either_side_of_the_command() {
        for args in [["trueup", "--env", "production", "check"], ["trueup", "check", "--env", "production"]] {
            let cli = Cli::try_parse_from(args).unwrap();
            assert_eq!(cli.shared.environment.as_deref(), Some("production"));
        }
    }

    #[test]
    fn fail_on_takes_lists_and_repetition() {
        let cli = Cli::try_parse_from(["trueup", "check", "--fail-on", "drift,edited", "--fail-on", "error"])
            .unwrap();
        let Command::Check(check) = cli.command else { panic!("{:?}", cli.command) };
        assert_eq!(check.fail_on, [FailOn::Drift, FailOn::Edited, FailOn::Error]);
    }

    #[test]
    fn help_names_the_exit_codes() {
        let help = Cli::command().render_help().to_string();
        for exit in [" 0  proved", "75  busy", "trueup demo"] {
            assert!(help.contains(exit), "{help}");
        }
    }
}
