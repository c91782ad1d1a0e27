//! `trueup doctor`: what is around a database and trueup. It works with everything broken.

pub(super) mod args;

use anyhow::Result;

use crate::error::Exit;
use crate::project::Settings;
use crate::workflow::deliver::deliver;
use crate::workflow::doctor::{self, BundleFile};
use crate::writer::StopSignal;
use args::DoctorArgs;

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract.
pub(super) async fn run(settings: &Settings, args: &DoctorArgs, stop: StopSignal) -> Result<Exit> {
    let bundle = args.bundle.as_deref().map(BundleFile::create).transpose()?;
    let mut report = doctor::examine(settings, bundle.is_some(), &stop).await?;
    if let Some(bundle) = bundle {
        bundle.write(&mut report)?;
    }
    deliver(&settings.output, &report)?;
    Ok(report.exit())
}
