//! `trueup explain`: the long text of a rule of `lint`, or of a section of `gate`.

pub(super) mod args;
mod report;

use anyhow::Result;

use crate::changes::lint::{self, RULES};
use crate::error::{Exit, Failure};
use crate::project::Settings;
use crate::workflow::deliver::deliver;
use crate::workflow::gate::{GateSection, SECTIONS};
use args::ExplainArgs;
use report::ExplainReport;

/// Runs the command.
///
/// # Errors
/// Exit 2: there is no such rule.
pub(super) async fn run(settings: &Settings, args: &ExplainArgs) -> Result<Exit> {
    let (rules, sections) = match &args.code {
        None => (RULES.iter().collect(), SECTIONS.iter().collect()),
        Some(code) => match (lint::rule(code), section(code)) {
            (Some(rule), _) => (vec![rule], Vec::new()),
            (None, Some(section)) => (Vec::new(), vec![section]),
            (None, None) => {
                let next = "trueup explain lists all rules and sections";
                return Err(Failure::usage(format!("there is no rule {code}")).next(next).into());
            }
        },
    };
    deliver(
        &settings.output,
        &ExplainReport { run: settings.run.clone(), whole: args.code.is_some(), rules, sections },
    )?;
    Ok(Exit::Clean)
}

/// The section of the gate that a code is of: `gate.drift`, `gate.pending.not_applied`.
fn section(code: &str) -> Option<&'static GateSection> {
    let name = code.strip_prefix("gate.")?.split('.').next()?;
    SECTIONS.iter().find(|section| section.name.word() == name)
}
