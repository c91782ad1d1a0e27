//! The arguments of `trueup gate` and its help.

use clap::Args;

use crate::cli::{CommandHelp, Documented, ScratchArgs};
use crate::project::{CommandArgs, SectionName};
use crate::workflow::gate::When;

/// `trueup gate`
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct GateArgs {
    /// Whether the deploy is still to come, or over: after it, nothing but contract migrations may be pending
    #[arg(long, value_enum, default_value_t, value_name = "WHEN")]
    pub(crate) when: When,

    /// Deploy although this section blocks or cannot tell (repeatable; never identity)
    #[arg(long = "override", value_enum, value_name = "SECTION", requires_all = ["reason", "for_lock"])]
    pub(crate) overrides: Vec<SectionName>,

    /// Why; the verdict, the JSON document and the record of the upgrade say it
    #[arg(long, value_name = "TEXT", requires = "overrides")]
    pub(crate) reason: Option<String>,

    /// The trueup.lock that this was decided for: its SHA-256, or the first 12 characters of it
    #[arg(long = "for", value_name = "LOCKHASH", requires = "overrides")]
    pub(crate) for_lock: Option<String>,

    /// The throwaway server, for a missing or stale trueup.lock.
    #[command(flatten)]
    pub(crate) scratch: ScratchArgs,
}

impl Documented for GateArgs {
    const HELP: CommandHelp = CommandHelp {
        summary: "One verdict before a deploy: READY, DO NOT DEPLOY or CANNOT TELL",
        description: "\
            Looks at everything that speaks for or against a deploy: the right database, rights, history, drift, pending \
            migrations and how long they keep others waiting, data checks, reference rows, backup, sessions in the way, \
            standbys, rehearsal. It writes nothing, and answers within [gate] deadline (30s): what has no answer then is \
            \"cannot tell\".\n\n\
            Each section is ready, warns, blocks, or cannot tell. One that blocks is enough for DO NOT DEPLOY. In \
            trueup.toml, [gate.SECTION] level = \"block\", \"warn\" or \"off\".\n\n\
            A verdict is valid for 15 minutes, one database, one trueup.lock and the migrations that are pending now: \
            `trueup upgrade --gate gate.json` refuses any other.",
        after: AFTER_HELP,
        aliases: &[],
    };
}

impl CommandArgs for GateArgs {
    fn scratch(&self) -> ScratchArgs {
        self.scratch.clone()
    }
}

const AFTER_HELP: &str = "\
Exit codes:
  0  READY
  1  DO NOT DEPLOY
  2  usage or project files wrong
  3  CANNOT TELL: unreachable, too slow, or this role cannot see everything;
     a gate that broke is never READY
  4  the override is for another trueup.lock

Examples:
  trueup gate --env production --output gate.json
  trueup upgrade --env production --gate gate.json --yes
  trueup gate --env production --when after
  trueup gate --format github
  trueup gate --override drift --reason 'index by hand, INC-4711' \\
      --for $(sha256sum trueup.lock | cut -c1-64)
  trueup explain gate.drift            what a section looks at";
