//! The arguments of `trueup environment` and its help.

use clap::{Args, Subcommand};

use crate::cli::{CommandHelp, Documented, WriteArgs};
use crate::error::{ErrorCode, Failure};
use crate::project::CommandArgs;

/// `trueup environment`
#[derive(Debug, Clone, Args)]
pub(crate) struct EnvironmentArgs {
    /// What to do.
    #[command(subcommand)]
    pub(crate) action: EnvironmentAction,
}

/// What `trueup environment` does.
#[derive(Debug, Clone, Subcommand)]
pub(crate) enum EnvironmentAction {
    /// Label this database as one of that environment: a restored copy, or one that has no label yet
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

impl Documented for EnvironmentArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Set the environment label: production, staging, ...",
        description: "\
            The environment label is stored in the database and says which project and environment it belongs \
            to. Commands refuse a database whose label is not the environment that --env asks for, so that a URL \
            in the wrong variable changes nothing. The first command that writes sets the label; a restored copy \
            has that of the original until `environment set` changes it.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for EnvironmentArgs {
    /// `environment set NAME` is about NAME, whose URL it takes.
    fn environment(&self, asked: Option<String>) -> Result<Option<String>, Failure> {
        let EnvironmentAction::Set { name, .. } = &self.action;
        match asked {
            Some(asked) if asked != *name => {
                Err(Failure::usage(format!("environment set {name}, but --env or TRUEUP_ENV says {asked}"))
                    .code(ErrorCode::USAGE_ARGUMENTS)
                    .next(format!(
                        "name the same environment twice: trueup environment set {name} --env {name}"
                    )))
            }
            _ => Ok(Some(name.clone())),
        }
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  set, or nothing to do
  2  usage or project files wrong
  3  cannot tell: unreachable
  4  refused; nothing was changed
  5  failed and rolled back
  7  the outcome of a COMMIT is unknown
 75  busy: somebody else holds the lock; try again

Examples:
  trueup environment set staging --reason 'restored from production'";

#[cfg(test)]
mod tests {
    use super::super::super::tests::settings;
    use crate::error::Exit;

    const TOML: &str = "[environments.production]\nurl_env = \"PRODUCTION_URL\"\n";

    #[test]
    fn environment_set_is_about_the_environment_that_it_names() {
        let set = |variables: &[(&'static str, &'static str)]| {
            settings(&["environment", "set", "production"], TOML, variables)
        };
        let found = set(&[]).unwrap();
        assert_eq!(found.url_source(), "PRODUCTION_URL");
        assert!(!found.environment_asked_for);
        assert!(set(&[("TRUEUP_ENV", "production")]).unwrap().environment_asked_for);
        let failure = set(&[("TRUEUP_ENV", "staging")]).unwrap_err();
        assert_eq!(failure.exit, Exit::Usage);
        assert!(failure.what.contains("says staging"), "{failure}");
        let failure = settings(&["environment", "set", "producton"], TOML, &[]).unwrap_err();
        assert_eq!((failure.exit, failure.next.as_str()), (Exit::Usage, "did you mean production?"));
    }
}
