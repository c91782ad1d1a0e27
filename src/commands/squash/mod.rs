//! `trueup squash`: old migrations become one baseline.

pub(super) mod args;
mod report;

use anyhow::Result;

use crate::error::Exit;
use crate::project::Settings;
use crate::workflow::deliver::deliver;
use crate::workflow::squashing::{SquashRequest, squash};
use args::SquashArgs;
use report::SquashReport;

/// Runs the command.
///
/// # Errors
/// As [`squash`].
pub(super) async fn run(settings: &Settings, args: &SquashArgs) -> Result<Exit> {
    let request = SquashRequest { to: args.to, name: &args.name, write: !args.dry_run };
    let report = SquashReport::new(settings, squash(settings, &request).await?, args.dry_run);
    deliver(&settings.output, &report)?;
    Ok(Exit::Clean)
}
