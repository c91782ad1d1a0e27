//! The arguments of `trueup why` and its help.

use clap::Args;

use crate::cli::{CommandHelp, Documented, ScratchArgs, Secret};
use crate::project::CommandArgs;

/// `trueup why`
#[derive(Debug, Clone, Args)]
pub(crate) struct WhyArgs {
    /// The text of the error, as the application or the server wrote it [default: standard input, of which the last error counts]
    #[arg(value_name = "ERROR TEXT")]
    pub(crate) error: Vec<Secret>,

    /// The role that the application connects as [default: the role of this connection]
    #[arg(long, value_name = "ROLE")]
    pub(crate) role: Option<String>,

    /// The throwaway server, for a missing or stale trueup.lock.
    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,
}

impl Documented for WhyArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Explain a database error of an application: what it means, what is wrong, what to run",
        description: "\
            Reads the text of an error: PostgreSQL's own, or what SQLAlchemy, Django, psycopg, asyncpg, node-postgres, Prisma, JDBC, \
            pgx or Rails make of it, alone or in a log. It looks up the objects that the error names in the database, compares them \
            with schema/, and says what differs and why, or that the database has them as declared, and what else the reason can be: \
            another database, the search_path, a missing right, a sequence behind its column, an old app version, a lock and its \
            holder.\n\n\
            It reads in READ ONLY transactions, waits for no lock, and shows no value of a row that the text holds.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for WhyArgs {
    fn scratch(&self) -> ScratchArgs {
        self.scratch.clone()
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  the database has what the error names as declared: the reason is elsewhere
  1  the database explains the error: what differs, is missing or is in the way
  2  usage or project files wrong
  3  cannot tell: the text is not understood, or the database cannot be asked
  4  refused: not the database of this environment or project
 75  busy: the schema kept changing; try again

Examples:
  trueup why 'column users.locale does not exist'
  trueup why < application.log
  kubectl logs deploy/web | trueup why --role web
  trueup why --format json 'permission denied for table users' --role app";
