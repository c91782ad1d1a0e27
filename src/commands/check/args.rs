//! The arguments of `trueup check` and its help.

use clap::Args;

use crate::cli::{CommandHelp, Documented, FailOn, ScratchArgs};
use crate::output::ProbeName;
use crate::project::{CommandArgs, Patterns, Settings};

/// `trueup check`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct CheckArgs {
    /// Ignore objects whose qualified name matches, e.g. 'audit.*' (repeatable; `*` and `?`)
    #[arg(long, value_name = "PATTERN")]
    pub(crate) ignore: Vec<String>,

    /// Compare only objects whose qualified name matches, e.g. 'public.users*' (repeatable)
    #[arg(long, value_name = "PATTERN")]
    pub(crate) only: Vec<String>,

    /// Which findings end with exit code 1 [default: warning, which includes errors]
    #[arg(long, value_name = "WHAT", value_enum, value_delimiter = ',')]
    pub(crate) fail_on: Vec<FailOn>,

    /// The throwaway server, for a missing or stale trueup.lock.
    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,
}

impl Documented for CheckArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Compare a database with schema/: what differs, why, what to run",
        description: "\
            Reads the database in one read-only transaction and compares it with trueup.lock, the compiled form \
            of schema/ and migrations/. It writes nothing and needs no right to create anything. When \
            trueup.lock is missing or stale, it is compiled in memory, which needs a throwaway or scratch \
            server.\n\n\
            It reads no rows of your tables: `trueup verify` checks the data, `trueup seed --check` the \
            reference rows.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for CheckArgs {
    fn scratch(&self) -> ScratchArgs {
        self.scratch.clone()
    }

    fn probe(&self) -> Option<ProbeName> {
        Some(ProbeName::Schema)
    }

    /// `--ignore` adds to `[database] ignore`; `--fail-on` replaces `[check] fail_on`.
    fn override_settings(&self, settings: &mut Settings) {
        let ignore = settings.database.ignore.iter().map(str::to_owned).chain(self.ignore.iter().cloned());
        settings.database.ignore = Patterns::new(ignore.collect::<Vec<_>>());
        settings.only = Patterns::new(self.only.iter().cloned());
        if !self.fail_on.is_empty() {
            settings.check.fail_on.clone_from(&self.fail_on);
        }
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  no differences
  1  differences, pending migrations
  2  usage or project files wrong
  3  cannot tell: unreachable, or this role cannot see everything
  4  refused: not the database of this environment
 75  busy: the schema kept changing; try again

Examples:
  trueup check
  trueup check --env production --format markdown --output report.md
  trueup check --only 'public.users*' --fail-on drift,edited
  trueup check --database-url 'postgres:///platform?host=/run/postgresql'";

#[cfg(test)]
mod tests {
    use super::super::super::tests::settings;
    use super::*;
    use crate::findings::{CauseKind, Severity};

    const TOML: &str = "[database]\nignore = [\"audit.*\"]\n[check]\nfail_on = \"error\"\n";

    #[test]
    fn flags_add_to_patterns_and_replace_fail_on() {
        let args = ["check", "--ignore", "tmp.*", "--only", "public.*", "--fail-on", "drift"];
        let found = settings(&args, TOML, &[]).unwrap();
        assert_eq!(found.database.ignore.iter().collect::<Vec<_>>(), ["audit.*", "tmp.*"]);
        assert_eq!(found.only.iter().collect::<Vec<_>>(), ["public.*"]);
        assert_eq!(found.check.fail_on, [FailOn::Cause(CauseKind::Drift)]);
        assert_eq!(
            settings(&["check"], TOML, &[]).unwrap().check.fail_on,
            [FailOn::Severity(Severity::Error)]
        );
    }

    #[test]
    fn fail_on_takes_lists_and_repetition() {
        let args = ["check", "--fail-on", "drift,edited", "--fail-on", "error"];
        let found = settings(&args, TOML, &[]).unwrap();
        assert_eq!(
            found.check.fail_on,
            [
                FailOn::Cause(CauseKind::Drift),
                FailOn::Cause(CauseKind::Edited),
                FailOn::Severity(Severity::Error)
            ]
        );
    }
}
