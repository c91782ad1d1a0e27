//! The arguments of `trueup lint` and its help.

use clap::Args;

use crate::cli::{CommandHelp, Documented, FailOn, ScratchArgs};
use crate::project::{CommandArgs, Settings};

/// `trueup lint`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct LintArgs {
    /// The versions of migrations that are applied together [default: with --env those that are pending there; else those that the newest tag of git does not have; without a tag, all, each by itself]
    #[arg(value_name = "VERSION")]
    pub(crate) versions: Vec<String>,

    /// Only migrations that this commit, branch or tag of git does not have, e.g. origin/main
    #[arg(long, value_name = "REF", conflicts_with = "versions")]
    pub(crate) since: Option<String>,

    /// Rewrite what makes others wait: indexes CONCURRENTLY, constraints NOT VALID first, in new migrations behind all others
    #[arg(long, conflicts_with = "fail_on")]
    pub(crate) fix: bool,

    /// With --fix: write the files without a question
    #[arg(long, requires = "fix")]
    pub(crate) yes: bool,

    /// Which findings end with exit code 1 [default: warning, which includes errors]
    #[arg(long, value_name = "WHAT", value_enum, value_delimiter = ',')]
    pub(crate) fail_on: Vec<FailOn>,

    /// The throwaway server, for a missing or stale trueup.lock.
    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,
}

impl Documented for LintArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "What migrations do to a live database: who waits, what is lost, what breaks",
        description: "\
            Judges migrations by what their statements did in a real PostgreSQL when the project was compiled: the locks that they took, \
            the tables that they read or wrote as a whole, also in functions and DO blocks. It needs no database and no rows. \
            Tables that the same migrations create are left alone.\n\n\
            How long others wait depends on sizes: those of the database that --env or --database-url names, else those of \
            sizes.json, which `trueup sizes` writes. A small table makes nobody wait (fewer than 10,000 rows, or [lint] small).\n\n\
            What is meant is allowed above the statement, with a reason: -- trueup: allow blocks.index: the table is small",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for LintArgs {
    fn scratch(&self) -> ScratchArgs {
        self.scratch.clone()
    }

    /// `--fail-on` replaces `[check] fail_on`.
    fn override_settings(&self, settings: &mut Settings) {
        if !self.fail_on.is_empty() {
            settings.check.fail_on.clone_from(&self.fail_on);
        }
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  nothing found
  1  findings
  2  usage or project files wrong
  3  no server to compile a stale trueup.lock in, or no database
  4  another database than the environment expects; --fix: not confirmed, or the
     schema would not be the same; nothing is written

Examples:
  trueup lint                          the migrations that are not released yet
  trueup lint --since origin/main      the migrations of this branch
  trueup lint 7 8
  trueup lint --env production         what is pending there, with its sizes
  trueup lint --format github
  trueup lint --since v1.4 --fix       shows what it would write, and asks
  trueup explain blocks.index          why, and what to write instead";
