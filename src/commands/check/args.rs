//! The arguments of `trueup check` and its help.

use clap::Args;

use crate::cli::{CommandHelp, Documented, FailOn, ScratchArgs, WriteArgs};
use crate::model::diagnosis;
use crate::output::ProbeName;
use crate::project::{CommandArgs, Patterns, Settings};

/// `trueup check`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct CheckArgs {
    /// Ignore objects whose qualified name matches, e.g. 'audit.*' (repeatable; `*` and `?`)
    #[arg(long, value_name = "PATTERN")]
    pub(crate) ignore: Vec<String>,

    /// Compare only objects whose qualified name matches, e.g. 'public.users*'; or tell only findings of a code, e.g.
    /// column.missing (repeatable)
    #[arg(long, value_name = "PATTERN|CODE")]
    pub(crate) only: Vec<String>,

    /// Which findings end with exit code 1 [default: warning, which includes errors]
    #[arg(long, value_name = "WHAT", value_enum, value_delimiter = ',')]
    pub(crate) fail_on: Vec<FailOn>,

    /// Bring back what was changed by hand: shown, confirmed, backed up, carried out step by step, checked again
    #[arg(long)]
    pub(crate) fix: bool,

    /// With --fix: show the steps, from a read-only transaction, and change nothing
    #[arg(long, requires = "fix", conflicts_with = "sql")]
    pub(crate) dry_run: bool,

    /// With --fix: print one script for psql or a query console. It changes nothing in another database, or where this one
    /// has changed meanwhile
    #[arg(long, requires = "fix")]
    pub(crate) sql: bool,

    /// With --fix: also what loses rows or values. Asks for the database's name
    #[arg(long, requires = "fix")]
    pub(crate) destructive: bool,

    /// With --destructive, without a terminal: the database's name, in place of typing it
    #[arg(long, value_name = "NAME", requires = "destructive")]
    pub(crate) confirm_name: Option<String>,

    /// With --fix: skip the backup. The run's record says so, and a protected environment refuses it
    #[arg(long, requires = "fix")]
    pub(crate) no_backup: bool,

    /// Confirmation and lock.
    #[command(flatten)]
    pub(crate) write: WriteArgs,

    /// The throwaway server, for a missing or stale trueup.lock.
    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,
}

impl CheckArgs {
    /// Whether a database may be changed.
    pub(crate) fn writes(&self) -> bool {
        self.fix
    }
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
            reference rows.\n\n\
            --fix brings drift back to what the applied migrations built. It leaves alone what pending migrations \
            will do (`trueup upgrade`), what no migration does yet (`trueup generate`), and, without \
            --destructive, what loses data.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for CheckArgs {
    fn scratch(&self) -> ScratchArgs {
        self.scratch.clone()
    }

    fn probe(&self) -> Option<ProbeName> {
        (!self.fix).then_some(ProbeName::Schema)
    }

    /// `--ignore` adds to `[database] ignore`; `--fail-on` replaces `[check] fail_on`.
    fn override_settings(&self, settings: &mut Settings) {
        let ignore = settings.database.ignore.iter().map(str::to_owned).chain(self.ignore.iter().cloned());
        settings.database.ignore = Patterns::new(ignore.collect::<Vec<_>>());
        let known = if self.only.is_empty() { Vec::new() } else { diagnosis::codes() };
        let (codes, only): (Vec<String>, Vec<String>) =
            self.only.iter().cloned().partition(|wanted| known.contains(wanted));
        (settings.only_codes, settings.only) = (codes, Patterns::new(only));
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
  4  refused: not the database of this environment; nothing was changed
  5  --fix failed and rolled back: the database is as it was
  6  --fix failed after some steps; the same command continues
  7  --fix: the outcome of a COMMIT is unknown
 75  busy: the schema kept changing, or timed out waiting for a lock; try again

Examples:
  trueup check
  trueup check --env production --format markdown --output report.md
  trueup check --only 'public.users*' --fail-on drift,edited
  trueup check --fix --dry-run
  trueup check --fix --only index.missing
  trueup check --fix --sql > fix.sql      for the query console of a managed
                                          database
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
