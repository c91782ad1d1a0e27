//! `trueup rehearse`: what an upgrade would do, tried in a throwaway server.

pub(super) mod args;
mod report;

use anyhow::Result;

use crate::error::{ErrorCode, Exit, Failure};
use crate::findings::Summary;
use crate::project::Settings;
use crate::workflow::deliver::deliver;
use crate::workflow::rehearsal::{self, RehearsalRequest, WantedBackup};
use args::RehearseArgs;
use report::RehearsalReport;

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract.
pub(super) async fn run(settings: &Settings, args: &RehearseArgs) -> Result<Exit> {
    if let Some(tool) = settings.migrations.tool {
        let what =
            format!("rehearse applies migrations as trueup does, and {tool} applies those of this project");
        return Err(Failure::usage(what)
            .code(ErrorCode::USAGE_ARGUMENTS)
            .next(
                "trueup lint says what its SQL migrations lock; trueup init --from has trueup take them over",
            )
            .into());
    }
    let request = RehearsalRequest {
        from: args.from,
        to: args.to,
        contract: args.contract,
        allow_out_of_order: args.allow_out_of_order,
        rows: args.rows,
        backup: args.from_backup.as_ref().map(|id| match id.as_str() {
            "" => WantedBackup::Newest,
            id => WantedBackup::Named(id.to_owned()),
        }),
        probe: args.probe,
        record: args.record.clone(),
    };
    let rehearsal = rehearsal::rehearse(settings, &request).await?;
    let exit = if rehearsal.findings.is_empty() { Exit::Clean } else { Exit::Findings };
    let summary = Summary::of(&rehearsal.findings);
    let report = RehearsalReport { run: settings.run.clone(), exit, summary, rehearsal };
    deliver(&settings.output, &report)?;
    Ok(exit)
}
