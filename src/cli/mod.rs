//! The command line: clap's definitions, whose doc comments are the help text, and raw values.
//!
//! Nothing here decides, and nothing here reads the environment: `project` turns these values, the variables that the
//! help names and `trueup.toml` into settings.

mod backup;
mod late;
mod redact;
mod seed;
mod values;
mod verify;

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

pub use crate::output::Format;
pub use backup::{BackupAction, BackupArgs, Level, RestoreArgs};
pub use late::Late;
pub use redact::Redactor;
pub use seed::SeedArgs;
pub use values::{Color, Decision, FailOn, Secret};
pub use verify::{UndoArgs, VerifyArgs};

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
    Check(Late<CheckArgs>),

    /// Compute trueup.lock: the declared model and what every migration does, by a real PostgreSQL
    ///
    /// Loads schema/*.sql and replays migrations/ in a throwaway server, reads the catalogs back and writes
    /// trueup.lock, which is to be committed. The same inputs give the same bytes.
    #[command(after_help = COMPILE_AFTER_HELP)]
    Compile(Late<CompileArgs>),

    /// Apply pending migrations: checked before, under one lock, recorded, checked again
    ///
    /// Shows the plan and asks. Every migration is one transaction with its record in refinery_schema_history, tried
    /// again when its locks cannot be had; one that says `-- trueup: no-transaction` runs statement by statement, each
    /// written down. Stops before the first migration marked `-- trueup: contract`, unless --contract is given.
    #[command(after_help = UPGRADE_AFTER_HELP)]
    Upgrade(Late<UpgradeArgs>),

    /// Take migrations back with their down scripts, each proved before it is committed
    ///
    /// Runs V<version>__<name>.down.sql of everything above VERSION, newest first. A script is committed only when the
    /// catalog is then what the migrations below build.
    #[command(after_help = DOWNGRADE_AFTER_HELP)]
    Downgrade(Late<DowngradeArgs>),

    /// Take over a database that has no history, or another tool's
    ///
    /// Finds the version that its catalog matches, proves it, and writes refinery_schema_history: nothing else is
    /// changed, and another tool's table is left alone.
    #[command(visible_alias = "baseline", after_help = ADOPT_AFTER_HELP)]
    Adopt(Late<AdoptArgs>),

    /// Record a person's decision about a migration where the catalog cannot tell
    ///
    /// The decision is held against the catalog, shown and asked for; what contradicts it is refused. What no catalog
    /// shows is said. Nothing of the schema is changed; reason, texts and steps stay in the audit log.
    #[command(after_help = RESOLVE_AFTER_HELP)]
    Resolve(Late<ResolveArgs>),

    /// Make the reference rows of schema/seeds/ so: rows that the application cannot run without
    ///
    /// Compares what was seeded last, what the files say and what the rows are now. Missing rows are made and changed
    /// declarations carried out, in one transaction; what somebody else has changed is told and left alone. A second run
    /// changes nothing.
    #[command(after_help = seed::AFTER_HELP)]
    Seed(Late<SeedArgs>),

    /// Take a backup of the database, verified; list, verify and prune backups
    ///
    /// The archive is hashed, stored and read in full as it comes from pg_dump; its objects and rows are compared with
    /// the database at that moment. What has no manifest is no backup.
    #[command(after_help = BACKUP_AFTER_HELP)]
    Backup(Late<BackupArgs>),

    /// Restore a backup into a new or empty database, or in the place of one
    #[command(after_help = RESTORE_AFTER_HELP)]
    Restore(Late<RestoreArgs>),

    /// Run the data checks: the rows that are wrong; with --fix repair them, so that it can be taken back
    ///
    /// Checks are queries in checks/. They run in one READ ONLY snapshot, row security off: what this role cannot see is
    /// never taken for clean. --fix shows what would be changed row by row, asks, backs the tables up, changes them in short
    /// batches with every old value recorded, and counts again.
    #[command(after_help = VERIFY_AFTER_HELP)]
    Verify(Late<VerifyArgs>),

    /// Give the rows of a repair their old values back, where they still have what it wrote
    #[command(after_help = UNDO_AFTER_HELP)]
    Undo(Late<UndoArgs>),

    /// The environment mark: which project and environment a database belongs to
    Environment(Late<EnvironmentArgs>),
    /// Tell where a database stands: version, pending migrations, what broke off, who holds the lock
    ///
    /// Reads the history and what trueup recorded in the database, and holds it against the files in migrations/. It
    /// writes nothing and looks at no object of the database; `trueup check` does.
    #[command(after_help = STATUS_AFTER_HELP)]
    Status(Late<StatusArgs>),

    /// The whole story on a throwaway server: a broken legacy database, diagnosed and mended
    ///
    /// Needs no project, no database and no network; leaves nothing behind.
    Demo(Late<DemoArgs>),
}

