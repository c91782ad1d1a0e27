//! The arguments of `trueup generate` and its help.

use clap::Args;

use crate::cli::{CommandHelp, Documented, ScratchArgs};
use crate::project::CommandArgs;

/// `trueup generate`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct GenerateArgs {
    /// The name of the migrations [default: what the first step does]
    #[arg(value_name = "NAME", required_if_eq("empty", "true"))]
    pub(crate) name: Option<String>,

    /// A decision, as it stands in a comment of schema/ behind `trueup:` (repeatable):
    /// "renamed column public.users.name to public.users.full_name", "dropped column public.users.name",
    /// "backfill public.users.status = 'active'"
    #[arg(long, value_name = "DECISION")]
    pub(crate) decide: Vec<String>,

    /// Write a migration without statements, and its down script, to be filled by hand
    #[arg(long, conflicts_with_all = ["decide", "edit", "rows"])]
    pub(crate) empty: bool,

    /// Open the files in VISUAL or EDITOR before they are proved
    #[arg(long)]
    pub(crate) edit: bool,

    /// How many rows are made in each table for the proof; 0 for none
    #[arg(long, value_name = "ROWS", default_value_t = 100, value_parser = clap::value_parser!(u64).range(..=1_000_000))]
    pub(crate) rows: u64,

    /// Rename what is dropped by one migration, and drop it by a later one
    #[arg(long, conflicts_with = "empty")]
    pub(crate) keep_dropped: bool,

    /// The throwaway server.
    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,
}

impl Documented for GenerateArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "Write the migration that is missing: from what migrations/ builds to what schema/ declares",
        description: "\
            Compares what all migrations build with what schema/ declares, and writes the migrations between them, with their \
            down scripts. No database is read. What old code does not survive (contract) is in a migration of its own, as is what \
            cannot run in one transaction.\n\n\
            The files are proved in a throwaway server before the project has them: they build what is declared, the down \
            scripts what was there before, and nothing fails with rows in the tables. What is not proved is written with \
            the suffix .rejected.\n\n\
            What was renamed, and what rows get in a new column that must have a value, is asked at the terminal, or decided \
            by comments in schema/ or by --decide. Nothing is guessed.",
        after: AFTER_HELP,
        aliases: &["revision"],
    };
}

impl CommandArgs for GenerateArgs {
    fn scratch(&self) -> ScratchArgs {
        self.scratch.clone()
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  written and proved, or nothing is missing
  1  not proved: the files are written with the suffix .rejected
  2  usage or project files wrong, or a decision is missing
  3  no server to compile in

Examples:
  trueup generate
  trueup generate add_status --decide \"backfill public.users.status = 'active'\"
  trueup generate --empty import_prices";
