//! `trueup gate`: one verdict before a deploy. It writes nothing.

pub(super) mod args;

use anyhow::Result;

use crate::error::Exit;
use crate::project::Settings;
use crate::workflow::deliver::deliver;
use crate::workflow::gate::{self, GateRequest};
use args::GateArgs;

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract.
pub(super) async fn run(settings: &Settings, args: &GateArgs) -> Result<Exit> {
    let request = GateRequest {
        when: args.when,
        overrides: args.overrides.clone(),
        reason: args.reason.clone(),
        for_lock: args.for_lock.clone(),
    };
    let report = gate::judge(settings, &request).await?;
    deliver(&settings.output, &report)?;
    Ok(report.exit())
}
