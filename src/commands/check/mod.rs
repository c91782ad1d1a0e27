//! `trueup check`: every difference between the live database and the declared model. Without `--fix` it writes nothing at all.

pub(super) mod args;
pub(super) mod fix;

use anyhow::Result;

use crate::error::Exit;
use crate::project::Settings;
use crate::workflow::deliver::deliver;
use crate::workflow::{comparison, project_model};
use args::CheckArgs;

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract: 2, 3, 4, 75.
pub(super) async fn run(settings: &Settings, _: &CheckArgs) -> Result<Exit> {
    let target = settings.target()?;
    let (session, mut reading) = project_model::connected(settings, &target).await?;
    let (snapshot, declared) = match reading.needs().await {
        // The rest of the lock file is read while the server answers.
        Some(needs) => {
            let snapshot = comparison::take_snapshot(settings, session, needs).await?;
            (snapshot, reading.finish(settings).await?)
        }
        None => {
            let declared = reading.finish(settings).await?;
            (comparison::take_snapshot(settings, session, declared.needs()).await?, declared)
        }
    };
    let document = comparison::compare(settings, &target, &declared, &snapshot)?.document;
    // The process ends here: freeing two catalogs piece by piece would take as long as comparing them.
    std::mem::forget((snapshot, declared));
    deliver(&settings.output, &document)?;
    Ok(document.exit)
}
