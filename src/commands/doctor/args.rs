//! The arguments of `trueup doctor` and its help.

use std::path::PathBuf;

use clap::Args;

use crate::cli::{CommandHelp, Documented, ScratchArgs};
use crate::project::CommandArgs;

/// `trueup doctor`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct DoctorArgs {
    /// Write everything into a new FILE for a ticket, too: JSON without rows, passwords and values of variables
    #[arg(long, value_name = "FILE")]
    pub(crate) bundle: Option<PathBuf>,

    /// The throwaway server that is tried.
    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,
}

impl Documented for DoctorArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Examine the surroundings: settings and where they came from, the way to the server, rights, programs, store",
        description: "\
            Says of each setting where it came from (flag, variable, line of trueup.toml, default), then examines DNS, TCP, TLS, \
            authentication, pooler, server and its support, standby, history, mark, rights per command, row security, timeouts, \
            clock, extensions, pg_dump, the store of backups, the throwaway server, locale and terminal: OK, WARN or FAIL, and \
            what to do. It works with everything broken: what depends on something that failed is not asked, and all else goes \
            on.\n\n\
            The database is read in READ ONLY transactions. A probe is written to the store of backups and removed again; a \
            throwaway server is started and removed.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for DoctorArgs {
    fn works_with_wrong_settings(&self) -> bool {
        true
    }

    fn scratch(&self) -> ScratchArgs {
        self.scratch.clone()
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  everything is OK, or a warning
  1  something FAILs
  2  usage
  3  cannot tell: no server answered
  4  interrupted

Examples:
  trueup doctor
  trueup doctor -v                          every setting, also the defaults
  trueup doctor --env production --bundle ticket.json
  trueup explain doctor.tls                 what an examination looks at";
