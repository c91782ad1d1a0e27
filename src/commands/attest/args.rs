//! The arguments of `trueup attest` and its help.

use clap::{Args, ValueEnum};

use crate::cli::{CommandHelp, Documented, WriteArgs};
use crate::project::CommandArgs;

/// `trueup attest`
#[derive(Debug, Clone, Args)]
pub(crate) struct AttestArgs {
    /// What is attested: the name of a [[gate.attest]] in trueup.toml
    #[arg(value_name = "NAME")]
    pub(crate) name: String,

    /// Why it can be said: what was looked at, and where
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,

    /// Who says so [default: user.name of git, else the user of the operating system]
    #[arg(long, value_name = "WHO")]
    pub(crate) by: Option<String>,

    /// Where it is kept
    #[arg(long, value_name = "WHERE", value_enum, default_value_t = Record::File)]
    pub(crate) record: Record,

    /// Confirmation and lock.
    #[command(flatten)]
    pub(crate) write: WriteArgs,
}

/// Where an attestation is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Record {
    /// As a line of attestations.jsonl
    File,
    /// In the database, as a run of its audit log
    Database,
}

impl AttestArgs {
    /// Whether the database is written to.
    pub(crate) fn writes(&self) -> bool {
        self.record == Record::Database
    }
}

impl Documented for AttestArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Say that something was done before a deploy, for the gate's section people",
        description: "\
            Adds a line to attestations.jsonl in the project's directory: who, when, why, for which commit, trueup.lock and pending \
            migrations of the database. Commit it: the gate reads it there. With another trueup.lock or other pending \
            migrations the line is void. The database is only read. trueup authenticates nobody: the line says what was \
            written, so review it as code.\n\n\
            --record database keeps it in the database instead, with the server's time, as a run of the audit log that names \
            the role and the machine: for pipelines that cannot commit.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for AttestArgs {}

const AFTER_HELP: &str = "\
Exit codes:
  0  written
  2  usage or project files wrong; nothing in trueup.toml has this name
  3  cannot tell what is pending: unreachable, or the history cannot be read
  4  refused: another environment or project, not confirmed, read-only
 75  busy; try again

Examples:
  trueup attest \"registration tested on staging\" \\
    --reason \"signed up, logged in and out\" --env production
  trueup attest \"registration tested on staging\" \\
    --reason \"signed up, logged in and out\" --env production \\
    --record database --yes
  git add attestations.jsonl && git commit -m \"Attest registration\"";