impl Command {
    /// Its name, as typed and as JSON documents say it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Check(_) => "check",
            Self::Compile(_) => "compile",
            Self::Upgrade(_) => "upgrade",
            Self::Downgrade(_) => "downgrade",
            Self::Adopt(_) => "adopt",
            Self::Resolve(_) => "resolve",
            Self::Verify(_) => "verify",
            Self::Undo(_) => "undo",
            Self::Environment(_) => "environment",
            Self::Seed(_) => "seed",
            Self::Backup(_) => "backup",
            Self::Restore(_) => "restore",
            Self::Status(_) => "status",
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

    /// Write the report to FILE, too (repeatable). The suffix decides the format: .json, .md, .html, .xml (JUnit), .sarif,
    /// .txt; any other: FORMAT=FILE, e.g. gitlab=quality.json
    #[arg(long, global = true, value_name = "[FORMAT=]FILE")]
    pub output: Vec<String>,

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

/// What commands that write to a database share.
#[derive(Debug, Clone, Default, Args)]
pub struct WriteArgs {
    /// Do not ask. On a protected environment --env is needed, too, and at a terminal the database's name is asked for
    /// all the same
    #[arg(short, long)]
    pub yes: bool,

    /// How long to wait while another run holds the lock of this database [default: [migrations] wait, 60s]
    #[arg(long, value_name = "DURATION", value_parser = values::duration)]
    pub wait: Option<Duration>,
}

/// `trueup upgrade`
#[derive(Debug, Clone, Default, Args)]
pub struct UpgradeArgs {
    /// The last version to apply [default: all that are pending]
    #[arg(long, value_name = "VERSION")]
    pub to: Option<i64>,

    /// Apply contract migrations, too: no code that they break is running any more
    #[arg(long)]
    pub contract: bool,

    /// Show the plan in a read-only transaction, and change nothing
    #[arg(long, conflicts_with = "sql")]
    pub dry_run: bool,

    /// Print the plan as one script to be run elsewhere, rows of the history included
    #[arg(long)]
    pub sql: bool,

    /// Apply versions below the newest one that is applied
    #[arg(long)]
    pub allow_out_of_order: bool,

    /// Record migrations as applied whose effect is wholly there already, instead of running them
    #[arg(long)]
    pub record_satisfied: bool,

    /// End with 1 when the check afterwards finds anything, whatever it is
    #[arg(long)]
    pub strict: bool,

    /// Change the database without a backup; recorded, and refused on a protected environment
    #[arg(long)]
    pub no_backup: bool,

    /// Confirmation and lock.
    #[command(flatten)]
    pub write: WriteArgs,

    /// The throwaway server, for a missing or stale trueup.lock.
    #[command(flatten)]
    pub scratch: ScratchArgs,
}

/// `trueup downgrade`
#[derive(Debug, Clone, Default, Args)]
pub struct DowngradeArgs {
    /// The version to go back to, which stays applied; 0 takes back everything
    #[arg(long, value_name = "VERSION", required = true)]
    pub to: i64,

    /// Show the plan in a read-only transaction, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Change the database without a backup; recorded, and refused on a protected environment
    #[arg(long)]
    pub no_backup: bool,

    /// Confirmation and lock.
    #[command(flatten)]
    pub write: WriteArgs,

