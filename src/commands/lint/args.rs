//! The arguments of `trueup lint` and its help.

use clap::Args;

use crate::cli::{CommandHelp, Documented, FailOn, ScratchArgs};
use crate::project::{CommandArgs, Settings};

/// `trueup lint`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct LintArgs {
    /// The versions of migrations that are applied together [default: those that the newest tag of git does not have; without a tag, all, each by itself]
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
            the tables that they read or wrote as a whole, also in functions and DO blocks. It needs no database and no rows, and \
            does not know how large tables are. Tables that the same migrations create are left alone.\n\n\
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
  3  trueup.lock is stale, and no server to compile in
  4  --fix: not confirmed, or what would be written does not make the same schema; nothing is written

Examples:
  trueup lint                             the migrations that are not released yet
  trueup lint --since origin/main         the migrations of this branch
  trueup lint 7 8
  trueup lint --format github
  trueup lint --since v1.4 --fix          shows what it would write, and asks
  trueup explain blocks.index             why, and what to write instead";
