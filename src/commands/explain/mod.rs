//! `trueup explain`: the long text of a rule of `lint`, of a section of `gate`, or of an examination of `doctor`.

pub(super) mod args;
mod report;

use anyhow::Result;

use crate::changes::lint::{self, RULES};
use crate::error::{Exit, Failure};
use crate::project::Settings;
use crate::workflow::deliver::deliver;
use crate::workflow::doctor::{DoctorExamination, EXAMINATIONS};
use crate::workflow::gate::{GateSection, SECTIONS};
use args::ExplainArgs;
use report::ExplainReport;

/// Runs the command.
///
/// # Errors
/// Exit 2: there is no such rule.
pub(super) async fn run(settings: &Settings, args: &ExplainArgs) -> Result<Exit> {
    let mut report = ExplainReport {
        run: settings.run.clone(),
        whole: args.code.is_some(),
        rules: Vec::new(),
        sections: Vec::new(),
        examinations: Vec::new(),
    };
    match &args.code {
        None => {
            report.rules = RULES.iter().collect();
            report.sections = SECTIONS.iter().collect();
            report.examinations = EXAMINATIONS.iter().collect();
        }
        Some(code) => {
            report.rules.extend(lint::rule(code));
            report.sections.extend(section(code));
            report.examinations.extend(examination(code));
            if report.rules.is_empty() && report.sections.is_empty() && report.examinations.is_empty() {
                let next = "trueup explain lists all rules, sections and examinations";
                return Err(Failure::usage(format!("there is no rule {code}")).next(next).into());
            }
        }
    }
    deliver(&settings.output, &report)?;
    Ok(Exit::Clean)
}

/// The examination that a code is of: `doctor.tls`, `doctor.tls.expired`.
fn examination(code: &str) -> Option<&'static DoctorExamination> {
    let name = code.strip_prefix("doctor.")?.split('.').next()?.replace('_', "-");
    EXAMINATIONS.iter().find(|examination| examination.name.replace('_', "-") == name)
}

/// The section of the gate that a code is of: `gate.drift`, `gate.pending.not_applied`.
fn section(code: &str) -> Option<&'static GateSection> {
    let name = code.strip_prefix("gate.")?.split('.').next()?;
    SECTIONS.iter().find(|section| section.name.word() == name)
}
