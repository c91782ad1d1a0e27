//! `trueup sizes`: how large a database's relations are, for who has no database.

pub(super) mod args;
mod report;

use anyhow::Result;

use crate::error::Exit;
use crate::project::Settings;
use crate::snapshot::{self, AllSizes};
use crate::workflow::deliver::deliver;
use crate::workflow::sizes::{RecordedSizes, SIZES_FILE};
use args::SizesArgs;
use report::SizesReport;

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract: 2, 3, 4.
pub(super) async fn run(settings: &Settings, _: &SizesArgs) -> Result<Exit> {
    let target = settings.target()?;
    // One that cannot be read is written again.
    let before = RecordedSizes::read(&settings.project.dir).unwrap_or_default();
    let mut session = target.connect(&settings.application()).await?;
    let AllSizes { day, database, mut relations } =
        snapshot::all_sizes(&mut session, &settings.database.schemas).await?;
    session.close().await;
    relations.retain(|relation, _| !settings.database.ignore.matches(relation));
    let environment = settings.environment.as_ref().map(|found| found.name.clone());
    let recorded = RecordedSizes { environment, day, relations };
    recorded.save(&settings.project.dir)?;
    let unknown = recorded.relations.iter().filter(|(_, size)| size.is_none());
    let report = SizesReport {
        run: settings.run.clone(),
        file: SIZES_FILE,
        database,
        unknown: unknown.map(|(relation, _)| relation.clone()).collect(),
        relations: recorded.relations.len(),
        replaced: before
            .filter(|before| before.environment != recorded.environment)
            .map(|before| before.environment),
        environment: recorded.environment,
        day: recorded.day,
    };
    deliver(&settings.output, &report)?;
    Ok(Exit::Clean)
}