    /// The throwaway server, for a missing or stale trueup.lock.
    #[command(flatten)]
    pub scratch: ScratchArgs,
}

/// `trueup adopt`
#[derive(Debug, Clone, Default, Args)]
pub struct AdoptArgs {
    /// The version that the database is said to have [default: the one that its catalog matches]
    #[arg(long, value_name = "VERSION")]
    pub version: Option<i64>,

    /// Accept that this object differs from what the version builds (repeatable; `*` and `?`)
    #[arg(long, value_name = "PATTERN")]
    pub accept_drift: Vec<String>,

    /// Show what would be recorded, and change nothing
    #[arg(long)]
    pub dry_run: bool,

    /// Confirmation and lock.
    #[command(flatten)]
    pub write: WriteArgs,

    /// The throwaway server, for a missing or stale trueup.lock.
    #[command(flatten)]
    pub scratch: ScratchArgs,
}

/// `trueup resolve`
#[derive(Debug, Clone, Args)]
pub struct ResolveArgs {
    /// The migration's version
    #[arg(value_name = "VERSION")]
    pub version: i64,

    /// What became of it
    #[arg(long = "as", value_name = "DECISION", value_enum)]
    pub decision: Decision,

    /// Why; kept in the audit log
    #[arg(long, value_name = "TEXT")]
    pub reason: String,

    /// Confirmation and lock.
    #[command(flatten)]
    pub write: WriteArgs,

    /// The throwaway server, for a missing or stale trueup.lock.
    #[command(flatten)]
    pub scratch: ScratchArgs,
}

/// `trueup environment`
#[derive(Debug, Clone, Args)]
pub struct EnvironmentArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: EnvironmentAction,
}

/// What `trueup environment` does.
#[derive(Debug, Clone, Subcommand)]
pub enum EnvironmentAction {
    /// Mark this database as that environment's: a copy that was restored, or one that was never marked
    Set {
        /// The environment: [environments.NAME] of trueup.toml
        #[arg(value_name = "NAME")]
        name: String,

        /// Why; kept in the audit log
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,

        /// Confirmation and lock.
        #[command(flatten)]
        write: WriteArgs,
    },
}

/// `trueup status`
#[derive(Debug, Clone, Default, Args)]
pub struct StatusArgs {
    /// The audit log, too: who ran what, when, from where, with which outcome; the newest run first
    #[arg(long)]
    pub runs: bool,

    /// How many runs of the audit log
    #[arg(long, value_name = "N", default_value_t = 20, requires = "runs")]
    pub limit: u32,
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
  trueup upgrade                          apply what is pending
  trueup status                           which migrations it has, what broke off, who is at it
  trueup compile                          after a change to schema/ or migrations/
  trueup demo                             see it work, without a database";

const CHECK_AFTER_HELP: &str = "\
Exit codes: 0 clean, 1 findings, 2 usage or project files wrong, 3 cannot tell, 4 refused, 75 busy.

Examples:
  trueup check
  trueup check --env production --format markdown --output report.md
  trueup check --only 'public.users*' --fail-on drift,edited
  trueup check --database-url 'postgres:///platform?host=/run/postgresql'";

const UPGRADE_AFTER_HELP: &str = "\
Exit codes:
  0  done, or nothing to do        5  failed, rolled back: the database is as it was
  1  a data check has to pass      6  failed part-way: what was done is recorded, the same command resumes
  2  usage or project files wrong  7  the outcome of a COMMIT is unknown
  3  cannot tell, unreachable     75  busy: a lock could not be had in time; try again
  4  refused, nothing was changed

Examples:
  trueup upgrade --dry-run
  trueup upgrade --env production
  trueup upgrade --yes                    in a pipeline
  trueup upgrade --contract               once no old code is running
  trueup upgrade --sql > plan.sql         for the query editor of a managed database";

const ADOPT_AFTER_HELP: &str = "\
Exit codes: 0 done, or nothing to do, 2 usage or project files wrong, 3 cannot tell, 4 refused (the database is not what a
version builds), 5 failed and rolled back, 7 the outcome of a COMMIT is unknown, 75 busy.

