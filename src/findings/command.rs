//! The trueup commands that findings and reports name as the next step.

use std::fmt;

use serde::{Serialize, Serializer};

use crate::text::short_id;

/// A command line of trueup that exists and can be run as it stands.
///
/// A test of the command line parses every variant, so no remedy can name a command or an option that trueup does not
/// have. What needs a decision or a value from a person is advice, not a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Command {
    /// `trueup adopt`
    Adopt,
    /// `trueup check`
    Check,
    /// `trueup check --fix --dry-run`
    CheckFix,
    /// `trueup compile`
    Compile,
    /// `trueup generate`
    Generate,
    /// `trueup seed`
    Seed,
    /// `trueup seed --overwrite`
    SeedOverwrite,
    /// `trueup status`
    Status,
    /// `trueup undo RUN`
    Undo {
        /// The run's identifier.
        run: String,
    },
    /// `trueup upgrade`
    Upgrade,
    /// `trueup upgrade --contract`
    UpgradeContract,
    /// `trueup upgrade --record-satisfied`
    UpgradeRecordSatisfied,
    /// `trueup verify [CHECK...]`
    Verify {
        /// The names of the checks; empty for all.
        checks: Vec<String>,
    },
    /// `trueup verify --fix [CHECK...]`, with `--dry-run` where nothing was shown yet.
    VerifyFix {
        /// The names of the checks; empty for all.
        checks: Vec<String>,
        /// Whether the repair is only shown.
        dry_run: bool,
    },
}

impl Command {
    /// The command line as arguments; the first is `trueup`.
    pub fn arguments(&self) -> Vec<String> {
        let fixed = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        match self {
            Self::Adopt => fixed(&["trueup", "adopt"]),
            Self::Check => fixed(&["trueup", "check"]),
            Self::CheckFix => fixed(&["trueup", "check", "--fix", "--dry-run"]),
            Self::Compile => fixed(&["trueup", "compile"]),
            Self::Generate => fixed(&["trueup", "generate"]),
            Self::Seed => fixed(&["trueup", "seed"]),
            Self::SeedOverwrite => fixed(&["trueup", "seed", "--overwrite"]),
            Self::Status => fixed(&["trueup", "status"]),
            Self::Undo { run } => fixed(&["trueup", "undo", run]),
            Self::Upgrade => fixed(&["trueup", "upgrade"]),
            Self::UpgradeContract => fixed(&["trueup", "upgrade", "--contract"]),
            Self::UpgradeRecordSatisfied => fixed(&["trueup", "upgrade", "--record-satisfied"]),
            Self::Verify { checks } => {
                let mut arguments = fixed(&["trueup", "verify"]);
                arguments.extend(checks.iter().cloned());
                arguments
            }
            Self::VerifyFix { checks, dry_run } => {
                let mut arguments = fixed(&["trueup", "verify", "--fix"]);
                arguments.extend(checks.iter().cloned());
                arguments.extend(dry_run.then(|| "--dry-run".to_owned()));
                arguments
            }
        }
    }

    /// One command of every variant, for the test that parses them.
    pub fn examples() -> Vec<Self> {
        let checks = vec!["api_keys_have_a_user".to_owned()];
        vec![
            Self::Adopt,
            Self::Check,
            Self::CheckFix,
            Self::Compile,
            Self::Generate,
            Self::Seed,
            Self::SeedOverwrite,
            Self::Status,
            Self::Undo { run: "01JABCDEFGHJKMNPQRSTVWXYZ0".to_owned() },
            Self::Upgrade,
            Self::UpgradeContract,
            Self::UpgradeRecordSatisfied,
            Self::Verify { checks: checks.clone() },
            Self::VerifyFix { checks: Vec::new(), dry_run: false },
            Self::VerifyFix { checks, dry_run: true },
        ]
    }
}

/// As it is typed into a shell, with a run's identifier abbreviated. The arguments are words of trueup, names of checks and identifiers of runs, none of
/// which a shell reads otherwise.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arguments = self.arguments();
        let shown: Vec<&str> = arguments.iter().map(|argument| short_id(argument)).collect();
        f.write_str(&shown.join(" "))
    }
}

/// In JSON a command is the list of its arguments.
impl Serialize for Command {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.arguments())
    }
}
