//! The arguments of `trueup explain` and its help.

use clap::Args;

use crate::cli::{CommandHelp, Documented};
use crate::project::CommandArgs;

/// `trueup explain`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ExplainArgs {
    /// The code of a rule of lint, of a section of the gate, or of an examination of doctor, e.g. blocks.index, gate.drift,
    /// doctor.tls [default: a list of them]
    #[arg(value_name = "CODE")]
    pub(crate) code: Option<String>,
}

impl Documented for ExplainArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Why a rule of lint matters, and what to write instead; what gate and doctor look at",
        description: "Prints what a rule finds, why that matters, an example that it finds, and what to write instead.",
        after: "\
Exit codes:
  0  printed
  2  there is no such rule

Examples:
  trueup explain
  trueup explain blocks.index
  trueup explain gate.drift
  trueup explain doctor.tls",
        aliases: &[],
    };
}

impl CommandArgs for ExplainArgs {}
