//! A project whose migrations another tool keeps and applies: what trueup leaves to that tool.

pub(crate) mod change;
mod child;
pub(crate) mod downs;
mod outcome;
mod place;
mod report;
mod revert;
pub(crate) mod steps;
mod work;

use crate::error::{ErrorCode, Exit, Failure};
use crate::findings::{Command, Finding, Remedy};
use crate::migrations::tools::MigrationTool;
use crate::project::Settings;

/// Refuses a command that would write to a history of migrations.
///
/// # Errors
/// Exit 4, where another tool keeps it.
pub(crate) fn refuse_to_migrate(settings: &Settings) -> Result<(), Failure> {
    let Some(tool) = settings.migrations.tool else { return Ok(()) };
    let what = format!(
        "the migrations of this project are {tool}'s ([migrations] tool in trueup.toml), and so is their history: `trueup {}` \
         does not change it; nothing was changed",
        settings.command
    );
    let own = format!("to apply pending migrations: {}", tool.apply_command().unwrap_or("trueup upgrade"));
    let next = format!("{own}; to let trueup apply them from now on: trueup init --from {tool} --take-over");
    Err(Failure::new(Exit::Refused, what).code(ErrorCode::HISTORY_OF_ANOTHER_TOOL).next(next))
}

/// How pending migrations of a tool are applied.
fn applying(apply: &str) -> String {
    format!("{apply}, or, with a backup before it: {}", Command::Upgrade)
}

/// What applies pending migrations of a project: of another tool, where it has one.
pub(crate) fn remedy_of_pending(tool: Option<MigrationTool>) -> Remedy {
    match tool.and_then(MigrationTool::apply_command) {
        Some(apply) => Remedy::advice(applying(apply)),
        None => Remedy::run(Command::Upgrade),
    }
}

/// Puts the tool's own commands in the place of trueup's, which would write to its history.
pub(crate) fn hand_over(tool: MigrationTool, findings: &mut [Finding]) {
    for finding in findings {
        if let Some(undeclared) = &mut finding.undeclared {
            undeclared.unwanted = format!("write a migration of {tool} that takes it away");
        }
        let remedy = &mut finding.remedy;
        let advice = match &remedy.run {
            Some(Command::Upgrade | Command::UpgradeContract) => match tool.apply_command() {
                Some(apply) => applying(apply),
                None => {
                    *remedy = Remedy::run(Command::Upgrade);
                    continue;
                }
            },
            Some(Command::UpgradeRecordSatisfied) => {
                let apply = tool.apply_command().map_or(Command::Upgrade.to_string(), str::to_owned);
                format!("it is there already: undo it by hand, then run {apply}; or record it with {tool}")
            }
            Some(Command::Adopt) => format!(
                "connect to the database that {tool} migrates; if this is it, its history is gone: record with {tool} what is \
                 applied"
            ),
            Some(Command::Generate) => {
                remedy.run = None;
                remedy.advice = Some(format!("write a migration of {tool} that does it"));
                continue;
            }
            _ => continue,
        };
        *remedy = Remedy::advice(advice);
    }
}
