//! `trueup explain`: the long text of a rule of `lint`.

pub(super) mod args;
mod report;

use anyhow::Result;

use crate::changes::lint::{self, RULES};
use crate::error::{Exit, Failure};
use crate::project::Settings;
use crate::workflow::deliver::deliver;
use args::ExplainArgs;
use report::ExplainReport;

/// Runs the command.
///
/// # Errors
/// Exit 2: there is no such rule.
pub(super) async fn run(settings: &Settings, args: &ExplainArgs) -> Result<Exit> {
    let rules = match &args.code {
        None => RULES.iter().collect(),
        Some(code) => vec![lint::rule(code).ok_or_else(|| {
            Failure::usage(format!("there is no rule {code}")).next("trueup explain lists all rules")
        })?],
    };
    deliver(
        &settings.output,
        &ExplainReport { run: settings.run.clone(), whole: args.code.is_some(), rules },
    )?;
    Ok(Exit::Clean)
}
