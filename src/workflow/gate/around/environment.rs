//! `environment`: whether the variables that the application needs are set. No value is ever shown.

use super::super::facts::GateFacts;
use super::super::section::{GateSection, Judge, Judgement, finding};
use crate::project::{GateLevel, RequiredValue, SectionName, VariableState};
use crate::text::plural;

pub(in super::super) const SECTION: GateSection = GateSection {
    name: SectionName::Environment,
    level: GateLevel::Block,
    help: "The variables that the application needs are set, and match their patterns: require_env = [\"SECRET_KEY\", \
           \"REDIS_URL ~ ^rediss://\"] below [gate]. They are those of the process that runs the gate: run it where the \
           application runs, with its variables. Names and patterns are shown, values never.",
    judge: Judge::Facts(judge),
};

fn judge(facts: &GateFacts<'_>) -> Judgement {
    let values = &facts.settings.required_values;
    if values.is_empty() {
        return Judgement::off("trueup.toml has no [gate] require_env");
    }
    let findings: Vec<_> = values.iter().filter_map(trouble).collect();
    let wrong = findings.iter().map(|(_, what)| what.as_str()).collect::<Vec<_>>().join("; ");
    let findings: Vec<_> = findings.iter().map(|(found, _)| found.clone()).collect();
    if findings.is_empty() {
        return Judgement::ready(format!("{} as required", plural(values.len(), "variable")));
    }
    Judgement::of_findings(findings, wrong)
}

/// What is wrong with a variable, as a finding and in words.
fn trouble(value: &RequiredValue) -> Option<(crate::findings::Finding, String)> {
    let name = &value.required.name;
    let (code, what, next) = match value.state() {
        VariableState::Fits => return None,
        VariableState::Missing => (
            "missing",
            format!("{name} is not set"),
            format!("set {name} where the application runs, and run the gate there"),
        ),
        VariableState::NotText => ("not_text", format!("{name} is not UTF-8"), format!("set {name} again")),
        VariableState::Differs => {
            let pattern = value.required.pattern.as_deref().unwrap_or_default();
            let what = format!("{name} does not match {pattern}");
            ("pattern", what, format!("correct the value of {name}, or its pattern in [gate] require_env"))
        }
    };
    Some((finding(SectionName::Environment, code, name, &what, &next), what))
}