Examples:
  trueup adopt --dry-run                  which version is it, and what differs
  trueup adopt --env production
  trueup adopt --accept-drift 'public.django_*' --accept-drift public.users.nickname
  trueup adopt --version 4                where migrations of rows alone leave several to choose from";

const DOWNGRADE_AFTER_HELP: &str = "\
Exit codes: 0 done or nothing to do, 2 usage or project files wrong, 3 cannot tell, 4 refused, nothing was changed, 5 failed,
rolled back, 6 failed after some were taken back, 7 the outcome of a COMMIT is unknown, 75 busy.

Examples:
  trueup downgrade --to 4 --dry-run
  trueup downgrade --to 4 --env staging";

const RESOLVE_AFTER_HELP: &str = "\
Exit codes: 0 recorded, or so already, 2 usage or project files wrong, 3 cannot tell, 4 refused: the catalog contradicts it,
5 failed, rolled back, 7 the outcome of a COMMIT is unknown, 75 busy.

Examples:
  trueup resolve 6 --as applied --reason 'the VACUUM had ended: pg_stat_user_tables'
  trueup resolve 6 --as not-applied --reason 'dropped what it had made'
  trueup resolve 3 --as accept-edit --reason 'a typing error in a comment'";

const BACKUP_AFTER_HELP: &str = "\
Exit codes: 0 done and verified, 1 a backup is damaged (verify), 2 usage or project files wrong, 3 cannot tell, unreachable,
4 refused before anything was written, 5 failed: there is no backup, 6 part of what was to go is still there (prune), 75 busy.

Examples:
  trueup backup --env production
  trueup backup list
  trueup backup verify latest --level restore
  trueup backup prune --dry-run";

const RESTORE_AFTER_HELP: &str = "\
Exit codes: 0 restored and verified, 2 usage or project files wrong, 3 cannot tell, unreachable, 4 refused, nothing was changed,
5 failed: the database is as it was, 6 failed part-way, 75 busy.

Examples:
  trueup restore latest --into postgres:///platform_copy?host=/run/postgresql
  trueup restore 01JABC --into \"$DATABASE_URL\" --replace";

const VERIFY_AFTER_HELP: &str = "\
Exit codes: 0 no row is wrong, 1 rows are, 2 usage or checks wrong, 3 cannot tell: this role does not see everything, 4 refused,
nothing was changed, 5 failed, rolled back, 6 stopped part-way: the same command goes on, 7 the outcome of a COMMIT is unknown,
75 busy.

Examples:
  trueup verify
  trueup verify api_keys_have_a_user --sample 50
  trueup verify --fix --dry-run
  trueup verify --fix --env production --max-rate 2000";

const UNDO_AFTER_HELP: &str = "\
Exit codes: 0 all rows have their old values again, or had them, 1 some were changed since and were kept, 2 usage, 3 cannot
tell, 4 refused, nothing was changed, 5 failed, rolled back, 6 stopped part-way: the same command goes on, 75 busy.

Examples:
  trueup status --runs                    which runs can be taken back
  trueup undo 01JABC --dry-run
  trueup undo 01JABC
  trueup undo --prune 90d";

const STATUS_AFTER_HELP: &str = "\
Exit codes: 0 up to date (or ahead of this project), 1 something is pending, skipped, edited or unfinished, 2 usage or
project files wrong, 3 cannot tell, 4 refused, 75 busy.

Examples:
  trueup status
  trueup status --runs --limit 5
  trueup status --env production --format json";

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
    use crate::findings::{CauseKind, Severity};

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
        assert_eq!(
            check.fail_on,
            [
                FailOn::Cause(CauseKind::Drift),
                FailOn::Cause(CauseKind::Edited),
                FailOn::Severity(Severity::Error)
            ]
        );
    }

    #[test]
    fn help_names_the_exit_codes() {
        let help = Cli::command().render_help().to_string();
        for exit in [" 0  proved", "75  busy", "trueup demo"] {
            assert!(help.contains(exit), "{help}");
        }
    }
}
