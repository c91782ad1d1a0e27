//! `trueup why`: what an application's database error means for this database. It writes nothing.

pub(super) mod args;

use std::io::IsTerminal as _;

use anyhow::Result;

use crate::error::{ErrorCode, Exit, Failure};
use crate::project::Settings;
use crate::workflow::deliver::deliver;
use crate::workflow::why::{self, ErrorText};
use args::WhyArgs;

/// Runs the command.
///
/// # Errors
/// With the exit codes of the contract: 2, 3.
pub(super) async fn run(settings: &Settings, args: &WhyArgs) -> Result<Exit> {
    let text = text(args).await?;
    let report = why::explain(settings, &text, args.role.as_deref()).await?;
    deliver(&settings.output, &report)?;
    Ok(report.exit)
}

/// The text of the arguments, else of standard input. Who forgets the quotes gives it as several arguments.
async fn text(args: &WhyArgs) -> Result<ErrorText> {
    let words: Vec<&str> = args.error.iter().map(|word| word.reveal()).collect();
    if !words.is_empty() && words != ["-"] {
        return Ok(ErrorText::from(words.join(" ").as_str()));
    }
    if words.is_empty() && std::io::stdin().is_terminal() {
        return Err(Failure::usage("no error text: neither an argument nor standard input has one")
            .code(ErrorCode::USAGE_ARGUMENTS)
            .next("trueup why \"ERROR TEXT\", or: trueup why < application.log")
            .into());
    }
    let read = tokio::task::spawn_blocking(|| why::from_reader(std::io::stdin().lock())).await?;
    Ok(read.map_err(|error| Failure::cannot_tell(format!("standard input cannot be read: {error}")))?)
}
